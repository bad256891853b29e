"""Listings in pieces as JSON: the bytes, the words that ask for them, and where everything stays as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from crossbar import Context, Endpoint, Stream
from crossbar.stores import Query, Rows
from crossbar.testing import Response, small_world

from .tools import ONE_STORE, SETTINGS, Home, ids, leg, refused, wrapped

TRAILER = ["auth_token", "status", "request_id", "revision", "node", "timestamp", "version"]
KEYS = ["page_size", "start_key", "next_start_key"]


@pytest.fixture
async def calls(home: Home) -> Home:
    """An account with ten call records."""
    await home.stored("cdrs", [leg(n, "u" if n % 2 else "") for n in range(10)])
    return home


@pytest.fixture
def asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many call records the store was asked for, call by call."""
    limits: list[int] = []
    kind = type(home.world.app.store)
    real = kind.page

    async def page(self: Any, query: Query) -> Rows:
        if query.kind == "cdrs":
            limits.append(query.limit)
        return await real(self, query)

    monkeypatch.setattr(kind, "page", page)
    return limits


async def pieces(home: Home, path: str, **options: Any) -> list[bytes]:
    """The pieces in which a response goes out."""
    async with home.client.stream("GET", home.at(path), **options) as response:
        assert 200 == response.status
        assert "content-length" not in response.headers
        return [piece async for piece in response]


def streamed(response: Response) -> bool:
    """Whether the response went out in pieces, without a length."""
    assert 200 == response.status, response.body
    return "content-length" not in response.headers


async def test_the_layout(calls: Home) -> None:
    """The rows come first, piece by piece, and then the other keys, as in one JSON object."""
    found = await pieces(calls, "/cdrs?page_size=8&chunk_size=3")
    whole = orjson.loads(b"".join(found))
    rows = [orjson.dumps(row) for row in whole["data"]]
    joined = [b",".join(rows[0:3]), b"," + b",".join(rows[3:6]), b"," + b",".join(rows[6:8])]
    assert [b'{"data":[' + joined[0], joined[1], joined[2]] == found[:3]
    trailer = orjson.dumps({key: value for key, value in whole.items() if key != "data"})
    assert [b"]," + trailer[1:]] == found[3:]


async def test_the_trailer(calls: Home) -> None:
    """It has what a page has, typed, and as with Kazoo no `tokens`; the revision is that of the page sent whole."""
    path = "/cdrs?page_size=8&chunk_size=3"
    options = {"headers": {"x-request-id": "same"}}
    whole = (await calls.get(f"{path}&is_chunked=false", **options)).json()
    chunked = (await calls.get(path, **options)).json()
    assert sorted(["data", *TRAILER, *KEYS]) == sorted(chunked)
    whole.pop("tokens", None)
    assert whole == chunked
    types = {"page_size": int, "start_key": str, "next_start_key": str, "status": str, "request_id": str}
    assert types == {key: type(chunked[key]) for key in types}


async def test_tokens_are_not_in_a_trailer() -> None:
    """Not even where requests are counted."""
    world = await small_world(settings=replace(SETTINGS, rate=replace(SETTINGS.rate, enabled=True)))
    client = await world.client("customer")
    for n in range(3):
        await client.put("/account/menus", {"name": f"{n}"})
    whole = (await client.get("/account/menus?page_size=2")).json()
    chunked = await client.get("/account/menus?page_size=2&is_chunked=true&chunk_size=1")
    assert (True, "tokens" in whole, "tokens" in chunked.json()) == (streamed(chunked), True, False)
    await world.app.stop()


async def test_a_whole_listing_has_no_paging_keys(calls: Home) -> None:
    """With `paginate=false` there is nothing to say of pages."""
    found = await calls.get("/cdrs?paginate=false&chunk_size=3")
    assert (True, sorted(["data", *TRAILER[:3], *TRAILER[4:]])) == (streamed(found), sorted(found.json()))
    assert ids(await calls.get("/cdrs")) == ids(found)


SIZES = {
    "": [50],
    "page_size=4": [4],
    "page_size=8&chunk_size=3": [3, 3, 2],
    "page_size=8&chunk_size=4": [4, 4],
    "page_size=8&chunk_size=8": [8],
    "page_size=8&chunk_size=5000": [8],
    "page_size=100&chunk_size=50": [50],
    "page_size=8&chunk_size=3&is_chunked=false": [8],
    "page_size=8&chunk_size=3&is_chunked=true": [3, 3, 2],
    "paginate=false": [500],
    "paginate=false&is_chunked=true": [50],
    "paginate=false&chunk_size=4": [4, 4, 4],
    "paginate=false&chunk_size=5&is_chunked=false": [5, 5],
    "paginate=false&accept=ndjson": [500],
    "paginate=false&accept=csv&chunk_size=9": [9, 9],
    "accept=csv&page_size=8&chunk_size=3": [8],
}


@pytest.mark.parametrize(("query", "limits"), SIZES.items(), ids=[query or "nothing" for query in SIZES])
async def test_pieces_are_as_large_as_was_asked_for(
    calls: Home, asked: list[int], query: str, limits: list[int]
) -> None:
    """A page is read in pieces of `chunk_size`, never beyond its own size; the rows are the same in any case."""
    found = await calls.get(f"/cdrs?{query}")
    assert (200, limits) == (found.status, asked)
    plain = ids(await calls.get("/cdrs?is_chunked=false"))
    if "accept" not in query:
        assert ids(found) == plain[: len(ids(found))]
        assert len(ids(found)) == (10 if "paginate" in query else min(10, max(sum(limits), 1)))


async def test_cdrs_are_chunked_unless_one_says_no(calls: Home) -> None:
    """Others are only if one says so, and what fits into one piece never is."""
    for n in range(4):
        await calls.made("/menus", {"name": f"{n}"})
    for noun, by_default in (("cdrs", True), ("menus", False)):
        for words, expected in (("", by_default), ("&is_chunked=true", True), ("&is_chunked=false", False)):
            found = await calls.get(f"/{noun}?page_size=4&chunk_size=2{words}")
            assert (expected, 4) == (streamed(found), len(found.data)), (noun, words)
    assert not streamed(await calls.get("/cdrs?is_chunked=true"))
    for path in ("/cdrs/interaction", "/cdrs/legs/nobody"):
        found = await calls.get(f"{path}?page_size=4&chunk_size=2")
        assert ("legs" not in path) == streamed(found)


WRONG = ["0", "-1", "1.5", "x", "", "+5", "1e3", "٣", "9" * 30]


@ONE_STORE
@pytest.mark.parametrize("value", WRONG)
async def test_bad_sizes(calls: Home, value: str) -> None:
    """A `chunk_size` that is no whole number of at least one is refused, also where it does not matter."""
    for query in ("", "paginate=false", "is_chunked=false", "accept=csv"):
        refused(await calls.get(f"/cdrs?{query}", query={"chunk_size": value}), 400, "bad_chunk_size")


@ONE_STORE
@pytest.mark.parametrize("value", [True, 0, -3, 1.5, [], {}, "many"], ids=repr)
async def test_bad_sizes_in_the_envelope(calls: Home, value: Any) -> None:
    """The same from an envelope."""
    body = wrapped({}, verb="GET", chunk_size=value)
    refused(await calls.client.request("POST", calls.at("/cdrs"), body=body), 400, "bad_chunk_size")


@ONE_STORE
async def test_words_in_the_envelope(calls: Home, asked: list[int]) -> None:
    """A tunnelled GET says it in its envelope; the query wins, and what is said twice in it is refused."""
    for words, path, limits in (
        ({"page_size": 8, "chunk_size": 3}, "/cdrs", [3, 3, 2]),
        ({"page_size": "8", "chunk_size": "3", "is_chunked": False}, "/cdrs", [8]),
        ({"page_size": 8, "chunk_size": 3, "is_chunked": "true"}, "/cdrs?chunk_size=5", [5, 3]),
        ({"paginate": False, "chunk_size": 6}, "/cdrs", [6, 6]),
    ):
        asked.clear()
        body = wrapped({}, verb="GET", **words)
        found = await calls.client.request("POST", calls.at(path), body=body)
        assert (200, limits) == (found.status, asked), found.body
    refused(await calls.get("/cdrs?chunk_size=3&chunk_size=4"), 400, "bad_query")
    refused(await calls.get("/cdrs?is_chunked=true&is_chunked=false"), 400, "bad_query")


@pytest.mark.parametrize("query", ["is_chunked=true&chunk_size=1", "paginate=false", "page_size=8&chunk_size=3"])
async def test_no_rows_are_a_normal_envelope(home: Home, query: str) -> None:
    """Where there is nothing to stream, the answer has its length and an empty list."""
    found = await home.get(f"/cdrs?{query}")
    assert (False, [], "success") == (streamed(found), found.data, found.json()["status"])
    assert found.body.startswith(b'{"data":[],"')


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "text/csv"])
async def test_head_reads_no_further(calls: Home, asked: list[int], accept: str) -> None:
    """HEAD has the fields of the GET, for which the first piece is read, and nothing after that."""
    path = calls.at("/cdrs?paginate=false&chunk_size=3")
    headers = {"accept": accept, "x-request-id": "same"}
    read = await calls.client.get(path, headers=headers)
    asked.clear()
    found = await calls.client.request("HEAD", path, headers=headers)
    assert (200, b"", read.headers, [3]) == (found.status, found.body, found.headers, asked)


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
async def test_streams_are_never_indented(calls: Home, accept: str) -> None:
    """Whoever asks for indented JSON gets a stream as it is."""
    found = await calls.get(
        "/cdrs?paginate=false&chunk_size=3&pretty_print=true", headers={"accept": accept, "x-pretty-print": "true"}
    )
    assert (True, True) == (streamed(found), b"\n  " not in found.body)
    assert b"\n  " in (await calls.get("/cdrs?pretty_print=true&is_chunked=false")).body


async def test_version_1_streams_whole_listings(calls: Home) -> None:
    """As it does not know pages, all rows come, in pieces if that is asked for."""
    client = calls.client
    found = await client.get(f"//v1{calls.at('/cdrs?is_chunked=true&chunk_size=4&page_size=2')}")
    assert (True, 10, set()) == (streamed(found), len(found.data), set(KEYS) & set(found.json()))


async def test_pages_lead_on(calls: Home) -> None:
    """A chunked page has the key of the next one, and the pages have each row once."""
    seen, path = [], "/cdrs?page_size=4&chunk_size=3"
    key, count = "", 0
    while key is not None and count < 9:
        page = (await calls.get(f"{path}&start_key={key}" if key else path)).json()
        assert len(page["data"]) == page["page_size"]
        seen += [row["id"] for row in page["data"]]
        key, count = page.get("next_start_key"), count + 1
    assert (3, ids(await calls.get("/cdrs"))) == (count, seen)


class Nothing(Endpoint):
    """A module's own stream, which has no rows today."""

    name = "nothing"
    anywhere = True

    async def find(self, ctx: Context) -> Stream:
        """Two pieces without a row."""
        return Stream(self._pieces())

    async def _pieces(self) -> AsyncIterator[Rows]:
        for _ in range(2):
            yield Rows(b"", 0, None, None)


async def test_a_stream_of_a_module_without_rows() -> None:
    """It is a normal envelope, too."""
    world = await small_world(settings=SETTINGS, endpoints=[Nothing()])
    found = await (await world.client("customer")).get("/nothing")
    assert (False, [], "success") == (streamed(found), found.data, found.json()["status"])
    await world.app.stop()
