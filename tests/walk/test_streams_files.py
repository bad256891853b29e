"""Listings as NDJSON and CSV: all of them at once, or page by page with links, in the columns that are known."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pytest

from crossbar import Resource
from crossbar.testing import Client, Response, World, small_world

from .tools import ONE_STORE, SETTINGS, Home, ids, leg, refused, wrapped

NDJSON = {"accept": "application/x-ndjson"}
CSV = {"accept": "text/csv"}


def rows_of(response: Response) -> list[dict[str, Any]]:
    """The rows of NDJSON: an object in each line, each line with its end."""
    assert (200, "application/x-ndjson") == (response.status, response.headers["content-type"]), response.body
    assert response.body == b"" or response.body.endswith(b"}\n")
    return [orjson.loads(line) for line in response.body.splitlines()]


def table(response: Response) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    assert (200, "text/csv; charset=utf-8") == (response.status, response.headers["content-type"]), response.body
    return list(csv.DictReader(io.StringIO(response.body.decode(), newline=""), strict=True))


@pytest.fixture
async def calls(home: Home) -> Home:
    """An account with ten call records."""
    await home.stored("cdrs", [leg(n, "u" if n % 2 else "") for n in range(10)])
    return home


ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "x-ndjson": ("", NDJSON),
    "ndjson": ("", {"accept": "application/ndjson"}),
    "jsonl": ("", {"accept": "application/jsonl"}),
    "word": ("?accept=ndjson", {}),
    "word-jsonl": ("?accept=jsonl", {}),
    "type-in-the-query": ("?accept=application/x-ndjson", {}),
    "over-the-header": ("?accept=ndjson", CSV),
    "with-quality": ("", {"accept": "text/csv;q=0.1, application/x-ndjson"}),
}


@ONE_STORE
@pytest.mark.parametrize(("query", "headers"), ASKED.values(), ids=ASKED)
async def test_ways_to_ask(calls: Home, query: str, headers: dict[str, str]) -> None:
    """NDJSON has several names; whichever is used, the same comes."""
    found = await calls.get(f"/cdrs{query}", headers=headers)
    assert (await calls.get("/cdrs")).data == rows_of(found)
    assert 'attachment; filename="result.ndjson"' == found.headers["content-disposition"]


@pytest.mark.parametrize("query", ["", "paginate=false", "chunk_size=3", "is_chunked=true", "is_chunked=false"])
async def test_a_file_is_the_whole_listing(calls: Home, query: str) -> None:
    """However it is sent, a file has the rows that the JSON has, once, in the same order."""
    for words in ("", "ascending=true&", "filter_owner_id=u&", "full_docs=true&", "fields=call_id,to&"):
        wanted = (await calls.get(f"/cdrs?{words}")).data
        assert wanted == rows_of(await calls.get(f"/cdrs?{words}{query}", headers=NDJSON))
        assert ids(await calls.get(f"/cdrs?{words}")) == [
            row["id"] for row in table(await calls.get(f"/cdrs?{words}{query}", headers=CSV))
        ]
        others = query if query != "paginate=false" else ""
        assert wanted == (await calls.get(f"/cdrs?{words}paginate=false&{others}")).data


async def test_what_fits_into_one_piece_has_its_length(calls: Home) -> None:
    """A short file can be shown with its progress; a long one goes out as it is read."""
    for headers in (NDJSON, CSV):
        short, long = await calls.get("/cdrs", headers=headers), await calls.get("/cdrs?chunk_size=4", headers=headers)
        assert (str(len(short.body)), None) == (short.headers["content-length"], long.headers.get("content-length"))


async def test_a_document_as_ndjson(calls: Home) -> None:
    """One document is one line."""
    id = await calls.made("/menus", {"name": "Menu"})
    (row,) = rows_of(await calls.get(f"/menus/{id}", headers=NDJSON))
    assert (id, "Menu") == (row["id"], row["name"])


@pytest.mark.parametrize("headers", [NDJSON, CSV], ids=["ndjson", "csv"])
async def test_links_lead_to_the_end(calls: Home, headers: dict[str, str]) -> None:
    """A page in another form has no envelope; a field says where the next one is, and no token goes along."""
    seen: list[str] = []
    path = f"{calls.at('/cdrs')}?page_size=4&fields=id,to&filter_direction=inbound&_=1%202"
    for count in (4, 4, 2):
        page = await calls.client.get(path, headers=headers)
        found = table(page) if headers is CSV else rows_of(page)
        assert (count, ["id", "to"]) == (len(found), list(found[0]))
        seen += [row["id"] for row in found]
        link = page.headers.get("link", "")
        target, _, relation = link.partition(">; ")
        assert ('rel="next"' if len(seen) < 10 else "") == relation
        path = f"/{target.removeprefix('<')}"
    assert ids(await calls.get("/cdrs")) == seen


@ONE_STORE
async def test_a_link_says_what_the_envelope_said_and_no_token(calls: Home) -> None:
    """A tunnelled listing goes on as a plain GET with the same words; a token in the query is not repeated."""
    body = wrapped({}, verb="GET", page_size=4, accept="ndjson", descending=False)
    path = f"{calls.at('/cdrs')}?auth_token={calls.client.token}&filter_direction=inbound"
    first = await calls.client.request("POST", path, body=body)
    target = first.headers["link"].partition("<")[2].partition(">")[0]
    assert "auth_token" not in target
    second = await calls.client.get(f"/{target}")
    wanted = ids(await calls.get("/cdrs?ascending=true"))
    assert (wanted[:4], wanted[4:8]) == (
        [row["id"] for row in rows_of(first)],
        [row["id"] for row in rows_of(second)],
    )


@ONE_STORE
async def test_a_link_cannot_be_broken_out_of(calls: Home) -> None:
    """Whatever stands in the query, the field has one link and no line of its own."""
    query = 'accept=csv&page_size=2&_=%3E;rel=%22x%22,%3Chttp://evil%0d%0aset-cookie:a%3E&y=<>"'
    link = (await calls.get(f"/cdrs?{query}")).headers["link"]
    assert (1, 1, 1) == (link.count("<"), link.count(">"), link.count('; rel="next"'))
    refused(await calls.get("/cdrs?accept=csv&page_size=2&start_key=made_up"), 400, "invalid_start_key")


async def test_columns_of_the_schema(calls: Home) -> None:
    """The columns are those of the schema, in its order, with `id` first, whether rows have them or not."""
    header = list(table(await calls.get("/cdrs", headers=CSV))[0])
    assert ["id", "call_id", "interaction_id", "timestamp", "unix_timestamp"] == header[:5]
    nobody = await calls.get("/cdrs?filter_owner_id=nobody", headers=CSV)
    assert (header, []) == (nobody.body.decode().strip().replace('"', "").split(","), table(nobody))
    assert [*header, "_other"] == list(table(await calls.get("/cdrs?chunk_size=3", headers=CSV))[0])


async def test_columns_of_the_summary(home: Home) -> None:
    """A listing of summaries has their columns; one of whole documents has those of the whole schema."""
    await home.stored("menus", [{"name": "x", "own": {"a": 1}}])
    assert {"id": "0" * 32, "name": "x"} == table(await home.get("/menus", headers=CSV))[0]
    row = table(await home.get("/menus?full_docs=true", headers=CSV))[0]
    assert ("x", "1", True) == (row["name"], row["own_a"], "retries" in row)


async def test_fields_are_the_columns(calls: Home) -> None:
    """The fields that a request names are all the columns that there are, in its order, after the id."""
    for query in ("fields=to,sip.username,from", "fields=to,sip.username,from&chunk_size=3"):
        rows = table(await calls.get(f"/cdrs?{query}", headers=CSV))
        assert [["id", "to", "sip_username", "from"]] * 10 == [list(row) for row in rows]
        assert {("1002", "", "1001")} == {(row["to"], row["sip_username"], row["from"]) for row in rows}


async def test_late_fields_are_collected(home: Home) -> None:
    """In a long listing a field that nobody knew of stands as JSON in the last column, and nothing is lost."""
    bodies: list[dict[str, Any]] = [{"name": f"{n}"} for n in range(6)]
    bodies[4]["late"] = {"er": [1, None]}
    bodies[0]["early"] = True
    await home.stored("menus", bodies)
    rows = table(await home.get("/menus?full_docs=true&ascending=true&chunk_size=2", headers=CSV))
    assert ["true", *[""] * 5] == [row["early"] for row in rows]
    assert [{}, {}, {}, {}, {"late_er": [1, None]}, {}] == [orjson.loads(row["_other"] or "{}") for row in rows]


class Meters(Resource):
    """Documents with many fields, of which a table shows three."""

    name = "meters"
    columns = ("name", "place_room", "id")


@pytest.fixture
async def meters() -> World:
    """An application with an endpoint that declares its columns."""
    return await small_world(settings=SETTINGS, endpoints=[Meters()])


@pytest.mark.parametrize("query", ["", "chunk_size=1", "page_size=3", "paginate=false"])
async def test_declared_columns(meters: World, query: str) -> None:
    """They are all that there are, in that order, in every form of the table, and with no rows as well."""
    client: Client = await meters.client("customer")
    path = f"/account/meters?{query}"
    assert b'"name","place_room","id"\r\n' == (await client.get(path, headers=CSV)).body
    for n in range(3):
        await client.put("/account/meters", {"name": f"={n}", "place": {"room": n, "floor": 1}, "more": [n]})
    found = await client.get(path, headers=CSV)
    rows = table(found)
    assert ["name", "place_room", "id"] == list(rows[0])
    assert {("'=0", "0"), ("'=1", "1"), ("'=2", "2")} == {(row["name"], row["place_room"]) for row in rows}
    await meters.app.stop()
