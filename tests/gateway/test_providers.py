"""Providers: whose a key or a token is, what is refused and with which sentence, and what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from crossbar import settings
from crossbar.errors import SettingsError, TokenExpired, Unauthorized
from crossbar.gateway import providers
from crossbar.gateway.jwks import PAUSE
from crossbar.gateway.providers import Identity, Source, providers_of, trial

from .issuers import KEYS, NOW, URL, Clock, Issuer, jwk, private, sent, token

SECRET = "cb_" + "x" * 43
HASH = sha256(SECRET.encode()).hexdigest()
KEY = {"id": "acme", "sha256": HASH, "account": "4f2a", "user": "ada", "claims": {"plan": "gold"}}


def made(said: dict[str, Any], issuer: Issuer | None = None, clock: Clock | None = None) -> Source:
    """Make the provider `staff` from a table of the settings."""
    table = msgspec.convert({"staff": said}, dict[str, settings.Provider])
    return providers_of(table, clock or Clock(), (issuer or Issuer()).fetch)["staff"]


def with_jwt(**said: Any) -> dict[str, Any]:
    """Give the table of a provider of tokens."""
    return {"jwt": {"issuer": URL, "jwks": KEYS, "algorithms": ["EdDSA"]} | said}


# API keys.


async def test_an_api_key_says_whose_it_is() -> None:
    """Its entry in the settings is who is asking, without anybody waiting."""
    source = made({"keys": [KEY]})
    expected = Identity("staff", "staff:acme", "4f2a", "ada", {"plan": "gold"})
    assert expected == source.known({b"x-api-key": SECRET.encode()})
    assert expected == await source.check({b"x-api-key": SECRET.encode()})
    assert "" == await trial(source)


@pytest.mark.parametrize("text", ["", SECRET[:-1], SECRET + "x", HASH, SECRET.upper()])
async def test_other_keys_are_nobody(text: str) -> None:
    """What is not the key itself, its hash among that, tells nobody; the refusal does not repeat it."""
    source = made({"keys": [KEY]})
    headers = {b"x-api-key": text.encode()}
    assert (True, None) == (source.speaks(headers), source.known(headers))
    with pytest.raises(Unauthorized, match=r"is unknown.*x-api-key"):
        await source.check(headers)


async def test_a_request_without_an_api_key() -> None:
    """The field in which one is expected is named, with the spelling of the settings."""
    source = made({"keys": [KEY], "header": "Client-Key"})
    assert (False, None) == (source.speaks({b"x-api-key": b"x"}), source.known({b"x-api-key": SECRET.encode()}))
    with pytest.raises(Unauthorized, match="missing: send one in the field Client-Key"):
        await source.check({})
    assert source.known({b"client-key": SECRET.encode()})
    assert (frozenset({b"client-key"}), b'ApiKey realm="staff", header="Client-Key"') == (
        source.fields,
        source.challenge,
    )


# Settings.


@pytest.mark.parametrize(
    ("name", "said", "fault"),
    [
        pytest.param("staff", {}, "provider.staff: it needs either jwt or keys", id="nothing"),
        pytest.param("staff", {**with_jwt(), "keys": [KEY]}, "provider.staff: it needs either", id="both"),
        pytest.param("none", {"keys": [KEY]}, "provider.none: 'none' means something else", id="none"),
        pytest.param("crossbar", with_jwt(), "provider.crossbar: 'crossbar' means something else", id="crossbar"),
        pytest.param(
            "a", {"keys": [KEY, KEY | {"id": "b"}]}, "provider.a.keys[1].sha256: is that of keys[0]", id="hash"
        ),
        pytest.param("a", {"keys": [KEY, KEY | {"sha256": "0" * 64}]}, "provider.a.keys[1].id: is that of", id="id"),
        pytest.param(
            "a", {"keys": [KEY], "header": "Authorization"}, "provider.a.header: Authorization has", id="header"
        ),
        pytest.param("a", with_jwt(issuer=""), "provider.a.jwt.issuer: is empty", id="no-issuer"),
        pytest.param("a", with_jwt(audience=""), "provider.a.jwt.audience: is empty", id="audience"),
        pytest.param("a", with_jwt(audience=["x", ""]), "provider.a.jwt.audience: is empty", id="audiences"),
        *(
            pytest.param(
                "a", with_jwt(jwks="", issuer=issuer), "provider.a.jwt.issuer: is no URL with https", id=issuer
            )
            for issuer in (
                "staff",
                "http://login.example",
                "https://",
                "https://x:99999",
                "https://x?y",
                "https://x#y",
                "https://u:p@x",
                "http://127.0.0.1.example",
                "http://[::1",
            )
        ),
    ],
)
def test_faults_of_the_settings(name: str, said: dict[str, Any], fault: str) -> None:
    """A provider that contradicts itself, or that cannot be kept safely, is told with its key, and by itself."""
    with pytest.raises(SettingsError) as caught:
        providers_of(msgspec.convert({name: said}, dict[str, settings.Provider]), Clock())
    assert [True] == [each.startswith(fault) for each in caught.value.faults]
    one = msgspec.convert(said, settings.Provider)
    with pytest.raises(ValueError, match="provider"):
        providers.JwtProvider(name, one, Issuer().fetch, Clock()) if one.jwt else providers.KeyProvider(name, one)


def test_all_faults_are_told_at_once() -> None:
    """Nobody has to start five times to hear of five faults."""
    table = {"none": {}, "a": with_jwt(issuer="", audience=""), "b": {"keys": [KEY, KEY]}}
    with pytest.raises(SettingsError) as caught:
        providers_of(msgspec.convert(table, dict[str, settings.Provider]), Clock())
    assert 6 == len(caught.value.faults)


def test_without_the_package_for_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is told, where tokens of issuers are wanted; API keys need nothing."""
    issuer = Issuer()
    monkeypatch.setattr("jwt.algorithms.has_crypto", False)
    with pytest.raises(SettingsError, match=r"provider.staff.jwt.algorithms: .* install crossbar-rest\[gateway\]"):
        made(with_jwt(), issuer)
    assert made({"keys": [KEY]}, issuer)


@pytest.mark.parametrize("issuer", ["https://login.example/realms/a", "http://localhost:8080", "http://[::1]:1/"])
def test_issuers_whose_keys_can_be_found(issuer: str) -> None:
    """With https, or on this machine, no place of the keys has to be named."""
    assert made(with_jwt(jwks="", issuer=issuer))


# Tokens.


@pytest.mark.parametrize(
    "algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
async def test_a_token_says_whose_it_is(algorithm: str) -> None:
    """Signed by any algorithm that the settings list, it is believed."""
    issuer = Issuer(jwk(algorithm))
    source = made(with_jwt(algorithms=[algorithm]), issuer)
    found = await source.check(sent(token(algorithm)))
    assert ("staff", "staff:ada", "4f2a", "ada") == (found.provider, found.consumer, found.account, found.user)
    assert (NOW + 600, "crossbar") == (found.claims["exp"], found.claims["aud"])


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param({"org": {"id": "x"}}, ("staff:ada", "x", "ada"), id="nested"),
        pytest.param({"org.id": "y", "org": {"id": "x"}}, ("staff:ada", "y", "ada"), id="dots-in-its-name"),
        pytest.param({"org": {"id": 7}}, ("staff:ada", "", "ada"), id="no-text"),
        pytest.param({"org": {"id": ["x"]}}, ("staff:ada", "", "ada"), id="list"),
        pytest.param({"org": "x"}, ("staff:ada", "", "ada"), id="no-object"),
        pytest.param({"org": {"id": "x\r\ny: z"}}, ("staff:ada", "", "ada"), id="control-characters"),
        pytest.param({"sub": None}, ("staff:4f2a", "4f2a", ""), id="no-subject"),
        pytest.param({"sub": None, "client_id": "robot"}, ("staff:robot", "4f2a", ""), id="client"),
        pytest.param({"sub": None, "azp": "robot"}, ("staff:robot", "4f2a", ""), id="authorized-party"),
        pytest.param({"sub": "Zoë"}, ("staff:Zoë", "4f2a", "Zoë"), id="any-letters"),
    ],
)
async def test_who_a_token_is_for(own: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """The claims that the settings name say account and user; what is no plain text says nothing."""
    source = made(with_jwt(account="org.id" if "org" in own else "account_id"))
    found = await source.check(sent(token(**own)))
    assert expected == (found.consumer, found.account, found.user)


@pytest.mark.parametrize(("one", "other"), [("x" * 300, "y" * 300), ("a\n", "b\n")], ids=["long", "unprintable"])
async def test_a_name_that_nobody_can_print_is_counted_by_its_hash(one: str, other: str) -> None:
    """Names that are too long for a log are told apart all the same."""
    source = made(with_jwt())
    first, second = [await source.check(sent(token(sub=sub, account_id=None))) for sub in (one, other)]
    assert (70, 70, False) == (len(first.consumer), len(second.consumer), first.consumer == second.consumer)


REFUSED: Mapping[str, tuple[dict[str, Any], str]] = {
    "another-issuer": ({"iss": "https://evil.example"}, "another issuer"),
    "no-issuer": ({"iss": None}, "another issuer"),
    "another-audience": ({"aud": "mail"}, "audience"),
    "other-audiences": ({"aud": ["mail", 7, None, ["crossbar"]]}, "audience"),
    "no-audience": ({"aud": None}, "audience"),
    "no-end": ({"exp": None}, "no end"),
    "end-as-text": ({"exp": str(NOW + 600)}, "no number"),
    "end-as-truth": ({"exp": True}, "no number"),
    "not-yet": ({"nbf": NOW + 31}, "not good yet"),
    "made-tomorrow": ({"iat": NOW + 86_400}, "not good yet"),
    "made-as-text": ({"iat": "now"}, "no number"),
    "expired": ({"exp": NOW - 30}, "expired"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_claims_that_are_refused(case: str) -> None:
    """The sentence says what to do, and that a token which was good once has expired is told as such."""
    own, says = REFUSED[case]
    issuer = Issuer()
    source = made(with_jwt(audience=["crossbar", "gate"]), issuer)
    with pytest.raises(Unauthorized, match=says) as caught:
        await source.check(sent(token(**own)))
    assert (case == "expired", 401, []) == (isinstance(caught.value, TokenExpired), caught.value.status, issuer.asked)


@pytest.mark.parametrize("own", [{"exp": NOW - 29}, {"nbf": NOW + 30}, {"iat": NOW + 30}, {"aud": ["x", "gate"]}])
async def test_claims_that_are_good_enough(own: dict[str, Any]) -> None:
    """Clocks may differ by the leeway, and one of several audiences is enough."""
    assert await made(with_jwt(audience=["crossbar", "gate"])).check(sent(token(**own)))


@pytest.mark.parametrize(
    ("field", "speaks"),
    [
        (b"bearer " + token().encode(), True),
        (b"BEARER   " + token().encode() + b" ", True),
        (b"Bearer nonsense", True),
        (b"Bearer " + token(iss="https://other.example").encode(), False),
        (b"Bearer", False),
        (b"Bearer ", False),
        (b"Basic " + token().encode(), False),
        (token().encode(), False),
    ],
)
async def test_what_is_a_token_of_its_kind(field: bytes, speaks: bool) -> None:
    """A bearer token is, in any spelling of the word, unless it says itself that it is somebody else's."""
    source = made(with_jwt())
    assert speaks == source.speaks({b"authorization": field})
    if speaks and b"." in field:
        assert "ada" == (await source.check({b"authorization": field})).user
    elif b"." not in field:
        with pytest.raises(Unauthorized):
            await source.check({b"authorization": field})
    assert (frozenset({b"authorization"}), b'Bearer realm="staff"') == (source.fields, source.challenge)


async def test_a_token_is_remembered_until_its_end() -> None:
    """Once it was checked nobody waits for it; after its end and the leeway, it has expired."""
    clock, text = Clock(), sent(token())
    source = made(with_jwt(), clock=clock)
    assert None is source.known(text)
    checked = await source.check(text)
    clock.now = NOW + 629
    assert checked is source.known(text)
    clock.now = NOW + 630
    assert None is source.known(text)
    with pytest.raises(TokenExpired):
        await source.check(text)


async def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first, a quarter of them, and other spellings of a token take no room."""
    monkeypatch.setattr(providers, "MOST_REMEMBERED", 8)
    source = made(with_jwt())
    fields = [sent(token(jti=str(number))) for number in range(9)]
    for each in fields:
        await source.check(each)
        await source.check({b"authorization": b"bearer" + each[b"authorization"][6:]})
    assert [False] * 2 + [True] * 7 == [source.known(each) is not None for each in fields]


async def test_a_key_that_is_gone_takes_its_tokens_along() -> None:
    """Tokens of the other key are remembered still."""
    clock, issuer = Clock(), Issuer(jwk("EdDSA"), jwk("ES256", "b"))
    source = made(with_jwt(algorithms=["EdDSA", "ES256", "RS256"]), issuer, clock)
    gone, stays = sent(token()), sent(token("ES256", "b"))
    await source.check(gone)
    await source.check(stays)
    issuer.keys = [jwk("ES256", "b"), jwk("RS256", "c")]
    clock.now += PAUSE
    assert await source.check(sent(token("RS256", "c")))
    assert (None, True) == (source.known(gone), source.known(stays) is not None)
    with pytest.raises(Unauthorized, match="a key that its issuer does not have"):
        await source.check(gone)


def test_private_keys_are_made_once() -> None:
    """The helper gives the same key for the same arguments, or the tests would prove nothing."""
    assert private("RS256") is private("PS512")
    assert private("RS256") is not private("RS256", 1)
