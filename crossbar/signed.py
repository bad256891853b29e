"""Signed claims: what a token of ours says, as a JWT (HS256) and back. Nothing is looked up, and no clock is asked."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import Unauthorized

ISSUER = "kazoo"


def signed(claims: Mapping[str, Any], key: bytes) -> str:
    """The claims as a token; the same claims in the same order give the same one."""
    import jwt

    return jwt.encode(dict(claims), key, algorithm="HS256", headers={"kid": "crossbar"})


def claims_of(token: str, key: bytes, required: Iterable[str]) -> dict[str, Any]:
    """What a token says that was signed with the key, also if it has expired; Unauthorized for any other.

    It says all that is `required`, and when it ends, in whole seconds, is always among that.
    """
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            issuer=ISSUER,
            options={"require": ["exp", "iss", *required], "verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError:
        raise Unauthorized from None
    # NOTE: base64 has several spellings of the same signature; only the one that we write is a token of ours.
    content, _, signature = token.rpartition(".")
    own = urlsafe_b64encode(hmac.digest(key, content.encode(), "sha256")).rstrip(b"=").decode()
    if own != signature or not isinstance(claims["exp"], int):
        raise Unauthorized
    return claims
