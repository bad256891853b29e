"""Streams: each piece goes on when it comes, in both directions, and nobody sends faster than the other end reads."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .gateways import LOOPS, chunked, gateway, reply, route, until
from .misbehaving import Peer, scripted
from .wires import Wire

BIG = 256 * 1024 * 1024
MOST = 16 * 1024 * 1024
"""Bytes that may be under way between the two ends: those of four sockets' buffers, the kernel's, and ours."""
PIECE = b"x" * 65_536


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both event loops."""
    return request.param


@pytest.mark.parametrize("envelope", ["off", "wrap"])
@pytest.mark.parametrize("type", [b"text/event-stream", b"application/json"])
async def test_each_piece_of_an_answer_goes_on_when_it_comes(type: bytes, envelope: str) -> None:
    """The head before the first piece, and each piece before the next one is sent."""
    read = asyncio.Semaphore(0)

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: " + type + b"\r\ntransfer-encoding: chunked\r\n\r\n")
        for number in range(3):
            await read.acquire()
            await peer.send(b"1\r\n%d\r\n" % number)
        await read.acquire()
        await peer.send(b"0\r\n\r\n")

    async with (
        scripted(handler) as port,
        gateway(route(envelope=envelope, form="crossbar"), up=port) as served,
        served.wire() as wire,
    ):
        await wire.send(served.request("GET /x/1"))
        assert b"200 OK" in await wire.head()
        for number in range(3):
            read.release()
            assert (await wire.piece()).endswith(b"%d" % number)
        read.release()
        if envelope == "wrap" and type == b"application/json":
            assert b"success" in await wire.piece()
        assert b"" == await wire.piece()


async def test_each_piece_of_a_body_goes_on_when_it_comes() -> None:
    """The upstream has read a piece before the client sends the next one."""
    got = asyncio.Semaphore(0)
    pieces: list[bytes] = []

    async def handler(peer: Peer) -> None:
        await peer.head()
        for _ in range(3):
            pieces.append(await peer.read(6))  # a chunk of one byte
            got.release()
        await peer.reader.readuntil(b"0\r\n\r\n")
        await peer.send(reply())

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            await wire.send(b"1\r\n%d\r\n" % number)
            await got.acquire()
        await wire.send(b"0\r\n\r\n")
        assert 200 == (await wire.answer()).status
    assert [b"1\r\n%d\r\n" % number for number in range(3)] == pieces


async def test_both_directions_at_once() -> None:
    """An upstream may answer each piece before it has the next one."""

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while (chunk := await peer.reader.readuntil(b"\r\n")) != b"0\r\n":
            data = await peer.read(int(chunk, 16) + 2)
            await peer.send(chunk + data)
        await peer.read(2)
        await peer.send(b"0\r\n\r\n")

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        await wire.head()
        assert b"ab" == await wire.piece()
        for piece in (b"c", b"defg"):
            await wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            assert piece == await wire.piece()
        await wire.send(b"0\r\n\r\n")
        assert b"" == await wire.piece()


class Counter:
    """Sends for as long as the other end takes it, and knows how much that was, and when nothing more is taken."""

    def __init__(self) -> None:
        self.sent = 0
        self.task: asyncio.Task[None] | None = None

    async def send_to(self, writer: asyncio.StreamWriter, most: int) -> None:
        """Send so many bytes."""
        while self.sent < most:
            writer.write(PIECE)
            await writer.drain()
            self.sent += len(PIECE)

    async def stopped(self) -> int:
        """How much was sent when nothing has moved for a good number of turns of the loop and of the kernel."""
        before = -1
        while before != self.sent:
            before = self.sent
            await asyncio.sleep(0.1)
        return self.sent


async def test_a_client_that_does_not_read_stops_the_upstream() -> None:
    """What is under way has a bound, and all of it arrives once the client reads."""
    counter = Counter()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BIG)
        await counter.send_to(peer.writer, BIG)

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(served.request("GET /x/1"))
        head = await wire.head()
        assert b"content-length: %d" % BIG in head
        assert await counter.stopped() < MOST
        left = 2 * MOST
        while left > 0:
            left -= len(await wire.reader.read(1 << 20))
        assert counter.sent > MOST
        wire.close()


async def test_an_upstream_that_does_not_read_stops_the_client() -> None:
    """The same upwards."""
    counter = Counter()
    reading = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.head()
        await reading.wait()
        left = 2 * MOST
        while left > 0:
            left -= len(await peer.reader.read(1 << 20))
        await peer.send(reply())
        await peer.gone()

    async with (
        scripted(handler) as port,
        gateway(route(body="1GiB"), up=port) as served,
        served.wire() as wire,
    ):
        await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BIG)
        sending = asyncio.create_task(counter.send_to(wire.writer, BIG))
        assert await counter.stopped() < MOST
        reading.set()
        assert 200 == (await wire.answer()).status
        sending.cancel()
        await asyncio.wait([sending])
        assert counter.sent > MOST


# Early answers.


async def _upload(wire: Wire, size: int) -> None:
    """Send a body as far as somebody takes it."""
    await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    try:
        for _ in range(size // len(PIECE)):
            await wire.send(PIECE)
    except ConnectionError:
        return


async def test_an_answer_while_the_client_is_still_sending() -> None:
    """The client gets it at once, and the upload ends; nobody waits for the fifty megabytes."""

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.read(1000)
        await peer.send(reply(b"too much", status=b"413 Content Too Large"))
        await peer.gone()

    size = 50 * 1024 * 1024
    async with (
        scripted(handler) as port,
        gateway(route(body="1GiB"), up=port) as served,
        served.wire() as wire,
    ):
        sending = asyncio.create_task(_upload(wire, size))
        answer = await wire.answer()
        assert (413, True, b"too much", "close") == (answer.status, answer.complete, answer.body, answer["connection"])
        await sending
        assert 413 == (await served.logged())["status"]


async def test_a_body_over_the_limit_is_413_however_it_is_announced() -> None:
    """By its length before anybody is called; in chunks, as soon as there is too much, and the upstream sees no end."""
    ends: list[bytes] = []
    called: list[int] = []

    async def handler(peer: Peer) -> None:
        called.append(peer.number)
        await peer.head()
        ends.append(await peer.gone())

    async with scripted(handler) as port, gateway(route(body="1KiB"), up=port) as served:
        answer = await served.ask("POST /x/1", body=b"x" * 1025)
        assert (413, "content_too_large") == (answer.status, answer.json["reason"])
        assert [] == called
        async with served.wire() as wire:
            await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            await wire.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await until(lambda: called)
            await wire.send(b"1\r\nx\r\n")
            answer = await wire.answer()
            assert (413, "content_too_large") == (answer.status, answer.json["reason"])
    assert not ends or b"\r\n0\r\n" not in ends[0]


async def test_many_pieces_are_one_body() -> None:
    """Nothing is lost, doubled or out of order, whatever the sizes."""
    pieces = [bytes([number % 251]) * (number * 997 % 70_001 + 1) for number in range(200)]
    got: list[bytes] = []

    async def handler(peer: Peer) -> None:
        head = await peer.head()
        size = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        got.append(await peer.read(size))
        await peer.send(chunked(*pieces))

    body = b"".join(pieces)
    async with scripted(handler) as port, gateway(route(body="64MiB"), up=port) as served:
        answer = await served.ask("POST /x/1", body=body)
        assert body == answer.body
        assert len(body) == (await served.logged())["bytes"]
    assert [body] == got
