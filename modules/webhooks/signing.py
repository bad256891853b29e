"""Signatures of deliveries, as Standard Webhooks 1.0 has them: HMAC-SHA256 with a secret of each webhook's own."""

from __future__ import annotations

import binascii
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable

PREFIX = "whsec_"
LEAST, MOST = 24, 64
"""How many bytes a secret may have."""


def new_secret() -> str:
    """A new secret: 32 random bytes, as text."""
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The bytes of a secret; ValueError if the text is none."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or not LEAST <= len(key) <= MOST:
        raise ValueError(f"a secret is {PREFIX} and then {LEAST} to {MOST} bytes in base64")
    return key


def signature(secret: str, id: str, timestamp: int, content: bytes) -> str:
    """The signature of one delivery at one time."""
    signed = b"%s.%d.%s" % (id.encode(), timestamp, content)
    return "v1," + b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode()


def signed_headers(secrets: Iterable[str], id: str, timestamp: int, content: bytes) -> dict[str, str]:
    """The headers that let a receiver check a delivery, with one signature for each secret."""
    headers = {"webhook-id": id, "webhook-timestamp": str(timestamp)}
    signatures = [signature(secret, id, timestamp, content) for secret in secrets]
    if signatures:
        headers["webhook-signature"] = " ".join(signatures)
    return headers
