"""Collections and indexes made as the kinds need them, and records brought up to date when a kind has changed.

The collection `kinds` says for what each collection was made last, so that a process that finds nothing new begins at
once. All of it can be interrupted, and done by several processes at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo import IndexModel, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from ...errors import StoreUnavailable
from .. import Kind
from .connection import Connection, Database
from .kept_blobs import CHUNKS, FILES, LOOSE
from .layout import LAYOUT, Index, Shelf, Shelves, changed, unique_field
from .listings import Collection
from .locks import LOCKS
from .tallies import COLLECTION as TALLIES
from .tallies import INDEXES as TALLIES_INDEXES

KINDS = "kinds"
BLOBS = "blobs.*"
"""The name, which no kind can have, under which `kinds` says that the collections of the blobs are ready."""

_BATCH = 500
_NAMED = 5

SHARED_INDEXES: Mapping[str, tuple[Index, ...]] = {
    FILES: (Index("owner", (("metadata.owner", 1),)), Index("filename", (("filename", 1), ("uploadDate", 1)))),
    CHUNKS: (Index("files_id_1_n_1", (("files_id", 1), ("n", 1)), {"unique": True}),),
    LOOSE: (Index("due", (("due", 1),)),),
    TALLIES: TALLIES_INDEXES,
}
"""The indexes of the collections that no kind has to itself."""


class Lack(NamedTuple):
    """Something that a collection lacks, or has beside what it needs: `what` is done about it, and a word on it."""

    collection: str
    called: str
    what: str


async def prepare(
    connection: Connection,
    kinds: Iterable[Kind],
    now: int,
    *,
    create: bool = True,
    tell: Callable[[str, int], None] = lambda kind, count: None,
) -> Shelves:
    """The shelves of the kinds, ready for use; `tell` is called after some more records of a kind were written anew.

    StoreUnavailable if one cannot be made, or without `create` if something would have to be made.
    """
    database = connection.database
    shelves = Shelves({kind.name: Shelf(kind) for kind in kinds})
    wanted = {name: shelf.fingerprint for name, shelf in shelves.items()} | {BLOBS: f"layout {LAYOUT}"}
    ready = {record["_id"]: record["fingerprint"] async for record in database[KINDS].find({}, {"fingerprint": 1})}
    behind = [name for name in wanted if ready.get(name) != wanted[name]]
    if behind and not create:
        raise StoreUnavailable(
            f"{connection.address.name}: not ready for {_some(behind)}; run `crossbar store init` once, with the same "
            "--store or --config (store.mongodb.create_indexes is off)"
        )
    for name in behind:
        if name in shelves:
            await _bring_up(connection, shelves[name], now, tell)
        else:
            await make_indexes(database, {each: SHARED_INDEXES[each] for each in SHARED_INDEXES})
            with _unless(_COLLECTION_THERE):
                await database.create_collection(LOCKS, check_exists=False)
        record = {"fingerprint": wanted[name], "layout": LAYOUT}
        if name in shelves:
            record["kind"] = shelves[name].kind._asdict()
        await database[KINDS].update_one({"_id": name}, {"$set": record}, upsert=True)
    return shelves


def _some(names: Sequence[str]) -> str:
    """At most a few of the names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


async def make_indexes(database: Database, wanted: Mapping[str, Iterable[Index]]) -> list[Lack]:
    """Make the indexes that are missing, in the place of those that have their names and are others; what was done."""
    done: list[Lack] = []
    for collection in wanted:
        found = await lacks(database, collection, wanted[collection])
        await _make_good(database[collection], found, wanted[collection])
        done += found
    return done


async def _make_good(collection: Collection, lacking: Iterable[Lack], wanted: Iterable[Index]) -> None:
    """Do what there is to do about some indexes of a collection, out of those that are wanted."""
    called = {lack.called: lack.what for lack in lacking}
    for name, what in called.items():
        if what != "made":
            with _unless(_NO_INDEX):
                await collection.drop_index(name)
    made = [IndexModel([*index.keys], name=index.name, **index.options) for index in wanted if index.name in called]
    # PERF: in one command, for which a server goes through the collection once.
    if made:
        # NOTE: by itself it would wait for all members that hold data, and so for ever where one of three is lost.
        await collection.create_indexes(made, commitQuorum="majority")


async def lacks(database: Database, collection: str, wanted: Iterable[Index]) -> list[Lack]:
    """How the indexes of a collection differ from those that it needs; what somebody else made is left alone."""
    try:
        present = {each["name"]: each async for each in await database[collection].list_indexes()}
    except OperationFailure as error:
        if error.code != _NO_COLLECTION:
            raise
        present = {}
    needed = {index.name: index for index in wanted}
    found = [
        Lack(collection, name, "made" if name not in present else "made anew")
        for name, index in needed.items()
        if name not in present or not _is_same(index, present[name])
    ]
    stale = [name for name in present if name not in needed and (name.startswith("unique ") or name == "fields")]
    return found + [Lack(collection, name, "dropped") for name in stale]


_NO_COLLECTION, _NO_INDEX, _COLLECTION_THERE = 26, 27, 48  # NamespaceNotFound, IndexNotFound, NamespaceExists


@contextmanager
def _unless(code: int) -> Iterator[None]:
    """Do something that another process may have done just before, which the server says by this code."""
    try:
        yield
    except OperationFailure as error:
        if error.code != code:
            raise


def _is_same(index: Index, present: Mapping[str, Any]) -> bool:
    options = ("unique", "expireAfterSeconds", "partialFilterExpression")
    same_keys = [*present["key"].items()] == [*index.keys]
    return same_keys and all(present.get(name) == index.options.get(name) for name in options)


async def _bring_up(connection: Connection, shelf: Shelf, now: int, tell: Callable[[str, int], None]) -> None:
    """Give a collection the indexes of its kind, and its records what they are found by.

    Whoever has the kind open as it was loses nothing if this fails, since what can fail comes before all else.
    """
    database, collection = connection.database, connection.database[shelf.collection]
    indexes = shelf.indexes()
    fields = {f"unique {dotted}": dotted for dotted in shelf.unique}
    lacking = await lacks(database, shelf.collection, indexes)
    at_once = [lack for lack in lacking if lack.what != "dropped" and lack.called not in fields]
    await _make_good(collection, at_once, indexes)
    # NOTE: expired documents count as deleted, so they must not stand in the way of a unique index.
    expired = {"until": {"$lte": now}, "deleted": False}
    await collection.delete_many(expired | {"blobs": False})
    await collection.update_many(expired | {"blobs": True}, {"$unset": {"unique": ""}})
    await _make_unique(connection, shelf, [lack for lack in lacking if lack.called in fields], now)
    try:
        async for some in _live(connection, shelf, now):
            await collection.bulk_write([_update(each, changed(_derived(shelf, each))) for each in some], ordered=False)
            tell(shelf.kind.name, len(some))
    except BulkWriteError as error:
        raise await _clash(connection, shelf) from error
    await _make_good(collection, [lack for lack in lacking if lack.what == "dropped"], indexes)


async def _make_unique(connection: Connection, shelf: Shelf, lacking: Iterable[Lack], now: int) -> None:
    """Give the records the values of fields that become unique, and make their indexes; nothing of it if some clash."""
    collection = connection.database[shelf.collection]
    fields = {lack.called.removeprefix("unique "): lack for lack in lacking}
    if not fields:
        return
    async for some in _live(connection, shelf, now):
        values = [(each, shelf.unique_in(each["body"])) for each in some]
        updates = [
            _update(each, {"$set": {unique_field(name): filled[name] for name in filled if name in fields}})
            for each, filled in values
            if not fields.keys().isdisjoint(filled)
        ]
        if updates:
            await collection.bulk_write(updates, ordered=False)
    made: list[Lack] = []
    try:
        for lack in fields.values():
            await _make_good(collection, [lack], shelf.indexes())
            made.append(lack)
    except OperationFailure as error:
        clash = await _clash(connection, shelf) if isinstance(error, DuplicateKeyError) else error
        for lack in made:
            await collection.drop_index(lack.called)
        await collection.update_many({}, {"$unset": {unique_field(name): "" for name in fields}})
        raise clash from error


async def _live(connection: Connection, shelf: Shelf, now: int) -> AsyncIterator[list[dict[str, Any]]]:
    """All records that are alive, some at a time."""
    collection, last = connection.database[shelf.collection], ObjectId(b"\0" * 12)
    alive = {"deleted": False, "until": {"$gt": now}}
    while (
        some := await collection.find({"_id": {"$gt": last}, **alive}, _RENEWED_BY)
        .sort("_id", 1)
        .limit(_BATCH)
        .to_list()
    ):
        last = some[-1]["_id"]
        yield some


def _update(record: Mapping[str, Any], change: dict[str, Any]) -> UpdateOne:
    """The update of a record that has stayed as it was read."""
    place = {"tenant": record["tenant"], "_id": record["_id"], "revision": record["revision"], "deleted": False}
    return UpdateOne(place, change)


_RENEWED_BY = {"tenant": 1, "id": 1, "revision": 1, "body": 1, "private": 1}


def _derived(shelf: Shelf, record: Mapping[str, Any]) -> dict[str, Any]:
    private = record["private"]
    return shelf.derived(record["id"], record["body"].encode(), private.encode() if private else None)


async def _clash(connection: Connection, shelf: Shelf) -> StoreUnavailable:
    """Why a unique index cannot be made: two documents that have the same value."""
    collection, name = connection.database[shelf.collection], connection.address.name
    for dotted in shelf.unique:
        field = unique_field(dotted)
        same: list[dict[str, Any]] = [
            {"$match": {field: {"$exists": True}}},
            {"$group": {"_id": {"tenant": "$tenant", "value": f"${field}"}, "ids": {"$push": "$id"}, "n": {"$sum": 1}}},
            {"$match": {"n": {"$gt": 1}}},
            {"$limit": 1},
        ]
        async for found in await collection.aggregate(same, allowDiskUse=True):
            first, second = sorted(found["ids"])[:2]
            return StoreUnavailable(
                f"{name}: {dotted!r} of {shelf.kind.name!r} cannot become unique: {first!r} and {second!r} of tenant "
                f"{found['_id']['tenant']!r} have the same value; change one of them, or take the field out of `unique`"
            )
    return StoreUnavailable(f"{name}: the documents of {shelf.kind.name!r} clash in a unique field")
