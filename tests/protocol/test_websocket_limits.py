"""What a WebSocket may cost: memory and time, under clients that mean no good."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from crossbar.protocol import HttpProtocol, limited
from crossbar.protocol.limits import WireLimits
from crossbar.protocol.websocket import MOST_FRAGMENTS, SLICE, WebSocketProtocol

from .server import Receive, Scope, Send, read_all, until
from .sockets import (
    BINARY,
    CLOSE,
    CONT,
    LOOPS,
    PING,
    PONG,
    TEXT,
    app,
    asking,
    frame,
    opened,
    read_frame,
    read_head,
    sending,
    speaking,
    the_socket,
    waiting,
)


async def flooding(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept, and send without an end."""
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "bytes": b"a" * 100_000})


# -- memory


@LOOPS
@pytest.mark.parametrize("size", [0, 4, 60_000])
def test_few_messages_wait(loop: str, size: int) -> None:
    """Of what a client sends to a slow application, eight messages and one slice are parsed, and little is read."""
    number = 100 if size > 1000 else 30_000
    free = threading.Event()
    got: list[bytes] = []

    async def take_all(receive: Receive, send: Send) -> None:
        """Take every message."""
        while len(got) < number:
            got.append((await receive())["bytes"])

    with speaking(waiting(free, take_all), loop=loop) as served, opened(served) as client:
        messages = [b"%d" % i * (size // 4) for i in range(1_000, 1_000 + number)]
        sender = sending(client, b"".join([frame(BINARY, message) for message in messages]))
        until(lambda: not the_socket(served).transport.is_reading())
        assert 8 <= the_socket(served).queue.qsize() <= 8 + SLICE // 6
        assert len(the_socket(served)._stash) <= 300_000
        free.set()
        until(lambda: len(got) == number)
        sender.join()
    assert messages == got


def test_order_is_kept_when_an_answer_makes_room() -> None:
    """A transport may pause and resume its protocol within a write; messages do not overtake each other by it."""

    class Nervous(WebSocketProtocol):
        """Is paused and resumed at every ping."""

        def handle_ping(self) -> None:
            """Answer, and be called back."""
            super().handle_ping()
            self.pause_writing()
            self.resume_writing()

    messages = [b"%d" % i for i in range(5_000)]
    with speaking(app, ws=Nervous) as served, opened(served) as client:
        sender = sending(client, b"".join([frame(PING) + frame(TEXT, message) for message in messages]))
        said = [read_frame(client) for _ in range(10_000)]
        sender.join()
    assert messages == [data for opcode, data in said if opcode == TEXT]


@LOOPS
def test_pings_are_not_answered_into_memory(loop: str) -> None:
    """A client that pings and never reads is not read from."""
    with speaking(app, loop=loop) as served, opened(served, receive_buffer=4096) as client:
        sender = sending(client, frame(PING, b"a" * 125) * 100_000)
        until(lambda: not the_socket(served).transport.is_reading())
        assert the_socket(served).transport.get_write_buffer_size() < 200_000
        client.shutdown(socket.SHUT_RDWR)
        sender.join()


def test_fragments_are_bounded() -> None:
    """A message in ever so many fragments is kept as few, and arrives whole."""
    kept: list[int] = []

    class Counted(WebSocketProtocol):
        """Counts the fragments that are kept."""

        def handle_cont(self, event: Any) -> None:
            """Count."""
            super().handle_cont(event)
            kept.append(len(self.frames))

    with speaking(app, ws=Counted) as served, opened(served) as client:
        empty, small = frame(CONT, b"", False) * 3_000, frame(CONT, b"a", False) * 3_000
        sender = sending(client, frame(TEXT, b"b", False) + empty + small + empty + frame(CONT))
        assert (TEXT, b"b" + b"a" * 3_000) == read_frame(client)
        sender.join()
    assert 9_001 == len(kept)
    assert max(kept) <= MOST_FRAGMENTS + 1


# -- time


@pytest.mark.parametrize("http", [HttpProtocol, "httptools"])
def test_reader_that_stopped(http: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads nothing of what it is sent is cut off, behind uvicorn's HTTP protocol too."""
    monkeypatch.setattr(WireLimits, "write_seconds", 0.2)
    monkeypatch.setattr(WireLimits, "sweep_seconds", 0.02)
    with speaking(flooding, http=http) as served, opened(served, receive_buffer=4096):
        until(lambda: not served.connections and not served.server.server_state.tasks)


@LOOPS
def test_ping_without_an_answer(loop: str) -> None:
    """A client that does not answer a ping is closed with 1011."""
    with speaking(app, loop=loop, ws_ping_interval=0.02, ws_ping_timeout=0.1) as served, opened(served) as client:
        assert PING == read_frame(client)[0]
        opcode, data = read_frame(client)
        assert (CLOSE, 1011) == (opcode, int.from_bytes(data[:2]))
        assert b"" == read_all(client)


def test_ping_that_is_not_even_read() -> None:
    """A client that reads nothing, pings neither, is cut off and not waited for."""
    with (
        speaking(flooding, ws_ping_interval=0.02, ws_ping_timeout=0.1) as served,
        opened(served, receive_buffer=4096),
    ):
        until(lambda: not served.connections and not served.server.server_state.tasks)


def test_slow_application_is_not_the_clients_fault() -> None:
    """While the application takes no messages, the answer to a ping is not late."""
    free = threading.Event()
    late: list[float] = []

    class Counted(WebSocketProtocol):
        """Counts how often a ping is overdue."""

        def keepalive_timeout(self) -> None:
            """Count."""
            late.append(self.loop.time())
            super().keepalive_timeout()

    async def answer(receive: Receive, send: Send) -> None:
        """Answer the first message."""
        await send({**await receive(), "type": "websocket.send"})

    options = {"ws": Counted, "ws_ping_interval": 0.02, "ws_ping_timeout": 0.05}
    with speaking(waiting(free, answer), **options) as served, served.connect() as client:
        client.sendall(asking() + frame(TEXT, b"a") * 20)  # at once: no ping can come before the messages
        assert read_head(client).startswith(b"HTTP/1.1 101 ")
        opcode, data = read_frame(client)
        assert PING == opcode
        client.sendall(frame(PONG, data))
        until(lambda: len(late) > 5)
        free.set()
        while (said := read_frame(client))[0] == PING:
            client.sendall(frame(PONG, said[1]))
        assert (TEXT, b"a") == said


def test_connections_are_counted() -> None:
    """A socket takes the place of a connection until it ends, and may say nothing as long as it likes."""
    with speaking(app, http=limited(max_connections=2, sweep_seconds=0.02)) as served:
        with opened(served) as first, opened(served) as second:
            assert served.ask(asking()).startswith(b"HTTP/1.1 503 ")
            until(lambda: len(served.connections) == 2)
            watch = served.connections[0]._watch
            # Only now: before its handshake a client has all the time that it needs.
            usual, watch._keep_alive = watch._keep_alive, 0.05
            wait_for_looks(watch, 15)
            watch._keep_alive = usual
            for client in (first, second):
                client.sendall(frame(TEXT, b"a"))
                assert (TEXT, b"a") == read_frame(client)
        until(lambda: not served.connections)
        with opened(served):
            pass


def test_other_protocols_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The watch does not stumble over a connection that speaks by uvicorn's own class."""
    with speaking(app, http=limited(sweep_seconds=0.02), ws="websockets-sansio") as served, opened(served) as client:
        with served.connect():
            until(lambda: len(served.connections) == 2)
            ours = next(each for each in served.connections if isinstance(each, HttpProtocol))
            wait_for_looks(ours.watch, 5)
        until(lambda: len(served.connections) == 1)
        assert not hasattr(the_socket(served), "backlog")
        client.sendall(frame(TEXT, b"a"))
        assert (TEXT, b"a") == read_frame(client)
    assert "" == caplog.text


def wait_for_looks(watch: Any, number: int) -> None:
    """Wait until the watch has looked so many times."""
    looks: list[Any] = []
    look = watch._sweep

    def counting(loop: Any) -> None:
        """Count."""
        looks.append(loop)
        look(loop)

    watch._sweep = counting
    until(lambda: len(looks) > number)
