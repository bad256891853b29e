"""Every store: blobs come and go with the writes around them, and with their documents."""

from __future__ import annotations

import pytest

from crossbar.errors import (
    BlobMissing,
    DocumentMissing,
    GuardFailed,
    RevisionConflict,
    StoreError,
    StoreUnavailable,
    UniqueConflict,
)
from crossbar.stores import Change, Delete, Drop, Guard, Insert, Keep, Query, Replace, Store, StoredBlob

from .blobs import content, finished, kept, noted, purge, read
from .documents import KINDS, NOW, Clock, LoadingStore, device, document, insert

pytestmark = pytest.mark.anyio


# -- keeping ------------------------------------------------------------------------------------------------


async def test_a_blob_is_kept_with_the_insert_of_its_document(store: Store) -> None:
    """One write makes both; it answers with the document, and None for the blob."""
    blob, note = await finished(store, b"with it"), document("notes", "n1")
    assert [note, None] == await store.write([Insert(note), Keep(blob, "acme", "notes", "n1")])
    assert b"with it" == await read(store, blob)


FAILING: list[tuple[Change, type[StoreError]]] = [
    (Insert(device("d2", mac="taken")), UniqueConflict),
    (Guard(Query("acme", "devices"), finds=False), GuardFailed),
    (Replace(device("d1", revision=7)), RevisionConflict),
    (Delete("acme", "devices", "d9"), DocumentMissing),
    (Insert(document("unknown", "u")), StoreUnavailable),
    (Keep(StoredBlob("f" * 32, 1, ""), "acme", "notes", "n1"), StoreError),
]


@pytest.mark.parametrize(("change", "error"), FAILING, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("first", [False, True])
async def test_a_write_that_fails_keeps_and_drops_nothing(
    store: Store, change: Change, error: type[StoreError], first: bool
) -> None:
    """Before or after the change that fails; afterwards the blob can be kept in another write."""
    await insert(store, device("d1", mac="taken"))
    old, aside, new = await noted(store, b"old"), await noted(store, b"aside", id="n2"), await finished(store, b"new")
    changes: list[Change] = [
        Drop("acme", old.id),
        Keep(new, "acme", "notes", "n1"),
        Delete("acme", "notes", "n2"),
        Insert(document("notes", "n3")),
    ]
    with pytest.raises(error):
        await store.write([change, *changes] if first else [*changes, change])
    assert (b"old", b"aside", None) == (await read(store, old), await read(store, aside), await read(store, new))
    await store.write([Keep(new, "acme", "notes", "n1"), Drop("acme", old.id)])
    assert (None, b"new") == (await read(store, old), await read(store, new))


async def test_a_blob_is_kept_once(store: Store) -> None:
    """Not by a second document, not by the same one, not once it was dropped; what it is part of does not change."""
    blob = await noted(store, b"mine")
    await insert(store, document("notes", "n2"), document("notes", "n1", tenant="other"))
    for tenant, id in (("acme", "n1"), ("acme", "n2"), ("other", "n1")):
        with pytest.raises(StoreError, match=f"blob '{blob.id}' cannot be kept"):
            await store.write([Keep(blob, tenant, "notes", id)])
    assert None is await read(store, blob, tenant="other")
    await purge(store, "n2")
    assert b"mine" == await read(store, blob)
    await store.write([Drop("acme", blob.id)])
    with pytest.raises(StoreError, match="cannot be kept"):
        await store.write([Keep(blob, "acme", "notes", "n1")])


async def test_a_blob_needs_a_document_that_is_alive(store: Store, clock: Clock) -> None:
    """DocumentMissing if there is none, if it is another tenant's or kind's, deleted, or expired."""
    await insert(
        store,
        document("notes", "gone"),
        document("notes", "late", expires=NOW + 10),
        document("notes", "other", tenant="other"),
        device("device"),
    )
    await store.write([Delete("acme", "notes", "gone")])
    clock.now += 10
    blob = await finished(store, b"x")
    for id in ("none", "gone", "late", "other", "device"):
        with pytest.raises(DocumentMissing) as caught:
            await store.write([Keep(blob, "acme", "notes", id)])
        assert ("acme", "notes", id) == (caught.value.tenant, caught.value.kind, caught.value.id)


async def test_a_blob_of_another_size_is_not_the_one(store: Store) -> None:
    """What is kept is what `finish` gave."""
    await insert(store, document("notes", "n1"))
    blob = await finished(store, b"12345")
    with pytest.raises(StoreError, match="cannot be kept"):
        await store.write([Keep(StoredBlob(blob.id, 4, blob.sha256), "acme", "notes", "n1")])


async def test_keeping_and_dropping_change_the_version(store: Store) -> None:
    """They are writes like others."""
    await insert(store, document("notes", "n1"))
    before = store.version()
    blob = await kept(store, b"x")
    between = store.version()
    await store.write([Drop("acme", blob.id)])
    assert 3 == len({before, between, store.version()})


# -- going --------------------------------------------------------------------------------------------------


async def test_dropping_destroys_one_blob(store: Store) -> None:
    """The others of the document stay; one that is not there any more, or never was, is no error."""
    first, second = await noted(store, b"1"), await kept(store, b"2")
    assert [None, None] == await store.write([Drop("acme", first.id), Drop("acme", first.id)])
    await store.write([Drop("acme", first.id), Drop("acme", "0" * 32)])
    assert (None, b"2") == (await read(store, first), await read(store, second))


@pytest.mark.parametrize("aside", [False, True])
async def test_a_deleted_document_takes_its_blobs_with_it(store: Store, aside: bool) -> None:
    """Destroyed or set aside, nobody reads them any more; a new document of the same id does not get them."""
    blobs = [await noted(store, b"1"), await kept(store, b"2")]
    others = [await noted(store, b"3", id="n2"), await noted(store, b"4", tenant="other")]
    await insert(store, device("n1"))
    device_blob = await finished(store, b"5")
    await store.write([Keep(device_blob, "acme", "devices", "n1")])
    await store.write([Delete("acme", "notes", "n1", purge=not aside)])
    await insert(store, document("notes", "n1"))
    assert [None, None] == [await read(store, each) for each in blobs]
    assert b"3" == await read(store, others[0])
    assert b"4" == await read(store, others[1], tenant="other")
    assert b"5" == await read(store, device_blob)


async def test_a_blob_that_was_set_aside_cannot_be_dropped_or_kept(store: Store) -> None:
    """It is an operator's, as the document is."""
    blob = await noted(store, b"aside")
    await store.write([Delete("acme", "notes", "n1"), Drop("acme", blob.id)])
    await insert(store, document("notes", "n1"))
    with pytest.raises(StoreError, match="cannot be kept"):
        await store.write([Keep(blob, "acme", "notes", "n1")])


async def test_blobs_expire_with_their_document(store: Store, clock: Clock) -> None:
    """From that second on, swept or not; whoever takes the id of the document does not get them."""
    await insert(store, document("notes", "late", expires=NOW + 100), document("notes", "n1"))
    blobs = [await kept(store, b"1", id="late"), await kept(store, b"2", id="n1")]
    clock.now += 99
    assert [b"1", b"2"] == [await read(store, each) for each in blobs]
    clock.now += 1
    assert [None, b"2"] == [await read(store, each) for each in blobs]
    await insert(store, document("notes", "late"))
    assert [None, b"2"] == [await read(store, each) for each in blobs]
    clock.now += 3600
    await insert(store, document("notes", "more"))
    assert [None, b"2"] == [await read(store, each) for each in blobs]


async def test_loading_over_an_expired_document_destroys_its_blobs(store: LoadingStore, clock: Clock) -> None:
    """A load makes way as an Insert does."""
    await insert(store, document("notes", "n1", expires=NOW + 1))
    blob = await kept(store, b"1")
    clock.now += 1
    assert 1 == await store.load([document("notes", "n1")])
    assert None is await read(store, blob)


# -- opening ------------------------------------------------------------------------------------------------


async def test_a_store_that_is_not_open_takes_no_blobs(closed: Store) -> None:
    """SQLite says so; memory has nothing to open, but no kind to keep them in either."""
    with pytest.raises((StoreUnavailable, BlobMissing)):
        await anext(closed.read_blob("acme", "0" * 32))
    try:
        blob = await finished(closed, b"x")
    except StoreUnavailable:
        return
    with pytest.raises(StoreUnavailable, match="was not opened"):
        await closed.write([Keep(blob, "acme", "notes", "n1")])


async def test_more_kinds_may_be_opened_under_blobs(store: Store) -> None:
    """Opening again changes nothing about the blobs that there are."""
    blob = await noted(store, content(100_000))
    await store.open([*KINDS, KINDS[0]._replace(name="extra", summary=("a",), unique=("a",))])
    assert content(100_000) == await read(store, blob)
