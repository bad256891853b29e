"""What the tests of the SQLite store's time limits share: a file that is locked, and a store that waits for little."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.sqlite.file import connect


class Lock:
    """The write lock of a file in other hands."""

    def __init__(self, path: Path) -> None:
        self._connection: sqlite3.Connection = connect(path, writes=True)
        self._connection.execute("BEGIN IMMEDIATE")

    def free(self) -> None:
        """Give it back."""
        self._connection.execute("COMMIT")
        self._connection.close()


@contextmanager
def hurried(store: SqliteStore) -> Iterator[None]:
    """Give a quarter of a second to the listings, and half of one to the writes, that are begun in the block."""
    usual = store._read_seconds, store._write_seconds
    store._read_seconds, store._write_seconds = 0.25, 0.5
    yield
    store._read_seconds, store._write_seconds = usual
