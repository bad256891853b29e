"""The SQLite store on one event loop after the other, as clients for tests have them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from crossbar.stores import Insert
from crossbar.stores.sqlite import SqliteStore

from .documents import KINDS, Clock, device


def test_a_version_is_not_kept_over_a_closed_loop(tmp_path: Path) -> None:
    """A loop that ends right after somebody asked for the version leaves none behind: later writes change it."""
    store = SqliteStore(tmp_path / "store.db", clock=Clock())

    async def look() -> int | None:
        await store.open(KINDS)
        return store.version()

    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(look()) is not None
    loop.close()

    async def again() -> tuple[int | None, int | None]:
        await store.close()
        await store.open(KINDS)
        before = store.version()
        await asyncio.sleep(0)
        await store.write([Insert(device("d1"))])
        await asyncio.sleep(0)
        after = store.version()
        await store.close()
        return before, after

    before, after = asyncio.run(again())
    assert before != after
