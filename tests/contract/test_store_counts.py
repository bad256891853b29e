"""Every store: how many documents a listing has, and pages that begin some documents further on."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.dates import from_iso
from crossbar.errors import GuardFailed, StoreUnavailable
from crossbar.filters import Filter, holding, where
from crossbar.stores import Delete, Guard, Query, Rows, Store, listing_key

from .documents import KINDS, NOW, Clock, LoadingStore, delete, device, devices, document, ids, insert, kept, replace

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ten(store: LoadingStore) -> LoadingStore:
    """A store with d0 to d9, two in each second, of three owners, and some of others around them."""
    owners = ["a", ["a", "b"], "b", 1, None]
    await insert(store, *(device(f"d{n}", NOW + n // 2, owner_id=owners[n % 5], name="xy"[n % 2]) for n in range(10)))
    await insert(store, device("d3", tenant="other"), document("notes", "d4"), document("notes", "d5"))
    return store


# -- counts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"limit": 3},
        {"limit": 3, "descending": False},
        {"start": listing_key(NOW + 2, "d5")},
        {"start": listing_key(NOW + 2, "d5"), "descending": False},
        {"start": "0"},
        {"start": "9", "descending": False, "created_from": 0},
        {"skip": 4},
        {"skip": 1000, "limit": 1},
        {"full": True, "lines": True, "walk": True},
    ],
)
async def test_a_count_is_that_of_the_whole_listing(ten: Store, query: dict[str, Any]) -> None:
    """Where a page begins and ends, and how it is shown, changes nothing."""
    assert 10 == await ten.count(devices(**query))


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"created_from": NOW + 3}, 4),
        ({"created_to": NOW + 1}, 4),
        ({"created_from": NOW + 1, "created_to": NOW + 1, "start": "9", "descending": False}, 2),
        ({"created_from": NOW + 2, "created_to": NOW + 1}, 0),
        ({"modified_from": NOW + 3, "modified_to": NOW + 3}, 2),
        ({"modified_from": NOW + 4}, 2),
        ({"modified_to": NOW}, 2),
        ({"modified_from": NOW + 4, "created_to": NOW + 3}, 0),
    ],
)
async def test_counts_keep_to_the_times(ten: Store, bounds: dict[str, Any], expected: int) -> None:
    """Creation and modification times bound what is counted, both ends included."""
    assert expected == await ten.count(devices(**bounds))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ((where("owner_id", "a"),), 2),
        ((where("owner_id", 1),), 2),
        ((Filter("equals", ("owner_id",), "a"),), 4),
        ((Filter("equals", ("owner_id",), "1"),), 2),
        ((Filter("equals", ("owner_id",), ""),), 2),
        ((holding("owner_id", "b"),), 2),
        ((where("name", "x"),), 5),
        ((where("owner_id", "a"), where("name", "x")), 1),
        ((Filter("equals", ("owner_id",), "a"), where("name", "x")), 2),
        ((where("owner_id", "nobody"),), 0),
    ],
)
async def test_counts_keep_to_the_filters(ten: Store, filters: tuple[Filter, ...], expected: int) -> None:
    """With an index or without one, what is counted is what the listing shows."""
    assert (expected, expected) == (await ten.count(devices(filters=filters)), len(await kept(ten, *filters)))
    early = {"filters": filters, "created_to": NOW + 2}
    assert len(await kept(ten, *filters, created_to=NOW + 2)) == await ten.count(devices(**early))


async def test_counts_of_private_fields(store: LoadingStore) -> None:
    """A private filter looks into the private part alone."""
    await insert(store, device("a", private={"token": "t"}), device("b", token="t"), device("c", private={"x": 1}))
    private = [where("token", "t", private=True), where("token", "t"), where("x", 1, private=True)]
    assert [1, 1, 1] == [await store.count(devices(filters=(each,))) for each in private]


async def test_counts_of_tenants_and_kinds(ten: Store) -> None:
    """Each tenant and each kind is counted alone; of what there is none, there are none."""
    asked = [Query("other", "devices"), Query("acme", "notes"), Query("nobody", "devices"), Query("", "devices")]
    assert [1, 2, 0, 0] == [await ten.count(each) for each in asked]


async def test_what_is_gone_is_not_counted(ten: LoadingStore, clock: Clock) -> None:
    """Deleted, destroyed and expired documents are as good as not there, before anybody sweeps them away."""
    await delete(ten, "d0")
    await ten.write([Delete("acme", "devices", "d1", purge=True)])
    await replace(ten, device("d2"), name="y")
    for n in range(3):
        await insert(ten, device(f"e{n}", NOW, expires=NOW + n), device(f"e{n}", NOW, expires=NOW, tenant="other"))
    filters = (Filter("equals", ("name",), ""),)
    for passed, expected in ((0, 2), (1, 1), (2, 0)):
        clock.now = NOW + passed
        asked = (devices(), devices(created_to=NOW + 1), devices(filters=filters), devices(tenant="other"))
        assert [8 + expected, 2 + expected, expected, 1] == [await ten.count(each) for each in asked]


async def test_times_of_all_years(ten: Store) -> None:
    """The bounds of any four-digit year are bounds, also before 1970."""
    first, last = from_iso("0001"), from_iso("9999", end=True)
    asked: list[dict[str, int]] = [
        {"created_from": first, "created_to": last, "modified_from": first, "modified_to": last},
        {"created_from": first},
        {"created_to": last},
        {"created_from": last},
        {"created_to": first},
        {"created_to": -1},
        {"modified_to": first},
    ]
    expected = [10, 10, 10, 0, 0, 0, 0]
    assert expected == [await ten.count(devices(**bounds)) for bounds in asked]
    assert expected == [len(await kept(ten, **bounds)) for bounds in asked]


async def test_counts_need_an_open_store(closed: LoadingStore) -> None:
    """A kind that was not opened cannot be counted."""
    with pytest.raises(StoreUnavailable):
        await closed.count(devices())
    await closed.open(KINDS)
    with pytest.raises(StoreUnavailable, match="rooms"):
        await closed.count(Query("acme", "rooms"))
    await closed.close()


# -- documents that are passed over -------------------------------------------------------------------------


@pytest.mark.parametrize("filters", [(), (where("name", "x"),), (Filter("equals", ("owner_id",), "a"),)])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("skip", [0, 1, 3, 4, 5, 9, 10, 11, 200, 10**12])
async def test_a_page_further_on(ten: Store, filters: tuple[Filter, ...], descending: bool, skip: int) -> None:
    """It has the documents that the whole listing has there, and tells where it began and what follows."""
    whole = await ten.find(devices(filters=filters, descending=descending))
    for limit in (1, 2, 4, 200):
        query = devices(filters=filters, descending=descending, skip=skip, limit=limit)
        rows = await ten.page(query)
        expected, following = whole[skip : skip + limit], whole[skip + limit : skip + limit + 1]
        assert [each.id for each in expected] == ids(rows)
        assert (expected[0].key if expected else None) == rows.first
        assert (following[0].key if following else None) == rows.next
        assert expected == await ten.find(query)


async def test_pages_by_number_follow_each_other(ten: Store) -> None:
    """As many pages as the count says have all documents, and the next one has none."""
    pages = [ids(await ten.page(devices(skip=3 * n, limit=3, descending=False))) for n in range(5)]
    assert [["d0", "d1", "d2"], ["d3", "d4", "d5"], ["d6", "d7", "d8"], ["d9"], []] == pages


async def test_documents_are_passed_over_from_the_start(ten: Store) -> None:
    """With a start, the first one that is passed over is the one there; times bound what is passed over, too."""
    start = listing_key(NOW + 2, "d5")
    assert ["d3", "d2"] == ids(await ten.page(devices(start=start, skip=2, limit=2)))
    assert ["d7", "d8"] == ids(await ten.page(devices(start=start, skip=2, limit=2, descending=False)))
    assert ["d2"] == ids(await ten.page(devices(start=start, skip=3, created_from=NOW + 1)))
    assert Rows(b"", 0, None, None) == await ten.page(devices(start=start, skip=6))


async def test_what_is_gone_is_not_passed_over(ten: LoadingStore, clock: Clock) -> None:
    """Only documents that a listing shows are counted for it."""
    await insert(ten, device("e0", NOW + 4, expires=NOW + 1), device("e1", NOW + 4, expires=NOW + 2))
    await delete(ten, "d8")
    clock.now = NOW + 1
    assert ["e1", "d9", "d7"] == ids(await ten.page(devices(limit=3)))
    assert ["d7"] == ids(await ten.page(devices(limit=1, skip=2)))


async def test_guards_pass_over_documents(ten: Store) -> None:
    """A guard can ask for more than so many documents."""
    few = devices(filters=(where("name", "x"),), skip=4)
    none = devices(filters=(where("name", "x"),), skip=5)
    await ten.write([Guard(few), Guard(none, finds=False)])
    for guard in (Guard(few, finds=False), Guard(none)):
        with pytest.raises(GuardFailed):
            await ten.write([guard])
