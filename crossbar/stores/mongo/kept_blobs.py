"""Which blob belongs to which document: the part of blobs that is written together with documents.

A blob is a GridFS file of the bucket `blobs`. As long as no document has it there is an entry in `blobs.loose`, which
says from when on it may be destroyed. `Keep` takes that entry away and writes the owner into the file's metadata: the
record of the document, so that one made later under the same id has none of its blobs. `Drop` makes the entry anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

from ...errors import DocumentMissing, StoreError
from .. import Drop, Keep, StoredBlob
from .connection import Database
from .layout import Shelf, Shelves, live

BUCKET = "blobs"
FILES = f"{BUCKET}.files"
CHUNKS = f"{BUCKET}.chunks"
LOOSE = f"{BUCKET}.loose"
WAITS = 24 * 3600
"""Seconds after its beginning at which a blob that was not kept is destroyed."""
LINGERS = 60
"""Seconds for which the bytes of a blob that was dropped stay for whoever is reading them."""

_FACTS = {"length": 1, "metadata.sha256": 1}


class KeptBlobs:
    """Keeps and drops blobs within a transaction; `now` gives Unix seconds."""

    def __init__(self, database: Database, session: AsyncClientSession | None, now: Callable[[], int]) -> None:
        self._database = database
        self._session = session
        self._now = now

    async def keep(self, shelf: Shelf, change: Keep) -> None:
        """Make the blob part of the document; DocumentMissing without that, StoreError if it cannot be kept."""
        place = live(change.tenant, change.document, self._now())
        # NOTE: counted, since an update that changes nothing is in nobody's way: not in that of a Delete either.
        kept = {"$set": {"blobs": True}, "$inc": {"keeps": 1}}
        owner = await self._database[shelf.collection].find_one_and_update(
            place, kept, {"_id": 1}, session=self._session
        )
        if owner is None:
            raise DocumentMissing(change.tenant, change.kind, change.document)
        await self.take(change, owner["_id"])

    async def take(self, change: Keep, owner: ObjectId) -> None:
        """Name the blob as one of a record; StoreError if it cannot be kept."""
        blob, session = change.blob, self._session
        loose = await self._database[LOOSE].delete_one(
            {"_id": blob.id, "due": {"$gt": self._now()}, "doomed": False}, session=session
        )
        metadata = {"tenant": change.tenant, "kind": change.kind, "document": change.document, "owner": owner}
        named = await self._database[FILES].update_one(
            {"_id": blob.id, "length": blob.size, "metadata.sha256": blob.sha256},
            {"$set": {f"metadata.{name}": value for name, value in metadata.items()}},
            session=session,
        )
        if not loose.deleted_count or not named.matched_count:
            raise StoreError(f"blob {blob.id!r} cannot be kept: it was not finished, was discarded, or is kept already")

    async def of(self, owner: ObjectId) -> tuple[StoredBlob, ...]:
        """The blobs of a record, in the order of their ids."""
        files = self._database[FILES].find({"metadata.owner": owner}, _FACTS, session=self._session)
        found = [StoredBlob(file["_id"], int(file["length"]), file["metadata"]["sha256"]) async for file in files]
        return tuple(sorted(found, key=lambda blob: blob.id))

    async def drop(self, shelves: Shelves, change: Drop) -> None:
        """Let the blob go, if the tenant keeps it."""
        file = await self._database[FILES].find_one(
            {"_id": change.blob, "metadata.tenant": change.tenant}, {"metadata": 1}, session=self._session
        )
        if file is None or not await self.is_owned(shelves, file["metadata"]):
            return
        await self._loosen([change.blob])

    async def leave(self, owners: Sequence[ObjectId]) -> None:
        """Let all blobs of records go that are destroyed."""
        if not owners:
            return
        files = self._database[FILES].find({"metadata.owner": {"$in": owners}}, {"_id": 1}, session=self._session)
        await self._loosen([file["_id"] async for file in files])

    async def is_owned(self, shelves: Shelves, metadata: dict[str, Any]) -> bool:
        """Whether the record that a blob belongs to is not set aside."""
        tenant, document = metadata["tenant"], metadata["document"]
        found = await self._database[shelves[metadata["kind"]].collection].find_one(
            {"tenant": tenant, "id": document, "deleted": False}, {"_id": 1}, session=self._session
        )
        return found is not None and found["_id"] == metadata["owner"]

    async def _loosen(self, ids: list[str]) -> None:
        if not ids:
            return
        await self._database[FILES].delete_many({"_id": {"$in": ids}}, session=self._session)
        await self._database[LOOSE].insert_many(
            [{"_id": id, "due": self._now() + LINGERS, "doomed": True} for id in ids], session=self._session
        )
