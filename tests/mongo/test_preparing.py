"""Collections and indexes: made as kinds need them, repaired, and never in the way of what is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from crossbar.errors import StoreUnavailable, UniqueConflict
from crossbar.filters import where
from crossbar.settings import MongoSettings
from crossbar.stores import Keep, Kind, Query
from crossbar.stores.mongo import MongoStore, preparing
from crossbar.stores.mongo.layout import Shelf
from crossbar.stores.mongo.preparing import KINDS as KINDS_READY
from crossbar.stores.mongo.preparing import SHARED_INDEXES, Lack, lacks, make_indexes
from tests.contract.blobs import finished
from tests.contract.documents import DEVICES, KINDS, NOTES, NOW, Clock, device, ids, insert
from tests.contract.documents import replace as replaced

from .listening import Commands
from .servers import Server, with_options
from .standin import Standin, standin

PLAIN = Kind("devices")
Stores = list[MongoStore]


class Made:
    """Stores over one database, with one clock; all of them are closed at the end."""

    def __init__(self, uri: str, server: Server) -> None:
        self.uri = uri
        self.name = uri.partition("?")[0].rpartition("/")[2]
        self.behind = server.client[self.name]
        self.clock = Clock()
        self.stores: Stores = []

    def store(self, **settings: Any) -> MongoStore:
        """One more store."""
        self.stores.append(MongoStore(self.uri, MongoSettings(**settings), clock=self.clock))
        return self.stores[-1]

    async def open(self, *kinds: Kind, **settings: Any) -> MongoStore:
        """One more store, open."""
        store = self.store(**settings)
        await store.open(kinds)
        return store

    def indexes(self, collection: str = "d_devices") -> set[str]:
        """The names of the indexes that there are."""
        return {*self.behind[collection].index_information()} - {"_id_"}


@pytest.fixture
async def made(mongo_server: Server, mongo_database: str) -> AsyncIterator[Made]:
    """Give what makes stores over a database of the test's own."""
    made = Made(mongo_database, mongo_server)
    yield made
    for store in made.stores:
        await store.close()


def listened(store: MongoStore) -> Commands:
    """A record of what the store sends, from its next opening on."""
    commands = Commands()
    address = store._address
    store._address = address._replace(options={**address.options, "event_listeners": [commands]})
    return commands


async def test_a_fresh_database_gets_what_the_kinds_need(made: Made) -> None:
    """Collections, indexes, and a word for the next process, which then asks once and changes nothing."""
    await made.open(*KINDS)
    assert {index.name for index in Shelf(DEVICES).indexes()} == made.indexes()
    assert {index.name for index in Shelf(NOTES).indexes()} == made.indexes("d_notes")
    assert {"locks", "kinds", *SHARED_INDEXES} <= {*made.behind.list_collection_names()}
    assert {"blobs.*", "devices", "notes"} == {each["_id"] for each in made.behind[KINDS_READY].find()}
    second = made.store()
    commands = listened(second)
    await second.open(KINDS)
    assert [KINDS_READY] == [each.collection for each in commands if each.name not in ("hello", "buildInfo")]


async def test_opening_again_is_no_work(made: Made) -> None:
    """The same kinds again are asked for and found; nothing is written."""
    store = made.store()
    commands = listened(store)
    await store.open(KINDS)
    commands.clear()
    await store.open(KINDS)
    assert ["find"] == [each.name for each in commands]


@pytest.mark.parametrize("before", [PLAIN, DEVICES, NOTES._replace(name="devices", indexes=("name",))], ids=str)
@pytest.mark.parametrize("after", [PLAIN, DEVICES, Kind("devices", (), (), ("name",))], ids=str)
async def test_a_kind_that_changes(made: Made, before: Kind, after: Kind) -> None:
    """Indexes come and go, and what was written before is found, shown and unique as if it had been written after."""
    store = await made.open(before)
    await insert(store, *[device(f"d{n}", NOW + n, mac=f"m{n}", name=f"n{n % 2}", owner_id=n) for n in range(3)])
    other = await made.open(after)
    assert {index.name for index in Shelf(after).indexes()} == made.indexes()
    for path, value, found in (("name", "n0", ["d2", "d0"]), ("owner_id", 1, ["d1"])):
        assert found == ids(await other.page(Query("acme", "devices", (where(path, value),))))
    rows = (await other.page(Query("acme", "devices", limit=1))).parsed()
    shown = {"id": "d2", "mac": "m2", "name": "n0", "owner_id": 2}
    assert [{k: v for k, v in shown.items() if after.summary is None or k in ("id", *after.summary)}] == rows
    if after.unique:
        with pytest.raises(UniqueConflict, match="mac"):
            await insert(other, device("d9", mac="m1"))
    else:
        await insert(other, device("d9", mac="m1"))


async def test_a_clash_changes_nothing(made: Made) -> None:
    """Two documents with one value: who they are is told, and those who have the store open go on as they were."""
    before = Kind("devices", ("owner_id",), ("mac",), ("owner_id",))
    store = await made.open(before)
    await insert(store, *[device(f"d{n}", NOW + n, name=f"n{n // 2}", mac=f"m{n}", owner_id=n) for n in range(3)])
    indexes, records = made.indexes(), [*made.behind.d_devices.find().sort("_id")]
    message = "'name' of 'devices' cannot become unique: 'd0' and 'd1' of tenant 'acme' have the same value; change one"
    with pytest.raises(StoreUnavailable, match=message):
        await made.open(Kind("devices", ("name",), ("name",)))
    assert indexes == made.indexes()
    assert records == [*made.behind.d_devices.find().sort("_id")]
    with pytest.raises(UniqueConflict, match="mac"):
        await insert(store, device("d9", mac="m1"))
    assert ["d1"] == ids(await store.page(Query("acme", "devices", (where("owner_id", 1),))))
    assert [{"id": "d2", "owner_id": 2}] == (await store.page(Query("acme", "devices", limit=1))).parsed()
    first = await store.get("acme", "devices", "d0")
    assert first is not None
    await replaced(store, first, name="another")
    await made.open(Kind("devices", ("name",), ("mac", "name")))


async def test_what_has_expired_is_in_nobodys_way(made: Made) -> None:
    """Neither alone nor with blobs, which the janitor destroys later."""
    store = await made.open(PLAIN)
    await insert(store, *[device(f"d{n}", mac="same", expires=NOW + n) for n in (1, 2, 3)])
    await store.write([Keep(await finished(store, b"blob"), "acme", "devices", "d1")])
    made.clock.now = NOW + 2
    other = await made.open(DEVICES)
    assert ["d3"] == ids(await other.page(Query("acme", "devices")))
    with pytest.raises(UniqueConflict, match="mac"):
        await insert(other, device("d9", mac="same"))
    made.clock.now = NOW + 3
    await insert(other, device("d9", mac="same"))


async def test_what_expired_under_another_form_of_the_kind_is_in_nobodys_way(made: Made) -> None:
    """What is kept of it for the janitor has a value that was unique once, and is to be again."""
    store = await made.open(DEVICES)
    await insert(store, device("d1", mac="same", expires=NOW + 1))
    await store.write([Keep(await finished(store, b"blob"), "acme", "devices", "d1")])
    made.clock.now = NOW + 1
    other = await made.open(PLAIN)
    await insert(other, device("d2", mac="same"))
    await made.open(DEVICES)


async def test_two_processes_at_once(made: Made) -> None:
    """On a fresh database, and again when a kind has changed."""
    for kinds in ((PLAIN, NOTES), KINDS):
        stores = [made.store() for _ in range(3)]
        await asyncio.gather(*[store.open(kinds) for store in stores])
        assert {index.name for index in Shelf(kinds[0]).indexes()} == made.indexes()
        await insert(stores[0], device(f"d{len(made.stores)}", mac=len(made.stores)))
    assert 2 == await made.stores[-1].count(Query("acme", "devices"))


@pytest.mark.parametrize("after", range(8))
async def test_what_was_interrupted_is_done_by_the_next(
    made: Made, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Wherever it stops, a second start brings the rest."""
    monkeypatch.setattr(preparing, "_BATCH", 2)
    store = await made.open(PLAIN)
    await insert(store, *[device(f"d{n}", mac=f"m{n}", owner_id="o") for n in range(5)])
    left = after

    def stopping(method: str) -> None:
        genuine = getattr(AsyncCollection, method)

        async def stopped(*given: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise OperationFailure("the process was killed here")
            return await genuine(*given, **named)

        patch.setattr(AsyncCollection, method, stopped)

    with monkeypatch.context() as patch:
        for method in ("bulk_write", "create_indexes", "drop_index", "update_one", "delete_many", "update_many"):
            stopping(method)
        with pytest.raises(StoreUnavailable, match="killed"):
            await made.open(DEVICES)
    other = await made.open(DEVICES)
    assert {index.name for index in Shelf(DEVICES).indexes()} == made.indexes()
    assert 5 == await other.count(Query("acme", "devices", (where("owner_id", "o"),)))
    with pytest.raises(UniqueConflict):
        await insert(other, device("d9", mac="m1"))


async def test_a_process_that_may_not_make_indexes(made: Made) -> None:
    """It says what to run, and starts once another process has made them."""
    careful = made.store(create_indexes=False)
    message = r"not ready for devices, notes, blobs\.\*; run `crossbar store init` .*mongodb.create_indexes is off"
    with pytest.raises(StoreUnavailable, match=message):
        await careful.open(KINDS)
    assert [] == made.behind.list_collection_names()
    await made.open(*KINDS)
    await careful.open(KINDS)
    with pytest.raises(StoreUnavailable, match="not ready for devices; run"):
        await careful.open([PLAIN])
    with pytest.raises(StoreUnavailable, match="not ready for k0, k1, k2, k3, k4 and 2 more; run"):
        await careful.open([Kind(f"k{number}") for number in range(7)])


async def test_indexes_are_repaired(made: Made) -> None:
    """One that is gone and one that is other than it should be, also of the blobs; what was done is told."""
    store = await made.open(*KINDS)
    collection = made.behind.d_devices
    collection.drop_index("page")
    collection.drop_index("unique mac")
    collection.create_index([("tenant", 1), ("unique.mac", -1)], name="unique mac")
    collection.drop_index("ttl")
    collection.create_index([("ttl", 1)], name="ttl", expireAfterSeconds=5)
    made.behind["blobs.loose"].drop_index("due")
    collection.create_index([("unique.gone", 1)], name="unique gone")
    database = store._opened().database
    wanted = {"d_devices": Shelf(DEVICES).indexes(), **SHARED_INDEXES}
    done = await make_indexes(database, wanted)
    assert {
        Lack("d_devices", "page", "made"),
        Lack("d_devices", "unique mac", "made anew"),
        Lack("d_devices", "ttl", "made anew"),
        Lack("d_devices", "unique gone", "dropped"),
        Lack("blobs.loose", "due", "made"),
    } == set(done)
    for each, indexes in wanted.items():
        assert [] == await lacks(database, each, indexes)
    assert [] == await make_indexes(database, wanted)


async def test_what_others_made_is_left_alone(made: Made) -> None:
    """Indexes, collections and what stands in `kinds` of kinds that this process does not know."""
    made.behind.mine.insert_one({"_id": 1})
    made.behind.d_devices.create_index([("modified", 1)], name="for reports")
    await made.open(*KINDS, Kind("calls"))
    await made.open(PLAIN)
    assert "for reports" in made.indexes()
    assert [{"_id": 1}] == [*made.behind.mine.find()]
    assert made.behind[KINDS_READY].find_one({"_id": "calls"}) is not None
    assert {"id", "page"} <= made.indexes("d_calls")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """Give a stand-in that asks for passwords, and knows nobody."""
    with standin(tmp_path_factory.mktemp("guarded"), "--auth") as server:
        yield server


async def test_a_lone_server_is_refused(tmp_path: Path) -> None:
    """It has no transactions; the message says how to give it some."""
    with standin(tmp_path, "--standalone") as server:
        store = MongoStore(server.uri)
        message = "no member of a replica set, and has no transactions; start it with --replSet NAME"
        with pytest.raises(StoreUnavailable, match=message):
            await store.open(KINDS)


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ("somebody:Sesame9@", "user or password is wrong"),
        ("", "the user may not do that .*; it needs the role readWrite"),
    ],
    ids=["wrong password", "nobody"],
)
async def test_who_may_not_is_told_so(guarded: Standin, people: str, message: str) -> None:
    """What to do about it, and nothing of the password."""
    uri = guarded.uri.replace("mongodb://", f"mongodb://{people}")
    store = MongoStore(with_options(uri, authSource="admin") if people else uri)
    with pytest.raises(StoreUnavailable, match=message) as refused:
        await store.open(KINDS)
    await store.close()
    assert "Sesame9" not in f"{refused.value} {refused.value.__cause__}"
