"""A walk through all documents of a kind, of all tenants or of some, a piece at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

from ..whole import WALK_BYTES, Stored, Stretch
from .connection import Database
from .kept_blobs import KeptBlobs
from .layout import Record, Shelf

ALIKE = ("tenant", "id", "removed", "created", "modified", "revision", "until", "body", "private")
"""The fields that two documents set aside have in common if they are alike."""
# How many tenants a piece asks about, and how many records set aside it looks at: a transaction must come to its end.
_TENANTS, _SEEN = 200, 1000


class Walk:
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
        asked = 0
        for each in self._tenants or ():
            if each < tenant:
                continue
            if asked == _TENANTS:
                return Stretch(self._found, _place("alive", each, ""))
            asked += 1
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
        seen = 0
        async for record in found.limit(_SEEN):
            seen += 1
            wanted_one = record["until"] > self._now and not await self._has_twin(record)
            if (wanted_one and await self._takes(record)) or seen == _SEEN:
                return Stretch(self._found, _place("aside", record["removed"], str(record["_id"])))
        return Stretch(self._found, None)

    def _read(self, wanted: dict[str, Any], order: str, hint: str) -> AsyncIterator[Record]:
        wanted["until"] = {"$gt": self._now}
        found = self._collection.find(wanted, sort=[(order, 1)], hint=hint, session=self._session)
        return found.limit(self._limit - len(self._found))

    async def _has_twin(self, record: Record) -> bool:
        alike = {name: record[name] for name in ALIKE}
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


def _place(part: str, *place: Any) -> str:
    return orjson.dumps([part, *place]).decode()
