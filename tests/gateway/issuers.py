"""An issuer of tokens for the tests: real keys, made once, what it publishes of them, and the tokens that it signs."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

NOW = 1_800_000_000
URL = "https://login.example"
DISCOVERY = f"{URL}/.well-known/openid-configuration"
KEYS = f"{URL}/keys"

_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        """The second that was set."""
        return self.now


def private(algorithm: str, number: int = 0, bits: int = 2048) -> Any:
    """A key for an algorithm, the same for the same arguments; RSA keys are the same for all their algorithms."""
    return _made(algorithm if algorithm in ("EdDSA", *_CURVES) else "RSA", number, bits)


@cache
def _made(kind: str, number: int, bits: int) -> Any:
    """A new key of a kind, once for each number."""
    if kind == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind]())
    return rsa.generate_private_key(65537, bits)


def jwk(algorithm: str, kid: str | None = "a", number: int = 0, bits: int = 2048, **members: Any) -> dict[str, Any]:
    """The public half of a key as a JWK, with further members, or without those that are None."""
    public = private(algorithm, number, bits).public_key()
    told = json.loads(get_default_algorithms()[algorithm].to_jwk(public))
    told.pop("key_ops", None)
    return {name: value for name, value in ({**told, "kid": kid} | members).items() if value is not None}


def part(value: Any) -> str:
    """A part of a token: JSON in base64url."""
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims(**own: Any) -> dict[str, Any]:
    """The claims of a good token, with others beside them or in their place, and without those that are None."""
    usual = {"iss": URL, "sub": "ada", "account_id": "4f2a", "aud": "crossbar", "iat": NOW, "exp": NOW + 600}
    return {name: value for name, value in (usual | own).items() if value is not None}


def token(algorithm: str = "EdDSA", kid: str | None = "a", number: int = 0, /, **own: Any) -> str:
    """A signed token with the claims of a good one, or others; `head` holds further members of its header."""
    head = {"kid": kid} if kid is not None else {}
    head |= own.pop("head", {})
    return jwt.encode(claims(**own), private(algorithm, number), algorithm=algorithm, headers=head)


def sent(text: str) -> dict[bytes, bytes]:
    """The header fields of a request with a token."""
    return {b"authorization": b"Bearer " + text.encode()}


class Issuer:
    """What a gateway can fetch of an issuer: where its keys are, and the keys; and how often that was asked for.

    While `gate` is closed nothing is answered, and an OSError in `fault` is all that it answers.
    """

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys or (jwk("EdDSA"),))
        self.pages: dict[str, Any] = {DISCOVERY: {"issuer": URL, "jwks_uri": KEYS}}
        self.asked: list[str] = []
        self.fault: OSError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, url: str) -> bytes:
        """What is at a URL."""
        self.asked.append(url)
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        page = {"keys": self.keys} if url == KEYS else self.pages[url]
        return page if isinstance(page, bytes) else json.dumps(page).encode()
