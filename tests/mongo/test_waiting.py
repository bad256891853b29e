"""Who waits for a place in the driver's pool, and is cancelled: nobody is left outside for good."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pymongo.lock
import pytest

from crossbar.errors import StoreUnavailable
from crossbar.settings import MongoSettings

from ..contract.documents import devices
from .lines import WAIT, opened


async def test_a_wait_that_is_over_and_cancelled() -> None:
    """Whoever is cancelled while he takes the lock again, as his time is over, gives the lock back."""
    condition = pymongo.lock._async_create_condition(pymongo.lock._async_create_lock())

    async def wait() -> bool:
        async with condition:
            return await pymongo.lock._async_cond_wait(condition, 0.01)

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    async with condition:
        await asyncio.sleep(0.05)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.sleep(0.01)
        assert not waiting.done(), "it has gone without the lock, and gives back what it does not have"
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(WAIT), condition:
        assert condition.locked()
    assert not condition.locked()


@pytest.mark.parametrize("notified", [False, True])
async def test_a_wait(notified: bool) -> None:
    """It ends with True when it is notified, with False when its time is over, and has the lock in both cases."""
    condition = pymongo.lock._async_create_condition(pymongo.lock._async_create_lock())

    async def wait() -> bool:
        async with condition:
            try:
                return await pymongo.lock._async_cond_wait(condition, WAIT if notified else 0.01)
            finally:
                assert condition.locked()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    if notified:
        async with condition:
            condition.notify()
    assert notified is await waiting
    assert not condition.locked()


async def test_a_pool_in_which_many_give_up(mongo_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are cancelled just as their time is over, the next one gets a connection."""
    async with opened(mongo_database, settings=MongoSettings(connections=1)) as store:

        async def ask() -> None:
            with suppress(StoreUnavailable):
                await store.get("acme", "devices", "none")

        for milliseconds in range(26, 36):
            with monkeypatch.context() as patch:
                patch.setattr(store, "_settings", MongoSettings(answer_seconds=0.03))
                asking = [asyncio.create_task(ask()) for _ in range(100)]
                await asyncio.sleep(milliseconds / 1000)
                for task in asking:
                    task.cancel()
                async with asyncio.timeout(WAIT):
                    await asyncio.wait(asking)
            async with asyncio.timeout(WAIT):
                assert 0 == await store.count(devices())
