"""Fixtures of the tests of webhooks: a receiver, a clock that stands, and an account in an application of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .tools import Clock, Home, Receiver, at_home, receiving


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
