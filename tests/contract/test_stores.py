"""Every store: documents, revisions, writes that are all or nothing, expiry, opening and closing."""

from __future__ import annotations

import asyncio

import pytest

from crossbar.errors import DocumentMissing, GuardFailed, RevisionConflict, StoreUnavailable, UniqueConflict
from crossbar.filters import where
from crossbar.stores import Change, Delete, Guard, Insert, Kind, Query, Replace, Rows, Store

from .documents import (
    KINDS,
    NOW,
    Clock,
    LoadingStore,
    delete,
    device,
    devices,
    document,
    insert,
    kept,
    replace,
)

pytestmark = pytest.mark.anyio


# -- documents ----------------------------------------------------------------------------------------------


async def test_get_finds_what_was_inserted(store: Store) -> None:
    """A document comes back as it was given: body, private part, times, revision and expiry."""
    given = device("d1", NOW - 5, name="Phone", private={"token": "t"}, expires=NOW + 9, revision=4)
    assert [given] == await store.write([Insert(given)])
    assert given == await store.get("acme", "devices", "d1")


@pytest.mark.parametrize(
    ("tenant", "kind", "id"), [("other", "devices", "d1"), ("acme", "notes", "d1"), ("acme", "devices", "d2")]
)
async def test_tenant_kind_and_id_are_the_key(store: Store, tenant: str, kind: str, id: str) -> None:
    """The same id under another tenant or kind is another document."""
    await insert(store, device("d1"))
    assert None is await store.get(tenant, kind, id)


async def test_ids_clash_within_tenant_and_kind_only(store: Store) -> None:
    """An id may be taken once in a tenant and kind, whatever the creation time."""
    await insert(store, device("d1"), device("d1", tenant="other"), document("notes", "d1"))
    with pytest.raises(UniqueConflict) as caught:
        await insert(store, device("d1", NOW + 1))
    assert ("devices", "id") == (caught.value.kind, caught.value.field)


async def test_replace_keeps_creation_and_counts_revisions(store: Store, clock: Clock) -> None:
    """A Replace sets `modified` and `revision`, and keeps `created`, whatever the caller says."""
    await insert(store, device("d1", NOW - 100, name="old", private={"token": "t"}))
    clock.now += 7
    (revised,) = await store.write([Replace(device("d1", NOW + 50, name="new"))])
    assert revised is not None
    assert (NOW - 100, NOW + 7, 2, None) == (revised.created, revised.modified, revised.revision, revised.private)
    assert {"id": "d1", "name": "new"} == revised.data()
    assert revised == await store.get("acme", "devices", "d1")


@pytest.mark.parametrize("revision", [1, 3])
async def test_replace_needs_the_present_revision(store: Store, revision: int) -> None:
    """Neither an older nor a newer revision will do; nothing changes."""
    await insert(store, device("d1"))
    current = await replace(store, device("d1"), name="second")
    with pytest.raises(RevisionConflict) as caught:
        await replace(store, device("d1", revision=revision), name="third")
    assert (revision, 2) == (caught.value.expected, caught.value.current)
    assert current == await store.get("acme", "devices", "d1")


@pytest.mark.parametrize(
    "change", [Replace(device("d1")), Delete("acme", "devices", "d1"), Delete("acme", "devices", "d1", 1)]
)
async def test_a_missing_document_cannot_be_changed(store: Store, change: Change) -> None:
    """Replace and Delete say that there is no such document."""
    with pytest.raises(DocumentMissing):
        await store.write([change])


@pytest.mark.parametrize("purge", [False, True])
@pytest.mark.parametrize("revision", [None, 1])
async def test_deleted_documents_are_gone(store: Store, purge: bool, revision: int | None) -> None:
    """A deleted document is in no get, page or find, and its id and unique values are free."""
    await insert(store, device("d1", mac="m", sip={"username": "u"}))
    assert [None] == await store.write([Delete("acme", "devices", "d1", revision, purge)])
    assert None is await store.get("acme", "devices", "d1")
    assert Rows(b"", 0, None, None) == await store.page(devices())
    assert [] == await store.find(devices())
    await insert(store, device("d1", mac="m"), device("d2", sip={"username": "u"}))
    assert {"d1", "d2"} == set(await kept(store))


async def test_delete_at_another_revision_is_refused(store: Store) -> None:
    """A Delete that names a revision succeeds only at that revision."""
    await insert(store, device("d1"))
    with pytest.raises(RevisionConflict):
        await delete(store, "d1", revision=2)
    assert ["d1"] == await kept(store)


async def test_a_write_is_all_or_nothing(store: Store) -> None:
    """If the last change fails, none of those before it has happened."""
    before = device("d1", mac="one", name="a")
    await insert(store, before, device("d2"))
    with pytest.raises(UniqueConflict):
        await store.write(
            [
                Insert(device("d3", mac="three")),
                Replace(before.with_data({"id": "d1", "mac": "two"})),
                Delete("acme", "devices", "d2"),
                Insert(device("d4", mac="two")),
            ]
        )
    assert ["d1", "d2"] == await kept(store)
    assert before == await store.get("acme", "devices", "d1")
    await insert(store, device("d5", mac="two"), device("d6", mac="three"))
    with pytest.raises(UniqueConflict):
        await insert(store, device("d7", mac="one"))


async def test_changes_of_a_write_happen_in_order(store: Store) -> None:
    """A later change sees the earlier ones: a value can move from one document to another."""
    first = device("d1", mac="m")
    done = await store.write(
        [Insert(first), Replace(first), Delete("acme", "devices", "d1", 2), Insert(device("d2", mac="m"))]
    )
    assert [1, 2, None, 1] == [each and each.revision for each in done]
    assert ["d2"] == await kept(store)


@pytest.mark.parametrize("finds", [True, False])
async def test_a_guard_lets_a_write_go_on_or_not(store: Store, finds: bool) -> None:
    """The query is asked when its turn comes: it sees the changes before it, and undoes them if it fails."""
    await insert(store, device("d1", owner_id="o"))
    there = devices(filters=(where("owner_id", "o"),))
    gone = devices(filters=(where("owner_id", "p"),))
    good: list[Change] = [Guard(there), Guard(gone, finds=False), Insert(device("d2", owner_id="p")), Guard(gone)]
    assert [None, None, "d2", None] == [each and each.id for each in await store.write(good)]
    bad: list[Change] = [Delete("acme", "devices", "d1"), Delete("acme", "devices", "d2"), Guard(there, finds)]
    if finds:
        with pytest.raises(GuardFailed) as caught:
            await store.write(bad)
        assert bad[-1] == caught.value.guard
    else:
        assert [None, None, None] == await store.write(bad)
    assert (["d1", "d2"] if finds else []) == await kept(store)


async def test_a_write_of_nothing_does_nothing(store: Store) -> None:
    """No changes, no documents."""
    assert [] == await store.write([])


# -- expiry -------------------------------------------------------------------------------------------------


async def test_expired_documents_are_as_good_as_deleted(store: Store, clock: Clock) -> None:
    """From the second that `expires` names, the document is nowhere, and its id and values are free."""
    await insert(store, device("d1", mac="m", sip={"username": "u"}, expires=NOW + 10), device("d2", expires=NOW + 11))
    clock.now += 9
    assert ["d1", "d2"] == await kept(store)
    clock.now += 1
    assert ["d2"] == await kept(store)
    assert None is await store.get("acme", "devices", "d1")
    for change in (Replace(device("d1")), Delete("acme", "devices", "d1")):
        with pytest.raises(DocumentMissing):
            await store.write([change])
    await insert(store, device("d3", mac="m"))
    await replace(store, device("d2"), sip={"username": "u"})
    await insert(store, device("d1", NOW + 1))


async def test_replace_sets_the_expiry(store: Store, clock: Clock) -> None:
    """A document may get an expiry later, and lose it again."""
    await insert(store, device("d1"))
    await store.write([Replace(device("d1", expires=NOW + 5))])
    await store.write([Replace(device("d1", revision=2))])
    clock.now += 6
    assert ["d1"] == await kept(store)


# -- the store as such --------------------------------------------------------------------------------------


async def test_the_version_changes_with_every_write(store: Store) -> None:
    """Reading does not change it; what failed need not."""
    seen = [store.version()]
    for change in (Insert(device("d1")), Replace(device("d1")), Delete("acme", "devices", "d1")):
        await store.write([change])
        seen.append(store.version())
        await store.get("acme", "devices", "d1")
        await store.page(devices())
        assert seen[-1] == store.version()
    assert len(set(seen)) == 4
    assert None not in seen


async def test_the_version_of_some_kinds(store: Store) -> None:
    """It changes with every write of one of them, and so does the version of all."""
    for change in (
        Insert(device("d1")),
        Replace(device("d1")),
        Insert(document("notes", "n1")),
        Delete("acme", "devices", "d1", purge=True),
        Delete("acme", "notes", "n1"),
    ):
        kind = change.kind if isinstance(change, Delete) else change.document.kind
        before = (
            store.version(kind),
            store.version("devices", "notes"),
            store.version("notes", "devices"),
            store.version(),
        )
        await store.write([change])
        after = (
            store.version(kind),
            store.version("devices", "notes"),
            store.version("notes", "devices"),
            store.version(),
        )
        assert all(one != other for one, other in zip(before, after, strict=True))


async def test_versions_of_several_writes_at_once(store: Store) -> None:
    """Each kind that is written together with others has another version, and keeps it while it is read."""
    before = store.version("devices"), store.version("notes")
    await store.write([Insert(device("d1")), Insert(document("notes", "n1"))])
    after = store.version("devices"), store.version("notes")
    assert all(one != other for one, other in zip(before, after, strict=True))
    await store.page(devices())
    assert after == (store.version("devices"), store.version("notes"))


async def test_opening_twice_changes_nothing(store: Store) -> None:
    """`open` is idempotent, also when several callers open at once, and takes more kinds later."""
    await insert(store, device("d1"))
    await asyncio.gather(store.open(KINDS), store.open(KINDS), store.open([Kind("rooms")]))
    assert ["d1"] == await kept(store)
    await insert(store, document("rooms", "r1"))
    assert None is not await store.get("acme", "rooms", "r1")


async def test_a_kind_must_be_opened(store: Store) -> None:
    """The error names the kind."""
    with pytest.raises(StoreUnavailable, match="'rooms'"):
        await store.get("acme", "rooms", "r1")
    with pytest.raises(StoreUnavailable, match="'rooms'"):
        await store.page(Query("acme", "rooms"))
    with pytest.raises(StoreUnavailable, match="'rooms'"):
        await insert(store, device("d1"), document("rooms", "r1"))
    assert [] == await kept(store)


async def test_closing_keeps_what_was_acknowledged(store: Store) -> None:
    """A store can be opened again, and closed twice."""
    await insert(store, device("d1"))
    before = store.version()
    await store.close()
    await store.close()
    await store.open(KINDS)
    assert ["d1"] == await kept(store)
    await insert(store, device("d2"))
    assert before != store.version()


async def test_health_is_a_sentence(store: Store) -> None:
    """It answers with something that an operator can read."""
    assert await store.health()


async def test_load_inserts_many(store: LoadingStore) -> None:
    """`load` takes any iterable, keeps the documents as they are, and says how many."""
    many = [device(f"d{n:05d}", NOW + n, mac=n, name="n", private={"token": n}) for n in range(300)]
    assert 301 == await store.load(iter([*many, document("notes", "n1")]))
    assert many[::-1] == await store.find(devices(limit=1000))
    assert [{"id": "d00000", "name": "n", "mac": 0}] == (await store.page(devices(descending=False, limit=1))).parsed()


async def test_load_names_the_clash(store: LoadingStore, clock: Clock) -> None:
    """A document that clashes with one that is alive is refused; an expired one makes way."""
    await insert(store, device("d1", mac="m", expires=NOW + 5))
    with pytest.raises(UniqueConflict) as caught:
        await store.load([device("d2", mac="x"), device("d3", mac="m")])
    assert "mac" == caught.value.field
    clock.now += 6
    assert 2 == await store.load([device("d4", mac="y"), device("d3", mac="m")])
