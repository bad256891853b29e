"""The connection under the protocol: which request is answered now, when reading and writing pause, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from .answers import answer_in_form, scope_of
from .exchange import BODY, COMPLETE, Exchange
from .limits import Watched, WireLimits, watch_of

FIRST_WORDS = 0.25
"""Seconds in which a client that is sent away may begin its request, so that it is told in the form that it knows."""
MOST_LINGERING = 128
"""Connections over the limit that are told so; more are cut off without a word."""


class Connection(asyncio.Protocol, WireLimits, Watched):
    """One connection without a parser: its exchanges, one after the other, and its end."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._config = config
        self._app = config.loaded_app
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self.state = server_state
        self._tasks = server_state.tasks
        self.watch = watch_of(server_state, type(self), config.timeout_keep_alive)

        self._receiving: Exchange | None = None  # the request whose body arrives
        self._running: Exchange | None = None  # the one that is answered
        self._queue: deque[Exchange] = deque()  # those whose turn comes
        self._last_words = b""  # a refusal that waits for the responses before it

        self._deaf = False  # what arrives is thrown away
        self._noise = False  # something was
        self._waiting: asyncio.TimerHandle | None = None  # for the first bytes of a client that is sent away
        self._stash, self._position = b"", 0  # read, but not parsed yet
        self._read_paused = False
        self._writable: asyncio.Event | None = None
        self.write_paused = False
        self.stopping = False

        # For the watch.
        self.in_head = False
        self.since = 0.0
        self.body_bytes = 0
        self.backlog, self.backlog_since = 0, 0.0
        self.lingering = False

    # -- as asyncio and uvicorn see it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Greet a client, or send it away if there are too many."""
        self.transport = transport
        self._server = get_local_addr(transport)
        self._client = get_remote_addr(transport)
        self._scheme = "https" if is_ssl(transport) else "http"
        if not self.watch.admits(self):
            if self.watch.lingering >= MOST_LINGERING:
                transport.abort()
            else:
                self._turn_away()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application that the client has gone."""
        self.state.connections.discard(self)
        if self.lingering:
            self.watch.lingering -= 1
        if self._waiting is not None:
            self._waiting.cancel()
        self._deaf = True
        self.write_paused = False
        self.resume_writing()
        for exchange in (self._running, self._receiving, *self._queue):
            if exchange is not None:
                exchange.leave()
        self._queue.clear()
        self._running = self._receiving = None
        self._stash = b""

    def shutdown(self) -> None:
        """Close when the request in progress is answered, at once if there is none; uvicorn calls this."""
        self.stopping = True
        if self._running is None or self._running.endless:
            self.transport.close()

    def pause_writing(self) -> None:
        """The client is slow to read."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """The client has read enough."""
        self.write_paused = False
        self.backlog = 0
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    async def drained(self) -> None:
        """Wait until the client has read enough, or has gone."""
        while self.write_paused:
            if self._writable is None:
                self._writable = asyncio.Event()
            await self._writable.wait()

    def body_is_due(self) -> bool | None:
        """Whether the client owes bytes of a body: not while we do not read, or have not asked for it."""
        receiving = self._receiving
        return None if receiving is None else not (self._read_paused or receiving.expects)

    def is_busy(self) -> bool:
        """Whether the application has a request of this connection."""
        return self._running is not None

    # -- the exchanges

    def start(self, exchange: Exchange) -> None:
        """Let the application answer a request."""
        self._running = exchange
        # A reference is kept: the loop itself has only a weak one.
        task = exchange.task = self._loop.create_task(exchange.run(self._app, self._tasks))
        self._tasks.add(task)

    def send_continue(self, exchange: Exchange) -> None:
        """Ask the client for the body it announced (RFC 9110 section 15.2.1)."""
        if exchange.stage < BODY and not exchange.gone:
            self.since = 0.0
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def finished(self, exchange: Exchange) -> None:
        """Go on after a complete response: with the next request, or not at all."""
        self.state.total_requests += 1
        self.since = 0.0
        if not exchange.keep_alive or self.stopping:
            more = self._noise or bool(self._queue) or bool(self._stash) or self.in_head
            self._hang_up(linger=more or not exchange.received)
            return
        if self._queue:
            self.start(self._queue.popleft())
        else:
            self._running = None
            if self._last_words:
                self.transport.write(self._last_words)
                self._hang_up(linger=True)
                return
        if self._read_paused:
            self.balance()

    def fail(self, exchange: Exchange) -> None:
        """Answer 500 for an application that did not, or break off a response that it began."""
        if exchange.gone or exchange.stage == COMPLETE:
            return
        exchange.gone = True
        if exchange.stage < BODY:
            self.transport.write(self._answer(exchange.scope, 500, "the server failed"))
            self._hang_up(linger=True)
        else:
            self._break_off()

    def refuse(self, status: int, message: str) -> None:
        """Answer for the wire, after the responses that come before, and hang up; no further request is looked at."""
        if self.lingering or self._last_words or self.transport.is_closing():
            return
        self._deaf = True
        broken, self._receiving = self._receiving, None
        words = self._answer(self.known() if broken is None else broken.scope, status, message)
        if broken is not None:
            if broken.task is None:
                self._queue.remove(broken)
            elif broken is not self._running:  # its response is complete: there must not be another
                self._hang_up(linger=True)
                return
            else:
                self._running = None
                broken.leave()
                if not broken.begun:
                    broken.task.cancel()
                    self._tasks.discard(broken.task)
                elif broken.stage == BODY:
                    self._break_off()
                    return
        if self._running is not None:
            self._last_words = words
        else:
            self.transport.write(words)
            self._hang_up(linger=True)

    def _turn_away(self) -> None:
        """Answer 503 to a client that is one too many, as soon as it has said what it speaks, or a moment later."""
        self._deaf = self.lingering = True
        self.watch.lingering += 1
        self._waiting = self._loop.call_later(FIRST_WORDS, self.overhear, b"")

    def overhear(self, data: bytes) -> None:
        """Take what comes when no request is taken any more; only one who is being sent away is listened to."""
        self._noise = True
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            scope = scope_of(data, b"", self._config.root_path)
            self.transport.write(self._answer(scope, 503, "too many connections"))
            self._hang_up(linger=True)

    def _hang_up(self, *, linger: bool) -> None:
        """Close once everything is sent.

        A client that is still sending would be reset, and might lose the response: RFC 9112 section 9.6 has the server
        close its own half first and read on for a while.
        """
        self._deaf = True
        self._running = self._receiving = None
        self._queue.clear()
        self._stash, self._position = b"", 0
        if self.transport.is_closing():
            return
        if linger and not self.stopping and self.transport.can_write_eof():
            if not self.lingering:
                self.lingering = True
                self.watch.lingering += 1
            self.since = 0.0
            self.transport.write_eof()
            self.balance()
        else:
            self.transport.close()

    def _break_off(self) -> None:
        """End the connection with a reset, so that no client takes a part of the response for all of it."""
        connection: socket.socket | None = self.transport.get_extra_info("socket")
        if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def balance(self) -> None:
        """Read from the client, or do not, according to what waits for the application."""
        receiving = self._receiving
        full = not self._deaf and (
            len(self._queue) > self.max_queue or (receiving is not None and receiving.buffered > self.max_body_buffer)
        )
        if full == self._read_paused or self.transport.is_closing():
            return
        self._read_paused = full
        if full:
            self.transport.pause_reading()
            return
        self.parse_stash()
        if not self._read_paused and not self.transport.is_closing() and self.transport.get_protocol() is self:
            self.transport.resume_reading()

    def hand_over(self, head: bytes, rest: bytes) -> None:
        """Let the WebSocket protocol go on with the connection, from the head of a handshake and what came after it."""
        transport = self.transport
        self._deaf = True
        self.state.connections.discard(self)
        protocol: Any = self._config.ws_protocol_class(  # type: ignore[call-arg, misc]
            config=self._config, server_state=self.state, app_state=self._app_state, _loop=self._loop
        )
        protocol.connection_made(transport)
        transport.set_protocol(protocol)
        if self.write_paused:
            protocol.pause_writing()
        transport.resume_reading()
        protocol.data_received(head)
        if rest and not transport.is_closing():
            protocol.data_received(rest)

    def _answer(self, scope: dict[str, Any], status: int, message: str) -> bytes:
        self.watch.renew(self.state.default_headers)
        words = answer_in_form(self._app, scope, status, message, self.watch.block)
        return _without_body(words) if scope["method"] == "HEAD" else words

    def known(self) -> dict[str, Any]:
        """What is known of the request whose head is wrong, as a scope; the subclass that has the parser knows."""
        raise NotImplementedError

    def parse_stash(self) -> None:
        """Parse what was read but not looked at; the subclass that has the parser does."""
        raise NotImplementedError


def _without_body(response: bytes) -> bytes:
    """The head of a response."""
    return response[: response.index(b"\r\n\r\n") + 4]
