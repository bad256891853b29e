"""Fixtures of the tests of dialects: an application that speaks all of them, shared by all tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from crossbar.testing import World, small_world

from .people import Town, settled


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="session")
async def world() -> AsyncIterator[World]:
    """An application in memory; what tests change, they change in an account of their own."""
    made = await small_world()
    yield made
    await made.app.stop()


@pytest.fixture
async def town(world: World) -> Town:
    """Accounts of the test's own, with people in them."""
    return await settled(world)
