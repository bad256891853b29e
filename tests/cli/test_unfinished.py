"""A server on a store into which an import has not come to its end: it serves, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from crossbar.keys import SYSTEM
from crossbar.stores import Document, Insert
from crossbar.stores.sqlite import SqliteStore
from crossbar.transfer.marker import MARK

from .conftest import Live, ended, started
from .test_dev import Dev


@pytest.fixture
def half(tmp_path: Path) -> str:
    """Give the URL of a store with the mark of such an import."""

    async def mark() -> None:
        store = SqliteStore(tmp_path / "half.db")
        await store.open([SYSTEM])
        await store.write([Insert(Document.of("", SYSTEM.name, f"{MARK}abc", {"places": {}}, 0))])
        await store.close()

    asyncio.run(mark())
    return f"sqlite:///{tmp_path}/half.db"


def running(folder: Path, store: str) -> Live:
    """A server with two processes."""
    return started(folder, "--store", store, "--workers", "2")


def developing(folder: Path, store: str) -> Live:
    """A server of somebody who writes modules."""
    return Dev(folder, "--store", store).live


@pytest.mark.parametrize("start", [running, developing], ids=["run", "dev"])
def test_it_is_told(start: Callable[[Path, str], Live], tmp_path: Path, half: str) -> None:
    """Once, with the archive and the way out."""
    live = start(tmp_path, half)
    try:
        told = live.log.read_text()
    finally:
        ended(live)
    assert 1 == told.count("the import of the archive abc into this store is not finished"), told
    assert "run the same `crossbar import` again" in told
