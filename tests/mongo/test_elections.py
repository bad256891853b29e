"""What only a real replica set shows: a primary that steps down under load, and a majority that cannot follow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from crossbar.stores import Guard, Insert, Query, Replace
from crossbar.stores.mongo import MongoStore

from ..contract.documents import device, devices, document, ids, insert
from .lines import WAIT, back, opened, outcome, soon, there, together
from .servers import Server, with_options

IMPATIENT = True  # it is about servers that do not answer in time

WRITERS = 8


def members(server: Server) -> list[str]:
    """The hosts of a replica set, the primary last; the test is skipped for a cluster, which has several."""
    hello = server.client.admin.command("hello")
    if "setName" not in hello:
        pytest.skip("this is a sharded cluster: name one of its replica sets")
    return [*(host for host in hello["hosts"] if host != hello["primary"]), hello["primary"]]


@pytest.mark.real_mongodb("elections")
async def test_an_election_under_load(mongo_server: Server, mongo_database: str) -> None:
    """Nobody waits long, nothing that was acknowledged is lost or there twice, and all goes on by itself."""
    members(mongo_server)
    async with opened(mongo_database) as store:
        await insert(store, *(device(f"c{n}", count=0) for n in range(WRITERS)))
        sure, unsure, over = [0] * WRITERS, [0] * WRITERS, asyncio.Event()

        async def raising(n: int) -> None:
            while not over.is_set():
                if "done" != await soon(count_up(store, n, sure, unsure)):
                    await asyncio.sleep(0)

        load = asyncio.create_task(together(raising(n) for n in range(WRITERS)))
        try:
            await grown(sure, 40, load)
            await asyncio.to_thread(step_down, mongo_server)
            await back(store)
            await grown(sure, sum(sure) + 40, load)
        finally:
            over.set()
            await load
        for n in range(WRITERS):
            found = await there(store, "acme", "devices", f"c{n}")
            assert found.data()["count"] + 1 == found.revision
            assert sure[n] <= found.data()["count"] <= sure[n] + unsure[n]
            steps = [id for id in ids(await store.page(Query("acme", "notes", limit=10_000))) if id.startswith(f"{n}-")]
            assert found.data()["count"] == len(steps) == len({*steps})


async def count_up(store: MongoStore, n: int, sure: list[int], unsure: list[int]) -> None:
    """Raise a counter, and make a note of it in the same transaction."""
    found = await there(store, "acme", "devices", f"c{n}")
    count = found.data()["count"] + 1
    step = Replace(found.with_data({"count": count}))
    said = await outcome(store.write([Guard(devices()), step, Insert(document("notes", f"{n}-{count}"))]))
    assert said in ("done", "unavailable")
    sure[n] += said == "done"
    unsure[n] += said != "done"


async def grown(sure: list[int], most: int, load: asyncio.Task[Any]) -> None:
    """Wait until so many steps were acknowledged."""
    async with asyncio.timeout(2 * WAIT):
        while sum(sure) < most and not load.done():  # noqa: ASYNC110 - the writers do not know what is waited for
            await asyncio.sleep(0.01)


def step_down(server: Server) -> None:
    """Have the primary step down; one that is alone comes back when the time is over."""
    try:
        server.client.admin.command({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 3, "force": True})
    except AutoReconnect:
        return


@contextmanager
def held_back(server: Server) -> Iterator[None]:
    """All secondaries take no writes."""
    secondaries = members(server)[:-1]
    if len(secondaries) < 2:
        pytest.skip("a majority that cannot follow takes three members that have data")
    with ExitStack() as stack:
        for host in secondaries:
            scheme, _, rest = server.uri.partition("://")
            people, at, _ = rest.partition("/")[0].rpartition("@")
            query = rest.partition("?")[2]
            uri = with_options(f"{scheme}://{people}{at}{host}/?{query}", directConnection="true")
            client = stack.enter_context(MongoClient[dict[str, Any]](uri))
            client.admin.command({"fsync": 1, "lock": True})
            stack.callback(client.admin.command, "fsyncUnlock")
        yield


@pytest.mark.real_mongodb("what a majority that lags behind does to writes")
async def test_a_majority_that_cannot_follow(mongo_server: Server, mongo_database: str) -> None:
    """What only the primary has is not acknowledged, and not shown to anybody as if it were."""
    async with opened(mongo_database) as store:
        await insert(store, device("before"))
        with held_back(mongo_server):
            said = await together(
                [
                    soon(store.write([Insert(device("alone"))])),
                    soon(store.write([Guard(devices()), Insert(device("guarded"))])),
                ]
            )
            assert ["unavailable"] * 2 == said
            assert ["before"] == ids(await store.page(devices()))
        await back(store)
        assert "done" == await outcome(store.write([Guard(devices()), Insert(device("after"))]))
        assert {"before", "after"} <= {*ids(await store.page(devices()))}
