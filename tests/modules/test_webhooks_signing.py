"""Signatures: as Standard Webhooks has them, so that its libraries accept what we send."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.webhooks.signing import key_of, new_secret, signature, signed_headers

KEY = bytes(range(32))
SECRET = "whsec_" + b64encode(KEY).decode()


def expected_signature(key: bytes, id: str, timestamp: str, content: bytes) -> str:
    """Compute a signature as a receiver does, from the sentence in the specification."""
    digest = hmac.new(key, id.encode() + b"." + timestamp.encode() + b"." + content, hashlib.sha256).digest()
    return "v1," + b64encode(digest).decode()


def test_a_known_signature() -> None:
    """A signature that was computed elsewhere comes out, to the last character."""
    # printf 'msg_1.1700000000.{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1f -binary | base64
    assert signature(SECRET, "msg_1", 1_700_000_000, b'{"a":1}') == "v1,AMaOha7DUT/0J0JMycRuYOBSvbx3WtwLd2khXXbaVj4="


@given(st.binary(min_size=24, max_size=64), st.integers(0, 10**10), st.binary(max_size=200))
def test_a_receiver_computes_the_same(key: bytes, timestamp: int, content: bytes) -> None:
    """Whatever key and body, the receiver's own computation meets ours."""
    secret = "whsec_" + b64encode(key).decode()
    assert expected_signature(key, "abc", str(timestamp), content) == signature(secret, "abc", timestamp, content)


def test_new_secrets_are_random_and_long() -> None:
    """Each new secret is another one, of 32 bytes, and one that is accepted."""
    made = {new_secret() for _ in range(20)}
    assert (20, {32}) == (len(made), {len(key_of(secret)) for secret in made})


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "secret",
        b64encode(KEY).decode(),
        "whsec_" + b64encode(b"x" * 23).decode(),
        "whsec_" + b64encode(b"x" * 65).decode(),
        SECRET + "=",
        SECRET[:-1],
        SECRET.replace("A", "-", 1),
        SECRET + "\n",
        "WHSEC_" + SECRET[6:],
    ],
)
def test_what_is_no_secret(secret: str) -> None:
    """A secret has its prefix, is base64, and has 24 to 64 bytes."""
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        key_of(secret)


def test_headers_with_two_secrets() -> None:
    """Each secret has its signature in the one header, in their order."""
    other = new_secret()
    headers = signed_headers([SECRET, other], "abc", 7, b"body")
    assert headers == {
        "webhook-id": "abc",
        "webhook-timestamp": "7",
        "webhook-signature": f"{signature(SECRET, 'abc', 7, b'body')} {signature(other, 'abc', 7, b'body')}",
    }


def test_headers_without_a_secret() -> None:
    """A webhook that has no secret, since it was imported, is served unsigned."""
    assert signed_headers([], "abc", 7, b"body") == {"webhook-id": "abc", "webhook-timestamp": "7"}


def test_the_signature_does_not_hold_the_secret() -> None:
    """Nothing of the key can be read in what is sent."""
    assert KEY not in b64decode(signature(SECRET, "abc", 7, b"").removeprefix("v1,"))
