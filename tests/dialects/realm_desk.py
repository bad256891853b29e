"""What the tests of the realm style share: an account of one's own, its people, and requests as clients send them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from msgspec.structs import replace

from crossbar.settings import Dialects, Realm
from crossbar.testing import QUICK, Client, Response, World, small_world

ADMIN, PASSWORD = "ada.byron", "correct horse"
API = "/api/ver1.0"
NOWHERE = "f" * 32
_numbers = count(1000)


@dataclass(frozen=True, slots=True)
class Desk:
    """An account with a number prefix, and a token of its administrator."""

    world: World
    id: str
    token: str
    prefix: str

    async def ask(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        body: bytes | None = None,
        token: str | None = None,
        **fields: str,
    ) -> Response:
        """The response to a request below the API's prefix; `//x` is sent as `/x`, and an empty token is none."""
        token = self.token if token is None else token
        raw = json.dumps(data).encode() if data is not None else body
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if token:
            headers["authorization"] = f"Bearer {token}"
        target = path[1:] if path.startswith("//") else API + path
        return await Client(self.world.app, None, "").request(method, target, body=raw, headers=headers)

    async def get(self, path: str, **options: Any) -> Any:
        """What a path answers with, which must be 200."""
        response = await self.ask("GET", path, **options)
        assert 200 == response.status, response.body
        return response.json()

    async def made(self, path: str, data: Any) -> Any:
        """What was made, which must be 201."""
        response = await self.ask("POST", path, data)
        assert 201 == response.status, response.body
        return response.json()

    async def extension(self, number: str, **fields: Any) -> str:
        """The id of a new extension."""
        id: str = (await self.made("/client/@me/extension/", {"name": number, **fields}))["id"]
        return id

    async def token_of(self, user_id: str) -> str:
        """A token of a user of the account."""
        return await _token(self.world, self.id, user_id)

    async def stored(self, kind: str, id: str) -> dict[str, Any]:
        """The body of a document as the store has it."""
        document = await self.world.app.store.get(self.id, kind, id)
        assert document is not None
        return document.data()

    async def below(self, prefix: str = "") -> Desk:
        """The desk of a new account below this one."""
        return await desk_below(self.world, self.id, self.token, prefix)


def told(response: Response, status: int, word: str) -> str:
    """The message of an error, which must have this status and word, and nothing beside them."""
    assert status == response.status, response.body
    error = response.json()
    assert ({"message", "status"}, word) == ({*error}, error["status"])
    message: str = error["message"]
    return message


async def desk_in(world: World, prefix: str = "") -> Desk:
    """The desk of a new account below the master account."""
    return await desk_below(world, world.master, await world.token("master"), prefix)


async def desk_below(world: World, parent: str, token: str, prefix: str = "") -> Desk:
    """The desk of a new account below another one, which is filled through Crossbar's own API."""
    client = Client(world.app, token)
    prefix = prefix or str(next(_numbers))
    account = (await client.put(f"/accounts/{parent}", {"name": f"Office {prefix}", "prefix": prefix})).data["id"]
    person = {"first_name": "Ada", "last_name": "Byron", "username": ADMIN, "password": PASSWORD}
    admin = await client.put(f"/accounts/{account}/users", person | {"priv_level": "admin"})
    return Desk(world, account, await _token(world, account, admin.data["id"]), prefix)


@asynccontextmanager
async def world_with(**options: Any) -> AsyncIterator[World]:
    """A world in which the realm style has other options."""
    world = await small_world(settings=replace(QUICK, dialects=Dialects(realm=Realm(**options))))
    try:
        yield world
    finally:
        await world.app.stop()


async def _token(world: World, account_id: str, user_id: str) -> str:
    account = await world.app.tenants.account(account_id)
    user = await world.app.store.get(account_id, "users", user_id)
    assert account is not None
    assert user is not None
    return world.app.tokens.mint(account, user, "cb_user_auth")
