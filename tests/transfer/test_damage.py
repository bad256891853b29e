"""Archives that are damaged, incomplete or those of somebody else: nothing of them is believed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from crossbar.errors import CrossbarError
from crossbar.stores import Insert, Kind, Replace
from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.whole import WholeStore
from crossbar.transfer.archive import Archive
from crossbar.transfer.exporting import export_store
from crossbar.transfer.importing import import_archive
from crossbar.transfer.manifest import ArchiveError, read_manifest, write_manifest
from crossbar.transfer.progress import Progress
from tests.contract.documents import NOW, Clock, document

from .filling import everything, export, fill, load


@pytest.fixture
async def source(clock: Clock) -> WholeStore:
    """A store with all that is hard to move."""
    store = MemoryStore(clock)
    await fill(store, clock)
    return store


@pytest.fixture
async def archive(source: WholeStore, tmp_path: Path, clock: Clock) -> Path:
    """An archive of it."""
    await export(source, tmp_path / "archive", clock)
    return tmp_path / "archive"


def notes_of(archive: Path) -> Path:
    """The file of the notes."""
    return archive / "documents" / "notes.ndjson"


def blob_in(folder: Path, pattern: str = "blobs/*/*") -> Path:
    """The largest blob."""
    return max(folder.glob(pattern), key=lambda path: path.stat().st_size)


def names(folder: Path, pattern: str = "*") -> list[str]:
    """The names of all files below a folder that are like this."""
    return sorted(path.name for path in folder.rglob(pattern))


def flip(path: Path, place: int) -> None:
    """Change one bit of a file, so that JSON stays JSON where the byte is that of a text."""
    held = bytearray(path.read_bytes())
    held[place] ^= 1
    path.write_bytes(held)


def change_manifest(archive: Path, old: str, new: str) -> None:
    """Write other words into the manifest."""
    path = archive / "manifest.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def flip_in_text(archive: Path) -> None:
    """A letter in a title is another one."""
    flip(notes_of(archive), notes_of(archive).read_bytes().index(b"again") + 1)


def flip_in_syntax(archive: Path) -> None:
    """A brace is none any more."""
    flip(notes_of(archive), 0)


def tear(archive: Path) -> None:
    """The last line is cut off."""
    os.truncate(notes_of(archive), notes_of(archive).stat().st_size - 10)


def shorten(archive: Path) -> None:
    """The last line is missing."""
    lines = notes_of(archive).read_bytes().splitlines(keepends=True)
    notes_of(archive).write_bytes(b"".join(lines[:-1]))


def repeat(archive: Path) -> None:
    """A line is there twice."""
    lines = notes_of(archive).read_bytes().splitlines(keepends=True)
    notes_of(archive).write_bytes(b"".join([*lines, lines[0]]))


def misplace(archive: Path) -> None:
    """A line of another kind."""
    path = archive / "documents" / "plain.ndjson"
    path.write_bytes(path.read_bytes() + notes_of(archive).read_bytes().splitlines(keepends=True)[0])


def climb(archive: Path) -> None:
    """A blob whose id would lead out of the folder."""
    lines = notes_of(archive).read_bytes()
    id = blob_in(archive).name.encode()
    notes_of(archive).write_bytes(lines.replace(id, b"../../../../../../../etc/passwd0"))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a-flipped-bit-in-a-text": (flip_in_text, r"notes.ndjson is not what was exported: it has 28 documents"),
    "a-flipped-bit-in-the-syntax": (flip_in_syntax, "notes.ndjson: a line is damaged or cut off"),
    "a-torn-line": (tear, "notes.ndjson: a line is damaged or cut off"),
    "a-missing-line": (shorten, "it has 27 documents .* says 28"),
    "a-repeated-line": (repeat, "it has 29 documents .* says 28"),
    "a-line-of-another-kind": (misplace, "plain.ndjson: a line is damaged"),
    "a-missing-file": (lambda archive: notes_of(archive).unlink(), "notes.ndjson is missing, and was exported"),
    "a-missing-blob": (lambda archive: blob_in(archive).unlink(), "[0-9a-f]{32} is missing, and was exported; copy"),
    "a-short-blob": (lambda archive: os.truncate(blob_in(archive), 9), "has 9 bytes, and 300,000 were exported"),
    "a-blob-that-climbs": (climb, "is no id of a blob"),
    "no-manifest": (lambda archive: (archive / "manifest.json").unlink(), "holds no archive"),
    "a-manifest-that-is-none": (lambda archive: (archive / "manifest.json").write_text("{"), "damaged, or no manifest"),
    "an-empty-manifest": (lambda archive: (archive / "manifest.json").write_text("{}"), "damaged, or no manifest"),
    "another-format": (lambda archive: change_manifest(archive, '"format": 1', '"format": 2'), "has format 2, and"),
    "a-kind-that-climbs": (lambda archive: change_manifest(archive, '"notes"', '"../notes"'), "cannot be archived"),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGES.values(), ids=list(DAMAGES))
async def test_what_is_damaged_is_not_imported(
    damage: Callable[[Path], object], told: str, archive: Path, clock: Clock
) -> None:
    """It is told which file is wrong, and nothing is written; the store is not even opened."""
    damage(archive)
    target = MemoryStore(clock)
    with pytest.raises(CrossbarError, match=told):
        await load(target, archive, clock)
    assert [] == await target.kinds()


async def test_a_flipped_bit_in_a_blob(source: WholeStore, archive: Path, clock: Clock) -> None:
    """The document that has it is not imported; when the archive is repaired, the import goes on."""
    damaged, target = blob_in(archive), MemoryStore(clock)
    flip(damaged, 200_000)
    with pytest.raises(ArchiveError, match=f"{damaged.name} is damaged: its bytes are not those"):
        await load(target, archive, clock)
    assert await target.get("acme", "notes", "n0") is None
    flip(damaged, 200_000)
    await load(target, archive, clock)
    assert await everything(source) == await everything(target)


async def test_an_archive_that_does_not_read_back(source: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """An export is complete only if what it wrote is what it reads."""

    def tell(progress: Progress) -> None:
        if progress.doing == "export" and progress.kind == "notes":
            flip_in_text(tmp_path / "archive")

    with pytest.raises(ArchiveError, match=r"notes\.ndjson is not what was exported"):
        await export(source, tmp_path / "archive", clock, tell=tell)
    found = read_manifest(tmp_path / "archive")
    assert found is not None
    assert found.finished is None


async def test_an_export_that_was_not_finished(archive: Path, clock: Clock) -> None:
    """It is not imported, and told apart from one that is damaged."""
    manifest = read_manifest(archive)
    assert manifest is not None
    manifest.finished = None
    write_manifest(archive, manifest)
    with pytest.raises(ArchiveError, match="is incomplete: run its export again"):
        await load(MemoryStore(clock), archive, clock)


async def test_what_is_torn_off_is_written_again(source: WholeStore, archive: Path, clock: Clock) -> None:
    """What a crash left behind the last checkpoint is cut off, and an unfinished blob taken away."""
    manifest = read_manifest(archive)
    assert manifest is not None
    manifest.finished = None
    write_manifest(archive, manifest)
    whole = notes_of(archive).read_bytes()
    notes_of(archive).write_bytes(whole + b'{"kind":"notes","ten')
    unfinished = archive / "blobs" / "00" / ("0" * 32 + ".new")
    unfinished.parent.mkdir(exist_ok=True)
    unfinished.write_bytes(b"half")
    await export(source, archive, clock)
    assert (whole, False) == (notes_of(archive).read_bytes(), unfinished.exists())


@pytest.mark.parametrize(
    ("source_id", "account", "finished", "told"),
    [
        ("another store", None, None, "was begun from another store"),
        ("a store", "abc", None, "was begun for the whole store"),
        ("a store", None, 1, "is complete: to export again, name another folder"),
    ],
    ids=["of-another-store", "of-something-else", "complete"],
)
async def test_an_archive_of_something_else_is_not_resumed(
    source_id: str, account: str | None, finished: int | None, told: str, archive: Path, clock: Clock
) -> None:
    """An export goes on only with the archive that it began."""
    manifest = read_manifest(archive)
    assert manifest is not None
    manifest.finished = finished
    write_manifest(archive, manifest)
    with pytest.raises(ArchiveError, match=told):
        Archive.begin(archive, source_id, account, NOW)


async def test_a_folder_with_something_else(source: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """Nothing is exported into a folder that is used otherwise, nor into what is none."""
    (tmp_path / "file").write_text("mine")
    for folder, told in ((tmp_path, "is not empty"), (tmp_path / "file", "name a folder"), (tmp_path / "a/b", "made")):
        with pytest.raises(ArchiveError, match=told):
            await export(source, folder, clock)
    assert ["file"] == os.listdir(tmp_path)


async def test_two_at_once(source: WholeStore, archive: Path, clock: Clock) -> None:
    """An archive that is written has one writer; many may read one that is complete."""
    first, second = Archive.open(archive), Archive.open(archive)
    with pytest.raises(ArchiveError, match="another process is at work in"):
        Archive.begin(archive, "a store", None, NOW)
    first.close()
    second.close()


async def test_a_store_that_was_used_before(archive: Path, clock: Clock) -> None:
    """A store with keys of its own does not take those of another; nothing else is written either."""
    target = MemoryStore(clock)
    await target.open([Kind("system")])
    await target.write([Insert(document("system", "keys", tenant="", private={"signing": "22"}))])
    with pytest.raises(ArchiveError, match="has keys of its own, since it was used before"):
        await load(target, archive, clock)
    assert ["keys"] == [stored.document.id for stored in await everything(target)]


async def test_a_document_in_the_way(archive: Path, clock: Clock) -> None:
    """Nothing is written over: what is in the way is named."""
    target = MemoryStore(clock)
    await target.open([Kind("notes")])
    own = document("notes", "n1", own=True)
    await target.write([Insert(own)])
    with pytest.raises(ArchiveError, match="notes 'n1' of tenant 'acme' already, and in another state; nothing is"):
        await load(target, archive, clock)
    assert own == await target.get("acme", "notes", "n1")


async def test_what_was_changed_after_it_was_imported(archive: Path, clock: Clock) -> None:
    """The check at the end names what the store does not hold as it was."""
    target = MemoryStore(clock)
    await load(target, archive, clock)
    current = await target.get("acme", "plain", "$odd. id")
    assert current is not None

    def tell(progress: Progress) -> None:
        if progress.doing == "import" and progress.documents == progress.total:
            changed.append(asyncio.create_task(target.write([Replace(current.with_data({"other": 1}))])))

    changed: list[asyncio.Task[object]] = []
    with pytest.raises(ArchiveError, match=r"1 documents are missing or in another state, such as plain '\$odd. id'"):
        await load(target, archive, clock, tell=tell)
    await asyncio.gather(*changed)


async def test_a_store_that_holds_nothing(tmp_path: Path, clock: Clock) -> None:
    """A wrong name of a store shows, and no archive is made."""
    with pytest.raises(ArchiveError, match="the store holds nothing"):
        await export_store(MemoryStore(clock), tmp_path / "archive")
    assert [] == os.listdir(tmp_path)


async def test_a_blob_that_is_damaged_in_the_store(tmp_path: Path, clock: Clock) -> None:
    """An export says which document has it, and is not complete."""
    store = SqliteStore(tmp_path / "store.db", clock=clock)
    await fill(store, clock)
    flip(blob_in(tmp_path, "store.db-blobs/*/*"), 5)
    told = "of notes 'n0' of tenant 'acme' is damaged in the store, which gives other bytes"
    with pytest.raises(ArchiveError, match=told):
        await export(store, tmp_path / "archive", clock)
    assert [] == names(tmp_path, "*.new")
    await store.close()


async def test_how_far_an_import_is_goes_with_its_store(archive: Path, clock: Clock) -> None:
    """Nothing of an import is left in the store, and it is not said by the archive that anything is done."""
    target = MemoryStore(clock)
    before = names(archive)
    await load(target, archive, clock)
    assert before == names(archive)
    assert ["keys"] == [each.document.id for each in await everything(target) if each.document.kind == "system"]
    empty = MemoryStore(clock)
    await import_archive(empty, archive, open_store=lambda: empty.open([]), clock=clock)
    assert await everything(target) == await everything(empty)
