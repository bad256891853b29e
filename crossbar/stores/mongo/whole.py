"""What a MongoDB store can do with all of its documents at once, of all tenants, those set aside included."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import groupby
from typing import Any

import orjson
from pymongo.asynchronous.client_session import AsyncClientSession

from ...errors import BlobMissing, StoreError, UniqueConflict
from .. import Document, Keep, Kind
from ..versions import Versions
from ..whole import Stored, Stretch, check_blob_id, occupied
from . import blobs
from .blobs import MongoBlobWriter
from .connection import Connection, Database, told
from .kept_blobs import FILES, KeptBlobs
from .layout import Shelf, Shelves, inserted, live, record_aside, unique_field
from .preparing import KINDS
from .transactions import in_transaction
from .walk import ALIKE, Walk
from .writes import Clash, Writes

_SECONDS = 60.0
"""For how long a piece of a walk or of what is restored is tried again; nobody waits with a request."""
_PATIENCE = 30.0
_TRIES = 8


class MongoWhole:
    """The port for a store as a whole, for `MongoStore`."""

    name: str
    _shelves: Shelves
    _versions: Versions
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
            walk = Walk(self._opened().database, session, shelf, self._now(), limit, tenants)
            return await (walk.alive(*place) if part == "alive" else walk.aside(*place))

        with told(self.name):
            return await in_transaction(self._opened(), work, changes=limit, within=_SECONDS, patience=_PATIENCE)

    async def held(self, some: Sequence[Stored]) -> list[Stored | None]:
        """What is in the place of each of these."""

        async def work(session: AsyncClientSession) -> list[Stored | None]:
            database, now = self._opened().database, self._now()
            alive = await _alive(database, session, self._shelves, some, now)
            return [
                alive.get(_called(each.document))
                if each.deleted is None
                else await _held(database, session, self._shelves[each.document.kind], each, now)
                for each in some
            ]

        with told(self.name):
            return await in_transaction(self._opened(), work, changes=len(some), within=_SECONDS, patience=_PATIENCE)

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
                        return await in_transaction(
                            self._opened(), work, changes=len(wanted), within=_SECONDS, patience=_PATIENCE
                        )
                    except Clash:
                        plain = False
        finally:
            self._versions.wrote({each.document.kind for each in some})
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


async def _alive(
    database: Database, session: AsyncClientSession, shelves: Shelves, some: Sequence[Stored], now: int
) -> dict[tuple[str, str, str], Stored]:
    """The documents alive in the places of these, by kind, tenant and id: a question for each kind and tenant."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for each in some:
        if each.deleted is None:
            wanted.setdefault((each.document.kind, each.document.tenant), []).append(each.document.id)
    found: dict[tuple[str, str, str], Stored] = {}
    blobs = KeptBlobs(database, session, lambda: now)
    for (kind, tenant), ids in wanted.items():
        shelf = shelves[kind]
        place = {"tenant": tenant, "id": {"$in": ids}, "deleted": False, "until": {"$gt": now}}
        for record in await database[shelf.collection].find(place, hint="id", session=session).to_list():
            document = shelf.document(tenant, record)
            kept = await blobs.of(record["_id"]) if record["blobs"] else ()
            found[_called(document)] = Stored(document, None, kept)
    return found


def _called(document: Document) -> tuple[str, str, str]:
    return document.kind, document.tenant, document.id


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
        alike = {name: same[name] for name in ALIKE if name != "removed"} | {"removed": stored.deleted}
        found = await collection.find_one(alike, sort=[("_id", 1)], hint="id", session=session)
    if found is None:
        return None
    kept = await KeptBlobs(database, session, lambda: now).of(found["_id"]) if found["blobs"] else ()
    return Stored(shelf.document(document.tenant, found), stored.deleted, kept)


def _kind(told: dict[str, Any]) -> Kind:
    lists = ("unique", "indexes", "private_indexes")
    summary = told["summary"]
    return Kind(told["name"], None if summary is None else tuple(summary), *(tuple(told[name]) for name in lists))
