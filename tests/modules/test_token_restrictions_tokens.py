"""What restrictions do: frozen into a token at login, and asked at every request."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from starlette.websockets import WebSocket

from crossbar import Context, Endpoint, Event, Stream
from crossbar.testing import Client, SocketRefused, World, small_world

from .restricting import DENIED, MD5, READ, Echo, everyone, login, restrict, status


class Line(Endpoint):
    """Something that stays open."""

    name = "line"

    async def find(self, ctx: Context) -> Stream:
        """End at once, after one event."""

        async def events() -> Any:
            yield Event("tick")

        return Stream.events(events())

    async def socket(self, ctx: Context, websocket: WebSocket) -> None:
        """Accept, and be done."""
        await websocket.accept()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An application of the test's own."""
    made = await small_world(endpoints=[Line(), Echo()])
    yield made
    await made.app.stop()


async def test_frozen_at_login(world: World) -> None:
    """Tokens from before are not concerned; those from after are, for as long as they live."""
    before = await login(world)
    await restrict(world, everyone(READ))
    after = await login(world)
    assert [201, 403] == [(await status(each, "PUT", "/account/echo")) for each in (before, after)]
    assert 200 == await status(after, "GET", "/account/echo")
    assert 200 == (await before.delete("/account/token_restrictions")).status
    assert 403 == await status(after, "PUT", "/account/echo")
    assert 201 == await status(await login(world), "PUT", "/account/echo")


async def test_a_basic_credential_has_the_latest(world: World) -> None:
    """It is no token, in which they are frozen: the next request after a change has what they are then."""
    field = b64encode(f"{world.customer}:{MD5}".encode()).decode()
    client = Client(world.app, headers={"authorization": f"Basic {field}"})
    for allowed in (True, False, True):
        await restrict(world, {} if allowed else everyone(READ))
        assert [201 if allowed else 403] * 2 == [await status(client, "PUT", "/account/echo") for _ in range(2)]


async def test_the_token_shows_them(world: World) -> None:
    """They are a claim of the token, and `token_auth` shows them; a token without has no such claim."""
    await restrict(world, everyone(READ))
    client = await login(world)
    claims = (await client.get("/token_auth")).data
    assert [READ] == claims["restrictions"]
    assert client.token is not None
    assert [READ] == jwt.decode(client.token, options={"verify_signature": False})["restrictions"]
    assert "restrictions" not in (await (await login(world, "stranger")).get("/token_auth")).data


# The table of the reference: what is asked for, and the rules that allow it or do not.
ROWS: list[tuple[dict[str, Any], str, str, int]] = [
    ({}, "GET", "/account/echo", 403),
    ({"about": [{"rules": {"#": ["_"]}}]}, "GET", "/account/echo", 403),
    ({"_": [{"rules": {"#": ["_"]}}]}, "GET", "/account/echo", 200),
    ({"echo": [{"rules": {"/": ["GET"]}}]}, "GET", "/account/echo", 200),
    ({"echo": [{"rules": {"/": ["GET"]}}]}, "GET", "/account/echo/a", 403),
    ({"echo": [{"rules": {"*": ["GET"]}}]}, "GET", "/account/echo/a", 200),
    ({"echo": [{"rules": {"*": ["GET"]}}]}, "GET", "/account/echo/a/b", 403),
    ({"echo": [{"rules": {"*/*": ["GET"]}}]}, "GET", "/account/echo/a/b", 200),
    ({"echo": [{"rules": {"#": ["GET"]}}]}, "GET", "/account/echo/a/b/c", 200),
    ({"echo": [{"rules": {"a/#": ["GET"]}}]}, "GET", "/account/echo/a", 200),
    ({"echo": [{"rules": {"a/#": ["GET"]}}]}, "GET", "/account/echo/%61/b", 200),
    ({"echo": [{"rules": {"a/#": ["GET"]}}]}, "GET", "/account/echo/b/a", 403),
    ({"echo": [{"rules": {"a/b": ["GET"]}}]}, "GET", "/account/echo/a%2Fb", 403),
    ({"echo": [{"rules": {"/": ["get"]}}]}, "HEAD", "/account/echo", 200),
    ({"echo": [{"rules": {"/": ["post"]}}]}, "POST", "/account/echo", 200),
    ({"echo": [{"rules": {"/": ["post"]}}]}, "POST", "/account/echo?verb=DELETE", 403),
    ({"echo": [{"rules": {"/": ["delete"]}}]}, "POST", "/account/echo?verb=DELETE", 200),
    ({"echo": [{"rules": {"/": ["_"]}}]}, "PATCH", "/account/echo", 200),
    ({"echo": [{"rules": {"a": [], "#": ["_"]}}]}, "GET", "/account/echo/a", 403),
    ({"echo": [{"allowed_accounts": ["{AUTH_ACCOUNT_ID}"], "rules": {"#": ["_"]}}]}, "GET", "/account/echo", 200),
    ({"echo": [{"allowed_accounts": ["{AUTH_ACCOUNT_ID}"], "rules": {"#": ["_"]}}]}, "GET", "{below}/echo", 403),
    ({"echo": [{"allowed_accounts": ["{AUTH_ACCOUNT_ID}"], "rules": {"#": ["_"]}}]}, "GET", "/echo", 403),
    ({"echo": [{"allowed_accounts": ["{DESCENDANT_ACCOUNT_ID}"], "rules": {"#": ["_"]}}]}, "GET", "{below}/echo", 200),
    ({"echo": [{"allowed_accounts": ["{DESCENDANT_ACCOUNT_ID}"], "rules": {"#": ["_"]}}]}, "GET", "/account/echo", 403),
    ({"echo": [{"allowed_accounts": ["d0" * 16], "rules": {"#": ["_"]}}]}, "GET", "{below}/echo", 200),
    ({"echo": [{"allowed_accounts": ["_"], "rules": {"#": ["_"]}}]}, "GET", "/echo", 200),
    ({"echo": [{"rules": {"#": ["_"]}}]}, "GET", "/echo", 200),
    ({"echo": [{"rules": {"#": ["_"]}}]}, "GET", "/accounts/" + "e0" * 16 + "/echo", 404),
    ({"accounts": [{"rules": {"*": ["GET"]}}]}, "GET", "/account", 200),
    ({"accounts": [{"rules": {"*": ["GET"]}}]}, "GET", "{own}/children", 403),
    ({"users": [{"rules": {"#": ["_"]}}]}, "GET", "/account/users", 200),
    ({"users": [{"rules": {"#": ["_"]}}]}, "GET", "/account/users/{admin}/devices", 403),
    ({"devices": [{"rules": {"#": ["_"]}}]}, "GET", "/account/users/{admin}/devices", 200),
    ({"devices": [{"rules": {"status": ["GET"]}}]}, "GET", "/account/devices/status", 200),
    ({"devices": [{"rules": {"status": ["GET"]}}]}, "GET", "/account/devices?accept=csv", 403),
]


@pytest.mark.parametrize(("rules", "method", "path", "expected"), ROWS)
async def test_the_table(world: World, rules: dict[str, Any], method: str, path: str, expected: int) -> None:
    """Each row, the first time that the token is seen and later."""
    await restrict(world, everyone(rules))
    client = await login(world)
    places = {"{own}": f"/accounts/{world.customer}", "{below}": f"/accounts/{world.department}"}
    filled = path.replace("{admin}", world.customer[:16] + "0" * 16)
    for word, place in places.items():
        filled = filled.replace(word, place)
    assert [expected] * 2 == [await status(client, method, filled) for _ in range(2)]


async def test_nothing_tells_what_is_there(world: World) -> None:
    """A refusal is the same for what there is, for what there is not, and for somebody else's."""
    await restrict(world, everyone({"about": READ["_"]}))
    client = await login(world)
    told = []
    for user, account in (
        (world.customer[:16] + "0" * 16, world.customer),
        ("f" * 32, world.customer),
        ("f" * 32, "9" * 32),
    ):
        response = await client.get(f"/accounts/{account}/users/{user}", headers={"x-request-id": "same"})
        assert 403 == response.status
        told.append(response.body)
    assert 1 == len(set(told))


async def test_what_stays_open(world: World) -> None:
    """WebSockets and event streams are begun under the same rules, as what they begin as: GET."""
    for rules, allowed in (
        ({"line": [{"rules": {"/": ["GET"]}}]}, True),
        ({"line": [{"rules": {"/": ["PUT"]}}]}, False),
    ):
        await restrict(world, everyone(rules))
        client = await login(world)
        response = await client.get("/account/line", headers={"accept": "text/event-stream"})
        assert (200 if allowed else 403) == response.status
        if allowed:
            async with client.socket("/account/line"):
                pass
            continue
        with pytest.raises(SocketRefused) as refusal:
            async with client.socket("/account/line"):
                pass
        assert DENIED.encode() in refusal.value.response.body


# Which of them, and for whom.


async def test_by_method_and_level(world: World) -> None:
    """Each way of logging in, and each level, has the part that is meant for it."""
    only = {name: {"echo": [{"rules": {name: ["GET"]}}]} for name in ("a", "b", "c", "d")}
    template = {"cb_user_auth": {"admin": only["a"], "user": only["b"]}, "cb_api_auth": {"admin": only["c"]}}
    await restrict(world, template | {"basic_auth": {"_": only["d"]}})
    boss = await world.client("customer")
    key = (await boss.get(f"/accounts/{world.customer}/api_key")).data["api_key"]
    by_key = Client(world.app)
    by_key.token = (await by_key.put("/api_auth", {"api_key": key})).json()["auth_token"]
    field = b64encode(f"{world.customer}:{MD5}".encode()).decode()
    clients = {
        "a": await login(world),
        "c": by_key,
        "d": Client(world.app, headers={"authorization": f"Basic {field}"}),
    }
    user = world.customer[:16] + "0" * 16
    await (await world.client("reseller")).patch(f"/accounts/{world.customer}/users/{user}", {"priv_level": "user"})
    clients["b"] = await login(world)
    reached = {
        name: [arg for arg in only if await status(client, "GET", f"/account/echo/{arg}") == 200]
        for name, client in clients.items()
    }
    assert reached == {"a": ["a"], "b": ["b"], "c": ["c"], "d": ["d"]}


async def test_everybodys_hold_where_an_account_has_none(world: World) -> None:
    """The template that belongs to no account; one of an account's own takes its place, also an empty one."""
    master = await world.client("master")
    assert 200 == (await master.post("/token_restrictions", {"restrictions": everyone(READ)})).status
    assert 403 == await status(await login(world), "PUT", "/account/echo")
    await restrict(world, {})
    assert 201 == await status(await login(world), "PUT", "/account/echo")
    assert 403 == await status(await login(world, "stranger"), "PUT", "/account/echo")
