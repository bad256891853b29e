"""Aliases in paths of the realm style: `@me`, `@number` and `@prefix*number` (reference, B.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadIdentifier, Forbidden
from ...filters import where
from ...roles import ADMIN
from ...stores import Query
from ...target import Noun

if TYPE_CHECKING:
    from ...auth import Principal
    from ...context import Context

ME = "@me"
ACCOUNTS, GROUPS, EXTENSIONS, USERS = "accounts", "groups", "extensions", "users"
REALMS = {ACCOUNTS: "client", GROUPS: "extension_group", EXTENSIONS: "extension"}
"""The nouns that are realms, and what the realms are called."""


def realm_of(principal: Principal) -> str:
    """The noun of the realm that a caller is of: administrators are of their client, users of their extension."""
    return ACCOUNTS if principal.role == ADMIN else EXTENSIONS


def own(ctx: Context, noun: Noun) -> Noun:
    """A noun whose first argument is `@me`, with the caller's own id; Forbidden in a realm that is not the caller's."""
    principal = ctx.principal
    if noun.name not in REALMS:
        return noun
    if principal is None or not principal.account_id or realm_of(principal) != noun.name:
        told = f"@me stands for yourself in your own realm, and {REALMS[noun.name]} is not yours: name an id"
        raise Forbidden(told, word="access_denied")
    id = principal.account_id if noun.name == ACCOUNTS else principal.user_id or ""
    return Noun(noun.name, (id, *noun.args[1:]))


def is_named(noun: Noun) -> bool:
    """Whether a noun is an extension that goes by its number."""
    return noun.name == EXTENSIONS and noun.args[:1] > ("@",) and noun.args[0][:1] == "@" and noun.args[0] != ME


async def by_number(ctx: Context, nouns: tuple[Noun, ...]) -> tuple[Noun, ...]:
    """The nouns with extensions that go by their number under their id; BadIdentifier for one that there is not.

    `@prefix*number` leads into the account with that prefix, if the caller may enter it; the path may name it as well,
    and no other.
    """
    assert ctx.principal is not None, "aliases are looked up for somebody"
    found = list(nouns)
    at = next(position for position, noun in enumerate(nouns) if is_named(noun))
    token = nouns[at].args[0]
    prefix, star, number = token[1:].rpartition("*")
    named = next((noun for noun in nouns[:at] if noun.name == ACCOUNTS and noun.args), None)
    account = named.args[0] if named is not None else ctx.principal.account_id
    try:
        if star:
            asked = await ctx.app.store.find(Query("", ACCOUNTS, (where("prefix", prefix),), limit=1))
            if not asked or (ctx.target.nouns[0].name == ACCOUNTS and asked[0].id != account):
                raise BadIdentifier
            account = asked[0].id
        await ctx.app.tenants.enter(ctx.principal, account, ctx.version)
        users = await ctx.app.store.find(Query(account, USERS, (where("number", number),), limit=1))
    except BadIdentifier:
        users = []
    if not users:
        raise BadIdentifier(cause=token)
    found[at] = Noun(EXTENSIONS, (users[0].id, *nouns[at].args[1:]))
    if named is not None:
        found[nouns.index(named)] = Noun(ACCOUNTS, (account, *named.args[1:]))
    return tuple(found)
