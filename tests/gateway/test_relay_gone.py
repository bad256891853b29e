"""Clients that go before they are answered: the upstream is let go at once, and nothing is left of the call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .gateways import LOOPS, NOUN, A, gateway, reply, route, until
from .misbehaving import Peer, scripted

BIG = 64 * 1024 * 1024
POST = b"POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n"


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both event loops."""
    return request.param


class Watching:
    """A target that says something, and then waits until the client has gone."""

    def __init__(self, said: bytes = b"") -> None:
        self.said = said
        self.came = asyncio.Event()
        self.gone = asyncio.Event()

    async def __call__(self, peer: Peer) -> None:
        await peer.head()
        await peer.send(self.said)
        self.came.set()
        await peer.gone()
        self.gone.set()


@pytest.mark.parametrize("path", ["/x/1", f"/v2/accounts/{A}/invoices/1"], ids=["plain", "noun"])
async def test_while_the_head_is_waited_for(path: str) -> None:
    """It is 499, in the log alone."""
    target = Watching()
    async with (
        scripted(target) as port,
        gateway(route(), route(NOUN), up=port) as served,
        served.wire() as wire,
    ):
        await wire.send(served.request(f"GET {path}", account=A))
        await target.came.wait()
        wire.close()
        await target.gone.wait()
        line = await served.logged()
        assert (499, "client_gone", 1) == (line["status"], line["reason"], line["tries"])
        assert (0, 0) == (served.service().active, served.service().targets[0].active)
        assert 0 == served.service().targets[0].failures


@pytest.mark.parametrize(
    "head",
    [b"content-length: 100", b"transfer-encoding: chunked", b"content-type: text/event-stream"],
    ids=["length", "chunks", "events"],
)
async def test_in_the_middle_of_the_body(head: bytes) -> None:
    """The status that was sent stays in the log, with the reason why it was not enough."""
    target = Watching(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + (b"3\r\nabc\r\n" if b"chunked" in head else b"abc"))
    async with scripted(target) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(served.request("GET /x/1"))
        await wire.head()
        wire.close()
        await target.gone.wait()
        line = await served.logged()
        assert (200, "client_gone") == (line["status"], line["reason"])
        assert 0 == served.service().targets[0].failures


async def test_in_the_middle_of_a_body_that_it_does_not_read() -> None:
    """Also a client for whom everything is full has gone when it has."""
    gone, full = asyncio.Event(), asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BIG)
        try:
            while True:
                peer.writer.write(b"x" * 65_536)
                if peer.writer.transport.get_write_buffer_size() > 1_000_000:
                    full.set()
                    await peer.writer.drain()
        except ConnectionError:
            gone.set()

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(served.request("GET /x/1"))
        await full.wait()
        wire.close()
        await gone.wait()
        assert "client_gone" == (await served.logged())["reason"]


async def test_in_the_middle_of_an_upload() -> None:
    """What was read of the request is not brought to an end for it."""
    got, gone = asyncio.Event(), asyncio.Event()
    rest: list[bytes] = []

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.read(3)
        got.set()
        rest.append(await peer.gone())
        gone.set()

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(POST + b"abc")
        await got.wait()
        wire.close()
        await gone.wait()
        line = await served.logged()
        assert (499, "client_gone") == (line["status"], line["reason"])
    assert [b""] == rest


async def test_before_anything_of_a_body_is_there() -> None:
    """Nobody is called for a request that never comes."""
    called: list[int] = []

    async def handler(peer: Peer) -> None:
        called.append(peer.number)

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(POST)
        await until(lambda: served.service().held)
        wire.close()
        line = await served.logged()
        assert (499, "client_gone") == (line["status"], line["reason"])
    assert [] == called


async def test_while_its_upload_is_not_read_and_the_answer_goes_on() -> None:
    """An upstream that answers early, and does not read, is let go all the same."""
    target = Watching(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
    async with scripted(target) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(POST + b"abc")
        assert b"abc" == (await wire.head(), await wire.piece())[1]
        wire.close()
        await target.gone.wait()
        assert "client_gone" == (await served.logged())["reason"]


async def test_while_nobody_wants_its_body_and_the_answer_goes_on() -> None:
    """A body that was never asked for is never read, and so nobody would hear of its end."""
    target = Watching(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
    async with scripted(target) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(POST[:-2] + b"Expect: 100-continue\r\n\r\n")
        assert b"abc" == (await wire.head(), await wire.piece())[1]
        wire.close()
        await target.gone.wait()
        assert "client_gone" == (await served.logged())["reason"]


async def test_while_a_retry_waits() -> None:
    """There is no further try for nobody."""
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heads.append(await peer.head())

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        budget = served.service().budget
        for _ in range(3):
            budget.begin()
        await wire.send(served.request("GET /x/1"))
        await until(lambda: heads)
        wire.close()
        assert 499 == (await served.logged())["status"]
        for _ in range(3):
            budget.end()
    assert 1 == len(heads)


@pytest.mark.parametrize(
    ("path", "begun", "expected"),
    [
        pytest.param("/x/1", b"", 499, id="before the head"),
        pytest.param("/all", b"", 499, id="merge"),
        pytest.param("/x/1", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", 200, id="stream"),
        pytest.param("/socket", b"", 499, id="handshake"),
    ],
)
async def test_what_ends_with_this_server(path: str, begun: bytes, expected: int) -> None:
    """When it stops, it is not the client who has gone, and the log says so."""
    target = Watching(begun)
    rules = (route(), route("/all", merge={"one": "up:/1"}), route("/socket"))
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    async with scripted(target) as port, gateway(*rules, up=port) as served, served.wire() as wire:
        await wire.send(served.request(f"GET {path}", upgrade if path == "/socket" else {}))
        await target.came.wait()
        if begun:
            await wire.head()
        served.app.draining = True
        wire.close()
        await target.gone.wait()
        line = await served.logged()
        assert (expected, "stopped") == (line["status"], line["reason"])


async def test_a_client_that_goes_behind_the_answer_has_not_gone() -> None:
    """All was sent; that nobody stays for more is no failure."""

    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(reply())

    async with scripted(handler) as port, gateway(route(), up=port) as served:
        for _ in range(3):
            async with served.wire() as wire:
                await wire.send(served.request("GET /x/1"))
                await wire.head()
        assert "reason" not in await served.logged()


async def test_pipelined_requests_of_a_client_that_goes() -> None:
    """The one that is under way is let go, and those behind it never begin."""
    target = Watching()
    heads = 0

    async def handler(peer: Peer) -> None:
        nonlocal heads
        heads += 1
        await target(peer)

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(served.request("GET /x/1") * 3)
        await target.came.wait()
        wire.close()
        await target.gone.wait()
        await served.settled()
    assert 1 == heads
