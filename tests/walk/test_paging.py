"""Pages: how many rows, in which order, and a walk over them that misses and repeats nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossbar.dates import gregorian
from crossbar.testing import NOW, Client, Clock, World

from .tools import ONE_STORE, Home, ids, leg, made, refused

ORDERS = pytest.mark.parametrize("order", ["", "ascending=true"], ids=["newest-first", "oldest-first"])


async def filled(home: Home, number: int) -> list[str]:
    """Store some devices, two in each second, and return their ids, the newest first."""
    return (await home.stored("devices", [{"name": f"Desk {n}"} for n in range(number)], each_second=2))[::-1]


async def walked(client: Client, path: str, query: str = "", size: int = 3) -> list[list[str]]:
    """The ids on each page of a listing."""
    pages = []
    start = ""
    while True:
        page = await client.get(f"{path}?page_size={size}{query and '&'}{query}{start}")
        assert 200 == page.status, page.body
        pages.append(ids(page))
        assert len(pages[-1]) == page.json()["page_size"]
        if "next_start_key" not in page.json():
            return pages
        start = f"&start_key={page.json()['next_start_key']}"


def flat(pages: list[list[str]]) -> list[str]:
    """The rows of all pages."""
    return [id for page in pages for id in page]


# The size.


async def test_the_usual_page_has_fifty_rows(home: Home) -> None:
    """Without a word about it a page has 50 rows, and says how many it has."""
    expected = await filled(home, 60)
    page = await home.get("/devices")
    assert (expected[:50], 50) == (ids(page), page.json()["page_size"])
    rest = await home.get(f"/devices?start_key={page.json()['next_start_key']}")
    assert (expected[50:], 10) == (ids(rest), rest.json()["page_size"])


@pytest.mark.parametrize(
    ("size", "rows"),
    [("1", 1), ("6", 6), ("7", 7), ("8", 7), ("1000", 7), ("1001", 7), ("9999", 7), ("1000000000", 7)],
)
async def test_a_page_has_as_many_rows_as_asked_for(home: Home, size: str, rows: int) -> None:
    """`page_size` from 1 up gives that many rows; a number beyond the maximum is the maximum."""
    expected = await filled(home, 7)
    page = await home.get("/devices", query={"page_size": size})
    assert (expected[:rows], rows) == (ids(page), page.json()["page_size"])
    assert (rows < 7) == ("next_start_key" in page.json())


async def test_a_page_is_capped_at_a_thousand_rows(home: Home) -> None:
    """However many are asked for, a page never has more than the maximum."""
    await home.stored("devices", [{"name": "x"} for _ in range(1001)])
    page = await home.get("/devices?page_size=1000000000")
    assert (1000, True) == (page.json()["page_size"], "next_start_key" in page.json())


BAD_SIZES = [
    *("0", "00", "-1", "abc", "", " ", "1_000", "+5", " 5", "5 ", "5.0", "1e2", "0x10", "05", "NaN", "null", "true"),
    *("\u0665\u0660", "\uff15", "\u00b2", "9" * 5000, "5;6", "5,6", "[5]"),
]


@ONE_STORE
@pytest.mark.parametrize("size", BAD_SIZES, ids=[ascii(size)[:20] for size in BAD_SIZES])
async def test_a_bad_page_size_is_refused(home: Home, size: str) -> None:
    """What Python's int() would take is still no page size: a 400 that names the parameter."""
    response = await home.get("/devices", query={"page_size": size[:1500]})
    assert "page_size" in refused(response, 400)["message"]


@ONE_STORE
@pytest.mark.parametrize("size", [0, -1, 1.5, 5.0, True, False, [], {}, [5], "abc", 2**62], ids=ascii)
async def test_a_bad_page_size_in_the_envelope(home: Home, size: Any) -> None:
    """The envelope of a tunnelled GET is read as strictly; only a number that is too large is cut down."""
    body = orjson.dumps({"data": {}, "verb": "GET", "page_size": size})
    response = await home.client.request("POST", home.at("/devices"), body=body)
    assert (400 if size != 2**62 else response.status) == response.status
    assert response.status < 500


async def test_paging_words_in_the_envelope(home: Home) -> None:
    """A tunnelled GET may carry its paging words in the envelope."""
    expected = await filled(home, 5)
    words: dict[str, Any] = {"data": {}, "verb": "GET", "page_size": 2}
    first = await home.client.request("POST", home.at("/devices"), body=orjson.dumps(words))
    words["start_key"] = first.json()["next_start_key"]
    second = await home.client.request("POST", home.at("/devices"), body=orjson.dumps(words))
    assert [expected[:2], expected[2:4]] == [ids(first), ids(second)]


# The keys.


@ORDERS
async def test_a_walk_sees_everything_in_order(home: Home, order: str) -> None:
    """Page after page gives each row once; the last page has no next key."""
    expected = await filled(home, 11)
    pages = await walked(home.client, home.at("/devices"), order)
    assert (expected if not order else expected[::-1]) == flat(pages)
    assert [3, 3, 3, 2] == [len(page) for page in pages]


async def test_a_last_page_that_is_full_has_no_next_key(home: Home) -> None:
    """The next key says that there is a next row, not that the page is full."""
    await filled(home, 6)
    assert [3, 3] == [len(page) for page in await walked(home.client, home.at("/devices"))]


@pytest.mark.parametrize(
    ("query", "newest_first"),
    [
        ("", True),
        ("descending=true", True),
        ("ascending=false", True),
        ("ascending=true", False),
        ("descending=false", False),
        ("ascending=TRUE", False),
        ("ascending=maybe", True),
        ("ascending=", True),
    ],
)
async def test_the_order(home: Home, query: str, newest_first: bool) -> None:
    """The newest come first; `ascending=true` or `descending=false` turns it round."""
    expected = await filled(home, 4)
    assert (expected if newest_first else expected[::-1]) == ids(await home.get(f"/devices?{query}"))


async def test_a_start_key_is_echoed(home: Home) -> None:
    """`start_key` leads back to the page that it came with, on the first page and on each later one."""
    await filled(home, 7)
    first = (await home.get("/devices?page_size=3")).json()
    assert first["data"] == (await home.get(f"/devices?page_size=3&start_key={first['start_key']}")).data
    second = (await home.get(f"/devices?page_size=3&start_key={first['next_start_key']}")).json()
    assert first["next_start_key"] == second["start_key"]
    assert first["start_key"] != second["start_key"]


async def test_an_empty_listing(home: Home) -> None:
    """A listing without rows is a page without keys."""
    envelope = (await home.get("/devices")).json()
    assert ([], 0, False) == (envelope["data"], envelope["page_size"], "next_start_key" in envelope)


async def test_an_empty_start_key_is_the_beginning(home: Home) -> None:
    """A client that always sends the parameter begins with an empty one."""
    expected = await filled(home, 2)
    assert expected == ids(await home.get("/devices?start_key="))


async def test_keys_are_opaque_and_fit_into_a_url(home: Home) -> None:
    """A key is URL-safe base64 without padding, and short."""
    await filled(home, 3)
    key = (await home.get("/devices?page_size=1")).json()["next_start_key"]
    assert set() == set(key) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(key) <= 512


async def test_the_page_size_may_change_on_the_way(home: Home) -> None:
    """A key says where a page begins, not how long it is."""
    expected = await filled(home, 12)
    found: list[str] = []
    query = "page_size=1"
    for size in (5, 2, 4):
        page = (await home.get(f"/devices?{query}")).json()
        found += [row["id"] for row in page["data"]]
        query = f"page_size={size}&start_key={page['next_start_key']}"
    found += ids(await home.get(f"/devices?{query}"))
    assert expected == found


@pytest.mark.parametrize("more", ["full_docs=true", "fields=name", "pretty_print=true", "_=1700000000"])
async def test_what_a_key_does_not_depend_on(home: Home, more: str) -> None:
    """How the rows look, and words that mean nothing, may change on the way."""
    expected = await filled(home, 4)
    key = (await home.get("/devices?page_size=2")).json()["next_start_key"]
    assert expected[2:] == ids(await home.get(f"/devices?start_key={key}&{more}"))


FOREIGN: dict[str, str] = {
    "other-order": "{home}/devices?ascending=true&",
    "other-noun": "{home}/users?",
    "below-a-user": "{home}/users/{user}/devices?",
    "more-filters": "{home}/devices?filter_name=x&",
    "time-window": "{home}/devices?created_from=1&",
    "modified-window": "{home}/devices?modified_to=99999999999&",
    "children": "{home}/children?",
    "interaction": "{home}/cdrs/interaction?",
    "legs": "{home}/cdrs/legs/x?",
    "other-account": "/accounts/{other}/devices?",
}


@pytest.mark.parametrize("path", FOREIGN.values(), ids=FOREIGN)
async def test_a_key_of_another_listing_is_refused(home: Home, path: str) -> None:
    """A key is good for the account, route, filters and order that it was sealed for."""
    await filled(home, 3)
    user = await home.made("/users", {"first_name": "Ada", "last_name": "Byron"})
    key = (await home.get("/devices?page_size=1")).json()["next_start_key"]
    path = path.format(home=home.at(), user=user, other=home.world.customer)
    refused(await home.client.get(f"{path}start_key={key}"), 400, "invalid_start_key")


async def test_a_key_keeps_its_filter(home: Home) -> None:
    """A key of a filtered listing does not open the unfiltered one, nor one with another value."""
    await filled(home, 4)
    path = "/devices?page_size=1&has_key=name"
    key = (await home.get(path)).json()["next_start_key"]
    assert 200 == (await home.get(f"{path}&start_key={key}")).status
    for other in ("/devices?", "/devices?has_key=enabled&", "/devices?key_missing=name&", "/devices?filter_name=&"):
        refused(await home.get(f"{other}start_key={key}"), 400, "invalid_start_key")


async def test_the_order_of_filters_does_not_matter(home: Home) -> None:
    """The same filters written in another order are the same listing."""
    await filled(home, 4)
    key = (await home.get("/devices?page_size=1&has_key=name&key_missing=x")).json()["next_start_key"]
    assert 200 == (await home.get(f"/devices?key_missing=x&has_key=name&start_key={key}")).status


def spelt(key: str) -> dict[str, str]:
    """Other spellings and changes of a key."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    flipped = {
        f"flipped-{position}": key[:position] + digits[digits.index(key[position]) ^ 1] + key[position + 1 :]
        for position in range(len(key))
    }
    return flipped | {
        "cut": key[:-1],
        "cut-at-the-front": key[1:],
        "padded": key + "=",
        "longer": key + "A",
        "twice": key + key,
        "blank": f" {key}",
        "line-end": key + "\n",
        "small": key.lower(),
        "other-alphabet": key.replace("-", "+").replace("_", "/") + "=",
    }


async def test_a_changed_key_is_refused(home: Home) -> None:
    """Every single changed character, and every other spelling of the same bytes, is refused."""
    await filled(home, 3)
    key = (await home.get("/devices?page_size=1")).json()["next_start_key"]
    accepted = []
    for name, other in spelt(key).items():
        response = await home.get("/devices", query={"start_key": other})
        if response.status != 400:
            accepted.append(name)
        else:
            refused(response, 400, "invalid_start_key")
    assert [] == accepted


MADE_UP = {
    "a": "a",
    "kazoo": "g2wAAAACbgUAb0ZX1A5oAWpq",
    "number": "63692031599",
    "json": '["63692031599"]',
    "plain-key": f"{NOW:012d}0000",
    "long": "A" * 1500,
    "not-ascii": "\u00e4",
    "dots": "....",
    "nul": "\0",
    "null": "null",
    "percent": "%",
}


@ONE_STORE
@pytest.mark.parametrize("key", MADE_UP.values(), ids=MADE_UP)
async def test_a_made_up_key_is_refused(home: Home, key: str) -> None:
    """A key that was never given out is a 400 that names the parameter, with and without pagination."""
    await filled(home, 3)
    for more in ({}, {"paginate": "false"}, {"accept": "csv"}):
        response = await home.get("/devices", query={"start_key": key} | more)
        assert "start_key" in refused(response, 400, "invalid_start_key")["message"]


@ONE_STORE
@pytest.mark.parametrize("key", [1, True, [], {}, ["x"], {"x": 1}], ids=ascii)
async def test_a_key_that_is_no_text_is_refused(home: Home, key: Any) -> None:
    """A key in the envelope is text."""
    body = orjson.dumps({"data": {}, "verb": "GET", "start_key": key})
    refused(await home.client.request("POST", home.at("/devices"), body=body), 400, "invalid_start_key")


async def test_keys_expire(own_world: World, own_clock: Clock) -> None:
    """A key is good for a day."""
    client = await own_world.client("customer")
    for _ in range(2):
        await made(client, "/account/devices", {"name": "x"})
    key = (await client.get("/account/devices?page_size=1")).json()["next_start_key"]
    statuses = []
    for seconds in (86_400, 1):
        own_clock.now += seconds
        client = await own_world.client("customer")
        statuses.append((await client.get(f"/account/devices?start_key={key}")).status)
    assert [200, 400] == statuses


async def test_a_key_of_a_row_that_is_gone(home: Home) -> None:
    """A key leads on, though the row that it points at was deleted."""
    expected = await filled(home, 5)
    key = (await home.get("/devices?page_size=2")).json()["next_start_key"]
    assert 200 == (await home.delete(f"/devices/{expected[2]}")).status
    assert expected[3:] == ids(await home.get(f"/devices?start_key={key}"))


# Without pages.


async def test_without_pagination_all_rows_come(home: Home) -> None:
    """`paginate=false` gives the rows of all pages, in the same order and form, and no paging keys."""
    await filled(home, 60)
    paged = (await home.get("/devices?page_size=1000")).data
    response = await home.get("/devices?paginate=false")
    assert (200, paged) == (response.status, response.data)
    assert set() == {"start_key", "next_start_key", "page_size"} & set(response.json())
    assert {"status", "request_id", "node", "timestamp", "version", "auth_token"} <= set(response.json())
    assert response.headers["x-request-id"] == response.json()["request_id"]


@pytest.mark.parametrize("rows", [0, 1, 499, 500, 501, 1200])
async def test_a_stream_of_any_length(home: Home, rows: int) -> None:
    """However many rows there are, they make one well-formed envelope."""
    await home.stored("devices", [{"name": "x"} for _ in range(rows)])
    response = await home.get("/devices?paginate=false&ascending=true")
    assert [f"{position:032x}" for position in range(rows)] == ids(response)


async def test_a_stream_keeps_filters_and_order(home: Home) -> None:
    """What selects and sorts pages selects and sorts a stream."""
    await home.stored("devices", [{"name": name} for name in "abab"])
    for query in ("filter_name=a", "filter_name=a&ascending=true", "has_key=nothing", "created_to=1"):
        paged = (await home.get(f"/devices?{query}")).data
        assert paged == (await home.get(f"/devices?{query}&paginate=false")).data


async def test_a_stream_ignores_the_page_size(home: Home) -> None:
    """Who asks for everything gets everything."""
    expected = await filled(home, 5)
    assert expected == ids(await home.get("/devices?paginate=false&page_size=2"))


@pytest.mark.parametrize(
    "query", ["", "?paginate=true", "?page_size=2", "?paginate=true&page_size=2", "?paginate=false"]
)
async def test_version_1_never_paginates(home: Home, query: str) -> None:
    """On v1 a listing has all rows, whatever is asked for."""
    expected = await filled(home, 60)
    response = await Client(home.world.app, home.client.token, "/v1").get(home.at(f"/devices{query}"))
    assert (200, expected) == (response.status, ids(response))
    assert set() == {"start_key", "next_start_key", "page_size"} & set(response.json())


@pytest.mark.parametrize("version", ["v3", "v10", "v02"])
async def test_unknown_versions_are_like_the_second(home: Home, version: str) -> None:
    """A version that is not known behaves like v2."""
    await filled(home, 3)
    response = await Client(home.world.app, home.client.token, f"/{version}").get(home.at("/devices?page_size=2"))
    assert (200, 2, True) == (response.status, len(response.data), "next_start_key" in response.json())


async def below_a_user(home: Home) -> str:
    """Fill the devices of one user, with others between them."""
    user = await home.made("/users", {"first_name": "Ada", "last_name": "Byron"})
    await home.stored("devices", [{"name": "x"} | ({"owner_id": user} if n % 2 else {}) for n in range(20)])
    return f"/users/{user}/devices"


async def below_an_account(home: Home) -> str:
    """Fill the children of an account."""
    for number in range(10):
        await made(home.client, home.at(), {"name": f"Child {number} of {home.id}"})
    return "/children"


async def descendants(home: Home) -> str:
    """Fill the descendants of an account."""
    return (await below_an_account(home)).replace("children", "descendants")


async def interactions(home: Home) -> str:
    """Fill call records, every second one the head of a call."""
    await home.stored("cdrs", [leg(n, _private={"head": n % 2 == 0}) for n in range(20)])
    return "/cdrs/interaction"


async def legs(home: Home) -> str:
    """Fill the legs of one call, with others between them."""
    await home.stored("cdrs", [leg(n, interaction_id=f"63780000000-0000000{n % 2}") for n in range(20)])
    return "/cdrs/legs/63780000000-00000001"


@pytest.mark.parametrize("fill", [below_a_user, below_an_account, descendants, interactions, legs])
@ORDERS
async def test_every_listing_is_paged_alike(home: Home, fill: Callable[[Home], Awaitable[str]], order: str) -> None:
    """Each listing is cut into full pages, and the pages hold what there is without them."""
    path = await fill(home)
    pages = await walked(home.client, home.at(path), order)
    assert [3, 3, 3, 1] == [len(page) for page in pages]
    assert ids(await home.get(f"{path}?paginate=false&{order}")) == flat(pages)


# A walk while others write.


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), size=st.integers(1, 7), ascending=st.booleans(), data=st.data())
async def test_a_walk_among_writers(home: Home, seed: int, size: int, ascending: bool, data: st.DataObject) -> None:
    """Whatever is inserted and deleted meanwhile, each row that was there throughout is seen exactly once."""
    chance = random.Random(seed)
    numbers = count(chance.randrange(2**60) << 60)

    async def insert() -> str:
        created = NOW + chance.randrange(4)
        return (await home.stored("devices", [{"id": f"{next(numbers):032x}", "name": "x"}], created))[0]

    present = {row["id"] for row in (await home.get("/devices?paginate=false")).data}
    for id in present:
        await home.delete(f"/devices/{id}")
    throughout = {await insert() for _ in range(chance.randrange(20))}
    doomed = [await insert() for _ in range(chance.randrange(10))]
    seen: list[str] = []
    query = f"page_size={size}&ascending={str(ascending).lower()}"
    start = ""
    while True:
        page = (await home.get(f"/devices?{query}{start}")).json()
        seen += [row["id"] for row in page["data"]]
        if "next_start_key" not in page:
            break
        start = f"&start_key={page['next_start_key']}"
        for _ in range(chance.randrange(3)):
            await insert()
        if doomed and chance.random() < 0.5:
            await home.delete(f"/devices/{doomed.pop()}")
    assert len(seen) == len(set(seen))
    assert throughout == throughout & set(seen)


@ORDERS
async def test_a_walk_beside_writers(home: Home, order: str) -> None:
    """The same with writers that really run at the same time, and with changes of the rows that are there."""
    throughout = set(await filled(home, 40))
    done = asyncio.Event()

    async def write(number: int) -> None:
        while not done.is_set():
            id = await home.made("/devices", {"name": "x"})
            await home.patch(f"/devices/{number:032x}", {"marker": id})
            await home.delete(f"/devices/{id}")

    writers = [asyncio.create_task(write(number)) for number in range(3)]
    try:
        for _ in range(3):
            found = flat(await walked(home.client, home.at("/devices"), order, 4))
            assert len(found) == len(set(found))
            assert throughout == throughout & set(found)
    finally:
        done.set()
        await asyncio.gather(*writers)


async def test_a_stream_beside_writers(home: Home) -> None:
    """A stream among writers is as exact as a walk."""
    throughout = {f"{position:032x}" for position in range(1200)}
    await home.stored("devices", [{"name": "x"} for _ in range(1200)])
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            await home.delete(f"/devices/{await home.made('/devices', {'name': 'x'})}")
            await asyncio.sleep(0)  # a store in memory never waits, so nobody else would have a turn

    writer = asyncio.create_task(write())
    try:
        found = ids(await home.get("/devices?paginate=false"))
    finally:
        done.set()
        await writer
    assert len(found) == len(set(found))
    assert throughout == throughout & set(found)


async def test_a_time_window_is_paged_like_all_else(home: Home) -> None:
    """A window selects rows before they are cut into pages."""
    await home.stored("cdrs", [leg(n) for n in range(20)])
    window = f"created_from={gregorian(NOW + 5)}&created_to={gregorian(NOW + 14)}"
    assert [3, 3, 3, 1] == [len(page) for page in await walked(home.client, home.at("/cdrs"), window)]
