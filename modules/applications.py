"""Applications: the programs that get tokens by OAuth 2.0. The id of the document is the client id."""

import re
import secrets
from hashlib import sha256
from urllib.parse import urlsplit

from crossbar import (
    Answer,
    Body,
    Change,
    Conflict,
    Context,
    Delete,
    Document,
    Insert,
    InvalidData,
    Principal,
    Replace,
    Reply,
    Resource,
    action,
    created,
    write,
)

CLIENTS = "clients"
"""The kind by which an application is found without its account, as the core reads it with every token."""
SHOWN_ONCE = ("client_id", "client_secret")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")
# RFC 3986, 2: what a URI is made of, without the fragment, which a redirection may not have (RFC 6749, 3.1.2).
_URI = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")


def without_secrets(ctx: Context, body: Body) -> Body:
    """Leave out what is shown when an application is made: a client that sends everything back must not store it."""
    return {name: value for name, value in body.items() if name not in SHOWN_ONCE}


def safe_redirects(ctx: Context, body: Body) -> Body:
    """Refuse addresses to which a code must not go, and a grant that has nowhere to lead back to."""
    for number, uri in enumerate(body["redirect_uris"]):
        wrong = _wrong(uri)
        if wrong:
            raise InvalidData(f"redirect_uris.{number}", "forbidden", wrong, cause=uri, value=uri)
    if "authorization_code" in body["grants"] and not body["redirect_uris"]:
        told = "name at least one: the grant authorization_code leads people back to one of them"
        raise InvalidData("redirect_uris", "required", told)
    return body


def fitting_grants(ctx: Context, body: Body) -> Body:
    """Refuse what a public application cannot have, and a change of what an application is."""
    if ctx.found is not None and ctx.found.data().get("public", False) != body["public"]:
        raise InvalidData("public", "forbidden", "it stays what it is: make another application", value=body["public"])
    if body["public"] and "client_credentials" in body["grants"]:
        told = "a public application has no secret, by which client_credentials would know it"
        raise InvalidData("grants", "forbidden", told, value="client_credentials")
    return body


def shared_from_above(ctx: Context, body: Body) -> Body:
    """Only administrators of the master account may let an application ask the users of all accounts for passwords."""
    was = ctx.found is not None and ctx.found.data().get("shared", False)
    if body["shared"] and not was and not ctx.caller().master:
        told = "only administrators of the master account may set this"
        raise InvalidData("shared", "forbidden", told, value=True)
    return body


class Applications(Resource):
    """Applications of an account. A secret is shown when it is made, and never again."""

    name = "applications"
    schema = "applications"
    summary = ("name", "enabled", "public", "shared", "grants")
    checks = (without_secrets, safe_redirects, fitting_grants, shared_from_above)
    admin_only = ("*",)

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Nobody is vouched for."""
        # NOTE: answers of endpoints that have an opinion here are kept for no Idempotency-Key, and so no secret is.
        return None

    async def create(self, ctx: Context) -> Reply | Answer:
        """Store a new application. The answer, and no other one, shows its secret."""
        secret = "" if ctx.body["public"] else secrets.token_hex(32)
        application = self.made(ctx, ctx.body, {"secret": digest(secret)} if secret else None)
        client = {"account_id": application.tenant, "enabled": ctx.body["enabled"]}
        found_by = Document.of("", CLIENTS, application.id, client, ctx.now)
        await write(ctx, Insert(application), Insert(found_by))
        return application.with_data(application.data() | _shown(application.id, secret))

    async def replace(self, ctx: Context, id: str) -> Reply | Answer:
        """Put the body in the place of the application's; one that is disabled loses its tokens at once."""
        application = ctx.document()
        client = await ctx.app.store.get("", CLIENTS, id)
        also: list[Change] = []
        if client is not None and client.data()["enabled"] != ctx.body["enabled"]:
            also.append(Replace(client.with_data(client.data() | {"enabled": ctx.body["enabled"]})))
        return await self.store(ctx, application.with_data(ctx.body), *also)

    async def delete(self, ctx: Context, id: str) -> Reply | Answer:
        """Take the application away, and with it all of its tokens."""
        found = ctx.document()
        purge = ctx.flag("should_soft_delete") is False
        also: list[Change] = []
        if await ctx.app.store.get("", CLIENTS, id) is not None:
            also.append(Delete("", CLIENTS, id, purge=True))
        await write(ctx, Delete(found.tenant, self.kind, id, found.revision, purge), *also)
        return Reply(found, deleted=True)

    @action("POST {id}/secret")
    async def rotate(self, ctx: Context, id: str) -> Reply:
        """Another secret in the place of the present one, which is good for nothing from now on."""
        application = ctx.document()
        if application.data()["public"]:
            raise Conflict("a public application has no secret: it could not keep one")
        secret = secrets.token_hex(32)
        await self.store(ctx, application.with_secrets(application.secrets() | {"secret": digest(secret)}))
        return created(_shown(id, secret))


def digest(secret: str) -> str:
    """What is kept of a secret; it is 256 random bits, so a fast digest is enough."""
    return sha256(secret.encode()).hexdigest()


def _shown(id: str, secret: str) -> Body:
    """What is shown of an application that was just made, or has just got another secret."""
    return {"client_id": id} | ({"client_secret": secret} if secret else {})


def _wrong(uri: str) -> str:
    """Why nobody may be led to an address; empty if they may."""
    if not _URI.fullmatch(uri):
        return "write an absolute URI without blanks and without a fragment (#)"
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "write an absolute URI"
    scheme = uri.partition(":")[0]
    if _OWN_SCHEME.fullmatch(scheme):
        return ""  # RFC 8252, 7.1: a name in reverse order, which belongs to who has the domain
    if scheme not in ("https", "http") or not host:
        return "the scheme must be https, or one of your own that is a domain in reverse order: com.example.app:/back"
    if parts.username is not None or parts.password is not None:
        return "write it without a user name"
    if scheme == "http" and host not in _LOOPBACK:
        return "http is for this machine alone (127.0.0.1, [::1], localhost): write https"
    return ""
