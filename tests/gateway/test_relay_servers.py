"""The gateway on other servers than Crossbar's own, which do not call back, and know nothing of breaking off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.clocks import pass_by

from .gateways import gateway, reply, route, until
from .misbehaving import Peer, answering, scripted

SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/x/1",
    "raw_path": b"/x/1",
    "query_string": b"",
    "headers": [(b"host", b"a")],
    "client": ("127.0.0.1", 1),
}
SERVERS = pytest.mark.parametrize("http", ["h11", "httptools"])
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"


@SERVERS
async def test_requests_pass(http: str) -> None:
    """Bodies whole and in pieces, and answers without one."""

    async def handler(peer: Peer) -> None:
        while True:
            head, body = await peer.request()
            if head.startswith(b"HEAD"):
                await peer.send(HEAD)
            elif head.startswith(b"DELETE"):
                await peer.send(b'HTTP/1.1 304 Not Modified\r\netag: "a"\r\ncontent-length: 5\r\n\r\n')
            else:
                await peer.send(reply(body))

    async with scripted(handler) as port, gateway(route(), up=port, http=http) as served:
        assert b"small" == (await served.ask("POST /x/1", body=b"small")).body
        large = bytes(range(256)) * 4096
        assert large == (await served.ask("POST /x/1", body=large)).body
        assert "100" == (await served.ask("HEAD /x/1"))["content-length"]
        assert 304 == (await served.ask("DELETE /x/1")).status


@SERVERS
async def test_a_cut_is_broken_off(http: str, caplog: pytest.LogCaptureFixture) -> None:
    """The server ends the connection of an answer that is not complete."""
    async with scripted(answering(HEAD + b"part")) as port, gateway(route(), up=port, http=http) as served:
        answer = await served.ask("GET /x/1")
        assert (200, False, b"part") == (answer.status, answer.complete, answer.body)
        assert "aborted" == (await served.logged())["reason"]
    assert "Traceback" not in caplog.text


@SERVERS
async def test_a_client_that_goes_in_its_upload_and_in_its_answer(http: str) -> None:
    """It is the client that has gone, and not the upstream that has failed."""
    gone = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(HEAD + b"part")
        await peer.gone()
        gone.set()

    async with scripted(handler) as port, gateway(route(), up=port, http=http) as served, served.wire() as wire:
        await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        await wire.head()
        wire.close()
        await gone.wait()
        assert "client_gone" == (await served.logged())["reason"]
        assert 0 == served.service().targets[0].failures


@SERVERS
@pytest.mark.parametrize("line", ["GET /x/1", "POST /x/1"])
@pytest.mark.parametrize("said", [b"", HEAD + b"part"], ids=["head", "body"])
async def test_a_client_that_goes_is_noticed(http: str, line: str, said: bytes) -> None:
    """Somebody waits for the message that says it."""
    came, gone = asyncio.Event(), asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(said)
        came.set()
        await peer.gone()
        gone.set()

    async with scripted(handler) as port, gateway(route(), up=port, http=http) as served, served.wire() as wire:
        await wire.send(served.request(line, body=b"body" if line.startswith("POST") else b""))
        await came.wait()
        if said:
            await wire.head()
        wire.close()
        await gone.wait()
        assert "client_gone" == (await served.logged())["reason"]


async def _waits() -> Any:
    await asyncio.Event().wait()


async def test_a_server_that_raises_where_nobody_listens() -> None:
    """As ASGI has it from 2.4 on: the client has gone, and nothing is wrong."""
    gone = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"part")
        await peer.gone()
        gone.set()

    async def send(message: Any) -> None:
        raise OSError

    async with scripted(handler) as port, gateway(route(), up=port) as served:
        await served.app(SCOPE, _waits, send)
        await gone.wait()
        assert "client_gone" == (await served.logged())["reason"]


async def test_a_client_that_takes_its_time_is_not_the_upstreams_fault() -> None:
    """What a client takes longer for than the upstream may is no reason to break anything off."""
    sent: list[Any] = []

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        await until(lambda: len(sent) == 2)
        await peer.send(b"3\r\nabc\r\n")
        await until(lambda: len(sent) == 3)
        await peer.send(b"0\r\n\r\n")

    async def send(message: Any) -> None:
        if len(sent) in (0, 2):
            pass_by(6)
        await asyncio.sleep(0)  # so that what is due strikes, before anybody else goes on
        sent.append(message)

    limits = {"first_byte": "5s", "idle": "5s", "total": "0"}
    async with scripted(handler) as port, gateway(route(timeout=limits), up=port) as served:
        await served.app(SCOPE, _waits, send)
        assert "reason" not in await served.logged()
    assert b"abc" == b"".join(message.get("body", b"") for message in sent)
    assert sent[-1].get("more_body", False) is False
