"""One request and its response: the `receive` and `send` that an ASGI application is given."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .head import hints
from .limits import STATUS_LINES

if TYPE_CHECKING:
    from .http import HttpProtocol

logger = logging.getLogger("crossbar.protocol")

# How far a response is. Its head waits for the first part of the body, as ASGI wants it: one write for both, and an
# application that crashes in between is still answered 500.
NOTHING, HEAD, BODY, COMPLETE = range(4)


class Exchange:
    """One request with its response; the bound methods `receive` and `send` are the application's.

    PERF: made for each request, so it has slots and no closures, and an event only when somebody waits.
    """

    __slots__ = (
        "_asked",
        "_chunked",
        "_connection",
        "_event",
        "_head",
        "_leaving",
        "_left",
        "_parts",
        "_silent",
        "_told",
        "body_left",
        "buffered",
        "endless",
        "expects",
        "gone",
        "keep_alive",
        "received",
        "scope",
        "stage",
        "task",
    )

    def __init__(
        self, connection: HttpProtocol, scope: dict[str, Any], keep_alive: bool, body_left: int, expects: bool
    ) -> None:
        self._connection = connection
        self.scope = scope
        self.keep_alive = keep_alive
        self.body_left = body_left  # of the request, -1 for chunks
        self.expects = expects  # a "100 Continue" that was not sent yet
        self.received = False  # the whole request is here
        self.endless = False  # an event stream, which goes on until somebody leaves
        self.gone = False  # nobody is there to be answered
        self.buffered = 0
        self.stage = NOTHING
        self.task: asyncio.Task[None] | None = None
        self._asked = self._told = False
        self._parts: list[bytes] | None = None
        self._head: bytes
        self._silent: bool
        self._chunked: bool
        self._left: int | None
        self._event: asyncio.Event | None = None
        self._leaving: Callable[[], None] | None = None

    async def run(self, app: Any, tasks: set[asyncio.Task[None]]) -> None:
        """Let the application answer, and see to it that what it leaves undone cannot look like success."""
        self._asked = True
        try:
            await app(self.scope, self.receive, self.send)
            if self.stage != COMPLETE and not self.gone:
                logger.error("the application returned without completing its response")
                self._connection.fail(self)
        except Exception:
            logger.exception("exception in the application")
            self._connection.fail(self)
        except BaseException:
            self._connection.fail(self)
            raise
        finally:
            # PERF: a callback of the task would cost another turn of the loop.
            if self.task is not None:
                tasks.discard(self.task)

    def tell_when_gone(self, leaving: Callable[[], None]) -> None:
        """Call back when the client goes before it is answered; at once if it has gone.

        PERF: who needs to know that, and nothing else, is spared a task that waits in `receive`.
        """
        self._leaving = leaving
        if self.gone:
            leaving()

    def leave(self) -> None:
        """The client has gone."""
        self.gone = True
        self.wake()
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            leaving()

    def abort(self) -> None:
        """Break the response off on purpose: its client sees that the connection ends before it does."""
        self._connection.fail(self)

    @property
    def begun(self) -> bool:
        """Whether the application was called."""
        return self._asked

    def put(self, part: bytes) -> None:
        """Take a part of the request's body from the wire; it is dropped when nobody can want it any more."""
        self.body_left -= len(part)
        if self.stage == COMPLETE or self.gone:
            return
        self.buffered += len(part)
        if self._parts is None:
            self._parts = [part]
        else:
            self._parts.append(part)
        if self._event is not None:
            self.wake()

    def wake(self) -> None:
        """Let those who wait in `receive` look again."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def receive(self) -> dict[str, Any]:
        """The next part of the request's body; after that, when the client has gone or the response is complete."""
        if self.expects:
            self.expects = False
            self._connection.send_continue(self)
        while not self.gone and self.stage != COMPLETE:
            parts = self._parts
            if parts is not None or (self.received and not self._told):
                body = b"" if parts is None else parts[0] if len(parts) == 1 else b"".join(parts)
                self._parts = None
                self._told = self.received
                if self.buffered:
                    self.buffered = 0
                    self._connection.balance()
                return {"type": "http.request", "body": body, "more_body": not self._told}
            if self._event is None:
                self._event = asyncio.Event()
            await self._event.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        """Send the start or a part of the response; waits while the client is slow to read."""
        connection = self._connection
        if connection.write_paused:
            await connection.drained()
        if self.gone:
            return
        kind = message["type"]
        stage = self.stage
        if stage == NOTHING:
            if kind == "http.response.early_hint":
                # A client of HTTP/1.0 knows no interim responses.
                if self.scope["http_version"] == "1.1":
                    connection.transport.write(hints(message["links"]))
                return
            if kind != "http.response.start":
                raise RuntimeError(f"expected http.response.start, not {kind}")
            self._start(message["status"], message.get("headers", ()))
            return
        if stage == COMPLETE or kind != "http.response.body":
            raise RuntimeError(f"unexpected {kind}: the response is {'complete' if stage == COMPLETE else 'started'}")
        body = message.get("body", b"")
        last = not message.get("more_body", False)
        if stage == BODY and self._chunked and not last and len(body) > 65536 and not self._silent:
            # PERF: a copy of a large piece, with the frame around it, would cost more than the system calls.
            write = connection.transport.write
            write(b"%x\r\n" % len(body))
            write(body)
            write(b"\r\n")
            return
        data = b"" if self._silent else self._framed(body, last)
        if stage == HEAD:
            # A copy is cheaper than a second system call, up to a size.
            if len(data) > 65536:
                connection.transport.write(self._head)
            else:
                data = self._head + data
            self._head = b""
            self.stage = BODY
        if data:
            connection.transport.write(data)
        if last:
            self.stage = COMPLETE
            self._parts = self._leaving = None
            self.buffered = 0
            self.wake()
            connection.finished(self)

    def _framed(self, body: bytes, last: bool) -> bytes:
        """A part of the body as it goes over the wire (RFC 9112 section 7); raises if it breaks the promised length."""
        if self._chunked:
            end = b"0\r\n\r\n" if last else b""
            return b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end
        if self._left is not None:
            left = self._left - len(body)
            if left < 0 or (last and left):
                raise RuntimeError(f"the body is {'longer' if left < 0 else 'shorter'} than its content-length")
            self._left = left
        return body

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Build the head of the response (RFC 9112 section 4); raises if its headers are not fit for the wire."""
        line = STATUS_LINES.get(status)
        if line is None:
            raise RuntimeError(f"{status} is no status of a response")
        connection = self._connection
        watch = connection.watch
        if watch.source is not connection.state.default_headers:
            watch.renew(connection.state.default_headers)
        # RFC 9112 section 6.3: what has no body, whatever its headers say.
        self._silent = silent = status == 204 or status == 304 or self.scope["method"] == "HEAD"
        self._chunked = False
        self._left = None
        named_end = False
        breaks = watch.breaks
        lines = [line, watch.block]
        for name, value in headers:
            if name == b"content-type" and value.startswith(b"text/event-stream"):
                self.endless = True
            prefix = _PREFIXES.get(name)
            if prefix is not None:
                lines.append(prefix + value)
                continue
            name = name.lower()
            if name == b"content-length":
                if not value.isdigit() or self._left is not None:
                    raise RuntimeError("content-length must be one number")
                self._left = int(value)
                if status != 204:  # RFC 9110 section 8.6
                    lines.append(b"\r\ncontent-length: " + value)
                continue
            if name == b"transfer-encoding":
                continue  # ASGI: it is the server that decides
            if name == b"date":
                # RFC 9110, 6.6.1: it tells when the message was made, which a gateway did not do.
                lines[1] = watch.undated
                breaks -= watch.breaks - watch.undated_breaks
            if name == b"connection":
                named_end = True
                if b"close" in value.lower():
                    self.keep_alive = False
            lines.append((_PREFIXES.get(name) or _prefix(name)) + value)
        if not self.received and (self.expects or not 0 <= self.body_left <= connection.max_drain):
            self.keep_alive = False  # nobody will read the rest of the request
        if connection.stopping:
            self.keep_alive = False
        self.expects = False
        if self._left is None and not silent:
            if self.scope["http_version"] == "1.1":
                self._chunked = True
                lines.append(b"\r\ntransfer-encoding: chunked")
            else:
                self.keep_alive = False  # the end of the connection ends the body
        if not self.keep_alive and not named_end:
            lines.append(b"\r\nconnection: close")
        # PERF: one look at the whole instead of one at each value; numbers are found faster than bytes are.
        head = b"".join(lines)
        breaks += len(lines) - 2
        if head.count(10) != breaks or head.count(13) != breaks or 0 in head:
            raise RuntimeError("a response header holds a line break or NUL")  # RFC 9110 section 5.5
        self._head = head + b"\r\n\r\n"
        self.stage = HEAD


_PREFIXES: dict[bytes, bytes] = {}
"""What stands before the value of a header: CRLF, its name and a colon; bounded, names could be made up."""


def _prefix(name: bytes) -> bytes:
    """The same for a name that is new; raises if it is not a token (RFC 9110 section 5.1)."""
    if _TOKEN.fullmatch(name) is None:
        raise RuntimeError(f"{name!r} is no name of a header")
    prefix = b"\r\n" + name + b": "
    if len(_PREFIXES) < 1024 and name not in _SPECIAL:
        _PREFIXES[name] = prefix
    return prefix


_TOKEN = re.compile(rb"[0-9a-z!#$%&'*+.^_`|~-]+")
_SPECIAL = frozenset([b"content-length", b"transfer-encoding", b"connection", b"date"])
