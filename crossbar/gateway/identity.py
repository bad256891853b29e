"""Who is asking, as it is told to an upstream: in plain fields, or in one signed field that can be checked there."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from ..signed import signed

IDENTITY = (
    *(b"x-crossbar-account", b"x-crossbar-user", b"x-crossbar-role", b"x-crossbar-provider", b"x-crossbar-consumer"),
    b"x-crossbar-identity",
)
"""The fields in which the gateway says who is asking: the plain ones in the order of Facts, and the signed one."""
IDENTITY_PREFIXES = (
    *(b"x-crossbar-", b"x-consumer-", b"x-auth-", b"remote-user", b"x-remote-user"),
    *(b"client-cert", b"x-client-cert", b"ssl-client-", b"x-ssl-"),
)
"""How names begin that upstreams take a gateway's word for: taken out of each request, whoever sends it.

Those of certificates among them tell whom a proxy that ends TLS has seen (RFC 9440).
"""
LIFE = 60
"""Seconds that a signed field is good for."""
SHORTEST_KEY = 32
"""Bytes that a key has at least: as many as the digest (RFC 7518, 3.2)."""

_VISIBLE = bytes({*range(0x21, 0x7F)} - {ord("%")})
_REMEMBERED = 4096


class Facts(NamedTuple):
    """What an upstream learns of who is asking; what is empty is not told."""

    account: str = ""
    user: str = ""
    role: str = ""
    provider: str = ""
    consumer: str = ""


@lru_cache(_REMEMBERED)
def identity_fields(facts: Facts) -> tuple[tuple[bytes, bytes], ...]:
    """The facts as plain fields.

    What is not visible ASCII is percent-encoded, in UTF-8, and so is `%` itself: decoded, it is the fact.
    """
    return tuple([(name, _encoded(fact)) for name, fact in zip(IDENTITY, facts, strict=False) if fact])


def signed_identity(facts: Facts, key: bytes, upstream: str, now: float, request_id: str = "") -> bytes:
    """The facts as a JWT (HS256) for this upstream alone, good for a minute from `now`, a time of day in seconds.

    `sub` is the user, or the consumer if there is no user, or else the account. With a request's id it has that as its
    `jti`, and is for that request only.
    """
    claims: dict[str, str | int] = {"iss": "crossbar", "aud": upstream}
    claims["sub"] = facts.user or facts.consumer or facts.account
    claims |= {name: fact for name, fact in facts._asdict().items() if fact and name != "user"}
    if request_id:
        claims["jti"] = request_id
    return signed({**claims, "iat": int(now), "exp": int(now) + LIFE}, key).encode("ascii")


class SignedIdentity:
    """The signed fields for one upstream. ValueError for a key that is too short.

    PERF: to sign costs more than all other work on a request's fields, so a field is used again for half of its life,
    by as many requests as there are. It has no `jti` therefore: which request it came with, `X-Request-ID` says.
    """

    __slots__ = ("_key", "_known", "_most", "_upstream")

    def __init__(self, key: bytes, upstream: str, most: int = _REMEMBERED) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"the secret of {upstream!r} has {len(key)} bytes: it takes at least {SHORTEST_KEY}")
        self._key = key
        self._upstream = upstream
        self._most = most
        self._known: dict[Facts, tuple[float, bytes]] = {}

    def signed(self, facts: Facts, now: float) -> bytes:
        """The signed field for these facts at `now`, a time of day in seconds; at least half of its life is left."""
        known = self._known.get(facts)
        # NOTE: one from a time that is yet to come was signed before the clock was set back.
        if known is not None and 0 <= now - known[0] <= LIFE / 2:
            return known[1]
        value = signed_identity(facts, self._key, self._upstream, now)
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[facts] = (now, value)
        return value


def _encoded(fact: str) -> bytes:
    # NOTE: half of a surrogate pair, which JSON can hold, has no UTF-8; it must not become the name of somebody else.
    raw = fact.encode("utf-8", "surrogatepass")
    return raw if not raw.translate(None, _VISIBLE) else quote_from_bytes(raw, safe=_VISIBLE).encode("ascii")
