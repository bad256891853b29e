"""The ledger as its clients see it: booking, reversing, pages, filters, sums and exports."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crossbar_ledger import Ledger
from msgspec.structs import replace

from crossbar.dates import gregorian
from crossbar.settings import Modules, Paging
from crossbar.testing import NOW, QUICK, Client, Response, World, small_world


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@dataclass(frozen=True, slots=True)
class Office:
    """An account and its ledger."""

    world: World
    client: Client
    clock: Clock

    async def book(self, amount: int, currency: str = "EUR", **more: Any) -> Response:
        """Book an amount."""
        entry = {"amount": amount, "currency": currency, "text": "paper", **more}
        return await self.client.put("/account/ledger", entry)

    async def amounts(self, query: str = "") -> list[int]:
        """The amounts that a listing shows."""
        return [row["amount"] for row in (await self.client.get(f"/account/ledger{query}")).data]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Give an account whose ledger is empty."""
    settings = replace(
        QUICK,
        modules=Modules(installed=False),
        paging=Paging(stream_rows=2),
        plugins={"ledger": {"file": str(tmp_path / "ledger.db")}},
    )
    clock = Clock()
    world = await small_world(settings=settings, endpoints=[Ledger()], clock=clock)
    yield Office(world, await world.client("customer"), clock)
    await world.app.stop()


def told(response: Response) -> tuple[int, str]:
    """Give the status and the word of a response."""
    return response.status, response.word


async def test_booking(office: Office) -> None:
    """An entry gets the next number and the time, says where it is, and can be read there."""
    response = await office.book(-1250, reference="2026/17")
    entry = {
        "id": "1",
        "booked": "2026-05-28T20:26:40Z",
        "amount": -1250,
        "currency": "EUR",
        "text": "paper",
        "reference": "2026/17",
        "reverses": None,
    }
    assert (201, entry) == (response.status, response.data)
    path = response.headers["location"]
    assert f"/v2/accounts/{office.world.customer}/ledger/1" == path
    assert entry == (await office.client.get(path.removeprefix("/v2"))).data


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"amount", "currency", "text"}),
        ({"amount": 0, "currency": "EUR", "text": "nothing"}, {"amount"}),
        ({"amount": 1.5, "currency": "euro", "text": ""}, {"amount", "currency", "text"}),
        ({"amount": 1, "currency": "EUR", "text": "a", "reverses": 1}, {"reverses"}),
    ],
)
async def test_what_cannot_be_booked(office: Office, body: dict[str, Any], fields: set[str]) -> None:
    """An entry that breaks rules is refused with all of them, and takes no number."""
    response = await office.client.put("/account/ledger", body)
    assert (400, "validation error") == told(response)
    assert fields == set(response.data)
    assert "1" == (await office.book(1)).data["id"]


async def test_references_are_unique_in_an_account(office: Office) -> None:
    """A reference can be booked once in each account, and entries without one as often as you like."""
    other = await office.world.client("stranger")
    for client in (office.client, other):
        response = await client.put("/account/ledger", {"amount": 1, "currency": "EUR", "text": "a", "reference": "r"})
        assert (201, "1") == (response.status, response.data["id"])
    again = await office.book(2, reference="r")
    assert (400, "validation error") == told(again)
    assert "r" == again.data["reference"]["unique"]["value"]
    assert ["2", "3"] == [(await office.book(1)).data["id"] for _ in range(2)]


async def test_numbers_have_no_gaps(office: Office) -> None:
    """Entries that are booked at the same moment get numbers in a row; those that are refused get none."""
    answers = await asyncio.gather(*[office.book(1, reference=str(n % 20)) for n in range(40)])
    numbers = sorted(int(answer.data["id"]) for answer in answers if answer.status == 201)
    assert list(range(1, 21)) == numbers


async def test_a_batch(office: Office) -> None:
    """Entries of a batch get numbers in their order."""
    batch = [{"amount": amount, "currency": "EUR", "text": "salary"} for amount in (-100, -200, 300)]
    response = await office.client.post("/account/ledger/batch", {"entries": batch})
    assert 201 == response.status
    assert [("1", -100), ("2", -200), ("3", 300)] == [(entry["id"], entry["amount"]) for entry in response.data]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"amount": 1, "currency": "EUR", "text": "a", "reference": "taken"}, "entries.1.reference"),
        ({"amount": 1, "currency": "EUR", "text": "a", "reference": "new"}, "entries.1.reference"),
        ({"amount": 1, "currency": "EUR"}, "entries.1.text"),
    ],
)
async def test_a_batch_is_booked_as_a_whole(office: Office, wrong: dict[str, Any], field: str) -> None:
    """If one entry of a batch cannot be booked none is, and no number is lost; the answer says which one it was."""
    await office.book(1, reference="taken")
    batch = [{"amount": 1, "currency": "EUR", "text": "a", "reference": "new"}, wrong]
    response = await office.client.post("/account/ledger/batch", {"entries": batch})
    assert (400, "validation error") == told(response)
    assert [field] == list(response.data)
    assert "2" == (await office.book(2)).data["id"]


async def test_reversing(office: Office) -> None:
    """A reversal books the opposite and says of what, and can be done once, whoever else tries at the same moment."""
    await office.book(700, "USD")
    answers = await asyncio.gather(*[office.client.post("/account/ledger/1/reverse") for _ in range(5)])
    done = [answer for answer in answers if answer.status == 201]
    facts = {"id": "2", "amount": -700, "currency": "USD", "reverses": 1, "text": "reversal of 1"}
    assert [facts] == [{field: answer.data[field] for field in facts} for answer in done]
    assert done[0].headers["location"].endswith("/ledger/2")
    for answer in answers:
        if answer is not done[0]:
            assert (409, "already_reversed") == told(answer)


@pytest.mark.parametrize("id", ["2", "0", "01", "-1", "x", "9" * 30])
async def test_an_entry_that_is_not_there(office: Office, id: str) -> None:
    """What is no number of an entry is a 404, to read and to reverse."""
    await office.book(1)
    assert (404, "bad_identifier") == told(await office.client.get(f"/account/ledger/{id}"))
    assert (404, "bad_identifier") == told(await office.client.post(f"/account/ledger/{id}/reverse"))


async def test_entries_do_not_change(office: Office) -> None:
    """There is no way to change or delete an entry."""
    await office.book(1)
    for verb in ("POST", "PATCH", "DELETE"):
        response = await office.client.request(verb, "/account/ledger/1", {"amount": 2})
        assert (405, "invalid_method") == told(response)
        assert "PUT" not in response.headers["allow"]


async def test_an_account_sees_its_own_entries(office: Office) -> None:
    """Another account's ledger is empty, and this one's cannot be reached from there."""
    await office.book(1)
    other = await office.world.client("stranger")
    assert [] == (await other.get("/account/ledger")).data
    assert (404, "bad_identifier") == told(await other.get("/account/ledger/1"))
    assert (404, "bad_identifier") == told(await other.get(f"/accounts/{office.world.customer}/ledger"))


@pytest.mark.parametrize("ascending", ["false", "true"])
async def test_pages_to_the_last_one(office: Office, ascending: str) -> None:
    """A walk over the pages shows every entry that was there once, whatever is booked on the way."""
    for amount in range(1, 8):
        await office.book(amount)
    seen = []
    async for page in office.client.pages("account", "ledger", page_size=3, query={"ascending": ascending}):
        seen.append([row["amount"] for row in page.documents])
        if ascending == "false":
            await office.book(100)
    expected = {"false": [[7, 6, 5], [4, 3, 2], [1]], "true": [[1, 2, 3], [4, 5, 6], [7]]}
    assert expected[ascending] == seen


async def test_a_start_key_of_another_listing(office: Office) -> None:
    """A start_key leads on in its own listing only, and cannot be made up."""
    for amount in (1, 2):
        await office.book(amount)
    key = (await office.client.get("/account/ledger?page_size=1")).json()["next_start_key"]
    for query in (f"ascending=true&start_key={key}", f"filter_currency=EUR&start_key={key}", "start_key=1"):
        assert (400, "invalid_start_key") == told(await office.client.get(f"/account/ledger?{query}"))


async def test_the_start_key_of_a_page(office: Office) -> None:
    """A page says by which key it can be had again, also when something was booked since."""
    for amount in (1, 2, 3):
        await office.book(amount)
    key = (await office.client.get("/account/ledger?page_size=2")).json()["start_key"]
    await office.book(4)
    assert [3, 2] == await office.amounts(f"?page_size=2&start_key={key}")


async def test_filters_times_and_fields(office: Office) -> None:
    """Filters, times and fields mean what they mean for every other listing."""
    for second, (amount, currency) in enumerate([(100, "EUR"), (200, "USD"), (-50, "EUR"), (100, "CHF")]):
        office.clock.now = NOW + second
        await office.book(amount, currency, **({"reference": "R"} if second == 1 else {}))
    await office.client.post("/account/ledger/1/reverse")
    assert [-100, -50, 100] == await office.amounts("?filter_currency=EUR")
    assert [100, 200] == await office.amounts("?filter_not_currency=EUR")
    assert [100, 100] == await office.amounts("?filter_amount=100")
    assert [-100] == await office.amounts("?filter_reverses=1")
    assert [200] == await office.amounts("?filter_not_reference=")
    assert [-50, 200] == await office.amounts(f"?created_from={gregorian(NOW + 1)}&created_to={gregorian(NOW + 2)}")
    assert [200, 100] == await office.amounts(f"?modified_to={gregorian(NOW + 1)}")
    rows = (await office.client.get("/account/ledger?fields=amount,nothing&page_size=1")).data
    assert [{"id": "5", "amount": -100}] == rows


@pytest.mark.parametrize("query", ["filter_color=red", "filter_any_text=[]", "has_key=reference", "filter_a.b=1"])
async def test_filters_that_are_not_offered(office: Office, query: str) -> None:
    """A filter that the ledger does not know is refused, and never passed over."""
    response = await office.client.get(f"/account/ledger?{query}")
    assert (400, "bad_request") == told(response)
    assert "filter_not_K" in response.data["message"]


async def test_the_balance(office: Office) -> None:
    """The balance adds up each currency, of all entries or of those that the filters leave."""
    for amount, currency in [(1000, "EUR"), (-300, "EUR"), (5, "CHF")]:
        await office.book(amount, currency)
    swiss = {"currency": "CHF", "entries": 1, "credit": 5, "debit": 0, "balance": 5}
    euros = {"currency": "EUR", "entries": 2, "credit": 1000, "debit": -300, "balance": 700}
    assert [swiss, euros] == (await office.client.get("/account/ledger/balance")).data
    assert [swiss] == (await office.client.get("/account/ledger/balance?filter_currency=CHF")).data


async def test_an_export(office: Office) -> None:
    """An export holds everything, over several pieces, in JSON or in CSV; so does a listing that is not paged."""
    for amount in range(1, 6):
        await office.book(amount, **({"reference": "last"} if amount == 5 else {}))
    assert [5, 4, 3, 2, 1] == await office.amounts("/export?page_size=1")
    assert [1, 2, 3, 4, 5] == await office.amounts("?paginate=false&ascending=true")
    key = (await office.client.get("/account/ledger?page_size=2")).json()["next_start_key"]
    assert [3, 2, 1] == await office.amounts(f"?paginate=false&start_key={key}")
    response = await office.client.get("/account/ledger/export?ascending=true", headers={"accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert [("1", ""), ("2", ""), ("3", ""), ("4", ""), ("5", "last")] == [
        (row["id"], row["reference"]) for row in rows
    ]


async def test_the_store_is_not_touched(office: Office) -> None:
    """Nothing of the ledger is kept in Crossbar's store."""
    before = office.world.app.store.version()
    await office.book(1)
    await office.client.post("/account/ledger/1/reverse")
    assert 200 == (await office.client.get("/account/ledger/export")).status
    assert (before, ()) == (office.world.app.store.version(), Ledger().kinds())
