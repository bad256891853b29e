"""OAuth 2.0: tokens for applications (RFC 6749), with PKCE (7636), JWT credentials (7523) and revocation (7009).

A walk through it: `clients` says which application asks, `people` who logs in; `codes` and `credentials` are what may
stand for a login, `sessions` what one leads to. `authorization` is what browsers meet, with the `page` on which they
log in. The dialects bring parameters as a flat object, however they came, and put no envelope around tokens.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import ClassVar

from crossbar import (
    ANONYMOUS,
    Answer,
    Body,
    Context,
    Document,
    Endpoint,
    Forbidden,
    Kind,
    Page,
    Principal,
    Reply,
    TokenRefused,
    Unauthorized,
    action,
    created,
)

from .authorization import CODE, authorize
from .clients import Client, authenticated
from .codes import CODES, Wish, redeemed
from .credentials import (
    CREDENTIALS,
    GRANT,
    asserted,
    credentials_of,
    give_back,
    new_credential,
    revoke_credential,
    said,
)
from .options import OAuthOptions
from .page import NO_STORE
from .parameters import life, needed, scope_of, text
from .people import Person, logged_in
from .sessions import REFRESH, SESSIONS, Sessions, Terms

_OPEN = frozenset({"token", "revoke", "authorize"})
_LOGIN = 4  # of the 20 that the group `auth` gets in a minute
_WRONG = "the user name or the password is wrong"

Grant = Callable[[Context, Client, Body], Awaitable[Body]]


class OAuth(Endpoint):
    """Tokens for applications, and what users have to do with them."""

    name = "oauth"
    anywhere = True
    accepts = ("application/x-www-form-urlencoded",)
    own_basic = True  # it is how clients say who they are
    limit_group = "auth"
    costs: ClassVar = {"token": _LOGIN, "log_in": _LOGIN}
    options: OAuthOptions = OAuthOptions()

    def kinds(self) -> tuple[Kind, ...]:
        """Sessions, codes and credentials."""
        return (SESSIONS, CODES, CREDENTIALS)

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Whoever wants a token, or gives one back, says who they are in their own way."""
        args = ctx.target.nouns[-1].args
        # NOTE: with whatever method, so that a wrong one is a 405, as it would be for somebody with a token.
        return ANONYMOUS if len(args) == 1 and args[0] in _OPEN else None

    async def authorize(self, ctx: Context) -> None:
        """Tokens are had outside of accounts, and nowhere else."""
        if ctx.tenant is not None:
            raise Forbidden("oauth belongs to no account: ask for it without an account in the path")

    # For clients.

    @action("POST token")
    async def token(self, ctx: Context) -> Reply:
        """An access token, and in most cases a refresh token, for a client that has a grant."""
        grant = needed(ctx.body, "grant_type")
        client = await authenticated(ctx, ctx.body)
        if grant not in self._grants:
            known = ", ".join(self._grants)
            raise TokenRefused(f"there are the grants {known}", word="unsupported_grant_type")
        if not client.may(grant):
            raise TokenRefused("the application may not get tokens in this way", word="unauthorized_client")
        return Reply(await self._grants[grant](self, ctx, client, ctx.body), 200, NO_STORE)

    @action("POST revoke")
    async def revoke(self, ctx: Context) -> Reply:
        """End the session of a token; a token that is unknown, or has ended, is as good as ended (RFC 7009, 2.2)."""
        token = needed(ctx.body, "token")
        client = await authenticated(ctx, ctx.body, holding_a_token=True)
        session, _ = await self._sessions.found(ctx, token)
        if session is not None:
            if session.data()["client_id"] == client.id:
                await self._sessions.end(ctx, session)
            return Reply(None, 200, NO_STORE)
        credential = said(ctx, token)
        if credential is not None:
            if credential["client_id"] == client.id:
                await give_back(ctx, credential)
            return Reply(None, 200, NO_STORE)
        await self._revoke_access(ctx, client, token)
        return Reply(None, 200, NO_STORE)

    # For browsers.

    @action("GET authorize", provides=("*/*",))
    async def page(self, ctx: Context) -> Reply:
        """The page on which somebody logs in by an application."""
        if len({name for name, _ in ctx.words}) != len(ctx.words):
            raise TokenRefused("a parameter stands there more than once")  # RFC 6749, 3.1
        return await authorize(ctx, {**ctx.query, **ctx.body}, self.options, logs_in=False)

    @action("POST authorize", provides=("*/*",))
    async def log_in(self, ctx: Context) -> Reply:
        """What the page's form leads to: back to the application with a code, or to the page once more."""
        # NOTE: `Origin` is no help: a page that sends no referrer, as this one, says `null` there.
        if ctx.header(b"sec-fetch-site") == "cross-site":
            raise Forbidden("the form belongs to the page that is shown here, and to no other site's")
        return await authorize(ctx, ctx.body, self.options, logs_in=True)

    # For users.

    @action("POST assertion")
    async def credential(self, ctx: Context) -> Reply:
        """A JWT credential for the caller and an application, which nobody is shown again."""
        return created(await new_credential(ctx, self.options))

    @action("GET assertion")
    async def credentials(self, ctx: Context) -> Answer:
        """The caller's credentials, without what is secret of them."""
        return Page.of(await credentials_of(ctx))

    @action("DELETE assertion/{id}")
    async def revoke_credential(self, ctx: Context, id: str) -> None:
        """End a credential of the caller's."""
        await revoke_credential(ctx, id)

    # Grants.

    async def _by_password(self, ctx: Context, client: Client, body: Body) -> Body:
        username, extension = text(body, "username"), text(body, "extension")
        if not username and not extension:
            raise TokenRefused("username is missing")
        password, terms = needed(body, "password"), self._terms(body, scope_of(body, client.scopes))
        try:
            person = await logged_in(ctx, client, username, password, extension)
        except Unauthorized:
            raise TokenRefused(_WRONG, word="invalid_grant") from None
        return await self._begun(ctx, client, person, "oauth_password", terms)

    async def _by_assertion(self, ctx: Context, client: Client, body: Body) -> Body:
        terms = self._terms(body, scope_of(body, client.scopes))
        person = await asserted(ctx, client, needed(body, "assertion"))
        return await self._begun(ctx, client, person, "oauth_jwt_bearer", terms)

    async def _by_code(self, ctx: Context, client: Client, body: Body) -> Body:
        wish = Wish(needed(body, "redirect_uri"), text(body, "code_verifier"), "")
        code, terms = needed(body, "code"), self._terms(body, "")
        return self._sessions.answer(ctx, *await redeemed(ctx, self._sessions, client, code, wish, terms))

    async def _by_refresh_token(self, ctx: Context, client: Client, body: Body) -> Body:
        token = needed(body, REFRESH)
        session, _ = await self._sessions.found(ctx, token)
        is_own = session is not None and session.data()["client_id"] == client.id
        terms = self._terms_again(body, session) if is_own and session is not None else None
        return self._sessions.answer(ctx, *await self._sessions.renew(ctx, client, token, terms))

    async def _by_itself(self, ctx: Context, client: Client, body: Body) -> Body:
        terms = self._terms(body, scope_of(body, client.scopes))
        try:
            rules = await ctx.app.tokens.rules(client.account, None, "oauth_client_credentials")
        except Forbidden as refused:
            raise TokenRefused(refused.message, word="invalid_grant") from None
        id = secrets.token_hex(16)
        own = {"iat": ctx.now, "exp": ctx.now + terms.access, "jti": id, "client_id": client.id}
        own["scope"] = terms.scope or None
        token = ctx.app.tokens.mint(client.account, None, "oauth_client_credentials", rules, **own)
        answer = {"access_token": token, "token_type": "bearer", "expires_in": terms.access, "scope": terms.scope}
        return answer | {"owner_id": client.account.id, "endpoint_id": terms.endpoint_id or id, "session_id": id}

    _grants: ClassVar[dict[str, Callable[..., Awaitable[Body]]]] = {
        CODE: _by_code,
        "client_credentials": _by_itself,
        "password": _by_password,
        REFRESH: _by_refresh_token,
        GRANT: _by_assertion,
    }

    # What they need.

    @property
    def _sessions(self) -> Sessions:
        return Sessions(self.options)

    def _terms(self, body: Body, scope: str) -> Terms:
        """What the client asks for, within the bounds of the options."""
        options = self.options
        access = life(body, "access_token_ttl", options.access_ttl, options.access_least, options.access_most)
        refresh = life(body, "refresh_token_ttl", options.refresh_ttl, options.access_least, options.refresh_most)
        return Terms(access, refresh, scope, text(body, "endpoint_id")[:64])

    def _terms_again(self, body: Body, session: Document) -> Terms:
        """The same for a session that goes on: as before, but for what the client asks for now."""
        facts = session.secrets()
        usual = {"access_token_ttl": facts["access"], "refresh_token_ttl": facts["refresh"]}
        asked = {name: value for name in usual if (value := body.get(name)) not in (None, "")}
        granted = self._sessions.granted(session).split()
        return self._terms({**body, **usual, **asked}, scope_of(body, granted))

    async def _begun(self, ctx: Context, client: Client, person: Person, method: str, terms: Terms) -> Body:
        session = await self._sessions.made(ctx, client, person, method, terms)
        await self._sessions.begin(ctx, session)
        return self._sessions.answer(ctx, session, person)

    async def _revoke_access(self, ctx: Context, client: Client, token: str) -> None:
        """End what an access token belongs to: its session, or itself if it has none."""
        try:
            claims = ctx.app.tokens.read(token)
        except Unauthorized:
            return
        if claims.get("client_id") != client.id:
            return
        if "session_id" in claims:
            await self._sessions.end_by_access(ctx, client, claims)
        elif not await ctx.app.tokens.is_revoked(claims["jti"]) and claims["exp"] > ctx.now:
            await ctx.app.store.write([ctx.app.tokens.revocation(claims["jti"], claims["exp"])])
