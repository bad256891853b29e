"""Fixtures of the tests of modules: a receiver and a clock for webhooks, an account of one's own for everything."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from crossbar.testing import World, make_store, small_world

from .office import Office, office_in
from .tools import Clock, Home, Receiver, at_home, receiving, settings


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that takes what comes."""
    async with receiving() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until the test moves it."""
    return Clock()


@pytest.fixture
async def home(clock: Clock) -> AsyncIterator[Home]:
    """An account in an application of the test's own, in memory, on the clock that stands."""
    async with at_home(clock=clock) as made:
        yield made


@pytest.fixture(scope="session", params=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """An application over each store, shared by all tests; what they change, they change in an account of their own."""
    store = make_store(request.param, tmp_path_factory.mktemp("modules"))
    made = await small_world(store, settings(deliver=False))
    yield made
    await made.app.stop()


@pytest.fixture
async def office(world: World) -> Office:
    """An account of the test's own."""
    return await office_in(world)
