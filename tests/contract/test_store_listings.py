"""Every store: pages in both directions, their bounds, summaries, and filters."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from crossbar.filters import Filter, holding, where
from crossbar.stores import Query, Rows, Store, listing_key

from .documents import (
    DEVICES,
    NOW,
    Clock,
    LoadingStore,
    delete,
    device,
    devices,
    document,
    ids,
    insert,
    kept,
    replace,
)

pytestmark = pytest.mark.anyio


# -- listings -----------------------------------------------------------------------------------------------


@pytest.fixture
async def ten(store: LoadingStore) -> LoadingStore:
    """A store with d0 to d9, two in each second, inserted in another order."""
    await insert(store, *(device(f"d{n}", NOW + n // 2) for n in (5, 2, 8, 0, 9, 1, 7, 3, 6, 4)))
    return store


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 5, 10, 11])
async def test_pages_follow_each_other(ten: Store, descending: bool, limit: int) -> None:
    """By creation time, then id; `next` is where the following piece begins, `first` where this one did."""
    expected = sorted((f"d{n}" for n in range(10)), reverse=descending)
    start: str | None = None
    found: list[str] = []
    while True:
        rows = await ten.page(devices(descending=descending, start=start, limit=limit))
        found += ids(rows)
        assert rows.count == len(rows.parsed())
        assert rows.first == listing_key(NOW + int(ids(rows)[0][1]) // 2, ids(rows)[0])
        assert start in (None, rows.first)
        start = rows.next
        if start is None:
            break
        assert limit == rows.count
    assert expected == found


@pytest.mark.parametrize("walk", [False, True])
@pytest.mark.parametrize("query", [{}, {"filters": (where("name", "a\nb"),)}, {"limit": 1000}, {"full": True}])
async def test_rows_as_lines(ten: Store, walk: bool, query: dict[str, Any]) -> None:
    """With `lines` the same rows are joined by line feeds, and there are no others; a walk changes nothing."""
    await insert(ten, *(device(f"e{n}", name="a\nb") for n in range(3)))
    plain = await ten.page(devices(**query))
    lines = await ten.page(devices(**query, lines=True, walk=walk))
    assert (plain.count, plain.first, plain.next, True) == (lines.count, lines.first, lines.next, lines.lines)
    assert plain.parsed() == lines.parsed() == [orjson.loads(line) for line in lines.joined.split(b"\n")]


async def test_start_need_not_exist(ten: Store) -> None:
    """A start that stands between two documents, or beyond all, is as good as one that exists."""
    await delete(ten, "d4")
    start = listing_key(NOW + 2, "d4")
    assert ["d3", "d2"] == ids(await ten.page(devices(start=start, limit=2)))
    assert ["d5", "d6"] == ids(await ten.page(devices(start=start, limit=2, descending=False)))
    assert Rows(b"", 0, None, None) == await ten.page(devices(start="0"))
    assert Rows(b"", 0, None, None) == await ten.page(devices(start="9", descending=False))


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"created_from": NOW + 3}, "6789"),
        ({"created_to": NOW + 1}, "0123"),
        ({"created_from": NOW + 1, "created_to": NOW + 1}, "23"),
        ({"created_from": NOW + 2, "created_to": NOW + 1}, ""),
        ({"created_from": -1, "created_to": 10**13}, "0123456789"),
        ({"created_to": -5}, ""),
        ({"created_from": NOW + 1, "start": listing_key(NOW + 2, "d5")}, "2345"),
        ({"created_to": NOW + 1, "start": listing_key(NOW + 2, "d5")}, "0123"),
        ({"created_from": NOW + 3, "start": listing_key(NOW + 1), "descending": False}, "6789"),
        ({"created_from": NOW, "start": listing_key(NOW + 4), "descending": False}, "89"),
        ({"modified_from": NOW + 3, "modified_to": NOW + 3}, "67"),
        ({"modified_from": NOW + 4, "created_to": NOW + 4}, "89"),
    ],
)
async def test_bounds_are_included(ten: Store, bounds: dict[str, int], expected: str) -> None:
    """Creation and modification times are bounds in seconds, both ends included."""
    assert expected == "".join(sorted(id[1] for id in ids(await ten.page(devices(**bounds)))))
    assert expected == "".join(sorted(found.id[1] for found in await ten.find(devices(**bounds))))


async def test_modified_follows_replace(ten: Store, clock: Clock) -> None:
    """The modification time of a listing is that of the last Replace; the place in it stays."""
    clock.now += 1000
    await replace(ten, device("d3"), name="new")
    assert ["d3"] == await kept(ten, modified_from=NOW + 1000)
    assert [f"d{n}" for n in range(10)] == await kept(ten)


async def test_a_listing_shows_the_summary(store: Store) -> None:
    """The id and the fields of the summary, as far as they exist; `full` and other kinds show the whole body."""
    body: dict[str, Any] = {"mac": "m", "other": 1, "name": None}
    await insert(store, device("d1", **body), document("notes", "n1", **body))
    assert [{"id": "d1", "name": None, "mac": "m"}] == (await store.page(devices())).parsed()
    assert [{"id": "d1", **body}] == (await store.page(devices(full=True))).parsed()
    assert [{"id": "n1", **body}] == (await store.page(Query("acme", "notes"))).parsed()
    await replace(store, device("d1"), name="new")
    assert [{"id": "d1", "name": "new"}] == (await store.page(devices())).parsed()


async def test_the_summary_follows_its_kind(store: Store) -> None:
    """When a kind shows other fields, documents that are already there do so too."""
    await insert(store, *(device(f"d{n}", name="n", other=n) for n in range(3)))
    for summary, expected in ((("other",), {"other": 2}), (None, {"name": "n", "other": 2}), ((), {})):
        await store.open([DEVICES._replace(summary=summary)])
        assert {"id": "d2", **expected} == (await store.page(devices(limit=1))).parsed()[0]


async def test_find_returns_whole_documents(store: Store) -> None:
    """Code gets the private parts too, in the order of the listing."""
    given = [device(f"d{n}", NOW + n, private={"token": n}, expires=NOW + 99) for n in range(4)]
    await insert(store, *given)
    assert given[:0:-1] == await store.find(devices(limit=3))
    assert given[1:] == await store.find(devices(start=given[1].key, descending=False))


async def test_a_walk_sees_each_document_once(store: Store) -> None:
    """Documents that were there throughout are seen exactly once, whatever is written meanwhile."""
    steady = [device(f"s{n:03d}", NOW + n % 40) for n in range(200)]
    await insert(store, *steady)
    walking = True

    async def disturb() -> None:
        number = 0
        while walking:
            number += 1
            await insert(store, device(f"x{number:04d}", NOW + number % 40))
            if number > 5:
                await delete(store, f"x{number - 5:04d}")
            await asyncio.sleep(0)

    async def walk(descending: bool) -> list[str]:
        rows = await store.page(devices(descending=descending, limit=7))
        seen = ids(rows)
        while rows.next is not None:
            rows = await store.page(devices(descending=descending, limit=7, start=rows.next))
            seen += ids(rows)
            await asyncio.sleep(0)
        return seen

    disturbing = asyncio.create_task(disturb())
    walks = await asyncio.gather(walk(True), walk(False))
    walking = False
    await disturbing
    for seen in walks:
        assert len(seen) == len(set(seen))
        assert {each.id for each in steady} <= set(seen)


# -- filters; their full meaning is compared in test_store_properties.py ----------------------------------------


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (where("owner_id", "1"), "a"),
        (where("owner_id", 1), "b"),
        (where("owner_id", True), "c"),
        (where("name", "1"), "a"),
        (where("sip.realm", "r"), "d"),
        (where("token", "secret", private=True), "e"),
        (where("token", "secret"), ""),
        (where("id", "d", private=True), ""),
        (holding("owner_id", "1"), "e"),
        (holding("owner_id", 1), ""),
        (Filter("equals", ("owner_id",), "1"), "abe"),
        (Filter("equals", ("owner_id",), "true"), "c"),
        (Filter("equals", ("owner_id",), '["1","2"]'), "e"),
        (Filter("equals", ("owner_id",), ""), "d"),
        (Filter("differs", ("owner_id",), "1"), "cd"),
        (Filter("has_key", ("owner_id",)), "abce"),
        (Filter("key_missing", ("sip", "realm")), "abce"),
        (Filter("has_value", ("name",)), "a"),
        (Filter("value_missing", ("name",)), "bcde"),
        (Filter("any", ("owner_id",), ("2", "true")), "ce"),
        (Filter("none", ("owner_id",), ("2", "true")), "abd"),
        (Filter("all", ("owner_id",), ("2", "1")), "e"),
        (Filter("all", ("owner_id",), ()), "abcde"),
    ],
)
async def test_filters_keep_what_they_say(store: Store, filter: Filter, expected: str) -> None:
    """Each operator, on declared fields and others, in the body and the private part."""
    await insert(
        store,
        device("a", owner_id="1", name="1"),
        device("b", owner_id=1),
        device("c", owner_id=True, name=""),
        device("d", sip={"realm": "r"}, name=[]),
        device("e", owner_id=["1", "2"], private={"token": "secret"}),
    )
    assert list(expected) == await kept(store, filter)
    assert list(expected) == [each.id for each in await store.find(devices(filters=(filter,), descending=False))]


@pytest.mark.parametrize("filter", [where("owner_id", "o"), Filter("equals", ("owner_id",), "o"), where("name", "n")])
async def test_filtered_pages_follow_each_other(store: Store, filter: Filter) -> None:
    """`next` is the next document that the filters keep, and None when there is none."""
    many = [
        device(f"d{n:02d}", NOW + n, owner_id=["o"] if n % 9 == 0 else "op"[n % 3 > 0], name="np"[n % 3 > 0])
        for n in range(30)
    ]
    await insert(store, *many)
    expected = await kept(store, filter)
    first = await store.page(devices(filters=(filter,), descending=False, limit=4))
    second = await store.page(devices(filters=(filter,), descending=False, limit=len(expected) - 4, start=first.next))
    assert expected == ids(first) + ids(second)
    assert None is second.next


async def test_filters_are_combined_by_and(store: Store) -> None:
    """A document is kept if every filter keeps it."""
    await insert(store, device("a", owner_id="o", name="n"), device("b", owner_id="o"), device("c", name="n"))
    assert ["a"] == await kept(store, where("owner_id", "o"), where("name", "n"))
    assert ["b"] == await kept(store, Filter("equals", ("owner_id",), "o"), Filter("key_missing", ("name",)))


async def test_there_may_be_many_filters(store: Store) -> None:
    """As many as a client can write into a URL."""
    await insert(store, device("a", name="n"), device("b"))
    assert ["a"] == await kept(store, *(Filter("has_key", ("name",)) for _ in range(1500)))
