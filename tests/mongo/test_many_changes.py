"""Many changes in one write: as few commands as for one, and the same outcome as one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar.errors import CrossbarError
from crossbar.settings import MongoSettings
from crossbar.stores import Change, Delete, Document, Insert, Keep, Replace
from crossbar.stores.memory import MemoryStore
from crossbar.stores.mongo import MongoStore
from tests.contract.documents import KINDS, NOW, Clock, LoadingStore, device

from .listening import Commands

COUNT = 100


def devices(count: int = COUNT, **fields: Any) -> list[Document]:
    """Devices, each made in a second of its own."""
    return [device(f"d{n:03}", NOW - n, mac=f"m{n}", **fields) for n in range(count)]


def replaced(documents: Sequence[Document], **fields: Any) -> list[Change]:
    """Changes of all of them, as of somebody who does not know when they were made."""
    return [Replace(replace(each, created=0).with_data(each.data() | fields)) for each in documents]


def deleted(documents: Sequence[Document], **how: Any) -> list[Change]:
    """Deletes of all of them."""
    return [Delete(each.tenant, each.kind, each.id, **how) for each in documents]


async def opened(store: LoadingStore) -> LoadingStore:
    """The store, with the devices in it."""
    await store.open(KINDS)
    await store.write([Insert(each) for each in devices()])
    return store


async def test_few_commands(mongo_database: str, commands: Commands) -> None:
    """A hundred changes of one sort are two commands: one that looks at all of them, and one that makes them."""
    store = await opened(MongoStore(mongo_database))
    for changes, names in (
        (replaced(devices(), name="x"), ["find", "update"]),
        (deleted(devices()[:50], revision=2), ["find", "update"]),
        (deleted(devices()[50:], purge=True), ["find", "delete"]),
    ):
        commands.clear()
        await store.write(changes)
        assert [*names, "commitTransaction"] == [each.name for each in commands]
    await store.close()


NEW, OLD = devices(3), replace(devices(3)[1], revision=7)
LATE = [device(f"o{n}", expires=NOW + 5) for n in range(2)]
OTHERS = [device(f"o{n}", tenant="other") for n in range(2)]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(replaced(devices(5), name="x"), id="replaced"),
        pytest.param([*replaced(devices(1), name="x"), *replaced([replace(devices(1)[0], revision=2)])], id="twice"),
        pytest.param(replaced([NEW[0], OLD, NEW[2]]), id="one was changed"),
        pytest.param(replaced([NEW[0], device("gone"), OLD]), id="one is gone"),
        pytest.param(replaced(NEW, mac="same"), id="one value for all"),
        pytest.param([*replaced(NEW[:1], mac="free"), *replaced(NEW[1:2], mac="m0")], id="a value that was left"),
        pytest.param([*deleted(NEW), *map(Insert, OTHERS), *deleted(OTHERS, purge=True)], id="deleted"),
        pytest.param([*deleted(NEW, purge=True), *map(Insert, NEW)], id="made anew"),
        pytest.param([*deleted(NEW), *deleted(NEW[:1])], id="deleted twice"),
        pytest.param(deleted([*NEW[:2], device("gone")], purge=True), id="a purge of what is not there"),
        pytest.param(deleted(NEW, revision=2), id="deletes of what was changed"),
        pytest.param([*map(Insert, OTHERS), *replaced(OTHERS, name="x")], id="made and replaced"),
        pytest.param([*deleted(NEW), *replaced(NEW)], id="replaced when they are gone"),
        pytest.param([*map(Insert, LATE), *replaced(LATE)], id="replaced when they have expired"),
        pytest.param([*map(Insert, LATE), *deleted(LATE, purge=True)], id="purged when they have expired"),
    ],
)
async def test_as_in_memory(mongo_database: str, changes: list[Change]) -> None:
    """What is returned or raised is the same, and so is what is there afterwards."""
    outcomes: list[Any] = []
    clock = Clock()
    for store in (MemoryStore(clock), MongoStore(mongo_database, clock=clock)):
        await opened(store)
        clock.now = NOW + 5
        try:
            outcome: Any = await store.write(changes)
        except CrossbarError as error:
            outcome = type(error), vars(error)
        names = [(tenant, id) for tenant in ("acme", "other") for id in ("d000", "d001", "d002", "o0", "o1")]
        outcomes.append((outcome, [await store.get(tenant, "devices", id) for tenant, id in names]))
        clock.now = NOW
        await store.close()
    assert outcomes[0] == outcomes[1]


async def test_purged_with_their_blobs(mongo_database: str) -> None:
    """The blobs of several documents that are destroyed together are let go."""
    store = MongoStore(mongo_database, MongoSettings(cache_seconds=0))
    await opened(store)
    kept = []
    for each in devices(2):
        blob = await store.new_blob()
        await blob.write(b"sound")
        kept.append(await blob.finish())
        await store.write([Keep(kept[-1], each.tenant, each.kind, each.id)])
    await store.write(deleted(devices(4), purge=True))
    blobs = store._opened().database["blobs.files"]  # nobody else can tell
    assert 0 == await blobs.count_documents({})
    assert None is await store.get("acme", "devices", "d000")
    await store.close()
