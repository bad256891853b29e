"""Time limits of the SQLite store: a listing is interrupted, a write that has not begun is left out, others go on."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from crossbar.errors import StoreOverdue, StoreUnavailable
from crossbar.filters import Filter, where
from crossbar.settings import Limits
from crossbar.stores import Query
from crossbar.stores.choose import store_at
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.sqlite.listings import Statement

from .documents import KINDS, Clock, device, devices, insert, kept
from .hurrying import Lock, hurried

ENDLESS = Statement(
    "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter) SELECT max(n) FROM counter",
    [],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    """A store whose limits nothing reaches that is not meant to."""
    store = SqliteStore(path, read_seconds=30, write_seconds=30, clock=Clock())
    await store.open(KINDS)
    yield store
    await store.close()


@pytest.fixture
async def limits(monkeypatch: pytest.MonkeyPatch) -> list[partial[None]]:
    """The time limits of all calls, in their order: they strike when the test calls them, not by themselves."""
    found: list[partial[None]] = []
    loop = asyncio.get_running_loop()
    later = loop.call_later

    def by_hand(delay: float, callback: Any, *given: Any) -> asyncio.TimerHandle:
        if getattr(callback, "__name__", "") == "_give_up":
            found.append(partial(callback, *given))
            delay = 3600
        return later(delay, callback, *given)

    monkeypatch.setattr(loop, "call_later", by_hand)
    return found


async def endless(store: SqliteStore) -> list[Any]:
    """A listing that would never end."""
    return await store._list(ENDLESS)


async def test_a_listing_that_takes_too_long(store: SqliteStore) -> None:
    """It is interrupted, and the one thread that reads is free for the next listing."""
    await insert(store, device("d1"))
    with hurried(store), pytest.raises(StoreOverdue, match=r"no answer within 0\.25 seconds; ask for less") as raised:
        await endless(store)
    assert not raised.value.begun
    for _ in range(3):
        assert ["d1"] == await kept(store, where("id", "d1"))


async def test_a_count_that_takes_too_long(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a read like others: in a thread, with the same limit."""
    await insert(store, device("d1"))
    with monkeypatch.context() as endlessly:
        endlessly.setattr("crossbar.stores.sqlite.store.count_statement", lambda *given: ENDLESS)
        with hurried(store), pytest.raises(StoreOverdue, match=r"no answer within 0\.25 seconds"):
            await store.count(devices())
    assert 1 == await store.count(devices())


async def test_pages_far_from_the_beginning(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop passes over few documents; a thread does it for many, and for counts."""
    await insert(store, device("d1"), device("d2"))
    assert 1 == (await store.page(devices(skip=1))).count

    def none(*given: Any) -> None:
        raise AssertionError("read on the event loop")

    monkeypatch.setattr(store._lookups, "row", none)
    assert 0 == (await store.page(devices(skip=51))).count
    assert 2 == await store.count(devices())
    with pytest.raises(AssertionError, match="event loop"):
        await store.page(devices(skip=50))


async def test_a_reader_who_leaves(store: SqliteStore) -> None:
    """A cancelled listing is interrupted, too, long before its time is over."""
    await insert(store, device("d1"))
    reading = asyncio.create_task(endless(store))
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert ["d1"] == await kept(store, where("id", "d1"))


async def test_listings_that_wait_behind_it(store: SqliteStore) -> None:
    """What waits for a thread as long as it may is told so and never begun; what comes later is answered."""
    await insert(store, device("d1"))
    with hurried(store):
        outcomes = await asyncio.gather(*(endless(store) for _ in range(5)), return_exceptions=True)
    assert [StoreOverdue] * 5 == [type(outcome) for outcome in outcomes]
    assert ["d1"] == await kept(store, where("id", "d1"))


async def test_one_that_is_done_before_it(store: SqliteStore, limits: list[partial[None]]) -> None:
    """A listing that is read already, and handed back with a slow one behind it, is not overdue."""
    await insert(store, device("d1"))
    limits.clear()
    go_on = threading.Event()
    assert store._readers is not None
    busy = asyncio.create_task(store._readers.do(lambda connection: go_on.wait(30)))
    quick = asyncio.create_task(kept(store, where("id", "d1")))
    slow = asyncio.create_task(endless(store))
    await asyncio.sleep(0)  # all of them wait for the thread now, so that the last two get into one batch
    go_on.set()
    of_the_quick, of_the_slow = limits
    while not of_the_quick.args[0].done:  # noqa: ASYNC110  # it is done in another thread
        await asyncio.sleep(0.002)
    of_the_quick()
    assert ["d1"] == await quick
    assert not slow.done()
    of_the_slow()
    with pytest.raises(StoreOverdue):
        await slow
    assert await busy


async def test_only_the_overdue_one_is_interrupted(path: Path) -> None:
    """Of two that run at the same time, the other one comes to its end."""
    store = SqliteStore(path, readers=2, read_seconds=30, clock=Clock())
    await store.open(KINDS)
    await insert(store, *(device(f"d{n:03d}") for n in range(200)))
    with hurried(store):
        reading = asyncio.create_task(endless(store))
        await asyncio.sleep(0)
    walked = 0
    while walked < 300 or not reading.done():
        id = f"d{walked % 200:03d}"
        assert [id] == await kept(store, where("id", id), limit=500)
        walked += 1
    with pytest.raises(StoreOverdue):
        await reading
    await store.close()


async def test_interruptions_meet_nobody_else(path: Path) -> None:
    """Listings that end just when they are given up do not take the ones after them along."""
    store = SqliteStore(path, read_seconds=0.002, clock=Clock())
    await store.open(KINDS)
    await insert(store, *(device(f"d{n:04d}", note="x" * 100) for n in range(2000)))
    scan: tuple[Filter, ...] = (where("note", "y"),)
    seen = {StoreOverdue: 0, list: 0}
    for _ in range(300):
        try:
            assert [] == await store.find(Query("acme", "devices", scan, limit=10))
            seen[list] += 1
        except StoreOverdue:
            seen[StoreOverdue] += 1
    assert 300 == sum(seen.values())
    store._read_seconds = 30
    assert [] == await store.find(Query("acme", "devices", scan, limit=10))
    await store.close()


async def test_a_write_that_was_not_begun(store: SqliteStore, path: Path) -> None:
    """While somebody else keeps the file locked, writes are given up, and not carried out when it is free again."""
    await insert(store, device("d1"))
    lock = Lock(path)
    with hurried(store):
        outcomes = await asyncio.gather(*(insert(store, device(f"late{n}")) for n in range(5)), return_exceptions=True)
    assert [(StoreOverdue, False)] * 5 == [(type(each), getattr(each, "begun", None)) for each in outcomes]
    assert "nothing was written" in str(outcomes[0])
    lock.free()
    await insert(store, device("d2"))
    assert ["d1", "d2"] == await kept(store)


async def test_a_write_whose_caller_left(store: SqliteStore, path: Path) -> None:
    """The same for callers who were cancelled; those who wait get what they asked for."""
    lock = Lock(path)
    leaving = asyncio.create_task(insert(store, device("left")))
    staying = asyncio.create_task(insert(store, device("stayed")))
    await asyncio.sleep(0.05)
    leaving.cancel()
    lock.free()
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert ["stayed"] == await kept(store)


async def test_a_write_that_had_begun(store: SqliteStore, limits: list[partial[None]]) -> None:
    """Work that is under way is finished, and the error says that it may have been."""
    under_way, go_on = threading.Event(), threading.Event()

    def slowly(connection: sqlite3.Connection) -> None:
        under_way.set()
        go_on.wait(30)
        connection.execute("INSERT INTO kinds VALUES ('slow', '[]')")

    writing = asyncio.create_task(store._write(slowly, grouped=True))
    assert await asyncio.to_thread(under_way.wait, 30)
    limits[0]()
    with pytest.raises(StoreOverdue, match="what was to be written may have been") as raised:
        await writing
    go_on.set()
    await insert(store, device("d1"))
    assert (True, b"slow") == (raised.value.begun, store._lookups.row("SELECT name FROM kinds WHERE name = 'slow'")[0])


async def test_one_of_a_group(store: SqliteStore, path: Path, limits: list[partial[None]]) -> None:
    """A job that nobody waits for is left out of its group, and the others are committed."""
    lock = Lock(path)
    first = asyncio.create_task(insert(store, device("first")))
    second = asyncio.create_task(insert(store, device("second")))
    await asyncio.sleep(0)
    limits[0]()
    with pytest.raises(StoreOverdue):
        await first
    lock.free()
    await second
    assert ["second"] == await kept(store)


async def test_opening_and_loading_take_their_time(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no request's has no limit."""
    slow = threading.Event()

    def documents() -> Any:
        for n in range(3):
            slow.wait(0.3)
            yield device(f"d{n}")

    with hurried(store):
        assert 3 == await store.load(documents())
        await store.open(KINDS)


async def test_health_has_a_limit_of_its_own(path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that cannot be written now is not healthy, and says so soon."""
    lock = Lock(path)
    with monkeypatch.context() as soon:
        soon.setattr("crossbar.stores.sqlite.store.HEALTH_WITHIN", 0.2)
        with pytest.raises(StoreUnavailable, match=r"no answer within 0\.2 seconds"):
            await store.health()
    lock.free()
    assert "SQLite" in await store.health()


async def test_look_ups_need_no_timer(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read on the event loop costs nothing more than before."""
    await insert(store, device("d1"))

    def none(*given: Any) -> None:
        raise AssertionError("a timer")

    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", none)
    assert await store.get("acme", "devices", "d1")
    assert 1 == (await store.page(devices())).count


async def test_timers_do_not_stay(store: SqliteStore) -> None:
    """A call that is answered leaves no timer behind."""
    await asyncio.gather(*(insert(store, device(f"d{n}")) for n in range(20)))
    loop: Any = asyncio.get_running_loop()
    assert [] == [timer for timer in loop._scheduled if not timer.cancelled() and "_give_up" in repr(timer)]


def test_the_limits_are_settings(tmp_path: Path) -> None:
    """The store that the settings choose has the settings' limits."""
    chosen: Any = store_at(f"sqlite:///{tmp_path}/x.db", limits=Limits(store_seconds=7, write_seconds=8))
    assert (7, 8) == (chosen._read_seconds, chosen._write_seconds)
    default: Any = store_at(f"sqlite:///{tmp_path}/x.db")
    assert (2, 10) == (default._read_seconds, default._write_seconds)
