"""How often a route may be asked, per consumer, per address and together; and what the caller is told of it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from crossbar.gateway.quotas import limits_of

from .gateways import NOUN, A, B, gateway, reply, route
from .misbehaving import Peer, scripted

KEYS = {"ada": "key-of-ada", "bob": "key-of-bob"}
PROVIDERS = {
    "provider": {
        "keys": {"keys": [{"id": n, "sha256": hashlib.sha256(k.encode()).hexdigest()} for n, k in KEYS.items()]}
    }
}


async def _always(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(reply(b"ok", b"ratelimit: theirs", b"ratelimit-policy: theirs"))


def _key(who: str) -> dict[str, str]:
    return {"X-API-Key": KEYS[who]}


async def test_each_consumer_has_its_own() -> None:
    """Whoever has used up theirs waits; the others do not."""
    rule = route(auth="keys", limit=["2/h per consumer"])
    async with scripted(_always) as port, gateway(rule, up=port, settings=PROVIDERS) as served:
        assert [200, 200, 429, 429] == [(await served.ask("GET /x/1", _key("ada"))).status for _ in range(4)]
        assert [200, 200, 429] == [(await served.ask("GET /x/1", _key("bob"))).status for _ in range(3)]


async def test_nobody_in_particular_is_counted_by_address() -> None:
    """Who says nothing of themselves has no more than one address."""
    rule = route(auth=["keys", "none"], limit=["1/h per consumer"])
    async with scripted(_always) as port, gateway(rule, up=port, settings=PROVIDERS) as served:
        assert [200, 429] == [(await served.ask("GET /x/1")).status for _ in range(2)]
        assert 200 == (await served.ask("GET /x/1", _key("ada"))).status


async def test_an_address_and_all_together() -> None:
    """Each route counts for itself."""
    rules = (
        route("/a", limit=["1/h per address"]),
        route("/b", limit=["1/h per route"]),
        route("/c", limit=["1/h per route"]),
    )
    async with scripted(_always) as port, gateway(*rules, up=port) as served:
        for path in ("/a", "/b", "/c"):
            assert [200, 429] == [(await served.ask(f"GET {path}")).status for _ in range(2)]


async def test_who_is_refused_uses_up_nothing_of_the_others() -> None:
    """Of several limits those of one caller come first, however the route lists them."""
    rule = route(auth="keys", limit=["5/h per route", "3/day per consumer", "1/h per consumer"])
    async with scripted(_always) as port, gateway(rule, up=port, settings=PROVIDERS) as served:
        assert [200] + [429] * 9 == [(await served.ask("GET /x/1", _key("ada"))).status for _ in range(10)]
        answer = await served.ask("GET /x/1", _key("bob"))
        assert 200 == answer.status
        assert '"consumer-h";r=0' in answer["ratelimit"] or ";r=0;" in answer["ratelimit"]


def test_the_narrowest_limits_come_first() -> None:
    """And the same limit said twice is one."""
    said = ("9/s per route", "5/day per consumer", "7/min per address", "2/s per consumer", "9/s per route")
    found = limits_of("r", said)
    expected = [("consumer", 2), ("consumer", 5), ("address", 7), ("route", 9)]
    assert expected == [(limit.by, limit.group.quota.size) for limit in found]
    assert len({limit.stem for limit in found}) == len(found)


ONCE = ["1/h per route"]


@pytest.mark.parametrize(
    ("path", "rule", "left", "word"),
    [
        ("/x/1", route(limit=ONCE), "ratelimit", ("reason", "too_many_requests")),
        (f"/v2/accounts/{A}/invoices", route(NOUN, limit=ONCE), "ratelimit", ("message", "too_many_requests")),
        (
            "/restapi/v1.0/account/~/invoices",
            route(NOUN, limit=ONCE),
            "x-rate-limit-remaining",
            ("errorCode", "CMN-301"),
        ),
        (
            f"/api/ver1.0/accounts/{A}/invoices",
            route(NOUN, limit=ONCE),
            "x-ratelimit-remaining",
            ("message", "too many requests: wait and try again"),
        ),
    ],
    ids=["problem", "crossbar", "ringcentral", "realm"],
)
async def test_what_is_told_of_it(path: str, rule: dict[str, Any], left: str, word: tuple[str, str]) -> None:
    """How many are left, in the words of the form and in these alone; and when to come back, in each form."""
    async with scripted(_always) as port, gateway(rule, up=port) as served:
        bearer = {"Authorization": f"Bearer {served.tokens[A]}"}
        for status in (200, 429):
            answer = await served.ask(f"GET {path}", bearer)
            assert status == answer.status
            assert answer[left] == "0" or answer[left].startswith('"route";r=0;t=3')
        assert 0 < int(answer["retry-after"]) <= 3600
        assert word[1] == answer.json[word[0]]
        assert "too_many_requests" == (await served.logged())["reason"]


async def test_what_an_upstream_says_of_its_own_limits_is_passed() -> None:
    """Where there are none of ours."""
    async with scripted(_always) as port, gateway(route(), up=port) as served:
        assert "theirs" == (await served.ask("GET /x/1"))["ratelimit"]


async def test_a_noun_counts_in_its_dialect_too() -> None:
    """The bucket of the account is told if it is the emptier one."""
    settings = {"rate": {"enabled": True, "size": 3, "refill": 3, "per": "hour"}}
    rule = route(NOUN, limit=["100/h per route"])
    async with scripted(_always) as port, gateway(rule, up=port, settings=settings) as served:
        found = [await served.ask(f"GET /v2/accounts/{A}/invoices", account=A) for _ in range(4)]
        assert [200, 200, 200, 429] == [answer.status for answer in found]
        assert found[0]["ratelimit"].startswith('"default";r=2;')
        other = await served.ask(f"GET /v2/accounts/{B}/invoices", account=B)
        assert 200 == other.status


# Pages of other sites.

PAGE = "https://app.example"
CORS = {"origins": [PAGE], "headers": ["x-mine"], "max_age": 60}


async def test_a_page_may_read_what_its_route_says() -> None:
    """What the upstream says of pages does not count, and errors may be read as well."""

    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(reply(b"ok", b"access-control-allow-origin: *", b"vary: Accept"))

    rules = (route(cors=CORS), route("/y/**"), route("/busy", cors=CORS, limit=["1/h per route"]))
    async with scripted(handler) as port, gateway(*rules, up=port) as served:
        answer = await served.ask("GET /x/1", {"Origin": PAGE})
        assert ([PAGE], "Accept, Origin") == (answer.all("access-control-allow-origin"), answer["vary"])
        other = await served.ask("GET /x/1", {"Origin": "https://evil.example"})
        assert ([], "Accept, Origin") == (other.all("access-control-allow-origin"), other["vary"])
        assert ["*"] == (await served.ask("GET /y/1", {"Origin": PAGE})).all("access-control-allow-origin")
        for status in (200, 429):
            answer = await served.ask("GET /busy", {"Origin": PAGE})
            assert (status, PAGE) == (answer.status, answer["access-control-allow-origin"])


async def test_what_a_browser_asks_ahead_is_answered_here() -> None:
    """The upstream is not asked; without rules of ours it is."""
    asked: list[bytes] = []

    async def handler(peer: Peer) -> None:
        while True:
            asked.append((await peer.request())[0])
            await peer.send(reply(b""))

    ahead = {"Origin": PAGE, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-mine"}
    rules = (route(cors=CORS, methods=["GET", "PUT"], auth="crossbar"), route("/y/**"), route(NOUN, cors=CORS))
    async with scripted(handler) as port, gateway(*rules, up=port) as served:
        for path in ("/x/1", f"/v2/accounts/{A}/invoices/1"):
            answer = await served.ask(f"OPTIONS {path}", ahead)
            assert (204, PAGE, "60") == (
                answer.status,
                answer["access-control-allow-origin"],
                answer["access-control-max-age"],
            )
            assert "PUT" in answer["access-control-allow-methods"]
            assert "x-mine" in answer["access-control-allow-headers"]
        assert [] == asked
        assert 200 == (await served.ask("OPTIONS /y/1", ahead)).status
    assert 1 == len(asked)
