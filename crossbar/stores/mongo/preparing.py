"""Collections and indexes made as the kinds need them, and records brought up to date when a kind has changed.

The collection `kinds` says for what each collection was made last, so that a process that finds nothing new begins at
once. All of it can be interrupted, and done by several processes at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo import IndexModel, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from ...errors import StoreUnavailable
from .. import Kind
from .connection import Connection, Database
from .kept_blobs import CHUNKS, FILES, LOOSE
from .layout import LAYOUT, Index, Shelf, Shelves, changed, unique_field
from .tallies import COLLECTION as TALLIES
from .tallies import INDEXES as TALLIES_INDEXES
from .writes import LOCKS

KINDS = "kinds"
BLOBS = "blobs"
"""The name under which `kinds` says that the collections of the blobs are ready."""

_BATCH = 500
_OTHER = frozenset({85, 86})  # IndexOptionsConflict, IndexKeySpecsConflict

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


async def prepare(connection: Connection, kinds: Iterable[Kind], now: int, *, create: bool = True) -> Shelves:
    """The shelves of the kinds, ready for use.

    StoreUnavailable if one cannot be made, or without `create` if something would have to be made.
    """
    database = connection.database
    shelves = Shelves({kind.name: Shelf(kind) for kind in kinds})
    wanted = {name: shelf.fingerprint for name, shelf in shelves.items()} | {BLOBS: f"layout {LAYOUT}"}
    ready = {record["_id"]: record["fingerprint"] async for record in database[KINDS].find({}, {"fingerprint": 1})}
    behind = [name for name in wanted if ready.get(name) != wanted[name]]
    if behind and not create:
        raise StoreUnavailable(
            f"{connection.address.name}: not ready for {', '.join(behind)}; run `crossbar store init` once "
            "(store.mongodb.create_indexes is off)"
        )
    for name in behind:
        if name in shelves:
            await _bring_up(connection, shelves[name], now)
        else:
            await make_indexes(database, {each: SHARED_INDEXES[each] for each in SHARED_INDEXES})
            await database.create_collection(LOCKS) if LOCKS not in await database.list_collection_names() else None
        record = {"fingerprint": wanted[name], "layout": LAYOUT}
        if name in shelves:
            record["kind"] = shelves[name].kind._asdict()
        await database[KINDS].update_one({"_id": name}, {"$set": record}, upsert=True)
    return shelves


async def make_indexes(database: Database, wanted: Mapping[str, Iterable[Index]]) -> list[Lack]:
    """Make the indexes that are missing, in the place of those that have their names and are others; what was done."""
    done: list[Lack] = []
    for collection in wanted:
        for lack in await lacks(database, collection, wanted[collection]):
            if lack.what != "made":
                await database[collection].drop_index(lack.called)
            made = next((index for index in wanted[collection] if index.name == lack.called), None)
            if made is not None:
                await database[collection].create_indexes([IndexModel([*made.keys], name=made.name, **made.options)])
            done.append(lack)
    return done


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


_NO_COLLECTION = 26  # NamespaceNotFound


def _is_same(index: Index, present: Mapping[str, Any]) -> bool:
    options = ("unique", "expireAfterSeconds", "partialFilterExpression")
    same_keys = [*present["key"].items()] == [*index.keys]
    return same_keys and all(present.get(name) == index.options.get(name) for name in options)


async def _bring_up(connection: Connection, shelf: Shelf, now: int) -> None:
    """Give a collection the indexes of its kind, and its records what they are found by."""
    database, collection = connection.database, connection.database[shelf.collection]
    indexes = shelf.indexes()
    plain = [index for index in indexes if not index.name.startswith("unique ")]
    stale = [lack for lack in await lacks(database, shelf.collection, indexes) if lack.what == "dropped"]
    for lack in stale:
        await collection.drop_index(lack.called)
    await make_indexes(database, {shelf.collection: plain})
    # NOTE: expired documents count as deleted, so they must not stand in the way of a unique index.
    await collection.delete_many({"until": {"$lte": now}, "deleted": False, "blobs": False})
    try:
        async for updates in _renewed(connection, shelf):
            await collection.bulk_write(updates, ordered=False)
        await make_indexes(database, {shelf.collection: indexes})
    except (DuplicateKeyError, BulkWriteError) as error:
        raise await _clash(connection, shelf) from error
    except OperationFailure as error:
        if error.code == _DUPLICATE:
            raise await _clash(connection, shelf) from error
        raise


_DUPLICATE = 11000


async def _renewed(connection: Connection, shelf: Shelf) -> AsyncIterator[list[UpdateOne]]:
    """The updates that give every live record what follows from its document, some at a time."""
    collection, last = connection.database[shelf.collection], ObjectId(b"\0" * 12)
    while True:
        some = (
            await collection.find({"_id": {"$gt": last}, "deleted": False}, _RENEWED_BY)
            .sort("_id", 1)
            .limit(_BATCH)
            .to_list()
        )
        if not some:
            return
        last = some[-1]["_id"]
        yield [
            UpdateOne(
                {"tenant": record["tenant"], "_id": record["_id"], "revision": record["revision"], "deleted": False},
                changed(_derived(shelf, record)),
            )
            for record in some
        ]


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
