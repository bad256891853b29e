"""Who is asking, for routes: by the token of an issuer, or by an API key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from types import MappingProxyType
from typing import Any, Protocol

from .. import settings
from ..errors import SettingsError, Unauthorized
from ..settings.gateway import seconds
from .jwks import Fetch, IssuerKeys, KeySet, algorithms_of, fetch, is_safe
from .web_tokens import Rules, bearer_of, read_token, text_of

Headers = Mapping[bytes, bytes]

MOST_REMEMBERED = 10_000
"""Tokens of an issuer that are remembered."""
RESERVED = frozenset({"crossbar", "none"})
"""Words that mean something else where a route names its providers."""
_LONGEST_NAME = 255
_TAKEN = frozenset({"authorization", "connection", "content-length", "cookie", "host", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, and who says so: `account` and `user` are empty where that is not said.

    `consumer` is whom limits count, the provider's name first: `staff:ada`. `claims` is all that is said.
    """

    provider: str
    consumer: str
    account: str
    user: str
    claims: Mapping[str, Any]


class Source(Protocol):
    """Somebody who says who is asking.

    `fields` are the request fields with the credentials, which are not for upstreams, and `challenge` is what
    `WWW-Authenticate` says to who comes without (RFC 9110, 11.6.1).
    """

    name: str
    fields: frozenset[bytes]
    challenge: bytes

    def speaks(self, headers: Headers) -> bool:
        """Whether the request carries something of its kind, be it good or not."""

    def known(self, headers: Headers) -> Identity | None:
        """Who is asking, if that can be told without waiting; None says nothing about the request."""

    async def check(self, headers: Headers) -> Identity:
        """Who is asking; Unauthorized if nobody can tell, Unavailable if nobody can tell just now."""

    async def trial(self) -> str:
        """What keeps it from telling anybody, found out now; empty if nothing does."""

    async def open(self) -> None:
        """Make it ready on the running event loop, which may be done already."""

    async def close(self) -> None:
        """End what it has begun."""


class KeyProvider:
    """API keys: a header field holds a key, of which we know the hash. ValueError for what is wrong with the settings.

    NOTE: hashes are looked up, and not compared in constant time. How long that takes tells about the hash of what was
    sent, which nobody can steer towards another one, and nothing about keys, which are random and have 256 bits.
    """

    def __init__(self, name: str, settings: settings.Provider) -> None:
        _refuse(_faults(name, settings))
        self.name = name
        self._header = settings.header
        self._field = settings.header.lower().encode()
        self._owners = {
            bytes.fromhex(key.sha256): Identity(
                name, f"{name}:{key.id}", key.account, key.user, MappingProxyType(key.claims)
            )
            for key in settings.keys
        }
        self.fields = frozenset({self._field})
        self.challenge = f'ApiKey realm="{name}", header="{settings.header}"'.encode()

    def speaks(self, headers: Headers) -> bool:
        """Whether the request has the field."""
        return self._field in headers

    def known(self, headers: Headers) -> Identity | None:
        """Whose the key in the field is, None if there is none, or nobody's."""
        text = headers.get(self._field)
        return None if text is None else self._owners.get(sha256(text).digest())

    async def check(self, headers: Headers) -> Identity:
        """Whose the key in the field is; Unauthorized if it is nobody's."""
        found = self.known(headers)
        if found is None:
            what = "is unknown, or was taken back" if self.speaks(headers) else "is missing"
            raise Unauthorized(f"the API key {what}: send one in the field {self._header}")
        return found

    async def trial(self) -> str:
        """Nothing can keep it: the keys are in the settings."""
        return ""

    async def open(self) -> None:
        """Nothing is to be done."""

    async def close(self) -> None:
        """Nothing is to be done."""


class JwtProvider:
    """The tokens of an issuer. ValueError for what is wrong with the settings."""

    def __init__(self, name: str, settings: settings.Provider, fetch: Fetch, clock: Callable[[], float]) -> None:
        _refuse(_faults(name, settings))
        assert settings.jwt is not None, "that is a fault"
        self.name = name
        self.fields = frozenset({b"authorization"})
        self.challenge = f'Bearer realm="{name}"'.encode()
        self._jwt = jwt = settings.jwt
        self._clock = clock
        audience = (jwt.audience,) if isinstance(jwt.audience, str) else jwt.audience
        self._rules = Rules(jwt.issuer, frozenset(jwt.algorithms), frozenset(audience), seconds(jwt.leeway))
        self._keys = IssuerKeys(name, jwt, fetch, clock, self._forget)
        # By the whole field: until when the token is good, whose it is, and the mark of the key that signed it.
        self._known: dict[bytes, tuple[float, Identity, bytes]] = {}

    def speaks(self, headers: Headers) -> bool:
        """Whether the request has a bearer token that does not say that it is of another issuer."""
        text = bearer_of(headers.get(b"authorization"))
        if text is None:
            return False
        try:
            return read_token(text).claims.get("iss") == self._jwt.issuer
        except Unauthorized:
            return True

    def known(self, headers: Headers) -> Identity | None:
        """Whose the token is, if it was checked before."""
        # PERF: with the scheme before it, so that a field need not be taken apart.
        found = self._known.get(headers.get(b"authorization", b""))
        if found is None:
            return None
        now = self._clock()
        return found[1] if now < found[0] and self._keys.good(now) else None

    async def check(self, headers: Headers) -> Identity:
        """Whose the token is; Unauthorized or TokenExpired if it is no good, Unavailable if no key is there to tell."""
        field = headers.get(b"authorization", b"")
        text = bearer_of(field)
        if text is None:
            raise Unauthorized(
                "the token is missing: send one of the issuer in the field Authorization, after `Bearer`"
            )
        token = read_token(text)
        # NOTE: before the signature, so that nothing is asked of the issuer for a token that is no good anyway.
        end = self._rules.end_of(token, self._clock())
        keys = await self._keys.find(token.kid, token.algorithm)
        if not keys:
            raise Unauthorized("the token is signed with a key that its issuer does not have: get a new token from it")
        signer = next((key for key in keys if key.signed(token.algorithm, token.content, token.signature)), None)
        if signer is None:
            raise Unauthorized("the signature of the token is wrong: send the JWT as its issuer gave it")
        identity = self._identity(token.claims)
        # NOTE: one spelling alone, or who has one token could fill the memory with it.
        if field == b"Bearer " + text:
            self._remember(field, (end, identity, signer.mark))
        return identity

    async def trial(self) -> str:
        """What is wrong when the keys are fetched now, empty if nothing is."""
        try:
            found = await self._keys.ask()
        except (OSError, ValueError) as error:
            return f"the keys of {self._jwt.issuer} cannot be had: {error}"
        return "" if found.marks else f"{self._jwt.issuer} has no key for {', '.join(self._jwt.algorithms)}"

    async def open(self) -> None:
        """Begin to fetch the keys, so that they are there when somebody comes."""
        self._keys.good(self._clock())

    async def close(self) -> None:
        """End a fetch that is under way."""
        await self._keys.close()

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        account, user = (text_of(claims, name) for name in (self._jwt.account, self._jwt.user))
        # NOTE: tokens for machines may have no subject, but the id of a client (RFC 9068, 2.2).
        names = (text_of(claims, name) for name in ("sub", "client_id", "azp"))
        who = next(filter(None, names), "") or user or account
        if not who or len(who) > _LONGEST_NAME:
            who = sha256(f"{claims.get('sub', '')} {self._jwt.issuer}".encode()).hexdigest()
        return Identity(self.name, f"{self.name}:{who}", account, user, MappingProxyType(dict(claims)))

    def _remember(self, field: bytes, what: tuple[float, Identity, bytes]) -> None:
        if len(self._known) >= MOST_REMEMBERED:
            for old in list(islice(self._known, MOST_REMEMBERED // 4)):
                del self._known[old]
        self._known[field] = what

    def _forget(self, keys: KeySet) -> None:
        """Forget the tokens that were signed with keys which the issuer does not have any more."""
        self._known = {field: known for field, known in self._known.items() if known[2] in keys.marks}


def providers_of(
    provider: Mapping[str, settings.Provider],
    clock: Callable[[], float],
    fetch: Fetch = fetch,
) -> dict[str, Source]:
    """The providers by their names; SettingsError with all that is wrong, each fault with its key."""
    faults = [fault for name, each in provider.items() for fault in _faults(name, each)]
    if faults:
        raise SettingsError(faults)
    return {
        name: KeyProvider(name, each) if each.jwt is None else JwtProvider(name, each, fetch, clock)
        for name, each in provider.items()
    }


async def trial(source: Source) -> str:
    """What is wrong with a provider when its keys are fetched now, empty if nothing is."""
    return await source.trial()


def _refuse(faults: Iterator[str]) -> None:
    found = "; ".join(faults)
    if found:
        raise ValueError(found)


def _faults(name: str, said: settings.Provider) -> Iterator[str]:
    """What is wrong with a provider, each fault with its key."""
    table = f"provider.{name}"
    if name in RESERVED:
        yield f"{table}: {name!r} means something else where a route names its providers; take another name"
    if (said.jwt is None) == (not said.keys):
        yield f"{table}: it needs either jwt or keys, and not both: one of them says who is asking"
    elif said.jwt is not None:
        yield from _jwt_faults(f"{table}.jwt", said.jwt)
    else:
        yield from _key_faults(table, said)


def _jwt_faults(table: str, jwt: settings.Jwt) -> Iterator[str]:
    if not jwt.issuer:
        yield f"{table}.issuer: is empty; write what its tokens have as `iss`"
    elif not jwt.jwks and (not is_safe(jwt.issuer) or "?" in jwt.issuer or "#" in jwt.issuer):
        yield f"{table}.issuer: is no URL with https, where its keys could be found; say in jwks where they are"
    if "" in ((jwt.audience,) if isinstance(jwt.audience, str) else jwt.audience):
        yield f"{table}.audience: is empty; leave it out if tokens for anybody are good here"
    try:
        algorithms_of(jwt.algorithms)
    except ImportError as error:
        yield f"{table}.algorithms: {error}"


def _key_faults(table: str, said: settings.Provider) -> Iterator[str]:
    if said.header.lower() in _TAKEN:
        yield f"{table}.header: {said.header} has another meaning; take a field such as x-api-key"
    for which in ("id", "sha256"):
        seen: dict[str, int] = {}
        for place, key in enumerate(said.keys):
            first = seen.setdefault(getattr(key, which), place)
            if first != place:
                yield f"{table}.keys[{place}].{which}: is that of keys[{first}] as well; each key has its own"
