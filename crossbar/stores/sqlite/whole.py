"""What an SQLite store can do with all of its documents at once; `whole_rows` has the SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from ...errors import BlobMissing, StoreError
from .. import Kind
from ..whole import Stored, Stretch, check_blob_id
from . import whole_rows
from .blob_reader import AHEAD, BlobReader
from .blob_writer import SqliteBlobWriter
from .blobs import Blobs
from .file import closed
from .tables import Tables
from .threads import Threads, Work

T = TypeVar("T")


class SqliteWhole:
    """The port for a store as a whole, for `SqliteStore`."""

    path: Path
    _tables: Tables
    _readers: Threads | None

    async def kinds(self) -> list[Kind]:
        """All kinds that the file has tables for, in the order of their names."""
        return await self._read(whole_rows.kinds)

    async def tally(self, kind: str, tenants: Sequence[str] | None = None) -> int:
        """How many documents of the kind there are, alive and set aside, those included that have expired."""
        table = self._tables[kind]
        return await self._read(lambda connection: whole_rows.tally(connection, table, tenants))

    async def walk(self, kind: str, after: str | None, limit: int, tenants: Sequence[str] | None = None) -> Stretch:
        """The next documents of a kind: those alive by tenant and key, then those set aside by tenant and id."""
        table, now = self._tables[kind], self._now()
        return await self._read(lambda connection: whole_rows.walk(connection, table, after, limit, tenants, now))

    async def held(self, some: Sequence[Stored]) -> list[Stored | None]:
        """What is in the place of each of these."""
        tables, now = self._tables, self._now()
        return await self._read(lambda connection: whole_rows.held(connection, tables, some, now))

    async def restore(self, some: Sequence[Stored]) -> int:
        """Put documents there exactly as they are, in one transaction; how many were not there before."""
        tables, blobs, now = self._tables, self._opened_blobs(), self._now()
        return await self._write(
            lambda connection: whole_rows.restore(connection, tables, blobs, some, now), grouped=False
        )

    async def restore_blob(self, id: str) -> SqliteBlobWriter:
        """Begin a blob that is to have this id."""
        check_blob_id(id)
        if await self._is_named(id):
            raise StoreError(f"blob {id!r} cannot be written: a document keeps it already")
        return SqliteBlobWriter(self._opened_blobs().files, self._is_named, id)

    async def read_stored_blob(self, id: str) -> AsyncIterator[bytes]:
        """The bytes of a blob that a document keeps, be it alive or set aside."""
        files, size = self._opened_blobs().files, await self._stored_size(id)
        with closing(BlobReader(files, id, size)) as reader:
            for place in range(0, size, AHEAD):
                try:
                    pieces = await reader.read(place, min(place + AHEAD, size))
                except FileNotFoundError as error:
                    await self._stored_size(id)  # It was destroyed a moment ago: BlobMissing. Otherwise it is damage.
                    raise files.failed(files.path(id), error) from error
                for piece in pieces:
                    yield piece

    async def _stored_size(self, id: str) -> int:
        size = await self._read(lambda connection: whole_rows.blob_size(connection, id))
        if size is None:
            raise BlobMissing("", id)
        return size

    async def _read(self, work: Work[T]) -> T:
        """What the work returns, done by a reader thread. It may take its time: nobody waits with a request."""
        if self._readers is None:
            raise closed(self.path)
        return await self._readers.do(work)

    # -- what `SqliteStore` has -----------------------------------------------------------------------------

    def _now(self) -> int:
        raise NotImplementedError

    def _opened_blobs(self) -> Blobs:
        raise NotImplementedError

    async def _is_named(self, id: str) -> bool:
        raise NotImplementedError

    async def _write(self, work: Work[T], *, grouped: bool) -> T:
        raise NotImplementedError
