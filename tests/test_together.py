"""Several questions to a store: one after the other where it is near, side by side where it is far."""

from __future__ import annotations

import asyncio

import pytest

from crossbar.errors import StoreUnavailable
from crossbar.stores import Document
from crossbar.stores.memory import MemoryStore
from crossbar.stores.together import together
from crossbar.testing import Clock, small_world


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


class Far(MemoryStore):
    """A store that is late about what others write, and answers as soon as so many have asked."""

    lag = 0.5

    def __init__(self) -> None:
        super().__init__()
        self._all: asyncio.Barrier | None = None

    def wait_for(self, count: int) -> None:
        """Answer nobody from now on until so many have asked."""
        self._all = asyncio.Barrier(count)

    async def get(self, tenant: str, kind: str, id: str) -> Document | None:
        """The document, once enough have asked."""
        if self._all is not None:
            await self._all.wait()
        return await super().get(tenant, kind, id)


async def test_a_token_is_checked_in_one_go() -> None:
    """Its account, its user and its revocation are asked for before any of them is there."""
    store = Far()
    world = await small_world(store)
    token = await world.token("customer")
    await world.app.stop()
    await world.app.start()
    store.wait_for(3)
    async with asyncio.timeout(20):
        assert world.customer == (await world.app.tokens.check(token)).account_id
    await world.app.stop()


@pytest.mark.parametrize("store", [MemoryStore(), Far()], ids=["near", "far"])
@pytest.mark.parametrize("version", [1, None], ids=["known", "unknown"])
async def test_answers_keep_their_places(store: MemoryStore, version: int | None) -> None:
    """A question that is not asked is answered with None."""
    asked: list[int] = []

    async def double(number: int) -> int:
        asked.append(number)
        await asyncio.sleep(0)
        asked.append(-number)
        return 2 * number

    found = await together(store, version, lambda: double(1), None, lambda: double(2))
    assert [2, None, 4] == found
    near = version is not None and not store.lag
    assert ([1, -1, 2, -2] if near else [1, 2, -1, -2]) == asked


@pytest.mark.parametrize("version", [1, None], ids=["near", "far"])
async def test_what_fails_is_raised(version: int | None) -> None:
    """The whole fails as the question does."""

    async def fail() -> int:
        raise StoreUnavailable("away")

    async def answer() -> int:
        return 1

    with pytest.raises(StoreUnavailable, match="away"):
        await together(MemoryStore(Clock()), version, answer, fail)
