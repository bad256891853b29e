"""Authorization codes: what the login page leads back with, good once, for a moment, for the client that asked.

A code is stored by its digest. The write that makes it a session marks it as used, so that of two that come with one
code only the first gets tokens; the second shows that somebody else has it too, and ends what the first has got.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import NamedTuple

from crossbar import BadIdentifier, Changed, Context, Document, Insert, Kind, Replace, TokenRefused, write

from .clients import Client
from .people import Person, alive
from .sessions import Sessions, Terms

CODES = Kind("oauth_codes")
METHOD = "oauth_authorization_code"
_GONE = "the code is unknown, expired or used, or was not made for this client, redirect_uri and code_verifier"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Wish(NamedTuple):
    """What a client asked for when it led somebody to the login page."""

    redirect_uri: str
    challenge: str
    scope: str


def challenge_of(client: Client, challenge: str, method: str) -> str:
    """The challenge by which the client will prove that it asked (RFC 7636), empty if it sends none.

    TokenRefused if it is malformed, or if it is missing where there is no secret either.
    """
    if not challenge:
        if client.is_public or method:
            raise TokenRefused("code_challenge is missing: a client without a secret proves by it that the code is its")
        return ""
    if method != "S256":
        raise TokenRefused("code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise TokenRefused("code_challenge must be the SHA-256 of code_verifier in base64url, without padding")
    return challenge


async def new_code(ctx: Context, client: Client, person: Person, wish: Wish, seconds: int) -> str:
    """A code for somebody who has just logged in."""
    code = secrets.token_urlsafe(32)
    facts = {
        **wish._asdict(),
        "client_id": client.id,
        "account_id": person.account.id,
        "user_id": person.user.id,
        "identity": ctx.app.tokens.signature(*person),
        "until": ctx.now + seconds,
    }
    await write(ctx, Insert(_kept(Document.of("", CODES.name, _digest(code), {}, ctx.now, facts), ctx.now + seconds)))
    return code


async def redeemed(
    ctx: Context, sessions: Sessions, client: Client, code: str, wish: Wish, terms: Terms
) -> tuple[Document, Person]:
    """The session that a code leads to; `wish` has the verifier where the challenge was. TokenRefused if it is no good.

    A client that sends a verifier without having sent a challenge is refused: somebody has taken that away.
    """
    document = await ctx.app.store.get("", CODES.name, _digest(code))
    facts = document.secrets() if document is not None else {}
    if document is None or facts["client_id"] != client.id:
        raise _refused()
    if "session_id" in facts:
        await sessions.end_by_id(ctx, facts["session_id"])
        raise _refused()
    if facts["until"] <= ctx.now or facts["redirect_uri"] != wish.redirect_uri:
        raise _refused()
    if not _proves(wish.challenge, facts["challenge"]):
        raise _refused()
    person = await alive(ctx, client, facts["account_id"], facts["user_id"], facts["identity"])
    if person is None:
        raise _refused()
    session = await sessions.made(ctx, client, person, METHOD, terms._replace(scope=facts["scope"]))
    used = document.with_secrets({"client_id": client.id, "session_id": session.id})
    try:
        await sessions.begin(ctx, session, Replace(_kept(used, session.expires or ctx.now)))
    except (BadIdentifier, Changed):
        # NOTE: somebody was faster by a moment, and both have the code: neither is to have tokens.
        return await redeemed(ctx, sessions, client, code, wish, terms)
    return session, person


def _proves(verifier: str, challenge: str) -> bool:
    """Whether a verifier is the one whose digest the challenge is; with no challenge, there must be none."""
    if not challenge or not verifier:
        return not challenge and not verifier
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(digest, challenge)


def _refused() -> TokenRefused:
    return TokenRefused(_GONE, word="invalid_grant")


def _digest(code: str) -> str:
    return sha256(code.encode()).hexdigest()


def _kept(document: Document, until: int) -> Document:
    """The document, which expires when it has become of no use."""
    times = (document.created, document.modified, document.revision)
    place = (document.tenant, document.kind, document.id, document.body)
    return Document(*place, *times, document.private, expires=until)
