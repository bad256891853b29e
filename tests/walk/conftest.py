"""Worlds to walk in: one application for each store, and an account of its own for each test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from crossbar import Document, Insert, login_name
from crossbar.resource import new_id
from crossbar.testing import NOW, Client, Clock, World, make_store, small_world

from .papers import Notes, Papers, made
from .recordings import Recordings
from .staff import Staff, hired
from .tools import SETTINGS, Away, Crashing, Home, Late

_numbers = count(1)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="session")
def clock() -> Clock:
    """The clock of the shared worlds, which stands still."""
    return Clock(NOW + 100_000)


@pytest.fixture(scope="session", params=["memory", "sqlite"])
async def world(
    request: pytest.FixtureRequest, clock: Clock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """An application over each store, shared by all tests; what they change, they change in an account of their own."""
    store = make_store(request.param, tmp_path_factory.mktemp("walk"), clock)
    world = await small_world(store, SETTINGS, endpoints=[Crashing(), Late(), Away()], clock=clock)
    yield world
    await world.app.stop()


@pytest.fixture
async def own_clock() -> Clock:
    """A clock that the test may set, and that `own_world` goes by."""
    return Clock(NOW + 100_000)


@pytest.fixture
async def own_world(own_clock: Clock) -> AsyncIterator[World]:
    """An application of the test's own, in memory."""
    world = await small_world(settings=SETTINGS, clock=own_clock)
    yield world
    await world.app.stop()


@pytest.fixture
async def client(world: World) -> Client:
    """A client that is logged in as the administrator of the reseller."""
    return await world.client("reseller")


@pytest.fixture
async def home(world: World, client: Client) -> Home:
    """An account of the test's own, below the reseller."""
    # NOTE: put into the store directly, since thousands of tests begin with it; `test_accounts` makes accounts by PUT.
    id, key = new_id(), secrets.token_hex(32)
    name = f"Home {next(_numbers)}"
    body = {"name": name, "realm": f"{id}.example.com", "enabled": True}
    tree = [world.master, world.reseller]
    private = {"tree": tree, "parent": tree[-1], "identity": id, "login_name": login_name(name), "api_key": key}
    now = int(world.app.clock())
    account = Document.of("", "accounts", id, body, now, private)
    pointer = Document.of("", "api_keys", sha256(key.encode()).hexdigest(), {"account_id": id}, now)
    await world.app.store.write([Insert(account), Insert(pointer)])
    return Home(world, client, id)


@pytest.fixture(params=["memory", "sqlite"])
async def papers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """An application of the test's own with documents that have files."""
    world = await small_world(make_store(request.param, tmp_path), SETTINGS, endpoints=[Papers(), Notes()])
    yield world
    await world.app.stop()


@pytest.fixture
async def paper(papers: World) -> str:
    """The path of a document that may have a cover and pages."""
    return await made(await papers.client("customer"), "papers", {"title": "On numbers"})


@pytest.fixture
async def staff(home: Home, world: World) -> Staff:
    """An account with people of several roles, and what belongs to each."""
    return await hired(home, world)


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    """Give the endpoint that answers `listener` with bytes."""
    return Recordings()


@pytest.fixture(scope="module")
async def listener(recordings: Recordings) -> AsyncIterator[Client]:
    """Give a client, without a token, of an application with recordings."""
    world = await small_world(endpoints=[recordings])
    yield Client(world.app)
    await world.app.stop()
