"""What a write changes in MongoDB: one change by itself, or several in a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from bson import ObjectId
from msgspec.structs import replace
from pymongo import DeleteOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from ...errors import DocumentMissing, GuardFailed, RevisionConflict, UniqueConflict
from .. import Change, Delete, Document, Drop, Guard, Insert, Keep, Replace
from .connection import Database
from .kept_blobs import KeptBlobs
from .layout import Shelf, Shelves, changed, inserted, live, set_aside, unique_field
from .listings import asked, records

REFUSALS = (DocumentMissing, RevisionConflict, GuardFailed, UniqueConflict)
"""What a write is refused with because of what it found."""


class Clash(Exception):
    """Something is in the way of a change, and the transaction, if there was one, is over.

    Two documents want the same id or unique value, or one of several changes cannot be made, and nobody knows which.
    """


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
        for sort, group in groupby(changes, key=_sort):
            some = [*group]
            if sort is None or self._careful or len(some) == 1:
                done += [await self._change(change) for change in some]
            else:
                done += await self._at_once(some)
        return done

    # PERF: as many commands for a thousand changes as for one; each of them would be a way to the server and back.
    async def _at_once(self, changes: Sequence[Change]) -> Sequence[Document | None]:
        """Make changes of one sort, of which `carry_out` says the rest; Clash if one of them cannot be made."""
        first = changes[0]
        if isinstance(first, Delete):
            shelf = self._shelves[first.kind]
            await self._delete_all(shelf, first, [each for each in changes if isinstance(each, Delete)])
            return [None] * len(changes)
        documents = [each.document for each in changes if isinstance(each, Insert | Replace)]
        shelf = self._shelves[documents[0].kind]
        if isinstance(first, Replace):
            return await self._replace_all(shelf, documents)
        await self.insert(shelf, documents)
        return documents

    async def _change(self, change: Change) -> Document | None:
        match change:
            case Insert(document):
                shelf = self._shelves[document.kind]
                if self._careful:
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
                await self._blobs.leave([found["_id"]])
            await collection.delete_one(
                {"tenant": document.tenant, "_id": found["_id"], "until": found["until"]}, session=self._session
            )

    async def purge(self, collection: str, tenant: str, record: ObjectId) -> None:
        """Destroy a record that has expired and its blobs, if it still has."""
        place = {"tenant": tenant, "_id": record, "until": {"$lte": self._now()}}
        if (await self._database[collection].delete_one(place, session=self._session)).deleted_count:
            await self._blobs.leave([record])

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
            raise _clash_or(error) from None

    async def _replace(self, shelf: Shelf, document: Document) -> Document:
        collection, time = self._database[shelf.collection], self._time()
        now = int(time)
        place = live(document.tenant, document.id, now) | {"revision": document.revision}
        if self._careful and await collection.find_one(place, {"_id": 1}, session=self._session) is not None:
            await self.make_way(shelf, document, shelf.unique)
        content = shelf.content(document, now, document.revision + 1, time)
        created = document.created
        while True:
            # PERF: who reads and changes at once has the server keep the whole document, for the case of a repetition.
            at = place | {"created": created}
            try:
                if (await collection.update_one(at, changed(content), session=self._session)).matched_count:
                    return replace(document, created=created, modified=now, revision=document.revision + 1)
            except DuplicateKeyError as error:
                raise Clash from error
            found = await collection.find_one(place, {"created": 1}, session=self._session)
            if found is None or found["created"] == created:
                raise await self._why_not(shelf, document.tenant, document.id, document.revision)
            created = found["created"]

    async def _replace_all(self, shelf: Shelf, documents: Sequence[Document]) -> list[Document]:
        time, tenant = self._time(), documents[0].tenant
        held = await self._held(shelf, tenant, [document.id for document in documents])
        now, done, updates = int(time), [], []
        for document in documents:
            new = replace(document, created=held[document.id]["created"], modified=now, revision=document.revision + 1)
            place = {"tenant": tenant, "id": new.id, "deleted": False, "revision": document.revision}
            updates.append(UpdateOne(place, changed(shelf.content(new, now, new.revision, time))))
            done.append(new)
        await self._matching(shelf, updates)
        return done

    async def _delete_all(self, shelf: Shelf, first: Delete, changes: Sequence[Delete]) -> None:
        now = self._now()
        held = await self._held(shelf, first.tenant, [change.id for change in changes])
        if first.purge:
            await self._blobs.leave([record["_id"] for record in held.values() if record["blobs"]])
        operations: list[UpdateOne | DeleteOne] = []
        for change in changes:
            place = {"tenant": change.tenant, "id": change.id, "deleted": False}
            if change.revision is not None:
                place["revision"] = change.revision
            operations.append(DeleteOne(place) if first.purge else UpdateOne(place, set_aside(now)))
        await self._matching(shelf, operations)

    async def _held(self, shelf: Shelf, tenant: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The records with these ids, which stay as they are or end the transaction; Clash if one is not alive."""
        wanted = {"tenant": tenant, "id": {"$in": ids}, "deleted": False}
        shown = {"id": 1, "created": 1, "until": 1, "blobs": 1}
        found = self._database[shelf.collection].find(wanted, shown, hint="id", session=self._session)
        now = self._now()
        held = {record["id"]: record async for record in found if record["until"] > now}
        if not held.keys() >= {*ids}:
            raise Clash
        return held

    async def _matching(self, shelf: Shelf, operations: Sequence[UpdateOne | DeleteOne]) -> None:
        """Carry out operations on one document each; Clash if one of them finds none, or cannot be."""
        try:
            done = await self._database[shelf.collection].bulk_write([*operations], session=self._session)
        except BulkWriteError as error:
            raise _clash_or(error) from None
        if done.matched_count + done.deleted_count < len(operations):
            raise Clash

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
                await self._blobs.leave([found["_id"]])
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


def _sort(change: Change) -> tuple[Any, ...] | None:
    """What changes have in common that can be made by one command; None if that needs one of its own."""
    match change:
        case Insert(document):
            return Insert, document.kind
        case Replace(document):
            return Replace, document.kind, document.tenant
        case Delete():
            return Delete, change.kind, change.tenant, change.purge
    return None


def _clash_or(error: BulkWriteError) -> Exception:
    """Clash, if that is what the error says."""
    clashes = any(each.get("code") == 11000 for each in error.details.get("writeErrors", ()))
    return Clash() if clashes else error
