"""Bodies on their way: pieces as they come, both ways at once, at the pace of who is slower, and never a short one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar.gateway import aiohttp_upload
from crossbar.gateway.transport import Broken

from .misbehaving import Peer, scripted
from .transports import LOOPS, get, pieces_of, speaking, uploads, whole

CREATED = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok"
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno"


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both event loops."""
    return request.param


class Source:
    """Pieces that are given one by one: `asked` counts how many were asked for, `ended` is set when no more will be."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces
        self.asked = 0
        self.wanted = asyncio.Event()
        self.ended = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the pieces, raise what is none, and then wait for ever."""
        try:
            for piece in self._pieces:
                self.asked += 1
                if isinstance(piece, Exception):
                    raise piece
                yield piece
            self.asked += 1
            self.wanted.set()
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def test_pieces_go_out_as_they_come_and_pieces_come_in_as_they_are_sent() -> None:
    """Nothing waits for a whole body: the target answers to a piece before there is another one."""
    echoed = asyncio.Event()

    async def question() -> AsyncIterator[bytes]:
        yield b"a"
        await echoed.wait()
        yield b"b"

    async def handler(peer: Peer) -> None:
        await peer.head()
        assert await peer.read(6) == b"1\r\na\r\n"
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nA\r\n")
        assert await peer.read(11) == b"1\r\nb\r\n0\r\n\r\n"
        await peer.send(b"1\r\nB\r\n")
        await peer.send(b"0\r\n\r\n")

    async with scripted(handler) as port, speaking() as transport:
        answer = await transport.request(get(port, method="POST", body=question()))
        assert (answer.whole, answer.length) == (None, None)
        assert await answer.piece() == b"A"
        echoed.set()
        assert await answer.piece() == b"B"
        assert [await answer.piece(), await answer.piece()] == [b"", b""]
        answer.release()


@pytest.mark.parametrize(
    ("pieces", "length", "most"),
    [
        ([b"abc"], 4, b"abc"),
        ([], 1, b""),
        ([b"ab", b"cde"], 4, b"ab"),
        ([b"ab", b"cd", b"e"], 4, b"ab"),
        ([b"a"], 0, b""),
    ],
    ids=["short", "nothing", "long in a piece", "a piece too many", "something, and not nothing"],
)
async def test_a_body_of_another_length_is_never_a_whole_request(pieces: list[bytes], length: int, most: bytes) -> None:
    """The target sees the connection close before the body has its length, and the caller gets a ValueError."""
    seen: list[bytes] = []
    closed = asyncio.Event()

    async def handler(peer: Peer) -> None:
        seen.append(await peer.gone())
        closed.set()

    async with scripted(handler) as port, speaking() as transport:
        with pytest.raises(ValueError, match="that were announced"):
            await transport.request(get(port, method="POST", body=pieces_of(*pieces), length=length))
        await closed.wait()
    _head, end, body = seen[0].partition(b"\r\n\r\n")
    assert most.startswith(body)
    assert length or not end


async def test_what_the_pieces_raise_is_raised() -> None:
    """The very error, if there is no answer yet; the target gets no end of the body."""
    fault = OSError("the client has gone")
    seen: list[bytes] = []
    closed = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.head()
        seen.append(await peer.gone())
        closed.set()

    async with scripted(handler) as port, speaking() as transport:
        with pytest.raises(OSError, match="the client has gone") as caught:
            await transport.request(get(port, method="POST", body=aiter(Source(b"x", fault))))
        assert caught.value is fault
        await closed.wait()
    assert seen[0] in (b"1\r\nx\r\n", b"")


async def test_pieces_that_fail_after_the_answer_has_begun_break_it() -> None:
    """What the target makes of half a body is no answer to the whole one, though it looks like an end."""
    begun = asyncio.Event()

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        await begun.wait()
        raise OSError("the client has gone")

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nso far")
        await peer.gone()

    async with scripted(handler) as port, speaking() as transport:
        answer = await transport.request(get(port, method="POST", body=broken()))
        assert await answer.piece() == b"so far"
        begun.set()
        with pytest.raises(Broken):
            await answer.piece()


@pytest.mark.parametrize("then", ["all at once", "in pieces", "released"])
async def test_an_early_answer_is_given_and_the_rest_is_not_asked_for(then: str) -> None:
    """Who has answered needs no more of the body; the connection is of no more use, and the next call has a new one."""
    source = Source(b"x" * 100)

    async def handler(peer: Peer) -> None:
        await peer.head()
        if peer.number:
            await peer.send(CREATED)
            return
        if then != "all at once":
            await peer.send(TOO_LARGE[:-1])
            await source.wanted.wait()
        if then != "released":
            await peer.send(TOO_LARGE[-1:] if then == "in pieces" else TOO_LARGE)
        await peer.gone()

    async with scripted(handler) as port, speaking() as transport:
        answer = await transport.request(get(port, method="POST", body=aiter(source)))
        assert answer.status == 413
        if then == "released":
            assert await answer.piece() == b"n"
        else:
            assert await whole(answer) == b"no"
        answer.release()
        await source.ended.wait()
        assert await whole(await transport.request(get(port))) == b"ok"


async def test_a_body_that_is_still_being_sent_ends_the_connection() -> None:
    """Also if it was all there from the beginning, and only the target has not read it."""
    answered, closed = asyncio.Event(), asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(CREATED if peer.number else TOO_LARGE)
        await answered.wait()
        assert peer.number or len(await peer.gone()) < 8_000_000
        closed.set()

    async with scripted(handler) as port, speaking() as transport:
        assert await whole(await transport.request(get(port, method="PUT", body=b"x" * 8_000_000))) == b"no"
        answered.set()
        await closed.wait()
        assert await whole(await transport.request(get(port))) == b"ok"


async def test_pieces_wait_for_a_target_that_does_not_read() -> None:
    """No more is asked for than fits into what is on the way."""
    read, total = asyncio.Event(), 40
    source = Source(*[b"x" * 1_000_000] * total)

    async def handler(peer: Peer) -> None:
        await peer.head()
        await read.wait()
        await peer.read(total * 1_000_000 - 1)
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        await peer.gone()

    async with scripted(handler) as port, speaking() as transport:
        call = get(port, method="PUT", body=aiter(source), length=total * 1_000_000 + 1)
        task = asyncio.create_task(transport.request(call))
        before = -1
        while source.asked != before or not before:
            before = source.asked
            for _ in range(50):
                await asyncio.sleep(0)
        assert 0 < source.asked < 20
        read.set()
        answer = await task
        assert source.asked > 35
        answer.release()


async def test_a_target_waits_for_a_reader_who_is_slow() -> None:
    """What is held for the reader is bounded, and all of it comes in the end."""
    sent, piece = 0, b"x" * 100_000

    async def handler(peer: Peer) -> None:
        nonlocal sent
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 40000000\r\n\r\n")
        for _ in range(400):
            await peer.send(piece)
            sent += len(piece)
        await peer.gone()

    async with scripted(handler) as port, speaking() as transport:
        answer = await transport.request(get(port))
        before = -1
        while sent != before or not before:
            before = sent
            for _ in range(50):
                await asyncio.sleep(0)
        assert sent < 20_000_000
        got = 0
        while data := await answer.piece():
            assert len(data) < 1_000_000
            got += len(data)
        assert got == 40_000_000


@pytest.mark.parametrize("silent", [False, True], ids=["100", "silence"])
async def test_pieces_are_asked_for_when_they_are_wanted(silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `expects`, the head goes ahead; then the target says 100, or nothing for a while (RFC 9110, 10.1.1)."""
    monkeypatch.setattr(aiohttp_upload, "PATIENCE", 0.01 if silent else 60)

    async def handler(peer: Peer) -> None:
        head = await peer.head()
        assert head.count(b"xpect: 100-continue\r\n") == 1
        if not silent:
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await peer.read(3) == b"abc"
        await peer.send(CREATED)

    async with scripted(handler) as port, speaking() as transport:
        call = get(port, method="PUT", body=pieces_of(b"ab", b"c"), length=3, expects=True)
        call.fields = [*call.fields, (b"Expect", b"100-continue")]
        assert await whole(await transport.request(call)) == b"ok"


async def test_pieces_that_nobody_wants_are_never_asked_for() -> None:
    """With `expects`, an answer instead of 100 is the end of it, also while the body of that comes slowly."""
    source = Source(b"abc")
    seen, finished = asyncio.Event(), asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(TOO_LARGE[:-1])
        await seen.wait()
        await peer.send(TOO_LARGE[-1:])
        assert await peer.gone() == b""
        finished.set()

    async with scripted(handler) as port, speaking() as transport:
        answer = await transport.request(get(port, method="PUT", body=aiter(source), length=3, expects=True))
        assert await answer.piece() == b"n"
        for _ in range(3):
            await asyncio.sleep(0)
        assert not uploads()
        seen.set()
        assert await whole(answer) == b"o"
        await finished.wait()
    assert source.asked == 0
