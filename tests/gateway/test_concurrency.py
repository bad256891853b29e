"""What counts as a call under way, and what does not: bodies that do not come and idle WebSockets stop nobody else."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus

from .gateways import Gateway, gateway, reply, route, until
from .misbehaving import Peer, scripted
from .test_websockets import client_of, talking
from .wires import Wire

POST = b"POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"
FIVE = {"concurrency": 5, "retry": "never"}


async def _answers(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(reply())


async def _waits(websocket: ServerConnection) -> None:
    await websocket.wait_closed()


async def _posting(served: Gateway, closing: AsyncExitStack, first: bytes = b"") -> list[Wire]:
    """Five clients that have sent a head, and so much of the body."""
    wires = [await closing.enter_async_context(served.wire()) for _ in range(5)]
    for wire in wires:
        await wire.send(POST + first)
    return wires


async def test_bodies_that_do_not_come_keep_nobody_away() -> None:
    """Five clients that send a head and no more cost an upstream nothing; when their bodies come, they are served."""
    async with (
        scripted(_answers) as port,
        gateway(route(), up=port, upstream=FIVE) as served,
        AsyncExitStack() as closing,
    ):
        wires = await _posting(served, closing)
        service = served.service()
        await until(lambda: service.held == 5)
        assert 0 == service.active
        assert 200 == (await served.ask("GET /x/1")).status
        for wire in wires:
            await wire.send(b"abcdef")
            assert 200 == (await wire.answer()).status


async def test_a_target_that_gets_a_body_is_busy() -> None:
    """What is sent on piece by piece counts from its first piece on."""
    async with (
        scripted(_answers) as port,
        gateway(route(), up=port, upstream=FIVE) as served,
        AsyncExitStack() as closing,
    ):
        wires = await _posting(served, closing, b"abc")
        await until(lambda: served.service().active == 5)
        answer = await served.ask("GET /x/1")
        assert (503, "upstream_busy") == (answer.status, answer.json["reason"])
        for wire in wires:
            await wire.send(b"def")
            assert 200 == (await wire.answer()).status


async def test_a_body_that_comes_when_all_places_are_taken_is_503() -> None:
    """That there was a place when the head came is no promise."""
    async with (
        scripted(_answers) as port,
        gateway(route(), up=port, upstream=FIVE) as served,
        AsyncExitStack() as closing,
        served.wire() as late,
    ):
        await late.send(POST)
        await until(lambda: served.service().held == 1)
        await _posting(served, closing, b"abc")
        await until(lambda: served.service().active == 5)
        await late.send(b"abcdef")
        answer = await late.answer()
        assert (503, "upstream_busy") == (answer.status, answer.json["reason"])
        assert 5 == served.service().active


async def test_websockets_and_calls_have_places_of_their_own() -> None:
    """As many of each: open WebSockets keep no call away, nor calls a WebSocket, but WebSockets each other."""
    async with (
        scripted(_answers) as port,
        talking(_waits) as talks,
        gateway(route(), route("/w/**", "up"), up=port, upstream=FIVE) as served,
        AsyncExitStack() as closing,
    ):
        service = served.service()
        target = service.targets[0]
        target.origin = f"http://127.0.0.1:{talks}"
        for _ in range(5):
            await closing.enter_async_context(client_of(served, "/w/1"))
        with pytest.raises(InvalidStatus) as refused:
            async with client_of(served, "/w/1"):
                raise AssertionError
        assert 503 == refused.value.response.status_code
        target.origin = f"http://127.0.0.1:{port}"
        assert 200 == (await served.ask("GET /x/1")).status
        assert 5 == service.sockets


async def test_calls_keep_no_websocket_away() -> None:
    """Calls in every place of a call leave those of WebSockets."""
    async with talking(_waits) as port, gateway(route(), up=port, upstream=FIVE) as served:
        service = served.service()
        service.active += 5
        async with client_of(served):
            assert (1, 5) == (service.sockets, service.active)
        service.active -= 5
