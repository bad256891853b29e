"""The SQLite store removes the files that are not wanted any more: when, and what it leaves alone."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crossbar.errors import StoreError
from crossbar.stores import Delete, Drop, Keep
from crossbar.stores.sqlite import SqliteStore

from .blobs import content, eventually, file_of, files, finished, kept, noted, pass_minutes, purge, read, rows
from .documents import KINDS, NOW, Clock, document, insert

pytestmark = pytest.mark.anyio


DAY = 24 * 3600


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, clock=clock)
    await store.open(KINDS)
    yield store
    await store.close()


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("size", [5, 3 << 20])
async def test_a_discarded_file_is_gone_at_once(store: SqliteStore, ended: bool, size: int) -> None:
    """When `discard` is done, so is the file."""
    writer = await store.new_blob()
    await writer.write(content(size))
    if ended:
        await writer.finish()
        assert 1 == len(files(store))
    await writer.discard()
    assert set() == files(store)


async def test_files_go_with_their_rows(store: SqliteStore, clock: Clock) -> None:
    """Dropped, purged and expired blobs lose their files after the commit, and then their rows; aside ones stay."""
    await insert(store, document("notes", "late", expires=NOW + 60))
    await kept(store, b"expires", id="late")
    drops, stays = await noted(store, b"drops"), await kept(store, b"stays")
    await noted(store, b"purged", id="purged")
    aside = await noted(store, b"aside", id="aside")
    await store.write([Drop("acme", drops.id)])
    await purge(store, "purged")
    await store.write([Delete("acme", "notes", "aside")])
    await eventually(lambda: len(files(store)), 3)
    await pass_minutes(store, clock, 1)
    await eventually(lambda: files(store), {stays.id, aside.id})
    await pass_minutes(store, clock, 1)
    await eventually(lambda: rows(store), {stays.id: "kept", aside.id: "aside"})


async def test_a_removal_that_was_interrupted_is_made_up_for(store: SqliteStore, clock: Clock) -> None:
    """The process ended between the commit and the removal of the file: the row tells the next one."""
    blob = await noted(store, b"x")
    await store.close()
    connection = sqlite3.connect(store.path)
    connection.execute("UPDATE blobs SET state = 'gone'")
    connection.commit()
    connection.close()
    assert file_of(store, blob).exists()
    await store.open(KINDS)
    await pass_minutes(store, clock, 1)
    await eventually(lambda: files(store), set())
    await pass_minutes(store, clock, 1)
    await eventually(lambda: rows(store), {})


async def test_old_files_without_a_row_are_swept(store: SqliteStore, clock: Clock) -> None:
    """A day after they were last written to, folder by folder, one a minute; whatever else lies there stays."""
    names = [await noted(store, b"kept", id=f"n{n}") for n in range(3)]
    orphans = [await finished(store, b"orphan") for _ in range(20)]
    young = await finished(store, b"young")
    mine = file_of(store, names[0]).with_name("README")
    mine.write_text("mine")
    for each in [*names, *orphans]:
        os.utime(file_of(store, each), (time.time() - DAY - 60,) * 2)
    os.utime(mine, (0, 0))
    folders = {each.id[:2] for each in [*names, *orphans, young]}
    await pass_minutes(store, clock, 1)
    assert len(folders) - 2 <= len({each[:2] for each in files(store)} - {"RE"}), "more than a folder at once"
    await pass_minutes(store, clock, len(folders))
    await eventually(lambda: files(store), {*(each.id for each in names), young.id, "README"})
    assert [b"kept"] * 3 == [await read(store, each) for each in names]


async def test_a_file_that_may_be_swept_is_not_kept(store: SqliteStore) -> None:
    """Long before that, so that clocks need not agree."""
    await insert(store, document("notes", "n1"))
    blob = await finished(store, b"late")
    os.utime(file_of(store, blob), (time.time() - DAY / 2 - 60,) * 2)
    with pytest.raises(StoreError, match="it was finished over 12 hours ago"):
        await store.write([Keep(blob, "acme", "notes", "n1")])


async def test_a_file_that_cannot_be_removed_is_tried_again(
    store: SqliteStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names it, and its row stays until it is gone."""
    blob = await noted(store, b"x")
    file = file_of(store, blob)
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    await store.write([Drop("acme", blob.id)])
    told = f"1 of 1 files could not be removed, the first: SQLite store {store.path}: blob file {file}"
    await eventually(lambda: told in caplog.text, True)
    await pass_minutes(store, clock, 3)
    assert {blob.id: "gone"} == rows(store)
    (file / "in the way").rmdir()
    file.rmdir()
    await pass_minutes(store, clock, 1)
    await eventually(lambda: rows(store), {})
