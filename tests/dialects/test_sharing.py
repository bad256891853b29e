"""What the dialects share: documents, revisions, keys and limits are the same, whichever of them a request is in."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar.settings import Rate
from crossbar.testing import Clock, small_world
from tests.walk.tools import SETTINGS

from .people import SPEECHES, Town, person, settled

PAIRS = pytest.mark.parametrize(("one", "other"), [*permutations(SPEECHES, 2)])
NUMBER = {"crossbar": "number", "ringcentral": "extensionNumber", "realm": "name"}


@PAIRS
async def test_an_entity_tag(town: Town, one: str, other: str) -> None:
    """The revision that one dialect shows guards a change in another, and saves an answer."""
    first, second = await town.client(one), await town.client(other)
    device = town.nouns("accounts:{mine} devices:{device}", "self")
    tag = (await first.read(*device)).headers["etag"]
    assert 304 == (await second.read(*device, headers={"if-none-match": tag})).status
    assert 200 == (await second.patch(*device, body={"name": "Hall"}, headers={"if-match": tag})).status
    assert 412 == (await first.patch(*device, body={"name": "Door"}, headers={"if-match": tag})).status
    assert 200 == (await second.read(*device, headers={"if-none-match": tag})).status
    assert "Hall" == (await first.read(*device)).document["name"]


@PAIRS
async def test_a_value_that_is_taken(town: Town, one: str, other: str) -> None:
    """A number that was given in one dialect is taken in another, which says so of its own field."""
    first, second = await town.client(one), await town.client(other)
    people = town.nouns("accounts:{mine} extensions", "self")
    body = person(one)
    assert 2 == (await first.create(*people, body=body)).status // 100
    response = await second.create(*people, body=person(other) | {NUMBER[other]: body[NUMBER[one]]})
    assert 400 <= response.status < 500
    assert NUMBER[other].encode() in response.body
    assert (2, 3) == (2, len(await second.every(*people)))


@PAIRS
async def test_a_key_of_a_create(town: Town, one: str, other: str) -> None:
    """With the key of a create nothing is made twice: in another dialect it is the same create, or a key in use."""
    first, second = await town.client(one), await town.client(other)
    devices = town.nouns("accounts:{mine} devices", "self")
    headers = {"idempotency-key": f"{one}-{other}-{town.accounts['self']}"}
    made = await first.create(*devices, body={"name": "Hall"}, headers=headers)
    elsewhere = await second.create(*devices, body={"name": "Hall"}, headers=headers)
    again = await first.create(*devices, body={"name": "Hall"}, headers=headers)
    assert (made.status, "true") == (again.status, again.headers["idempotency-replayed"])
    assert made.document == again.document
    if elsewhere.status != 409:
        assert ("true", made.document["id"]) == (elsewhere.headers["idempotency-replayed"], elsewhere.document["id"])
        assert elsewhere.document == (await second.read(*devices[:-1], ("devices", made.document["id"]))).document
    assert 3 == len(await second.every(*devices))


async def page_key(town: Town, who: str = "self") -> tuple[str, dict[str, str]]:
    """The key of a second page as Crossbar has it, and the same place as the words that the others have."""
    client = await town.client("crossbar", who)
    devices = town.nouns("accounts:{account} devices", who)
    key = (await client.find(*devices, page_size=1)).json()["next_start_key"]
    others = await town.client("ringcentral", who)
    token = (await others.find(*devices, page_size=1, query={"recordCount": "1"})).json()["navigation"]["nextPageToken"]
    return key, {"crossbar": "start_key", "realm": "start_key", "ringcentral": token}


@pytest.mark.parametrize("dialect", SPEECHES)
async def test_keys_of_pages_of_others(town: Town, dialect: str) -> None:
    """The key of a page of another account opens nothing in one's own, in whatever dialect it was given."""
    key, words = await page_key(town, "child")
    client = await town.client(dialect)
    devices = town.nouns("accounts:{mine} devices", "self")
    query = {"pageToken": words["ringcentral"]} if dialect == "ringcentral" else {words[dialect]: key}
    assert 400 == (await client.find(*devices, page_size=1, query=query)).status
    below = town.nouns("accounts:{account} devices", "child")
    assert 1 == len((await client.find(*below, page_size=1, query=query)).documents)


@pytest.mark.parametrize("dialect", SPEECHES)
async def test_a_key_of_ones_own_shows_a_user_their_own(town: Town, dialect: str) -> None:
    """The key of a page that an administrator was given leads a user to nothing that is not theirs."""
    key, words = await page_key(town)
    user = await town.client(dialect, boss=False)
    devices = town.nouns("accounts:{mine} devices", "self")
    query = {"pageToken": words["ringcentral"]} if dialect == "ringcentral" else {words[dialect]: key}
    response = await user.find(*devices, page_size=10, query=query)
    shown = {row["id"] for row in response.documents} if response.status == 200 else set()
    assert shown <= {town.devices["self"]}


@PAIRS
async def test_what_is_deleted_in_one_is_gone_in_all(town: Town, one: str, other: str) -> None:
    """A document that was deleted in one dialect is missing in another, and its number is free again."""
    first, second = await town.client(one), await town.client(other)
    people = town.nouns("accounts:{mine} extensions", "self")
    body = person(one)
    id = (await first.create(*people, body=body)).document["id"]
    assert (await second.delete(*people[:-1], ("extensions", id))).status in (200, 204)
    assert 404 == (await first.read(*people[:-1], ("extensions", id))).status
    assert 2 == (await second.create(*people, body=person(other) | {NUMBER[other]: body[NUMBER[one]]})).status // 100


@pytest.mark.parametrize("dialect", SPEECHES)
async def test_every_dialect_has_limits(dialect: str) -> None:
    """Whoever asks too often is refused in each dialect, in its own words, and is told when to come back."""
    settings = replace(SETTINGS, rate=Rate(size=3, refill=1, per="hour", groups=_small()))
    world = await small_world(settings=settings, clock=Clock())
    town = await settled(world)
    client = await town.client(dialect)
    statuses = [(await client.find(*town.nouns("accounts:{mine} devices", "self"))).status for _ in range(5)]
    assert [200, 200, 200, 429, 429] == statuses
    last = await client.find(*town.nouns("accounts:{mine} devices", "self"))
    assert (True, True) == (last.headers["retry-after"].isdigit(), last.word != "")
    await world.app.stop()


def _small() -> dict[str, Any]:
    from crossbar.settings.tables import RateGroup

    names = ("light", "medium", "heavy", "auth")
    return {f"ringcentral_{name}": RateGroup(size=3, refill=1, per="hour") for name in names}
