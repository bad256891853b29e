"""What the tests of limits share: worlds that count, and clients at addresses of their choice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from crossbar import Endpoint, Settings
from crossbar.passwords import wire_credentials
from crossbar.settings import Auth, Log, Rate
from crossbar.testing import ASGI, Client, Clock, Response, World, small_world

WRONG = "0" * 32
RIGHT, _ = wire_credentials("admin", "crossbar")


def at(app: ASGI, address: str) -> ASGI:
    """The application as a server hands it the connections from an address."""

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": (address, 40_000)} if scope["type"] != "lifespan" else scope, receive, send)

    return served


@asynccontextmanager
async def counting(
    rate: Rate | None = None, auth: Auth | None = None, endpoints: Iterable[Endpoint] = ()
) -> AsyncIterator[tuple[World, Clock]]:
    """A world in which requests and logins are counted, and its clock; failed logins are answered without delay."""
    clock = Clock()
    settings = Settings(auth=auth or Auth(hash_memory=8), rate=rate or Rate(), log=Log(access=False))
    world = await small_world(settings=settings, clock=clock, endpoints=endpoints)

    async def at_once(seconds: float) -> None:
        """Hold nothing back."""

    world.app.logins.pause = at_once
    try:
        yield world, clock
    finally:
        await world.app.stop()


async def client_at(world: World, address: str, account: str = "customer") -> Client[ASGI]:
    """The administrator of an account, at an address."""
    return Client(at(world.app, address), await world.token(account))


async def tried(
    world: World, credentials: str = WRONG, address: str = "192.0.2.1", account: str = "customer", **more: str
) -> Response:
    """The response to a login."""
    named = more or {"account_name": account}
    return await Client(at(world.app, address)).put("/user_auth", {"credentials": credentials, **named})
