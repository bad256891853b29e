"""What failed logins cost, however they are made, and what they do not tell."""

from __future__ import annotations

import pytest

from crossbar.settings import Rate

from .addresses import WRONG, counting, tried
from .test_brute_force import by_basic
from .tools import refused


async def test_a_wrong_basic_credential_costs_a_login() -> None:
    """A guess is no cheaper as a Basic credential than as a login."""
    async with counting(Rate(size=100, refill=1, per="day")) as (world, _):
        left = [(await by_basic(world, WRONG, "192.0.2.1")).json()["tokens"]["remaining"] for _ in range(2)]
        assert [65, 30] == left
        refused(await by_basic(world, WRONG, "192.0.2.1"), 429, "too_many_requests")


@pytest.mark.parametrize("name", ["customer", "nobody"])
async def test_a_name_that_is_tried_as_a_realm(name: str) -> None:
    """Failures under a name say nothing about it when it is tried as a realm, which it is not."""
    async with counting(Rate(enabled=False)) as (world, _):
        for number in range(10):
            assert 401 == (await tried(world, address=f"192.0.2.{number}", account_name=name)).status
        assert 429 == (await tried(world, address="192.0.2.100", account_name=name)).status
        assert 401 == (await tried(world, address="192.0.2.101", account_realm=name)).status
