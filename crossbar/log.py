"""The log: one line a request, written in batches off the hot path; everything else through `logging`.

Query strings, tokens and bodies never reach a line, so no secret can.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import TextIO

FLUSH_SECONDS = 0.2
FLUSH_LINES = 2_000

Line = tuple[float, str, str, str, int, str, float, str]


class AccessLog:
    """Collects what is known of finished requests and writes it a few times a second, many lines at once."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lines: list[Line] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(
        self, at: float, client: str, method: str, path: str, status: int, reason: str, seconds: float, request_id: str
    ) -> None:
        """Remember one finished request."""
        self._lines.append((at, client, method, path, status, reason, seconds, request_id))
        if len(self._lines) >= FLUSH_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what was collected; a log that cannot be written never fails a request."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if not lines:
            return
        stream = self._stream or sys.stderr
        try:
            stream.write("".join([_written(line) for line in lines]))
            stream.flush()
        except (OSError, ValueError):
            pass


def _written(line: Line) -> str:
    at, client, method, path, status, reason, seconds, request_id = line
    clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    shown = path if path.isprintable() and path.isascii() else ascii(path)[1:-1]
    took = f"{seconds * 1000:.1f}ms"
    return f"{clock}Z {client or '-'} {method} {shown[:512]} {status} {took} {reason or '-'} {request_id}\n"


def configure(level: str) -> None:
    """Send the log of this process to standard error; for the command line only, a host keeps its own set-up."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
