"""Who is asking, as upstreams learn it: told by nobody but the gateway, and signed so that it can be checked."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.gateway.forwarding import Dropper
from crossbar.gateway.identity import (
    IDENTITY,
    IDENTITY_PREFIXES,
    LIFE,
    Facts,
    SignedIdentity,
    identity_fields,
    signed_identity,
)

KEY = b"a key of at least thirty-two bytes"
FACTS = Facts("4f2a", "9b1c", "admin", "staff", "key-demo")
NOW = 1_800_000_000.9


def _claims(token: bytes, upstream: str = "billing", key: bytes = KEY) -> dict[str, Any]:
    """What a token says, as an upstream would check it; the times are not looked at."""
    options: Any = {"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "sub"]}
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["HS256"], audience=upstream, issuer="crossbar", options=options
    )
    return claims


@pytest.mark.parametrize(
    "name",
    [
        *(name.decode() for name in IDENTITY),
        *("X-Crossbar-User", "x_crossbar_user", "x-crossbar_user", "x-crossbar-anything"),
        *("x-consumer-id", "x_consumer_username", "x-auth-user", "x_auth_email", "x-auth-request-groups"),
    ],
)
def test_clients_cannot_say_who_they_are(name: str) -> None:
    """Every field that upstreams take a gateway's word for is taken out, in every spelling."""
    assert [] == Dropper(frozenset(IDENTITY), IDENTITY_PREFIXES).kept([(name.encode(), b"root")])


def test_plain_fields_tell_the_facts() -> None:
    """One field each, and none for what is not known."""
    expected = [(b"x-crossbar-account", b"4f2a"), (b"x-crossbar-user", b"9b1c"), (b"x-crossbar-role", b"admin")]
    expected += [(b"x-crossbar-provider", b"staff"), (b"x-crossbar-consumer", b"key-demo")]
    assert tuple(expected) == identity_fields(FACTS)
    assert tuple(expected[1:2]) == identity_fields(Facts(user="9b1c"))
    assert () == identity_fields(Facts())


@pytest.mark.parametrize(
    ("user", "sent"),
    [
        ("auth0|7/x@example.com:~", b"auth0|7/x@example.com:~"),
        ("Zoë", b"Zo%C3%AB"),
        ("a b", b"a%20b"),
        ("a%20b", b"a%2520b"),
        ("a\r\nx-crossbar-role: admin", b"a%0D%0Ax-crossbar-role:%20admin"),
        ("\ud800", b"%ED%A0%80"),
    ],
    ids=["visible", "not ASCII", "blank", "percent", "line feed", "half a pair"],
)
def test_values_are_encoded(user: str, sent: bytes) -> None:
    """What is sent is visible ASCII, and no value can end its field."""
    assert ((b"x-crossbar-user", sent),) == identity_fields(Facts(user=user))


@given(st.text(st.characters(), min_size=1))
def test_what_we_write_is_read_back(user: str) -> None:
    """Decoded, a value is the fact, whatever it is."""
    ((_, value),) = identity_fields(Facts(user=user))
    assert value.isascii()
    assert not {*value} & {*range(0x21), 0x7F}
    assert user == unquote_to_bytes(value).decode("utf-8", "surrogatepass")


def test_a_signed_field_says_the_facts() -> None:
    """For one upstream, one minute and one request, and what is not known is left out."""
    claims = {"iss": "crossbar", "aud": "billing", "sub": "9b1c", "account": "4f2a", "role": "admin"}
    claims |= {"provider": "staff", "consumer": "key-demo", "jti": "request-7"}
    times = {"iat": 1_800_000_000, "exp": 1_800_000_060}
    assert claims | times == _claims(signed_identity(FACTS, KEY, "billing", NOW, "request-7"))
    alone = {"iss": "crossbar", "aud": "billing", "sub": "4f2a", "account": "4f2a"}
    assert alone | times == _claims(signed_identity(Facts("4f2a"), KEY, "billing", NOW))
    assert "key-demo" == _claims(signed_identity(Facts("4f2a", consumer="key-demo"), KEY, "billing", NOW))["sub"]


def test_a_signed_field_is_for_one_upstream() -> None:
    """Another one refuses it, and so does one that has another key."""
    token = signed_identity(FACTS, KEY, "billing", NOW)
    with pytest.raises(jwt.InvalidAudienceError):
        _claims(token, "users")
    with pytest.raises(jwt.InvalidSignatureError):
        _claims(token, key=KEY + b"!")


@pytest.mark.parametrize(
    ("later", "again"),
    [(0.0, True), (LIFE / 2, True), (LIFE / 2 + 0.1, False), (LIFE * 2.0, False), (-0.1, False)],
    ids=["at once", "half its life", "after that", "when it has ended", "clock set back"],
)
def test_a_signed_field_is_used_again_for_half_of_its_life(later: float, again: bool) -> None:
    """Whoever gets it has time to check it; a clock that was set back makes no token of the future."""
    signer = SignedIdentity(KEY, "billing")
    first = signer.signed(FACTS, NOW)
    second = signer.signed(FACTS, NOW + later)
    assert again == (first is second)
    assert _claims(second)["exp"] - (NOW + later) > LIFE / 2 - 1
    assert _claims(second)["iat"] <= NOW + later


def test_each_caller_has_a_field_of_their_own() -> None:
    """However many there are, and whichever are forgotten, nobody gets the field of somebody else."""
    signer = SignedIdentity(KEY, "billing", most=3)
    for _ in range(2):
        for name in "abcde":
            assert name == _claims(signer.signed(Facts("4f2a", name), NOW))["sub"]
    assert len(signer._known) <= 3
    assert signer.signed(Facts("4f2a", "e"), NOW) is signer.signed(Facts("4f2a", "e"), NOW)


def test_a_short_key_is_refused() -> None:
    """A key that can be guessed signs nothing; the sentence names the upstream and the length."""
    with pytest.raises(ValueError, match="'billing' has 31 bytes: it takes at least 32"):
        SignedIdentity(KEY[:31], "billing")
