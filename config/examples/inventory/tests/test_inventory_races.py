"""Many clients at once: whatever happens at the same moment, no level is wrong and nothing is left behind."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crossbar_inventory import ENDPOINTS
from crossbar_inventory.levels import ATTEMPTS
from msgspec.structs import replace

from crossbar import Change, Document, Store
from crossbar.settings import Modules
from crossbar.stores.memory import MemoryStore
from crossbar.testing import QUICK, Client, Response, make_store, small_world

# What is installed here besides is none of these tests' business.
SETTINGS = replace(QUICK, modules=Modules(installed=False))


class Overtaken(MemoryStore):
    """A store in which others are faster: before each of the next writes, the first of `others` does what it does."""

    def __init__(self) -> None:
        super().__init__(time.time)
        self.others: list[Callable[[], Awaitable[object]]] = []

    async def write(self, changes: Sequence[Change]) -> list[Document | None]:
        """Write after another one has written."""
        others, self.others = self.others, []
        if others:
            await others[0]()
            self.others = others[1:]
        return await super().write(changes)


@dataclass(frozen=True, slots=True)
class Shop:
    """An account with an item and two warehouses."""

    client: Client
    item: str
    here: str
    there: str

    async def move(self, quantity: int) -> Response:
        """Bring so much of the item here, or take it away."""
        moved = {"item_id": self.item, "quantity": quantity, "reason": "count"}
        return await self.client.put(f"/account/warehouses/{self.here}/movements", moved)

    async def transfer(self, quantity: int) -> Response:
        """Send so much of the item from here to there."""
        wanted = {"item_id": self.item, "to_warehouse_id": self.there, "quantity": quantity}
        return await self.client.post(f"/account/warehouses/{self.here}/movements/transfer", wanted)

    async def levels(self) -> dict[str, int]:
        """What lies here and there."""
        rows = (await self.client.get("/account/stock")).data
        names = {self.here: "here", self.there: "there"}
        return {names[row["warehouse_id"]]: row["quantity"] for row in rows}

    async def moved(self) -> list[int]:
        """The quantities of all movements, the largest first."""
        rows = await self.client.every("account", "movements")
        return sorted([row["quantity"] for row in rows], reverse=True)


async def shop_over(store: Store) -> Shop:
    """A shop in an application over this store."""
    world = await small_world(store, SETTINGS, endpoints=[endpoint() for endpoint in ENDPOINTS])
    client = await world.client("customer")

    async def made(noun: str, body: dict[str, Any]) -> str:
        id: str = (await client.put(f"/account/{noun}", body)).data["id"]
        return id

    item = await made("items", {"sku": "bolt-m8", "name": "Bolt"})
    return Shop(client, item, *[await made("warehouses", {"name": name}) for name in ("Here", "There")])


@pytest.fixture
async def store() -> Overtaken:
    """Give a store in which others can be faster."""
    return Overtaken()


@pytest.fixture
async def shop(store: Overtaken) -> AsyncIterator[Shop]:
    """Give a shop over that store."""
    shop = await shop_over(store)
    yield shop
    await shop.client.app.stop()


def told(response: Response) -> tuple[int, str]:
    """Give the status and the word of a response."""
    return response.status, response.word


async def test_many_who_withdraw_at_once_never_take_more_than_there_is(tmp_path: Path) -> None:
    """Of thirty who each want one of eight pieces, exactly eight get one; the others are told that there is none."""
    shop = await shop_over(make_store("sqlite", tmp_path))
    # Whoever loses a race loses to somebody who got a piece, so with fewer pieces than attempts nobody gives up.
    pieces = ATTEMPTS - 2
    await shop.move(pieces)
    answers = await asyncio.gather(*[shop.move(-1) for _ in range(30)])
    expected = {(201, ""): pieces, (409, "insufficient_stock"): 30 - pieces}
    assert expected == Counter(told(answer) for answer in answers)
    assert {} == await shop.levels()
    assert [pieces, *[-1] * pieces] == await shop.moved()
    await shop.client.app.stop()


async def test_who_was_overtaken_works_it_out_again(shop: Shop, store: Overtaken) -> None:
    """A movement that was made from a level that is gone is made from the one that is there."""
    await shop.move(10)
    store.others = [lambda: shop.move(-3), lambda: shop.move(-1)]
    assert 201 == (await shop.move(-5)).status
    assert {"here": 1} == await shop.levels()


async def test_two_first_movements(shop: Shop, store: Overtaken) -> None:
    """Of two who both find nothing there, the second adds to what the first one brought."""
    store.others = [lambda: shop.move(5)]
    assert 201 == (await shop.move(7)).status
    assert {"here": 12} == await shop.levels()


async def test_who_was_overtaken_may_come_too_late(shop: Shop, store: Overtaken) -> None:
    """When others took too much meanwhile, the movement is refused, and nothing of it is written."""
    await shop.move(5)
    store.others = [lambda: shop.move(-3)]
    late = await shop.move(-4)
    assert (409, "insufficient_stock") == told(late)
    assert 2 == late.data["available"]
    assert ([5, -3], {"here": 2}) == (await shop.moved(), await shop.levels())


async def test_a_transfer_that_was_overtaken_moves_nothing(shop: Shop, store: Overtaken) -> None:
    """Neither warehouse changes when one end of a transfer cannot be done."""
    await shop.move(5)
    store.others = [lambda: shop.move(-5)]
    assert (409, "insufficient_stock") == told(await shop.transfer(5))
    assert ([5, -5], {}) == (await shop.moved(), await shop.levels())


async def test_giving_up(shop: Shop, store: Overtaken, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is overtaken every time is asked to come back, and has written nothing."""
    monkeypatch.setattr("crossbar_inventory.levels.LONGEST_PAUSE", 0)
    store.others = [lambda: shop.move(1)] * ATTEMPTS
    unlucky = await shop.move(100)
    assert (503, "stock_busy") == told(unlucky)
    assert "1" == unlucky.headers["retry-after"]
    assert {"here": ATTEMPTS} == await shop.levels()


@pytest.mark.parametrize("noun", ["items", "warehouses"])
async def test_a_movement_of_what_is_deleted_meanwhile(shop: Shop, store: Overtaken, noun: str) -> None:
    """Nothing comes in for an item, or into a warehouse, that was deleted while the movement was worked out."""
    gone = {"items": shop.item, "warehouses": shop.here}[noun]
    store.others = [lambda: shop.client.delete(f"/account/{noun}/{gone}")]
    late = await shop.move(5)
    assert (400, "validation error") == told(late)
    assert [f"{noun[:-1]}_id"] == list(late.data)
    assert ([], {}) == (await shop.moved(), await shop.levels())


@pytest.mark.parametrize("noun", ["items", "warehouses"])
async def test_deleting_what_something_arrives_in_meanwhile(shop: Shop, store: Overtaken, noun: str) -> None:
    """A deletion that was allowed when it was asked for is refused when stock arrives before it is written."""
    kept = {"items": shop.item, "warehouses": shop.here}[noun]
    store.others = [lambda: shop.move(5)]
    assert (409, "datastore_conflict") == told(await shop.client.delete(f"/account/{noun}/{kept}"))
    assert 200 == (await shop.client.get(f"/account/{noun}/{kept}")).status
    assert {"here": 5} == await shop.levels()
