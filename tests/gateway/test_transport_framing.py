"""Where a response begins and ends: cuts at every place, floods, and bytes that nobody has asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar.gateway.aiohttp_line import Line
from crossbar.gateway.transport import Broken, Fields, Garbled

from .misbehaving import Peer, answering, scripted
from .transports import LOOPS, body_of, get, speaking, whole

H = b"HTTP/1.1 200 OK\r\n"
CHUNKED = H + b"transfer-encoding: chunked\r\n\r\n"
OK = H + b"content-length: 2\r\n\r\nok"
RESPONSES = {
    "length": (H + b"content-length: 5\r\n\r\nhello", "GET"),
    "chunked": (CHUNKED + b"3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nx: y\r\n\r\n", "GET"),
    "empty": (H + b"content-length: 0\r\n\r\n", "GET"),
    "HEAD": (H + b"content-length: 5\r\n\r\n", "HEAD"),
    "HEAD chunked": (CHUNKED, "HEAD"),
    "204": (b"HTTP/1.1 204 No Content\r\nx: y\r\n\r\n", "GET"),
    "304": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", "GET"),
    "interim": (b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "GET"),
    "close": (H + b"connection: close\r\ncontent-length: 5\r\n\r\nhello", "GET"),
}


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both event loops."""
    return request.param


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize(("response", "method"), RESPONSES.values(), ids=RESPONSES)
async def test_a_response_that_is_cut_is_never_whole(response: bytes, method: str, how: str) -> None:
    """Wherever a response is cut, and in whichever way, the call is Broken; only all of it is a response."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(response[: peer.number])
        if how == "rst" and peer.number < len(response):
            peer.reset()

    async with scripted(handler) as port, speaking() as transport:
        for _ in range(len(response)):
            with pytest.raises(Broken):
                await body_of(transport, port, method)
        expected = b"hello" if b"h" in response.partition(b"\r\n\r\n")[2].replace(b"HTTP", b"") else b""
        assert await body_of(transport, port, method) == expected


async def test_a_body_without_a_length_ends_with_a_fin() -> None:
    """It may be cut anywhere by a FIN, which is its end, and nowhere by a RST, which is none (RFC 9112, 6.3)."""
    head = H + b"x: y\r\n\r\n"

    async def handler(peer: Peer) -> None:
        how, at = divmod(peer.number, 6)
        await peer.request()
        await peer.send(head + b"hello"[:at])
        if how:
            peer.reset()

    async with scripted(handler) as port, speaking() as transport:
        assert [await body_of(transport, port) for _ in range(6)] == [b"hello"[:at] for at in range(6)]
        for _ in range(6):
            with pytest.raises(Broken):
                await body_of(transport, port)


async def test_an_end_that_came_while_nobody_looked_is_looked_at() -> None:
    """A body without a length that was cut off before its head was read is Broken, and not whole."""
    cut = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello")
        if peer.number:
            peer.reset()
        else:
            peer.end()
            await peer.gone()
        cut.set()

    async def informed(status: int, fields: Fields) -> None:
        await cut.wait()
        for _ in range(5):
            await asyncio.sleep(0)

    async with scripted(handler) as port, speaking() as transport:
        answer = await transport.request(get(port, informed=informed))
        assert (answer.whole, answer.length) == (b"hello", None)
        cut.clear()
        with pytest.raises(Broken):
            await whole(await transport.request(get(port, informed=informed)))


async def test_interim_responses_are_told() -> None:
    """Each but 100, with its fields, before the response (RFC 9110, 15.2)."""
    told: list[tuple[int, Fields]] = []
    response = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nlink: </b>\r\n\r\n"

    async def informed(status: int, fields: Fields) -> None:
        told.append((status, fields))

    async with scripted(answering(response + OK)) as port, speaking() as transport:
        assert await whole(await transport.request(get(port, informed=informed))) == b"ok"
    assert told == [(103, [(b"link", b"</a>"), (b"link", b"</b>")])]


FLOODS = {
    "fields": (H, b"a: b\r\n" * 100),
    "interim responses": (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 10),
    "long interim responses": (b"", b"HTTP/1.1 103 X\r\na: " + b"x" * 1_000 + b"\r\n\r\n"),
    "chunk extensions": (CHUNKED + b"5", b";a=b" * 100),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\n", b"a: b\r\n" * 100),
    "empty lines": (b"", b"\r\n" * 1000),
}


@pytest.mark.parametrize(("start", "again"), FLOODS.values(), ids=FLOODS)
async def test_what_does_not_end_is_garbled(start: bytes, again: bytes) -> None:
    """A target that sends for ever and says nothing is not read for ever."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        while True:
            await peer.send(again)

    async with scripted(handler) as port, speaking(head=4_096) as transport:
        with pytest.raises(Garbled):
            await body_of(transport, port)


async def test_garbage_in_a_body_is_found_by_its_reader() -> None:
    """What came before is passed on, and the reader learns of the garbage, and does not wait for ever."""
    read = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n")
        await read.wait()
        await peer.send(b"nonsense\r\n")
        await peer.gone()

    async with scripted(handler) as port, speaking() as transport:
        answer = await transport.request(get(port))
        assert await answer.piece() == b"hello"
        read.set()
        with pytest.raises(Garbled, match="chunk size"):
            await answer.piece()


@pytest.mark.parametrize("extra", [OK, b"H", b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"\0", b"\r\n"])
async def test_bytes_that_nobody_asked_for_are_no_response(extra: bytes) -> None:
    """What a target sends while there is no call ends the connection; the next call has one of its own."""
    answered, closed = asyncio.Event(), asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK.replace(b"ok", b"%02d" % peer.number))
        if not peer.number:
            await answered.wait()
            await peer.send(extra)
        await peer.gone()
        closed.set()

    async with scripted(handler) as port, speaking(keep=60.0) as transport:
        assert await body_of(transport, port) == b"00"
        answered.set()
        await closed.wait()
        assert await body_of(transport, port) == b"01"


class Wire(asyncio.Transport):
    """A transport that takes what is written and knows whether it was closed."""

    closed = False

    def write(self, data: Any) -> None:
        """Take it."""

    def abort(self) -> None:
        """Note that it was closed."""
        self.closed = True

    close = abort

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """There is nothing to know."""
        return default

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed


@pytest.mark.parametrize("extra", [b"", OK, b"H", b"\0"], ids=["nothing", "a response", "one byte", "no HTTP"])
@pytest.mark.parametrize(("response", "method"), RESPONSES.values(), ids=RESPONSES)
async def test_bytes_after_a_response_end_the_connection(response: bytes, method: str, extra: bytes) -> None:
    """However what comes is cut into pieces, a connection rests only if there is nothing after the response."""
    data = response + extra
    for at in range(1, len(data) + 1):
        line = Line(asyncio.get_running_loop(), set(), 4_096)
        line.connection_made(Wire())
        line.begin(bodiless=method == "HEAD", window=4_096)
        line.data_received(data[:at])
        line.data_received(data[at:])
        while len(line) and (await line.read())[0].code < 200:
            pass
        assert line.rest() is (not extra and b"close" not in response), at
