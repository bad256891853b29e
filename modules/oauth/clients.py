"""Which application asks, and whether it proves that it is the one (RFC 6749, 2.3)."""

from __future__ import annotations

import hmac
from base64 import b64decode
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import unquote_plus

from crossbar import Body, ClientRefused, Context, Document, TokenRefused, Unauthorized, enabled

from .parameters import text

APPLICATIONS = "applications"
_NOBODY = sha256(b"nobody's secret").hexdigest()


class Client(NamedTuple):
    """An application that is there and enabled, as its account is; its id is the client id."""

    application: Document
    account: Document

    @property
    def id(self) -> str:
        """The client id."""
        return self.application.id

    @property
    def is_public(self) -> bool:
        """Whether it has no secret."""
        return bool(self.application.data().get("public", False))

    @property
    def scopes(self) -> list[str]:
        """The scopes that it may ask for."""
        return list(self.application.data().get("scopes", []))

    def may(self, grant: str) -> bool:
        """Whether it may get tokens in this way."""
        return grant in self.application.data().get("grants", [])

    async def reaches(self, ctx: Context, account_id: str) -> bool:
        """Whether users of an account may log in by it: one that is shared, or of the same account or one above."""
        if account_id == self.account.id or self.application.data().get("shared", False):
            return True
        return self.account.id in await ctx.app.tenants.ancestors(account_id)


class Presented(NamedTuple):
    """What a request says of its client: `basic` if it does so by the header field."""

    id: str
    secret: str
    basic: bool


async def known(ctx: Context, id: str) -> Client | None:
    """The application with this client id; None if there is none, or it or its account is disabled."""
    if not id or APPLICATIONS not in ctx.registry.names:
        return None
    found_by = await ctx.app.store.get("", "clients", id)
    if found_by is None or not enabled(found_by):
        return None
    account = await ctx.app.tenants.account(found_by.data()["account_id"])
    if account is None or not enabled(account):
        return None
    application = await ctx.app.store.get(account.id, APPLICATIONS, id)
    return Client(application, account) if application is not None and enabled(application) else None


async def authenticated(ctx: Context, body: Body, *, holding_a_token: bool = False) -> Client:
    """The client of a request; ClientRefused if there is none, or it does not prove who it is.

    Who holds a token of the client's needs no secret to give it back, but a wrong one is still wrong.
    """
    presented = _presented(ctx, body)
    client = await known(ctx, presented.id)
    if client is not None and not presented.secret and (client.is_public or holding_a_token):
        return client
    # NOTE: a secret is 256 random bits, so that failures count against the address only: counted against the client,
    # they would let anybody lock it out.
    try:
        async with ctx.app.logins.attempt(ctx):
            if not _is_its(client, presented.secret) or client is None:
                raise Unauthorized
    except Unauthorized:
        raise ClientRefused(basic=presented.basic) from None
    return client


def _is_its(client: Client | None, secret: str) -> bool:
    """Whether the secret is the client's; takes the same time if there is no client, or it has none."""
    kept = client.application.secrets().get("secret", "") if client is not None else ""
    return hmac.compare_digest(sha256(secret.encode()).hexdigest(), kept or _NOBODY)


def _presented(ctx: Context, body: Body) -> Presented:
    """The client id and secret of a request; TokenRefused if it has several that differ."""
    id, secret = text(body, "client_id"), text(body, "client_secret")
    scheme, _, field = (ctx.header(b"authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return Presented(id, secret, False)
    try:
        told, _, password = b64decode(field.strip(), validate=True).decode().partition(":")
        own = Presented(unquote_plus(told, errors="strict"), unquote_plus(password, errors="strict"), True)
    except ValueError:
        raise ClientRefused(basic=True) from None
    if secret:
        raise TokenRefused("the client's secret stands both in Authorization and in the body: send it once")
    if id and id != own.id:
        raise TokenRefused("client_id is not the client that Authorization names")
    return own
