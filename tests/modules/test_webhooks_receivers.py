"""Receivers that misbehave: they fail by themselves, and hold up nobody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest

from tests.clocks import pass_by

from .tools import PATIENCE, Clock, Home, Receiver, answer, at_home, eventually, misbehaving, receiving, until

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def hurried(clock: Clock) -> AsyncIterator[Home]:
    """An account whose deliveries have ten seconds, and two at a time for a host."""
    async with at_home(clock=clock, timeout=10, connect_timeout=10, per_host=2, concurrency=4) as home:
        yield home


async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request and say nothing until its time is over."""
    await reader.readuntil(b"\r\n\r\n")
    pass_by(10)
    await asyncio.sleep(3600)


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request and say nothing."""
    await asyncio.sleep(3600)


async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hang up at once."""


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the head and break the connection off."""
    await reader.readuntil(b"\r\n\r\n")
    peer: socket.socket = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer in another language."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 mail.example.com ESMTP\r\n")
    await writer.drain()


async def endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send header fields without end."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK)
    while True:
        writer.write(b"x-more: " + b"x" * 1000 + b"\r\n")
        await writer.drain()


async def endless_informing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send interim responses without end, slowly enough to be no flood; before the fourth the time is over."""
    await reader.readuntil(b"\r\n\r\n")
    for number in count():
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        pass_by(4 if number < 3 else 0)
        await asyncio.sleep(0.01)


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the head byte by byte; before the fourth the time is over."""
    await reader.readuntil(b"\r\n\r\n")
    for number, byte in enumerate(OK * 1000):
        writer.write(bytes([byte]))
        await writer.drain()
        pass_by(4 if number < 3 else 0)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (late, "timeout"),
        (trickle, "timeout"),
        (endless_informing, "timeout"),
        (close, "broken response"),
        (reset, "broken response"),
        (babble, "broken response"),
        (endless_head, "broken response"),
    ],
)
async def test_those_that_do_not_answer(hurried: Home, behaviour: Behaviour, reason: str) -> None:
    """An attempt ends in its time with a failure that is tried again, whatever the receiver does."""
    async with misbehaving(behaviour) as receiver:
        await hurried.hook(receiver)
        await hurried.device()
        [made] = await hurried.settled(1)
        assert ("failure", reason, 2) == (made["result"], made["reason"], made["retries_left"])
        assert ("response_code" in made, made["duration_ms"] < 1000 * PATIENCE) == (False, True)
        assert 1 == len(await hurried.outstanding())


async def slow_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer well, and then never send the body that was promised."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK + b"content-length: 10\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(3600)


async def bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer well, with a body that claims to be compressed."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope")
    await writer.drain()


@pytest.mark.parametrize("behaviour", [slow_body, bomb])
async def test_those_whose_body_is_bad(hurried: Home, behaviour: Behaviour) -> None:
    """What was answered well is delivered; the body is of no interest and is not waited for."""
    async with misbehaving(behaviour) as receiver:
        await hurried.hook(receiver)
        await hurried.device()
        [made] = await hurried.settled(1)
        assert ("success", 200, []) == (made["result"], made["response_code"], await hurried.outstanding())


async def test_an_endless_body(hurried: Home) -> None:
    """Of a body without end little is read before the connection is closed."""
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()
            sent += 4096

    async with misbehaving(endless) as receiver:
        await hurried.hook(receiver)
        await hurried.device()
        [made] = await hurried.settled(1)
        assert ("success", 200) == (made["result"], made["response_code"])
        # What is on its way in the buffers of both sides is sent in any case.
        assert sent < 10_000_000


async def test_nobody_there(hurried: Home, receiver: Receiver) -> None:
    """A port that nobody listens on, and a name that nobody has, are failures like others."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        nobody = await hurried.hook(receiver, uri=f"http://127.0.0.1:{port}/", retries=0)
        unknown = await hurried.hook(receiver, uri="http://nobody.invalid/", retries=0)
        await hurried.device()
        await hurried.settled(2)
    assert ["no connection"] == [made["reason"] for made in await hurried.attempts(nobody)]
    assert [True] == [made["reason"] in ("unknown host", "timeout") for made in await hurried.attempts(unknown)]


async def test_no_tls_where_tls_is_asked_for(hurried: Home, receiver: Receiver) -> None:
    """A receiver that does not speak TLS is not spoken to without."""
    await hurried.hook(receiver, uri=receiver.uri.replace("http:", "https:"))
    await hurried.device()
    [made] = await hurried.settled(1)
    assert ("failure", "no secure connection", []) == (made["result"], made["reason"], receiver.received)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(hurried: Home, receiver: Receiver, status: int) -> None:
    """A redirect is a failure; where it points gets nothing, this machine's own services least of all."""
    async with receiving() as inner:
        await hurried.hook(receiver, retries=0)
        receiver.answers.append(answer(status, location=inner.uri))
        await hurried.device()
        [made] = await hurried.settled(1)
        assert ("failure", status, []) == (made["result"], made["response_code"], inner.received)


async def test_a_hanging_receiver_holds_up_nobody(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """While many deliveries to one host hang, those to another arrive at once, and requests are answered."""
    monkeypatch.setattr("crossbar.modules.webhooks.courier.GRACE", 0.01)
    async with (
        at_home(clock=clock, timeout=30, per_host=2, concurrency=4) as home,
        misbehaving(hang) as hanging,
        receiving("localhost") as good,
    ):
        await home.hook(hanging)
        for number in range(20):
            await home.device(f"Before {number}")
        await until(lambda: len(hanging.received) == 2)
        await home.hook(good)
        await home.device("Now")
        await until(lambda: good.received)

        async def written_down() -> bool:
            return 21 == len(await home.outstanding())

        await eventually(written_down)
        assert 2 == len(hanging.received)


async def test_no_more_than_so_many_at_a_time(clock: Clock) -> None:
    """There are never more attempts under way than the options say, for a host and overall, and all are made."""
    async with (
        at_home(clock=clock, per_host=3, concurrency=5, poll=3600) as home,
        receiving() as one,
        receiving("localhost") as two,
    ):
        one.hold()
        two.hold()
        await home.hook(one)
        await home.hook(two)
        for number in range(10):
            await home.device(str(number))
        await until(lambda: len(one.received) + len(two.received) == 5)
        assert {2, 3} == {len(one.received), len(two.received)}
        one.held.set()
        two.held.set()
        await home.settled(20)
        assert (10, 10) == (len({got.id for got in one.received}), len({got.id for got in two.received}))
