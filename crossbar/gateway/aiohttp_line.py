"""One connection to a target: aiohttp's, made strict about what it lets pass for a response.

aiohttp's parser forgives a lot. What it forgives and a gateway must not is refused here: heads without an end, interim
responses without an end, framing that can be read in two ways, bytes that nobody has asked for (RFC 9112, 6.3 and 11).
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import set_exception
from aiohttp.http import HttpProcessingError, HttpVersion10, HttpVersion11

from .transport import Broken, Fields, Garbled, TransportError

if TYPE_CHECKING:
    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

MOST_INTERIM = 32
"""Interim responses to one call."""
_BODILESS = frozenset({204, 304})
_CONTROLS = bytes([*range(9), *range(10, 32), 127])


class Line(ResponseHandler):
    """A connection that serves one call after the other; `most` is the bytes that a head may have.

    `calls` is how many it was given, `received` the bytes that came since there was any progress, and `ended` whether
    the target has said that it sends no more: a connection that breaks is not ended. `gone` is set when there is no
    connection any more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, lines: set[Line], most: int) -> None:
        super().__init__(loop)
        self._lines = lines
        self._most = most
        self._busy = self._heading = False
        self._interim = self._barren = 0
        self.calls = self.received = 0
        self.ended = False
        self.gone = asyncio.Event()

    def begin(self, *, bodiless: bool, window: int) -> None:
        """Make ready for a call; `bodiless` if its response has no body whatever its head says (RFC 9112, 6.3)."""
        self._busy = self._heading = True
        self._interim = self._barren = self.received = 0
        self.calls += 1
        self.set_response_params(
            skip_payload=bodiless,
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=window,
            max_line_size=self._most,
            max_field_size=self._most,
            max_headers=max(self._most // 32, 32),
        )

    def rest(self) -> bool:
        """Whether the connection may serve another call, after a response that is complete; it is idle if so.

        Anything that came after the response would be taken for the response to that other call.
        """
        # NOTE: asked for the end of what it reads, the parser answers with what it has begun to read, if there is any.
        if self.should_close or self._parser is None or self._parser.feed_eof() is not None:
            return False
        self._busy = False
        return True

    def cut(self) -> None:
        """Close the connection at once; whoever reads from it learns that it broke."""
        # NOTE: `close` would first send all that is waiting to be sent, and `abort` forgets what has gone wrong.
        if self.transport is not None:
            self.transport.abort()

    def fail(self, fault: Exception) -> None:
        """Close the connection at once, because of `fault`."""
        self.set_exception(fault)
        self.cut()

    def say(self, data: bytes) -> None:
        """Send bytes; if the connection has gone, whoever reads from it learns that."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    async def drain(self) -> None:
        """Wait until the target has taken what was written, or has gone. ConnectionError if it was cut off."""
        await self._drain_helper()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that the connection is there."""
        super().connection_made(transport)
        self._lines.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note that the connection is gone, `exc` being the reason if it was cut."""
        self._lines.discard(self)
        self.gone.set()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """Note that the target has ended; over TLS it must have said so, as RFC 8446, 6.1 wants it."""
        secure = self.transport.get_extra_info("ssl_object") if self.transport is not None else None
        self.ended = secure is None or _is_told(secure)
        super().eof_received()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on, if reading was paused."""
        # PERF: aiohttp does so at each piece and at each end, and makes the parser look at nothing each time.
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def data_received(self, data: bytes) -> None:
        """Read what came. Nothing may come while there is no call, nor too much that is neither a head nor a body."""
        if self._upgraded:
            super().data_received(data)
        elif not self._busy:
            self.cut()
        elif self._heading:
            self.received += len(data)
            super().data_received(data)
            if self._heading and self.received > self._most:
                self._refuse("a head that does not end")
        else:
            body: Any = self._payload
            before = body.total_bytes if body is not None else 0
            super().data_received(data)
            # NOTE: chunk extensions and trailers can go on for ever without a byte of the body among them.
            self._barren = self._barren + len(data) if body is None or body.total_bytes == before else 0
            if self._barren > self._most:
                self._refuse("a body that does not end")

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Take in a head that the parser has read, if there was nothing to refuse yet."""
        status = data[0].code
        if self._exception is not None:
            return
        if status >= 200 or status == 101:
            self._heading = False
        else:
            self._interim += 1
            if self._interim > MOST_INTERIM:
                self._refuse(f"more than {MOST_INTERIM} interim responses")
                return
            if status == 103 and any(
                len(value.translate(None, _CONTROLS)) != len(value) for _, value in data[0].raw_headers
            ):
                return  # a hint is only a hint: without it the response is the same
        super().feed_data(data, size)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Tell what went wrong to whoever waits for a head, and to whoever waits for more of a body."""
        super().set_exception(exc, *cause)
        body = self._payload
        # NOTE: of what is wrong inside a body, the parser in C tells nothing to those who read it.
        if body is not None and not self._upgraded and not body.is_eof() and body.exception() is None:
            set_exception(body, exc)

    def _refuse(self, what: str) -> None:
        self.fail(HttpProcessingError(message=what))


def _is_told(secure: ssl.SSLObject) -> bool:
    """Whether the other side of a TLS connection has said that it ends. asyncio takes a FIN for that, too."""
    try:
        return not secure.read(1)
    except ssl.SSLZeroReturnError:
        return True
    except ssl.SSLError:
        return False


def fault_of(line: Line, exc: BaseException, where: str, *, headed: bool) -> TransportError:
    """What the caller is told of a connection to `where` that ended as `exc` says; `headed` if there was a head.

    NOTE: of what the parser says only the beginning: behind it are bytes of the response.
    """
    if isinstance(cause := line.exception(), HttpProcessingError):
        exc = cause
    if isinstance(exc, HttpProcessingError):
        words = exc.message.partition(":\n")[0].partition(": b")[0]
        return Garbled(f"{where} sent no good response: {words[0].lower()}{words[1:]}")
    ending = "after a part of its response" if headed or line.received else "before it answered"
    # NOTE: a kept connection that ends before anything came was closed by a target that had not seen the call yet.
    return Broken(f"{where} closed the connection {ending}", reused=line.calls > 1 and not headed and not line.received)


def framing_of(
    message: RawResponseMessage, fields: Fields, *, bodiless: bool, received: int, most: int
) -> tuple[int | None, bool]:
    """How many bytes the body of a response has, and whether it goes on until the connection is closed.

    HttpProcessingError for a head that is too long, that other readers would read in another way, or that is none of
    HTTP/1.1 (RFC 9112, 2.2, 5 and 6; RFC 9110, 15).
    """
    status, version, headers = message.code, message.version, message.headers
    if not 200 <= status <= 599:
        what = "it changes to a protocol that nobody asked for" if status == 101 else f"there is no status {status}"
        raise HttpProcessingError(message=what)
    if version != HttpVersion11 and version != HttpVersion10:
        raise HttpProcessingError(message="its version is not 1.1 or 1.0")
    lengths = headers.getall("content-length", ())
    codings = headers.getall("transfer-encoding", ())
    if len(lengths) + len(codings) > 1:
        raise HttpProcessingError(message="it tells the length of its body twice")
    # NOTE: the parser may have read another coding: a tab behind "chunked" makes it read on until the end.
    if codings and (not message.chunked or codings[0].lower() != "chunked" or version == HttpVersion10):
        raise HttpProcessingError(message="its transfer coding is not chunked")
    # PERF: one look at all names and all values; there is hardly ever anything to find.
    names = b"".join([name for name, _ in fields])
    values = b"".join([value for _, value in fields])
    if b" " in names or len(values.translate(None, _CONTROLS)) != len(values):
        raise HttpProcessingError(message="a field of it has a character that no field has")
    if received > most and len(message.reason) + len(names) + len(values) > most:
        raise HttpProcessingError(message=f"its head is longer than {most} bytes")
    length = int(lengths[0]) if lengths else None
    return length, length is None and not codings and not bodiless and status not in _BODILESS
