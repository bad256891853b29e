"""Blobs as GridFS files: written piece by piece, read from any place, and destroyed when nobody can want them.

They are read a few chunks at a time, each of them by a query of its own: no cursor waits for a slow reader, and so none
can be closed by the server meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pymongo
from gridfs.asynchronous import AsyncGridFSBucket, AsyncGridIn
from pymongo.errors import DuplicateKeyError

from ...errors import BlobMissing, StoreError, StoreUnavailable
from .. import StoredBlob
from .connection import Connection, Database, told
from .kept_blobs import BUCKET, CHUNKS, FILES, LOOSE, WAITS

CHUNK = 255 * 1024
"""Bytes of a chunk; GridFS's own default, less than a page of memory below the most that a piece may have."""
_AHEAD = 8
_WRITE_SECONDS = 30.0
_BATCH = 100


class MongoBlobWriter:
    """A blob that is being written; `now` gives Unix seconds."""

    def __init__(self, connection: Connection, now: Callable[[], int], id: str | None) -> None:
        self._connection = connection
        self._database: Database = connection.database
        self._now = now
        self._id = id or uuid4().hex
        self._file: AsyncGridIn | None = None
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._blob: StoredBlob | None = None
        self._ended = False

    async def write(self, piece: bytes) -> None:
        """Take the next piece; StoreError after the end, StoreUnavailable if the database cannot be reached."""
        if self._ended:
            raise StoreError("a blob that was finished or discarded takes no more")
        with self._told():
            file = await self._begun()
            await file.write(bytes(piece))
        self._sha256.update(piece)
        self._size += len(piece)

    async def finish(self) -> StoredBlob:
        """The blob that the pieces make, as safe as an acknowledged write; the same one when asked again."""
        if self._blob is not None:
            return self._blob
        if self._ended:
            raise StoreError("a blob that was discarded cannot be finished")
        with self._told():
            file = await self._begun()
            self._ended = True
            await file.set("metadata", {"sha256": self._sha256.hexdigest()})
            await file.close()
        self._blob = StoredBlob(self._id, self._size, self._sha256.hexdigest())
        return self._blob

    async def discard(self) -> None:
        """Leave nothing of it, unless a document has it."""
        self._ended, self._blob = True, None
        if self._file is None:
            return
        with self._told():
            await doom(self._database, self._id)

    async def _begun(self) -> AsyncGridIn:
        if self._file is None:
            # NOTE: the entry comes first, so that a crash leaves nothing behind that nobody would look for.
            loose = {"_id": self._id, "due": self._now() + WAITS, "doomed": False}
            try:
                await self._database[LOOSE].insert_one(loose)
            except DuplicateKeyError:
                raise StoreError(f"blob {self._id!r} is being written already") from None
            bucket = AsyncGridFSBucket(self._database, BUCKET, chunk_size_bytes=CHUNK)
            self._file = bucket.open_upload_stream_with_id(self._id, self._id)
        return self._file

    @contextmanager
    def _told(self) -> Iterator[None]:
        with told(self._connection.address.name, writes=True), pymongo.timeout(_WRITE_SECONDS):
            yield


async def read(connection: Connection, id: str, size: int, start: int, length: int | None) -> AsyncIterator[bytes]:
    """The bytes of a blob of that size from `start` on; StoreUnavailable when some of them are gone."""
    end = size if length is None else min(start + length, size)
    chunks = connection.lists[CHUNKS]
    while start < end:
        first = start // CHUNK
        last = min(first + _AHEAD, -(-end // CHUNK))
        with told(connection.address.name), pymongo.timeout(_WRITE_SECONDS):
            wanted = {"files_id": id, "n": {"$gte": first, "$lt": last}}
            found = await chunks.find(wanted, {"_id": 0, "n": 1, "data": 1}, sort=[("n", 1)]).to_list()
        if [chunk["n"] for chunk in found] != list(range(first, last)):
            raise StoreUnavailable(f"{connection.address.name}: blob {id!r} was destroyed, or is damaged")
        for chunk in found:
            place = chunk["n"] * CHUNK
            piece = bytes(chunk["data"][max(start - place, 0) : end - place])
            yield piece
            start += len(piece)


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
    for loose in due:
        marked = await database[LOOSE].update_one(
            {"_id": loose["_id"], "due": {"$lte": now}}, {"$set": {"doomed": True}}
        )
        if marked.matched_count:
            await _destroy(database, loose["_id"])
    return len(due) == _BATCH


async def _destroy(database: Database, id: str) -> None:
    # NOTE: the entry goes last, so that whatever is left after a crash is found again.
    await database[FILES].delete_one({"_id": id})
    await database[CHUNKS].delete_many({"files_id": id})
    await database[LOOSE].delete_one({"_id": id})
