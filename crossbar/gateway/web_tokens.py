"""JSON Web Tokens as they are read and judged (RFC 7519, RFC 7515, RFC 8725). Pure: keys and clock are passed in.

Nothing that a token says of keys is believed: not `jwk`, `jku`, `x5u` or `x5c`, and of `kid` no more than which of the
issuer's own keys may fit.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from ..errors import TokenExpired, Unauthorized

LONGEST = 16 * 1024
"""Bytes of a token that is looked at."""

_COMPACT = re.compile(rb"([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_UNREADABLE = "the token cannot be read: send the JWT as its issuer gave it"


class Token(NamedTuple):
    """A token as it reads: who signed it is not known yet. `kid` names the key, None if it names none."""

    algorithm: str
    kid: str | None
    claims: dict[str, Any]
    content: bytes
    signature: bytes


def bearer_of(field: bytes | None) -> bytes | None:
    """The token in an `Authorization` field, None if it has another scheme or there is none (RFC 6750, 2.1)."""
    scheme, _, text = (field or b"").partition(b" ")
    text = text.strip(b" ")
    return text if text and scheme.lower() == b"bearer" else None


def read_token(text: bytes) -> Token:
    """What a token says, whoever made it; Unauthorized for what is no signed JWT.

    Nor can one be read that demands with `crit` to be understood better than that (RFC 7515, 4.1.11).
    """
    if len(text) > LONGEST:
        raise Unauthorized(f"the token is longer than {LONGEST} bytes: ask its issuer for one with fewer claims")
    found = _COMPACT.fullmatch(text)
    if found is None:
        raise Unauthorized(_UNREADABLE)
    content, signature = found.groups()
    try:
        head, claims = map(orjson.loads, map(_decoded, content.split(b".")))
        signed = _decoded(signature)
    except ValueError:
        raise Unauthorized(_UNREADABLE) from None
    if not isinstance(head, dict) or not isinstance(claims, dict) or "crit" in head:
        raise Unauthorized(_UNREADABLE)
    algorithm, kid = head.get("alg"), head.get("kid")
    if not isinstance(algorithm, str) or not isinstance(kid, str | None):
        raise Unauthorized(_UNREADABLE)
    return Token(algorithm, kid, claims, content, signed)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a token must say: who made it, for whom (for anybody, if `audience` is empty), and when it is good.

    `leeway` is by how many seconds the clocks of issuer and gateway may differ.
    """

    issuer: str
    algorithms: frozenset[str]
    audience: frozenset[str]
    leeway: float

    def end_of(self, token: Token, now: float) -> float:
        """The time at which the token's end is there for us, in Unix seconds; Unauthorized if it breaks a rule."""
        claims = token.claims
        if claims.get("iss") != self.issuer:
            raise Unauthorized("the token is from another issuer than this place believes")
        if token.algorithm not in self.algorithms:
            raise Unauthorized("the token is signed by an algorithm that is not accepted here")
        if self.audience and self.audience.isdisjoint(_audience_of(claims)):
            raise Unauthorized(
                "the token is for another audience: ask its issuer for one that is meant for this service"
            )
        end = _number(claims, "exp")
        if end is None:
            raise Unauthorized("the token has no end: its issuer has to say `exp`")
        if now >= end + self.leeway:
            raise TokenExpired("the token has expired: get a new one from its issuer")
        if max(_number(claims, "nbf") or 0, _number(claims, "iat") or 0) > now + self.leeway:
            raise Unauthorized("the token is not good yet: its `nbf` or `iat` is in the future")
        return end + self.leeway


def text_of(claims: Mapping[str, Any], name: str) -> str:
    """The text of a claim, empty if there is none; dots lead into nested objects, where no claim is called just so.

    A claim that is no text, or one with control characters, is none.
    """
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) and value.isprintable() else ""


def _decoded(text: bytes) -> bytes:
    """What base64url without padding stands for (RFC 7515, 2); ValueError if nobody writes it so."""
    data = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    # NOTE: base64 has several spellings of the same bytes; a token is to have one.
    if urlsafe_b64encode(data).rstrip(b"=") != text:
        raise ValueError("there is something in the bits that are left over")
    return data


def _audience_of(claims: Mapping[str, Any]) -> list[str]:
    """For whom a token is: one, or several of them (RFC 7519, 4.1.3)."""
    told = claims.get("aud")
    among = told if isinstance(told, list) else [told]
    return [each for each in among if isinstance(each, str)]


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519, 2), None if there is none."""
    value = claims.get(name)
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise Unauthorized(f"the `{name}` of the token is no number of seconds")
    return value
