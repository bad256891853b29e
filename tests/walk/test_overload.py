"""Overload: what one process cannot work on is refused at once, and what it works on is not disturbed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import Context, Endpoint, Json, Principal, Stream
from crossbar.settings import Settings
from crossbar.testing import Client, SocketRefused, World, small_world

from .tools import SETTINGS, refused

FEW = replace(SETTINGS, limits=replace(SETTINGS.limits, requests=3, handler_seconds=30))


class Slow(Endpoint):
    """An endpoint that answers when it is let."""

    name = "slow"

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.inside = asyncio.Semaphore(0)

    async def find(self, ctx: Context) -> Json:
        """Wait."""
        self.inside.release()
        await self.go_on.wait()
        return "done"

    async def create(self, ctx: Context) -> Json:
        """Answer at once."""
        return "made"

    async def read(self, ctx: Context, id: str) -> Stream:
        """A stream that has begun, and goes on when it is let."""
        return Stream(self._pieces(), "text/plain")

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield b"begun, "
        self.inside.release()
        await self.go_on.wait()
        yield b"ended"

    async def socket(self, ctx: Context, websocket: Any) -> None:
        """Talk until the other side leaves."""
        await websocket.accept()
        await websocket.send_text("begun")
        await websocket.receive()


class Asked:
    """An authenticator that counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self, ctx: Context) -> Principal | None:
        """Know nobody."""
        self.times += 1
        return None


@pytest.fixture
def slow() -> Slow:
    """The slow endpoint."""
    return Slow()


@pytest.fixture
def asked() -> Asked:
    """Who is asked first."""
    return Asked()


@pytest.fixture
async def few(slow: Slow, asked: Asked) -> AsyncIterator[World]:
    """An application that works on three requests at a time."""
    world = await small_world(settings=FEW, endpoints=[slow], authenticators=[asked])
    yield world
    await world.app.stop()


async def begun(client: Client, slow: Slow, count: int) -> list[asyncio.Task[Any]]:
    """So many requests that wait in the endpoint."""
    waiting = [asyncio.create_task(client.get("/account/slow")) for _ in range(count)]
    for _ in range(count):
        await slow.inside.acquire()
    return waiting


async def test_one_too_many(few: World, slow: Slow, asked: Asked) -> None:
    """The fourth gets a 503 in the dialect's form with a whole number to wait; the three are answered."""
    client = await few.client("customer")
    waiting = await begun(client, slow, 3)
    before = asked.times
    for _ in range(4):
        response = await client.get("/account/devices")
        assert "as many requests as it can" in refused(response, 503, "unavailable")["message"]
        assert response.headers["retry-after"] in ("1", "2", "3")
    assert before == asked.times
    slow.go_on.set()
    assert [200] * 3 == [(await each).status for each in waiting]
    assert 200 == (await client.get("/account/devices")).status


async def test_nothing_is_read_of_what_is_refused(few: World, slow: Slow) -> None:
    """Not a byte of the body is asked for."""
    client = await few.client("customer")
    waiting = await begun(client, slow, 3)
    pieces: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        pieces.append(b"asked for")
        yield b"{}"

    refused(await client.request("PUT", "/account/slow", body=body()), 503, "unavailable")
    slow.go_on.set()
    await asyncio.gather(*waiting)
    assert [] == pieces


async def test_those_who_retry_are_spread(few: World, slow: Slow) -> None:
    """Not all are told to come back in the same second."""
    client = await few.client("customer")
    waiting = await begun(client, slow, 3)
    told = {(await client.get("/account/devices")).headers["retry-after"] for _ in range(9)}
    slow.go_on.set()
    await asyncio.gather(*waiting)
    assert {"1", "2", "3"} == told


async def test_health_checks(few: World, slow: Slow) -> None:
    """Whoever looks after the process hears that it is alive and ready."""
    client = await few.client("customer")
    waiting = await begun(client, slow, 3)
    assert [200, 200] == [(await client.get(path)).status for path in ("///livez"[1:], "///readyz"[1:])]
    slow.go_on.set()
    await asyncio.gather(*waiting)


async def test_streams_that_have_begun(few: World, slow: Slow) -> None:
    """However many responses are on their way, they take nobody's place."""
    client = await few.client("customer")
    streams = []
    for number in range(10):
        streams.append(asyncio.create_task(client.get(f"/account/slow/{number}")))
        await slow.inside.acquire()
    assert 200 == (await client.get("/account/devices")).status
    slow.go_on.set()
    assert [b"begun, ended"] * 10 == [(await each).body for each in streams]


async def test_bodies_on_their_way(few: World, slow: Slow) -> None:
    """Clients that send slowly take nobody's place."""
    client, go_on, read = await few.client("customer"), asyncio.Event(), asyncio.Semaphore(0)

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"data":'
        read.release()
        await go_on.wait()
        yield b"{}}"

    sending = []
    for _ in range(10):
        sending.append(asyncio.create_task(client.request("PUT", "/account/slow", body=slowly())))
        await read.acquire()
    assert 200 == (await client.get("/account/devices")).status
    go_on.set()
    assert [201] * 10 == [(await each).status for each in sending]


async def test_sockets(few: World, slow: Slow) -> None:
    """Open WebSockets take nobody's place; a handshake is refused like any request."""
    client = await few.client("customer")
    async with AsyncExitStack() as opened:
        sockets = [await opened.enter_async_context(client.socket("/account/slow")) for _ in range(4)]
        assert ["begun"] * 4 == [await socket.receive_text() for socket in sockets]
        assert 200 == (await client.get("/account/devices")).status
        waiting = await begun(client, slow, 3)
        with pytest.raises(SocketRefused) as raised:
            await opened.enter_async_context(client.socket("/account/slow"))
        assert 503 == raised.value.response.status
        slow.go_on.set()
        await asyncio.gather(*waiting)


async def test_failures_give_their_place_back(few: World, slow: Slow) -> None:
    """Requests that are refused, crash or take too long do not stay counted."""
    client = await few.client("customer")
    for _ in range(5):
        assert 404 == (await client.get("/account/nothing")).status
        assert 401 == (await Client(few.app).get("/account/devices")).status
    waiting = await begun(client, slow, 3)
    few.app.watch._seconds = 0.0
    assert [504] * 3 == [(await each).status for each in waiting]
    few.app.watch._seconds = 30.0
    assert 200 == (await client.get("/account/devices")).status


async def test_the_log_is_not_flooded(few: World, slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    """Many refusals in a second are one line."""
    client = await few.client("customer")
    waiting = await begun(client, slow, 3)
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            await client.get("/account/devices")
    slow.go_on.set()
    await asyncio.gather(*waiting)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("overload")]
    assert 1 <= len(lines) <= 3
    assert "overload: 1 requests refused, 3 are under way" == lines[0]


async def test_a_burst(few: World, slow: Slow) -> None:
    """Of a hundred at once as many are worked on as there may be, and each of the others has an answer."""
    client = await few.client("customer")
    slow.go_on.set()
    statuses = [each.status for each in await asyncio.gather(*(client.get("/account/slow") for _ in range(100)))]
    assert {200, 503} >= {*statuses}
    assert 200 in statuses


def test_the_limit_is_a_setting() -> None:
    """By default 200 requests of a process are worked on at a time."""
    assert 200 == Settings().limits.requests
