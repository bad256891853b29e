"""A real server on a free port of this machine, in a thread, for the tests of the protocol."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

from uvicorn.config import Config
from uvicorn.server import Server

from crossbar.protocol import HttpProtocol

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PATIENCE = 20.0
"""Seconds after which a test gives up; no test waits that long when all is well."""


class Served:
    """A server that runs: where it listens, what was asked of its application, and raw sockets to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        name = server.servers[0].sockets[0].getsockname()
        self.port: int = name[1] if isinstance(name, tuple) else 0

    @property
    def connections(self) -> list[Any]:
        return list(self.server.server_state.connections)

    def connect(self, receive_buffer: int = 0) -> socket.socket:
        """A connection whose reads give up in time."""
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", self.port))
        return client

    def ask(self, *parts: bytes) -> bytes:
        """All that the server says until it closes."""
        with self.connect() as client:
            for part in parts:
                client.sendall(part)
            return read_all(client)


def read_all(client: socket.socket) -> bytes:
    """What comes until the other side closes; ConnectionResetError if it breaks off."""
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_one(client: socket.socket, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """One response, and nothing of what follows it."""
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        part = client.recv(1)
        assert part, said
        said += part
    response = HTTPResponse(_Said(said), method=method)  # type: ignore[arg-type]
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    response.close()
    body = b""
    if method != "HEAD":
        while len(body) < int(headers.get("content-length", 0)):
            part = client.recv(int(headers["content-length"]) - len(body))
            assert part, body
            body += part
    return response.status, headers, body


class _Said:
    """Bytes in the role of a socket."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._said)


def until(condition: Callable[[], Any]) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


@contextmanager
def serving(app: App, http: Any = HttpProtocol, loop: Any = "asyncio", **options: Any) -> Iterator[Served]:
    """Serve an application while the block runs."""
    options = {
        "lifespan": "off",
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
    } | options
    # An end that takes longer than uvicorn grants is logged as an error, and there are tests that look for errors.
    config = Config(app, host="127.0.0.1", port=0, http=http, loop=loop, timeout_graceful_shutdown=15, **options)
    server = Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield Served(server)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
    assert not thread.is_alive()


async def respond(
    send: Send, body: bytes = b"", status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """A whole response with its length."""
    headers = [(b"content-length", b"%d" % len(body))] if headers is None else headers
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request; ConnectionAbortedError if the client goes."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def until_set(event: threading.Event) -> None:
    """Wait in the loop for what the test thread sets."""
    while not event.is_set():  # noqa: ASYNC110  # it is set in another thread
        await asyncio.sleep(0.002)
