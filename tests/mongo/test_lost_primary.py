"""A server that is lost, in every manner: requests are refused soon, what was acknowledged stays, and it comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from crossbar.errors import StoreUnavailable
from crossbar.settings import MongoSettings
from crossbar.stores import Delete, Guard, Insert, Replace, Store
from crossbar.stores.mongo import MongoStore, blobs
from crossbar.testing import Client, World, small_world

from ..contract.blobs import content, finished, noted
from ..contract.documents import KINDS, device, devices, ids, insert
from .cutting import Cutting
from .lines import SOON, WAIT, Line, back, line_to, opened, outcome, soon, there, together
from .servers import Server, differs, failpoint, told, with_database
from .standin import Standin, standin

IMPATIENT = True  # it is about servers that do not answer in time

BLOB = content(600_000)


@pytest.fixture
async def line(mongo_server: Server, mongo_database: str) -> AsyncIterator[Line]:
    """A store with one device and one note that has a blob, behind a proxy."""
    async with line_to(mongo_server.address, mongo_database) as made:
        await insert(made.store, device("d1"))
        yield made
        await made.proxy.heal()


async def all_sorts(store: MongoStore, blob: Any, turn: str) -> list[Callable[[], Awaitable[Any]]]:
    """Something of each sort that can be asked of a store."""

    async def download() -> None:
        async for _ in store.read_blob("acme", blob.id):
            pass

    async def upload() -> None:
        await finished(store, BLOB)

    return [
        lambda: store.get("acme", "devices", "d1"),
        lambda: store.page(devices()),
        lambda: store.count(devices()),
        lambda: store.write([Insert(device(f"one-{turn}"))]),
        lambda: store.write([Insert(device(f"many-{turn}", n)) for n in range(1, 4)]),
        lambda: store.write([Guard(devices()), Insert(device(f"guarded-{turn}"))]),
        lambda: store.write([Replace(device("d1", revision=1))]),
        lambda: store.write([Delete("acme", "devices", "none", purge=True)]),
        lambda: store.health(),
        download,
        upload,
    ]


def refused(proxy: Cutting) -> None:
    """Cut all connections, and take no new ones: the process has ended."""
    proxy.refuse()
    proxy.reset()


@pytest.mark.parametrize("lose", [Cutting.stall, refused], ids=["black hole", "refused"])
async def test_everything_is_refused_soon(line: Line, lose: Callable[[Cutting], None]) -> None:
    """Whether it has just gone or is known to be gone; when it is there again, all of it works as before."""
    store, proxy = line.store, line.proxy
    blob = await noted(store, BLOB)
    lose(proxy)
    for turn in ("surprised", "known"):
        said = await together(soon(ask()) for ask in await all_sorts(store, blob, turn))
        assert ["unavailable"] * len(said) == said
    await proxy.heal()
    await back(store)
    assert "d1" in ids(await store.page(devices()))
    said = await together(soon(ask()) for ask in await all_sorts(store, blob, "after"))
    assert {"done", "unavailable"} >= {*said} - {"UniqueConflict", "DocumentMissing", "RevisionConflict"}
    assert "unavailable" not in said


@pytest.mark.parametrize("lose", [Cutting.stall, refused], ids=["black hole", "refused"])
async def test_patience(mongo_server: Server, mongo_database: str, lose: Callable[[Cutting], None]) -> None:
    """With a larger `answer_seconds`, what would be refused by default is done once the server is back."""
    patient = MongoSettings(answer_seconds=WAIT)
    async with line_to(mongo_server.address, mongo_database, settings=patient) as line:
        store = line.store
        await insert(store, device("d1"))
        blob = await noted(store, BLOB)
        lose(line.proxy)
        # NOTE: a listing that is under way when a server goes has no more time than any other.
        while store._opened()._servers[0].known:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        asking = [asyncio.ensure_future(outcome(ask())) for ask in await all_sorts(store, blob, "late")]
        done, _ = await asyncio.wait(asking, timeout=2.5)
        assert not done
        await line.proxy.heal()
        said = {*await asyncio.gather(*asking)}
        assert {"done"} == said - {"UniqueConflict", "DocumentMissing", "RevisionConflict"}


async def test_nobody_waits_in_an_outage(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once no server has been there for a while, everything is refused without looking for one, until there is one."""
    store = line.store
    for servers in store._opened()._servers:
        monkeypatch.setattr(servers, "_gone_for", 0.0)
    refused(line.proxy)
    asks: list[Callable[[], Awaitable[Any]]]
    asks = [lambda: store.get("acme", "devices", "d1"), lambda: store.page(devices()), store.health]
    for ask in asks:
        while True:
            asking = asyncio.ensure_future(ask())
            await asyncio.sleep(0)
            if asking.done():  # with nothing but a look at what is known
                break
            await asyncio.wait({asking})
            asking.exception()
        with pytest.raises(StoreUnavailable, match=r"no primary can be reached \(127\.0\.0\.1:\d+: "):
            asking.result()
    await line.proxy.heal()
    await back(store)
    assert await store.get("acme", "devices", "d1") is not None


async def test_a_reset_is_not_noticed(line: Line) -> None:
    """Connections that are gone, while the server is there: all of it is asked for again."""
    blob = await noted(line.store, BLOB)
    for turn in ("first", "second"):
        line.proxy.reset()
        said = await together(soon(ask()) for ask in await all_sorts(line.store, blob, turn))
        assert "unavailable" not in said


async def test_what_a_lost_transaction_has_locked_is_free_again(mongo_server: Server, mongo_database: str) -> None:
    """The server never got its end: the next one need not wait for it to expire, which takes a minute."""
    guard = Guard(devices(), finds=False)
    async with opened(f"{mongo_database}&appName=lost") as store:
        stuck = {"failCommands": ["commitTransaction"], "blockConnection": True, "blockTimeMS": 8000, "appName": "lost"}
        with failpoint(mongo_server, times=1, **stuck):
            assert "unavailable" == await soon(store.write([guard, Insert(device("lost"))]))
        assert "done" == await soon(store.write([guard, Insert(device("next"))]))
        assert ["next"] == ids(await store.page(devices()))


async def test_what_a_cancelled_request_has_locked_is_free_again(mongo_server: Server, mongo_database: str) -> None:
    """A client that goes away in the middle of a transaction leaves nothing, and is in nobody's way."""
    guard = Guard(devices(), finds=False)
    async with opened(f"{mongo_database}&appName=gone") as store:
        stuck = {"blockConnection": True, "blockTimeMS": 8000, "appName": "gone"}
        for command in ("insert", "commitTransaction"):
            failing = failpoint(mongo_server, times=1, failCommands=[command], **stuck)
            with failing, pytest.raises(TimeoutError):
                await asyncio.wait_for(store.write([guard, Insert(device("gone"))]), 0.5)
            assert "done" == await soon(store.write([guard, Insert(device("next"))]))
            assert ["next"] == ids(await store.page(devices()))
            await store.write([Delete("acme", "devices", "next", purge=True)])


async def test_who_is_cancelled_ends(mongo_database: str) -> None:
    """At whatever point, and its connection is there for the next one: there are two for all of them."""
    async with opened(mongo_database, settings=MongoSettings(connections=2)) as store:
        await insert(store, device("d1"))

        async def asking() -> None:
            while True:
                await store.get("acme", "devices", "d1")
                await store.page(devices())

        for steps in range(80):
            task = asyncio.create_task(asking())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task}, timeout=WAIT)
            assert task.cancelled()
        assert ["done"] * 8 == await together(soon(store.get("acme", "devices", "d1")) for _ in range(8))


async def test_a_slow_server_is_not_waited_for(mongo_server: Server, mongo_database: str) -> None:
    """One that is there and does not get on counts as lost for a request, not for the next one."""
    async with opened(f"{mongo_database}&appName=slow") as store:
        slow = {"blockConnection": True, "blockTimeMS": 8000, "appName": "slow"}
        with failpoint(mongo_server, failCommands=["insert"], times=1, **slow):
            assert "unavailable" == await soon(store.write([Insert(device("d1"))]))
        assert "done" == await soon(store.write([Insert(device("d2"))]))
        assert await store.get("acme", "devices", "d2") is not None


async def test_a_store_that_opens_when_nobody_is_there(mongo_server: Server, mongo_database: str) -> None:
    """Opening is refused soon, also by a server that says nothing, and works when it is there."""
    async with Cutting(*mongo_server.address) as proxy:
        store = MongoStore(proxy.through(mongo_database))
        for lose in (Cutting.stall, refused):
            lose(proxy)
            assert "unavailable" == await soon(store.open(KINDS))
            await proxy.heal()
        await store.open(KINDS)
        await insert(store, device("d1"))
        await store.close()


# -- a server that is killed --------------------------------------------------------------------------------


@pytest.fixture
def private(tmp_path: Path) -> Any:
    """A server that the test may kill."""
    with standin(tmp_path) as made:
        yield made


async def test_a_server_that_is_killed_forgets_nothing(private: Standin) -> None:
    """What was acknowledged before, and while it died, is there when it is started again; nothing is there by half."""
    async with opened(with_database(private.uri, "killed")) as store:
        sure: list[str] = []
        enough = asyncio.Event()

        async def fill(writer: int) -> None:
            for n in range(1000):
                id = f"w{writer}-{n}"
                changes = [Insert(device(id)), Insert(device(f"{id}-also"))] if writer % 2 else [Insert(device(id))]
                if "done" != await soon(store.write(changes)):
                    return
                sure.append(id)
                if len(sure) == 40:
                    enough.set()

        filling = asyncio.create_task(together(fill(n) for n in range(4)))
        await asyncio.wait_for(enough.wait(), WAIT)
        private.kill()
        await filling
        assert "unavailable" == await soon(store.health())
        private.start()
        await back(store)
        known = told(private.uri)
        assert isinstance(known, Server)
        lost = differs(known, "a transaction that was committed with j may be lost when it is killed")
        for id in sure:
            if id[1] in "02" or not lost:
                await there(store, "acme", "devices", id)
        found = ids(await store.page(devices(limit=10_000)))
        assert len(found) == len({*found})
        halves = {id.removesuffix("-also") for id in found if id[1] in "13"}
        assert all({id, f"{id}-also"} <= {*found} for id in halves)


async def test_an_application_comes_back_by_itself(private: Standin, caplog: pytest.LogCaptureFixture) -> None:
    """Requests get a 503 that says when to come back, and `/readyz` too, until the server is there again."""
    caplog.set_level(logging.CRITICAL)
    world = await small_world(MongoStore(with_database(private.uri, "app")))
    client = await world.client()
    menus = f"/accounts/{world.master}/menus"
    try:
        assert (201, 200) == ((await client.put(menus, {"name": "One"})).status, await ready(world))
        private.kill()
        for ask in (client.get(menus), client.put(menus, {"name": "Two"}, headers={"idempotency-key": "two"})):
            began = monotonic()
            answer = await ask
            assert (503, "datastore_unreachable") == (answer.status, answer.word)
            assert int(answer.headers["retry-after"]) > 0
            assert monotonic() - began < SOON
        assert 503 == await ready(world)
        private.start()
        deadline = monotonic() + WAIT
        while 200 != await ready(world):
            assert monotonic() < deadline
            await asyncio.sleep(0.02)
        two = await client.put(menus, {"name": "Two"}, headers={"idempotency-key": "two"})
        assert 201 == two.status
        assert ["One", "Two"] == sorted(row["name"] for row in (await client.get(menus)).data)
    finally:
        await world.app.stop()


async def ready(world: World) -> int:
    """What `/readyz` says."""
    return (await Client(world.app, prefix="").get("/readyz")).status


# -- what takes long ----------------------------------------------------------------------------------------


async def test_a_slow_reader_may_take_its_time(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download outlives every limit of the store: between two pieces nothing is under way."""
    store, whole = line.store, content(12 * blobs.CHUNK)
    monkeypatch.setattr(store._opened(), "answers_within", 1)
    monkeypatch.setattr("crossbar.stores.mongo.connection._BYTES_WITHIN", 1)
    blob = await noted(store, whole)
    got = bytearray()
    async for piece in store.read_blob("acme", blob.id):
        got += piece
        await asyncio.sleep(0.1)
    assert whole == bytes(got)


async def test_a_download_goes_on_or_says_that_it_cannot(line: Line) -> None:
    """A server that is lost in its middle: all bytes come, or an error soon, never fewer."""
    blob = await noted(line.store, content(12 * blobs.CHUNK))
    pieces = line.store.read_blob("acme", blob.id)
    assert content(12 * blobs.CHUNK).startswith(await anext(pieces))
    line.proxy.stall()

    async def rest() -> None:
        async for _ in pieces:
            pass

    assert "unavailable" == await soon(rest())
    await line.proxy.heal()
    await back(line.store)
    with pytest.raises(StopAsyncIteration):
        await anext(pieces)


async def test_a_closed_store_says_so(line: Line) -> None:
    """What runs while it is closed ends with an error of the store, and what comes later too; it opens again."""
    store: Store = line.store
    asked = [asyncio.create_task(outcome(store.page(devices()))) for _ in range(20)]
    await asyncio.sleep(0)
    await line.store.close()
    assert {"done", "unavailable"} >= {*await asyncio.gather(*asked)}
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.get("acme", "devices", "d1")
    await store.open(KINDS)
    assert await store.get("acme", "devices", "d1") is not None
