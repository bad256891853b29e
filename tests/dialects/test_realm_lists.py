"""Lists of the realm style: arrays, filters, pages by number and by key, order, times."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar import Document, Insert, gregorian
from crossbar.testing import NOW, World

from .realm_desk import Desk, desk_in, told, world_with

CALLS = 25
DAY = 86_400
EXPECTED = list(reversed(range(CALLS)))
"""The calls as they are listed without a word: the newest first."""


@pytest.fixture(scope="module")
async def desk(world: World) -> Desk:
    """An account with calls of an extension, one a day."""
    desk = await desk_in(world)
    owner = await desk.extension("101")
    await world.app.store.write([Insert(call(desk.id, number, owner)) for number in range(CALLS)])
    return desk


def call(account: str, number: int, owner: str) -> Document:
    """The record of a call that began so many days after the beginning of these tests' time."""
    at = NOW + number * DAY
    id = f"202605-call{number}"
    body = {
        **{"id": id, "call_id": f"call{number}", "interaction_id": f"{gregorian(at)}-0000000a", "owner_id": owner},
        **{
            "timestamp": gregorian(at),
            "direction": "inbound" if number % 2 else "outbound",
            "duration_seconds": number,
        },
    }
    return Document.of(account, "cdrs", id, body, at)


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    """Which calls these are."""
    return [row["duration"] for row in rows]


async def walked(desk: Desk, path: str) -> tuple[list[int], int]:
    """All calls that a list leads to by its links, and how many pages these were."""
    found: list[int] = []
    pages = 0
    following: str | None = path
    while following is not None:
        response = await desk.ask("GET", following)
        assert 200 == response.status, response.body
        found += numbers(response.json())
        pages += 1
        link = response.headers.get("link")
        assert link is None or link.endswith('>; rel="next"')
        following = link.partition(">")[0].removeprefix("</api/ver1.0") if link is not None else None
        assert pages <= CALLS
    return found, pages


async def test_a_list_is_an_array(desk: Desk) -> None:
    """Without a word of pages it is the whole list, if that is not too long, and says nothing beside it."""
    response = await desk.ask("GET", "/client/@me/cdr/")
    assert EXPECTED == numbers(response.json())
    assert not {"link", "x-total-count"} & {*response.headers}
    assert [] == await desk.get("/client/@me/cdr/?flow=in&duration=2")


@pytest.mark.parametrize("word", ["per_page", "count"])
@pytest.mark.parametrize("size", [1, 7, 24, 25, 26, 1000])
async def test_pages_by_number(desk: Desk, word: str, size: int) -> None:
    """`Link` leads from page to page to the end, and `X-Total-Count` says how many rows there are in all."""
    found, pages = await walked(desk, f"/client/@me/cdr/?{word}={size}&page=1")
    assert (EXPECTED, -(-CALLS // size)) == (found, pages)
    response = await desk.ask("GET", f"/client/@me/cdr/?{word}={size}&page=2")
    assert (str(CALLS), EXPECTED[size : 2 * size]) == (response.headers["x-total-count"], numbers(response.json()))


async def test_a_page_behind_the_end(desk: Desk) -> None:
    """It is empty, and leads nowhere."""
    response = await desk.ask("GET", "/client/@me/cdr/?per_page=10&page=9")
    assert (200, [], None) == (response.status, response.json(), response.headers.get("link"))


@pytest.mark.parametrize("size", [1, 7, 24, 25])
async def test_pages_by_key(desk: Desk, size: int) -> None:
    """Who asks for a size alone is led on by a key, which holds when rows come in between."""
    assert (EXPECTED, -(-CALLS // size)) == await walked(desk, f"/client/@me/cdr/?per_page={size}")


async def test_a_size_above_the_maximum_is_the_maximum(desk: Desk) -> None:
    """Clients ask for as much as they can think of."""
    assert EXPECTED == numbers(await desk.get("/client/@me/cdr/?per_page=1000000"))


async def test_keys_belong_to_their_list(desk: Desk) -> None:
    """A key of one list is no good for another one, for another order, or changed."""
    link = (await desk.ask("GET", "/client/@me/cdr/?per_page=5")).headers["link"]
    key = link.partition("start_key=")[2].partition(">")[0]
    for path in (
        f"/client/@me/cdr/?flow=in&start_key={key}",
        f"/client/@me/cdr/?order=asc&start_key={key}",
        f"/client/@me/phone/?start_key={key}",
        f"/client/@me/cdr/?start_key={key}x",
    ):
        told(await desk.ask("GET", path), 400, "invalid_start_key")


@pytest.mark.parametrize(
    "query",
    [
        *("page=0", "page=-1", "page=x", "per_page=0", "count=none", "per_page=", "order=up", "order="),
        *("start_datetime=yesterday", "end_datetime=2026-02-30 00:00:00", "start_datetime=2026-05-05+25:00:00"),
        "start_datetime=2026-05-06 00:00:00&end_datetime=2026-05-05 00:00:00",
    ],
)
async def test_words_that_make_no_sense(desk: Desk, query: str) -> None:
    """They are refused, and the message names the word and what may stand there."""
    message = told(await desk.ask("GET", f"/client/@me/cdr/?{query.replace(' ', '%20')}"), 400, "bad_parameter")
    assert message.startswith(query.partition("=")[0])


async def test_words_that_may_stand_once(desk: Desk) -> None:
    """Two pages, sizes or orders at once are a mistake."""
    for query in (
        "page=1&page=2",
        "per_page=1&per_page=2",
        "order=asc&order=desc",
        "start_datetime=a&start_datetime=b",
    ):
        told(await desk.ask("GET", f"/client/@me/cdr/?{query}"), 400, "bad_query")


async def test_unknown_words_say_nothing(desk: Desk) -> None:
    """What names no field of the documents filters nothing."""
    assert EXPECTED == numbers(await desk.get("/client/@me/cdr/?_=1780000000&nonsense=1&nonsense=2&page_size=3"))


async def test_order(desk: Desk) -> None:
    """The newest come first, unless `order` is `asc`; also from page to page."""
    assert EXPECTED == numbers(await desk.get("/client/@me/cdr/?order=desc"))
    assert sorted(EXPECTED) == numbers(await desk.get("/client/@me/cdr/?order=asc"))
    for page in ("", "&page=1"):
        assert (sorted(EXPECTED), 4) == await walked(desk, f"/client/@me/cdr/?order=asc&per_page=7{page}")


async def test_filters(desk: Desk) -> None:
    """Fields by the names and values that this API has; several values of one field are alternatives."""
    assert [n for n in EXPECTED if n % 2] == numbers(await desk.get("/client/@me/cdr/?flow=in"))
    assert [4] == numbers(await desk.get("/client/@me/cdr/?flow=out&duration=4"))
    assert [4, 3] == numbers(await desk.get("/client/@me/cdr/?duration=4&duration=3&duration=4"))
    assert [4] == numbers(await desk.get("/client/@me/cdr/?duration=4&duration=3&flow=out"))
    assert EXPECTED == numbers(await desk.get("/client/@me/cdr/?flow=out&flow=in"))
    assert [4, 3] == numbers(await desk.get("/client/@me/cdr/?id=202605-call3&id=202605-call4"))
    assert (12, 3) == (len((found := await walked(desk, "/client/@me/cdr/?flow=in&per_page=5"))[0]), found[1])


async def test_filters_by_times_and_by_other_names(desk: Desk) -> None:
    """A time is written as in answers; a field goes by the name that it has here, and by no other."""
    at = (await desk.get("/client/@me/cdr/?duration=4"))[0]["init_time_gmt"]
    assert [4] == numbers(await desk.get(f"/client/@me/cdr/?init_time_gmt={at.replace(' ', '+')}"))
    assert EXPECTED == numbers(await desk.get("/client/@me/cdr/?duration_seconds=4"))
    told(await desk.ask("GET", "/client/@me/cdr/?flow=sideways"), 400, "bad_parameter")
    assert "flow must be one of in, out" in (await desk.ask("GET", "/client/@me/cdr/?flow=sideways")).json()["message"]


async def test_extensions_by_fields_of_users(desk: Desk) -> None:
    """An extension is filtered by whatever it shows, also by what it has in common with users."""
    await desk.extension("301", email="grace@example.com", last_name="Hopper")
    for query in ("email=grace@example.com", "last_name=Hopper", "name=301", "name=301&status=active"):
        assert ["301"] == [row["name"] for row in await desk.get(f"/client/@me/extension/?{query}")]
    assert [] == await desk.get("/client/@me/extension/?name=301&status=blocked")


async def test_windows_of_time(desk: Desk) -> None:
    """Both ends belong to the window; a day alone is the whole of it; a blank, a plus and a `T` are alike."""
    days = [row["init_time_gmt"] for row in await desk.get("/client/@me/cdr/?order=asc")]
    for blank in ("%20", "+", "T"):
        first, last = (day.replace(" ", blank) for day in days[3:7:3])
        assert [6, 5, 4, 3] == numbers(await desk.get(f"/client/@me/cdr/?start_datetime={first}&end_datetime={last}"))
    first, last = days[3][:10], days[6][:10]
    assert [6, 5, 4, 3] == numbers(await desk.get(f"/client/@me/cdr/?start_datetime={first}&end_datetime={last}"))
    assert [24, 23] == numbers(await desk.get(f"/client/@me/cdr/?start_datetime={days[23].replace(' ', '+')}"))
    assert [1, 0] == numbers(await desk.get(f"/client/@me/cdr/?end_datetime={days[1].replace(' ', '+')}"))
    assert ([6, 5, 4, 3], 4) == await walked(
        desk, f"/client/@me/cdr/?start_datetime={first}&end_datetime={last}&count=1&page=1"
    )


async def test_call_history(desk: Desk) -> None:
    """It is the same list inside an object with what was asked for; so are its pages."""
    for owner in ("client/@me", "extension/@101"):
        assert {
            **{"page": 2, "per_page": 10, "order": "asc"},
            "call_history": await desk.get(f"/{owner}/cdr/?page=2&per_page=10&order=asc"),
        } == await desk.get(f"/{owner}/call_history/?page=2&per_page=10&order=asc")
    whole = await desk.get("/client/@me/call_history/")
    assert (1, 1000, "desc", EXPECTED) == (
        *(whole[name] for name in ("page", "per_page", "order")),
        numbers(whole["call_history"]),
    )
    one = await desk.get("/client/@me/call_history/202605-call3")
    assert (3, "202605-call3") == (one["duration"], one["id"])
    response = await desk.ask("GET", "/client/@me/call_history/?page=1&per_page=10")
    assert "page=2" in response.headers["link"]
    response = await desk.ask("GET", "/client/@me/call_history/?per_page=10")
    following = response.headers["link"].partition(">")[0].removeprefix("<")
    assert "start_key=" in following
    further = await desk.get(f"/{following}")
    assert (None, 10) == (further["page"], further["per_page"])


async def test_rows_are_whole_documents(desk: Desk) -> None:
    """A row of a list has what the document has by itself."""
    for path in ("/client/@me/cdr/", "/client/@me/extension/"):
        row = (await desk.get(path))[0]
        assert row == await desk.get(f"{path}{row['id']}")


async def test_lists_of_an_extension(desk: Desk) -> None:
    """Below an extension there is what is its own; a user sees that much of the client as well."""
    other = await desk.extension("201")
    token = await desk.token_of(other)
    assert EXPECTED == numbers(await desk.get("/extension/@101/cdr/"))
    assert [] == await desk.get("/extension/@me/cdr/", token=token)
    assert [] == await desk.get(f"/client/{desk.id}/cdr/", token=token)
    assert ["201"] == [row["name"] for row in await desk.get(f"/client/{desk.id}/extension/", token=token)]


@pytest.fixture(scope="module")
async def other_ways() -> AsyncIterator[Desk]:
    """An account where times are written in ISO 8601, and pages are short."""
    async with world_with(times="iso", page_size=10) as world:
        desk = await desk_in(world)
        await world.app.store.write([Insert(call(desk.id, number, "")) for number in range(CALLS)])
        yield desk


async def test_pages_as_the_settings_have_them(other_ways: Desk) -> None:
    """The size of a page, if nobody names one, is a setting; `Link` leads on."""
    response = await other_ways.ask("GET", "/client/@me/cdr/")
    assert (EXPECTED[:10], True) == (numbers(response.json()), "start_key=" in response.headers["link"])
    assert (EXPECTED, 3) == await walked(other_ways, "/client/@me/cdr/")
    assert EXPECTED == numbers(await other_ways.get("/client/@me/cdr/?count=100"))


async def test_times_as_the_settings_have_them(other_ways: Desk, desk: Desk) -> None:
    """Times are written as plain UTC, or in ISO 8601; both are read by both."""
    there, here = [(await each.get("/client/@me/cdr/202605-call0"))["init_time_gmt"] for each in (other_ways, desk)]
    assert ("2026-05-28T20:26:40Z", "2026-05-28 20:26:40") == (there, here)
    for each in (other_ways, desk):
        for at in (there, here.replace(" ", "+")):
            assert [0] == numbers(await each.get(f"/client/@me/cdr/?init_time_gmt={at}"))
            assert [0] == numbers(await each.get(f"/client/@me/cdr/?end_datetime={at}"))
