"""One story, told once and run in each dialect: what the stores hold afterwards does not tell in which."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import permutations
from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbar.testing import Clock, World, make_store, small_world
from tests.walk.tools import SETTINGS

from .stories import SPEECHES, Teller, as_text, held, size_of, told


@pytest.fixture(params=["memory", "sqlite"])
async def worlds(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[World]]:
    """Two applications, each with a store of its own and a clock that stands."""
    made = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        clock = Clock()
        made.append(await small_world(make_store(request.param, folder, clock), SETTINGS, clock=clock))
    yield made
    for world in made:
        await world.app.stop()


async def tell(world: World, dialects: Sequence[str]) -> str:
    """Tell the story in these dialects, one step in each, and give what the store holds of it."""
    clients = {name: await world.client("reseller", speech=SPEECHES[name]) for name in dialects}
    return await told(Teller(clients))


async def test_the_story_of_crossbar(worlds: list[World]) -> None:
    """What the others are compared with: an account, an extension with a photo and three devices."""
    world, _ = worlds
    account = await tell(world, ["crossbar"])
    found = await held(world, account)
    assert {"account": 1, "users": 1, "devices": 3} == {kind: len(rows) for kind, rows in found.items()}
    account_row, user = found["account"][0], found["users"][0]
    assert (3, 4) == (account_row["revision"], user["revision"])
    assert ("102", "King", "phone") == tuple(user["body"][name] for name in ("number", "last_name", "extension_type"))
    assert {"attachments", "identity"} == set(user["private"])
    assert {user["id"]} == {device["body"]["owner_id"] for device in found["devices"]}


@pytest.mark.parametrize("dialect", [name for name in SPEECHES if name != "crossbar"])
async def test_the_same_in_each_dialect(worlds: list[World], dialect: str) -> None:
    """Bodies, private parts, tenants, kinds, revisions and times are the same, and what was deleted is gone."""
    found = [
        await held(world, await tell(world, [name])) for world, name in zip(worlds, ("crossbar", dialect), strict=True)
    ]
    assert 5 == size_of(found[0])
    assert as_text(found[0]) == as_text(found[1])


@pytest.mark.parametrize("dialects", [*permutations(SPEECHES)], ids="-".join)
async def test_one_step_in_each(worlds: list[World], dialects: tuple[str, ...]) -> None:
    """What is made in one dialect is changed in the second and read in the third, and the store holds the same."""
    found = [
        await held(world, await tell(world, names))
        for world, names in zip(worlds, (("crossbar",), dialects), strict=True)
    ]
    assert as_text(found[0]) == as_text(found[1])


async def test_where_put_replaces() -> None:
    """RingCentral's PUT can be set to replace: what it leaves out is gone, as in Crossbar's."""
    options = replace(SETTINGS.dialects.ringcentral, put="replace")
    world = await small_world(settings=replace(SETTINGS, dialects=replace(SETTINGS.dialects, ringcentral=options)))
    found = []
    for name in ("crossbar", "ringcentral"):
        client = await world.client("customer", speech=SPEECHES[name])
        id = (await client.create("account", "menus", body={"name": "Menu", "note": "x"})).document["id"]
        assert 200 == (await client.replace("account", ("menus", id), body={"name": "Fish"})).status
        kept = await world.app.store.get(world.customer, "menus", id)
        assert kept is not None
        found.append((kept.data() | {"id": ""}, kept.revision))
    assert found[0] == found[1]
    assert "note" not in found[0][0]
    await world.app.stop()
