"""A server that is told to stop finishes what runs, refuses what comes, and cuts off nothing before its time."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .conftest import AT_ONCE, Live, ended, logged, started

MODULES = """
import asyncio
from pathlib import Path

from crossbar import ANONYMOUS, Endpoint, Stream, action


class Steps(Endpoint):
    name = "steps"
    anywhere = True

    async def authenticate(self, ctx):
        return ANONYMOUS

    async def create(self, ctx):
        return ctx.body

    @action("GET handler")
    async def handler(self, ctx):
        Path("begun-handler").touch()
        await asyncio.sleep(1.5)
        return "finished"

    @action("GET stream")
    async def stream(self, ctx):
        return Stream(self.pieces(), "text/plain")

    async def pieces(self):
        for n in range(30):
            yield b"%d " % n
            Path("begun-stream").touch()
            await asyncio.sleep(0.05)

    @action("GET endless")
    async def endless(self, ctx):
        return Stream(self.numbers(), "text/plain")

    async def numbers(self):
        while True:
            yield b"more "
            Path("begun-endless").touch()
            await asyncio.sleep(0.05)
"""

Start = Callable[..., Live]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts a server with these endpoints, with so many workers and so much grace."""
    running: list[Live] = []

    def starting(workers: int, grace: int = 10) -> Live:
        (tmp_path / "modules").mkdir()
        (tmp_path / "modules" / "steps.py").write_text(MODULES)
        config = tmp_path / "crossbar.toml"
        config.write_text(
            f'[modules]\nfolder = "modules"\n[server]\ngrace = {grace}\nadmin = "off"\nworkers = {workers}\n'
            "[rate]\nenabled = false\n[log]\naccess = false\nslow = 60000\n"
        )
        running.append(started(tmp_path, "--config", str(config), "--store", "sqlite:///x.db"))
        return running[-1]

    yield starting
    for live in running:
        ended(live)


def whole(live: Live, path: str) -> bytes:
    """Give the whole body of an answer; what is cut off raises."""
    connection = HTTPConnection(urlsplit(live.url).netloc, timeout=20)
    try:
        connection.request("GET", f"/v2/steps/{path}")
        response = connection.getresponse()
        assert 200 == response.status
        return response.read()
    finally:
        connection.close()


def connected(live: Live) -> socket.socket:
    """Give a new connection."""
    host, port = urlsplit(live.url).netloc.split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def begun(live: Live, *names: str) -> None:
    """Wait until these are under way."""
    until(lambda: all((live.log.parent / f"begun-{name}").exists() for name in names))


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.01)


def refuses(live: Live) -> bool:
    """Whether a new client is turned away while the server still runs."""
    assert live.process.poll() is None
    try:
        with connected(live) as connection:
            connection.settimeout(0.2)
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            return not connection.recv(100)
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_what_runs_is_finished(start: Start, workers: int) -> None:
    """A slow handler, a slow upload and a long stream come to their ends; new clients are refused; nothing failed."""
    live = start(workers)
    body = json.dumps({"data": {"sent": "slowly"}}).encode()
    head = b"PUT /v2/steps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    with ThreadPoolExecutor(2) as threads, connected(live) as upload:
        upload.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == upload.recv(4096)
        upload.sendall(body[:10])
        asked: list[Future[bytes]] = [threads.submit(whole, live, path) for path in ("handler", "stream")]
        begun(live, "handler", "stream")
        live.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(live))
        for place in range(10, len(body)):
            upload.sendall(body[place : place + 1])
            time.sleep(0.02)
        answer = b""
        with suppress(ConnectionError):
            while piece := upload.recv(4096):
                answer += piece
        handler, stream = (future.result() for future in asked)
    assert b'"data":"finished"' in handler
    assert b" ".join(b"%d" % n for n in range(30)) == stream.strip()
    assert (True, True) == (answer.startswith(b"HTTP/1.1 201"), b'"sent":"slowly"' in answer)
    assert 0 == live.process.wait(30)
    said = [line.partition("crossbar: ")[2] for line in logged(live)]
    assert {"stopping"} == {*said}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_grace_ends(start: Start, workers: int) -> None:
    """What goes on for ever is cut off when the grace is over, visibly, and the process ends."""
    live = start(workers, grace=1)
    with connected(live) as connection:
        connection.sendall(b"GET /v2/steps/endless HTTP/1.1\r\nHost: x\r\n\r\n")
        begun(live, "endless")
        began = time.monotonic()
        live.process.send_signal(signal.SIGTERM)
        read = b""
        with suppress(ConnectionError):
            while piece := connection.recv(65536):
                read += piece
        assert 0.5 < time.monotonic() - began < AT_ONCE
    assert not read.endswith(b"0\r\n\r\n")
    live.process.wait(30)


def test_idle_connections_delay_nothing(start: Start) -> None:
    """Clients that keep their connection, or have not said anything yet, are let go at once."""
    live = start(1, grace=60)
    with connected(live) as kept, connected(live) as silent, connected(live) as half:
        kept.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in kept.recv(4096)
        half.sendall(b"GET /livez HT")
        assert live.stop(signal.SIGTERM) < AT_ONCE
        assert [b"", b""] == [connection.recv(100) for connection in (kept, silent)]
    assert 0 == live.process.returncode
