"""WebSockets that wait, that go before they are accepted, that are slow, and a hundred of them at a time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus
from websockets.utils import accept_key

from crossbar.gateway.transport import Broken, Message
from tests.ports import kept_free

from .gateways import gateway, route
from .misbehaving import Peer, scripted
from .test_websockets import client_of, talking

MOST = 16 * 1024 * 1024
"""Bytes that may be under way between the two ends: those of the kernel's buffers, and ours."""
HANDSHAKE = (
    b"GET /x/1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def _echo(websocket: ServerConnection) -> None:
    async for message in websocket:
        await websocket.send(message)


async def _waits(websocket: ServerConnection) -> None:
    await websocket.wait_closed()


async def test_a_client_without_a_code() -> None:
    """A close without a code is an end like any other, and no accident."""
    ended: list[int | None] = []

    async def talk(websocket: ServerConnection) -> None:
        await websocket.wait_closed()
        ended.append(websocket.close_code)

    async with talking(talk) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(HANDSHAKE)
        assert b" 101 " in await wire.head()
        await wire.send(b"\x88\x80\0\0\0\0")
        assert (await wire.gone()).startswith(b"\x88")
        await served.settled()
    assert [1000] == ended


async def test_a_client_that_goes_before_it_is_accepted() -> None:
    """The upstream is let go at once, and the log says who went."""
    came, gone = asyncio.Event(), asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.head()
        came.set()
        await peer.gone()
        gone.set()

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(HANDSHAKE)
        await came.wait()
        wire.close()
        await gone.wait()
        line = await served.logged()
        assert (499, "client_gone") == (line["status"], line["reason"])
        assert (0, 0) == (served.service().sockets, served.service().targets[0].failures)


@pytest.mark.parametrize(
    ("timeout", "said", "status", "reason"),
    [
        ("50ms", b"", 504, "upstream_timeout"),
        ("5s", b"SSH-2.0\r\n\r\n", 502, "upstream_garbled"),
        ("5s", b"HTTP/1.1 101 Yes\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", 502, "upstream_garbled"),
        ("5s", b"HTTP/1.1 10", 502, "upstream_reset"),
    ],
    ids=["late", "garbage", "no accept", "cut"],
)
async def test_a_handshake_that_goes_wrong(timeout: str, said: bytes, status: int, reason: str) -> None:
    """Told as any other request would be."""

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(said)
        if not said:
            await peer.gone()

    async with scripted(handler) as port, gateway(route(timeout={"first_byte": timeout}), up=port) as served:
        with pytest.raises(InvalidStatus) as refused:
            async with client_of(served):
                raise AssertionError
        assert status == refused.value.response.status_code
        assert reason == (await served.logged())["reason"]


class Breaking:
    """A WebSocket to a target that has closed, which shows when something is sent before it shows what came."""

    subprotocol = None

    def __init__(self) -> None:
        self.broken = asyncio.Event()

    async def send(self, message: Message) -> None:
        """Say that it has gone."""
        asyncio.get_running_loop().call_later(0.05, self.broken.set)
        raise Broken("it has gone")

    async def receive(self) -> Message:
        """How it has closed, a little later."""
        await self.broken.wait()
        return Message(code=4002, reason="enough")

    async def close(self, code: int, reason: str) -> None:
        """It is closed."""


async def test_how_it_ended_is_told_though_something_else_failed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be sent any more does not end the conversation; what comes of the other side does."""

    async def websocket(*_: object) -> Breaking:
        return Breaking()

    async with gateway(route(), up=1) as served:
        monkeypatch.setattr(served.service().transport, "websocket", websocket)
        async with client_of(served) as client:
            await client.send("late")
            await client.wait_closed()
            assert (4002, "enough") == (client.close_code, client.close_reason)


async def test_another_target_is_tried_when_one_cannot_be_reached() -> None:
    """Nothing of the handshake was heard by anybody."""
    async with AsyncExitStack() as closing:
        gone = closing.enter_context(kept_free())
        port = await closing.enter_async_context(talking(_echo))
        served = await closing.enter_async_context(gateway(route(), up=[gone, port], upstream={"eject": "never"}))
        for _ in range(8):
            async with client_of(served) as client:
                await client.send("here")
                assert "here" == await client.recv()


async def test_a_client_that_does_not_read_stops_the_upstream() -> None:
    """And the other direction goes on."""
    sent = 0

    async def talk(websocket: ServerConnection) -> None:
        nonlocal sent
        while sent < 16 * MOST:
            await websocket.send(b"x" * 65_000)
            sent += 65_000

    async with talking(talk) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(HANDSHAKE)
        await wire.head()
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent < MOST
        wire.close()


async def test_an_upstream_that_does_not_read_stops_the_client() -> None:
    """What is under way has a bound."""
    sent = 0
    reading = asyncio.Event()

    async def handler(peer: Peer) -> None:
        head = await peer.head()
        key = next(line for line in head.split(b"\r\n") if line.startswith(b"sec-websocket-key"))
        accept = accept_key(key.partition(b": ")[2].decode()).encode()
        lines = (b"HTTP/1.1 101 Yes", b"connection: upgrade", b"upgrade: websocket", b"sec-websocket-accept: " + accept)
        await peer.send(b"\r\n".join(lines) + b"\r\n\r\n")
        await reading.wait()

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(HANDSHAKE)
        await wire.head()

        async def send() -> None:
            nonlocal sent
            frame = b"\x82\xfe\xff\x00" + b"\0\0\0\0" + b"x" * 65_280
            while sent < 16 * MOST:
                await wire.send(frame)
                sent += len(frame)

        sending = asyncio.create_task(send())
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        sending.cancel()
        assert sent < MOST
        wire.close()
        reading.set()
        await asyncio.wait([sending])


async def test_open_ones_are_as_many_as_calls_may_be() -> None:
    """The one above the limit is 503, and closing one makes room."""
    async with talking(_echo) as port, gateway(route(), up=port, upstream={"concurrency": 2}) as served:
        async with client_of(served), client_of(served):
            with pytest.raises(InvalidStatus) as refused:
                async with client_of(served):
                    raise AssertionError
            assert 503 == refused.value.response.status_code
            assert "1" == refused.value.response.headers["Retry-After"]
        await served.settled()
        async with client_of(served) as client:
            await client.send("again")
            assert "again" == await client.recv()


async def test_a_hundred_of_them_end_with_the_server() -> None:
    """Each is told 1012, each upstream hears of it, and nothing is left."""
    ended: list[int | None] = []

    async def talk(websocket: ServerConnection) -> None:
        await websocket.wait_closed()
        ended.append(websocket.close_code)

    async with talking(talk) as port, gateway(route(), up=port) as served, AsyncExitStack() as closing:
        clients = [await closing.enter_async_context(client_of(served)) for _ in range(100)]
        assert (100, 0) == (served.service().sockets, served.service().active)
        for connection in [*served.state.connections]:
            connection.shutdown()
        for client in clients:
            await client.wait_closed()
            assert 1012 == client.close_code
        await served.settled()
        assert 0 == served.service().sockets
    assert [1012] * 100 == ended
