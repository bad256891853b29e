"""What reading a listing costs, and that documents which drop out when they are looked into cost nobody a row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar.filters import Filter
from crossbar.settings import MongoSettings
from crossbar.stores import Document, Insert, Query, Rows
from crossbar.stores.memory import MemoryStore
from crossbar.stores.mongo import MongoStore
from crossbar.stores.mongo.marks import MOST_MARKS
from tests.contract.documents import KINDS, NOW, device

from .listening import Commands

WIDE: dict[str, Any] = {f"f{n}": 1 for n in range(MOST_MARKS)}
RED = (Filter("equals", ("colour",), "red"),)
COUNT = 12


def painted(n: int) -> Document:
    """A device: two of three have too many marks to be found by them, and half of those are red."""
    colour: dict[str, Any] = {"colour": "blue" if n % 3 == 1 else "red"}
    return device(f"d{n:02}", NOW + n, **(WIDE if n % 3 else {}), **colour)


@pytest.fixture
async def store(commands: Commands, mongo_database: str) -> AsyncIterator[MongoStore]:
    """Give a store with painted devices."""
    store = MongoStore(mongo_database, MongoSettings(cache_seconds=0))
    await store.open(KINDS)
    await store.write([Insert(painted(n)) for n in range(COUNT)])
    yield store
    await store.close()


async def test_documents_that_drop_out(store: MongoStore) -> None:
    """Pages of every size, with and without rows that are passed over, are those of memory."""
    memory = MemoryStore()
    await memory.open(KINDS)
    await memory.write([Insert(painted(n)) for n in range(COUNT)])
    for descending in (False, True):
        for skip in (0, 1, 3):
            for limit in (1, 2, 3, 5, COUNT):
                query = Query("acme", "devices", RED, descending=descending, limit=limit, skip=skip)
                rows: Rows = await memory.page(query)
                assert rows == await store.page(query), query
                assert await memory.find(query) == await store.find(query), query
    assert 8 == await store.count(Query("acme", "devices", RED))


@pytest.mark.parametrize(
    ("filters", "limit"),
    [
        pytest.param((), 2, id="a page"),
        pytest.param((Filter("is", ("id",), "d03"),), 50, id="one that is named"),
        pytest.param((Filter("has_key", ("colour",)), Filter("none", ("id",), ("d99",))), 2, id="filters"),
    ],
)
async def test_one_command_for_a_page(
    store: MongoStore, commands: Commands, filters: tuple[Filter, ...], limit: int
) -> None:
    """Nothing is fetched or closed apart, whether or not more follows."""
    commands.clear()
    for _ in range(3):
        await store.page(Query("acme", "devices", filters, limit=limit, descending=False))
    await store.find(Query("acme", "devices", filters, limit=1, descending=False))
    assert ["find"] * 4 == [each.name for each in commands]
