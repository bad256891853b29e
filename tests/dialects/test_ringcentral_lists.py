"""Lists in RingCentral's conventions: pages by number and by token, what took effect, filters and orders."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.dates import from_iso, iso_millis
from crossbar.testing import World, small_world

from .ringcentral_desk import ROOT, Desk, code, desk_in, settings

DEVICES = "/account/~/extension/~/device"
LOG = "/account/~/extension/~/call-log"
MESSAGES = "/account/~/extension/~/message-store"
SINCE = from_iso("2012-08-26")


@pytest.fixture(scope="module")
async def desk(world: World) -> Desk:
    """An account for the tests of this file, with seven calls of one minute each."""
    desk = await desk_in(world)
    for at in range(7):
        direction = "inbound" if at % 2 else "outbound"
        await desk.call(f"{at}" * 32, SINCE + 60 * at, direction=direction, duration_seconds=at)
    return desk


@pytest.fixture(scope="module")
async def tokens(desk: Desk) -> AsyncIterator[Desk]:
    """The same calls where the settings say that lists of calls have tokens."""
    world = await small_world(settings=settings(token_pages=("cdrs",)))
    other = await desk_in(world)
    for at in range(7):
        await other.call(f"{at}" * 32, SINCE + 60 * at)
    yield other
    await world.app.stop()


def walked(body: Any) -> tuple[Any, set[str]]:
    """What a page says of itself, and which links it has."""
    return body["paging"], set(body["navigation"])


async def page(desk: Desk, query: str, path: str = LOG) -> Any:
    """A page of the list of calls."""
    answer = await desk.get(f"{path}?dateFrom=2012&{query}")
    assert answer.status == 200, answer.body
    return answer.json()


# Pages by number.


async def test_the_first_page(desk: Desk) -> None:
    """Elements are counted from 0, pages from 1; there is nothing before the first page."""
    body = await page(desk, "perPage=3")
    assert [record["id"][0] for record in body["records"]] == ["6", "5", "4"]
    assert walked(body) == (
        {"page": 1, "perPage": 3, "pageStart": 0, "pageEnd": 2, "totalPages": 3, "totalElements": 7},
        {"firstPage", "nextPage", "lastPage"},
    )


async def test_the_last_page(desk: Desk) -> None:
    """It may be shorter, and nothing is behind it."""
    body = await page(desk, "perPage=3&page=3")
    assert walked(body) == (
        {"page": 3, "perPage": 3, "pageStart": 6, "pageEnd": 6, "totalPages": 3, "totalElements": 7},
        {"firstPage", "previousPage", "lastPage"},
    )


async def test_a_page_behind_the_end(desk: Desk) -> None:
    """It has no number and no elements, and what is before it is the last page."""
    body = await page(desk, "perPage=3&page=9")
    assert body["records"] == []
    assert walked(body) == (
        {"perPage": 3, "totalPages": 3, "totalElements": 7},
        {"firstPage", "previousPage", "lastPage"},
    )
    assert body["navigation"]["previousPage"] == body["navigation"]["lastPage"]


async def test_a_page_that_is_just_full(desk: Desk) -> None:
    """Nothing is behind it."""
    assert walked(await page(desk, "perPage=7")) == (
        {"page": 1, "perPage": 7, "pageStart": 0, "pageEnd": 6, "totalPages": 1, "totalElements": 7},
        {"firstPage", "lastPage"},
    )


async def test_an_empty_list(world: World) -> None:
    """One page without elements."""
    desk = await desk_in(world)
    body = (await desk.get(DEVICES)).json()
    assert body["records"] == []
    assert walked(body) == (
        {"page": 1, "perPage": 100, "totalPages": 1, "totalElements": 0},
        {"firstPage", "lastPage"},
    )


@pytest.mark.parametrize(("asked", "size"), [("max", 1000), ("5000", 1000), ("1000", 1000), ("1", 1)])
async def test_sizes(desk: Desk, asked: str, size: int) -> None:
    """Sizes above the maximum mean the maximum, and `max` is its name."""
    body = await page(desk, f"perPage={asked}")
    assert body["paging"]["perPage"] == size
    assert f"&perPage={size}" in body["uri"]


@pytest.mark.parametrize("word", ["page", "perPage", "recordCount"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", ""])
async def test_sizes_that_are_none(desk: Desk, word: str, value: str) -> None:
    """What is not positive is refused by its name."""
    assert code(await desk.get(f"{LOG}?{word}={value}")) == (400, "CMN-101", word)


async def test_a_page_too_far_behind(desk: Desk) -> None:
    """Pages by number have an end; the error says which parameter it was."""
    assert code(await desk.get(f"{LOG}?page=999999999")) == (400, "CMN-101", "page")


async def test_a_word_that_stands_twice(desk: Desk) -> None:
    """What says how to answer stands there once."""
    assert code(await desk.get(f"{LOG}?page=1&page=2"))[:2] == (400, "CMN-101")


async def test_following_the_links(desk: Desk) -> None:
    """From the first page to the last, and back, every call is met once each way."""
    body = await page(desk, "perPage=2&direction=Inbound&direction=Outbound")
    forth = [body]
    while "nextPage" in body["navigation"]:
        body = (await desk.get(body["navigation"]["nextPage"]["uri"].removeprefix(ROOT))).json()
        forth.append(body)
    back = [body]
    while "previousPage" in body["navigation"]:
        body = (await desk.get(body["navigation"]["previousPage"]["uri"].removeprefix(ROOT))).json()
        back.append(body)
    met = [record["id"][0] for each in forth for record in each["records"]]
    assert met == list("6543210")
    assert back[::-1] == forth


async def test_each_page_is_at_its_own_uri(desk: Desk) -> None:
    """`uri` leads to what it stands in, defaults and all."""
    body = await page(desk, "perPage=2&page=2")
    assert (await desk.get(body["uri"].removeprefix(ROOT))).json() == body


# Tokens.


async def test_from_token_to_token(tokens: Desk) -> None:
    """To the end and back; the tokens carry the size and the filters."""
    body = await page(tokens, "perPage=3&direction=Inbound")
    assert body["paging"]["perPage"] == 3
    assert "prevPageToken" not in body["navigation"]
    pages = [body]
    while token := body["navigation"].get("nextPageToken"):
        assert token == body["paging"]["nextPageToken"]
        body = (await tokens.get(f"{LOG}?pageToken={token}")).json()
        pages.append(body)
    assert [len(each["records"]) for each in pages] == [3, 3, 1]
    assert [record["id"][0] for each in pages for record in each["records"]] == list("6543210")
    assert body["paging"]["perPage"] == 3
    back = [body]
    while token := body["navigation"].get("prevPageToken"):
        body = (await tokens.get(f"{LOG}?pageToken={token}")).json()
        back.append(body)
    assert [each["records"] for each in back[::-1]] == [each["records"] for each in pages]


async def test_the_token_of_the_first_page(tokens: Desk) -> None:
    """It leads to the beginning."""
    body = await page(tokens, "perPage=3")
    first = body["paging"]["firstPageToken"]
    assert (await tokens.get(f"{LOG}?pageToken={first}")).json()["records"] == body["records"]


async def test_record_count_asks_for_tokens(desk: Desk) -> None:
    """Its mere presence does, whatever the settings say."""
    body = await page(desk, "recordCount=4")
    assert (len(body["records"]), body["paging"]["perPage"]) == (4, 4)
    token = body["navigation"]["nextPageToken"]
    rest = (await desk.get(f"{LOG}?pageToken={token}")).json()
    assert [record["id"][0] for record in rest["records"]] == list("210")


def changed(token: str) -> dict[str, str]:
    """Tokens that somebody has been at, by what was done to them."""
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    other = {
        "other-filters": raw.replace(b"dateFrom=2012", b"dateFrom=2011"),
        "other-seal": (b"B" if raw[:1] == b"A" else b"A") + raw[1:],
        "no-words": raw.partition(b"?")[0],
        "no-text": b"\xff\xff\xff",
    }
    spelt = {name: urlsafe_b64encode(value).decode().rstrip("=") for name, value in other.items()}
    return {**spelt, "nothing": "", "no-token": "abc!", "too-long": "A" * 2000, "cut": token[:-3]}


async def test_tokens_that_somebody_has_been_at(desk: Desk, world: World) -> None:
    """Changed, foreign and made-up tokens are refused by the name of the parameter."""
    token = (await page(desk, "recordCount=2"))["navigation"]["nextPageToken"]
    for name, each in changed(token).items():
        assert code(await desk.get(f"{LOG}?pageToken={each}")) == (400, "CMN-101", "pageToken"), name
    assert code(await desk.get(f"{DEVICES}?pageToken={token}")) == (400, "CMN-101", "pageToken")
    assert code(await (await desk_in(world)).get(f"{LOG}?pageToken={token}")) == (400, "CMN-101", "pageToken")


@given(raw=st.binary(max_size=200))
async def test_any_bytes_as_a_token(desk: Desk, raw: bytes) -> None:
    """Whatever stands in a token, it is opened or refused, and never anything else."""
    token = urlsafe_b64encode(raw).decode().rstrip("=")
    answer = await desk.get(f"{LOG}?pageToken={token}")
    assert answer.status in (200, 400), answer.body


# What took effect.


async def test_calls_of_the_last_day(world: World) -> None:
    """Without `dateFrom`, lists of calls and messages begin a day before `dateTo`, and say so."""
    desk = await desk_in(world)
    now = int(world.app.clock())
    await desk.call("1" * 32, now - 3600)
    await desk.call("2" * 32, now - 90_000)
    answer = (await desk.get(LOG)).json()
    assert [record["id"][0] for record in answer["records"]] == ["1"]
    assert "?dateFrom=" in answer["uri"]
    until = iso_millis(now - 7200)
    begun = iso_millis(now - 7200 - 86_400)
    answer = (await desk.get(f"{LOG}?dateTo={until}")).json()
    assert answer["uri"].endswith(f"?dateTo={until}&dateFrom={begun}&page=1&perPage=100")
    assert [record["id"][0] for record in answer["records"]] == ["2"]


async def test_the_window_is_for_lists_alone(world: World) -> None:
    """One record, and the legs of one call, are there however old they are."""
    desk = await desk_in(world)
    await desk.call("1" * 32, SINCE)
    assert (await desk.get(f"{LOG}/{'1' * 32}")).status == 200
    assert await desk.ids(f"/account/~/call-log/legs/s{'1' * 32}") == ["1" * 32]


async def test_the_window_is_a_setting() -> None:
    """0 is none."""
    world = await small_world(settings=settings(window=0, page_size=1))
    desk = await desk_in(world)
    await desk.call("1" * 32, SINCE)
    await desk.call("2" * 32, SINCE)
    answer = (await desk.get(LOG)).json()
    assert (len(answer["records"]), answer["paging"]["totalPages"]) == (1, 2)
    assert answer["uri"].endswith("/call-log?page=1&perPage=1")
    await world.app.stop()


async def test_from_after_to(desk: Desk) -> None:
    """A period that ends before it begins is refused."""
    answer = await desk.get(f"{LOG}?dateFrom=2013-01-01&dateTo=2012-01-01")
    assert code(answer) == (400, "CMN-101", "dateFrom")


async def test_tokens_are_in_no_uri(desk: Desk) -> None:
    """Whatever the query held that is a secret is not repeated."""
    body = (await desk.get(f"{LOG}?access_token=secret&_method=GET&unknown=kept")).json()
    assert "secret" not in str(body)
    assert "_method" not in str(body)
    assert "unknown=kept" in body["uri"]


# Orders and filters.


@pytest.mark.parametrize(
    ("order", "first"),
    [
        pytest.param("startTime", "0", id="ascending"),
        pytest.param("+startTime", "0", id="a-plus-that-became-a-blank"),
        pytest.param("%2BstartTime", "0", id="encoded-plus"),
        pytest.param("%20startTime", "0", id="blank"),
        pytest.param("-startTime", "6", id="descending"),
        pytest.param("-startTime,id", "6", id="several"),
        pytest.param("", "6", id="none"),
    ],
)
async def test_orders(desk: Desk, order: str, first: str) -> None:
    """By time, in either direction."""
    body = await page(desk, f"orderBy={order}")
    assert body["records"][0]["id"][0] == first


async def test_an_order_that_there_is_not(desk: Desk) -> None:
    """It is refused, since the list would be in another order than the client believes."""
    assert code(await desk.get(f"{LOG}?orderBy=-duration")) == (400, "CMN-101", "orderBy")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("direction=Inbound", "531", id="one-value"),
        pytest.param("direction=Inbound&direction=Outbound", "6543210", id="several-values"),
        pytest.param("duration=3&duration=4", "43", id="numbers"),
        pytest.param("direction=Inbound&duration=3&duration=4", "3", id="two-fields"),
        pytest.param("sessionId=s" + "2" * 32, "2", id="by-another-name"),
        pytest.param("per_page=1&view=Simple&nonsense=1", "6543210", id="unknown-words"),
        pytest.param("interaction_id=x", "6543210", id="our-own-names"),
    ],
)
async def test_filters(desk: Desk, query: str, found: str) -> None:
    """Several values of one parameter are alternatives; what is not known says nothing."""
    assert [record["id"][0] for record in (await page(desk, query))["records"]] == list(found)


async def test_a_value_that_there_is_not(desk: Desk) -> None:
    """The values of a field that has only some are told."""
    assert code(await desk.get(f"{LOG}?direction=Sideways")) == (400, "CMN-101", "direction")


@pytest.mark.parametrize(("asked", "found"), [("true", 1), ("True", 1), ("false", 1), ("False", 1), ("yes", 0)])
async def test_booleans(world: World, asked: str, found: int) -> None:
    """Python's `True` is as good as `true`."""
    desk = await desk_in(world)
    for value in (True, False):
        await desk.device(excludeFromQueues=value)
    assert len(await desk.ids(f"{DEVICES}?excludeFromQueues={asked}")) == found


async def test_messages_in_the_bin(world: World) -> None:
    """They are shown to who asks for them."""
    desk = await desk_in(world)
    await desk.message("a1" * 16)
    await desk.message("a2" * 16, folder="deleted")
    assert await desk.ids(MESSAGES) == ["a1" * 16]
    assert await desk.ids(f"{MESSAGES}?availability=Alive") == ["a1" * 16]
    assert await desk.ids(f"{MESSAGES}?availability=Deleted") == ["a2" * 16]
    assert len(await desk.ids(f"{MESSAGES}?availability=Alive&availability=Deleted")) == 2
    assert code(await desk.get(f"{MESSAGES}?availability=Lost")) == (400, "CMN-101", "availability")
    body = (await desk.get(MESSAGES)).json()
    assert "?availability=Alive&dateFrom=" in body["uri"]
    assert [record["availability"] for record in body["records"]] == ["Alive"]
    gone = (await desk.get(f"{MESSAGES}/{'a2' * 16}")).json()
    assert gone["availability"] == "Deleted"


async def test_a_list_that_a_module_gives_whole(desk: Desk) -> None:
    """It is cut into pages as any other."""
    first = (await desk.get("/timezone?perPage=5")).json()
    second = (await desk.get("/timezone?perPage=5&page=2")).json()
    assert (len(first["records"]), len(second["records"])) == (5, 5)
    assert first["records"] != second["records"]
    assert first["paging"]["totalElements"] == second["paging"]["totalElements"] > 100
