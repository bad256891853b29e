"""The demo upstream `billing` by itself."""

from __future__ import annotations

import json

import pytest

from crossbar.demo import Recipe, demo_account_id, load_recipe
from crossbar.demo.billing import Billing
from crossbar.demo.plain import App

from .asking import ask

LINES = {"lines": [{"text": "Numbers", "amount": 1250}, {"text": "Lines", "amount": -50}]}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Give the recipe of the demo data."""
    return load_recipe()


@pytest.fixture(scope="module")
def account(recipe: Recipe) -> str:
    """Give the path of the demo account's invoices."""
    return f"/api/{demo_account_id(recipe)}/invoices"


@pytest.fixture
def billing(recipe: Recipe) -> App:
    """Give a target of a service of its own."""
    return Billing(recipe).target("one")


async def test_invoices_are_listed_with_the_newest_first(billing: App, account: str) -> None:
    """There is one for each month, and a limit cuts the rest."""
    everything, few = await ask(billing, "GET", account), await ask(billing, "GET", f"{account}?limit=2")
    assert (200, "application/json", "one") == (
        everything.status,
        everything.fields["content-type"],
        everything.fields["x-served-by"],
    )
    assert [str(number) for number in range(1012, 1000, -1)] == [each["id"] for each in everything.json]
    assert everything.json[:2] == few.json


async def test_invoices_are_the_same_each_time(recipe: Recipe, account: str) -> None:
    """The same recipe makes the same invoices, and another account has others."""
    first = await ask(Billing(recipe).target("x"), "GET", account)
    second = await ask(Billing(recipe).target("x"), "GET", account)
    totals = Billing(recipe).totals()
    assert first == second
    assert len(totals) == len({each["account"] for each in totals}) == 62
    assert len({(each["owed"], each["paid"]) for each in totals}) > 50


async def test_an_invoice_adds_up(billing: App, account: str) -> None:
    """The amount is that of its lines."""
    invoice = (await ask(billing, "GET", f"{account}/1003")).json
    assert "demo" == invoice["customer"]
    assert sum(line["amount"] for line in invoice["lines"]) == invoice["amount"] > 0


async def test_totals_are_those_of_the_invoices(recipe: Recipe, account: str) -> None:
    """What is paid, and what is not."""
    billing = Billing(recipe).target("x")
    invoices = (await ask(billing, "GET", account)).json
    [total] = [each for each in (await ask(billing, "GET", "/reports/totals")).json if each["account"] in account]
    assert [sum(each["amount"] for each in invoices if each["paid"] is paid) for paid in (False, True)] == [
        total["owed"],
        total["paid"],
    ]


async def test_what_is_made_is_there_for_both_targets(recipe: Recipe, account: str) -> None:
    """A new invoice has the next number, and is read at the other target by its Location."""
    service = Billing(recipe)
    made = await ask(
        service.target("one"), "POST", account, [json.dumps(LINES).encode()[:9], json.dumps(LINES).encode()[9:]]
    )
    read = await ask(service.target("two"), "GET", made.fields["location"])
    assert (201, f"{account}/1013", 1200) == (made.status, made.fields["location"], made.json["amount"])
    assert ("two", made.json) == (read.fields["x-served-by"], read.json)


@pytest.mark.parametrize(
    ("method", "end", "body", "status"),
    [
        ("GET", "/1013", b"", 404),
        ("GET", "/1001/doc", b"", 404),
        ("GET", "?limit=x", b"", 400),
        ("PATCH", "", b"", 405),
        ("DELETE", "/1001", b"", 405),
        ("POST", "", b"{", 400),
        ("POST", "", b"[]", 400),
        ("PUT", "", b'{"lines": []}', 400),
        ("PUT", "", b'{"lines": [{"text": "x", "amount": true}]}', 400),
        ("PUT", "", b" " * 65_537, 413),
    ],
    ids=["no invoice", "no such paper", "limit", "method", "method of one", "JSON", "list", "empty", "amount", "large"],
)
async def test_what_billing_refuses(
    billing: App, account: str, method: str, end: str, body: bytes, status: int
) -> None:
    """It says so in JSON, in a form of its own."""
    answer = await ask(billing, method, account + end, body)
    assert (status, {"error", "message"}) == (answer.status, set(answer.json))


@pytest.mark.parametrize("path", ["/", "/api/00/invoices", "/api", "/invoices", "/readyz/x"])
async def test_where_billing_has_nothing(billing: App, path: str) -> None:
    """An account of nobody, and everything else, is a 404."""
    assert 404 == (await ask(billing, "GET", path)).status


async def test_the_paper_comes_in_ranges(billing: App, account: str) -> None:
    """Whole, in part, and not at all beyond its end; a condition on another version gives the whole."""
    paper = f"{account}/1001/pdf"
    whole = await ask(billing, "GET", paper)
    part = await ask(billing, "GET", paper, fields={"range": "bytes=5-7", "if-range": whole.fields["etag"]})
    other = await ask(billing, "GET", paper, fields={"range": "bytes=5-7", "if-range": '"x"'})
    beyond = await ask(billing, "GET", paper, fields={"range": "bytes=99999-"})
    assert whole.body.startswith(b"%PDF-1.4\n")
    assert str(len(whole.body)) == whole.fields["content-length"]
    assert (206, b"1.4", f"bytes 5-7/{len(whole.body)}") == (part.status, part.body, part.fields["content-range"])
    assert (200, whole.body) == (other.status, other.body)
    assert (416, f"bytes */{len(whole.body)}") == (beyond.status, beyond.fields["content-range"])
