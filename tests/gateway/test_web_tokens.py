"""Forged tokens: whatever a token says of algorithms and keys, only who holds an issuer's key can make one."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from crossbar.errors import Unauthorized
from crossbar.gateway.providers import JwtProvider
from crossbar.gateway.web_tokens import LONGEST, Rules, bearer_of, read_token
from crossbar.settings import Jwt, Provider

from .issuers import KEYS, NOW, URL, Clock, Issuer, claims, jwk, part, private, sent, token

ALGORITHMS: tuple[Any, ...] = ("RS256", "ES256", "EdDSA")
GOOD = token("EdDSA", "ed")
TEXT = GOOD.encode()


def provider(issuer: Issuer | None = None) -> JwtProvider:
    """Make a provider whose issuer has a key of each kind."""
    issuer = issuer or Issuer(jwk("RS256", "rsa"), jwk("ES256", "ec"), jwk("EdDSA", "ed"))
    return JwtProvider("staff", Provider(Jwt(URL, jwks=KEYS, algorithms=ALGORITHMS)), issuer.fetch, Clock())


def forged(head: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Make a token with any header and any signature."""
    content = f"{part(head)}.{part(claims(sub='mallory'))}"
    return f"{content}.{urlsafe_b64encode(sign(content.encode())).rstrip(b'=').decode()}"


def by_hmac(secret: bytes) -> Callable[[bytes], bytes]:
    """Sign as HS256 does."""
    return lambda content: hmac.digest(secret, content, "sha256")


def pem(algorithm: str) -> bytes:
    """Give the public key of an algorithm as anybody can write it from the key set."""
    return private(algorithm).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[no-any-return]


FORGED = {
    "hmac-of-the-public-key": forged({"alg": "HS256", "kid": "rsa"}, by_hmac(pem("RS256"))),
    "hmac-of-the-jwk": forged({"alg": "HS256", "kid": "rsa"}, by_hmac(json.dumps(jwk("RS256", "rsa")).encode())),
    "hmac-of-nothing": forged({"alg": "HS256"}, by_hmac(b"")),
    "hmac-called-rsa": forged({"alg": "RS256", "kid": "rsa"}, by_hmac(pem("RS256"))),
    "none": forged({"alg": "none"}, lambda _: b"x"),
    "none-in-capitals": forged({"alg": "None", "kid": "ed"}, lambda _: b"x"),
    "rsa-with-the-key-of-a-curve": token("RS256", "ec"),
    "curve-with-the-key-of-rsa": token("ES256", "rsa"),
    "another-padding": token("PS256", "rsa"),
    "another-digest": token("RS512", "rsa"),
    "another-key": token("RS256", "rsa", 1),
    "another-key-without-a-name": token("RS256", None, 1),
    "zeros-for-a-curve": forged({"alg": "ES256", "kid": "ec"}, lambda _: bytes(64)),
    "zeros-for-edwards": forged({"alg": "EdDSA", "kid": "ed"}, lambda _: bytes(64)),
    "short-signature": forged({"alg": "ES256", "kid": "ec"}, lambda _: b"x"),
    "own-key-inside": token("RS256", "rsa", 1, head={"jwk": jwk("RS256", "rsa", 1)}),
    "own-key-elsewhere": token("RS256", "rsa", 1, head={"jku": "https://evil.example/keys"}),
    "own-certificate": token("RS256", "rsa", 1, head={"x5u": "https://evil.example/x", "x5c": ["MIIB"]}),
    "key-by-path": token("RS256", "../../../../dev/null", 1),
    "key-by-query": token("RS256", "' UNION SELECT 'x", 1),
    "key-by-empty-name": token("RS256", "", 1),
    "key-by-long-name": token("RS256", "k" * 4000, 1),
}


@pytest.mark.parametrize("case", FORGED)
async def test_forged_tokens(case: str) -> None:
    """Nobody is told who they say they are, and nothing is fetched but the issuer's own key set."""
    issuer = Issuer(jwk("RS256", "rsa"), jwk("ES256", "ec"), jwk("EdDSA", "ed"))
    source = provider(issuer)
    with pytest.raises(Unauthorized) as caught:
        await source.check(sent(FORGED[case]))
    assert (None, set()) == (source.known(sent(FORGED[case])), set(issuer.asked) - {KEYS})
    assert "mallory" not in caught.value.message


@pytest.mark.parametrize("case", ["hmac-of-the-public-key", "none", "another-padding", "another-digest"])
async def test_algorithms_that_are_not_accepted(case: str) -> None:
    """They are told as such, and nothing is asked of the issuer."""
    issuer = Issuer()
    with pytest.raises(Unauthorized, match="signed by an algorithm that is not accepted here"):
        await provider(issuer).check(sent(FORGED[case]))
    assert [] == issuer.asked


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kid", ["own", None])
async def test_the_tokens_that_were_forged_are_good_otherwise(algorithm: str, kid: str | None) -> None:
    """With the right key, by its name or without one, such tokens are good; what they say of keys is passed over."""
    name = {"RS256": "rsa", "ES256": "ec", "EdDSA": "ed"}[algorithm] if kid else None
    head = {"jwk": jwk("RS256", "rsa", 1), "jku": "https://evil.example/keys"}
    assert "ada" == (await provider().check(sent(token(algorithm, name, head=head)))).user


UNREADABLE = {
    "empty": "",
    "dots": "..",
    "one-part": "eyJhbGciOiJub25lIn0",
    "two-parts": GOOD.rpartition(".")[0],
    "no-signature": GOOD.rpartition(".")[0] + ".",
    "four-parts": f"{GOOD}.x",
    "encrypted": ".".join(["eyJhbGciOiJSU0EtT0FFUCJ9"] * 5),
    "padding": f"{GOOD}==",
    "space": f"{GOOD} x",
    "line": f"{GOOD}\n",
    "other-alphabet": f"{part({'alg': 'EdDSA'})}.+/+/.{part('x')}",
    "left-over-bits": f"{part({'alg': 'EdDSA'})}.{part(claims())}.AB",
    "one-character": f"{part({'alg': 'EdDSA'})}.{part(claims())}.A",
    "no-json": f"{part({'alg': 'EdDSA'})}.bm9uZQ.AA",
    "no-object": f"{part({'alg': 'EdDSA'})}.{part([1])}.AA",
    "no-header-object": f"{part('EdDSA')}.{part(claims())}.AA",
    "no-algorithm": f"{part({})}.{part(claims())}.AA",
    "algorithm-as-list": f"{part({'alg': ['EdDSA']})}.{part(claims())}.AA",
    "key-as-number": f"{part({'alg': 'EdDSA', 'kid': 7})}.{part(claims())}.AA",
    "demands": token("EdDSA", "ed", head={"crit": ["exp"], "exp": NOW}),
    "demands-nothing": token("EdDSA", "ed", head={"crit": []}),
    "detached": token("EdDSA", "ed", head={"b64": False, "crit": ["b64"]}),
    "deep": f"{part({'alg': 'EdDSA'})}.{'W1tb' * 2000}.AA",
    "not-unicode": f"{part({'alg': 'EdDSA'})}.{urlsafe_b64encode(bytes([255] * 3)).decode()}.AA",
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_token(case: str) -> None:
    """The sentence says what to send, and repeats nothing of what was sent."""
    with pytest.raises(Unauthorized, match="cannot be read: send the JWT as its issuer gave it"):
        read_token(UNREADABLE[case].encode())


@pytest.mark.parametrize("length", [LONGEST + 1, 1 << 20])
def test_a_token_that_is_too_long(length: int) -> None:
    """It is not looked at, however good it may be."""
    text = token("EdDSA", "ed", more="x" * length).encode()
    with pytest.raises(Unauthorized, match="longer than 16384 bytes"):
        read_token(text)


def test_the_longest_token() -> None:
    """Up to 16 KiB a token is read, and its parts are what they were made of."""
    text = token("EdDSA", "ed", more="x" * 12_000).encode()
    found = read_token(text)
    assert ("EdDSA", "ed", "x" * 12_000) == (found.algorithm, found.kid, found.claims["more"])
    assert len(text) < LONGEST < len(text) + 500
    assert text.rpartition(b".")[0] == found.content


@given(st.integers(0, len(TEXT) - 1), st.sampled_from(b"ABCxyz019-_.= /+"))
def test_no_character_can_be_changed(place: int, character: int) -> None:
    """A token with another character anywhere is not the same token, and not a good one."""
    changed = TEXT[:place] + bytes([character]) + TEXT[place + 1 :]
    good = True
    try:
        found = read_token(changed)
        private("EdDSA").public_key().verify(found.signature, found.content)
    except Exception:
        good = False
    assert (changed == TEXT) == good


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    """Nothing that a client can send raises anything but a refusal."""
    rules = Rules(URL, frozenset(ALGORITHMS), frozenset(), 30)
    assert bearer_of(text) is None or text[:6].lower() == b"bearer"
    with pytest.raises(Unauthorized):
        rules.end_of(read_token(text), NOW)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "nbf", "iat"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none() | st.text()),
    )
)
def test_any_claims_are_judged_or_refused(said: dict[str, Any]) -> None:
    """Claims of any kind have an end in the future, or are refused; NaN and Infinity are no JSON."""
    rules = Rules(URL, frozenset(ALGORITHMS), frozenset({"crossbar"}), 30)
    text = f"{part({'alg': 'EdDSA'})}.{part(claims(**said))}.AA".encode()
    try:
        assert rules.end_of(read_token(text), NOW) > NOW
    except Unauthorized:
        assert said
