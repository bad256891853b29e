"""Applications on one store that several machines have: what one of them counts, the other knows within a second."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from crossbar.limits.exchange import Tallies
from crossbar.limits.told_table import ToldTable
from crossbar.settings import Auth, Log, Rate, Settings
from crossbar.stores import Store
from crossbar.stores.memory import MemoryStore
from crossbar.testing import World, make_app, small_world

from .boards import Board
from .modules.tools import until
from .walk.addresses import RIGHT, client_at, tried

SETTINGS = Settings(
    auth=Auth(hash_memory=8), rate=Rate(size=60, refill=1, per="day", costs={"user_auth": 1}), log=Log(access=False)
)


class Common(MemoryStore):
    """A store in memory, with a board where applications leave notes."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Board()

    def tallies(self) -> Tallies:
        """The board."""
        return self.board


async def at_once(seconds: float) -> None:
    """Hold nothing back."""


@asynccontextmanager
async def worlds(first: Store, second: Store) -> AsyncIterator[tuple[World, World]]:
    """Two applications that run, with the same accounts."""
    one = await small_world(first, SETTINGS)
    two = World(make_app(SETTINGS, store=second))
    try:
        await two.app.start()
        for world in (one, two):
            world.app.logins.pause = at_once
        yield one, two
    finally:
        await two.app.stop()
        await one.app.stop()


async def share_limits(one: World, two: World) -> None:
    """Make sure that two applications that run count requests and logins together."""
    path, table = f"/accounts/{one.customer}", two.app.counters.table
    first, second = await client_at(one, "192.0.2.9"), await client_at(two, "192.0.2.9")
    assert [200] * 40 == [(await first.get(path)).status for _ in range(40)]
    quota = SETTINGS.rate
    missing = 40 * 86_400 // quota.refill * 1_000_000
    key = f"default 192.0.2.9 {one.customer}"

    def known() -> bool:
        """Whether all of it is known to the other one; some seconds are added again meanwhile."""
        entry, now = table.look(key)
        return entry.until - now > missing - 60 * 1_000_000

    await until(known)
    assert [200] * 20 + [429] * 5 == [(await second.get(path)).status for _ in range(25)]
    assert [401] * 10 == [(await tried(one)).status for _ in range(10)]
    await until(lambda: table.look(f"failures at {one.customer}")[0].much == 10)
    assert 429 == (await tried(two, RIGHT, "192.0.2.2")).status


async def test_two_applications_count_together() -> None:
    """Requests and failed logins of one are those of the other."""
    store = Common()
    async with worlds(store, store) as (one, two):
        await share_limits(one, two)


async def test_what_was_taken_last_is_told() -> None:
    """An application that stops leaves a note first, and one that starts again goes on where it was."""
    store = Common()
    async with worlds(store, store) as (one, two):
        for _ in range(5):
            await tried(one)
        await one.app.stop()
        await until(lambda: two.app.counters.table.look(f"failures at {one.customer}")[0].much == 5)
        await one.app.start()
        assert 5 == one.app.counters.table.look(f"failures at {one.customer}")[0].much


async def test_a_store_that_goes_away() -> None:
    """Nobody who asks hears of it, and neither does who stops."""
    store = Common()
    async with worlds(store, store) as (one, two):
        store.board.away = True
        pushes = store.board.pushes
        assert 401 == (await tried(one)).status
        await until(lambda: store.board.pushes > pushes)
        assert 401 == (await tried(one)).status
        store.board.away = False
        await until(lambda: two.app.counters.table.look(f"failures at {one.customer}")[0].much == 2)
        store.board.away = True
        assert 401 == (await tried(one)).status


@pytest.mark.parametrize("store", [MemoryStore, Common], ids=["one machine", "several"])
def test_only_who_has_a_common_store_keeps_notes(store: Callable[[], Store]) -> None:
    """Where nobody else can have the store, charges cost what they always did."""
    app = make_app(SETTINGS, store=store())
    assert (store is Common) == isinstance(app.counters.table, ToldTable)
