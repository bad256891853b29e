"""Merging: several calls at once, one answer with a name for each, and what it says of those that failed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar import Endpoint, Mounted

from .gateways import A, B, Gateway, gateway, reply, route, until
from .misbehaving import Handler, Peer, answering, scripted

JSON = b"content-type: application/json"
PATH = f"/v2/accounts/{A}/dashboard"
ROUTE = "/v2/accounts/{account}/dashboard"


def merging(path: str = ROUTE, missing: str = "report", **merge: str) -> dict[str, Any]:
    """A route that merges these parts."""
    return route(path, merge=merge, missing=missing)


class Waiting:
    """A target whose answers go out when so many requests have come."""

    def __init__(self, together: int) -> None:
        self.left = together
        self.all = asyncio.Event()
        self.heads: list[bytes] = []

    async def __call__(self, peer: Peer) -> None:
        while True:
            head, _ = await peer.request()
            self.heads.append(head)
            self.left -= 1
            if not self.left:
                self.all.set()
            await self.all.wait()
            await peer.send(reply(b'"%b"' % head.split(b" ")[1], JSON))


async def test_all_parts_are_asked_for_at_the_same_time() -> None:
    """None of them waits for another one, and each has its path, its query and the fields of the client."""
    target = Waiting(3)
    rule = merging(
        one="up:/one/{account}?a=%20b&c", two="up:/two", three="up:/three", users="module:/users?page_size=1"
    )
    async with scripted(target) as port, gateway(rule, up=port) as served:
        asked = {"X-Mine": "7", "If-None-Match": '"a"', "Range": "bytes=0-1", "Accept": "text/html", "Expect": "x"}
        answer = await served.ask(f"GET {PATH}?mine=1", asked, account=A)
        data = answer.json["data"]
        assert [f"/one/{A}?a=%20b&c", "/two", "/three"] == [data[name] for name in ("one", "two", "three")]
        assert ["admin"] == [user["username"] for user in data["users"]]
        assert "incomplete" not in data
        line = await served.logged()
        assert (200, ROUTE) == (line["status"], line["route"])
    for head in target.heads:
        assert b"\r\nx-mine: 7\r\n" in head.lower()
        assert b"\r\naccept: application/json\r\n" in head
        assert A.encode() in head
        for gone in (b"if-none-match", b"range:", b"text/html", b"mine=1", b"expect"):
            assert gone not in head.lower()


async def test_parts_come_in_the_dialect_of_the_caller() -> None:
    """An envelope in Crossbar's words, none in the others, and the numbers of an upstream as it wrote them."""
    said = reply(b'{"big":123456789012345678901,"n":1.50}', JSON)
    async with scripted(answering(*[said] * 3)) as port, gateway(merging(one="up:/"), up=port) as served:
        bearer = {"Authorization": f"Bearer {served.tokens[A]}"}
        for path in (PATH, "/restapi/v1.0/account/~/dashboard", f"/api/ver1.0/accounts/{A}/dashboard"):
            answer = await served.ask(f"GET {path}", bearer)
            assert 200 == answer.status
            assert b'"one":{"big":123456789012345678901,"n":1.50}' in answer.body


@pytest.mark.parametrize("form", ["problem", "crossbar"])
async def test_a_plain_route_merges_too(form: str) -> None:
    """Without an account, and in the form that it has."""
    rule = route("/all", merge={"one": "up:/1", "two": "up:/2"}, form=form)
    async with scripted(Waiting(2)) as port, gateway(rule, up=port) as served:
        answer = await served.ask("GET /all")
        found = answer.json["data"] if form == "crossbar" else answer.json
        assert {"one": "/1", "two": "/2"} == found


async def _cut(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1,")


async def _endless(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await peer.send(b"10000\r\n" + b"1" * 65_536 + b"\r\n")


async def _late(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1,")
    await peer.gone()


FAILING: dict[str, tuple[Handler, int, str]] = {
    "404": (answering(reply(b"{}", JSON, status=b"404 Not Found")), 404, "upstream_error"),
    "500": (answering(reply(b"{}", JSON, status=b"500 Oops")), 502, "upstream_error"),
    "redirect": (answering(reply(b"", b"location: http://10.0.0.1/", status=b"302 Found")), 502, "upstream_garbled"),
    "no JSON": (answering(reply(b"<p>")), 502, "upstream_garbled"),
    "half of it": (answering(reply(b"[1,", JSON)), 502, "upstream_garbled"),
    "nothing": (answering(reply(b"", JSON)), 502, "upstream_garbled"),
    "compressed": (answering(reply(b"\x1f\x8b", JSON, b"content-encoding: gzip")), 502, "upstream_garbled"),
    "cut": (_cut, 502, "upstream_reset"),
    "too large": (_endless, 502, "upstream_garbled"),
    "garbage": (answering(b"SSH\r\n\r\n"), 502, "upstream_garbled"),
    "late": (_late, 504, "upstream_timeout"),
}


@pytest.mark.parametrize("missing", ["report", "fail"])
@pytest.mark.parametrize("what", FAILING)
async def test_a_part_that_fails_is_named(what: str, missing: str) -> None:
    """Either beside those that are there, or as the error of the whole; nothing goes on behind it."""
    handler, status, reason = FAILING[what]
    rule = merging(missing=missing, bad="bad:/", good="good:/")
    limits = {"timeout": {"idle": "50ms"} if what == "late" else {}, "eject": "never"}
    async with (
        scripted(handler) as bad,
        scripted(answering(reply(b"[7]", JSON))) as good,
        gateway(rule, bad=bad, good=good, upstream=limits) as served,
    ):
        answer = await served.ask(f"GET {PATH}", account=A)
        if missing == "report":
            assert (200, {"good": [7], "incomplete": ["bad"]}) == (answer.status, answer.json["data"])
        else:
            assert (status, reason) == (answer.status, answer.json["message"])
            assert reason == (await served.logged())["reason"]


async def test_nothing_at_all_is_an_error() -> None:
    """If every part is missing, the first refusal is that of the whole, whatever is said of missing ones."""
    one = answering(reply(b"", status=b"404 Not Found"))
    async with (
        scripted(one) as first,
        scripted(answering(reply(b"", status=b"403 No"))) as second,
        gateway(merging(one="first:/", two="second:/"), first=first, second=second) as served,
    ):
        assert 404 == (await served.ask(f"GET {PATH}", account=A)).status


async def test_204_is_null() -> None:
    """There is no content, and that is what the part says."""
    said = b"HTTP/1.1 204 No Content\r\n\r\n"
    async with scripted(answering(said)) as port, gateway(merging(one="up:/"), up=port) as served:
        assert {"one": None} == (await served.ask(f"GET {PATH}", account=A)).json["data"]


# Parts of modules.


class Slow(Endpoint):
    """A module that answers when it is let, or never."""

    name = "slow"
    provides = ("application/json",)

    async def find(self, ctx: Any) -> Any:
        """Wait for ever."""
        await asyncio.Event().wait()


class Bad(Endpoint):
    """A module that crashes."""

    name = "bad"

    async def find(self, ctx: Any) -> Any:
        """Crash."""
        raise KeyError("secret")


class Shown(Endpoint):
    """A module that tells where it is asked, and by whom."""

    name = "shown"

    async def find(self, ctx: Any) -> Any:
        """What the request is in the eyes of a module."""
        return {"tenant": ctx.tenant, "account": ctx.caller().account_id, "query": dict(ctx.query), "verb": ctx.verb}


async def _never(*_: Any) -> None:
    raise AssertionError("nobody hands a part of a request over")


async def test_a_module_sees_the_caller_and_the_account() -> None:
    """As if the caller had asked for it there."""
    rule = merging(
        here="module:shown?a=b", there=f"module:/v2/accounts/{B}/shown", below="module:accounts/{account}/shown"
    )
    async with gateway(rule, up=1, options={"endpoints": [Shown()]}) as served:
        data = (await served.ask(f"GET {PATH}", account=A)).json["data"]
        assert {"tenant": A, "account": A, "query": {"a": "b"}, "verb": "GET"} == data["here"]
        assert B == data["there"]["tenant"]
        assert A == data["below"]["tenant"]


async def test_a_module_gives_no_more_than_the_caller_may_see() -> None:
    """Another account's part is missing for who may not enter it, and so is what belongs to no account."""
    rule = merging(
        mine="module:shown",
        parent=f"module:/v2/accounts/{A}/users",
        outside="module:/v2/shown",
        none="module:users/nobody",
    )
    async with gateway(rule, up=1, options={"endpoints": [Shown()]}) as served:
        answer = await served.ask(f"GET /v2/accounts/{B}/dashboard", account=B)
        assert (["mine", "incomplete"], ["parent", "outside", "none"]) == (
            list(answer.json["data"]),
            answer.json["data"]["incomplete"],
        )
        assert 404 == (await served.ask(f"GET {PATH}", account=B)).status
        assert 401 == (await served.ask(f"GET {PATH}")).status


async def test_modules_that_fail_are_missing() -> None:
    """One that crashes, one that takes too long, one that answers in its own way."""
    rules = (
        merging(one="module:bad", two="module:slow", three="module:mounted", four="module:shown")
        | {"timeout": {"total": "100ms"}},
    )
    modules = [Shown(), Bad(), Slow(), Mounted("mounted", _never, lifespan=False)]
    async with gateway(*rules, up=1, options={"endpoints": modules}) as served:
        answer = await served.ask(f"GET {PATH}", account=A)
        assert (200, ["one", "two", "three"]) == (answer.status, answer.json["data"]["incomplete"])
        assert b"secret" not in answer.body


# Who goes in the middle of it.


@pytest.mark.parametrize("path", [PATH, "/all"], ids=["noun", "plain"])
async def test_a_client_that_goes_ends_every_call(path: str) -> None:
    """All upstreams are let go at once; the log says that it was the client."""
    target = Waiting(99)
    gone = asyncio.Semaphore(0)

    async def handler(peer: Peer) -> None:
        target.heads.append(await peer.head())
        await peer.gone()
        gone.release()

    parts = {"one": "up:/1", "two": "up:/2", "slow": "module:slow"}
    rules = (merging(**parts), route("/all", merge={"one": "up:/1", "two": "up:/2"}))
    async with (
        scripted(handler) as port,
        gateway(*rules, up=port, options={"endpoints": [Slow()]}) as served,
        served.wire() as wire,
    ):
        await wire.send(served.request(f"GET {path}", account=A))
        await until(lambda: len(target.heads) == 2)
        wire.close()
        await gone.acquire()
        await gone.acquire()
        await _log_says(served)


async def _log_says(served: Gateway) -> None:
    line = await served.logged()
    assert (499, "client_gone") == (line["status"], line["reason"])
    assert 0 == served.service().active
