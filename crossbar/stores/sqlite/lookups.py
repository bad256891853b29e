"""What is answered on the event loop: look-ups that cost less than the hop to a thread, and whether anybody wrote."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .file import closed, connect, unavailable


class Lookups:
    """A connection of the event loop's own to the file, once it is open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._opened = 0
        self._seen: int | None = None

    def open(self) -> None:
        """Connect, if that was not done before."""
        if self._connection is None:
            self._connection = connect(self._path, wait=1)
            self._opened += 1

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        # NOTE: the loop that was to look again may have been closed before its next turn.
        self._seen = None
        if connection is not None:
            connection.close()

    def row(self, sql: str, values: Sequence[object] = ()) -> Any:
        """The one row that a quick look-up finds, or None; read here and now."""
        if self._connection is None:
            raise closed(self._path)
        try:
            return self._connection.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            raise unavailable(self._path, error) from error

    def version(self) -> int | None:
        """A number that differs once anybody wrote to the file, in this process or another; asked for in a loop."""
        if self._seen is not None:
            return self._seen
        # NOTE: every write comes from another connection than this one, which is what the pragma tells. It begins
        # anew with each connection, so that the number has to say which one this is.
        if self._connection is None:
            return None
        version: int = self.row("PRAGMA data_version")[0]
        self._seen = self._opened << 40 | version
        # PERF: the pragma costs as much as a look-up, so one answer serves whatever else runs in this turn of the event
        # loop. No write can be acknowledged in between: what resumes its writer is queued behind this.
        asyncio.get_running_loop().call_soon(self._look_again)
        return self._seen

    def _look_again(self) -> None:
        self._seen = None
