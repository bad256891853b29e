"""Listings as CSV files."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pytest

from crossbar.testing import Response

from .tools import ONE_STORE, Home, ids, leg, refused

CSV = {"Accept": "text/csv"}


def table(response: Response) -> list[dict[str, str]]:
    """The rows of a CSV file, read as RFC 4180 has it."""
    assert 200 == response.status, response.body
    text = response.body.decode()
    assert text == "" or text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "header": ("", CSV),
    "header-small": ("", {"accept": "TEXT/CSV"}),
    "header-with-quality": ("", {"Accept": "application/json;q=0.5, text/csv"}),
    "header-other-name": ("", {"Accept": "text/comma-separated-values"}),
    "header-any-text": ("", {"Accept": "text/*"}),
    "query-short": ("?accept=csv", {}),
    "query-type": ("?accept=text/csv", {}),
    "query-over-header": ("?accept=csv", {"Accept": "application/json"}),
}


@ONE_STORE
@pytest.mark.parametrize(("query", "headers"), ASKED.values(), ids=ASKED)
async def test_ways_to_ask(home: Home, query: str, headers: dict[str, str]) -> None:
    """CSV comes to who asks for it by header or query."""
    await home.made("/devices", {"name": "Desk"})
    response = await home.get(f"/devices{query}", headers=headers)
    assert "text/csv" == response.headers["content-type"].partition(";")[0]
    assert ["Desk"] == [row["name"] for row in table(response)]


NOT_ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "nothing": ("", {}),
    "anything": ("", {"Accept": "*/*"}),
    "browser": ("", {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}),
    "json-better": ("", {"Accept": "text/csv;q=0.5, application/json"}),
    "csv-excluded": ("", {"Accept": "text/csv;q=0, */*"}),
    "query-json": ("?accept=json", CSV),
    "query-json-type": ("?accept=application/json", CSV),
    "query-unknown": ("?accept=unheard-of", {}),
    "x-json": ("", {"Accept": "application/x-json"}),
}


@ONE_STORE
@pytest.mark.parametrize(("query", "headers"), NOT_ASKED.values(), ids=NOT_ASKED)
async def test_ways_not_to_ask(home: Home, query: str, headers: dict[str, str]) -> None:
    """Everybody else gets JSON."""
    response = await home.get(f"/devices{query}", headers=headers)
    assert (200, "application/json") == (response.status, response.headers["content-type"])


async def test_asking_in_the_envelope(home: Home) -> None:
    """A tunnelled GET may ask in its envelope, for the format and for the file's name."""
    await home.made("/devices", {"name": "Desk"})
    body = orjson.dumps({"data": {}, "verb": "GET", "accept": "csv", "file_name": "mine.csv"})
    response = await home.client.request("POST", home.at("/devices"), body=body)
    assert ["Desk"] == [row["name"] for row in table(response)]
    assert 'attachment; filename="mine.csv"' == response.headers["content-disposition"]


async def test_a_csv_has_the_rows_of_the_listing(home: Home) -> None:
    """The cells say what the rows of the JSON listing say, in the same order; columns of the schema may be empty."""
    await home.stored("cdrs", [leg(n, "u" if n % 2 else "") for n in range(10)])
    for query in ("", "?page_size=3", "?ascending=true", "?filter_owner_id=u", "?fields=call_id,duration_seconds"):
        rows = (await home.get(f"/cdrs{query}")).data
        cells = table(await home.get(f"/cdrs{query}", headers=CSV))
        assert {key for row in rows for key in row} <= set(cells[0])
        assert [{key: str(row.get(key, "")) for key in cells[0]} for row in rows] == cells


async def test_one_header_line(home: Home) -> None:
    """A file has its header line once, however long it is, and as many rows as the listing."""
    await home.stored("cdrs", [leg(n) for n in range(1200)])
    response = await home.get("/cdrs?paginate=false", headers=CSV)
    assert 1 == response.body.count(b"interaction_id")
    assert ids(await home.get("/cdrs?paginate=false")) == [row["id"] for row in table(response)]


@pytest.mark.parametrize("query", ["", "?paginate=false"])
async def test_an_empty_listing_is_an_empty_file(home: Home, query: str) -> None:
    """Where there are no rows there is no line."""
    assert [] == table(await home.get(f"/devices{query}", headers=CSV))


TRICKY = [
    *("a,b", 'a"b', '"', '""', "a\nb", "a\r\nb", "a;b", " a ", "a'b", "", "0", "a\tb", "\\", ","),
    "\u00e4\u20ac\U0001f600",
]


async def test_every_text_survives(home: Home) -> None:
    """Commas, quotes, line ends and foreign letters come out of the file as they are."""
    await home.stored("devices", [{"name": name} for name in TRICKY])
    assert TRICKY == [row["name"] for row in table(await home.get("/devices?ascending=true", headers=CSV))]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=cmd|' /C calc'!A0", "+491234567", "=", "-", "\0x"]


@ONE_STORE
@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
@pytest.mark.parametrize("query", ["", "&paginate=false"])
async def test_no_cell_is_a_formula(home: Home, text: str, query: str) -> None:
    """Text that a spreadsheet would run is made harmless; the rest of it stays."""
    await home.stored("devices", [{"name": text, "list": [text], text: text, "deep": {text: text}}])
    response = await home.get(f"/devices?full_docs=true{query}", headers=CSV)
    reader = list(csv.reader(io.StringIO(response.body.decode(), newline="")))
    for cell in (cell for line in reader for cell in line):
        assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "\0"), reader
    assert f"'{text}" in reader[1]


async def test_numbers_stay_numbers(home: Home) -> None:
    """A negative number is no formula."""
    await home.stored("devices", [{"name": "x", "a": -1, "b": -1.5, "c": 2**53, "d": True, "e": None, "f": 0}])
    row = table(await home.get("/devices?full_docs=true", headers=CSV))[0]
    assert ["-1", "-1.5", str(2**53), "true", "", "0"] == [row[name] for name in "abcdef"]


async def test_nested_fields_are_flattened(home: Home) -> None:
    """Keys of objects are joined with `_`, items of lists with commas, as Kazoo's files are."""
    await home.stored(
        "devices", [{"name": "x", "sip": {"username": "u", "deep": {"er": 1}}, "list": ["a", 1, {"k": 2}]}]
    )
    row = table(await home.get("/devices?full_docs=true", headers=CSV))[0]
    assert ("u", "1", 'a,1,{"k":2}') == (row["sip_username"], row["sip_deep_er"], row["list"])


async def test_rows_need_not_have_the_same_fields(home: Home) -> None:
    """Each line has a cell for each column."""
    await home.stored("devices", [{"name": "x", "a": 1}, {"name": "y", "b": 2}])
    rows = table(await home.get("/devices?full_docs=true&ascending=true", headers=CSV))
    assert [("x", "1", ""), ("y", "", "2")] == [(row["name"], row["a"], row["b"]) for row in rows]


async def test_a_document_as_csv(home: Home) -> None:
    """One document is a file of one row."""
    id = await home.made("/devices", {"name": "Desk"})
    row = table(await home.get(f"/devices/{id}", headers=CSV))[0]
    assert (id, "Desk", "password") == (row["id"], row["name"], row["sip_method"])


async def test_a_refusal_is_json(home: Home) -> None:
    """Who asks for CSV and is refused is told in JSON."""
    refused(await home.get("/devices/nobody", headers=CSV), 404)
    refused(await home.get("/devices?page_size=0", headers=CSV), 400)


async def test_who_offers_no_csv(home: Home) -> None:
    """An endpoint without rows offers no CSV: 406 by header, JSON by the word in the query."""
    refused(await home.client.get("/about", headers=CSV), 406, "not_acceptable")
    assert "application/json" == (await home.client.get("/about?accept=unheard-of")).headers["content-type"]


async def test_head_of_a_csv(home: Home) -> None:
    """HEAD shows the fields of the file without the file."""
    await home.made("/devices", {"name": "Desk"})
    for query in ("", "?paginate=false"):
        read = await home.get(f"/devices{query}", headers=CSV | {"x-request-id": "same"})
        asked = await home.client.request("HEAD", home.at(f"/devices{query}"), headers=CSV | {"x-request-id": "same"})
        assert (200, b"", read.headers) == (asked.status, asked.body, asked.headers)


NAMES: dict[str, str] = {
    "report.csv": "report.csv",
    "report": "report.csv",
    "REPORT.CSV": "REPORT.csv",
    "2026-05 calls.csv": "2026-05_calls.csv",
    "../../etc/passwd": "passwd.csv",
    "..\\..\\boot.ini": "boot.ini.csv",
    "/etc/passwd": "passwd.csv",
    "a\r\nx-evil: 1": "a_x-evil_1.csv",
    'a"; filename="b': "a_filename_b.csv",
    "": "result.csv",
    "...": "result.csv",
    ".csv": "result.csv",
    "\u202egpj.exe": "gpj.exe.csv",
    "\u00e4\u00f6": "ao.csv",
    "x" * 1000: "x" * 124 + ".csv",
    "con;rm -rf": "con_rm_-rf.csv",
}


@ONE_STORE
@pytest.mark.parametrize(("wanted", "given"), NAMES.items(), ids=[ascii(name)[:24] for name in NAMES])
async def test_file_names(home: Home, wanted: str, given: str) -> None:
    """`file_name` names the file; what could do harm in a name is taken out of it."""
    response = await home.get("/devices", headers=CSV, query={"file_name": wanted})
    assert f'attachment; filename="{given}"' == response.headers["content-disposition"].partition("; filename*=")[0]


@ONE_STORE
@pytest.mark.parametrize(
    ("headers", "query", "given"),
    [
        ({}, {}, "result.csv"),
        ({"X-File-Name": "by-header.csv"}, {}, "by-header.csv"),
        ({"x-file-name": "small.csv"}, {}, "small.csv"),
        ({"X-File-Name": "by-header.csv"}, {"file_name": "by-query.csv"}, "by-header.csv"),
        ({"X-File-Name": "../x"}, {}, "x.csv"),
        ({"X-File-Name": "\xe4\xff"}, {}, "ay.csv"),
    ],
    ids=["none", "header", "small", "both", "unsafe", "latin"],
)
async def test_file_names_by_header(home: Home, headers: Any, query: Any, given: str) -> None:
    """`X-File-Name` comes before `file_name`."""
    response = await home.get("/devices", headers=CSV | headers, query=query)
    assert f'attachment; filename="{given}"' == response.headers["content-disposition"].partition("; filename*=")[0]
