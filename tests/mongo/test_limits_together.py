"""Limits of several applications on one MongoDB: what one of them counts, the others know within a second."""

from __future__ import annotations

from crossbar.stores.choose import store_at

from ..test_limits_exchange_apps import share_limits, worlds


async def test_two_applications_count_together(mongo_database: str) -> None:
    """Requests and failed logins of one are those of the other."""
    async with worlds(store_at(mongo_database), store_at(mongo_database)) as (one, two):
        await share_limits(one, two)
