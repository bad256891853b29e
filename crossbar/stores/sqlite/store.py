"""Documents in an SQLite file: the store that needs no server.

A walk through it: `get` and `version` are answered on the event loop, since a hop to a thread costs more than
they do; listings by reader threads; writes by one writer thread, which commits together what waits together.
Reads never wait for writes (write-ahead log). The file may be open in several processes of one machine.

`file` opens it, `tables` lays it out, `listings` and `filters` put queries into SQL, `lookups` answers on the event
loop, `changes` writes, `threads` has the threads. Blobs are files beside it: `blobs` tells how. `whole` reads
and writes all of it at once, for moving.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ...errors import BlobMissing, StoreOverdue, StoreUnavailable
from ...settings import Limits
from .. import Change, Document, Kind, Query, Rows
from . import blob_rows
from .blob_files import BlobFiles
from .blob_reader import AHEAD, BlobReader
from .blob_writer import SqliteBlobWriter
from .blobs import Blobs
from .changes import carry_out, load, sweep
from .file import closed, connect
from .listings import Statement, count_statement, find_statement, page_statement
from .lookups import Lookups
from .tables import Tables, prepare
from .threads import Threads, Work, Writer
from .whole import SqliteWhole

SYNCHRONOUS = ("NORMAL", "FULL", "EXTRA")
SWEEP_EVERY = 60
LOAD_BATCH = 10_000
INLINE_ROWS = 100
CLOSE_WITHIN = 30.0
HEALTH_WITHIN = 5.0

LIMITS = Limits()

T = TypeVar("T")


class SqliteStore(SqliteWhole):
    """Keeps documents in one file; acknowledged writes survive a crash of the process and, with FULL, of the machine.

    `synchronous` is SQLite's word for how sure a commit is: with `NORMAL` a power cut may take the last ones.
    `readers` is how many listings can be read at a time. A listing may take `read_seconds`, and a change be written in
    `write_seconds`, the time that they wait for others included; after that StoreOverdue is raised. An inserted
    document is kept as it is given, with its times and its revision. `clock` gives Unix seconds.
    """

    lag = 0.0

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: str = "FULL",
        readers: int = 1,
        read_seconds: float = LIMITS.store_seconds,
        write_seconds: float = LIMITS.write_seconds,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if synchronous not in SYNCHRONOUS:
            raise ValueError(f"synchronous is one of {', '.join(SYNCHRONOUS)}, not {synchronous!r}")
        # NOTE: absolute, so that a later change of the working folder, or a name such as `file:x`, does no harm.
        self.path = Path(os.path.abspath(path))
        self._synchronous = synchronous
        self._reader_count = readers
        self._read_seconds = read_seconds
        self._write_seconds = write_seconds
        self._clock = clock
        self._tables = Tables()
        self._lookups = Lookups(self.path)
        self._writer: Writer | None = None
        self._readers: Threads | None = None
        self._blobs: Blobs | None = None
        self._swept = 0

    async def open(self, kinds: Iterable[Kind]) -> None:
        """Open the file, made if it is missing, and make tables and indexes where these kinds need others."""
        wanted = tuple(kinds)
        if self._writer is None or self._blobs is None:
            limits = {"read_seconds": self._read_seconds, "write_seconds": self._write_seconds}
            self._blobs = Blobs(BlobFiles(self.path, sync=self._synchronous != "NORMAL", **limits))
            self._writer = Writer(self.path, self._connect_writer, partial(self._tidy, self._blobs))
        tables = await self._writer.do(lambda connection: prepare(connection, self.path, wanted, self._now()))
        self._tables = Tables({**self._tables, **tables})
        self._lookups.open()
        if self._readers is None:
            self._readers = Threads("crossbar-sqlite-reader", self.path, self._connect_reader, self._reader_count)

    async def close(self) -> None:
        """Finish what waits to be written, and let go of the file."""
        readers, self._readers = self._readers, None
        writer, self._writer = self._writer, None
        blobs, self._blobs = self._blobs, None
        self._tables = Tables()
        self._lookups.close()
        if readers is not None:
            await readers.stop(CLOSE_WITHIN)
        if writer is not None:
            await writer.stop(CLOSE_WITHIN)
        if blobs is not None:
            await asyncio.to_thread(blobs.files.close)

    def version(self, *kinds: str) -> int | None:
        """A number that differs once anybody wrote to the file, in this process or another; asked for in a loop.

        The kinds make no difference. PERF: triggers that count their writes would double what a bulk of them costs.
        """
        return self._lookups.version()

    async def get(self, tenant: str, kind: str, id: str) -> Document | None:
        """The document, or None."""
        row = self._lookups.row(self._tables[kind].get, (tenant, id, self._now()))
        if row is None:
            return None
        created, modified, revision, expires, body, private = row
        return Document(tenant, kind, id, body, created, modified, revision, private, expires)

    async def page(self, query: Query) -> Rows:
        """Up to `limit` documents of the listing as JSON, and where the next piece begins."""
        statement = page_statement(query, self._tables[query.kind], self._now())
        # PERF: a few rows that stand next to each other cost less than the hop to a thread. A walk would drive out
        # of the cache what quick look-ups find there.
        few = query.skip + query.limit <= INLINE_ROWS and not query.walk and not query.filters
        inline = few and query.modified_from is query.modified_to is None
        row = self._lookups.row(*statement) if inline else (await self._list(statement))[0]
        joined, count, lowest, highest, following = row
        first = highest if query.descending else lowest
        return Rows(joined or b"", count, first and first.decode(), following and following.decode(), query.lines)

    async def find(self, query: Query) -> list[Document]:
        """Up to `limit` whole documents of the listing."""
        rows = await self._list(find_statement(query, self._tables[query.kind], self._now()))
        tenant, kind = query.tenant, query.kind
        return [
            Document(tenant, kind, id.decode(), body, created, modified, revision, private, expires)
            for id, created, modified, revision, expires, body, private, _ in rows
        ]

    async def count(self, query: Query) -> int:
        """How many documents the listing has in all: `start`, `skip` and `limit` do not matter."""
        ((count,),) = await self._list(count_statement(query, self._tables[query.kind], self._now()))
        return int(count)

    async def write(self, changes: Sequence[Change]) -> list[Document | None]:
        """Carry out all the changes or none; the documents as they now stand, None for all but Insert and Replace."""
        tables, blobs, asked = self._tables, self._opened_blobs(), tuple(changes)
        return await self._write(
            lambda connection: carry_out(connection, tables, blobs, asked, self._now()), grouped=True
        )

    async def load(self, documents: Iterable[Document]) -> int:
        """Insert many documents and say how many, in transactions of 10,000; those before one that clashes stay.

        The documents are taken from the iterable on the writer's thread.
        """
        tables, blobs, source = self._tables, self._opened_blobs(), iter(documents)

        def load_some(connection: sqlite3.Connection) -> int:
            some = list(islice(source, LOAD_BATCH))
            if some:
                load(connection, tables, blobs, some, self._now())
            return len(some)

        count = 0
        while loaded := await self._write(load_some, grouped=False):
            count += loaded
        return count

    async def new_blob(self) -> SqliteBlobWriter:
        """Begin a blob."""
        return SqliteBlobWriter(self._opened_blobs().files, self._is_named)

    async def read_blob(self, tenant: str, id: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes of a kept blob from `start` on, `length` of them or all; BlobMissing with the first piece."""
        files, size = self._opened_blobs().files, self._blob_size(tenant, id)
        end = size if length is None else min(start + length, size)
        with closing(BlobReader(files, id, size)) as reader:
            for place in range(start, end, AHEAD):
                try:
                    pieces = await reader.read(place, min(place + AHEAD, end))
                except FileNotFoundError as error:
                    self._blob_size(tenant, id)  # It was dropped a moment ago: BlobMissing. Otherwise it is damage.
                    raise files.failed(files.path(id), error) from error
                for piece in pieces:
                    yield piece

    def _blob_size(self, tenant: str, id: str) -> int:
        """How many bytes the blob has; BlobMissing unless it belongs to a document that is alive."""
        row = self._lookups.row(blob_rows.FIND, (id, tenant))
        if row is None:
            raise BlobMissing(tenant, id)
        kind, document, size = row
        if self._lookups.row(self._tables[kind.decode()].revision, (tenant, document.decode(), self._now())) is None:
            raise BlobMissing(tenant, id)
        return int(size)

    async def health(self) -> str:
        """The file and its size; StoreUnavailable if it cannot be written now."""
        if self._writer is None:
            raise closed(self.path)
        try:
            size = await self._writer.do(_size, grouped=True, seconds=HEALTH_WITHIN)
        except StoreOverdue:
            raise StoreUnavailable(
                f"SQLite store {self.path}: no answer within {HEALTH_WITHIN:g} seconds; "
                "another process may keep the file locked"
            ) from None
        return f"SQLite {sqlite3.sqlite_version}, {self.path}, {size / 1e6:.1f} MB"

    # -- what is behind -------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock())

    async def _list(self, statement: Statement) -> list[Any]:
        """The rows of a listing, read by a reader thread."""
        if self._readers is None:
            raise closed(self.path)
        return await self._readers.do(
            lambda connection: connection.execute(*statement).fetchall(), seconds=self._read_seconds
        )

    async def _write(self, work: Work[T], *, grouped: bool) -> T:
        """What the work returns, once it is committed by the writer thread; only what is grouped has a time limit."""
        if self._writer is None:
            raise closed(self.path)
        return await self._writer.do(work, grouped=grouped, seconds=self._write_seconds if grouped else None)

    async def _is_named(self, id: str) -> bool:
        """Whether any row names the blob."""
        # NOTE: asked behind the writes that wait: a Keep may be carried out although its caller was cancelled.
        if self._writer is None:
            raise closed(self.path)
        return await self._writer.do(lambda connection: blob_rows.is_named(connection, id), seconds=self._write_seconds)

    def _opened_blobs(self) -> Blobs:
        if self._blobs is None:
            raise closed(self.path)
        return self._blobs

    def _connect_writer(self) -> sqlite3.Connection:
        return connect(self.path, synchronous=self._synchronous, writes=True)

    def _connect_reader(self) -> sqlite3.Connection:
        # NOTE: a long listing reads each page of the file once; what it keeps of them is memory that is of no use.
        return connect(self.path, cache=8_000)

    def _tidy(self, blobs: Blobs, connection: sqlite3.Connection) -> None:
        """Destroy expired documents now and then: a batch a minute, or after every write while there are many."""
        now = self._now()
        due = now - self._swept >= SWEEP_EVERY
        if due and not sweep(connection, self._tables, now):
            self._swept = now
        if due or blobs.freed:
            blobs.tidy(connection, sweep=due)


def _size(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    size: int = pages * page
    return size
