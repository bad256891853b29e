"""Who is asking: principals, and the tokens and credentials by which they are known.

Tokens are JWTs (HS256) with the claims that Kazoo's clients read, plus `jti`. `identity_sig` ties a token to the
present secret of its user or account: a new password or API key ends all earlier tokens. A token is decoded once; its
account, its user and its revocation are looked up again whenever documents of their kinds were written.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from .errors import InvalidData, TokenExpired, Unauthorized, UniqueConflict
from .keys import SYSTEM
from .passwords import USERS, find_user
from .restrictions import Restrictions
from .roles import ADMIN, USER, role_of
from .settings import Auth
from .signed import ISSUER, claims_of, signed
from .stores import Document, Insert, Kind, Store
from .stores.together import together
from .templates import TEMPLATES, compiled, rules_for
from .tenants import ACCOUNTS, Tenants

if TYPE_CHECKING:
    from .context import Context

API_KEYS = Kind("api_keys")
CLIENTS = Kind("clients")
"""The applications that tokens can be made for, by their ids: whose each is, and whether it is `enabled`."""
REVOKED = Kind("revoked_tokens")
KINDS = (ACCOUNTS, API_KEYS, CLIENTS, REVOKED, SYSTEM, TEMPLATES)
_RESTS_ON = (ACCOUNTS.name, USERS, CLIENTS.name, REVOKED.name, TEMPLATES.name)  # whoever is known was looked up there
_CLAIMS = ("account_id", "method", "jti", "identity_sig")
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: an account, perhaps one of its users, and how they proved it.

    `token` is the bearer token that the request came with, `claims` what it says; both empty for an anonymous caller,
    whom an endpoint let in itself, and who has no account. `role` is `admin` or `user`: what a user may do, modules
    say. `restrictions` narrow what this one token is good for, None if nothing does.
    """

    account_id: str
    user_id: str | None = None
    method: str = ""
    token: str = ""
    claims: Mapping[str, Any] | None = None
    master: bool = False
    role: str = ADMIN
    restrictions: Restrictions | None = None


ANONYMOUS = Principal("", method="anonymous", role=USER)


class Authenticator(Protocol):
    """Something that can tell who sent a request."""

    async def __call__(self, ctx: Context) -> Principal | None:
        """The caller, None if the request carries nothing of this authenticator's kind; Unauthorized if it is bad."""


class Authorizer(Protocol):
    """Something that is asked, after the endpoints, whether the caller may do what the request asks for."""

    async def __call__(self, ctx: Context) -> None:
        """Return if they may, raise Forbidden if not; it cannot grant what the tenant rule or an endpoint refuses."""


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

    async def issue(self, account: Document, user: Document | None, method: str, own: Any = None) -> str:
        """A token as `mint` makes it for who logs in by a method, with the restrictions that are there for them.

        `own` are restrictions that the login itself asks for. InvalidData if those are no good, Forbidden if the
        account's are not.
        """
        rules = await self.rules(account, user, method)
        if own is not None:
            try:
                Restrictions(*rules, own)
            except ValueError as error:
                raise InvalidData("restrictions", "invalid", str(error)) from None
            rules.append(own)
        return self.mint(account, user, method, rules)

    async def rules(self, account: Document, user: Document | None, method: str) -> list[Any]:
        """The restrictions that are there for who logs in by a method; Forbidden if the account's are no good."""
        return await rules_for(self._store, account.id, method, role_of(user))

    def mint(
        self, account: Document, user: Document | None, method: str, restrictions: Sequence[Any] = (), **own: Any
    ) -> str:
        """A token for an account, or for one of its users, good for `auth.token_life` seconds.

        It is good for what every one of the `restrictions` allows. `own` are claims beside the usual ones or in their
        place; with a `client_id`, it is good for as long as that application is there and enabled.
        """
        now = int(self._clock())
        claims = {
            "iss": ISSUER,
            "account_id": account.id,
            "owner_id": user.id if user is not None else None,
            "method": method,
            "iat": now,
            "exp": now + self._settings.token_life,
            "jti": own.get("jti") or secrets.token_hex(16),
            "identity_sig": self.signature(account, user),
            "restrictions": [*restrictions] or None,
        }
        return signed({name: value for name, value in (claims | own).items() if value is not None}, self._key)

    def sign(self, claims: Mapping[str, Any], purpose: str) -> str:
        """Claims as a token that is for this purpose alone, and never good for a request."""
        return signed({"iss": ISSUER, **claims}, self.key_for(purpose))

    def read(self, token: str, purpose: str = "", required: Sequence[str] = _CLAIMS) -> dict[str, Any]:
        """What a token for this purpose, or for requests, says; nothing but who signed it is checked.

        Unauthorized if we did not, or if it lacks what is `required`.
        """
        return claims_of(token, self.key_for(purpose) if purpose else self._key, required)

    def key_for(self, purpose: str) -> bytes:
        """A key for this purpose alone, the same in every process that shares the store."""
        return hmac.digest(self._key, f"purpose {purpose}".encode(), "sha256")

    def remembered(self, token: str) -> Principal | None:
        """The token's principal if nothing that it rests on was written since it was checked, without waiting."""
        known = self._checked.get(token)
        if known is None or known[0] is None or known[0] != self._store.version(*_RESTS_ON):
            return None
        claims = known[1].claims
        return known[1] if claims is None or claims["exp"] > self._clock() else None

    async def check(self, token: str) -> Principal:
        """The token's principal; Unauthorized if it is forged, expired or revoked, or its owner is gone."""
        version = self._store.version(*_RESTS_ON)
        known = self._checked.get(token)
        claims = known[1].claims if known is not None else None
        if claims is None:  # NOTE: they are remembered, and shown to the modules of many requests.
            claims = MappingProxyType(self._decoded(token))
        elif claims["exp"] <= self._clock():
            raise TokenExpired
        get, account_id, user_id = self._store.get, claims["account_id"], claims.get("owner_id")
        account, user, client, revoked = await together(
            self._store,
            version,
            partial(self._tenants.account, account_id),
            partial(get, account_id, USERS, user_id) if user_id else None,
            partial(get, "", CLIENTS.name, claims["client_id"]) if "client_id" in claims else None,
            partial(get, "", REVOKED.name, claims["jti"]),
        )
        if account is None or not enabled(account) or (user_id and (user is None or not enabled(user))):
            raise Unauthorized
        if not hmac.compare_digest(self.signature(account, user), claims["identity_sig"]):
            raise Unauthorized("the token was issued before the credentials changed: log in again")
        if "client_id" in claims and (client is None or not enabled(client)):
            raise Unauthorized("the application that the token was made for is gone: log in again")
        if revoked is not None:
            raise Unauthorized("the token was revoked: log in again")
        restrictions = known[1].restrictions if known is not None else compiled(claims)
        principal = self._principal(account, user, claims["method"], token, claims, restrictions)
        self._remember(token, version, principal)
        return principal

    async def basic(self, field: str, ctx: Context) -> Principal:
        """The principal of a Basic credential, which is base64 of `account_id:md5(username:password)`.

        TooManyRequests after too many failures, as for every login.
        """
        version = self._store.version(*_RESTS_ON)
        remembered = hashlib.sha256(field.encode()).digest()
        known = self._checked.get(remembered)
        if known is not None and known[0] is not None and known[0] == version:
            return known[1]
        try:
            account_id, _, credentials = b64decode(field, validate=True).decode().partition(":")
        except ValueError:
            raise Unauthorized("the Basic credentials are not base64 of account_id:md5(username:password)") from None
        account = await self._tenants.account(account_id)
        async with ctx.app.logins.attempt(ctx, account_id):
            user = await find_user(self._store, ctx.app.hasher, account, "md5", credentials)
            if account is None or user is None or not enabled(account) or not enabled(user):
                raise Unauthorized
        rules = await rules_for(self._store, account.id, "basic_auth", role_of(user))
        principal = self._principal(account, user, "basic_auth", "", None, Restrictions(*rules) if rules else None)
        self._remember(remembered, version, principal)
        return principal

    async def revoke(self, principal: Principal) -> None:
        """End the principal's token at once, in every process that shares the store."""
        if principal.claims is None:
            raise Unauthorized("there is no token to revoke: the request did not come with one")
        with suppress(UniqueConflict):
            await self._store.write([self.revocation(principal.claims["jti"], principal.claims["exp"])])
        self._checked.pop(principal.token, None)

    def revocation(self, jti: str, exp: int) -> Insert:
        """The change that ends a token at once, in every process that shares the store; one that was ended clashes."""
        now = int(self._clock())
        return Insert(Document("", REVOKED.name, jti, orjson.dumps({"id": jti}), now, now, expires=exp + 1))

    async def is_revoked(self, jti: str) -> bool:
        """Whether a token was ended before its time."""
        return await self._store.get("", REVOKED.name, jti) is not None

    def _decoded(self, token: str) -> dict[str, Any]:
        claims = self.read(token)
        if claims["exp"] <= self._clock():
            raise TokenExpired
        return claims

    async def recheck(self, principal: Principal) -> None:
        """Make sure that a token which opened something long is still good; Unauthorized if it, or the role, is not."""
        if (await self.check(principal.token)).role != principal.role:
            raise Unauthorized("the role of the user has changed")

    def _principal(
        self,
        account: Document,
        user: Document | None,
        method: str,
        token: str,
        claims: Mapping[str, Any] | None,
        restrictions: Restrictions | None,
    ) -> Principal:
        master = account.secrets().get("master")
        id = user.id if user else None
        return Principal(account.id, id, method, token, claims, bool(master), role_of(user), restrictions)

    def signature(self, account: Document, user: Document | None) -> str:
        """What ties a token to the present secret of its user or account."""
        identity = (user or account).secrets().get("identity", "")
        return hmac.digest(self._key, f"identity {account.id} {identity}".encode(), "sha256").hex()

    def _remember(self, token: str | bytes, version: int | None, principal: Principal) -> None:
        if len(self._checked) >= _REMEMBERED:
            self._checked.clear()
        self._checked[token] = (version, principal)


def vouched(principal: Any) -> Principal | None:
    """What was said about who is asking; TypeError if that is nobody, so that none comes in by mistake."""
    if principal is not None and not isinstance(principal, Principal):
        raise TypeError(f"it returned {type(principal).__name__}, where a Principal or None was expected")
    return principal


async def permitted(authorize: Callable[[Context], Awaitable[object]], ctx: Context) -> None:
    """Ask whether the caller may; TypeError if something is returned, for who returns False means to refuse."""
    answer = await authorize(ctx)
    if answer is not None:
        raise TypeError(f"it returned {answer!r}: raise Forbidden to refuse, and return nothing to let pass")


def enabled(document: Document) -> bool:
    """Whether an account or user is not switched off."""
    return document.data().get("enabled", True) is not False


async def token_authenticator(ctx: Context) -> Principal | None:
    """The caller by the token that the dialect found in the request."""
    return await ctx.app.tokens.check(ctx.token) if ctx.token else None


async def basic_authenticator(ctx: Context) -> Principal | None:
    """The caller by an `Authorization: Basic` field, unless the endpoint has a meaning of its own for that."""
    scheme, _, field = (ctx.header(b"authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    endpoint = ctx.registry.names.get(ctx.target.nouns[-1].name) if ctx.target.nouns else None
    return None if endpoint is not None and endpoint.own_basic else await ctx.app.tokens.basic(field.strip(), ctx)


AUTHENTICATORS: tuple[Authenticator, ...] = (token_authenticator, basic_authenticator)
