"""Exports of stores that are written to, imports under way, and what was done before an interruption."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from crossbar.errors import StoreError
from crossbar.stores import Change, Delete, Document, Drop, Insert, Keep, Replace
from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.transfer.manifest import ArchiveError, read_manifest, write_manifest
from crossbar.transfer.marker import MARK, Marker
from tests.contract.blobs import file_of
from tests.contract.documents import NOW, Clock

from .filling import KINDS, blob, everything, export, fill, load


class Watched(MemoryStore):
    """A store in memory in which something happens when a blob is to be read: once, or each time."""

    changes: Sequence[Change] = ()
    always = False
    reads = 0

    async def read_stored_blob(self, id: str) -> AsyncIterator[bytes]:
        """The bytes, after the changes were made."""
        self.reads += 1
        changes, self.changes = self.changes, self.changes if self.always else ()
        if changes:
            await self.write(changes)
        async for piece in super().read_stored_blob(id):
            yield piece


async def noted(clock: Clock) -> tuple[Watched, Document, str]:
    """A store with one note that has a blob; its id is given too."""
    store = Watched(clock)
    await store.open(KINDS)
    note = Document.of("acme", "notes", "n", {"round": 1}, NOW)
    kept = await blob(store, b"first")
    await store.write([Insert(note), Keep(kept, "acme", "notes", "n")])
    return store, note, kept.id


async def test_a_document_whose_blob_is_replaced_meanwhile(tmp_path: Path, clock: Clock) -> None:
    """It is exported as it is then, with the blob that it has then."""
    store, note, id = await noted(clock)
    second = await blob(store, b"second")
    changed = Replace(note.with_data({"round": 2}))
    store.changes = [Drop("acme", id), changed, Keep(second, "acme", "notes", "n")]
    manifest = await export(store, tmp_path / "archive", clock)
    target = MemoryStore(clock)
    await load(target, tmp_path / "archive", clock)
    assert ((1, 1), await everything(store)) == (manifest.total(), await everything(target))


async def test_a_document_that_is_destroyed_meanwhile(tmp_path: Path, clock: Clock) -> None:
    """It is not in the archive."""
    store, _, _ = await noted(clock)
    store.changes = [Delete("acme", "notes", "n", purge=True)]
    manifest = await export(store, tmp_path / "archive", clock)
    assert (0, 0) == manifest.total()


async def test_a_document_whose_blob_the_store_has_lost(tmp_path: Path, clock: Clock) -> None:
    """A store that names a blob and does not have it is told, with the document."""

    class Lossy(Watched):
        async def read_stored_blob(self, id: str) -> AsyncIterator[bytes]:
            async for piece in super().read_stored_blob("0" * 32):
                yield piece

    store = Lossy(clock)
    await fill(store, clock)
    with pytest.raises(ArchiveError, match="has a blob that the store does not have"):
        await export(store, tmp_path / "archive", clock)


async def test_what_was_copied_is_not_copied_again(tmp_path: Path, clock: Clock) -> None:
    """An export that goes on takes the blobs that are in the archive already, whole, and no others."""
    store, _, id = await noted(clock)
    archive = tmp_path / "archive"
    await export(store, archive, clock)
    for size, reads in ((5, 1), (3, 2)):
        manifest = read_manifest(archive)
        assert manifest is not None
        manifest.finished = None
        for part in manifest.kinds:
            part.next, part.done, part.sum = None, False, type(part.sum)()
        write_manifest(archive, manifest)
        (archive / "blobs" / id[:2] / id).write_bytes(b"first"[:size])
        await export(store, archive, clock)
        assert reads == store.reads


async def test_an_import_under_way_is_not_exported(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How far an import is belongs to the store that it goes into."""
    monkeypatch.setattr("crossbar.transfer.marker._EVERY", 0)
    store, _, _ = await noted(clock)
    await Marker(store, "abc", clock).keep("notes", 1, 1)
    assert [f"{MARK}abc"] == [each.document.id for each in await everything(store) if each.document.kind == "system"]
    assert (1, 1) == (await export(store, tmp_path / "archive", clock)).total()


async def test_two_imports_of_one_archive(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one to note how far it is gives way."""
    monkeypatch.setattr("crossbar.transfer.marker._EVERY", 0)
    store, _, _ = await noted(clock)
    one, two = Marker(store, "abc", clock), Marker(store, "abc", clock)
    for marker in (one, two):
        await marker.find()
    await one.keep("notes", 1, 1)
    with pytest.raises(ArchiveError, match="another process imports this archive"):
        await two.keep("notes", 1, 1)


async def test_a_store_that_gives_other_bytes_back(tmp_path: Path, clock: Clock) -> None:
    """The check after an import reads every blob out of the store."""
    source, _, _ = await noted(clock)
    await export(source, tmp_path / "archive", clock)
    target = SqliteStore(tmp_path / "target.db", clock=clock)
    await load(target, tmp_path / "archive", clock)
    (stored,) = [each for each in await everything(target) if each.blobs]
    file_of(target, stored.blobs[0]).write_bytes(b"FIRST")
    with pytest.raises(StoreError, match="the store gives other bytes than those that were written into it"):
        await load(target, tmp_path / "archive", clock)
    await target.close()
