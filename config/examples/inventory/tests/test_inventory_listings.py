"""Listings of movements: pages to the last one, time windows, filters, parents and CSV."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from crossbar_inventory import ENDPOINTS
from msgspec.structs import replace

from crossbar.dates import gregorian
from crossbar.settings import Modules
from crossbar.testing import NOW, QUICK, Client, small_world

# What is installed here besides is none of these tests' business.
SETTINGS = replace(QUICK, modules=Modules(installed=False))


@dataclass(frozen=True, slots=True)
class Year:
    """An account in which something moved in each of twelve seconds: bolts, and every third time nuts."""

    client: Client
    items: dict[str, str]
    warehouse: str

    async def quantities(self, path: str) -> list[int]:
        """The quantities of the movements that a path lists."""
        return [row["quantity"] for row in (await self.client.get(f"/account/{path}")).data]


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
async def year() -> AsyncIterator[Year]:
    """Give twelve movements of 1, 2, 3, ... pieces, a second apart."""
    clock = Clock()
    world = await small_world(settings=SETTINGS, endpoints=[endpoint() for endpoint in ENDPOINTS], clock=clock)
    client = await world.client("customer")
    items = {}
    for sku in ("BOLT", "NUT"):
        items[sku] = (await client.put("/account/items", {"sku": sku, "name": sku.title()})).data["id"]
    warehouse = (await client.put("/account/warehouses", {"name": "Berlin"})).data["id"]
    for second in range(12):
        clock.now = NOW + second
        moved = {"item_id": items["NUT" if second % 3 == 2 else "BOLT"], "quantity": second + 1, "reason": "purchase"}
        note = {"note": '=1+1, said "nobody"'} if second == 0 else {}
        response = await client.put(f"/account/warehouses/{warehouse}/movements", moved | note)
        assert 201 == response.status
    yield Year(client, items, warehouse)
    await world.app.stop()


async def test_pages_to_the_last_one(year: Year) -> None:
    """A walk over the pages shows every movement once, the newest first, and ends on a page without a next key."""
    pages = [page async for page in year.client.pages("account", "movements", page_size=5)]
    seen = [row["quantity"] for page in pages for row in page.documents]
    assert (3, list(range(12, 0, -1))) == (len(pages), seen)


async def test_a_window_of_time(year: Year) -> None:
    """`created_from` and `created_to` keep what moved between two seconds, both included."""
    window = f"movements?ascending=true&created_from={gregorian(NOW + 3)}&created_to={gregorian(NOW + 5)}"
    assert [4, 5, 6] == await year.quantities(window)


async def test_below_a_parent(year: Year) -> None:
    """Below an item there are the movements of that item, also in the shape of a filter."""
    nuts = year.items["NUT"]
    wanted = [12, 9, 6, 3]
    assert wanted == await year.quantities(f"items/{nuts}/movements")
    assert wanted == await year.quantities(f"warehouses/{year.warehouse}/items/{nuts}/movements")
    assert wanted == await year.quantities(f"movements?filter_item_id={nuts}")
    assert [] == await year.quantities(f"movements?filter_not_item_id={nuts}&filter_quantity=12")


async def test_csv(year: Year) -> None:
    """A listing as CSV has one line of names and one for each movement, and no cell that a spreadsheet would run."""
    response = await year.client.get("/account/movements?ascending=true", headers={"accept": "text/csv"})
    assert "text/csv; charset=utf-8" == response.headers["content-type"]
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert [str(quantity) for quantity in range(1, 13)] == [row["quantity"] for row in rows]
    assert {"id", "item_id", "warehouse_id", "quantity", "reason", "note", "time"} == set(rows[0])
    assert ('\'=1+1, said "nobody"', "2026-05-28T20:26:40Z") == (rows[0]["note"], rows[0]["time"])


async def test_totals(year: Year) -> None:
    """The totals add up all warehouses, and below an item they are that item's."""
    await year.client.put("/account/warehouses", {"name": "Paris"})
    expected = [
        {"item_id": year.items["BOLT"], "quantity": sum(range(1, 13)) - 30},
        {"item_id": year.items["NUT"], "quantity": 30},
    ]
    totals = (await year.client.get("/account/stock/totals?ascending=true")).data
    assert expected == totals
    assert expected[1:] == (await year.client.get(f"/account/items/{year.items['NUT']}/stock/totals")).data
