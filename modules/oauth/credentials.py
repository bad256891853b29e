"""JWT credentials: what a program keeps for a user in the place of a password, for one application (RFC 7523).

Each has a document in the user's account, and is good for as long as that is there; a new password ends all of them.
They are signed with a key of their own, so that none of them passes for an access token, nor the other way.
"""

from __future__ import annotations

from crossbar import (
    BadIdentifier,
    Body,
    Conflict,
    Context,
    Delete,
    Document,
    Forbidden,
    Insert,
    InvalidData,
    Kind,
    Query,
    TokenRefused,
    Unauthorized,
    new_id,
    where,
    write,
)

from .clients import Client, known
from .options import OAuthOptions
from .people import Person, alive

CREDENTIALS = Kind("oauth_credentials", indexes=("user_id",))
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PURPOSE = "oauth credentials"
_SAID = ("sub", "account_id", "client_id", "jti", "iat", "identity_sig")
_GONE = "the assertion is unknown, expired or revoked, or was not made for this client"


async def new_credential(ctx: Context, options: OAuthOptions) -> Body:
    """A credential for the caller, shown this once; Forbidden unless they have logged in themselves."""
    user_id = _user_of(ctx)
    client = await known(ctx, str(ctx.body.get("client_id", "")))
    account = await ctx.app.tenants.account(ctx.caller().account_id)
    user = await ctx.app.store.get(ctx.caller().account_id, "users", user_id)
    if account is None or user is None:
        raise Unauthorized
    if client is None or not client.may(GRANT) or not await client.reaches(ctx, account.id):
        told = "there is no application with this client id that you can use, and that may get tokens in this way"
        raise InvalidData("client_id", "not_found", told)
    own = Query(account.id, CREDENTIALS.name, (where("user_id", user_id),), limit=options.credentials)
    if (await ctx.app.store.page(own)).count >= options.credentials:
        raise Conflict(f"you have {options.credentials} credentials, which is all that you can have: delete one first")
    ttl, id = _ttl(ctx.body.get("ttl"), options.credential_ttl), new_id()
    signature = ctx.app.tokens.signature(account, user)
    expires = ctx.now + ttl
    facts = {"sub": user_id, "account_id": account.id, "client_id": client.id, "jti": id, "iat": ctx.now}
    assertion = ctx.app.tokens.sign({**facts, "exp": expires, "identity_sig": signature}, _PURPOSE)
    body = {"user_id": user_id, "client_id": client.id, "expires": expires}
    made = Document.of(account.id, CREDENTIALS.name, id, body, ctx.now)
    await write(
        ctx, Insert(Document(made.tenant, made.kind, id, made.body, made.created, made.modified, expires=expires))
    )
    return {"id": id, "client_id": client.id, "assertion": assertion, "expires_in": ttl}


async def credentials_of(ctx: Context) -> list[Body]:
    """The caller's credentials, without what could be used: `id`, `client_id` and `expires_in`."""
    own = Query(ctx.caller().account_id, CREDENTIALS.name, (where("user_id", _user_of(ctx)),), limit=1000, full=True)
    found = [document.data() for document in await ctx.app.store.find(own)]
    return [
        {"id": each["id"], "client_id": each["client_id"], "expires_in": each["expires"] - ctx.now} for each in found
    ]


async def revoke_credential(ctx: Context, id: str) -> None:
    """End a credential of the caller's; the sessions that it led to go on."""
    user_id = _user_of(ctx)
    found = await ctx.app.store.get(ctx.caller().account_id, CREDENTIALS.name, id)
    if found is None or found.data()["user_id"] != user_id:
        raise BadIdentifier(cause=id)
    await write(ctx, Delete(found.tenant, found.kind, id, purge=True))


async def asserted(ctx: Context, client: Client, assertion: str) -> Person:
    """The user for whom a credential speaks; TokenRefused if it is no good, or not for this client."""
    claims = said(ctx, assertion)
    if claims is None or claims["client_id"] != client.id or claims["exp"] <= ctx.now:
        raise TokenRefused(_GONE, word="invalid_grant")
    kept = await ctx.app.store.get(claims["account_id"], CREDENTIALS.name, claims["jti"])
    person = await alive(ctx, client, claims["account_id"], claims["sub"], claims["identity_sig"])
    if kept is None or person is None:
        raise TokenRefused(_GONE, word="invalid_grant")
    return person


def said(ctx: Context, assertion: str) -> Body | None:
    """What a credential says, None if it is none of ours."""
    try:
        return ctx.app.tokens.read(assertion, _PURPOSE, _SAID)
    except Unauthorized:
        return None


async def give_back(ctx: Context, claims: Body) -> None:
    """End the credential that says this, if it has not ended."""
    if await ctx.app.store.get(claims["account_id"], CREDENTIALS.name, claims["jti"]) is not None:
        try:
            await write(ctx, Delete(claims["account_id"], CREDENTIALS.name, claims["jti"], purge=True))
        except BadIdentifier:
            return  # somebody else was faster


def _user_of(ctx: Context) -> str:
    """The id of the caller, who must be a user who has logged in without an application, and with nothing forbidden."""
    caller = ctx.caller()
    if caller.user_id is None:
        raise Forbidden("credentials are for users: log in as one")
    # NOTE: it lives longer than any token, and what it leads to is not restricted by the token that made it.
    if caller.restrictions is not None or "client_id" in (caller.claims or {}):
        raise Forbidden("log in by yourself, not through an application, and with a token that is not restricted")
    return caller.user_id


def _ttl(asked: object, most: int) -> int:
    """How long a credential is to live, in seconds; InvalidData if it is no whole number above 0."""
    if asked is None:
        return most
    if type(asked) is not int or asked < 1:
        raise InvalidData("ttl", "minimum", "write a whole number of seconds, 1 or more", target=1, value=asked)
    return min(asked, most)
