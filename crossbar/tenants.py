"""The tree of tenants: accounts, their ancestors, and who may enter which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import BadIdentifier, Forbidden, Unauthorized
from .roles import ADMIN
from .stores import Document, Kind, Store

if TYPE_CHECKING:
    from .auth import Principal

ACCOUNTS = Kind(
    "accounts",
    summary=("name", "realm", "enabled", "prefix"),
    unique=("name", "realm", "prefix"),
    private_indexes=("parent", "login_name"),
)
_REMEMBERED = 10_000


class Tenants:
    """The tree of accounts, remembered for as long as none is written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version: int | None = None
        self._known: dict[str, tuple[Document, tuple[str, ...]]] = {}

    async def account(self, id: str) -> Document | None:
        """The account, None if there is none."""
        known = await self._look_up(id)
        return known[0] if known is not None else None

    async def ancestors(self, id: str) -> tuple[str, ...]:
        """The ids of an account's ancestors, the root first; empty for the root and for an unknown account."""
        known = await self._look_up(id)
        return known[1] if known is not None else ()

    async def enter(self, principal: Principal, id: str, *, latest: bool = False) -> Document:
        """The account, if the caller may see it: their own, or one below it if they are an administrator.

        With `latest` the account is as the store has it now, also where versions are late. Raises BadIdentifier
        otherwise, the same for an account of somebody else and for one that does not exist.
        """
        if not principal.account_id:
            if principal.method == "anonymous":
                raise Unauthorized
            raise Forbidden("you belong to no account, so no account is yours to enter")
        if latest and self._store.lag:
            self._known.pop(id, None)
        known = await self._look_up(id)
        if known is None or (
            id != principal.account_id and (principal.role != ADMIN or principal.account_id not in known[1])
        ):
            raise BadIdentifier(cause=id)
        return known[0]

    async def _look_up(self, id: str) -> tuple[Document, tuple[str, ...]] | None:
        """An account and its ancestors, None if there is no such account."""
        version = self._store.version(ACCOUNTS.name)
        if version is None or version != self._version or len(self._known) > _REMEMBERED:
            self._version = version
            self._known.clear()
        known = self._known.get(id)
        if known is None:
            account = await self._store.get("", ACCOUNTS.name, id)
            if account is None:
                return None
            known = (account, tuple(account.secrets().get("tree", ())))
            # NOTE: what was asked for before somebody else saw a newer version may be old; it is not kept.
            if version == self._version:
                self._known[id] = known
        return known
