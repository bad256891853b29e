"""Many writers at once, through two stores over one database: what must not happen twice happens once.

The same races are run over a file with SQLite, which sets what is right.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from crossbar.filters import where
from crossbar.stores import Change, Delete, Drop, Guard, Insert, Keep, Query, Replace, Store
from crossbar.stores.sqlite import SqliteStore

from ..contract.blobs import content, finished, noted, read
from ..contract.documents import KINDS, Clock, device, devices, document, ids, insert
from .lines import WAIT, opened, outcome, together

WRITERS = 20
Sides = tuple[Store, Store]


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture(params=["sqlite", "mongo"])
async def sides(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Sides]:
    """Two stores over one database, as two processes have them, in which writes may wait for others for long."""
    long: dict[str, Any] = {"clock": clock, "write_seconds": WAIT}
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            files = [SqliteStore(tmp_path / "store.db", synchronous="NORMAL", **long) for _ in range(2)]
            for file in files:
                await file.open(KINDS)
                stack.push_async_callback(file.close)
            yield files[0], files[1]
        else:
            uri = request.getfixturevalue("mongo_database")
            yield (
                await stack.enter_async_context(opened(uri, **long)),
                await stack.enter_async_context(opened(uri, **long)),
            )


async def raced(sides: Sides, *writes: list[Change]) -> Counter[str]:
    """What becomes of writes that are begun at once, by turns through either store."""
    said = together(outcome(sides[n % 2].write(changes)) for n, changes in enumerate(writes))
    return Counter(await asyncio.wait_for(said, WAIT))


def alike(count: int, make: Callable[[int], list[Change]]) -> list[list[Change]]:
    """So many writes, each with a number."""
    return [make(n) for n in range(count)]


@pytest.mark.parametrize("more", [False, True], ids=["alone", "together"])
async def test_one_revision_is_replaced_once(sides: Sides, more: bool) -> None:
    """One wins, and the others are told of a conflict; alone or with another change, which is made for the one only."""
    await insert(sides[0], device("d"))

    def change(n: int) -> list[Change]:
        step = Replace(device("d", by=n))
        return [step, Insert(document("notes", f"n{n}"))] if more else [step]

    said = await raced(sides, *alike(WRITERS, change))
    assert {"done": 1, "RevisionConflict": WRITERS - 1} == said
    found = await sides[1].get("acme", "devices", "d")
    assert found is not None
    assert 2 == found.revision
    assert [f"n{found.data()['by']}"] * more == ids(await sides[1].page(Query("acme", "notes")))


async def test_an_id_and_a_unique_value_are_taken_once(sides: Sides) -> None:
    """One has it, whoever else wants it at the same time."""
    same_id: list[list[Change]] = [[Insert(device("same", by=n))] for n in range(WRITERS)]
    same_value: list[list[Change]] = [
        [Insert(device(f"v{n}", mac="m")), *([Insert(device(f"w{n}"))] if n % 3 else [])] for n in range(WRITERS)
    ]
    for writes in (same_id, same_value):
        assert {"done": 1, "UniqueConflict": WRITERS - 1} == await raced(sides, *writes)
    found = ids(await sides[0].page(devices(limit=100)))
    assert 1 == sum(each.startswith("v") for each in found)
    assert sum(each.startswith("w") for each in found) <= 1


async def test_a_value_moves_from_one_to_another(sides: Sides) -> None:
    """Of many that want what a document gives up in the same moment, one gets it at most."""
    await insert(sides[0], device("holder", mac="m"))
    wanting: list[list[Change]] = [[Insert(device(f"d{n}", mac="m"))] for n in range(8)]
    said = await raced(sides, [Replace(device("holder"))], *wanting)
    assert said["done"] in (1, 2)
    assert 9 == said["done"] + said["UniqueConflict"]
    rows = (await sides[1].page(devices(full=True))).parsed()
    assert said["done"] - 1 == sum("mac" in row for row in rows)


async def test_a_limit_is_never_exceeded(sides: Sides) -> None:
    """Twenty want to be one of five, each with a guard that looks for a fifth: five are let in, and nobody fails."""
    guard = Guard(devices(skip=4, limit=1), finds=False)
    said = await raced(sides, *alike(WRITERS, lambda n: [guard, Insert(device(f"d{n}"))]))
    assert {"done": 5, "GuardFailed": WRITERS - 5} == said
    assert 5 == await sides[0].count(devices())


async def test_writers_behind_one_guard_all_get_their_turn(sides: Sides) -> None:
    """A hundred at once, which do not exclude each other: every one of them is carried out."""
    guard = Guard(devices(), finds=False)
    said = await raced(sides, *alike(100, lambda n: [guard, Insert(document("notes", f"n{n}"))]))
    assert {"done": 100} == said


async def test_a_parent_goes_or_gets_a_child(sides: Sides) -> None:
    """One deletes the parent if it has none, another makes a child if there is a parent: never an orphan."""

    def notes(id: str) -> Query:
        return Query("acme", "notes", filters=(where("parent", id),))

    ended: Counter[str] = Counter()

    async def one(n: int) -> None:
        parent = f"p{n}"
        await insert(sides[0], device(parent, name=parent))
        is_there = Guard(devices(filters=(where("name", parent),)))
        making: list[Change] = [is_there, Insert(document("notes", f"c{n}", parent=parent))]
        going: list[Change] = [Guard(notes(parent), finds=False), Delete("acme", "devices", parent)]
        said = await together(
            outcome(sides[(n + turn) % 2].write(changes)) for turn, changes in enumerate((making, going))
        )
        assert ["GuardFailed", "done"] == sorted(said)
        there = await sides[0].get("acme", "devices", parent) is not None
        assert there == bool(await sides[1].count(notes(parent)))
        ended["child" if there else "gone"] += 1

    await asyncio.wait_for(together(one(n) for n in range(10)), WAIT)
    assert 10 == ended.total()


async def test_two_accounts_with_one_name(sides: Sides) -> None:
    """What is unique by a guard alone, as the names that people log in with are, is taken once."""
    name = where("token", "acme", private=True)
    guard = Guard(devices(filters=(name,)), finds=False)
    said = await raced(
        sides, *alike(WRITERS // 2, lambda n: [guard, Insert(device(f"a{n}", private={"token": "acme"}))])
    )
    assert {"done": 1, "GuardFailed": WRITERS // 2 - 1} == said


async def test_a_blob_is_kept_once(sides: Sides) -> None:
    """By one of many documents that are made for it; the others are not made."""
    blob = await finished(sides[0], content(1000))
    said = await raced(
        sides,
        *alike(WRITERS // 2, lambda n: [Insert(document("notes", f"n{n}")), Keep(blob, "acme", "notes", f"n{n}")]),
    )
    assert {"done": 1, "StoreError": WRITERS // 2 - 1} == said
    assert 1 == await sides[1].count(Query("acme", "notes"))
    assert content(1000) == await read(sides[1], blob)


async def test_a_blob_is_dropped_by_all(sides: Sides) -> None:
    """It is gone, and nobody is told of an error; its document may go at the same time."""
    blob = await noted(sides[0], content(1000))
    going: list[list[Change]] = [[Drop("acme", blob.id)] for _ in range(6)]
    assert {"done": 7} == await raced(sides, *going, [Delete("acme", "notes", "n1", purge=True)])
    assert None is await read(sides[1], blob)


async def test_what_has_expired_makes_way_once(sides: Sides, clock: Clock) -> None:
    """Its id and its value are taken by one of many; its blobs go with it."""
    await insert(sides[0], device("old", mac="m", expires=clock.now + 10))
    await insert(sides[0], document("notes", "n1", expires=clock.now + 10))
    blob = await finished(sides[0], b"x")
    await sides[0].write([Keep(blob, "acme", "notes", "n1")])
    clock.now += 10
    ways: tuple[list[list[Change]], ...] = (
        [[Insert(device("old", by=n))] for n in range(8)],
        [[Insert(device(f"v{n}", mac="m"))] for n in range(8)],
        [[Insert(document("notes", "n1", by=n))] for n in range(8)],
    )
    for writes in ways:
        assert {"done": 1, "UniqueConflict": 7} == await raced(sides, *writes)
    assert None is await read(sides[1], blob)


async def test_counters_lose_no_step(sides: Sides) -> None:
    """Whoever is told of a conflict reads again; in the end all steps are there, each with its revision."""
    await insert(sides[0], device("c", count=0))

    async def raising(store: Store) -> None:
        for _ in range(5):
            while True:
                found = await store.get("acme", "devices", "c")
                assert found is not None
                step = Replace(found.with_data({"count": found.data()["count"] + 1}))
                if "done" == await outcome(store.write([step])):
                    break

    await asyncio.wait_for(together(raising(sides[n % 2]) for n in range(6)), WAIT)
    found: Any = await sides[1].get("acme", "devices", "c")
    assert (30, 31) == (found.data()["count"], found.revision)
