"""The stores that the contract is checked for, and a clock that they share with the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore

from .documents import KINDS, Clock, LoadingStore


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def closed(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> LoadingStore:
    """A store of each sort, not open yet."""
    return MemoryStore(clock) if request.param == "memory" else SqliteStore(tmp_path / "store.db", clock=clock)


@pytest.fixture
async def store(closed: LoadingStore) -> AsyncIterator[LoadingStore]:
    """A store of each sort, open."""
    await closed.open(KINDS)
    yield closed
    await closed.close()
