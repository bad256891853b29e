"""The stores that the contract is checked for, and a clock that they share with the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from crossbar.stores.memory import MemoryStore
from crossbar.stores.mongo import MongoStore
from crossbar.stores.sqlite import SqliteStore
from tests.mongo.servers import fresh_database, shared

from .documents import KINDS, Clock, LoadingStore


@pytest.fixture(scope="module", autouse=True)
def patient(patient_mongo: None) -> None:
    """Let servers take their time."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def closed(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[LoadingStore]:
    """A store of each sort, not open yet."""
    if request.param == "memory":
        yield MemoryStore(clock)
    elif request.param == "sqlite":
        yield SqliteStore(tmp_path / "store.db", clock=clock)
    else:
        with fresh_database(shared()) as url:
            store = MongoStore(url, clock=clock)
            # NOTE: nobody else writes there, and time that passes must not look as if somebody had.
            store.lag = 3600.0
            yield store


@pytest.fixture
async def store(closed: LoadingStore) -> AsyncIterator[LoadingStore]:
    """A store of each sort, open."""
    await closed.open(KINDS)
    yield closed
    await closed.close()
