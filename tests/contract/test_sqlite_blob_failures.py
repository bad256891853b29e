"""Blobs of the SQLite store when things go wrong: damage, full disks, slow disks, killed processes, several of them."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crossbar.errors import StoreError, StoreOverdue, StoreUnavailable
from crossbar.stores import Drop
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.sqlite.blob_files import BlobFiles

from .blobs import content, eventually, file_of, files, noted, open_files, pass_minutes, read, rows
from .documents import KINDS, Clock, document, insert
from .test_sqlite_failures import outcome, start

pytestmark = pytest.mark.anyio

# ruff: noqa: ASYNC240, ASYNC251 - nothing else runs in these loops that a slow call could keep waiting.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, clock=clock)
    await store.open(KINDS)
    yield store
    await store.close()


# -- damage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 3 << 20])
@pytest.mark.parametrize("change", [-1, 1, None], ids=["shorter", "longer", "missing"])
async def test_a_damaged_file_is_told(store: SqliteStore, size: int, change: int | None) -> None:
    """With its name and what is wrong, before the first byte: never a short answer."""
    blob = await noted(store, content(size))
    file = file_of(store, blob)
    if change is None:
        file.unlink()
        told = "the file is missing; restore it from a backup"
    else:
        os.truncate(file, size + change)
        told = f"it has {size + change} bytes where {size} were written; restore it from a backup"
    for first, length in ((0, None), (0, 10), (size - 1, 1)):
        with pytest.raises(StoreUnavailable) as caught:
            await anext(store.read_blob("acme", blob.id, first, length))
        assert f"SQLite store {store.path}: blob file {file}: {told}" in str(caught.value)


async def test_a_file_that_is_cut_while_it_is_read_is_told(store: SqliteStore) -> None:
    """What was read before that has gone out, so the rest must fail and not just end."""
    blob = await noted(store, content(5 << 20))
    pieces = store.read_blob("acme", blob.id)
    await anext(pieces)
    os.truncate(file_of(store, blob), 2 << 20)
    with pytest.raises(StoreUnavailable, match="it has 2097152 bytes where 5242880 were written"):
        async for _ in pieces:
            pass


async def test_something_in_the_place_of_the_folder_is_told(store: SqliteStore) -> None:
    """A blob cannot be written there; documents can."""
    folder = Path(f"{store.path}-blobs")
    folder.write_text("mine")
    writer = await store.new_blob()
    await writer.write(b"x")
    with pytest.raises(StoreUnavailable, match=f"blob file {folder}/../[0-9a-f]{{32}}: Not a directory"):
        await writer.finish()
    with pytest.raises(StoreError, match="could not be written, cannot be finished"):
        await writer.finish()
    await writer.discard()
    await insert(store, document("notes", "n1"))
    assert "mine" == folder.read_text()


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "the disk is full; free some space, then try again (No space left on device)"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EACCES, "give it the right to do both"),
        (errno.EROFS, "the disk is read-only; make it writable"),
        (errno.EMFILE, "raise the limit (ulimit -n)"),
        (errno.EIO, "look at the system's log"),
        (errno.ELOOP, "Too many levels of symbolic links"),
    ],
    ids=lambda value: errno.errorcode.get(value, "") if isinstance(value, int) else "",
)
def test_each_failure_has_a_way_out(path: Path, number: int, remedy: str) -> None:
    """What the system says is told, and what an operator can do about it."""
    blobs = BlobFiles(path, sync=True, read_seconds=1, write_seconds=1)
    failed = str(blobs.failed(blobs.path("ab"), OSError(number, os.strerror(number))))
    assert f"SQLite store {path}: blob file {path}-blobs/ab/ab: " in failed
    assert remedy in failed
    blobs.close()


# -- a full disk --------------------------------------------------------------------------------------------


def test_a_full_disk_fails_the_blob_and_nothing_else(path: Path) -> None:
    """While it is written or at its end; once there is space again, blobs are written as before."""
    script = """
import resource
from tests.contract.blobs import content, finished, noted, read

async def attempt(*pieces):
    writer = await store.new_blob()
    try:
        for piece in pieces:
            await writer.write(piece)
        await writer.finish()
    except StoreUnavailable as error:
        print(error)
    try:
        await writer.finish()
    except Exception as error:
        print(type(error).__name__)
    await writer.discard()

async def main():
    await store.open(KINDS)
    before = await noted(store, content(1 << 21))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, hard))
    await attempt(content(2 << 20), content(2 << 20), content(10))
    await attempt(content(2 << 20), content(1 << 20), content(10))
    await insert(store, document("notes", "n2"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    after = await noted(store, content(4 << 20), id="n3")
    print(content(1 << 21) == await read(store, before), content(4 << 20) == await read(store, after))
    await store.close()

asyncio.run(main())
"""
    first, refused, second, again, whole = outcome(start(script, path))
    for failed in (first, second):
        assert failed.startswith(f"SQLite store {path}: blob file {path}-blobs/")
        assert "no file may be that large; raise the limit" in failed
    assert ("StoreError", "StoreError", "True True") == (refused, again, whole)
    assert 2 == len([*Path(f"{path}-blobs").glob("*/*")])


# -- a slow disk --------------------------------------------------------------------------------------------


async def test_a_disk_that_does_not_answer_is_given_up(path: Path) -> None:
    """StoreOverdue after the time that reading may take; the thread closes the file when the disk comes back."""
    store = SqliteStore(path, read_seconds=30)
    await store.open(KINDS)
    blob = await noted(store, content(3 << 20))
    assert store._blobs is not None
    threads, file, before = store._blobs.files, file_of(store, blob), open_files(path.parent)
    threads._read_seconds = 0.25
    file.rename(file.with_name("away"))
    os.mkfifo(file)  # opening it waits until somebody writes to it
    with pytest.raises(StoreOverdue, match=r"no answer from the folder .*store\.db-blobs within 0\.25 seconds"):
        await read(store, blob)
    threads._read_seconds = 30
    os.close(os.open(file, os.O_RDWR))  # which waits for nobody
    await eventually(lambda: open_files(path.parent), before)
    file.with_name("away").rename(file)
    assert content(3 << 20) == await read(store, blob)
    await store.close()


# -- opening and closing ------------------------------------------------------------------------------------


async def test_closing_ends_what_is_written_and_read(store: SqliteStore) -> None:
    """Both are told that the store was closed; a blob that was finished is left for the sweeper, no file stays open."""
    before = open_files(store.path.parent)
    blob = await noted(store, content(3 << 20))
    writer, waiting, done = await store.new_blob(), await store.new_blob(), await store.new_blob()
    for each in (writer, waiting):
        await each.write(content(2 << 20))
    unkept = await done.finish()
    pieces = store.read_blob("acme", blob.id)
    await anext(pieces)
    await store.close()
    with pytest.raises(StoreUnavailable, match="it was closed"):
        await writer.finish()
    with pytest.raises(StoreUnavailable, match="it was closed"):
        async for _ in pieces:
            pass
    with pytest.raises(StoreUnavailable, match="it is not open"):
        await store.new_blob()
    with pytest.raises(StoreUnavailable, match="it is not open"):
        await anext(store.read_blob("acme", blob.id))
    for each in (writer, waiting, done):
        await each.discard()
    assert {blob.id, unkept.id} == files(store)
    await store.open(KINDS)
    assert content(3 << 20) == await read(store, blob)
    await eventually(lambda: open_files(store.path.parent), before)


# -- several processes --------------------------------------------------------------------------------------


async def test_processes_share_the_folder(store: SqliteStore, clock: Clock) -> None:
    """What one has written all others read, and what one drops is gone for all."""
    script = """
from crossbar.stores import Drop
from tests.contract.blobs import content, noted, read
from crossbar.stores import StoredBlob

async def main():
    await store.open(KINDS)
    for n in range(20):
        blob = await noted(store, content(100_000 + n), id=f"{sys.argv[2]}-{n}")
        print(blob.id, flush=True)
    await store.write([Drop("acme", blob.id)])
    print(await read(store, StoredBlob(sys.argv[3], 0, "")) == content(50_000))
    await store.close()

asyncio.run(main())
"""
    mine = await noted(store, content(50_000))
    printed = [outcome(each) for each in [start(script, store.path, f"p{n}", mine.id) for n in range(3)]]
    for *ids, same in printed:
        assert "True" == same
        found = [b"".join([piece async for piece in store.read_blob("acme", id)]) for id in ids[:-1]]
        assert [content(100_000 + n) for n in range(19)] == found
    await store.write([Drop("acme", mine.id)])
    await pass_minutes(store, clock, 2)
    expected = {id for *ids, _ in printed for id in ids[:-1]}
    await eventually(lambda: (files(store), {*rows(store)}), (expected, expected))


async def test_a_killed_process_names_no_file_that_is_missing(path: Path, clock: Clock) -> None:
    """Every blob that was acknowledged is whole, every row has its file, and what is left over is swept a day later."""
    script = """
from crossbar.stores import Drop, Insert, Keep
from tests.contract.blobs import content, finished

async def write(worker):
    last = None
    for n in range(10**6):
        id = f"{sys.argv[2]}-{worker}-{n}"
        blob = await finished(store, *[content(300_000, n)] * (1 + (worker + n) % 8))
        await store.write([Insert(document("notes", id)), Keep(blob, "acme", "notes", id)])
        if last and n % 3 == 0:
            await store.write([Drop("acme", last)])
        elif last:
            print(last, flush=True)
        last = blob.id

async def main():
    await store.open(KINDS)
    await asyncio.gather(*(write(worker) for worker in range(8)))

asyncio.run(main())
"""
    acknowledged: set[str] = set()
    for part in range(3):
        output = path.with_name(f"round{part}")
        with output.open("w") as file:
            process = start(script, path, output.name, output=file.fileno())
        while not output.stat().st_size and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.uniform(0.02, 0.2))
        process.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == process.wait(), process.communicate()
        process.communicate()
        acknowledged.update(output.read_text().split("\n")[:-1])  # the last line may be cut
    connection = sqlite3.connect(path)
    named = {
        id: (size, sha)
        for id, size, sha in connection.execute("SELECT id, size, sha256 FROM blobs WHERE state = 'kept'")
    }
    connection.close()
    assert acknowledged <= named.keys()
    for id, (size, sha) in named.items():
        found = (Path(f"{path}-blobs") / id[:2] / id).read_bytes()
        assert (size, sha) == (len(found), hashlib.sha256(found).hexdigest())
    for each in Path(f"{path}-blobs").glob("*/*"):
        os.utime(each, (0, 0))
    store = SqliteStore(path, clock=clock)
    await store.open(KINDS)
    await pass_minutes(store, clock, 257)
    await eventually(lambda: (files(store), {*rows(store)}), ({*named}, {*named}))
    await store.close()
