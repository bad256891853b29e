"""The server behind the proxies that are measured: `python -m tests.bench.upstream PORT`.

`GET /invoices/bytes/N` is answered with N bytes, `PUT` with how many bytes came, `GET /invoices/now` with the time of
this machine's monotonic clock in nanoseconds, taken as it is written, and everything else with 1 KiB, always the same.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import cast

import httptools
import uvloop

from .server import HOST

CONSTANT = b'{"invoice":"' + b"x" * 1010 + b'"}'
"""What most requests are answered with."""
_BYTES = b"/invoices/bytes/"
_PIECE = bytes(1 << 18)
_ENDING = 1.0
"""Seconds between the time that is written and the end, so that only what is passed on at once is there in time."""


class _Upstream(asyncio.Protocol):
    """One connection: requests are answered in their order, and long answers wait for whoever reads slowly."""

    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)
        self._rest: Iterator[bytes] = iter(())
        self._path = b""
        self._came = 0
        self._paused = False

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """A request begins."""
        self._path, self._came = url, 0

    def on_body(self, body: bytes) -> None:
        """Count."""
        self._came += len(body)

    def on_message_complete(self) -> None:
        """Answer."""
        if self._parser.get_method() == b"PUT":
            self._answer(b"%d" % self._came)
        elif self._path.startswith(_BYTES):
            size = int(self._path.removeprefix(_BYTES))
            self._head(b"content-length: %d" % size)
            self._rest = (_PIECE[: size - sent] for sent in range(0, size, len(_PIECE)))
            self.resume_writing()
        elif self._path == b"/invoices/now":
            self._head(b"transfer-encoding: chunked")
            now = b"%d" % time.monotonic_ns()
            self._transport.write(b"%x\r\n%b\r\n" % (len(now), now))
            asyncio.get_running_loop().call_later(_ENDING, self._end)
        else:
            self._answer(CONSTANT)

    def pause_writing(self) -> None:
        """Somebody reads slowly: the answer waits."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on with a long answer."""
        self._paused = False
        for piece in self._rest:
            self._transport.write(piece)
            if self._paused:
                return

    def _end(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"0\r\n\r\n")

    def _head(self, framing: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%b\r\n\r\n" % framing)

    def _answer(self, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Upstream, HOST, port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
