"""Upstreams that are late, away or busy: which time limit ends what, and what the caller and the log are told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.clocks import pass_by
from tests.ports import kept_free

from .gateways import Gateway, gateway, reply, route, until
from .misbehaving import Peer, scripted

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"
NEVER = {"retry": "never", "eject": "never"}


async def _refused(served: Gateway, status: int, reason: str, line: str = "GET /x/1", body: bytes = b"") -> Any:
    """See to it that a request is refused so, in the answer and in the log; the answer."""
    answer = await served.ask(line, body=body)
    told = await served.line_of(answer)
    assert (status, reason, reason) == (answer.status, answer.json["reason"], told["reason"])
    assert status == told["status"]
    return answer


@pytest.mark.parametrize("limit", ["first_byte", "total"])
@pytest.mark.parametrize("said", [b"", HEAD[:20]], ids=["nothing", "half a head"])
async def test_a_head_that_does_not_come_is_504(limit: str, said: bytes) -> None:
    """Whichever time limit passes first, the caller is told of the time, and the connection is closed."""
    closed = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(said)
        pass_by(5)
        await peer.gone()
        closed.set()

    async with (
        scripted(handler) as port,
        gateway(route(timeout={limit: "5s"}), up=port, upstream=NEVER) as served,
    ):
        await _refused(served, 504, "upstream_timeout")
        await closed.wait()


@pytest.mark.parametrize("limit", ["idle", "total"])
@pytest.mark.parametrize("said", [HEAD, HEAD + b"12345678"], ids=["head", "part of the body"])
async def test_a_body_that_does_not_come_is_broken_off(
    limit: str, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The head is out, and so only the connection can tell; it is broken off on purpose, and not by accident."""
    closed = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(said)
        await peer.gone()
        closed.set()

    async with (
        scripted(handler) as port,
        gateway(route(timeout={limit: "5s"}), up=port, upstream=NEVER) as served,
        served.wire() as wire,
    ):
        await wire.send(served.request("GET /x/1"))
        assert b" 200 " in await wire.head()
        assert said.removeprefix(HEAD) == await wire.reader.readexactly(len(said) - len(HEAD))
        pass_by(5)
        assert b"" == await wire.gone()
        assert "aborted" == (await served.logged())["reason"]
        await closed.wait()
        assert "without completing" not in caplog.text
        # NOTE: that it took long altogether may be the client's doing.
        assert (1 if limit == "idle" else 0) == served.service().targets[0].failures


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
async def test_the_time_of_the_head_begins_behind_the_body(chunked: bool) -> None:
    """A body that came in pieces is followed by the time for the first byte, and not by any other one."""
    got: list[bytes] = []

    async def handler(peer: Peer) -> None:
        got.append(b"".join(await peer.request()))
        await peer.gone()

    limits = {"first_byte": "100ms", "idle": "1h", "total": "0"}
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 6"
    first, second = (b"3\r\nabc\r\n", b"3\r\ndef\r\n0\r\n\r\n") if chunked else (b"abc", b"def")
    async with (
        scripted(handler) as port,
        gateway(route(timeout=limits), up=port, upstream=NEVER) as served,
        served.wire() as wire,
    ):
        await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n" + first)
        # The client takes longer than the upstream may.
        await asyncio.sleep(0.15)
        await wire.send(second)
        answer = await wire.answer()
        assert (504, "upstream_timeout") == (answer.status, answer.json["reason"])
        await until(lambda: got)
        assert got[0].endswith(first + second)


@pytest.mark.parametrize("limit", ["first_byte", "idle", "total"])
async def test_the_log_names_the_setting_and_its_value(limit: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads it knows what to change; the state of the target says the same."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD if limit == "idle" else b"")
        await peer.gone()

    async with (
        scripted(handler) as port,
        gateway(route(timeout={limit: "50ms"}), up=port, upstream=NEVER) as served,
    ):
        await served.ask("GET /x/1")
        await served.settled()
        told = f"timeout.{limit} of 0.05 s is over"
        assert told in caplog.text
        assert told in served.service().targets[0].why


async def test_the_time_of_an_answer_is_its_own() -> None:
    """An upload that goes on beside it does not make it any longer."""

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(HEAD)
        await peer.gone()

    limits = {"first_byte": "1h", "idle": "200ms", "total": "0"}
    async with (
        scripted(handler) as port,
        gateway(route(timeout=limits), up=port, upstream=NEVER) as served,
        served.wire() as wire,
    ):
        await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        await wire.head()
        await wire.send(b"def")
        assert b"" == await wire.gone()
        assert "aborted" == (await served.logged())["reason"]


@pytest.fixture
def full() -> Iterator[int]:
    """The port of somebody who lets nobody in: its queue is full."""
    with ExitStack() as closing:
        listening = closing.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(8):
            waiting = closing.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


async def test_a_connection_that_does_not_come_about_is_504(full: int) -> None:
    """Nobody answers, so that it is a matter of time."""
    upstream = NEVER | {"timeout": {"connect": "50ms"}}
    async with gateway(route(), up=full, upstream=upstream) as served:
        await _refused(served, 504, "upstream_timeout")


async def test_a_connection_that_is_refused_is_502() -> None:
    """Somebody answers, but lets nobody in; a request with a body is told the same."""
    with kept_free() as port:
        async with gateway(route(), up=port, upstream=NEVER) as served:
            await _refused(served, 502, "upstream_connect")
            await _refused(served, 502, "upstream_connect", "POST /x/1", b"body")


async def test_nobody_in_order_is_503_at_once() -> None:
    """Targets that are known to be sick are not even tried; `Retry-After` says when to come back."""
    calls: list[int] = []

    async def handler(peer: Peer) -> None:
        calls.append(peer.number)

    async with scripted(handler) as port, gateway(route(), up=port) as served:
        service = served.service()
        service.pool.found(service.targets[0], False, "it is down")
        answer = await _refused(served, 503, "no_target")
        assert "5" == answer["retry-after"]
    assert [] == calls


async def test_more_calls_than_there_may_be_are_503() -> None:
    """The one above the limit is refused, and the place of one that ends is free again."""
    going, came = asyncio.Event(), asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        came.set()
        await going.wait()
        await peer.send(reply(b"late"))

    async with scripted(handler) as port, gateway(route(), up=port, upstream=NEVER | {"concurrency": 1}) as served:
        first = asyncio.create_task(served.ask("GET /x/1"))
        await came.wait()
        answer = await _refused(served, 503, "upstream_busy")
        assert "1" == answer["retry-after"]
        going.set()
        assert b"late" == (await first).body
        await served.settled()
        assert 200 == (await served.ask("GET /x/1")).status


async def test_a_slow_target_is_blamed_and_a_slow_client_is_not() -> None:
    """Five time limits eject a target; a client that takes the total for its upload says nothing of it."""

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.gone()

    async with (
        scripted(handler) as port,
        gateway(
            route(timeout={"first_byte": "20ms"}),
            route("/y/**", timeout={"total": "20ms", "first_byte": "10s"}),
            up=port,
            upstream={"retry": "never"},
        ) as served,
    ):
        (target,) = served.service().targets
        async with served.wire() as wire:
            await wire.send(b"POST /y/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
            assert 504 == (await wire.answer()).status
        assert 0 == target.failures
        await _refused(served, 504, "upstream_timeout")
        assert 1 == target.failures
