"""Three servers on one database, one with two workers: what is changed through one holds in all within a second.

The request limits that they share are looked at in `test_limits_servers.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import aiohttp
import pytest

from crossbar.passwords import wire_credentials
from crossbar.stores.mongo import MongoStore
from crossbar.testing import World, small_world

from ..cli.conftest import Live, ended, started
from ..modules.tools import eventually, receiving, until
from .lines import SOON, WAIT, together
from .servers import Server, fresh_database, patient

CONFIG = """
[server]
admin = "off"
[auth]
hash_memory = 8
login_failures = 0
[plugins.webhooks]
allow_private = true
poll = 1
"""
PER_SERVER = 6
"""Requests to a server, each on a connection of its own, after which all its workers were asked in all likelihood."""

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Said:
    """What a server answered."""

    status: int
    data: Any
    token: str


@dataclass(frozen=True, slots=True)
class Site:
    """Three servers, an account in their database, and its administrator's token."""

    servers: list[Live]
    account: str
    token: str
    parent: str
    session: aiohttp.ClientSession

    async def ask(self, at: int, method: str, path: str, data: Any = None, token: str | None = None) -> Said:
        """Send a request to one of the servers; `~` stands for the path of the account."""
        path = path.replace("~", f"/accounts/{self.account}")
        headers = {"x-auth-token": self.token if token is None else token}
        body = None if data is None else {"data": data}
        uri = f"{self.servers[at].url}/v2{path}"
        async with self.session.request(method, uri, headers=headers, json=body) as answer:
            said = await answer.json()
            return Said(answer.status, said.get("data"), said.get("auth_token", ""))

    async def user(self, **more: Any) -> tuple[str, str]:
        """A new user, and the name to log in with."""
        name = f"user{next(_numbers)}"
        body = {"first_name": "Ada", "last_name": "Byron", "username": name, "password": "secret-Words-9", **more}
        made = await self.ask(0, "PUT", "~/users", body)
        assert 201 == made.status, made
        return str(made.data["id"]), name

    async def login(self, at: int, name: str, account: str = "customer") -> Said:
        """Log in through one of the servers."""
        credentials = wire_credentials(name, "secret-Words-9")[0]
        return await self.ask(at, "PUT", "/user_auth", {"credentials": credentials, "account_name": account}, "")

    async def everywhere(self, status: int, method: str, path: str, data: Any = None, token: str | None = None) -> bool:
        """Whether all servers, and all their workers, answer with this status."""
        asked = [self.ask(at, method, path, data, token) for at in range(len(self.servers)) for _ in range(PER_SERVER)]
        return {status} == {said.status for said in await together(asked)}

    async def soon(self, status: int, method: str, path: str, data: Any = None, token: str | None = None) -> None:
        """Wait until all do; the test fails if that takes long."""
        await eventually(lambda: self.everywhere(status, method, path, data, token), SOON)


@pytest.fixture(scope="module")
def planted(
    mongo_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[list[Live], World, dict[str, str]]]:
    """Three servers on a database with the small world in it, and the tokens of its administrators."""
    folder = tmp_path_factory.mktemp("processes")
    with fresh_database(mongo_server) as uri:

        async def plant() -> tuple[World, dict[str, str]]:
            world = await small_world(MongoStore(uri))
            tokens = {name: await world.token(name) for name in ("reseller", "customer")}
            await world.app.stop()
            return world, tokens

        world, tokens = asyncio.run(plant())

        def start(number: int) -> Live:
            own = folder / str(number)
            own.mkdir()
            (own / "crossbar.toml").write_text(CONFIG)
            workers = "2" if number == 0 else "1"
            return started(own, "--config", str(own / "crossbar.toml"), "--store", patient(uri), "--workers", workers)

        with ThreadPoolExecutor(3) as threads:
            running = [*threads.map(start, range(3))]
        yield running, world, tokens
        for live in running:
            ended(live)


@pytest.fixture
async def site(planted: tuple[list[Live], World, dict[str, str]]) -> AsyncIterator[Site]:
    """The servers, and an account in them."""
    running, world, tokens = planted
    connector, patience = aiohttp.TCPConnector(force_close=True, limit=30), aiohttp.ClientTimeout(WAIT)
    async with aiohttp.ClientSession(connector=connector, timeout=patience) as session:
        yield Site(running, world.customer, tokens["customer"], tokens["reseller"], session)


async def test_a_token_that_is_revoked(site: Site) -> None:
    """Logged in at one, good at all; given back at another, good at none."""
    _, name = await site.user()
    token = (await site.login(1, name)).token
    assert await site.everywhere(200, "GET", "/token_auth", token=token)
    assert 200 == (await site.ask(2, "DELETE", "/token_auth", token=token)).status
    await site.soon(401, "GET", "/token_auth", token=token)


async def test_a_user_who_is_disabled(site: Site) -> None:
    """The token ends with its user, and comes back with them; nobody logs in meanwhile."""
    id, name = await site.user()
    token = (await site.login(2, name)).token
    assert await site.everywhere(200, "GET", "/token_auth", token=token)
    assert 200 == (await site.ask(0, "PATCH", f"~/users/{id}", {"enabled": False})).status
    await site.soon(401, "GET", "/token_auth", token=token)
    assert [401] * 3 == [(await site.login(at, name)).status for at in range(3)]
    assert 200 == (await site.ask(1, "PATCH", f"~/users/{id}", {"enabled": True})).status
    await site.soon(200, "GET", "/token_auth", token=token)


async def test_a_password_that_is_changed(site: Site) -> None:
    """Tokens from before end everywhere."""
    id, name = await site.user()
    token = (await site.login(0, name)).token
    assert await site.everywhere(200, "GET", "/token_auth", token=token)
    changed = {"username": name, "password": "other-Words-10"}
    assert 200 == (await site.ask(1, "PATCH", f"~/users/{id}", changed)).status
    await site.soon(401, "GET", "/token_auth", token=token)


async def test_a_role_that_is_changed(site: Site) -> None:
    """Who was an administrator may at once no more than a user."""
    id, name = await site.user(priv_level="admin")
    token = (await site.login(1, name)).token
    assert await site.everywhere(200, "GET", "~/users", token=token)
    wished = {"name": "Menu"}
    assert 201 == (await site.ask(0, "PUT", "~/menus", wished, token)).status
    assert 200 == (await site.ask(2, "PATCH", f"~/users/{id}", {"priv_level": "user"})).status
    await site.soon(403, "PUT", "~/menus", wished, token)


async def test_a_document_that_is_changed(site: Site) -> None:
    """Read, listed and found by all as it is now, whoever has it in a cache; its id and its value are taken."""
    made = await site.ask(0, "PUT", "~/devices", {"name": "Hall", "mac_address": "00:11:22:33:44:55"})
    path = f"~/devices/{made.data['id']}"
    assert await site.everywhere(200, "GET", path)
    assert 200 == (await site.ask(1, "PATCH", path, {"name": "Kitchen"})).status

    async def is_seen() -> bool:
        return {"Kitchen"} == {(await site.ask(at, "GET", path)).data["name"] for at in (0, 0, 0, 1, 2)}

    await eventually(is_seen, SOON)
    same = {"name": "Other", "mac_address": "00:11:22:33:44:55"}
    assert [400] * 3 == [(await site.ask(at, "PUT", "~/devices", same)).status for at in range(3)]
    assert 200 == (await site.ask(2, "DELETE", path)).status
    await site.soon(404, "GET", path)


async def test_limits_that_are_lowered(site: Site) -> None:
    """What the parent account sets through one holds for what is made through the others."""
    users = len((await site.ask(0, "GET", "~/users?page_size=500")).data)
    assert 200 == (await site.ask(0, "PATCH", "~/limits", {"users": users + 1}, site.parent)).status
    made = [(await site.ask(at, "PUT", "~/users", {"first_name": "A", "last_name": "B"})).status for at in (1, 2, 0)]
    assert 201 == made[0]
    assert 201 not in made[1:]
    assert 200 == (await site.ask(1, "PATCH", "~/limits", {"users": -1}, site.parent)).status
    again = [(await site.ask(at, "PUT", "~/users", {"first_name": "A", "last_name": "B"})).status for at in (2, 0)]
    assert [201, 201] == again


async def test_a_webhook_of_another_server(site: Site) -> None:
    """Made through one, told of what is done through the others, once each; disabled, it is told of nothing more."""
    async with receiving() as receiver:
        hook = {"name": "Tell", "hook": "object", "uri": receiver.uri, "format": "json"}
        made = await site.ask(1, "PUT", "~/webhooks", hook)
        assert 201 == made.status, made
        devices = [(await site.ask(at, "PUT", "~/devices", {"name": f"At {at}"})).data["id"] for at in (0, 2, 1)]
        await until(lambda: len(receiver.received) == 3, WAIT)
        assert sorted(devices) == sorted(got.event["id"] for got in receiver.received)
        assert 200 == (await site.ask(2, "PATCH", f"~/webhooks/{made.data['id']}", {"enabled": False})).status
        for at in (0, 2, 1):
            assert 201 == (await site.ask(at, "PUT", "~/devices", {"name": f"Again at {at}"})).status

        async def attempts() -> list[Any]:
            written: list[Any] = (await site.ask(0, "GET", f"~/webhooks/{made.data['id']}/attempts")).data
            return written if len(written) >= 3 else []  # they are written down after the receiver has answered

        assert 3 == len(await eventually(attempts)) == len(receiver.received)


async def test_an_account_that_is_disabled(site: Site) -> None:
    """The last test of this file: all its tokens end, and it is found by its new name when it is back."""
    _, name = await site.user()
    token = (await site.login(0, name)).token
    path = f"/accounts/{site.account}"
    assert 200 == (await site.ask(0, "PATCH", path, {"enabled": False}, site.parent)).status
    await site.soon(401, "GET", "/token_auth", token=token)
    assert 200 == (await site.ask(1, "PATCH", path, {"enabled": True, "name": "renamed"}, site.parent)).status
    await site.soon(200, "GET", "/token_auth", token=token)
    assert [201] * 3 == [(await site.login(at, name, "renamed")).status for at in range(3)]
    assert [401] * 3 == [(await site.login(at, name, "customer")).status for at in range(3)]
