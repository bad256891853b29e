"""Sessions: what a login by an application leads to, with one access token and one refresh token at a time.

A session keeps a seed and counts how often it was renewed; from these, the installation's key and the time of the last
renewal follow both tokens, which are stored nowhere. Renewing raises the count by a write that is checked against the
revision, together with the end of the old access token, so that of any number of workers exactly one does it. The
refresh token before the present one gives the present tokens for a while: its answer may have been lost, or several
have asked at once. After that, and of any older one, it shows that somebody else has it too, and the session ends.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, NamedTuple

from crossbar import (
    BadIdentifier,
    Body,
    Change,
    Changed,
    Conflict,
    Context,
    Delete,
    Document,
    Forbidden,
    Insert,
    InvalidData,
    Kind,
    Query,
    Replace,
    TokenRefused,
    new_id,
    where,
    write,
)

from .clients import Client
from .options import OAuthOptions
from .people import Person, alive

SESSIONS = Kind("oauth_sessions", indexes=("holder",))
REFRESH = "refresh_token"
_PURPOSE = "oauth sessions"
_TRIES = 10
_TOKEN = re.compile(r"([0-9a-f]{32})\.([0-9]{1,9})\.([A-Za-z0-9_-]{43})")
_GONE = "the refresh token is unknown, expired or revoked, or the session has ended: log in again"


class Terms(NamedTuple):
    """What a client asks for: how long its tokens are to live, for what they are, and what the device calls itself."""

    access: int
    refresh: int
    scope: str
    endpoint_id: str = ""


class Sessions:
    """The sessions of an installation."""

    def __init__(self, options: OAuthOptions) -> None:
        self._options = options

    # How one begins.

    async def made(self, ctx: Context, client: Client, person: Person, method: str, terms: Terms) -> Document:
        """A new session, not yet stored; TokenRefused if the restrictions of the account let nobody log in."""
        account, user = person
        id = new_id()
        body = {"holder": f"{client.id} {account.id} {user.id}", "client_id": client.id}
        facts = {
            "account_id": account.id,
            "user_id": user.id,
            "endpoint_id": terms.endpoint_id or id,
            "method": method,
            "granted": terms.scope,
            "identity": ctx.app.tokens.signature(account, user),
            "refreshes": client.may(REFRESH),
            "seed": secrets.token_hex(32),
            "count": 0,
        }
        facts |= await self._renewed(ctx, person, method, terms)
        return _until(Document.of("", SESSIONS.name, id, body, ctx.now, facts), _end_of(facts))

    async def begin(self, ctx: Context, session: Document, *also: Change) -> None:
        """Store a new session together with other changes, and end those of the same user that are too many."""
        await write(ctx, *also, Insert(session))
        # NOTE: after it was stored, so that of any number of logins at once none looks too early.
        same = Query("", SESSIONS.name, (where("holder", session.data()["holder"]),), limit=1000, full=True)
        for old in (await ctx.app.store.find(same))[self._options.sessions :]:
            await self.end(ctx, old)

    # How it goes on.

    async def renew(self, ctx: Context, client: Client, token: str, terms: Terms | None) -> tuple[Document, Person]:
        """The session of a refresh token, with new tokens if it is the present one; TokenRefused if it is no good."""
        for _ in range(_TRIES):
            session, count = await self.found(ctx, token)
            if session is None or session.data()["client_id"] != client.id:
                raise TokenRefused(_GONE, word="invalid_grant")
            facts = session.secrets()
            person = await self._person(ctx, client, session)
            in_grace = count == facts["count"] - 1 and ctx.now < facts["issued"] + self._options.grace
            if person is not None and in_grace:
                return session, person
            if person is None and await self._is_stale(ctx, session):
                continue
            if person is None or count != facts["count"]:
                await self.end(ctx, session)
                raise TokenRefused(_GONE, word="invalid_grant")
            facts |= await self._renewed(ctx, person, facts["method"], terms or _terms(facts))
            facts["count"] += 1
            following = _until(session.with_secrets(facts), _end_of(facts))
            try:
                written = await write(ctx, Replace(following), *self._ending(ctx, session))
            except (BadIdentifier, Changed, InvalidData):
                continue  # somebody else was faster; what they have done shows when it is read again
            return written[0] or following, person
        raise Conflict("the session is renewed too often at the same time: try again")

    async def found(self, ctx: Context, token: str) -> tuple[Document | None, int]:
        """The session that a refresh token of any age was made for, and its place among them; None if we made none."""
        parts = _TOKEN.fullmatch(token)
        session = await ctx.app.store.get("", SESSIONS.name, parts[1]) if parts is not None else None
        if parts is None or session is None or _end_of(session.secrets()) <= ctx.now:
            return None, 0
        count = int(parts[2])
        return (session, count) if hmac.compare_digest(_refresh_token(ctx, session, count), token) else (None, 0)

    def answer(self, ctx: Context, session: Document, person: Person) -> Body:
        """The tokens of a session, as a client gets them."""
        facts = session.secrets()
        ends = facts["issued"] + facts["access"]
        token = ctx.app.tokens.mint(
            *person,
            facts["method"],
            facts["restrictions"],
            iat=facts["issued"],
            exp=ends,
            jti=_jti(ctx, session),
            client_id=session.data()["client_id"],
            session_id=session.id,
            scope=facts["scope"] or None,
        )
        answer: Body = {"access_token": token, "token_type": "bearer", "expires_in": ends - ctx.now}
        if facts["refreshes"]:
            answer["refresh_token"] = _refresh_token(ctx, session, facts["count"])
            answer["refresh_token_expires_in"] = facts["issued"] + facts["refresh"] - ctx.now
        ids = {"owner_id": facts["user_id"], "endpoint_id": facts["endpoint_id"], "session_id": session.id}
        return answer | {"scope": facts["scope"]} | ids

    def granted(self, session: Document) -> str:
        """All the scopes that were granted when it began."""
        return str(session.secrets()["granted"])

    # How it ends.

    async def end(self, ctx: Context, session: Document) -> None:
        """End a session and its access token, at once and in every worker process."""
        for _ in range(_TRIES):
            revoked = await ctx.app.tokens.is_revoked(_jti(ctx, session))
            gone = Delete("", SESSIONS.name, session.id, session.revision, purge=True)
            try:
                await write(ctx, gone, *(() if revoked else self._ending(ctx, session)))
                return
            except BadIdentifier:
                return
            except (Changed, InvalidData):
                # NOTE: if it was renewed meanwhile, there is another access token to be ended.
                present = await ctx.app.store.get("", SESSIONS.name, session.id)
                if present is None:
                    return
                session = present
        raise Conflict("the session is renewed too often at the same time: try again")

    async def end_by_id(self, ctx: Context, id: str) -> None:
        """End a session if it is still there."""
        session = await ctx.app.store.get("", SESSIONS.name, id)
        if session is not None:
            await self.end(ctx, session)

    async def end_by_access(self, ctx: Context, client: Client, claims: Body) -> None:
        """End the session whose present access token says this, if the token is the client's."""
        session = await ctx.app.store.get("", SESSIONS.name, claims["session_id"])
        if session is not None and session.data()["client_id"] == client.id and _jti(ctx, session) == claims["jti"]:
            await self.end(ctx, session)

    def _ending(self, ctx: Context, session: Document) -> Sequence[Change]:
        """The changes that end the present access token, if time has not; they clash if somebody has ended it."""
        facts = session.secrets()
        return (ctx.app.tokens.revocation(_jti(ctx, session), facts["issued"] + facts["access"]),)

    async def _person(self, ctx: Context, client: Client, session: Document) -> Person | None:
        """Whose it is; None if something has happened that ends it."""
        facts = session.secrets()
        # NOTE: who logs out by ending the access token itself, as clients of other dialects do, ends the session.
        if await ctx.app.tokens.is_revoked(_jti(ctx, session)):
            return None
        return await alive(ctx, client, facts["account_id"], facts["user_id"], facts["identity"])

    async def _is_stale(self, ctx: Context, session: Document) -> bool:
        """Whether it was written since it was read, so that its access token has ended because it was renewed."""
        present = await ctx.app.store.get("", SESSIONS.name, session.id)
        return present is None or present.revision != session.revision

    async def _renewed(self, ctx: Context, person: Person, method: str, terms: Terms) -> dict[str, Any]:
        """What a session keeps anew with each pair of tokens."""
        try:
            restrictions = await ctx.app.tokens.rules(*person, method)
        except Forbidden as refused:
            raise TokenRefused(refused.message, word="invalid_grant") from None
        life = {"issued": ctx.now, "access": terms.access, "refresh": terms.refresh}
        return life | {"scope": terms.scope, "restrictions": restrictions}


def _terms(facts: Body) -> Terms:
    """What was asked for the last time."""
    return Terms(facts["access"], facts["refresh"], facts["granted"])


def _end_of(facts: Body) -> int:
    """When the last of its tokens expires."""
    return int(facts["issued"] + (facts["refresh"] if facts["refreshes"] else facts["access"]))


def _until(document: Document, expires: int) -> Document:
    """The document with another expiry."""
    times = (document.created, document.modified, document.revision)
    return Document(
        document.tenant, document.kind, document.id, document.body, *times, document.private, expires=expires
    )


def _mac(ctx: Context, session: Document, purpose: str, count: int) -> bytes:
    """What only this installation can make of a session and a count."""
    told = f"{purpose} {session.id} {session.secrets()['seed']} {count}"
    return hmac.digest(ctx.app.tokens.key_for(_PURPOSE), told.encode(), "sha256")


def _jti(ctx: Context, session: Document) -> str:
    """The id of the present access token."""
    return _mac(ctx, session, "access", session.secrets()["count"])[:16].hex()


def _refresh_token(ctx: Context, session: Document, count: int) -> str:
    """The refresh token that stands at this place among those of a session."""
    mac = urlsafe_b64encode(_mac(ctx, session, REFRESH, count)).rstrip(b"=").decode()
    return f"{session.id}.{count}.{mac}"
