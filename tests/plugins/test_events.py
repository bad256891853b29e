"""Server-sent events: what is on the wire, and that their source ends when nobody listens any more."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from crossbar import Context, Endpoint, Event, Forbidden, Json, Stream
from crossbar.errors import CrossbarError
from crossbar.events import end, server_sent
from crossbar.testing import Client, scope_of

from .tools import Maker, missing, until

CONNECTED = b": connected\n\n"


async def wire(*events: Event) -> bytes:
    """What some events are on the wire."""

    async def source() -> AsyncIterator[Event]:
        for event in events:
            yield event

    return b"".join([piece async for piece in server_sent(source(), 15)]).removeprefix(CONNECTED)


WIRE = [
    pytest.param(Event({"a": 1}), b'data: {"a":1}\n\n', id="an object"),
    pytest.param(Event("a"), b'data: "a"\n\n', id="text"),
    pytest.param(Event(None), b"data: null\n\n", id="nothing"),
    pytest.param(Event(1, "tick", "7"), b"id: 7\nevent: tick\ndata: 1\n\n", id="a name and an id"),
    pytest.param(Event("a\nb\r\nc\rd"), b'data: "a\\nb\\r\\nc\\rd"\n\n', id="line ends in the data"),
    pytest.param(Event("\n\ndata: forged"), b'data: "\\n\\ndata: forged"\n\n', id="an event in the data"),
    pytest.param(Event(1, "a\ndata: 2\r\rx"), b"event: a data: 2 x\ndata: 1\n\n", id="line ends in the name"),
    pytest.param(Event(1, "", "1\r\ndata: 2\n\n\0x"), b"id: 1data: 2x\ndata: 1\n\n", id="line ends in the id"),
    pytest.param(Event("\u2028\u0085é"), 'data: "\u2028\u0085é"\n\n'.encode(), id="other separators"),
]


@pytest.mark.parametrize(("event", "expected"), WIRE)
async def test_the_wire(event: Event, expected: bytes) -> None:
    """An event is a few lines and an empty one, and nothing that is in it can begin another."""
    assert expected == await wire(event)


async def test_several() -> None:
    """Events follow one another."""
    assert b"data: 1\n\ndata: 2\n\n" == await wire(Event(1), Event(2))


async def test_none() -> None:
    """A source that ends at once makes a stream that is empty, and ends."""
    assert b"" == await wire()


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_keep_alive_that_is_none(seconds: float) -> None:
    """A pause that is no time is refused where it is written."""
    with pytest.raises(ValueError, match="write a number of seconds"):
        Stream.events(numbers(), seconds)


async def numbers() -> AsyncIterator[Event]:
    """One event."""
    yield Event(1)


# Over HTTP.


class Ticks(Endpoint):
    """An endpoint whose events come when a test wants them."""

    name = "ticks"

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.tasks: set[object] = set()
        self.sent = 0

    async def find(self, ctx: Context) -> Stream:
        """The events that are in the queue."""
        return Stream.events(self.source(), keep_alive=0.05)

    async def read(self, ctx: Context, what: str) -> Stream | Json:
        """Something else, by its name."""
        if what == "json":
            return {"a": 1}
        return Stream.events(getattr(self, what)())

    async def source(self) -> AsyncIterator[Event]:
        """Events until there is None; what is an exception is raised."""
        try:
            async with anyio.create_task_group(), asyncio.timeout(60):
                while (event := await self.queue.get()) is not None:
                    self.tasks.add(asyncio.current_task())
                    if isinstance(event, BaseException):
                        raise event
                    self.sent += 1
                    yield Event(event)
        finally:
            self.tasks.add(asyncio.current_task())
            self.ended.set()

    async def endless(self) -> AsyncIterator[Event]:
        """More events than anybody reads."""
        try:
            while True:
                self.sent += 1
                yield Event("x" * 1000)
        finally:
            self.ended.set()

    async def refusing(self) -> AsyncIterator[Event]:
        """Refuse at once."""
        raise Forbidden("not for you")
        yield Event(1)

    async def crashing(self) -> AsyncIterator[Event]:
        """Crash at once."""
        raise LookupError("lost")
        yield Event(1)

    async def stubborn(self) -> AsyncIterator[Event]:
        """Take a cancellation for something else, once."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield Event("still here")
        finally:
            self.ended.set()


@pytest.fixture
def ticks() -> Ticks:
    """The endpoint of the client's application."""
    return Ticks()


@pytest.fixture
async def client(make: Maker, ticks: Ticks) -> Client:
    """An application with events."""
    return await make.client(endpoints=[ticks])


async def test_a_stream_of_events(client: Client, ticks: Ticks) -> None:
    """Events go out as they come; in between, comments keep the connection; the end of the source is the end of it."""
    async with client.stream("GET", "/account/ticks") as response:
        assert (200, "text/event-stream") == (response.status, response.headers["content-type"])
        assert ("no-store", "no") == (response.headers["cache-control"], response.headers["x-accel-buffering"])
        assert CONNECTED == await response.until(b"\n\n")
        ticks.queue.put_nowait(1)
        assert b"data: 1\n\n" == (await response.until(b"1\n\n")).replace(b": alive\n\n", b"")
        assert b": alive\n\n: alive\n\n" == await response.until(b": alive\n\n: alive\n\n")
        ticks.queue.put_nowait(None)
        assert b"" == (await response.read()).replace(b": alive\n\n", b"")
    assert ticks.ended.is_set()


@pytest.mark.parametrize("events", [0, 1])
async def test_a_client_that_goes(client: Client, ticks: Ticks, events: int) -> None:
    """When the client has gone, the source ends at once, also while it waits; in the task that it began in."""
    async with client.stream("GET", "/account/ticks") as response:
        await response.until(CONNECTED)
        for number in range(events):
            ticks.queue.put_nowait(number)
            await response.until(b"data: ")
        assert not ticks.ended.is_set()
    await until(ticks.ended.is_set)
    assert 1 == len(ticks.tasks)


async def test_a_client_that_goes_from_a_stubborn_source(client: Client, ticks: Ticks) -> None:
    """A source that does not end when it is told to ends nonetheless, and what it says is for nobody."""
    async with client.stream("GET", "/account/ticks/stubborn") as response:
        await response.until(CONNECTED)
    await until(ticks.ended.is_set)


async def test_a_slow_reader(client: Client, ticks: Ticks) -> None:
    """A source is asked for no more than its client takes."""
    async with client.stream("GET", "/account/ticks/endless") as response:
        await response.until(b"data: ")
        await asyncio.sleep(0.1)
        assert ticks.sent < 50
    await until(ticks.ended.is_set)


async def test_only_the_head(client: Client, ticks: Ticks) -> None:
    """`HEAD` sends no events, and lets go of the source."""
    response = await client.request("HEAD", "/account/ticks")
    assert (200, b"", "text/event-stream") == (response.status, response.body, response.headers["content-type"])
    await until(ticks.ended.is_set)


@pytest.mark.parametrize(
    ("what", "status", "word"), [("refusing", 403, "forbidden"), ("crashing", 500, "unspecified_fault")]
)
async def test_a_source_that_cannot_begin(client: Client, what: str, status: int, word: str) -> None:
    """What the source raises right away is answered with its status."""
    response = await client.get(f"/account/ticks/{what}", headers={"accept": "text/event-stream"})
    assert (status, word, "application/json") == (
        response.status,
        response.json()["message"],
        response.headers["content-type"],
    )


@pytest.mark.parametrize("error", [LookupError("lost"), SystemExit(1), asyncio.CancelledError()], ids=repr)
async def test_a_source_that_fails(
    client: Client, ticks: Ticks, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """What it raises later on breaks the stream off, and is in the log with the endpoint's name."""
    async with client.stream("GET", "/account/ticks") as response:
        await response.until(CONNECTED)
        ticks.queue.put_nowait(error)
        with pytest.raises(CrossbarError, match="broke off"):
            await response.read()
    assert [] == missing(caplog.text, f"a streamed response of endpoint ticks ({__name__}) broke off (request ")
    assert 200 == (await client.get("/account/devices")).status


async def test_an_event_that_is_none(client: Client, ticks: Ticks, caplog: pytest.LogCaptureFixture) -> None:
    """What is no JSON breaks the stream off."""
    async with client.stream("GET", "/account/ticks") as response:
        await response.until(CONNECTED)
        ticks.queue.put_nowait({1, 2})
        with pytest.raises(CrossbarError, match="broke off"):
            await response.read()
    await until(ticks.ended.is_set)
    assert "not JSON serializable" in caplog.text


async def test_a_server_that_raises_when_the_client_has_gone(
    client: Client, ticks: Ticks, caplog: pytest.LogCaptureFixture
) -> None:
    """Some servers say so when something is sent (ASGI 2.4); that is nobody's fault, and the source ends."""
    caplog.set_level(logging.ERROR, "crossbar")
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if len(sent) == 2:
            raise OSError("gone")
        sent.append(message)

    headers = [(b"host", b"x"), (b"x-auth-token", (client.token or "").encode())]
    await client.app(scope_of("http", b"/v2/account/ticks", headers, method="GET"), receive, send)
    assert (True, "", 2) == (ticks.ended.is_set(), caplog.text, len(sent))


# What ends a task.


@pytest.mark.parametrize(("often", "ended"), [(0, True), (3, True), (4, False)])
async def test_a_task_that_is_told_to_end_is_told_again(often: int, ended: bool) -> None:
    """In a second it is cancelled four times, also on a machine that stands still for longer than that."""
    told = 0

    async def go_on() -> None:
        nonlocal told
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told += 1
                if told > often:
                    raise
                if told == 1:
                    time.sleep(1.1)  # noqa: ASYNC251 - it is the loop that is to stand still

    task = asyncio.create_task(go_on())
    await asyncio.sleep(0)
    try:
        assert (ended, ended, 1 + min(often, 3)) == (await end(task, 1), task.done(), told)
    finally:
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
