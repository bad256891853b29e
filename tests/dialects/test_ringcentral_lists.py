"""Lists in RingCentral's conventions: pages by number and by token, what took effect, filters and orders."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.dates import from_iso
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
