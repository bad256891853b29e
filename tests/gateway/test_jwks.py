"""Keys of issuers: which are used, when they are fetched, and what happens while they cannot be had."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from crossbar.errors import Unauthorized, Unavailable
from crossbar.gateway.jwks import PAUSE, STALE, TOLD, algorithms_of, key_set_of
from crossbar.gateway.providers import JwtProvider, trial
from crossbar.settings import Jwt, Provider

from .issuers import DISCOVERY, KEYS, NOW, URL, Clock, Issuer, jwk, sent, token

ALL = ("RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA")
REFRESH = 600


class Desk:
    """A provider, its issuer and the clock of both."""

    def __init__(self, **said: Any) -> None:
        self.issuer = Issuer()
        self.clock = Clock()
        jwt = Jwt(**({"issuer": URL, "jwks": KEYS, "algorithms": ALL} | said))
        self.source = JwtProvider("staff", Provider(jwt), self.issuer.fetch, self.clock)

    async def check(self, algorithm: str = "EdDSA", kid: str | None = "a", number: int = 0) -> bool:
        """Say whether a token with a long life is good."""
        try:
            return bool(await self.source.check(sent(token(algorithm, kid, number, exp=NOW + 10 * STALE))))
        except Unauthorized:
            return False

    async def settle(self) -> None:
        """Let the fetch that is under way come to its end."""
        for _ in range(10):
            await asyncio.sleep(0)


# Which keys are used.


@pytest.mark.parametrize(
    ("told", "used"),
    [
        pytest.param(jwk("RS256"), {"RS256", "RS384", "PS256"}, id="rsa"),
        pytest.param(jwk("RS256", alg="PS256"), {"PS256"}, id="one-algorithm"),
        pytest.param(jwk("ES256"), {"ES256"}, id="p256"),
        pytest.param(jwk("ES384"), {"ES384"}, id="p384"),
        pytest.param(jwk("ES512"), set(), id="curve-that-is-not-listed"),
        pytest.param(jwk("EdDSA", use="sig", key_ops=["verify"]), {"EdDSA"}, id="edwards"),
        pytest.param(jwk("EdDSA", None), {"EdDSA"}, id="no-name"),
        pytest.param(jwk("RS256", bits=1024), set(), id="short"),
        pytest.param(jwk("RS256", use="enc"), set(), id="encryption"),
        pytest.param(jwk("RS256", key_ops=["encrypt"]), set(), id="operations"),
        pytest.param(jwk("RS256", alg="HS256"), set(), id="other-algorithm"),
        pytest.param(jwk("RS256", kty="EC"), set(), id="wrong-kind"),
        pytest.param(jwk("ES256", crv="P-384"), set(), id="wrong-curve"),
        pytest.param(jwk("ES256", crv="secp256k1"), set(), id="unknown-curve"),
        pytest.param(jwk("ES256", x="AAAA"), set(), id="not-on-the-curve"),
        pytest.param(jwk("EdDSA", d="AAAA"), set(), id="private"),
        pytest.param(jwk("EdDSA", x=7), set(), id="number"),
        pytest.param(jwk("RS256", n=[]), set(), id="list"),
        pytest.param(jwk("RS256", kty=["RSA"]), set(), id="list-of-kinds"),
        pytest.param(jwk("RS256") | {"kid": 7}, set(), id="name-as-number"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"}, set(), id="symmetric"),
        pytest.param({}, set(), id="empty"),
        pytest.param("key", set(), id="text"),
        pytest.param(None, set(), id="null"),
    ],
)
def test_which_keys_are_used(told: Any, used: set[str]) -> None:
    """A key is used for the algorithms of its kind; what no signature can be trusted to is passed over."""
    alone, both = ({"keys": [told]}, {"keys": [told, jwk("ES256", "beside")]})
    found = key_set_of(json.dumps(alone).encode(), algorithms_of(ALL))
    assert used == {algorithm for algorithm in ALL if found.fitting(None, algorithm)}
    found = key_set_of(json.dumps(both).encode(), algorithms_of(ALL))
    assert (1, 1 + bool(used)) == (len(found.fitting("beside", "ES256")), len(found.marks))


@pytest.mark.parametrize(("count", "tried"), [(8, 8), (9, 0)])
def test_a_token_that_names_no_key(count: int, tried: int) -> None:
    """Up to eight keys of its kind are tried, and with more of them none."""
    keys = [jwk("ES256", str(number)) for number in range(count)] + [jwk("EdDSA")]
    found = key_set_of(json.dumps({"keys": keys}).encode(), algorithms_of(ALL))
    assert (tried, 1) == (len(found.fitting(None, "ES256")), len(found.fitting(None, "EdDSA")))


# When they are fetched.


async def test_keys_are_fetched_once() -> None:
    """The first token waits for them, or finds them if the provider was opened before; the others use them."""
    desk = Desk()
    await desk.source.open()
    assert [True] * 3 == [await desk.check() for _ in range(3)]
    assert [KEYS] == desk.issuer.asked


async def test_an_unknown_key_has_them_fetched_again() -> None:
    """An issuer's new key is found, at most once in half a minute."""
    desk = Desk()
    assert await desk.check()
    desk.issuer.keys.append(jwk("ES256", "new"))
    desk.clock.now += PAUSE - 1
    assert (False, 1) == (await desk.check("ES256", "new"), len(desk.issuer.asked))
    desk.clock.now += 1
    assert (True, 2) == (await desk.check("ES256", "new"), len(desk.issuer.asked))
    assert (False, 2) == (await desk.check("ES256", "newer"), len(desk.issuer.asked))


async def test_many_tokens_with_unknown_keys_make_one_fetch() -> None:
    """Fifty that come together wait for one answer, as does one that comes late; who goes away does not end it."""
    desk = Desk()
    assert await desk.check()
    desk.issuer.keys.append(jwk("ES256", "new"))
    desk.clock.now += PAUSE
    desk.issuer.gate.clear()
    waiting = [asyncio.create_task(desk.check("ES256", "new")) for _ in range(50)]
    await desk.settle()
    waiting[0].cancel()
    desk.clock.now += PAUSE
    waiting.append(asyncio.create_task(desk.check("ES256", "new")))
    await desk.settle()
    desk.issuer.gate.set()
    assert [True] * 50 == await asyncio.gather(*waiting[1:])
    assert (True, 2) == (waiting[0].cancelled(), len(desk.issuer.asked))


async def test_keys_that_are_due_are_renewed_while_they_serve() -> None:
    """Nobody waits; a remembered token has them renewed as well as one that is new."""
    desk = Desk()
    assert await desk.check()
    fields = sent(token(exp=NOW + 10 * STALE))
    desk.issuer.gate.clear()
    desk.clock.now += REFRESH - 1
    assert (True, 1) == (await desk.check(), len(desk.issuer.asked))
    await desk.source.check(fields)
    desk.clock.now += 1
    assert desk.source.known(fields)
    await desk.settle()
    assert (True, 2) == (await desk.check(), len(desk.issuer.asked))
    desk.issuer.keys = [jwk("ES256", "new")]
    desk.issuer.gate.set()
    await desk.settle()
    assert (None, False, True) == (desk.source.known(fields), await desk.check(), await desk.check("ES256", "new"))


async def test_a_clock_that_is_set_back_makes_keys_due() -> None:
    """They are not kept for ever because of a clock that was wrong."""
    desk = Desk()
    assert await desk.check()
    desk.clock.now -= STALE
    desk.issuer.keys = [jwk("ES256", "new")]
    fields = sent(token("ES256", "new", iat=NOW - STALE))
    await desk.source.open()
    await desk.settle()
    assert (2, True) == (len(desk.issuer.asked), bool(await desk.source.check(fields)))


async def test_keys_that_are_never_due() -> None:
    """With `refresh = "0"` only a key that is unknown has them fetched again."""
    desk = Desk(refresh="0")
    assert await desk.check()
    desk.clock.now += 9 * STALE
    assert (True, 1) == (await desk.check(), len(desk.issuer.asked))
    desk.issuer.keys.append(jwk("ES256", "new"))
    assert (True, 2) == (await desk.check("ES256", "new"), len(desk.issuer.asked))


# An issuer that is down.


async def test_an_issuer_that_was_never_there() -> None:
    """Nobody can tell: 503, to be tried again in five seconds, in which it is left alone."""
    desk = Desk()
    desk.issuer.fault = OSError("it is down")
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await desk.check()
    assert ((b"retry-after", b"5"), 1) == (caught.value.headers[0], len(desk.issuer.asked))
    assert "down" not in caught.value.message
    desk.issuer.fault = None
    desk.clock.now += 5
    assert await desk.check()


async def test_an_issuer_that_goes_down(caplog: pytest.LogCaptureFixture) -> None:
    """Its keys serve for a day after they were due, it is asked every half minute, and told of every minute."""
    desk = Desk()
    assert await desk.check()
    fields = sent(token(exp=NOW + 10 * STALE))
    await desk.source.check(fields)
    desk.issuer.fault = OSError("it is down")
    desk.clock.now += REFRESH
    told = []
    with caplog.at_level(logging.WARNING, "crossbar"):
        for _ in range(6):
            assert (True, True) == (await desk.check(), desk.source.known(fields) is not None)
            await desk.settle()
            told.append(len(caplog.records))
            desk.clock.now += PAUSE
    assert ([1, 1, 2, 2, 3, 3], 7, 60) == (told, len(desk.issuer.asked), TOLD)
    assert f"the keys of {URL} cannot be had, those from before serve on: it is down" in caplog.text
    desk.clock.now = NOW + REFRESH + STALE - 1
    assert await desk.check()
    await desk.settle()
    desk.clock.now += 1
    assert None is desk.source.known(fields)
    with pytest.raises(Unavailable):
        await desk.check()


async def test_an_issuer_that_has_taken_all_keys_back(caplog: pytest.LogCaptureFixture) -> None:
    """It said so itself: its tokens are no good any more."""
    desk = Desk()
    assert await desk.check()
    desk.issuer.keys = []
    desk.clock.now += REFRESH
    assert await desk.check()
    await desk.settle()
    assert not await desk.check()
    assert f"provider staff: {KEYS} has no key for RS256, RS384" in caplog.text
    assert f"{URL} has no key for RS256, RS384" in await trial(desk.source)


async def test_closing_ends_a_fetch() -> None:
    """Whoever waits for the keys is told to come again."""
    desk = Desk()
    desk.issuer.gate.clear()
    waiting = asyncio.create_task(desk.check())
    await desk.settle()
    await desk.source.close()
    with pytest.raises(Unavailable):
        await waiting
    await desk.source.close()


# Where the keys are.


async def test_keys_are_found_by_discovery() -> None:
    """The issuer says itself where they are, each time anew."""
    desk = Desk(jwks="")
    assert ("", True) == (await trial(desk.source), await desk.check())
    assert [DISCOVERY, KEYS] * 2 == desk.issuer.asked


@pytest.mark.parametrize(
    ("issuer", "page", "says"),
    [
        (URL, {"issuer": "https://evil.example", "jwks_uri": KEYS}, "another name than the issuer"),
        (URL, {"issuer": f"{URL}/", "jwks_uri": KEYS}, "another name than the issuer"),
        (URL, {"issuer": URL, "jwks_uri": "http://login.example/keys"}, "its jwks_uri is not https"),
        (URL, {"issuer": URL, "jwks_uri": "http://127.0.0.1/keys"}, "its jwks_uri is not https"),
        (URL, {"issuer": URL, "jwks_uri": "file:///keys"}, "its jwks_uri is not https"),
        (URL, {"issuer": URL, "jwks_uri": 7}, "its jwks_uri is not https"),
        (URL, {"issuer": URL}, "has no issuer and jwks_uri"),
        (URL, [], "has no issuer and jwks_uri"),
        (URL, b"<html>", "has no issuer and jwks_uri"),
        ("http://localhost:1", {"issuer": "http://localhost:1", "jwks_uri": "http://other.example/"}, "is not https"),
        ("http://localhost:1", {"issuer": "http://localhost:1", "jwks_uri": "http://127.0.0.1:2/keys"}, ""),
        (f"{URL}/", {"issuer": f"{URL}/", "jwks_uri": KEYS}, ""),
    ],
)
async def test_what_discovery_may_say(issuer: str, page: Any, says: str) -> None:
    """Only the issuer itself is believed, and only places where nobody on the way can put keys of their own."""
    desk = Desk(jwks="", issuer=issuer)
    keys = {"keys": [jwk("EdDSA")]}
    found = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    desk.issuer.pages = {found: page, "http://127.0.0.1:2/keys": keys}
    told = await trial(desk.source)
    assert (says in told, bool(says)) == (True, bool(told))


@pytest.mark.parametrize("page", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": null}', b"\xff", b"<html>"])
async def test_what_is_no_key_set(page: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """It is told as such, and does not take the place of the keys that were there."""
    desk = Desk(jwks=f"{URL}/other")
    desk.issuer.pages[f"{URL}/other"] = {"keys": [jwk("EdDSA")]}
    assert await desk.check()
    desk.issuer.pages[f"{URL}/other"] = page
    desk.clock.now += REFRESH
    assert f"the keys of {URL} cannot be had: what it answers is no JWK set" in await trial(desk.source)
    assert await desk.check()
    await desk.settle()
    assert await desk.check()
    assert "those from before serve on: what it answers is no JWK set" in caplog.text
