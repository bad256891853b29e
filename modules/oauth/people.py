"""Who logs in: from what somebody types to an account and one of its users.

A user is named `name`, `name@ACCOUNT`, or by an extension: `ACCOUNT` and `101` in two fields, or `ACCOUNT*101` in one.
ACCOUNT is the account's prefix, realm, id or name; without one, or with one that the application does not reach, it is
the application's own. Whoever is meant, exactly one password is hashed.
"""

from __future__ import annotations

from typing import NamedTuple

from crossbar import (
    Context,
    Document,
    Filter,
    Query,
    Unauthorized,
    enabled,
    find_user,
    login_name,
    where,
    wire_credentials,
)

from .clients import Client

LONGEST_PASSWORD = 1024
"""The bytes of a password; a longer one is nobody's."""


class Person(NamedTuple):
    """A user who has proved who they are, and their account."""

    account: Document
    user: Document


class _Meant(NamedTuple):
    """Who was meant: an account if there is one, the user's name in it, and what failures are counted by."""

    account: Document | None
    username: str
    called: str


async def logged_in(
    ctx: Context, client: Client, username: str, password: str, extension: str = "", account: str = ""
) -> Person:
    """The user whose password this is; Unauthorized if it is nobody's, TooManyRequests after too many of these."""
    meant = await _meant(ctx, client, username, extension, account)
    async with ctx.app.logins.attempt(ctx, meant.called):
        if len(password.encode()) > LONGEST_PASSWORD:
            raise Unauthorized
        credentials, _ = wire_credentials(meant.username, password)
        user = await find_user(ctx.app.store, ctx.app.hasher, meant.account, "md5", credentials)
        if meant.account is None or user is None or not enabled(meant.account) or not enabled(user):
            raise Unauthorized
    return Person(meant.account, user)


async def alive(ctx: Context, client: Client, account_id: str, user_id: str, signature: str) -> Person | None:
    """A user who proved who they are at another time, if nothing has happened since that ends what follows from it.

    `signature` is what tied them to their secret then.
    """
    account = await ctx.app.tenants.account(account_id)
    user = await ctx.app.store.get(account_id, "users", user_id)
    if account is None or user is None or not enabled(account) or not enabled(user):
        return None
    # NOTE: it is no secret; it says of which password somebody had proof.
    if ctx.app.tokens.signature(account, user) != signature or not await client.reaches(ctx, account_id):
        return None
    return Person(account, user)


async def _meant(ctx: Context, client: Client, username: str, extension: str, account: str) -> _Meant:
    """Who was meant by what somebody has typed."""
    own = client.account
    if account:
        own_or_none = await _reached(ctx, client, account)
        if own_or_none is None:
            return _Meant(None, username, f"name {login_name(account)}")
        own = own_or_none
    if not extension and "*" in username:
        username, _, extension = username.partition("*")
    if extension:
        place = (await _reached(ctx, client, username) if username and not account else None) or own
        user = await _user(ctx, place, "number", extension.strip())
        # NOTE: a name that nobody can have, so that a number that there is not takes its hash as well.
        return _Meant(place, user.data().get("username", "\0") if user is not None else "\0", place.id)
    name = username.strip().lower()
    # NOTE: names may well have an @ of their own, such as those that are mail addresses.
    if await _user(ctx, own, "username", name) is not None or "@" not in name:
        return _Meant(own, name, own.id)
    before, _, after = name.rpartition("@")
    place_or_none = await _reached(ctx, client, after) if not account else None
    if place_or_none is None:
        return _Meant(own, name, own.id)
    whole = await _user(ctx, place_or_none, "username", name) is not None
    return _Meant(place_or_none, name if whole else before, place_or_none.id)


async def _reached(ctx: Context, client: Client, name: str) -> Document | None:
    """The account that is called so, if users of it may log in by this application."""
    name = name.strip()
    accounts = [await _account(ctx, where("prefix", name)), await _account(ctx, where("realm", name.lower()))]
    accounts.append(await ctx.app.tenants.account(name))
    # NOTE: the name comes last, since anybody may name their account as another one is called otherwise; and what is
    # out of reach is passed over, since it must not hide what is not.
    accounts.append(await _account(ctx, where("login_name", login_name(name), private=True)))
    for account in accounts:
        if account is not None and await client.reaches(ctx, account.id):
            return account
    return None


async def _account(ctx: Context, way: Filter) -> Document | None:
    found = await ctx.app.store.find(Query("", "accounts", (way,), limit=1, full=True))
    return next(iter(found), None)


async def _user(ctx: Context, account: Document, field: str, value: str) -> Document | None:
    """The user of an account by a field that is unique in it."""
    found = await ctx.app.store.find(Query(account.id, "users", (where(field, value),), limit=1, full=True))
    return next(iter(found), None)
