"""Who is asking and whom they may be: principals, tokens, passwords, and the tree of tenants.

**Passwords.** Kazoo's clients log in with `md5(username:password)` or its sha1 twin and the name of the account,
so those digests are what we receive. They are a wire format only. At rest we keep Argon2id of each digest, salted
with the account's id. The salt is the same for all users of an account so that one computation finds the user, who
is not named in the request; it costs an attacker no less, because the user name is part of each digest.

**Tokens** are JWTs (HS256) with the claims that Kazoo's clients read, plus `jti`. `identity_sig` ties a token to the
present secret of its user or account: a new password or API key ends all earlier tokens. A token is decoded once; after
that its account, its user and its revocation are looked up again whenever the store's version has changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from .errors import BadIdentifier, Unauthorized, UniqueConflict
from .filters import where
from .settings import Auth
from .stores import Body, Document, Insert, Kind, Query, Store

if TYPE_CHECKING:
    from .context import Context

ACCOUNTS = Kind(
    "accounts",
    summary=("name", "realm", "enabled"),
    unique=("name", "realm"),
    private_indexes=("parent", "login_name"),
)
USERS = "users"
API_KEYS = Kind("api_keys")
REVOKED = Kind("revoked_tokens")
SYSTEM = Kind("system")
KINDS = (ACCOUNTS, API_KEYS, REVOKED, SYSTEM)

ISSUER = "kazoo"
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: an account, perhaps one of its users, and how they proved it.

    `token` is the bearer token that the request came with, `claims` what it says; both empty for an anonymous caller,
    whom an endpoint let in itself, and who has no account.
    """

    account_id: str
    user_id: str | None = None
    method: str = ""
    token: str = ""
    claims: dict[str, Any] | None = None
    master: bool = False


ANONYMOUS = Principal("", method="anonymous")


class Authenticator(Protocol):
    """Something that can tell who sent a request."""

    async def __call__(self, ctx: Context) -> Principal | None:
        """The caller, None if the request carries nothing of this authenticator's kind; Unauthorized if it is bad."""


class Hasher:
    """Argon2id in a pool of few threads, so that a flood of logins does not slow other requests."""

    def __init__(self, settings: Auth) -> None:
        self._memory = settings.hash_memory * 1024
        self._threads = settings.hash_threads
        self._pool: ThreadPoolExecutor | None = None

    async def digest(self, credentials: str, account_id: str) -> str:
        """What is kept of a digest from the wire, as hex text."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "crossbar-hash")
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, partial(self.digest_now, credentials, account_id)
        )

    def digest_now(self, credentials: str, account_id: str) -> str:
        """The same, in the calling thread."""
        from argon2.low_level import Type, hash_secret_raw

        salt = hashlib.sha256(b"crossbar credentials " + account_id.encode()).digest()[:16]
        return hash_secret_raw(
            credentials.encode(), salt, time_cost=1, memory_cost=self._memory, parallelism=1, hash_len=32, type=Type.ID
        ).hex()

    def close(self) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def wire_credentials(username: str, password: str) -> tuple[str, str]:
    """The md5 and the sha1 digest that a client sends for this user name and password."""
    pair = f"{username.lower()}:{password}".encode()
    return hashlib.md5(pair, usedforsecurity=False).hexdigest(), hashlib.sha1(pair, usedforsecurity=False).hexdigest()


async def password_secrets(hasher: Hasher, account_id: str, username: str, password: str) -> Body:
    """What a user's private part keeps of a password, with a fresh identity that ends all earlier tokens."""
    md5, sha = wire_credentials(username, password)
    kept_md5, kept_sha = await asyncio.gather(hasher.digest(md5, account_id), hasher.digest(sha, account_id))
    return {"credentials": {"md5": kept_md5, "sha": kept_sha}, "identity": secrets.token_hex(16)}


def login_name(name: str) -> str:
    """An account's name as logins compare it: lower case, without blanks."""
    return "".join(name.lower().split())


class Tenants:
    """The tree of accounts, remembered for as long as the store has not changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version: int | None = None
        self._accounts: dict[str, Document] = {}
        self._ancestors: dict[str, tuple[str, ...]] = {}

    async def account(self, id: str, version: int | None = None) -> Document | None:
        """The account, None if there is none; `version` is the store's, if it has just been asked."""
        if version is None:
            version = self._store.version()
        if version is None or version != self._version or len(self._accounts) > _REMEMBERED:
            self._version = version
            self._accounts.clear()
            self._ancestors.clear()
        account = self._accounts.get(id)
        if account is None:
            account = await self._store.get("", ACCOUNTS.name, id)
            if account is not None:
                self._accounts[id] = account
                self._ancestors[id] = tuple(account.secrets().get("tree", ()))
        return account

    async def ancestors(self, id: str) -> tuple[str, ...]:
        """The ids of an account's ancestors, the root first; empty for the root and for an unknown account."""
        await self.account(id)
        return self._ancestors.get(id, ())

    async def enter(self, principal: Principal, id: str, version: int | None = None) -> Document:
        """The account, if the caller may see it: their own or one below it.

        Raises BadIdentifier otherwise, the same for an account of somebody else and for one that does not exist.
        """
        if not principal.account_id:
            raise Unauthorized
        account = await self.account(id, version)
        if account is None or (id != principal.account_id and principal.account_id not in self._ancestors[id]):
            raise BadIdentifier(cause=id)
        return account


class Tokens:
    """Mints, checks and revokes tokens."""

    def __init__(self, store: Store, tenants: Tenants, key: bytes, settings: Auth, clock: Callable[[], float]) -> None:
        self._store = store
        self._tenants = tenants
        self._key = key
        self._settings = settings
        self._clock = clock
        # By token, or by the digest of a Basic credential, which is bytes and so never a token.
        self._checked: dict[str | bytes, tuple[int | None, Principal]] = {}

    def mint(self, account: Document, user: Document | None, method: str) -> str:
        """A token for an account, or for one of its users, good for `auth.token_life` seconds."""
        import jwt

        now = int(self._clock())
        claims = {
            "iss": ISSUER,
            "account_id": account.id,
            "owner_id": user.id if user is not None else None,
            "method": method,
            "iat": now,
            "exp": now + self._settings.token_life,
            "jti": secrets.token_hex(16),
            "identity_sig": self._signature(account, user),
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self._key, algorithm="HS256", headers={"kid": "crossbar"})

    def remembered(self, token: str, version: int | None) -> Principal | None:
        """The token's principal if it was checked at this version of the store, without waiting."""
        known = self._checked.get(token)
        if known is None or version is None or known[0] != version:
            return None
        claims = known[1].claims
        return known[1] if claims is None or claims["exp"] > self._clock() else None

    async def check(self, token: str) -> Principal:
        """The token's principal; Unauthorized if it is forged, expired or revoked, or its owner is gone."""
        version = self._store.version()
        known = self._checked.get(token)
        claims = known[1].claims if known is not None else None
        if claims is None:
            claims = self._decoded(token)
        elif claims["exp"] <= self._clock():
            raise Unauthorized("the token has expired: log in again")
        account, user = await self._owner(claims["account_id"], claims.get("owner_id"))
        if not hmac.compare_digest(self._signature(account, user), claims["identity_sig"]):
            raise Unauthorized("the token was issued before the credentials changed: log in again")
        if await self._store.get("", REVOKED.name, claims["jti"]) is not None:
            raise Unauthorized("the token was revoked: log in again")
        principal = self._principal(account, user, claims["method"], token, claims)
        self._remember(token, version, principal)
        return principal

    async def basic(self, field: str, hasher: Hasher) -> Principal:
        """The principal of a Basic credential, which is base64 of `account_id:md5(username:password)`."""
        version = self._store.version()
        remembered = hashlib.sha256(field.encode()).digest()
        known = self._checked.get(remembered)
        if known is not None and known[0] is not None and known[0] == version:
            return known[1]
        try:
            account_id, _, credentials = b64decode(field, validate=True).decode().partition(":")
        except ValueError:
            raise Unauthorized("the Basic credentials are not base64 of account_id:md5(username:password)") from None
        account = await self._tenants.account(account_id)
        user = await find_user(self._store, hasher, account, "md5", credentials)
        if account is None or user is None or not enabled(account) or not enabled(user):
            raise Unauthorized
        principal = self._principal(account, user, "basic_auth", "", None)
        self._remember(remembered, version, principal)
        return principal

    async def revoke(self, principal: Principal) -> None:
        """End the principal's token at once, in every process that shares the store."""
        if principal.claims is None:
            raise Unauthorized("there is no token to revoke: the request did not come with one")
        jti, now = principal.claims["jti"], int(self._clock())
        body = orjson.dumps({"id": jti})
        document = Document("", REVOKED.name, jti, body, now, now, expires=principal.claims["exp"] + 1)
        with suppress(UniqueConflict):
            await self._store.write([Insert(document)])
        self._checked.pop(principal.token, None)

    def _decoded(self, token: str) -> dict[str, Any]:
        import jwt

        required = ["exp", "iss", "account_id", "method", "jti", "identity_sig"]
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=["HS256"],
                issuer=ISSUER,
                options={"require": required, "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            raise Unauthorized from None
        # NOTE: base64 has several spellings of the same signature; only the one that we write is a token of ours.
        signed, _, signature = token.rpartition(".")
        own = urlsafe_b64encode(hmac.digest(self._key, signed.encode(), "sha256")).rstrip(b"=").decode()
        if own != signature:
            raise Unauthorized
        if not isinstance(claims["exp"], int):
            raise Unauthorized
        if claims["exp"] <= self._clock():
            raise Unauthorized("the token has expired: log in again")
        return claims

    async def _owner(self, account_id: str, user_id: str | None) -> tuple[Document, Document | None]:
        account = await self._tenants.account(account_id)
        user = await self._store.get(account_id, USERS, user_id) if user_id else None
        if account is None or not enabled(account) or (user_id and (user is None or not enabled(user))):
            raise Unauthorized
        return account, user

    def _principal(
        self, account: Document, user: Document | None, method: str, token: str, claims: dict[str, Any] | None
    ) -> Principal:
        master = bool(account.secrets().get("master"))
        return Principal(account.id, user.id if user else None, method, token, claims, master)

    def _signature(self, account: Document, user: Document | None) -> str:
        identity = (user or account).secrets().get("identity", "")
        return hmac.digest(self._key, f"identity {account.id} {identity}".encode(), "sha256").hex()

    def _remember(self, token: str | bytes, version: int | None, principal: Principal) -> None:
        if len(self._checked) >= _REMEMBERED:
            self._checked.clear()
        self._checked[token] = (version, principal)


def enabled(document: Document) -> bool:
    """Whether an account or user is not switched off."""
    return document.data().get("enabled", True) is not False


async def find_user(
    store: Store, hasher: Hasher, account: Document | None, method: str, credentials: str
) -> Document | None:
    """The user of the account whose digest (`md5` or `sha`) this is; takes the same time if there is none."""
    kept = await hasher.digest(credentials.lower(), account.id if account is not None else "")
    if account is None:
        return None
    query = Query(account.id, USERS, (where(f"credentials.{method}", kept, private=True),), limit=1, full=True)
    return next(iter(await store.find(query)), None)


async def keys_of(store: Store, clock: Callable[[], float]) -> tuple[bytes, bytes]:
    """The signing key of tokens and the sealing key of start_keys, made when the store is first used."""
    document = await store.get("", SYSTEM.name, "keys")
    if document is None:
        now = int(clock())
        private = {"signing": secrets.token_hex(32), "sealing": secrets.token_hex(32)}
        document = Document("", SYSTEM.name, "keys", b'{"id":"keys"}', now, now).with_secrets(private)
        try:
            await store.write([Insert(document)])
        except UniqueConflict:
            # NOTE: another worker process was faster; its keys are everybody's.
            document = await store.get("", SYSTEM.name, "keys")
            assert document is not None
    private = document.secrets()
    return bytes.fromhex(private["signing"]), bytes.fromhex(private["sealing"])


async def token_authenticator(ctx: Context) -> Principal | None:
    """The caller by the token that the dialect found in the request."""
    return await ctx.app.tokens.check(ctx.token) if ctx.token else None


async def basic_authenticator(ctx: Context) -> Principal | None:
    """The caller by an `Authorization: Basic` field."""
    scheme, _, field = (ctx.header(b"authorization") or "").partition(" ")
    return await ctx.app.tokens.basic(field.strip(), ctx.app.hasher) if scheme.lower() == "basic" else None


AUTHENTICATORS: tuple[Callable[[Any], Awaitable[Principal | None]], ...] = (token_authenticator, basic_authenticator)
