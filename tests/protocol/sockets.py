"""WebSocket byte by byte: a handshake, the frames of a client, and an application that does what its path says."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from crossbar.protocol.websocket import WebSocketProtocol

from .server import PATIENCE, App, Receive, Scope, Send, Served, respond, serving, until, until_set

TEXT, BINARY, CONT, CLOSE, PING, PONG = (
    Opcode.TEXT,
    Opcode.BINARY,
    Opcode.CONT,
    Opcode.CLOSE,
    Opcode.PING,
    Opcode.PONG,
)
LOOPS = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


def asking(
    target: bytes = b"/echo",
    headers: bytes = UPGRADE + KEY + VERSION,
    method: bytes = b"GET",
    version: bytes = b"1.1",
    host: bytes = b"Host: a.test\r\n",
) -> bytes:
    """A handshake, or one that is wrong in some way."""
    return method + b" " + target + b" HTTP/" + version + b"\r\n" + host + headers + b"\r\n"


def frame(opcode: Opcode, data: bytes = b"", fin: bool = True) -> bytes:
    """A frame as a client sends it."""
    return Frame(opcode, data, fin).serialize(mask=True)


def read_head(client: socket.socket) -> bytes:
    """What a server says up to the empty line, and nothing of what follows."""
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        part = client.recv(1)
        assert part, said
        said += part
    return said


def read_frame(client: socket.socket) -> tuple[int, bytes]:
    """The next frame of a server: its first byte without FIN, and its data."""
    first, size = _read(client, 2)
    if size == 126:
        (size,) = struct.unpack("!H", _read(client, 2))
    elif size == 127:
        (size,) = struct.unpack("!Q", _read(client, 8))
    return first & 0x7F, _read(client, size)


def _read(client: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        assert part, data
        data += part
    return data


@contextmanager
def opened(served: Served, target: bytes = b"/echo", **options: Any) -> Iterator[socket.socket]:
    """A raw connection after its handshake."""
    with served.connect(**options) as client:
        client.sendall(asking(target))
        assert read_head(client).startswith(b"HTTP/1.1 101 ")
        yield client


def client_of(served: Served, path: str, **options: Any) -> ClientConnection:
    """A client of the `websockets` library."""
    url = f"ws://127.0.0.1:{served.port}{path}"
    client: ClientConnection = connect(url, proxy=None, open_timeout=PATIENCE, close_timeout=PATIENCE, **options)
    return client


@contextmanager
def speaking(app: App, **options: Any) -> Iterator[Served]:
    """Serve an application that speaks WebSocket, with the limits of `crossbar run`, while the block runs."""
    options = {"ws": WebSocketProtocol, "ws_max_size": 65536, "ws_max_queue": 8} | options
    with serving(app, ws_per_message_deflate=False, **options) as served:
        RUNNING.append(served)
        try:
            yield served
        finally:
            RUNNING.remove(served)


RUNNING: list[Served] = []
"""The servers that `speaking` has started and not ended."""

HEARD: list[dict[str, Any]] = []
"""What the application received, and the scopes of the sockets it was called for."""


def forget() -> None:
    """Clear HEARD, when nobody is left who would add to it."""
    until(lambda: not any(each.connections or each.server.server_state.tasks for each in RUNNING))
    HEARD.clear()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Do what the path says."""
    if scope["type"] != "websocket":
        await respond(send, scope["raw_path"])
        return
    HEARD.append(scope)
    HEARD.append(await receive())
    path = scope["path"].removeprefix(scope["root_path"])
    if path == "/refuse":
        await send({"type": "websocket.close"})
    elif path == "/deny":
        headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"application/json")]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b'{"status":', "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b'"error"}'})
    elif path == "/crash/before":
        raise ValueError(path)
    elif path == "/silent":
        return
    else:
        offered = scope["subprotocols"]
        accept = {"type": "websocket.accept", "subprotocol": offered[-1] if offered else None}
        await send({**accept, "headers": [(b"x-a", b"b")]})
        if path == "/crash/after":
            raise ValueError(path)
        if path == "/close":
            await send({"type": "websocket.close", "code": 4001, "reason": "enough"})
        await _echo(receive, send)


async def _echo(receive: Receive, send: Send) -> None:
    """Send back what comes, in its kind."""
    while True:
        message = await receive()
        HEARD.append(message)
        if message["type"] == "websocket.disconnect":
            return
        await send({**message, "type": "websocket.send"})


def waiting(free: threading.Event, then: Callable[[Receive, Send], Any]) -> Any:
    """An application that accepts, and takes no message until it is set free."""

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        """Accept and wait."""
        await receive()
        await send({"type": "websocket.accept"})
        await until_set(free)
        await then(receive, send)

    return wait


def sending(client: socket.socket, data: bytes) -> threading.Thread:
    """Send all of it in a thread, or until the connection ends."""

    def send_all() -> None:
        """Send, and make no fuss about the end."""
        with suppress(OSError):
            client.sendall(data)

    thread = threading.Thread(target=send_all)
    thread.start()
    return thread


def the_socket(served: Served) -> Any:
    """The one connection of a server, seen from its side."""
    (connection,) = served.connections
    return connection
