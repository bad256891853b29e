"""Blobs as GridFS files: written piece by piece, read from any place, and destroyed when nobody can want them.

They are written and read a few chunks at a time, each time by a command of its own: no cursor waits for a slow reader,
and so none can be closed by the server meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pymongo
from bson import Int64
from pymongo.errors import DuplicateKeyError

from ...errors import BlobMissing, StoreError, StoreUnavailable
from .. import StoredBlob
from .connection import Connection, Database, told
from .kept_blobs import CHUNKS, FILES, LOOSE, WAITS

CHUNK = 255 * 1024
"""Bytes of a chunk; GridFS's own default, less than a page of memory below the most that a piece may have."""
# PERF: one way to the server for so many chunks.
_AT_ONCE = 4
_BATCH = 100
# Seconds after which no write that was sent can arrive any more.
_ARRIVES_WITHIN = 900


class MongoBlobWriter:
    """A blob that is being written; `now` gives Unix seconds."""

    def __init__(self, connection: Connection, now: Callable[[], int], id: str | None = None) -> None:
        self._connection = connection
        self._database: Database = connection.database
        self._now = now
        self._id = id or uuid4().hex
        self._collected = bytearray()
        self._chunks = 0
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._blob: StoredBlob | None = None
        self._open = True
        self._begun = False
        self._writing = False

    async def write(self, piece: bytes) -> None:
        """Take the next piece; StoreError after the end, StoreUnavailable if the database cannot be reached."""
        self._check("takes no more")
        self._sha256.update(piece)
        self._size += len(piece)
        self._collected += piece
        while len(self._collected) >= _AT_ONCE * CHUNK:
            async with self._sending():
                await self._send()

    async def finish(self) -> StoredBlob:
        """The blob that the pieces make, as safe as an acknowledged write; the same one when asked again."""
        if self._blob is None:
            self._check("cannot be finished")
            digest = self._sha256.hexdigest()
            async with self._sending():
                await self._send()
                await self._database[FILES].insert_one(
                    {
                        "_id": self._id,
                        "filename": self._id,
                        "length": Int64(self._size),
                        "chunkSize": CHUNK,
                        "uploadDate": datetime.now(UTC),
                        "metadata": {"sha256": digest},
                    }
                )
                await self._wait_for_a_document()
            self._open, self._blob = False, StoredBlob(self._id, self._size, digest)
        return self._blob

    async def discard(self) -> None:
        """Leave nothing of it, unless a document has it."""
        self._open, self._blob = False, None
        self._collected.clear()
        if not self._begun:
            return
        connection = self._connection
        with told(connection.address.name, writes=True), pymongo.timeout(connection.answers_within):
            # NOTE: a write that got no answer may still arrive, after everything else was destroyed.
            if self._writing:
                late = {"doomed": True, "due": self._now() + _ARRIVES_WITHIN}
                await self._database[LOOSE].update_one({"_id": self._id}, {"$set": late})
            else:
                await doom(self._database, self._id)

    async def _wait_for_a_document(self) -> None:
        """Begin the time in which it may be kept; StoreError if it took so long to write that it was swept."""
        waits = {"$set": {"due": self._now() + WAITS}}
        if not (await self._database[LOOSE].update_one({"_id": self._id, "doomed": False}, waits)).matched_count:
            await self._database[FILES].delete_one({"_id": self._id})
            raise StoreError(f"blob {self._id!r} was destroyed: writing it took longer than {WAITS // 3600} hours")

    async def _send(self) -> None:
        """Write some of what was collected, after an entry that says that there is something."""
        if not self._begun:
            # NOTE: the entry comes first, so that a crash leaves nothing behind that nobody would look for.
            self._begun = True
            loose = {"_id": self._id, "due": self._now() + WAITS, "doomed": False}
            try:
                await self._database[LOOSE].insert_one(loose)
            except DuplicateKeyError:
                raise StoreError(f"blob {self._id!r} is being written already") from None
        sent = bytes(self._collected[: _AT_ONCE * CHUNK])
        pieces = [sent[place : place + CHUNK] for place in range(0, len(sent), CHUNK)]
        if pieces:
            chunks = [{"files_id": self._id, "n": self._chunks + n, "data": piece} for n, piece in enumerate(pieces)]
            await self._database[CHUNKS].insert_many(chunks)
            self._chunks += len(pieces)
            del self._collected[: len(sent)]

    @asynccontextmanager
    async def _sending(self) -> AsyncIterator[None]:
        # NOTE: closed while something is written, so that it stays closed if that fails or its caller is cancelled.
        self._open, self._writing = False, True
        with told(self._connection.address.name, writes=True):
            async with self._connection.moving_bytes(writes=True):
                yield
        self._open, self._writing = True, False

    def _check(self, otherwise: str) -> None:
        if not self._open:
            raise StoreError(f"a blob that was finished or discarded, or could not be written, {otherwise}")


async def read(connection: Connection, id: str, size: int, start: int, length: int | None) -> AsyncIterator[bytes]:
    """The bytes of a blob of that size from `start` on; StoreUnavailable when some of them are gone."""
    end = size if length is None else min(start + length, size)
    while start < end:
        first = start // CHUNK
        last = min(first + _AT_ONCE, -(-end // CHUNK))
        for chunk in await _chunks(connection, id, first, last):
            place = chunk["n"] * CHUNK
            piece = bytes(chunk["data"][max(start - place, 0) : end - place])
            yield piece
            start += len(piece)


async def _chunks(connection: Connection, id: str, first: int, last: int) -> list[dict[str, Any]]:
    wanted = {"files_id": id, "n": {"$gte": first, "$lt": last}}
    # NOTE: a member that is behind may not have them yet; then it is the primary that knows.
    for database in connection.members:
        with told(connection.address.name):
            async with connection.moving_bytes():
                found = await database[CHUNKS].find(wanted, {"_id": 0, "n": 1, "data": 1}, sort=[("n", 1)]).to_list()
        if [chunk["n"] for chunk in found] == list(range(first, last)):
            return found
    raise StoreUnavailable(f"{connection.address.name}: blob {id!r} was destroyed, or is damaged")


async def file_of(connection: Connection, tenant: str, id: str) -> dict[str, Any]:
    """The entry of a kept blob of the tenant; BlobMissing if there is none."""
    file = await connection.database[FILES].find_one(
        {"_id": id, "metadata.tenant": tenant}, {"length": 1, "metadata": 1}
    )
    if file is None:
        raise BlobMissing(tenant, id)
    return file


async def doom(database: Database, id: str) -> None:
    """Destroy a blob that no document has; do nothing if one has it."""
    if (await database[LOOSE].update_one({"_id": id}, {"$set": {"doomed": True}})).matched_count:
        await _destroy(database, id)


async def sweep(database: Database, now: int) -> bool:
    """Destroy some of the blobs that were not kept in time or were dropped; whether there may be more of them."""
    due = await database[LOOSE].find({"due": {"$lte": now}}, {"_id": 1}).limit(_BATCH).to_list()
    destroyed = 0
    for loose in due:
        marked = await database[LOOSE].update_one(
            {"_id": loose["_id"], "due": {"$lte": now}}, {"$set": {"doomed": True}}
        )
        if marked.matched_count:
            await _destroy(database, loose["_id"])
            destroyed += 1
    return len(due) == _BATCH and destroyed > 0


async def _destroy(database: Database, id: str) -> None:
    # NOTE: the entry goes last, so that whatever is left after a crash is found again.
    await database[FILES].delete_one({"_id": id})
    await database[CHUNKS].delete_many({"files_id": id})
    await database[LOOSE].delete_one({"_id": id})
