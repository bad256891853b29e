"""What the tests of blobs are told with: writing one, keeping it, reading it back."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from crossbar.errors import BlobMissing
from crossbar.stores import BLOB_PIECE, Delete, Insert, Keep, Store, StoredBlob
from crossbar.stores.sqlite import SqliteStore

from .documents import Clock, document

# What stands between any two sorts of reading: a piece, several of them, and what is read without a thread.
BORDERS = (64 * 1024, BLOB_PIECE, 4 * BLOB_PIECE)


def content(size: int, seed: int = 0) -> bytes:
    """That many bytes, in which no two places look alike; the same ones for the same seed."""
    return Random(seed).randbytes(size)


async def finished(store: Store, *pieces: bytes) -> StoredBlob:
    """A blob of these pieces that no document has yet."""
    writer = await store.new_blob()
    for piece in pieces:
        await writer.write(piece)
    return await writer.finish()


async def kept(store: Store, *pieces: bytes, id: str = "n1", tenant: str = "acme") -> StoredBlob:
    """A blob of these pieces in the note with that id, which is there already."""
    blob = await finished(store, *pieces)
    await store.write([Keep(blob, tenant, "notes", id)])
    return blob


async def noted(store: Store, *pieces: bytes, id: str = "n1", tenant: str = "acme") -> StoredBlob:
    """A blob of these pieces in a new note."""
    await store.write([Insert(document("notes", id, tenant=tenant))])
    return await kept(store, *pieces, id=id, tenant=tenant)


async def read(
    store: Store, blob: StoredBlob, start: int = 0, length: int | None = None, *, tenant: str = "acme"
) -> bytes | None:
    """What the tenant reads of the blob; None if it keeps no such blob."""
    try:
        return b"".join([piece async for piece in store.read_blob(tenant, blob.id, start, length)])
    except BlobMissing:
        return None


async def purge(store: Store, id: str = "n1") -> None:
    """Destroy a note of `acme`."""
    await store.write([Delete("acme", "notes", id, purge=True)])


# -- what only the SQLite store has -------------------------------------------------------------------------


def file_of(store: SqliteStore, blob: StoredBlob) -> Path:
    """Where the blob is."""
    return Path(f"{store.path}-blobs") / blob.id[:2] / blob.id


def files(store: SqliteStore) -> set[str]:
    """The names of all files of blobs."""
    return {each.name for each in Path(f"{store.path}-blobs").glob("*/*")}


def rows(store: SqliteStore) -> dict[str, str]:
    """The ids in the table, each with its state."""
    connection = sqlite3.connect(store.path)
    found = dict(connection.execute("SELECT id, state FROM blobs").fetchall())
    connection.close()
    return found


async def pass_minutes(store: SqliteStore, clock: Clock, count: int) -> None:
    """Let that many minutes pass, with writes in each."""
    for _ in range(count):
        clock.now += 60
        await store.health()
        await store.health()  # the writer tidies up behind the first, before it comes to the second


async def eventually(found: Callable[[], object], expected: object) -> None:
    """Wait for what threads do in the background."""
    for _ in range(2000):
        if expected == found():
            break
        await asyncio.sleep(0.01)
    assert expected == found()


def open_files(folder: Path) -> list[str]:
    """The files of a folder that this process has open; others may be closed meanwhile, as somebody's garbage."""
    found: list[str] = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(each))
    return sorted(name for name in found if name.startswith(f"{folder}/"))
