"""The sorts of stores that are moved from and to, and two of them for a test: `source` and `target`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from crossbar.settings import MongoSettings
from crossbar.stores.memory import MemoryStore
from crossbar.stores.mongo import MongoStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.whole import WholeStore
from tests.contract.documents import Clock
from tests.mongo.servers import fresh_database, shared

from .filling import KINDS, fill

Make = Callable[[Path, Clock], AbstractContextManager[WholeStore]]


@contextmanager
def _memory(folder: Path, clock: Clock) -> Iterator[WholeStore]:
    yield MemoryStore(clock)


@contextmanager
def _sqlite(folder: Path, clock: Clock) -> Iterator[WholeStore]:
    yield SqliteStore(folder / "store.db", clock=clock)


@contextmanager
def _mongo(folder: Path, clock: Clock) -> Iterator[WholeStore]:
    with fresh_database(shared()) as url:
        yield MongoStore(url, MongoSettings(cache_seconds=1), clock=clock)


STORES: dict[str, Make] = {"memory": _memory, "sqlite": _sqlite, "mongo": _mongo}
"""Each sort of store, made in a folder that is its own and not opened."""


@pytest.fixture(scope="module", autouse=True)
def patient(patient_mongo: None) -> None:
    """Let servers take their time."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def _made(sort: str, folder: Path, clock: Clock) -> Iterator[WholeStore]:
    folder.mkdir()
    with STORES[sort](folder, clock) as store:
        yield store


@pytest.fixture(params=STORES)
async def source(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[WholeStore]:
    """A store of each sort, with all that is hard to move."""
    with _made(request.param, tmp_path / "source", clock) as store:
        await fill(store, clock)
        yield store
        await store.close()


@pytest.fixture(params=STORES)
async def target(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[WholeStore]:
    """A store of each sort, empty and open."""
    with _made(request.param, tmp_path / "target", clock) as store:
        await store.open(KINDS)
        yield store
        await store.close()
