"""Aliases in paths of the realm style: `@me`, `@number` and `@prefix*number` (reference, B.1).

An alias that leads nowhere stays as it is, and is then no document's id: whoever may not know what there is gets the
same answer, at the same stage of the walk, as for an id that there is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Forbidden, Refusal
from ...filters import where
from ...roles import ADMIN
from ...stores import Document, Query
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
    if noun.name not in REALMS or ctx.method == "OPTIONS":
        return noun
    if principal is None or not principal.account_id or realm_of(principal) != noun.name:
        told = f"@me stands for yourself in your own realm, and {REALMS[noun.name]} is not yours: name an id"
        raise Forbidden(told, word="access_denied")
    id = principal.account_id if noun.name == ACCOUNTS else principal.user_id or ""
    return Noun(noun.name, (id, *noun.args[1:]))


def is_named(noun: Noun) -> bool:
    """Whether a noun is an extension that goes by its number."""
    return noun.name == EXTENSIONS and bool(noun.args) and noun.args[0][:1] == "@" and noun.args[0] != ME


async def by_number(ctx: Context, nouns: tuple[Noun, ...]) -> tuple[Noun, ...]:
    """The nouns with an extension that goes by its number under its id; unchanged if the caller may know of none.

    `@prefix*number` leads into the account with that prefix, if the caller may enter it. A path that names an account
    itself stays in that one.
    """
    ctx.registry.place(nouns, ctx.dialect, ctx.target, ctx.raw_path)  # NOTE: a path to nowhere says nothing of numbers
    at = next(position for position, noun in enumerate(nouns) if is_named(noun))
    home = max((position for position, noun in enumerate(nouns[:at]) if noun.name == ACCOUNTS), default=None)
    if home is None or not nouns[home].args:
        return nouns
    is_told = any(noun.name == ACCOUNTS for noun in ctx.target.nouns)
    user = await _user(ctx, nouns[home].args[0], nouns[at].args[0][1:], anywhere=not is_told)
    if user is None:
        return nouns
    found = list(nouns)
    found[at] = Noun(EXTENSIONS, (user.id, *nouns[at].args[1:]))
    found[home] = Noun(ACCOUNTS, (user.tenant, *nouns[home].args[1:]))
    return tuple(found)


async def _user(ctx: Context, account: str, name: str, *, anywhere: bool) -> Document | None:
    """The user whom a number or a full number names, in the account or, if the path leaves that open, elsewhere."""
    prefix, star, number = name.partition("*")
    if star and prefix:
        asked = await ctx.app.store.find(Query("", ACCOUNTS, (where("prefix", prefix),), limit=1))
        if asked and (anywhere or asked[0].id == account):
            user = await _numbered(ctx, asked[0].id, number)
            if user is not None:
                return user
    # NOTE: numbers may have stars of their own.
    return await _numbered(ctx, account, name)


async def _numbered(ctx: Context, account: str, number: str) -> Document | None:
    """The user of an account with this number; None if there is none whom the caller may see."""
    principal = ctx.principal
    if principal is None:
        return None
    try:
        await ctx.app.tenants.enter(principal, account)
    except Refusal:
        return None
    if principal.role != ADMIN:
        user = await ctx.app.store.get(account, USERS, principal.user_id or "")
        return user if user is not None and user.data().get("number") == number else None
    return next(iter(await ctx.app.store.find(Query(account, USERS, (where("number", number),), limit=1))), None)
