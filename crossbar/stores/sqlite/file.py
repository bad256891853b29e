"""The file behind the SQLite store: connections to it, and what to tell the operator when it fails."""

from __future__ import annotations

import os
import sqlite3
import time
from functools import lru_cache
from pathlib import Path

import orjson

from ...errors import StoreUnavailable
from ...filters import Filter, matches

# `->` hands out a part of a JSON text exactly as it is stored; all of our filters stand on it.
OLDEST = (3, 38, 0)

# PERF: what a listing asks for is made of few shapes, and a prepared statement saves about 20 µs.
STATEMENTS = 512

# What stands behind a failure, by the start of SQLite's own name for it, and the way out.
REMEDIES: tuple[tuple[str, str], ...] = (
    ("SQLITE_FULL", "the disk is full; free some space, then try again"),
    ("SQLITE_READONLY", "the file or its folder cannot be written; give this user the right to write both"),
    ("SQLITE_PERM", "the file or its folder cannot be written; give this user the right to write both"),
    (
        "SQLITE_CANTOPEN",
        "the file cannot be opened; its folder must exist, and this user must have the right to write",
    ),
    ("SQLITE_NOTADB", "the file is not an SQLite database; name another file, or move this one away"),
    ("SQLITE_CORRUPT", "the file is damaged; restore a backup, or rescue it with `sqlite3 FILE .recover`"),
    ("SQLITE_BUSY", "another process keeps the file locked; stop it, or wait until it is done"),
    ("SQLITE_LOCKED", "another process keeps the file locked; stop it, or wait until it is done"),
    ("SQLITE_IOERR", "the disk does not read or write as it should; look at the space left and the system's log"),
    ("SQLITE_TOOBIG", "a document is larger than SQLite can hold; split it"),
    ("SQLITE_PROTOCOL", "file locks do not work there; put the file on a local disk"),
)


def unavailable(path: Path, error: Exception) -> StoreUnavailable:
    """The error as the store reports it: which file, what is wrong, and the way out."""
    remedy = _remedy(getattr(error, "sqlite_errorname", None) or "")
    return StoreUnavailable(f"SQLite store {path}: {f'{remedy} ({error})' if remedy else error}")


def closed(path: Path) -> StoreUnavailable:
    """The error of a store that was not opened, or was closed."""
    return StoreUnavailable(f"SQLite store {path}: it is not open; await open() first")


def _remedy(name: str) -> str | None:
    return next((remedy for start, remedy in REMEDIES if name.startswith(start)), None)


def connect(
    path: Path, *, synchronous: str = "FULL", writes: bool = False, wait: float = 10, cache: int = 32_000
) -> sqlite3.Connection:
    """A connection to the file, which is made if the connection is to write.

    `wait` is for locks, in seconds; `cache` is how much of the file it may keep in memory, in KiB.

    Texts are read as bytes, since documents go out as bytes.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise StoreUnavailable(f"SQLite store {path}: needs SQLite {oldest}, this Python has {sqlite3.sqlite_version}")
    try:
        if writes and not path.exists():
            # NOTE: documents have private parts, so nobody else may read the file; -wal and -shm inherit its mode.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            path, timeout=wait, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
        )
    except (OSError, sqlite3.Error) as error:
        raise _cannot_open(path, error) from error
    try:
        _set_up(connection, path, synchronous, writes, wait)
        connection.execute(f"PRAGMA cache_size=-{cache}")
    except BaseException as error:
        connection.close()
        raise (unavailable(path, error) if isinstance(error, sqlite3.Error) else error) from error
    return connection


def _journal_mode(connection: sqlite3.Connection, wait: float) -> bytes:
    """Ask for a write-ahead log, and give the mode that there is then."""
    # NOTE: SQLite's own time-out does not cover this: of several processes that open a new file at once, all but one
    # would be told at once that it is locked.
    deadline = time.monotonic() + wait
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return bytes(mode)


def _set_up(connection: sqlite3.Connection, path: Path, synchronous: str, writes: bool, wait: float) -> None:
    connection.text_factory = bytes
    connection.create_function("crossbar_matches", 2, _matches, deterministic=True)
    if writes:
        # PERF: call records are close to 1,000 bytes; in pages of 4,096 each would need an overflow page of its own,
        # and a file four times as large. It has an effect in a new file only.
        connection.execute("PRAGMA page_size=8192")
        if _journal_mode(connection, wait) != b"wal":
            raise StoreUnavailable(f"SQLite store {path}: no write-ahead log is possible there; use a local disk")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA journal_size_limit=67108864")
    else:
        connection.execute("PRAGMA query_only=ON")
    # The schema is read here, so that a damaged file is found now and not in the first request.
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _cannot_open(path: Path, error: Exception) -> StoreUnavailable:
    if not path.parent.is_dir():
        return StoreUnavailable(f"SQLite store {path}: there is no folder {path.parent}; make it, or name another file")
    if path.is_dir():
        return StoreUnavailable(f"SQLite store {path}: this is a folder; name a file in it")
    return StoreUnavailable(f"SQLite store {path}: {_remedy('SQLITE_CANTOPEN')} ({error})")


@lru_cache(maxsize=256)
def _filter(text: str) -> Filter:
    operator, path, value = orjson.loads(text)
    return Filter(operator, tuple(path), value)


def _matches(filter: str, document: str | None) -> bool:
    """What a filter means, asked from within SQL for the few that SQL cannot express."""
    return matches(_filter(filter), orjson.loads(document) if document else {})
