"""Token restrictions as documents: one for an account, one for all that have none, and what cannot be stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar.restrictions import MOST_BYTES
from crossbar.testing import NOW, Client, World, small_world

from .tools import Clock

PATH = "/account/token_restrictions"
READ = {"restrictions": {"_": {"_": {"_": [{"rules": {"#": ["GET"]}}]}}}}
ABOUT = {"restrictions": {"cb_user_auth": {"user": {"about": [{"rules": {"/": ["GET"]}}]}}}}


@pytest.fixture
async def world(clock: Clock) -> AsyncIterator[World]:
    """An application of the test's own."""
    made = await small_world(clock=clock)
    yield made
    await made.app.stop()


@pytest.fixture
async def boss(world: World) -> Client:
    """The administrator of an account."""
    return await world.client("customer")


async def test_a_life(boss: Client, clock: Clock) -> None:
    """There are none; they are stored, read, put in the place of others, and destroyed."""
    assert 404 == (await boss.get(PATH)).status
    assert 404 == (await boss.delete(PATH)).status
    stored = await boss.post(PATH, READ)
    assert (200, READ | {"id": "token_restrictions"}) == (stored.status, stored.data)
    assert stored.data == (await boss.get(PATH)).data
    again = await boss.post(PATH, ABOUT)
    assert (200, "2", ABOUT["restrictions"]) == (again.status, again.json()["revision"], again.data["restrictions"])
    deleted = await boss.delete(PATH)
    assert (200, True, ABOUT["restrictions"]) == (
        deleted.status,
        deleted.json()["metadata"]["deleted"],
        deleted.data["restrictions"],
    )
    assert 404 == (await boss.get(PATH)).status
    assert (200, "1") == ((await boss.post(PATH, READ)).status, (await boss.get(PATH)).json()["revision"])
    assert NOW < clock.now


async def test_verbs(boss: Client) -> None:
    """What there is one of is not created and not merged, and has nothing below it."""
    for method in ("PUT", "PATCH"):
        response = await boss.request(method, PATH, READ)
        assert (405, "GET, HEAD, POST, DELETE, OPTIONS") == (response.status, response.headers["allow"])
    assert 404 == (await boss.get(f"{PATH}/token_restrictions")).status


async def test_revisions(boss: Client) -> None:
    """`If-Match` guards a change, and `If-None-Match` saves an answer."""
    tag = (await boss.post(PATH, READ)).headers["etag"]
    assert 304 == (await boss.get(PATH, headers={"if-none-match": tag})).status
    assert 412 == (await boss.post(PATH, ABOUT, headers={"if-match": '"7"'})).status
    assert 412 == (await boss.delete(PATH, headers={"if-match": '"7"'})).status
    assert 200 == (await boss.post(PATH, ABOUT, headers={"if-match": tag})).status


BAD: list[tuple[Any, str, str]] = [
    ({}, "restrictions", "required"),
    ({"restrictions": []}, "restrictions", "type"),
    ({"restrictions": None}, "restrictions", "type"),
    ({**READ, "more": 1}, "more", "additionalProperties"),
    ({"restrictions": {"Cb": {}}}, "restrictions.Cb", "patternProperties"),
    ({"restrictions": {"_": {"users": {}}}}, "restrictions._.users", "patternProperties"),
    ({"restrictions": {"_": {"_": {"get": ["#"]}}}}, "restrictions._._.get.0", "type"),
    ({"restrictions": {"_": {"_": {"_": [{}]}}}}, "restrictions._._._.0.rules", "required"),
    ({"restrictions": {"_": {"_": {"_": [{"rules": {"/": ["TRACE"]}}]}}}}, "restrictions._._._.0.rules./.0", "pattern"),
    ({"restrictions": {"_": {"_": {"_": [{"rules": {"x" * 200: ["_"]}}] * 50}}}}, "restrictions", "invalid"),
]


@pytest.mark.parametrize(("body", "field", "code"), BAD)
async def test_what_cannot_be_stored(boss: Client, body: Any, field: str, code: str) -> None:
    """Each is refused with its place, and what was stored before stays."""
    await boss.post(PATH, READ)
    response = await boss.post(PATH, body)
    assert 400 == response.status
    places = [name for name, codes in response.data.items() if code in codes]
    assert any(field.startswith(place) for place in places), response.data
    assert READ["restrictions"] == (await boss.get(PATH)).data["restrictions"]


async def test_as_large_as_can_be(world: World, boss: Client) -> None:
    """Restrictions up to the limit are stored, and brought by a token that header fields have room for."""
    rules: dict[str, Any] = {"_": [{"rules": {"#": ["GET"]}}]}
    # `[{"_":[{"rules":{"#":["GET"],"xxx":["GET"]}}]}]`: what a token has is a list, with a bracket at both ends.
    room = MOST_BYTES - len('[{"_":[{"rules":{"#":["GET"],"":["GET"]}}]}]')
    sizes = {}
    for more in (0, 1):
        names = [f"{number:0249d}" for number in range(room // 260)]
        entry = {"#": ["GET"]} | {name: ["GET"] for name in names}
        used = sum(len(f',"{name}":["GET"]') for name in names)
        entry["y" * (room + len(',"":["GET"]') - used - len(',"":["GET"]') + more)] = ["GET"]
        rules = {"_": [{"rules": entry}]}
        sizes[more] = (await boss.post(PATH, {"restrictions": {"cb_api_auth": {"_": rules}}})).status
    assert {0: 200, 1: 400} == sizes
    key = (await boss.get(f"/accounts/{world.customer}/api_key")).data["api_key"]
    stranger = Client(boss.app)
    token = (await stranger.put("/api_auth", {"api_key": key})).json()["auth_token"]
    assert len(token) < boss.app.settings.limits.headers / 2
    assert [200, 403] == [
        (await Client(boss.app, token).request(method, "/account/devices", {} if method == "PUT" else None)).status
        for method in ("GET", "PUT")
    ]


async def test_who_may(world: World, boss: Client) -> None:
    """They are for administrators of the account and those above it; nobody else's are seen."""
    made = await boss.put("/account/users", {"first_name": "Ada", "last_name": "X", "username": "ada"})
    account = await world.app.tenants.account(world.customer)
    user = await world.app.store.get(world.customer, "users", made.data["id"])
    assert account is not None
    ada = Client(world.app, world.app.tokens.mint(account, user, "cb_user_auth"))
    path = f"/accounts/{world.customer}/token_restrictions"
    statuses = {
        name: [
            (await client.request(*asked)).status for asked in (("POST", path, READ), ("GET", path), ("DELETE", path))
        ]
        for name, client in {
            "boss": boss,
            "above": await world.client("reseller"),
            "user": ada,
            "below": await world.client("department"),
            "stranger": await world.client("stranger"),
        }.items()
    }
    assert statuses == {
        "boss": [200] * 3,
        "above": [200] * 3,
        "user": [403] * 3,
        "below": [404] * 3,
        "stranger": [404] * 3,
    }


async def test_those_of_everybody(world: World, boss: Client) -> None:
    """Outside of accounts there are those for accounts that have none; the master account's are its own."""
    master = await world.client("master")
    assert [403, 403, 403] == [
        (await boss.request(method, "/token_restrictions", READ if method == "POST" else None)).status
        for method in ("GET", "POST", "DELETE")
    ]
    assert [404, 200, 200] == [
        (await master.get("/token_restrictions")).status,
        (await master.post("/token_restrictions", READ)).status,
        (await master.get("/token_restrictions")).status,
    ]
    assert [404, 404] == [(await each.get(PATH)).status for each in (master, boss)]
    assert 200 == (await master.delete("/token_restrictions")).status


async def test_two_at_the_same_time(boss: Client) -> None:
    """Of those who store the first ones at once, one wins, and the others are told."""
    responses = await asyncio.gather(*[boss.post(PATH, READ) for _ in range(5)])
    assert {200, 409} >= {response.status for response in responses}
    assert 200 in [response.status for response in responses]
