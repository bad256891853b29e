"""What only a real MongoDB does, and what is therefore asked of it: seen in what is sent, or brought about by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar.errors import RevisionConflict, StoreError, StoreOverdue, StoreUnavailable
from crossbar.settings import MongoSettings
from crossbar.stores import Change, Delete, Guard, Insert, Keep, Replace
from crossbar.stores.mongo import MongoStore, walk
from crossbar.stores.mongo.abandoned import Abandoned
from crossbar.stores.mongo.connection import Connection
from crossbar.stores.mongo.sharding import divided
from crossbar.stores.whole import Stored
from tests.contract.blobs import finished
from tests.contract.documents import KINDS, NOW, Clock, device, devices, insert

from .listening import Commands
from .servers import Server, failpoint

IMPATIENT = True  # it is about servers that do not answer in time


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
async def store(commands: Commands, mongo_database: str, clock: Clock) -> AsyncIterator[MongoStore]:
    """Give an open store whose commands are heard."""
    made = MongoStore(mongo_database, clock=clock)
    await made.open(KINDS)
    yield made
    await made.close()


def opened(store: MongoStore) -> Connection:
    """The connection of an open store."""
    assert store._connection is not None
    return store._connection


async def test_an_index_is_made_without_a_member_that_is_lost(store: MongoStore, commands: Commands) -> None:
    """By itself a replica set waits for every member that holds data before an index counts as made."""
    made = commands.named("createIndexes")
    assert made
    assert {"majority"} == {command.whole.get("commitQuorum") for command in made}


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        pytest.param(MongoSettings(), "majority", id="safe"),
        pytest.param(MongoSettings(write_concern="1"), "local", id="one"),
        pytest.param(MongoSettings(write_concern="1", read_concern="linearizable"), "linearizable", id="asked-for"),
        pytest.param(MongoSettings(read_concern="local"), "local", id="local"),
    ],
)
async def test_what_was_acknowledged_is_read(mongo_database: str, settings: MongoSettings, level: str) -> None:
    """What one member acknowledged may not be there yet for a reader of what a majority has."""
    store = MongoStore(mongo_database, settings)
    await store.open(KINDS)
    try:
        assert level == opened(store).database.read_concern.level
    finally:
        await store.close()


async def test_a_second_blob_changes_the_record_too(store: MongoStore, mongo_server: Server) -> None:
    """An update that changes nothing is in nobody's way, and a purge at the same time would lose the blob."""
    await insert(store, device("d1"))
    for number in (1, 2):
        await store.write([Keep(await finished(store, b"bytes"), "acme", "devices", "d1")])
        record = await opened(store).database["d_devices"].find_one({"id": "d1"})
        assert record is not None
        assert number == record["keeps"]


async def test_a_lock_that_somebody_removed_is_made_anew(store: MongoStore) -> None:
    """Without it, transactions with guards would not take turns."""
    guarded: list[Change] = [Guard(devices(), finds=False), Insert(device("d1"))]
    await store.write(guarded)
    await store.write([Delete("acme", "devices", "d1", purge=True)])
    await opened(store).database["locks"].delete_many({})

    await store.write(guarded)

    record = await opened(store).database["locks"].find_one({"_id": "devices acme"})
    assert record is not None
    assert 1 == record["n"]


async def test_a_router_is_asked_again_before_a_write_is_refused(store: MongoStore, commands: Commands) -> None:
    """It may have begun the transaction before what another router acknowledged; once more is enough."""
    await insert(store, device("d1"))
    refused: list[Change] = [Replace(device("d1", revision=7)), Insert(device("d2"))]
    for sharded, times in ((False, 1), (True, 2)):
        opened(store).sharded = sharded
        commands.clear()
        with pytest.raises(RevisionConflict):
            await store.write(refused)
        assert times == len(commands.named("abortTransaction"))


async def test_a_router_is_told_to_end_what_was_abandoned(store: MongoStore) -> None:
    """Another transaction in the session would end it only on the shards that this one asks."""
    said: list[dict[str, Any]] = []

    class Database:
        async def command(self, words: dict[str, Any]) -> None:
            said.append(words)

    ending = Abandoned(Database(), 1.0)  # type: ignore[arg-type]
    ending.sharded = True
    session = opened(store).client.start_session()
    called = session.session_id
    ending.add(session)
    assert ending._ending is not None
    await ending._ending
    assert [[called]] == [words["killSessions"] for words in said]
    assert session.has_ended


async def test_a_single_document_is_never_too_much_to_ask(store: MongoStore, mongo_server: Server) -> None:
    """A server that runs out of time for one is not well; for a listing, less can be asked."""
    with (
        failpoint(mongo_server, failCommands=["find"], errorCode=50),
        pytest.raises(StoreUnavailable, match="no answer in time"),
    ):
        await store.get("acme", "devices", "d1")
    with failpoint(mongo_server, failCommands=["find"], errorCode=50), pytest.raises(StoreOverdue):
        await store.page(devices())


async def test_a_replace_keeps_the_creation_time_whatever_it_is_given(store: MongoStore, commands: Commands) -> None:
    """Who gives the right one has it written with one command, and nothing of it kept for a repetition."""
    await insert(store, device("d1", NOW))
    commands.clear()
    await store.write([Replace(device("d1", NOW))])
    assert ["update"] == [command.name for command in commands]

    (revised,) = await store.write([Replace(device("d1", NOW + 5, revision=2))])
    assert revised is not None
    assert (NOW, 3) == (revised.created, revised.revision)
    assert revised == await store.get("acme", "devices", "d1")


async def test_a_blob_that_took_longer_than_it_may_is_not_finished(store: MongoStore, clock: Clock) -> None:
    """It was swept on the way, and what is left of it must not look like a blob."""
    writer = await store.new_blob()
    await writer.write(b"x" * 2_000_000)
    clock.now += 25 * 3600
    await store.tidy()
    with pytest.raises(StoreError, match="took longer than 24 hours"):
        await writer.finish()
    await writer.discard()
    assert 0 == await opened(store).database["blobs.files"].count_documents({})


async def test_a_walk_ends_its_transactions_in_time(store: MongoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tenants without documents, and many records that a walk passes over, take several pieces."""
    monkeypatch.setattr(walk, "_TENANTS", 2)
    monkeypatch.setattr(walk, "_SEEN", 2)
    tenants = [f"t{number}" for number in range(7)]
    await insert(store, *[device(f"d{n}", NOW + n, tenant=tenants[n % 2 * 5]) for n in range(6)])
    for n in range(5):
        await insert(store, device("gone", NOW, tenant="t1", expires=NOW + 50 if n % 2 else None))
        await store.write([Delete("t1", "devices", "gone")])
    found: list[Stored] = []
    after, pieces = None, 0
    while pieces == 0 or after is not None:
        stretch = await store.walk("devices", after, 100, tenants)
        found += stretch.documents
        after, pieces = stretch.next, pieces + 1
    assert [f"d{n}" for n in (0, 2, 4, 1, 3, 5)] == [each.document.id for each in found if each.deleted is None]
    assert ["gone"] * 2 == [each.document.id for each in found if each.deleted is not None]
    assert pieces > 5


async def test_what_was_moved_whole_is_not_divided(store: MongoStore) -> None:
    """Since MongoDB 8.0 it stands among the divided collections all the same."""

    class Found:
        def __init__(self, entries: list[dict[str, Any]]) -> None:
            self.entries = entries

        async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
            for each in self.entries:
                yield each

    connection = opened(store)
    name = connection.address.database
    entries: list[dict[str, Any]] = [
        {"_id": f"{name}.d_devices", "key": {"tenant": 1}},
        {"_id": f"{name}.locks", "key": {"_id": 1}, "unsplittable": True},
    ]

    class Collections:
        def find(self, wanted: dict[str, Any]) -> Found:
            return Found(entries)

    class Asked:
        address = connection.address
        client = {"config": {"collections": Collections()}}

    assert {"d_devices": {"tenant": 1}} == await divided(Asked())  # type: ignore[arg-type]
