"""The port for a store as a whole, for each sort of store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crossbar.errors import BlobMissing, Occupied, StoreError, StoreUnavailable
from crossbar.stores import Delete, Document, Insert, Keep, Replace, StoredBlob
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.whole import Stored, WholeStore, is_whole
from tests.contract.blobs import content
from tests.contract.documents import NOW, Clock

from .filling import KINDS, blob, everything, fill


def note(id: str, *, tenant: str = "acme", created: int = NOW, expires: int | None = None, **body: object) -> Document:
    """A note, not in any store yet."""
    made = Document.of(tenant, "notes", id, body, created)
    return Document(tenant, "notes", id, made.body, created, created, expires=expires)


async def restored(store: WholeStore, stored: Stored, *contents: bytes) -> StoredBlob:
    """Put a document there together with a blob, which is given back."""
    writer = await store.restore_blob("0" * 31 + "1")
    for piece in contents:
        await writer.write(piece)
    made = await writer.finish()
    assert 1 == await store.restore([Stored(stored.document, stored.deleted, (made,))])
    return made


async def test_the_stores_have_the_port(target: WholeStore) -> None:
    """Each of ours can be moved, and knows its kinds as they were opened, in order."""
    assert is_whole(target)
    assert sorted(KINDS) == await target.kinds()


async def test_walking_in_steps(source: WholeStore) -> None:
    """However many are asked for at a time, each document is given once."""
    all_at_once = await everything(source)
    assert 2 == sum(stored.deleted is not None for stored in all_at_once)
    assert "gone" not in {stored.document.id for stored in all_at_once}
    assert all_at_once == await everything(source, 1) == await everything(source, 3)


async def test_walking_through_some_tenants(source: WholeStore) -> None:
    """Only documents of these tenants are given, alive and set aside; some have none."""
    wanted = [stored for stored in await everything(source) if stored.document.tenant in ("", "acme")]
    assert wanted == await everything(source, 2, ["", "acme", "nobody"])
    assert [] == await everything(source, 2, ["nobody"])


async def test_the_order_in_which_documents_are_set_aside(source: WholeStore) -> None:
    """Each of those with one id has the second in which it was deleted, and the file that it had."""
    again = [stored for stored in await everything(source) if stored.document.id == "again"]
    found = {}
    for stored in again:
        (kept,) = stored.blobs
        pieces = [piece async for piece in source.read_stored_blob(kept.id)]
        found[stored.document.data()["round"]] = stored.deleted, b"".join(pieces)
    assert {0: content(1000, 10), 1: content(1000, 11), 2: content(1000, 12)} == {n: f[1] for n, f in found.items()}
    assert [NOW + 2, NOW + 4, None] == [found[number][0] for number in range(3)]


async def test_what_is_alike_in_everything(target: WholeStore) -> None:
    """Of documents that were set aside in one second, and are the same in everything, one is given and held."""
    for number in range(4):
        await target.write([Insert(note("a", odd=number % 2)), Delete("acme", "notes", "a")])
    one, two = [Stored(note("a", odd=number), NOW) for number in range(2)]
    assert sorted([one, two], key=repr) == await everything(target) == await everything(target, 1)
    assert [one, two] == await target.held([one, two])
    assert 0 == await target.restore([one, two])


async def test_counting(source: WholeStore) -> None:
    """What a store says of how many there are is right but for what has expired."""
    notes = [stored for stored in await everything(source) if stored.document.kind == "notes"]
    acme = [stored for stored in notes if stored.document.tenant == "acme"]
    assert (len(notes), len(acme)) == (await source.tally("notes"), await source.tally("notes", ["acme", "nobody"]))


async def test_what_a_store_holds(source: WholeStore) -> None:
    """In the place of each document stands itself, and in that of another nothing."""
    there = await everything(source)
    assert there == await source.held(there)
    absent = [Stored(note("absent")), Stored(note("n0"), NOW), Stored(note("n0", tenant="none"))]
    assert [None, None, None] == await source.held(absent)
    (found,) = await source.held([Stored(note("n0", other=True))])
    assert found is not None
    assert b"float" in found.document.body


async def test_restoring_again_does_nothing(target: WholeStore) -> None:
    """What is there in the same state is passed over, alive or set aside, with its blobs."""
    kept = await restored(target, Stored(note("a"), NOW - 5), b"bytes")
    some = [Stored(note("a"), NOW - 5, (kept,)), Stored(note("b")), Stored(note("b", more=1), NOW)]
    assert 2 == await target.restore(some)
    before = await everything(target)
    assert 0 == await target.restore(some)
    assert sorted(some, key=repr) == before == await everything(target)
    assert 2 == await target.restore([Stored(note("c")), Stored(note("b")), Stored(note("d"))])


@pytest.mark.parametrize(
    ("there", "wanted", "told"),
    [
        (
            note("a", title="x"),
            Stored(note("a", title="y")),
            "notes 'a' of tenant 'acme' already, and in another state",
        ),
        (note("a", serial=1), Stored(note("b", serial=1)), "notes 'b' of tenant 'acme' has the same 'serial' as 'a'"),
        (note("a"), Stored(note("a", created=NOW - 1)), "notes 'a' of tenant 'acme' already"),
    ],
    ids=["another-body", "a-unique-field", "other-times"],
)
async def test_nothing_is_written_over(target: WholeStore, there: Document, wanted: Stored, told: str) -> None:
    """What stands in the way is named, and nothing of the batch is written."""
    await target.write([Insert(there)])
    with pytest.raises(Occupied, match=told) as raised:
        await target.restore([Stored(note("c")), wanted, Stored(note("d"))])
    assert ("acme", "notes", wanted.document.id) == (raised.value.tenant, raised.value.kind, raised.value.id)
    assert [Stored(there)] == await everything(target)


async def test_what_has_expired_is_no_obstacle(target: WholeStore, clock: Clock) -> None:
    """It makes way; and what has expired itself is not restored."""
    await target.write([Insert(note("a", serial=1, expires=NOW + 1)), Insert(note("b", serial=2, expires=NOW + 1))])
    clock.now += 1
    some = [Stored(note("a", serial=3)), Stored(note("c", serial=2)), Stored(note("d", expires=NOW + 1))]
    assert 2 == await target.restore(some)
    assert sorted(some[:2], key=repr) == await everything(target)
    assert [*some[:2], None] == await target.held(some)


async def test_a_document_set_aside_beside_one_alive(target: WholeStore) -> None:
    """A document alive keeps its blobs when one with its id is restored as set aside, and the other way round."""
    await target.write([Insert(note("a")), Keep(await blob(target, b"alive"), "acme", "notes", "a")])
    aside = await restored(target, Stored(note("a", old=True), NOW - 1), b"a", b"side")
    (one, two) = sorted(await everything(target), key=lambda stored: stored.deleted or 0)
    assert (NOW - 1, (aside,), None) == (two.deleted, two.blobs, one.deleted)
    assert [b"alive"] == [piece async for piece in target.read_blob("acme", one.blobs[0].id)]
    assert [b"aside"] == [piece async for piece in target.read_stored_blob(aside.id)]
    with pytest.raises(BlobMissing):
        await anext(aiter(target.read_blob("acme", aside.id)))


async def test_a_restored_document_goes_on_like_any_other(target: WholeStore, clock: Clock) -> None:
    """It is found, replaced at its revision, and deleted with its blobs."""
    revised = Document("acme", "notes", "a", b'{"id":"a","title":"t"}', NOW - 9, NOW - 3, 41, b'{"token":"x"}')
    kept = await restored(target, Stored(revised), b"bytes")
    assert revised == await target.get("acme", "notes", "a")
    await target.write([Replace(revised.with_data({"title": "u"}))])
    clock.now += 1
    await target.write([Delete("acme", "notes", "a", 42)])
    (aside,) = await everything(target)
    assert (42, clock.now, (kept,)) == (aside.document.revision, aside.deleted, aside.blobs)


async def test_a_write_that_others_see(target: WholeStore) -> None:
    """The store's version is another one after documents were restored."""
    before = target.version()
    await target.restore([Stored(note("a"))])
    await asyncio.sleep(0)
    assert before is None or before != target.version()


async def test_blobs_that_cannot_be_restored(target: WholeStore) -> None:
    """An id that is none, one that is kept, a blob that was never written."""
    kept = await restored(target, Stored(note("a")), b"bytes")
    for id in ("../../../etc/passwd", "A" * 32, "0" * 31):
        with pytest.raises(StoreError, match="no id of a blob"):
            await target.restore_blob(id)
    with pytest.raises(StoreError, match="already"):
        await (await target.restore_blob(kept.id)).finish()
    unwritten = StoredBlob("f" * 32, 5, kept.sha256)
    with pytest.raises(StoreError, match="f" * 32):
        await target.restore([Stored(note("b"), None, (unwritten,))])
    assert ["a"] == [stored.document.id for stored in await everything(target)]


async def test_a_blob_that_is_written_anew(target: WholeStore) -> None:
    """What an import that was interrupted has left under the id gives way; what is discarded leaves nothing."""
    id = "0" * 31 + "1"
    writer = await target.restore_blob(id)
    await writer.write(b"half")
    await writer.finish()
    discarded = await target.restore_blob("0" * 32)
    await discarded.write(b"half")
    await discarded.discard()
    kept = await restored(target, Stored(note("a")), b"whole")
    assert id == kept.id
    assert [b"whole"] == [piece async for piece in target.read_stored_blob(id)]
    with pytest.raises(BlobMissing):
        await anext(aiter(target.read_stored_blob("0" * 32)))


async def test_a_kind_that_was_not_opened(target: WholeStore) -> None:
    """It cannot be walked or restored."""
    with pytest.raises(StoreUnavailable, match="was not opened"):
        await target.walk("other", None, 10)
    with pytest.raises(StoreUnavailable, match="was not opened"):
        await target.restore([Stored(Document.of("acme", "other", "a", {}, NOW))])


async def test_large_documents(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch ends after so many bytes, that memory stays small, and the walk goes on behind it."""
    store = SqliteStore(tmp_path / "store.db", clock=clock)
    await fill(store, clock)
    there = await everything(store)
    monkeypatch.setattr("crossbar.stores.sqlite.whole_rows.WALK_BYTES", 100)
    documents, following = await store.walk("notes", None, 100)
    assert (True, True) == (1 <= len(documents) <= 3, following is not None)
    assert there == await everything(store)
    await store.close()
