"""What a MongoDB store can do with all of its documents at once, of all tenants, those set aside included."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import groupby
from typing import Any

import orjson
from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

from ...errors import BlobMissing, StoreError, UniqueConflict
from .. import Keep, Kind
from ..whole import WALK_BYTES, Stored, Stretch, check_blob_id, occupied
from . import blobs
from .blobs import MongoBlobWriter
from .connection import Connection, Database, told
from .kept_blobs import FILES, KeptBlobs
from .layout import Record, Shelf, Shelves, inserted, live, record_aside, unique_field
from .preparing import KINDS
from .transactions import in_transaction
from .writes import Clash, Writes

_SECONDS = 60.0
"""For how long a piece of a walk or of what is restored is tried again; nobody waits with a request."""
_TRIES = 8


class MongoWhole:
    """The port for a store as a whole, for `MongoStore`."""

    name: str
    _shelves: Shelves
    _clock: Callable[[], float]

    async def kinds(self) -> list[Kind]:
        """All kinds that the database has collections for, in the order of their names."""
        with told(self.name):
            found = await self._opened().database[KINDS].find({"kind": {"$exists": True}}, {"kind": 1}).to_list()
        return [_kind(record["kind"]) for record in sorted(found, key=lambda record: str(record["_id"]))]

    async def tally(self, kind: str, tenants: Sequence[str] | None = None) -> int:
        """How many documents of the kind there are, alive and set aside, those included that have expired."""
        with told(self.name):
            collection = self._opened().database[self._shelves[kind].collection]
            if tenants is None:
                return await collection.estimated_document_count()
            return await collection.count_documents({"tenant": {"$in": list(tenants)}})

    async def walk(self, kind: str, after: str | None, limit: int, tenants: Sequence[str] | None = None) -> Stretch:
        """The next documents of a kind: those alive as they were made, or by tenant and key, then those set aside."""
        shelf = self._shelves[kind]
        part, *place = orjson.loads(after) if after is not None else ("alive", "", "")

        async def work(session: AsyncClientSession) -> Stretch:
            walk = _Walk(self._opened().database, session, shelf, self._now(), limit, tenants)
            return await (walk.alive(*place) if part == "alive" else walk.aside(*place))

        with told(self.name):
            return await in_transaction(self._opened(), work, changes=limit, within=_SECONDS)

    async def held(self, some: Sequence[Stored]) -> list[Stored | None]:
        """What is in the place of each of these."""

        async def work(session: AsyncClientSession) -> list[Stored | None]:
            database, now = self._opened().database, self._now()
            return [await _held(database, session, self._shelves[each.document.kind], each, now) for each in some]

        with told(self.name):
            return await in_transaction(self._opened(), work, changes=len(some), within=_SECONDS)

    async def restore(self, some: Sequence[Stored]) -> int:
        """Put documents there exactly as they are, in one transaction; how many were not there before."""
        wanted = [each for each in some if each.document.expires is None or each.document.expires > self._now()]
        # PERF: most have no blobs and are not there yet, so that they are put there in one go.
        plain = all(each.deleted is None and not each.blobs for each in wanted)

        async def work(session: AsyncClientSession) -> int:
            restoring = _Restoring(self._opened().database, session, self._shelves, self._clock)
            return await (restoring.at_once(wanted) if plain else restoring.one_by_one(wanted))

        try:
            with told(self.name, writes=True):
                for _ in range(_TRIES):
                    try:
                        return await in_transaction(self._opened(), work, changes=len(wanted), within=_SECONDS)
                    except Clash:
                        plain = False
        finally:
            self._new_version()
        raise StoreError(f"{self.name}: others write what is to be restored; stop them, and try again")

    async def restore_blob(self, id: str) -> MongoBlobWriter:
        """Begin a blob that is to have this id."""
        check_blob_id(id)
        connection = self._opened()
        with told(self.name):
            if await connection.database[FILES].find_one({"_id": id, "metadata.owner": {"$exists": True}}, {"_id": 1}):
                raise StoreError(f"blob {id!r} cannot be written: a document keeps it already")
            await blobs.doom(connection.database, id)
        return MongoBlobWriter(connection, self._now, id)

    async def read_stored_blob(self, id: str) -> AsyncIterator[bytes]:
        """The bytes of a blob that a document keeps, be it alive or set aside."""
        connection = self._opened()
        with told(self.name):
            kept = {"_id": id, "metadata.owner": {"$exists": True}}
            file = await connection.database[FILES].find_one(kept, {"length": 1})
        if file is None:
            raise BlobMissing("", id)
        async for piece in blobs.read(connection, id, file["length"], 0, None):
            yield piece

    # -- what `MongoStore` has ------------------------------------------------------------------------------

    def _now(self) -> int:
        raise NotImplementedError

    def _opened(self) -> Connection:
        raise NotImplementedError

    def _new_version(self) -> None:
        raise NotImplementedError


class _Walk:
    """A piece of a walk, read in one snapshot: a document and its blobs belong together."""

    def __init__(
        self,
        database: Database,
        session: AsyncClientSession,
        shelf: Shelf,
        now: int,
        limit: int,
        tenants: Sequence[str] | None,
    ) -> None:
        self._collection = database[shelf.collection]
        self._blobs = KeptBlobs(database, session, lambda: now)
        self._session, self._shelf, self._now, self._limit = session, shelf, now, limit
        self._tenants = tenants
        self._found: list[Stored] = []
        self._bytes = 0

    async def alive(self, tenant: str, last: str) -> Stretch:
        """Those alive after a place: of all tenants that of a record, of some a tenant and a key."""
        if self._tenants is None:
            after = {"_id": {"$gt": ObjectId(last)}} if last else {}
            async for record in self._read({**after, "deleted": False}, "_id", "_id_"):
                if await self._takes(record):
                    return Stretch(self._found, _place("alive", "", str(record["_id"])))
        for each in self._tenants or ():
            if each < tenant:
                continue
            wanted = {"tenant": each, "deleted": False, "key": {"$gt": last if each == tenant else ""}}
            async for record in self._read(wanted, "key", "page"):
                if await self._takes(record):
                    return Stretch(self._found, _place("alive", each, record["key"]))
        return Stretch(self._found, _place("aside", -(2**62), "0" * 24))

    async def aside(self, removed: int, last: str) -> Stretch:
        """Those set aside after a place, which is a Unix second and a record."""
        place = {"$or": [{"removed": {"$gt": removed}}, {"removed": removed, "_id": {"$gt": ObjectId(last)}}]}
        wanted = {"removed": {"$gte": removed}, **place}
        if self._tenants is not None:
            wanted["tenant"] = {"$in": list(self._tenants)}
        found = self._collection.find(wanted, sort=[("removed", 1), ("_id", 1)], hint="removed", session=self._session)
        async for record in found:
            if record["until"] > self._now and not await self._has_twin(record) and await self._takes(record):
                return Stretch(self._found, _place("aside", record["removed"], str(record["_id"])))
        return Stretch(self._found, None)

    def _read(self, wanted: dict[str, Any], order: str, hint: str) -> AsyncIterator[Record]:
        wanted["until"] = {"$gt": self._now}
        found = self._collection.find(wanted, sort=[(order, 1)], hint=hint, session=self._session)
        return found.limit(self._limit - len(self._found))

    async def _has_twin(self, record: Record) -> bool:
        alike = {name: record[name] for name in _ALIKE}
        twin = await self._collection.find_one(
            {**alike, "_id": {"$lt": record["_id"]}}, {"_id": 1}, hint="id", session=self._session
        )
        return twin is not None

    async def _takes(self, record: Record) -> bool:
        """Whether that was as much as a piece may have."""
        kept = await self._blobs.of(record["_id"]) if record["blobs"] else ()
        stored = Stored(self._shelf.document(record["tenant"], record), record.get("removed"), kept)
        self._found.append(stored)
        self._bytes += len(stored.document.body) + len(stored.document.private or b"")
        return len(self._found) == self._limit or self._bytes >= WALK_BYTES


_ALIKE = ("tenant", "id", "removed", "created", "modified", "revision", "until", "body", "private")


class _Restoring:
    """Puts documents there, within a transaction."""

    def __init__(
        self, database: Database, session: AsyncClientSession, shelves: Shelves, clock: Callable[[], float]
    ) -> None:
        self._database, self._session, self._shelves, self._clock = database, session, shelves, clock
        self._writes = Writes(database, shelves, clock, session, careful=True)
        self._blobs = KeptBlobs(database, session, lambda: int(clock()))

    async def at_once(self, wanted: Sequence[Stored]) -> int:
        """Put documents there that are not; Clash if one is."""
        for kind, group in groupby(wanted, key=lambda stored: stored.document.kind):
            await self._writes.insert(self._shelves[kind], [stored.document for stored in group])
        return len(wanted)

    async def one_by_one(self, wanted: Sequence[Stored]) -> int:
        """Put those there that are not; how many."""
        return sum([await self._restore(self._shelves[stored.document.kind], stored) for stored in wanted])

    async def _restore(self, shelf: Shelf, stored: Stored) -> bool:
        found = await _held(self._database, self._session, shelf, stored, int(self._clock()))
        if found == stored:
            return False
        if found is not None:
            raise occupied(stored)
        document, collection = stored.document, self._database[shelf.collection]
        record = inserted({**shelf.record(document, self._clock()), "blobs": bool(stored.blobs)})
        if stored.deleted is not None:
            record = record_aside(record, stored.deleted)
        else:
            await self._make_way(shelf, stored)
        await collection.insert_one(record, session=self._session)
        for blob in stored.blobs:
            await self._blobs.take(Keep(blob, document.tenant, document.kind, document.id), record["_id"])
        return True

    async def _make_way(self, shelf: Shelf, stored: Stored) -> None:
        document = stored.document
        try:
            await self._writes.make_way(shelf, document, ["id", *shelf.unique])
        except UniqueConflict as conflict:
            value = shelf.unique_values(document)[conflict.field]
            holder = {"tenant": document.tenant, unique_field(conflict.field): value}
            found = await self._database[shelf.collection].find_one(holder, {"id": 1}, session=self._session)
            raise occupied(stored, conflict.field, found["id"] if found else None) from conflict


async def _held(
    database: Database, session: AsyncClientSession, shelf: Shelf, stored: Stored, now: int
) -> Stored | None:
    """What is in the place of a document: the one alive with its id, or the first set aside that is the same."""
    document, collection = stored.document, database[shelf.collection]
    if stored.deleted is None:
        found = await collection.find_one(live(document.tenant, document.id, now), session=session)
    elif document.expires is not None and document.expires <= now:
        return None
    else:
        same = shelf.record(document, now)
        alike = {name: same[name] for name in _ALIKE if name != "removed"} | {"removed": stored.deleted}
        found = await collection.find_one(alike, sort=[("_id", 1)], hint="id", session=session)
    if found is None:
        return None
    kept = await KeptBlobs(database, session, lambda: now).of(found["_id"]) if found["blobs"] else ()
    return Stored(shelf.document(document.tenant, found), stored.deleted, kept)


def _kind(told: dict[str, Any]) -> Kind:
    lists = ("unique", "indexes", "private_indexes")
    summary = told["summary"]
    return Kind(told["name"], None if summary is None else tuple(summary), *(tuple(told[name]) for name in lists))


def _place(part: str, *place: Any) -> str:
    return orjson.dumps([part, *place]).decode()
