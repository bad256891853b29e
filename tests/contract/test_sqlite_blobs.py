"""What only the SQLite store promises of blobs: its files, what is swept and when, and files of older versions."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import cast

import pytest

from crossbar.errors import StoreError
from crossbar.stores import Drop, Insert, Keep
from crossbar.stores.sqlite import SqliteStore

from .blobs import content, eventually, file_of, files, finished, kept, noted, open_files, read
from .documents import KINDS, Clock, device, document, insert

pytestmark = pytest.mark.anyio

# ruff: noqa: ASYNC240 - nothing else runs in these loops that a slow call could keep waiting.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, clock=clock)
    await store.open(KINDS)
    yield store
    await store.close()


# -- files --------------------------------------------------------------------------------------------------


async def test_a_blob_is_a_private_file_beside_the_database(store: SqliteStore) -> None:
    """Byte for byte under its id, in a folder of its first two digits; nobody else may look into any of them."""
    before = store.path.stat().st_size
    blob = await noted(store, content(3 << 20))
    file = file_of(store, blob)
    assert content(3 << 20) == file.read_bytes()
    assert [0o700, 0o700, 0o600] == [each.stat().st_mode & 0o777 for each in (*reversed(file.parents[:2]), file)]
    assert store.path.stat().st_size - before < 1 << 20


async def test_documents_alone_make_no_folder(store: SqliteStore) -> None:
    """Who has no blobs sees nothing of them: no folder, no thread, no trigger."""
    await insert(store, device("d1"))
    writer = await store.new_blob()
    await writer.write(b"nothing yet")
    await writer.discard()
    connection = sqlite3.connect(store.path)
    assert [] == connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    connection.close()
    assert not Path(f"{store.path}-blobs").exists()


async def test_kinds_without_blobs_pay_nothing(store: SqliteStore) -> None:
    """A kind gets its triggers with its first blob, and no other kind does; a Keep that fails leaves none."""
    blob = await finished(store, b"x")
    with pytest.raises(StoreError):
        await store.write(
            [
                Insert(device("d1")),
                Keep(blob, "acme", "devices", "d1"),
                Keep(blob, "acme", "devices", "d1"),
            ]
        )
    await noted(store, b"x")
    await kept(store, b"y")
    connection = sqlite3.connect(store.path)
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name").fetchall()
    connection.close()
    assert [("notes blobs aside",), ("notes blobs gone",)] == found


async def test_the_folder_moves_with_the_database(store: SqliteStore, tmp_path: Path) -> None:
    """Nothing in the database says where it is."""
    blob = await noted(store, b"moved")
    await store.close()
    (tmp_path / "elsewhere").mkdir()
    for each in tmp_path.glob("store.db*"):
        each.rename(tmp_path / "elsewhere" / each.name.replace("store", "other"))
    other = SqliteStore(tmp_path / "elsewhere" / "other.db")
    await other.open(KINDS)
    assert b"moved" == await read(other, blob)
    await other.close()


async def test_memory_stays_flat(store: SqliteStore) -> None:
    """Neither a large blob that is written nor one that is read is in memory as a whole."""
    piece = content(64 * 1024)
    await insert(store, document("notes", "n1"))
    tracemalloc.start()
    writer = await store.new_blob()
    for _ in range(1024):
        await writer.write(piece)
    blob = await writer.finish()
    await store.write([Keep(blob, "acme", "notes", "n1")])
    size = 0
    async for each in store.read_blob("acme", blob.id):
        size += len(each)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 64 << 20 == size
    assert peak < 8 << 20


@pytest.mark.parametrize("size", [1000, 3 << 20])
async def test_no_file_stays_open(store: SqliteStore, size: int) -> None:
    """Whether a reading ends, is given up, or is cancelled while a thread reads; and whatever becomes of a writer."""
    blob = await noted(store, content(size))
    assert content(size) == await read(store, blob)
    before = open_files(store.path.parent)
    for taken in range(4):
        pieces = cast(AsyncGenerator[bytes, None], store.read_blob("acme", blob.id))
        for _ in range(taken):
            await anext(pieces, b"")
        await pieces.aclose()
    for turns in range(20):
        reading = asyncio.ensure_future(read(store, blob))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        writer = await store.new_blob()
        writing = asyncio.ensure_future(writer.write(content(1 << 20)))
        for _ in range(turns):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait([writing])
        await writer.discard()
    assert {blob.id} == files(store)
    # A thread that was reading closes the file as its last act.
    await eventually(lambda: open_files(store.path.parent), before)


@pytest.mark.parametrize(("synchronous", "least"), [("NORMAL", 0), ("FULL", 4), ("EXTRA", 4)])
async def test_files_are_as_safe_as_commits(
    path: Path, monkeypatch: pytest.MonkeyPatch, synchronous: str, least: int
) -> None:
    """File and folders are synced before the blob is finished, and large ones as they grow; not with `NORMAL`."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    monkeypatch.setattr(os, "fdatasync", synced.append)
    store = SqliteStore(path, synchronous=synchronous)
    await store.open(KINDS)
    await finished(store, b"x")
    assert least == len(synced)  # the file, its folder, and two folders that know new ones
    await finished(store, bytes(65 << 20))
    assert least <= len(synced)
    await store.close()


# -- between threads ----------------------------------------------------------------------------------------


@contextmanager
def held(*pools: ThreadPoolExecutor) -> Iterator[None]:
    """Keep all threads of these busy."""
    release = Event()
    for pool in pools:
        for _ in range(pool._max_workers):
            pool.submit(release.wait)
    yield
    release.set()


async def test_a_blob_that_is_dropped_before_it_is_opened_is_missing(store: SqliteStore) -> None:
    """A file that is gone is damage only if its row is still there."""
    blob = await noted(store, content(3 << 20))
    assert store._blobs is not None
    with held(store._blobs.files._readers):
        reading = asyncio.ensure_future(read(store, blob))
        await asyncio.sleep(0)
        await store.write([Drop("acme", blob.id)])
        await eventually(lambda: files(store), set())
    assert None is await reading


@pytest.mark.parametrize("ended", [False, True])
async def test_a_discard_that_is_cancelled_is_carried_out(store: SqliteStore, ended: bool) -> None:
    """Most blobs are discarded because a request was cancelled, which may happen again meanwhile."""
    writer = await store.new_blob()
    await writer.write(content(2 << 20))
    if ended:
        await writer.finish()
    assert store._blobs is not None
    with held(store._blobs.files._writers):
        discarding = asyncio.ensure_future(writer.discard())
        await asyncio.sleep(0)
        discarding.cancel()
        await asyncio.wait([discarding])
        assert discarding.cancelled()
    await eventually(lambda: files(store), set())
