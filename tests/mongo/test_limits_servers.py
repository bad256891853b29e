"""Limits of several servers on one MongoDB, each with processes of its own: a bound holds for all of them together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from crossbar.stores.choose import store_at
from crossbar.testing import small_world

from ..cli.conftest import Live, ended, started
from ..cli.test_shared_limits import SIZE, VARIABLES, ask
from .servers import Server, fresh_database, patient

PATIENCE = 30


class Servers(NamedTuple):
    """Two servers on one database, a token that is good for both, and the path of its account."""

    one: Live
    two: Live
    token: str
    path: str


async def planted(uri: str) -> tuple[str, str]:
    """Put a small tree of accounts into a database; a token and a path."""
    world = await small_world(store_at(uri))
    try:
        return await world.token("customer"), f"/accounts/{world.customer}"
    finally:
        await world.app.stop()


@pytest.fixture(scope="module")
def servers(mongo_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Give two servers on one database, the first of which has two workers; logins cost no tokens."""
    with ExitStack() as closing:
        uri = closing.enter_context(fresh_database(mongo_server))
        token, path = asyncio.run(planted(uri))

        def serve(workers: str) -> Live:
            folder = tmp_path_factory.mktemp("server")
            options = ("--store", patient(uri), "--workers", workers)
            live = started(folder, *options, **VARIABLES, CROSSBAR__RATE__COSTS__USER_AUTH="0")
            closing.callback(ended, live)
            return live

        yield Servers(serve("2"), serve("1"), token, path)


def test_two_servers_admit_what_one_would(servers: Servers) -> None:
    """What the workers of one took is gone on the other, and the other way round."""
    one, two, token, path = servers
    with ThreadPoolExecutor(8) as asking:
        statuses = [*asking.map(lambda _: ask(one, "GET", path, token=token)[0], range(SIZE // 2))]
    assert [200] * (SIZE // 2) == statuses
    deadline, asked = time.monotonic() + PATIENCE, 1
    while (left := ask(two, "GET", path, token=token)[2]["tokens"]["remaining"]) > SIZE // 2 - asked:
        assert time.monotonic() < deadline, f"{left} are left"
        asked += 1
        time.sleep(0.3)
    assert SIZE // 2 - asked == left
    assert [200] * left == [ask(two, "GET", path, token=token)[0] for _ in range(left)]
    assert 429 == ask(two, "GET", path, token=token)[0]
    while (status := ask(one, "GET", path, token=token)[0]) != 429:
        assert time.monotonic() < deadline, f"the first server still answers {status}"


def test_failed_logins_of_another_server(servers: Servers) -> None:
    """Ten failures at one close the account on the other, before it has seen ten of its own."""
    one, two, _, _ = servers
    wrong = {"credentials": "0" * 32, "account_name": "customer"}
    with ThreadPoolExecutor(10) as trying:
        statuses = [*trying.map(lambda _: ask(two, "PUT", "/user_auth", wrong)[0], range(10))]
    assert [401] * 10 == statuses
    found = [ask(one, "PUT", "/user_auth", wrong)[0] for _ in range(9)]
    assert 429 == found[-1]
