"""What a connection may bring and how long it may take, and the watch that ends those who overstay.

One timer for each server looks at all its connections about once a second, so that a request sets and cancels none.
A connection only says that its state changed, by setting `since` to zero; the watch dates it at its next look. A time
limit therefore strikes between the limit and two looks later, never early.
"""

from __future__ import annotations

import asyncio
import fcntl
import http
import json
import logging
import os
import resource
import sys
import termios
from weakref import WeakKeyDictionary

from uvicorn.server import ServerState

from ..fields import SECURE, Fields

logger = logging.getLogger("crossbar.protocol")


class WireLimits:
    """The limits of a connection and their defaults: sizes in bytes, times in seconds."""

    max_target = 8192
    """The request target; more is answered 414 (RFC 9112 section 3 wants 8,000 bytes to pass)."""
    max_headers = 16384
    """All header field lines together; more is answered 431, while they arrive."""
    max_header_count = 100
    """Header fields; more is answered 431."""
    max_queue = 16
    """Pipelined requests that wait for their turn before reading pauses."""
    max_body_buffer = 65536
    """Bytes of a body that wait for the application before reading pauses."""
    max_drain = 65536
    """Bytes of an unwanted body that are read, and thrown away, to keep the connection."""
    max_connections = 1000
    """Connections of this process; more are answered 503. At most RLIMIT_NOFILE - 256, whatever is set."""
    header_seconds: float = 10.0
    """From the first byte of a request to the end of its header; longer is answered 408."""
    keep_alive_seconds: float | None = None
    """How long a connection may be idle; None takes uvicorn's timeout_keep_alive."""
    body_grace: float = 5.0
    """How long a body may stall before its rate counts."""
    body_rate: float = 240.0
    """Bytes a second that a body must bring after that; fewer is answered 408."""
    write_seconds: float = 30.0
    """How long a client may read nothing of what waits for it; longer aborts the connection."""
    linger_seconds: float = 2.0
    """How long a refused client may go on sending, so that the answer reaches it (RFC 9112 section 9.6)."""
    sweep_seconds: float = 1.0
    """The time between two looks of the watch."""


class Paced:
    """A connection whose client must read what it is sent; all that the watch asks of a WebSocket."""

    transport: asyncio.Transport
    backlog: int
    backlog_since: float


class Watched(Paced):
    """What the watch reads and does of a connection that has requests."""

    since: float
    body_bytes: int
    lingering: bool
    in_head: bool

    def body_is_due(self) -> bool | None:
        """Whether the client owes bytes of a body; None if it has owed none since the last look."""
        raise NotImplementedError

    def is_busy(self) -> bool:
        """Whether the application has a request of this connection."""
        raise NotImplementedError

    def refuse(self, status: int, message: str) -> None:
        """Answer for the wire, and close."""
        raise NotImplementedError


class Watch:
    """Looks after the connections of one server, and holds what they share."""

    def __init__(self, state: ServerState, limits: type[WireLimits], keep_alive: float) -> None:
        # NOTE: the set, not the state: this object is the value of a weak mapping whose key is the state.
        self._connections: set[object] = state.connections  # type: ignore[assignment]
        self._limits = limits
        self._keep_alive = keep_alive if limits.keep_alive_seconds is None else limits.keep_alive_seconds
        self._timer: asyncio.TimerHandle | None = None
        self.source: list[tuple[bytes, bytes]] = []
        self.block, self.breaks = b"", 0
        self.undated, self.undated_breaks = b"", 0
        self.lingering = 0
        self.most = max(1, min(limits.max_connections, _descriptors() - 256))

    def admits(self, connection: Watched) -> bool:
        """Whether there is room for a connection, which is counted and watched from now on."""
        self._connections.add(connection)
        self.wake()
        return len(self._connections) - self.lingering <= self.most

    def wake(self) -> None:
        """Start the timer if need be; it stops by itself when no connection is left."""
        if self._timer is None:
            self._arm(asyncio.get_running_loop())

    def renew(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Take over the server's own headers as lines; uvicorn makes a new list of them every second, for Date.

        `undated` are those of a response that brings a date of its own.
        """
        self.source = headers
        self.block = b"".join([b"\r\n%b: %b" % pair for pair in headers])
        self.breaks = len(headers)
        undated = [pair for pair in headers if pair[0].lower() != b"date"]
        self.undated = b"".join([b"\r\n%b: %b" % pair for pair in undated])
        self.undated_breaks = len(undated)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self._limits.sweep_seconds, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for connection in list(self._connections):
            try:
                if isinstance(connection, Paced):  # not what other protocols than ours have put there
                    self._look(connection, now)
            except Exception:  # one connection must not end the watch over the others
                logger.exception("the limits of a connection could not be checked")
        if self._connections:
            self._arm(loop)

    def _look(self, connection: Paced, now: float) -> None:
        backlog = connection.transport.get_write_buffer_size()
        if backlog:
            backlog += _on_the_way(connection.transport)
        if backlog == 0 or backlog != connection.backlog:
            connection.backlog, connection.backlog_since = backlog, now
        elif now - connection.backlog_since >= self._limits.write_seconds:
            connection.transport.abort()
            return
        if isinstance(connection, Watched):
            self._look_at_requests(connection, now)

    def _look_at_requests(self, connection: Watched, now: float) -> None:
        limits, transport = self._limits, connection.transport
        if connection.since == 0.0:
            connection.since, connection.body_bytes = now, 0
            return
        age = now - connection.since
        if connection.lingering:
            if age >= limits.linger_seconds:
                transport.abort()
        elif transport.is_closing():
            return
        elif (due := connection.body_is_due()) is not None:
            if not due:
                connection.since = 0.0  # the application is slow, not the client
            elif age >= limits.body_grace:
                if connection.body_bytes < limits.body_rate * age:
                    connection.refuse(408, "the request body came too slowly")
                else:
                    connection.since, connection.body_bytes = now, 0
        elif connection.is_busy():
            return
        elif connection.in_head:
            if age >= limits.header_seconds:
                connection.refuse(408, "the request header was not complete in time")
        elif not connection.backlog and age >= self._keep_alive:
            transport.close()


def _on_the_way(transport: asyncio.Transport) -> int:
    """The bytes that the kernel holds and the client has not acknowledged.

    They may be some megabytes, and a client that reads steadily takes a while to make room for more of ours: only here
    is it seen that it reads at all.
    """
    socket = transport.get_extra_info("socket")
    if socket is None or sys.platform != "linux":
        return 0
    try:
        # See tcp(7), SIOCOUTQ, which is the same number.
        queued = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(queued, sys.byteorder)


_WATCHES: WeakKeyDictionary[ServerState, Watch] = WeakKeyDictionary()


def watch_of(state: ServerState, limits: type[WireLimits], keep_alive: float) -> Watch:
    """The one watch of a server."""
    watch = _WATCHES.get(state)
    if watch is None:
        watch = _WATCHES[state] = Watch(state, limits, keep_alive)
    return watch


def _descriptors() -> int:
    """How many file descriptors this process may have."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft


STATUS_LINES = {
    status: b"HTTP/1.1 %d %b" % (status, phrase.encode())
    for status, phrase in {
        **dict.fromkeys(range(200, 600), ""),
        **{int(known): known.phrase for known in http.HTTPStatus if known >= 200},
    }.items()
}
"""The status lines; a response of the application begins at 200, since 1xx is not final."""

_WORDS = {
    400: "bad_request",
    405: "method_not_allowed",
    408: "request_timeout",
    414: "uri_too_long",
    426: "upgrade_required",
    431: "headers_too_large",
    500: "unspecified_fault",
    503: "unavailable",
    505: "version_not_supported",
}

_MORE: dict[int, Fields] = {
    405: [(b"allow", b"GET")],
    426: [(b"connection", b"upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")],  # RFC 6455, 4.4
    503: [(b"retry-after", b"1")],
}


def answer(status: int, message: str, headers: bytes) -> bytes:
    """A whole response that the server gives itself, in the shape of the API's errors; the connection ends after it."""
    envelope = {
        "data": {"message": message},
        "error": str(status),
        "message": _WORDS[status],
        "status": "fatal" if status == 500 else "error",
        "request_id": os.urandom(16).hex(),
    }
    body = json.dumps(envelope, separators=(",", ":")).encode()
    return whole(status, [*SECURE, (b"content-type", b"application/json"), *_MORE.get(status, ())], body, headers)


def whole(status: int, fields: Fields, body: bytes, headers: bytes) -> bytes:
    """A response from its parts, with the server's own headers as lines; the connection ends after it."""
    lines = [b"%b: %b" % pair for pair in fields]
    lines += [b"content-length: %d" % len(body), b"connection: close"]
    return b"\r\n".join([STATUS_LINES[status] + headers, *lines]) + b"\r\n\r\n" + body
