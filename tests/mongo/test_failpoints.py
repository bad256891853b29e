"""Errors that a server tells: what is tried again, what a caller is told, and that both leave no half of anything."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from crossbar.errors import StoreError, StoreOverdue, StoreUnavailable, UniqueConflict
from crossbar.stores import Change, Guard, Insert, Replace
from crossbar.stores.mongo import MongoStore

from ..contract.blobs import content, finished
from ..contract.documents import device, devices, ids, insert
from .lines import WAIT, back, opened, outcome, repeat_alike, soon, there
from .servers import Server, failpoint, with_options

IMPATIENT = True  # it is about servers that do not answer in time

NAME = "failing"
"""What the clients of these tests call themselves, so that nobody else is harmed."""

LOST = {"not primary": 10107, "shutting down": 11600, "ended": 91, "stepped down": 189}
SINGLE = "insert", "findAndModify", "find", "update", "delete", "aggregate"
TRANSIENT, UNKNOWN = ["TransientTransactionError"], ["UnknownTransactionCommitResult"]


@pytest.fixture(autouse=True)
def _repeating(mongo_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have repeated writes known as such."""
    repeat_alike(mongo_server, monkeypatch)


@pytest.fixture
async def store(mongo_database: str) -> Any:
    """A store whose commands can be made to fail, with two devices in it."""
    async with opened(with_options(mongo_database, appName=NAME)) as made:
        await insert(made, device("d1"), device("d2"))
        yield made


@contextmanager
def failing(server: Server, *commands: str, times: int | None = None, **how: Any) -> Iterator[None]:
    """Let commands of the store fail."""
    with failpoint(server, times=times, failCommands=[*commands], appName=NAME, **how):
        yield


WRITES: dict[str, list[Change]] = {
    "alone": [Insert(device("new"))],
    "together": [Insert(device("new")), Replace(device("d1", name="other"))],
    "guarded": [Guard(devices()), Insert(device("new"))],
}


async def is_whole(store: MongoStore, write: str) -> bool:
    """Whether a write was done; none of it otherwise."""
    made = await store.get("acme", "devices", "new") is not None
    if write == "together":
        assert made == ((await there(store, "acme", "devices", "d1")).revision == 2)
    return made


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("code", LOST.values(), ids=LOST)
@pytest.mark.parametrize("command", ["insert", "commitTransaction"])
async def test_a_primary_that_changes_is_not_noticed(
    mongo_server: Server, store: MongoStore, write: str, code: int, command: str
) -> None:
    """One refusal, and the write is sent to whoever is the primary then; it counts once."""
    with failing(mongo_server, command, times=1, errorCode=code):
        assert "done" == await soon(store.write(WRITES[write]))
    assert await is_whole(store, write)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("how", [{"errorCode": 10107}, {"closeConnection": True}], ids=["no primary", "hangs up"])
async def test_a_primary_that_stays_away(
    mongo_server: Server, store: MongoStore, write: str, how: dict[str, Any]
) -> None:
    """It is tried for less than two seconds, for reads and writes alike; afterwards all is as before."""
    with failing(mongo_server, *SINGLE, "commitTransaction", **how):
        asked = (store.write(WRITES[write]), store.get("acme", "devices", "d1"), store.page(devices()), store.health())
        assert ["unavailable"] * 4 == await asyncio.gather(*map(soon, asked))
    await back(store)
    assert not await is_whole(store, write)
    assert "done" == await outcome(store.write(WRITES[write]))


@pytest.mark.parametrize("write", ["together", "guarded"])
async def test_a_commit_that_nobody_knows_of_is_repeated(mongo_server: Server, store: MongoStore, write: str) -> None:
    """Twice it is not clear; the third time it is, and it was one."""
    with failing(mongo_server, "commitTransaction", times=2, errorCode=91, errorLabels=UNKNOWN):
        assert "done" == await soon(store.write(WRITES[write]))
    assert await is_whole(store, write)


async def test_a_commit_that_takes_too_long(mongo_server: Server, store: MongoStore) -> None:
    """The caller is told that it may have happened; what it has locked is free, and it is there wholly or not."""
    with failing(mongo_server, "commitTransaction", times=1, errorCode=50), pytest.raises(StoreOverdue) as caught:
        await store.write(WRITES["together"])
    assert caught.value.begun
    await is_whole(store, "together")
    assert "done" == await soon(store.write([Guard(devices()), Insert(device("next"))]))


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_too_few_have(mongo_server: Server, store: MongoStore, write: str) -> None:
    """The primary has it, a majority not yet: it is not acknowledged, though it may well be there."""
    late = {"code": 64, "errmsg": "waiting for replication timed out", "errInfo": {"wtimeout": True}}
    command = "insert" if write == "alone" else "commitTransaction"
    with failing(mongo_server, command, writeConcernError=late):
        assert "unavailable" == await soon(store.write(WRITES[write]))
    await is_whole(store, write)
    again = await outcome(store.write(WRITES[write]))
    assert again in ("done", "UniqueConflict", "RevisionConflict")
    assert await is_whole(store, write)


async def test_a_conflict_is_tried_again(mongo_server: Server, store: MongoStore) -> None:
    """Five times others were in the way; the sixth time it is done, once."""
    with failing(mongo_server, "insert", times=5, errorCode=112, errorLabels=TRANSIENT):
        assert "done" == await soon(store.write(WRITES["together"]))
    assert await is_whole(store, "together")


async def test_conflicts_without_end(mongo_server: Server, mongo_database: str) -> None:
    """They are tried again for as long as a write may take, and no longer."""
    uri = with_options(mongo_database, appName=NAME)
    async with opened(mongo_database) as direct:
        await insert(direct, device("d1"))
    async with opened(uri, write_seconds=0.3) as store:
        conflicts = failing(mongo_server, "insert", errorCode=112, errorLabels=TRANSIENT)
        with conflicts, pytest.raises(StoreUnavailable, match="MongoDB store"):
            await asyncio.wait_for(store.write(WRITES["together"]), WAIT)
        assert not await is_whole(store, "together")


async def test_what_clashes_is_no_failure(mongo_server: Server, store: MongoStore) -> None:
    """An id that is taken is told as such also where the answer took a second try."""
    for changes in ([Insert(device("d1"))], [Insert(device("other")), Insert(device("d1"))]):
        with failing(mongo_server, "insert", times=1, errorCode=91), pytest.raises(UniqueConflict):
            await store.write(changes)
    assert ["d1", "d2"] == sorted(ids(await store.page(devices())))


async def test_a_user_who_may_not_write(mongo_server: Server, store: MongoStore) -> None:
    """It is no use to try that again; the message names what is lacking."""
    with failing(mongo_server, "insert", errorCode=13), pytest.raises(StoreUnavailable, match="readWrite"):
        await store.write(WRITES["alone"])


@pytest.mark.parametrize("seed", [2, 3])
async def test_faults_of_all_sorts_one_after_the_other(mongo_server: Server, store: MongoStore, seed: int) -> None:
    """Counters raised while commands fail at random: every step that was acknowledged counts once."""
    chance = random.Random(seed)
    faults: list[dict[str, Any]] = [*({"errorCode": code} for code in LOST.values()), {"closeConnection": True}]
    sure = unsure = 0
    for n in range(12):
        found = await there(store, "acme", "devices", "d1")
        step = found.with_data({"count": found.data().get("count", 0) + 1})
        changes: list[Change] = [Replace(step)] if n % 2 else [Replace(step), Insert(device(f"{seed}-{n}"))]
        with ExitStack() as stack:
            command = chance.choice(["findAndModify", "insert", "commitTransaction"])
            stack.enter_context(failing(mongo_server, command, times=chance.randint(1, 2), **chance.choice(faults)))
            said = await soon(store.write(changes))
        await back(store)
        assert said in ("done", "unavailable")
        sure, unsure = sure + (said == "done"), unsure + (said != "done")
    found = await there(store, "acme", "devices", "d1")
    assert found.data()["count"] + 1 == found.revision
    assert sure <= found.data()["count"] <= sure + unsure
    assert sure > 4


async def test_a_piece_of_a_blob_that_fails(mongo_server: Server, store: MongoStore) -> None:
    """One refusal is not noticed; a blob that could not be written takes no more, and cannot be finished."""
    with failing(mongo_server, "insert", times=1, errorCode=91):
        blob = await finished(store, content(300_000))
    assert 300_000 == blob.size
    writer = await store.new_blob()
    with failing(mongo_server, "insert", errorCode=13), pytest.raises(StoreUnavailable):
        await writer.write(content(2_000_000))
    for ask in (writer.write(b"more"), writer.finish()):
        with pytest.raises(StoreError, match="could not be written"):
            await ask
    await writer.discard()
