"""A server that is told to stop does so, whatever runs in it."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .conftest import AT_ONCE, Live, ended, started

MODULES = """
import asyncio

from crossbar import ANONYMOUS, Endpoint, Event, Stream, action


class Ticks(Endpoint):
    name = "ticks"
    anywhere = True

    async def authenticate(self, ctx):
        return ANONYMOUS

    async def find(self, ctx):
        return Stream.events(self.ticks())

    async def ticks(self):
        while True:
            yield Event("tick")
            await asyncio.sleep(0.02)

    @action("GET stubborn")
    async def stubborn(self, ctx):
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                pass
"""


@pytest.fixture
def live(tmp_path: Path, grace: int) -> Iterator[Live]:
    """Give a server with an event stream that never ends, and a handler that cannot be cancelled."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "ticks.py").write_text(MODULES)
    config = tmp_path / "crossbar.toml"
    config.write_text(
        f'[modules]\nfolder = "modules"\n[limits]\nhandler_seconds = 1\n[server]\ngrace = {grace}\nadmin = "off"\n'
    )
    found = started(tmp_path, "--config", str(config), "--store", "memory:")
    yield found
    ended(found)


@pytest.mark.parametrize("grace", [60])
def test_an_event_stream_delays_no_stop(live: Live) -> None:
    """Whoever listens is let go at once, since the stream would never come to an end."""
    host, port = urlsplit(live.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as listener:
        listener.sendall(b"GET /v2/ticks HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"text/event-stream" in listener.recv(4096)
        assert live.stop(signal.SIGTERM) < AT_ONCE
    assert 0 == live.process.returncode


@pytest.mark.parametrize("grace", [2])
def test_a_handler_that_cannot_be_cancelled_keeps_no_process(live: Live) -> None:
    """Its client gets a 504, and the process ends all the same, and says why."""
    statuses: list[int] = []

    def ask() -> None:
        connection = HTTPConnection(urlsplit(live.url).netloc, timeout=30)
        connection.request("GET", "/v2/ticks/stubborn")
        statuses.append(connection.getresponse().status)
        connection.close()

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(30)
    assert [504] == statuses
    assert live.stop(signal.SIGTERM) < 20
    assert "go on although they were cancelled" in live.log.read_text()
