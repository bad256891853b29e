"""Compression of streams: each piece can be read at once, and what breaks off looks broken off."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
from backports import zstd

from crossbar import Context, CrossbarError, Document, Endpoint, Event, Insert, Stream
from crossbar.compression import LARGE, THREADS
from crossbar.testing import Client, World, small_world

from .tools import SETTINGS, leg

CODINGS = ("zstd", "br", "gzip")


def reader_of(coding: str) -> Callable[[bytes], bytes]:
    """What unpacks a response as it comes."""
    readers: Mapping[str, Callable[[], Callable[[bytes], bytes]]] = {
        "zstd": lambda: zstd.ZstdDecompressor().decompress,
        "br": lambda: brotli.Decompressor().process,
        "gzip": lambda: zlib.decompressobj(31).decompress,
    }
    return readers[coding]()


class Lines(Endpoint):
    """An endpoint that streams, under the hands of a test."""

    name = "lines"
    anywhere = True

    def __init__(self) -> None:
        self.going_on = asyncio.Event()
        self.closed = 0

    async def find(self, ctx: Context) -> Stream:
        """Lines of text, or events, of which each waits for the test."""
        if ctx.query.get("events"):
            return Stream.events(self._events())
        return Stream(self._pieces(ctx.query.get("end", "well")), ctx.query.get("type", "text/plain"))

    async def _events(self) -> AsyncIterator[Event]:
        yield Event("x" * 5_000)

    async def _pieces(self, end: str) -> AsyncIterator[bytes]:
        try:
            for number in range(3):
                yield b"%d " % number + b"x" * 3_000 + b"\n"
                yield b""
                await self.going_on.wait()
                self.going_on.clear()
            if end == "badly":
                raise RuntimeError("the source has failed")
            yield b"y" * (3 * LARGE)
        finally:
            self.closed += 1


@pytest.fixture(scope="module")
async def streaming() -> AsyncIterator[World]:
    """An application with such an endpoint."""
    world = await small_world(settings=SETTINGS, endpoints=[Lines()])
    yield world
    await world.app.stop()


@pytest.fixture
async def client(streaming: World) -> Client:
    """A client of it."""
    return await streaming.client("reseller")


@pytest.fixture
def lines(streaming: World) -> Lines:
    """The endpoint."""
    endpoint = streaming.app.registry.names["lines"]
    assert isinstance(endpoint, Lines)
    endpoint.closed = 0
    endpoint.going_on.clear()
    return endpoint


@pytest.mark.parametrize("coding", CODINGS)
async def test_piece_by_piece(client: Client, lines: Lines, coding: str) -> None:
    """What was written can be read before the next piece is there, and all of it is what it was."""
    read = reader_of(coding)
    async with client.stream("GET", "/lines", headers={"accept-encoding": coding}) as response:
        assert (coding, "Accept-Encoding") == (response.headers["content-encoding"], response.headers["vary"])
        assert "content-length" not in response.headers
        for number in range(3):
            text = b""
            while not text.endswith(b"\n"):
                text += read(await response.piece())
            assert b"%d " % number + b"x" * 3_000 + b"\n" == text
            lines.going_on.set()
        assert b"y" * (3 * LARGE) == read(await response.read())
    assert 1 == lines.closed


@pytest.mark.parametrize("coding", [*CODINGS, ""])
async def test_what_breaks_off(client: Client, lines: Lines, coding: str, caplog: pytest.LogCaptureFixture) -> None:
    """A stream that fails is not brought to its end, neither that of the coding nor that of the response."""
    read = reader_of(coding) if coding else bytes
    text = b""

    async def read_all() -> None:
        nonlocal text
        async for piece in response:
            text += read(piece)
            lines.going_on.set()

    async with client.stream("GET", "/lines?end=badly", headers={"accept-encoding": coding}) as response:
        with pytest.raises(CrossbarError):
            await read_all()
    assert b"".join(b"%d " % number + b"x" * 3_000 + b"\n" for number in range(3)) == text
    assert "broke off" in caplog.text
    assert 1 == lines.closed


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_client_that_goes(client: Client, lines: Lines, coding: str) -> None:
    """A client that goes away in the middle leaves nothing behind."""
    async with client.stream("GET", "/lines", headers={"accept-encoding": coding}) as response:
        await response.piece()
    assert 1 == lines.closed


async def test_head(client: Client, lines: Lines) -> None:
    """HEAD of a stream has its header fields, and nothing of it is packed."""
    response = await client.request("HEAD", "/lines", headers={"accept-encoding": "gzip"})
    assert ("gzip", b"", 1) == (response.headers["content-encoding"], response.body, lines.closed)


@pytest.mark.parametrize("path", ["/lines?events=1", "/lines?type=audio/wav"])
async def test_streams_that_are_left_alone(client: Client, lines: Lines, path: str) -> None:
    """Events, which many a client reads without a library, and what is packed in its own way."""
    async with client.stream("GET", path, headers={"accept-encoding": ", ".join(CODINGS)}) as response:
        assert "content-encoding" not in response.headers
        assert (await response.until(b"x" * 3_000)).endswith(b"x" * 3_000)


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_whole_listing(streaming: World, client: Client, coding: str) -> None:
    """A listing that is streamed is the same, however it is packed."""
    if coding == CODINGS[0]:
        for position in range(1_200):
            body = {key: value for key, value in leg(position).items() if key != "_private"}
            document = Document.of(streaming.reseller, "cdrs", body.pop("id"), body, 1_780_000_000 + position)
            await streaming.app.store.write([Insert(document.with_secrets({"head": True}))])
    path = f"/accounts/{streaming.reseller}/cdrs?paginate=false"
    plain = await client.get(path)
    packed = await client.get(path, headers={"accept-encoding": coding})
    assert coding == packed.headers["content-encoding"]
    assert len(packed.body) < len(plain.body) / 3
    mark = b'"request_id"'
    assert plain.body.partition(mark)[0] == reader_of(coding)(packed.body).partition(mark)[0]


async def test_the_loop_is_not_held_up(streaming: World, client: Client) -> None:
    """What is large is packed in threads, of which there are few."""
    compression = streaming.app.compression
    assert compression is not None
    seen: set[int] = set()

    def work(data: bytes) -> bytes:
        seen.add(threading.get_ident())
        return data

    run: Any = compression._worked
    await asyncio.gather(*(run(work, b"x" * size) for size in (LARGE - 1, 0)))
    assert {threading.get_ident()} == seen
    seen.clear()
    await asyncio.gather(*(run(work, b"x" * LARGE) for _ in range(50)))
    assert threading.get_ident() not in seen
    assert len(seen) <= THREADS
    compression.close()
    assert b"x" * LARGE == await run(work, b"x" * LARGE)
    compression.close()
