"""How a WebSocket ends: after the application's close, when the server stops, and abruptly; nothing is left of it."""

from __future__ import annotations

import gc
import logging
import socket
import struct
import threading
from typing import Any
from weakref import WeakSet

import pytest

from crossbar.protocol import HttpProtocol
from crossbar.protocol.websocket import WebSocketProtocol

from .server import PATIENCE, Receive, Scope, Send, Served, read_all, until, until_set
from .sockets import (
    CLOSE,
    CONT,
    HEARD,
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


def test_close_of_the_application_is_waited_for(sockets: Served) -> None:
    """After the application's close, what the client still sends is dropped, until its answer ends the connection."""
    with opened(sockets, b"/close") as client:
        assert CLOSE == read_frame(client)[0]
        client.sendall(frame(TEXT, b"late") * 10_000 + frame(PING))
        assert (PONG, b"") == read_frame(client)
        assert the_socket(sockets).queue.qsize() <= 1
        client.sendall(frame(CLOSE, b"\x0f\xa1"))
        assert b"" == read_all(client)
    until(lambda: not sockets.connections)
    assert "late" not in repr(HEARD)


@pytest.mark.parametrize(("size", "number"), [(60_000, 100), (1, 8)])
def test_close_while_messages_wait(size: int, number: int) -> None:
    """An application that closes without having taken what it was sent still hears the client's answer."""
    free = threading.Event()

    async def close(receive: Receive, send: Send) -> None:
        """Close at once."""
        await send({"type": "websocket.close"})

    with speaking(waiting(free, close)) as served, opened(served) as client:
        sender = sending(client, frame(TEXT, b"a" * size) * number)
        until(lambda: not the_socket(served).transport.is_reading())
        free.set()
        assert (CLOSE, b"\x03\xe8") == read_frame(client)
        sender.join()
        client.sendall(frame(CLOSE, b"\x03\xe8"))
        assert b"" == read_all(client)


def test_a_client_closes_within_a_message(sockets: Served) -> None:
    """A close between two fragments is no error (RFC 6455, 5.4): it is answered, and what was begun is dropped."""
    with opened(sockets) as client:
        client.sendall(frame(TEXT, b"half", False) + frame(CLOSE, b"\x0f\xa1bye") + frame(CONT, b"whole"))
        assert (CLOSE, b"\x0f\xa1bye") == read_frame(client)
        assert b"" == read_all(client)
    until(lambda: HEARD[-1]["type"] == "websocket.disconnect")
    assert ["websocket.connect", "websocket.disconnect"] == [each["type"] for each in HEARD[1:]]
    assert (4001, "bye") == (HEARD[-1]["code"], HEARD[-1]["reason"])


def test_an_error_ends_it_once() -> None:
    """What stands behind a wrong frame is not looked at."""
    ends: list[object] = []

    class Counted(WebSocketProtocol):
        """Counts its ends."""

        def handle_parser_exception(self) -> None:
            """Count."""
            ends.append(self)
            super().handle_parser_exception()

    with speaking(app, ws=Counted) as served, opened(served) as client:
        client.sendall(b"\xff" * 50_000)
        assert CLOSE == read_frame(client)[0]
        until(lambda: not served.connections)
    assert 1 == len(ends)


def test_wrong_text_before_the_clients_close(sockets: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Text that is not UTF-8 beside a close is not heard; the close is what is answered."""
    with opened(sockets) as client:
        client.sendall(frame(TEXT, b"\xff") + frame(CLOSE, b"\x03\xe8"))
        assert (CLOSE, b"\x03\xe8") == read_frame(client)
        assert b"" == read_all(client)
    until(lambda: HEARD[-1]["type"] == "websocket.disconnect")
    assert 1000 == HEARD[-1]["code"]
    assert "websocket.receive" not in repr(HEARD)
    assert "" == caplog.text


@pytest.mark.parametrize("http", [HttpProtocol, "httptools"])
def test_graceful_shutdown(http: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Open sockets are closed with 1012, and their applications told so; one that was not accepted is a 500."""
    free, here = threading.Event(), threading.Event()

    async def hesitant(scope: Scope, receive: Receive, send: Send) -> None:
        """Accept, except where the path says to wait."""
        if scope["path"] == "/wait":
            here.set()
            await until_set(free)
        else:
            await app(scope, receive, send)

    with speaking(hesitant, http=http) as served, opened(served) as client, served.connect() as early:
        early.sendall(asking(b"/wait"))
        assert here.wait(PATIENCE)
        served.server.should_exit = True
        assert (CLOSE, b"\x03\xf4") == read_frame(client)
        assert b"" == read_all(client)
        assert read_head(early).startswith(b"HTTP/1.1 500 ")
        free.set()
        until(lambda: not served.connections and not served.server.server_state.tasks)
    assert 1012 == HEARD[-1]["code"]
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_shutdown_of_what_ends_already(sockets: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A shutdown that meets a socket on its way out changes nothing."""
    with opened(sockets) as client:
        connection = the_socket(sockets)

        def twice() -> None:
            """Ask for the end, and once more before it is there."""
            connection.shutdown()
            connection.shutdown()

        connection.loop.call_soon_threadsafe(twice)
        assert (CLOSE, b"\x03\xf4") == read_frame(client)
        assert b"" == read_all(client)
    until(lambda: not sockets.connections)
    assert "" == caplog.text


@LOOPS
def test_nothing_is_left_behind(loop: str) -> None:
    """Sockets that break off, in any state, leave no connection, task or object, without the collector's help."""
    alive: WeakSet[Any] = WeakSet()

    class Http(HttpProtocol):
        """Known to the test as long as it lives."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            alive.add(self)

    class WebSocket(WebSocketProtocol):
        """Known to the test, with its parser, as long as it lives."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            alive.update([self, self.conn])

    ends = [b"", frame(TEXT, b"a"), frame(TEXT, b"a" * 1000)[:500], frame(TEXT, b"a", False), frame(CLOSE), b"\xff\xff"]
    with speaking(app, http=Http, ws=WebSocket, loop=loop) as served:
        gc.collect()
        gc.disable()
        try:
            for i in range(120):
                with served.connect() as client:
                    client.sendall(asking([b"/echo", b"/close", b"/refuse"][i % 3]))
                    if i % 4:
                        read_head(client)
                        client.sendall(ends[i // 2 % len(ends)])
                    if i % 5:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            until(lambda: not served.connections and not served.server.server_state.tasks)
            until(lambda: not alive)
        finally:
            gc.enable()
    assert 120 == sum(each["type"] == "websocket" for each in HEARD)
