"""The whole application on MongoDB: a story in each dialect, and every answer is the one that memory gives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from crossbar.stores import Document, Insert, Kind, Store
from crossbar.stores.memory import MemoryStore
from crossbar.stores.mongo import MongoStore
from crossbar.testing import NOW, Clock, World, small_world
from tests.modules.tools import receiving, settings

from .diary import Diary
from .servers import Server, fresh_database
from .stories import STORIES

ACCOUNTS = {"crossbar": "customer", "ringcentral": "reseller", "realm": "stranger"}
"""Whose story is told in which dialect."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="module")
async def worlds(mongo_server: Server) -> AsyncIterator[list[tuple[World, Clock]]]:
    """Give an application in memory and one on MongoDB, each with a clock that stands."""

    async def started(store: Store, clock: Clock) -> tuple[World, Clock]:
        world = await small_world(store, settings(), clock=clock)
        stack.push_async_callback(world.app.stop)
        return world, clock

    one, two = Clock(NOW + 100_000), Clock(NOW + 100_000)
    async with AsyncExitStack() as stack:
        # PERF: one database for all stories, since the stand-in takes its time to make indexes.
        uri = stack.enter_context(fresh_database(mongo_server))
        yield [await started(MemoryStore(one), one), await started(MongoStore(uri, clock=two), two)]


@pytest.mark.parametrize("dialect", STORIES)
async def test_the_same_story(dialect: str, worlds: list[tuple[World, Clock]]) -> None:
    """Every status, header field and body is the same, but for what nobody chose."""
    diaries = []
    for world, clock in worlds:
        async with receiving() as receiver:
            diary = Diary(world, clock, receiver, ACCOUNTS[dialect], wrapped=dialect == "crossbar")
            await STORIES[dialect](diary)
        diaries.append(diary.pages)
    for in_memory, in_mongodb in zip(*diaries, strict=True):
        assert in_memory == in_mongodb


async def test_what_is_stored_is_in_no_log(mongo_database: str, caplog: pytest.LogCaptureFixture) -> None:
    """The driver would tell of each command, with passwords and secrets, where everything is logged."""
    caplog.set_level("DEBUG")
    store = MongoStore(mongo_database)
    await store.open([Kind("notes")])
    await store.write([Insert(Document.of("acme", "notes", "one", {"a": "hidden-word"}, NOW, {"b": "hidden-too"}))])
    assert None is not await store.get("acme", "notes", "one")
    await store.close()
    assert "hidden" not in caplog.text
