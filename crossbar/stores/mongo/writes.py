"""What a write changes in MongoDB: one change by itself, or several in a transaction.

A transaction sees the database as it was when it began. What a Guard found may no longer be so when it commits, unless
whoever changed it is in its way: a transaction with guards counts up a lock of every tenant and kind that it asks about
or writes to, so that of two such transactions one comes after the other. Writes without guards read nothing, and can
always be taken to have come before or after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import groupby

from bson import ObjectId
from msgspec.structs import replace
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from ...errors import DocumentMissing, GuardFailed, RevisionConflict, UniqueConflict
from .. import Change, Delete, Document, Drop, Guard, Insert, Keep, Replace
from .connection import Database
from .kept_blobs import KeptBlobs
from .layout import Shelf, Shelves, changed, inserted, live, set_aside, unique_field
from .listings import asked, records

LOCKS = "locks"
_MOST_LOCKS = 10_000


class Clash(Exception):
    """Two documents want the same id or unique value, and the transaction, if there was one, is over."""


class Writes:
    """Carries out changes, within a transaction if there is a session; `now` gives Unix seconds.

    With `careful`, what is in the way of a document is looked up before it is written: in a transaction, which a clash
    ends, there is no other way to tell which field it was, or to make room where an expired document lies.
    """

    def __init__(
        self,
        database: Database,
        shelves: Shelves,
        now: Callable[[], float],
        session: AsyncClientSession | None = None,
        *,
        careful: bool = False,
    ) -> None:
        self._database = database
        self._shelves = shelves
        self._time = now
        self._session = session
        self._careful = careful
        self._blobs = KeptBlobs(database, session, self._now)

    async def carry_out(self, changes: Sequence[Change]) -> list[Document | None]:
        """Make the changes in their order; the documents as they now stand. Raises what the port says, or Clash."""
        done: list[Document | None] = []
        for inserts, group in groupby(changes, key=_inserted_kind):
            if inserts is not None and not self._careful:
                documents = [change.document for change in group if isinstance(change, Insert)]
                await self.insert(self._shelves[inserts], documents)
                done += documents
                continue
            for change in group:
                done.append(await self._change(change))
        return done

    async def _change(self, change: Change) -> Document | None:
        match change:
            case Insert(document):
                shelf = self._shelves[document.kind]
                await self.make_way(shelf, document, ["id", *shelf.unique])
                await self.insert(shelf, [document])
                return document
            case Replace(document):
                return await self._replace(self._shelves[document.kind], document)
            case Delete():
                await self._delete(self._shelves[change.kind], change)
            case Guard():
                await self._guard(change)
            case Keep():
                await self._blobs.keep(self._shelves[change.kind], change)
            case Drop():
                await self._blobs.drop(self._shelves, change)
        return None

    async def make_way(self, shelf: Shelf, document: Document, fields: Iterable[str]) -> None:
        """Remove expired documents that hold the id or a unique value of this one.

        UniqueConflict if a document that holds it is alive.
        """
        collection, values = self._database[shelf.collection], shelf.unique_values(document)
        for field in fields:
            if field == "id":
                holder = {"tenant": document.tenant, "id": document.id, "deleted": False}
            elif field in values:
                holder = {"tenant": document.tenant, unique_field(field): values[field], "id": {"$ne": document.id}}
            else:
                continue
            found = await collection.find_one(holder, {"until": 1, "blobs": 1}, session=self._session)
            if found is None:
                continue
            if found["until"] > self._now():
                raise UniqueConflict(shelf.kind.name, field)
            if found["blobs"]:
                await self._blobs.leave(found["_id"])
            await collection.delete_one(
                {"tenant": document.tenant, "_id": found["_id"], "until": found["until"]}, session=self._session
            )

    async def purge(self, collection: str, tenant: str, record: ObjectId) -> None:
        """Destroy a record that has expired and its blobs, if it still has."""
        place = {"tenant": tenant, "_id": record, "until": {"$lte": self._now()}}
        if (await self._database[collection].delete_one(place, session=self._session)).deleted_count:
            await self._blobs.leave(record)

    async def insert(self, shelf: Shelf, documents: Sequence[Document]) -> None:
        """Put new documents there; Clash if one is in the way."""
        collection = self._database[shelf.collection]
        time = self._time()
        made = [inserted(shelf.record(document, time)) for document in documents]
        try:
            if len(made) == 1:
                await collection.insert_one(made[0], session=self._session)
            else:
                await collection.insert_many(made, session=self._session)
        except DuplicateKeyError as error:
            raise Clash from error
        except BulkWriteError as error:
            if any(each.get("code") == 11000 for each in error.details.get("writeErrors", ())):
                raise Clash from error
            raise

    async def _replace(self, shelf: Shelf, document: Document) -> Document:
        collection, time = self._database[shelf.collection], self._time()
        now = int(time)
        place = live(document.tenant, document.id, now) | {"revision": document.revision}
        if self._careful and await collection.find_one(place, {"_id": 1}, session=self._session) is not None:
            await self.make_way(shelf, document, shelf.unique)
        content = shelf.content(document, now, document.revision + 1, time)
        try:
            found = await collection.find_one_and_update(
                place,
                changed(content),
                {"_id": 0, "created": 1},
                return_document=ReturnDocument.AFTER,
                session=self._session,
            )
        except DuplicateKeyError as error:
            raise Clash from error
        if found is None:
            raise await self._why_not(shelf, document.tenant, document.id, document.revision)
        return replace(document, created=found["created"], modified=now, revision=document.revision + 1)

    async def _delete(self, shelf: Shelf, change: Delete) -> None:
        collection, now = self._database[shelf.collection], self._now()
        place = live(change.tenant, change.id, now)
        if change.revision is not None:
            place["revision"] = change.revision
        if not change.purge:
            done = (await collection.update_one(place, set_aside(now), session=self._session)).matched_count
        elif self._session is None:
            # NOTE: one that has blobs is left for a transaction, which the caller begins when nothing is found here.
            done = (await collection.delete_one(place | {"blobs": False})).deleted_count
            if not done and await collection.find_one(place, {"_id": 1}) is not None:
                raise Clash
        else:
            found = await collection.find_one(place, {"blobs": 1}, session=self._session)
            if found is not None and found["blobs"]:
                await self._blobs.leave(found["_id"])
            done = (await collection.delete_one(place, session=self._session)).deleted_count
        if not done:
            raise await self._why_not(shelf, change.tenant, change.id, change.revision)

    async def _guard(self, guard: Guard) -> None:
        query, shelf = replace(guard.query, limit=1), self._shelves[guard.query.kind]
        wanted, found = asked(query, shelf, self._now()), False
        if wanted is not None:
            collection = self._database[shelf.collection]
            async for _ in records(query, wanted, collection, ("key",), 1, self._session):
                found = True
        if found != guard.finds:
            raise GuardFailed(guard)

    async def _why_not(
        self, shelf: Shelf, tenant: str, id: str, expected: int | None
    ) -> DocumentMissing | RevisionConflict:
        found = await self._database[shelf.collection].find_one(
            live(tenant, id, self._now()), {"revision": 1}, session=self._session
        )
        if found is None:
            return DocumentMissing(tenant, shelf.kind.name, id)
        return RevisionConflict(shelf.kind.name, id, expected, found["revision"])

    def _now(self) -> int:
        return int(self._time())


def locks_of(changes: Sequence[Change]) -> list[str]:
    """The locks that a transaction with these changes counts up, in an order that all keep to; none without a Guard."""
    if not any(isinstance(change, Guard) for change in changes):
        return []
    return sorted({f"{kind} {tenant}" for tenant, kind in map(_concerned, changes) if kind})


async def have(database: Database, locks: Iterable[str], known: set[str]) -> None:
    """See to it that there are these locks, which a transaction cannot do itself; `known` are those that there are."""
    for lock in locks:
        if lock in known:
            continue
        with suppress(DuplicateKeyError):
            await database[LOCKS].insert_one({"_id": lock, "n": 0})
        if len(known) >= _MOST_LOCKS:
            known.clear()
        known.add(lock)


def _concerned(change: Change) -> tuple[str, str]:
    match change:
        case Insert(document) | Replace(document):
            return document.tenant, document.kind
        case Guard(query):
            return query.tenant, query.kind
        case Delete() | Keep():
            return change.tenant, change.kind
        case Drop():
            return change.tenant, ""


def _inserted_kind(change: Change) -> str | None:
    return change.document.kind if isinstance(change, Insert) else None
