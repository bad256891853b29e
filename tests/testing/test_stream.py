"""Streams: responses that are read while they come, and clients that leave in the midst of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from crossbar import Context, Endpoint, Stream
from crossbar.errors import CrossbarError
from crossbar.reply import Event
from crossbar.response import Receive, Send
from crossbar.testing import Client, small_world

from .apps import Counting, Scope, mirror


async def test_pieces_come_one_by_one() -> None:
    """Status and headers are there first, then each piece; leaving tells the application."""
    app = Counting()
    seen = []
    async with Client(app).stream("GET", "/count") as response:
        assert (200, "0") == (response.status, response.headers["x-first"])
        async for piece in response:
            seen.append(piece)
            if len(seen) == 3:
                break
        assert not app.told
    assert ([b"0,", b"1,", b"2,"], True) == (seen, app.told)


async def test_a_client_that_reads_slowly() -> None:
    """An application is held up where nobody reads what it sends, as it is on a real connection."""
    app = Counting()
    async with Client(app).stream("GET", "/count") as response:
        for _ in range(1000):
            await asyncio.sleep(0)
        waiting = app.sent
        assert 0 < waiting < 100
        await response.read(stop_after=10 * waiting)
        assert app.sent > waiting


async def test_reading_to_the_end() -> None:
    """A stream that ends can be read as a whole, and has no more pieces after that."""
    async with Client(Counting(3)).stream("GET", "/count") as response:
        assert (b"0,1,2,end", b"") == (await response.read(), await response.read())
        assert [] == [piece async for piece in response]


async def test_reading_so_many_bytes() -> None:
    """Reading stops with the piece that makes the number of bytes full."""
    async with Client(Counting()).stream("GET", "/count") as response:
        assert (b"0,1,2,", b"3,") == (await response.read(stop_after=5), await response.read(stop_after=1))


async def test_reading_up_to_a_mark() -> None:
    """What comes after a mark is left for the next to read; without a mark, all that is left is read."""
    async with Client(Counting(12)).stream("GET", "/count") as response:
        assert (b"0,1,2,3", b",4", b",5,") == (
            await response.until(b"3"),
            await response.until(b"4"),
            await response.read(stop_after=2),
        )
        assert b"6,7,8,9,10,11,end" == await response.until(b"no such mark")


async def test_a_request_with_a_body() -> None:
    """A streamed response may be to a request of any kind."""
    async with Client(mirror).stream("PUT", "/x", {"a": 1}, query={"b": "2"}) as response:
        assert b'"query":"b=2"' in await response.read()


async def test_what_the_application_raises_before_it_answers() -> None:
    """What is raised before the response has begun is raised when the stream is opened."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        async with Client(app).stream("GET", "/"):
            pytest.fail("there is no response")


async def test_what_the_application_raises_in_the_midst() -> None:
    """What is raised later comes after the pieces that were sent before, and only once."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise LookupError("lost")

    async with Client(app).stream("GET", "/") as response:
        assert b"half" == await response.read(stop_after=4)
        with pytest.raises(LookupError, match="lost"):
            await response.read()


async def test_what_the_application_raises_when_the_client_leaves() -> None:
    """What nobody has been told of until the client leaves is raised then."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        async with Client(app).stream("GET", "/"):
            pass


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        pytest.param([], "broke off after 0 bytes", id="before it began"),
        pytest.param([b"ha", b"lf"], "broke off after 4 bytes", id="in the midst"),
    ],
)
async def test_half_a_response(sent: list[bytes], told: str) -> None:
    """A response that is not brought to its end is an error for who reads on."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for piece in sent:
            if piece is sent[0]:
                await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    with pytest.raises(CrossbarError, match=told):
        async with Client(app).stream("GET", "/") as response:
            await response.read()


async def test_a_piece_that_does_not_come() -> None:
    """A piece that does not come in time is an error, and the application is told that the client has gone."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass

    with pytest.raises(TimeoutError, match=r"nothing came from the application for 0\.01 seconds"):
        async with Client(app, timeout=0.01).stream("GET", "/") as response:
            await response.read()


async def test_an_application_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that goes on without a client is stopped, and the test is told."""
    monkeypatch.setattr("crossbar.testing.exchange.GRACE", 0.01)
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    with pytest.raises(CrossbarError, match=r"went on for .* after its client had gone"):
        async with Client(app).stream("GET", "/"):
            pass
    assert ["cancelled"] == ended


class Ticks(Endpoint):
    """Events that come from outside, and never end."""

    name = "ticks"

    def __init__(self) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.listening = 0

    async def find(self, ctx: Context) -> Stream:
        """Give every event, as it happens."""
        return Stream.events(self._listened())

    async def _listened(self) -> AsyncIterator[Event]:
        self.listening += 1
        try:
            while True:
                yield await self.events.get()
        finally:
            self.listening -= 1


async def test_events_of_an_endpoint() -> None:
    """Server-sent events of an endpoint arrive one by one, and the endpoint is let go of when the client leaves."""
    ticks = Ticks()
    world = await small_world(endpoints=[ticks])
    client = await world.client("customer")
    async with client.stream("GET", "/account/ticks") as response:
        assert "text/event-stream" == response.headers["content-type"]
        await response.until(b"\n\n")  # the comment that says that the connection is there
        for number in range(3):
            ticks.events.put_nowait(Event({"tick": number}))
            assert b'data: {"tick":%d}\n\n' % number == await response.until(b"\n\n")
        assert 1 == ticks.listening
    assert 0 == ticks.listening
    await world.app.stop()
