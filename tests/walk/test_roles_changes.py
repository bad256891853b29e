"""Roles that change, wherever they are read: at once, in every process, and for what is already open."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocket

from crossbar import (
    ANONYMOUS,
    Answer,
    Context,
    Crossbar,
    Endpoint,
    Event,
    Principal,
    Replace,
    Resource,
    Stream,
    rendering,
    sockets,
)
from crossbar.stores.memory import MemoryStore
from crossbar.testing import Client, SocketClosed, SocketRefused, World, make_store, small_world

from .staff import Staff, hired
from .tools import ONE_STORE, SETTINGS, Home, ids, made, refused

WEBHOOKS = "/webhooks"


async def test_a_demotion_is_seen_by_the_next_request(staff: Staff) -> None:
    """The token stays good, and is good for less; and for more again after a promotion."""
    boss, path = staff.clients["boss"], staff.at("/users/{user}", "boss")
    for level, status in (("admin", 200), ("user", 403), ("admin", 200)):
        assert 200 == (await staff.home.client.patch(path, {"priv_level": level})).status
        assert status == (await boss.get(staff.home.at(WEBHOOKS))).status
        assert (4 if status == 200 else 1) == len(ids(await boss.get(staff.home.at("/devices"))))


async def test_who_demotes_themselves(staff: Staff) -> None:
    """An administrator may give up the office, and cannot take it again."""
    boss, path = staff.clients["boss"], staff.at("/users/{user}", "boss")
    assert 200 == (await boss.patch(path, {"priv_level": "user"})).status
    data = refused(await boss.patch(path, {"priv_level": "admin"}), 400)
    assert ["forbidden"] == list(data["priv_level"])


@pytest.mark.parametrize("level", ["Admin", "admin ", "", "root", ["admin"], {"admin": True}, True, 1, None])
async def test_all_that_is_not_exactly_admin_is_user(staff: Staff, level: Any) -> None:
    """Whatever somebody has put into the store, only the one word makes an administrator."""
    store = staff.home.world.app.store
    user = await store.get(staff.home.id, "users", staff.users["boss"])
    assert user is not None
    await store.write([Replace(user.with_data(user.data() | {"priv_level": level}))])
    refused(await staff.clients["boss"].get(staff.home.at(WEBHOOKS)), 403, "forbidden")


async def test_in_two_processes(tmp_path: Path) -> None:
    """Two applications on one file: what one has written, the other goes by at its next request."""
    first = await small_world(make_store("sqlite", tmp_path), SETTINGS)
    second = Crossbar(SETTINGS, store=make_store("sqlite", tmp_path))
    await second.start()
    try:
        token = (await first.client("customer")).token
        here, there = Client(first.app, token), Client(second, token)
        user = (await here.get("/account/users")).data[0]["id"]
        above = await first.client("reseller")
        for level, status in (("admin", 200), ("user", 403), ("admin", 200), ("user", 403)):
            changed = await above.patch(f"/accounts/{first.customer}/users/{user}", {"priv_level": level})
            assert 200 == changed.status
            assert [status] * 2 == [(await each.get("/account/webhooks")).status for each in (here, there)]
    finally:
        await second.stop()
        await first.app.stop()


# Ways of being known.


async def test_roles_of_other_logins(staff: Staff) -> None:
    """An API key stands for the account, which is its own administrator; Basic credentials for their user."""
    world, id = staff.home.world, staff.home.id
    account = await world.app.store.get("", "accounts", id)
    assert account is not None
    by_key = Client(world.app)
    login = await by_key.put("/api_auth", {"api_key": account.secrets()["api_key"]})
    by_key.token = login.json()["auth_token"]
    assert 200 == (await by_key.get(staff.home.at(WEBHOOKS))).status
    await staff.clients["boss"].patch(staff.at("/users/{user}", "ada"), {"password": "correct horse"})
    digest = hashlib.md5(b"ada:correct horse").hexdigest()
    basic = Client(world.app, headers={"authorization": f"Basic {b64encode(f'{id}:{digest}'.encode()).decode()}"})
    for _ in range(2):  # the second time it is remembered
        refused(await basic.get(staff.home.at(WEBHOOKS)), 403, "forbidden")
        assert [staff.devices["ada"]] == ids(await basic.get(staff.home.at("/devices")))
    await staff.clients["boss"].patch(staff.at("/users/{user}", "ada"), {"priv_level": "admin"})
    assert 200 == (await basic.get(staff.home.at(WEBHOOKS))).status


@pytest.mark.parametrize(("role", "seen"), [("admin", 4), ("user", 1), ("guest", 1), ("", 1)])
async def test_principals_of_a_host(staff: Staff, role: str, seen: int) -> None:
    """A host says the role of the people that it vouches for; whoever is no administrator is a user."""
    id = staff.users["ada"]

    async def known(ctx: Context) -> Principal | None:
        return Principal(staff.home.id, id, "host", role=role)

    app = Crossbar(SETTINGS, store=staff.home.world.app.store, authenticators=[known])
    app.start_keys, app.tokens = staff.home.world.app.start_keys, staff.home.world.app.tokens
    await app.start()
    assert seen == len(ids(await Client(app).get(staff.home.at("/devices"))))
    assert (200 if role == "admin" else 403) == (await Client(app).get(staff.home.at(WEBHOOKS))).status


class Kiosk(Resource):
    """Documents with owners, to which an endpoint lets in people whom nobody knows."""

    name = "kiosk"
    anywhere = True
    owner = "owner_id"

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Let everybody in."""
        return ANONYMOUS


async def test_strangers_own_nothing() -> None:
    """Documents of users are none of a caller's who is no user, by any operation."""
    world = await small_world(MemoryStore(), SETTINGS, endpoints=[Kiosk()])
    id = await made(await world.client("master"), "/kiosk", {"owner_id": "somebody"})
    stranger = Client(world.app)
    for method, path in (
        *(("GET", "/kiosk"), ("GET", "/kiosk?paginate=false"), ("PUT", "/kiosk"), ("GET", f"/kiosk/{id}")),
        *(("DELETE", f"/kiosk/{id}"), ("PATCH", f"/kiosk/{id}"), ("POST", f"/kiosk/{id}")),
    ):
        refused(await stranger.request(method, path, {} if method in ("PUT", "PATCH", "POST") else None), 403)
    await world.app.stop()


# What stays open.


class Desk(Endpoint):
    """Events and a WebSocket for everybody of an account, and a WebSocket for administrators."""

    name = "desk"

    async def find(self, ctx: Context) -> Stream:
        """Tick for ever."""
        return Stream.events(self._ticks())

    async def _ticks(self) -> AsyncIterator[Event]:
        while True:
            yield Event("tick")
            await asyncio.sleep(0.01)

    async def socket(self, ctx: Context, websocket: WebSocket) -> None:
        """Listen for ever."""
        await websocket.accept()
        await websocket.receive_text()


class Office(Desk):
    """The same for administrators."""

    name = "office"
    admin_only = ("socket",)


@pytest.fixture
async def at_desk() -> AsyncIterator[Staff]:
    """People in an application with what stays open."""
    world = await small_world(MemoryStore(), SETTINGS, endpoints=[Desk(), Office()])
    yield await hired(Home(world, await world.client("reseller"), world.customer), world)
    await world.app.stop()


async def test_what_is_open_ends_with_the_role(at_desk: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event stream and a WebSocket that were opened as an administrator end when the role does."""
    monkeypatch.setattr(rendering, "RECHECK_SECONDS", 0.02)
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.02)
    boss, path = at_desk.clients["boss"], at_desk.at("/users/{user}", "boss")
    async with boss.stream("GET", at_desk.home.at("/desk")) as events, boss.socket(at_desk.home.at("/desk")) as socket:
        pieces = aiter(events)
        for _ in range(20):  # several checks long
            assert await anext(pieces)
        assert 200 == (await at_desk.home.client.patch(path, {"priv_level": "user"})).status
        async with asyncio.timeout(20):
            async for _ in pieces:
                pass
            with pytest.raises(SocketClosed) as closed:
                await socket.receive_text()
    assert 1008 == closed.value.code


async def test_a_socket_for_administrators(at_desk: Staff) -> None:
    """A WebSocket is refused before it is accepted, like any other operation."""
    with pytest.raises(SocketRefused) as refusal:
        async with at_desk.clients["ada"].socket(at_desk.home.at("/office")):
            pass
    assert 403 == refusal.value.response.status
    async with at_desk.clients["boss"].socket(at_desk.home.at("/office")):
        pass


# Below one's account.


@ONE_STORE
async def test_users_stay_in_their_account(world: World, staff: Staff) -> None:
    """For a user, accounts below are as good as missing; for an administrator of theirs, they are not."""
    child = await made(staff.clients["boss"], staff.home.at(), {"name": f"Below {staff.home.id}"})
    told = []
    for account in (child, "f" * 32):
        for path in ("", "/users", "/devices", "/about", f"/users/{staff.users['ada']}/devices"):
            assert 404 == (await staff.clients["ada"].get(f"/accounts/{account}{path}")).status
        response = await staff.clients["ada"].get(f"/accounts/{account}/devices", headers={"x-request-id": "same"})
        told.append(response.body.replace(account.encode(), b"ID"))
    assert told[0] == told[1]
    assert 200 == (await staff.clients["boss"].get(f"/accounts/{child}/devices")).status
    assert [200, 200] == [(await staff.clients["ada"].get(staff.home.at(path))).status for path in ("", "/about")]
    assert [] == (await staff.clients["ada"].get(staff.home.at("/parents"))).data


class Notes(Resource):
    """A declared owner inside an object."""

    name = "noted"
    owner = "about.owner"

    async def find(self, ctx: Context) -> Answer:
        """What belongs to the caller, as ever."""
        return await super().find(ctx)


@pytest.mark.parametrize("body", [{"about": None}, {"about": "x"}, {"about": ["x"]}, {"about": 1}])
async def test_an_owner_inside_of_something_else(body: dict[str, Any]) -> None:
    """Where an object must be on the way to the owner, nothing else can stand, or the document would be nobody's."""
    world = await small_world(MemoryStore(), SETTINGS, endpoints=[Notes()])
    staff = await hired(Home(world, await world.client("reseller"), world.customer), world)
    ada = staff.clients["ada"]
    data = refused(await ada.put(staff.home.at("/noted"), body), 400)
    assert ["type"] == list(data["about"])
    id = await made(ada, staff.home.at("/noted"), {"text": "x"})
    refused(await ada.post(staff.home.at(f"/noted/{id}"), body), 400)
    assert {"owner": staff.users["ada"]} == (await ada.get(staff.home.at(f"/noted/{id}"))).data["about"]
    assert [[id], []] == [ids(await staff.clients[who].get(staff.home.at("/noted"))) for who in ("ada", "bob")]
    await world.app.stop()
