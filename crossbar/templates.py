"""Templates of token restrictions: where they are kept, and what they say for a login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import Forbidden, Unauthorized
from .restrictions import Restrictions, chosen
from .stores import Kind, Store

TEMPLATES = Kind("token_restrictions")
"""One document, called like its kind, in an account; and one that belongs to none, for accounts without."""


async def rules_for(store: Store, account_id: str, method: str, role: str) -> list[Any]:
    """The restrictions for a login into an account, in a list that is empty if there are none.

    Forbidden if the template is malformed: what it was to forbid, nobody knows.
    """
    name = TEMPLATES.name
    template = await store.get(account_id, name, name) or await store.get("", name, name)
    if template is None:
        return []
    try:
        return chosen(template.data().get("restrictions"), method, role)
    except ValueError as error:
        raise Forbidden(
            "the token restrictions of the account are malformed, so nobody can log in: an administrator of an "
            "account above it must store them again",
            cause=str(error),
        ) from None


def compiled(claims: Mapping[str, Any]) -> Restrictions | None:
    """The restrictions that a token says, None if it says none; Unauthorized if nobody can read them."""
    if "restrictions" not in claims:
        return None
    try:
        return Restrictions(*claims["restrictions"])
    except (TypeError, ValueError):
        raise Unauthorized from None
