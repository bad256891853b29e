"""Lists in RingCentral's conventions: what took effect without being said, orders and filters."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.dates import from_iso, iso_millis
from crossbar.testing import World, small_world

from .ringcentral_desk import Desk, code, desk_in, settings

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


async def page(desk: Desk, query: str) -> Any:
    """A page of the list of calls."""
    answer = await desk.get(f"{LOG}?dateFrom=2012&{query}")
    assert answer.status == 200, answer.body
    return answer.json()


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
