"""Documents in MongoDB: the store of installations that one machine is not enough for.

A walk through it: `connection` opens it, `layout` says how documents lie there, `preparing` makes collections and
indexes, `listings` and `marks` put queries into MongoDB's words, `writes` and `transactions` change documents, `blobs`
and `kept_blobs` keep bytes in GridFS. What a client chose reaches the server as a value to compare with, never as the
name of a field, an operator or a pattern.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import islice
from time import monotonic

import pymongo
from bson import ObjectId
from msgspec.structs import replace
from pymongo.asynchronous.client_session import AsyncClientSession

from ...errors import BlobMissing, StoreError, StoreUnavailable
from ...settings import Limits, MongoSettings
from .. import Change, Delete, Document, Insert, Kind, Query, Replace, Rows
from ..versions import Versions, kinds_of
from . import blobs
from .address import address_of
from .blobs import MongoBlobWriter
from .connection import Connection, told
from .janitor import now_and_then, tidy
from .layout import Record, Shelves, live
from .listings import asked, count, records
from .locks import count_up, have, locks_of
from .preparing import KINDS, prepare
from .tallies import MongoTallies
from .transactions import in_transaction
from .whole import MongoWhole
from .writes import REFUSALS, Clash, Writes

logger = logging.getLogger(__name__)

LOAD_BATCH = 1000
# How often a write is tried that others are in the way of each time, and may be gone when one looks.
_TRIES = 8
_CANCELLED_AGAIN = 0.1
_FIELDS = ("id", "created", "modified", "revision", "until", "body", "private", "key")
_WHOLE = {"_id": 0} | dict.fromkeys(_FIELDS, 1)

LIMITS = Limits()


class MongoStore(MongoWhole):
    """Keeps documents in the database that `url` names; what it acknowledges is on the disks of most members.

    A listing may take `read_seconds`, and a change be tried for `write_seconds`; a server that is lost is noticed in
    less than two, by default. `clock` gives Unix seconds, and the clocks of all processes have to agree within minutes.
    """

    def __init__(
        self,
        url: str,
        settings: MongoSettings | None = None,
        *,
        read_seconds: float = LIMITS.store_seconds,
        write_seconds: float = LIMITS.write_seconds,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings or MongoSettings()
        self._address = address_of(url, self._settings)
        self.name = self._address.name
        self._read_seconds = read_seconds
        self._write_seconds = write_seconds
        self._clock = clock
        self._connection: Connection | None = None
        self._shelves = Shelves()
        self._locks: set[str] = set()
        self._versions, self._renewed = Versions(), 0.0
        self._tidying: asyncio.Task[None] | None = None
        self.lag = self._settings.cache_seconds

    async def open(self, kinds: Iterable[Kind]) -> None:
        """Connect, and make collections and indexes where these kinds need others."""
        connection = self._connection
        if connection is None or connection.loop is not asyncio.get_running_loop():
            connection = Connection(self._address, self._settings)
            try:
                await connection.begin()
            except BaseException:
                await connection.close()
                raise
            if (faster := self._connection) is not None and faster.loop is connection.loop:
                await connection.close()
                connection = faster
            self._connection = connection
            self._locks.clear()
        with told(self.name):
            async with connection.unless_lost():
                shelves = await prepare(connection, kinds, self._now(), create=self._settings.create_indexes)
        self._shelves = Shelves({**self._shelves, **shelves})
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(now_and_then(self.tidy), name="crossbar-mongo-janitor")

    async def close(self) -> None:
        """Let go of all connections."""
        connection, self._connection = self._connection, None
        tidying, self._tidying = self._tidying, None
        self._shelves = Shelves()
        if tidying is not None and not tidying.get_loop().is_closed():
            while not tidying.done():
                # NOTE: before Python 3.12 `asyncio.wait_for`, in the driver, loses a cancellation that meets an answer.
                tidying.cancel()
                await asyncio.wait([tidying], timeout=_CANCELLED_AGAIN)
        if connection is not None and connection.loop is asyncio.get_running_loop():
            await connection.close()

    def version(self, *kinds: str) -> int | None:
        """A number that differs once this process wrote such documents, and every `lag` seconds; None if that is 0."""
        if not self.lag:
            return None
        if (now := monotonic()) - self._renewed >= self.lag:
            self._versions.renew()
            self._renewed = now
        return self._versions.of(kinds)

    async def get(self, tenant: str, kind: str, id: str) -> Document | None:
        """The document, or None."""
        shelf = self._shelves[kind]
        place = {"tenant": tenant, "id": id, "deleted": False}
        with told(self.name, quick=True), pymongo.timeout(self._settings.answer_seconds):
            found = await self._opened().database[shelf.collection].find_one(place, _WHOLE)
        # PERF: there is one at most, so whether it has expired need not be looked at there.
        return shelf.document(tenant, found) if found is not None and found["until"] > self._now() else None

    async def page(self, query: Query) -> Rows:
        """Up to `limit` documents of the listing as JSON, and where the next piece begins."""
        shelf = self._shelves[query.kind]
        shown = "body" if query.full or shelf.kind.summary is None else "summary"
        found = await self._read(query, (shown, "key"), query.limit + 1, lists=True)
        rows, following = found[: query.limit], found[query.limit :]
        return Rows(
            ("\n" if query.lines else ",").join([row[shown] for row in rows]).encode(),
            len(rows),
            rows[0]["key"] if rows else None,
            following[0]["key"] if following else None,
            query.lines,
        )

    async def find(self, query: Query) -> list[Document]:
        """Up to `limit` whole documents of the listing, as the primary has them."""
        shelf = self._shelves[query.kind]
        found = await self._read(query, _FIELDS, query.limit)
        return [shelf.document(query.tenant, record) for record in found]

    async def count(self, query: Query) -> int:
        """How many documents the listing has in all: `start`, `skip` and `limit` do not matter."""
        query = replace(query, start=None, skip=0)
        shelf = self._shelves[query.kind]
        wanted = asked(query, shelf, self._now())
        if wanted is None:
            return 0
        connection = self._opened(lists=True)
        async with connection.listing(self._read_seconds, lists=True):
            return await count(query, wanted, connection.lists[shelf.collection])

    async def write(self, changes: Sequence[Change]) -> list[Document | None]:
        """Carry out all the changes or none; the documents as they now stand, None for all but Insert and Replace."""
        if not changes:
            return []
        connection = self._opened()
        try:
            with told(self.name, writes=True):
                if len(changes) == 1 and isinstance(changes[0], Insert | Replace | Delete):
                    return await self._alone(connection, changes[0])
                return await self._together(connection, changes)
        finally:
            # NOTE: what failed may have been carried out all the same.
            self._versions.wrote(kinds_of(changes))

    async def load(self, documents: Iterable[Document]) -> int:
        """Insert many documents and say how many, a thousand at a time; those before one that clashes stay."""
        source, loaded = iter(documents), 0
        while some := list(islice(source, LOAD_BATCH)):
            try:
                await self.write([Insert(document) for document in some])
            except StoreError:
                # One of them clashes: one by one, it turns out which, and whether with a document that is still alive.
                for document in some:
                    await self.write([Insert(document)])
            loaded += len(some)
        return loaded

    async def new_blob(self) -> MongoBlobWriter:
        """Begin a blob."""
        return MongoBlobWriter(self._opened(), self._now)

    async def read_blob(self, tenant: str, id: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes of a kept blob from `start` on, `length` of them or all; BlobMissing with the first piece."""
        connection = self._opened()
        with told(self.name, quick=True), pymongo.timeout(self._settings.answer_seconds):
            file = await blobs.file_of(connection, tenant, id)
            owner = file["metadata"]
            place = live(tenant, owner["document"], self._now())
            found = await connection.database[self._shelves[owner["kind"]].collection].find_one(place, {"_id": 1})
        if found is None or found["_id"] != owner["owner"]:
            raise BlobMissing(tenant, id)
        async for piece in blobs.read(connection, id, file["length"], start, length):
            yield piece

    async def health(self) -> str:
        """The server, its version and its hosts; StoreUnavailable if no primary answers."""
        connection = self._opened()
        with told(self.name, quick=True), pymongo.timeout(self._settings.answer_seconds):
            # NOTE: what is read is asked for again when a connection breaks; a ping is not.
            await connection.database[KINDS].find_one({}, {"_id": 1})
        return f"MongoDB {connection.server}, {self.name.removeprefix('MongoDB store ')}"

    def tallies(self) -> MongoTallies:
        """Where machines that have this store tell each other what they count; for while it is open."""
        return MongoTallies(self._opened().database, self.name, self._settings.answer_seconds)

    # -- what is behind -------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock())

    def _opened(self, *, lists: bool = False) -> Connection:
        """The connection, with a server that can be asked, or changed, or asked for listings."""
        if self._connection is None:
            raise StoreUnavailable(f"{self.name}: not open; call open() first")
        self._connection.expect(lists=lists)
        return self._connection

    async def _read(self, query: Query, fields: tuple[str, ...], most: int, *, lists: bool = False) -> list[Record]:
        """The records of a listing, at most so many; from where clients' listings may come if it is one of those."""
        shelf = self._shelves[query.kind]
        connection, wanted = self._opened(lists=lists), asked(query, shelf, self._now())
        if wanted is None:
            return []
        collection = (connection.lists if lists else connection.database)[shelf.collection]
        async with connection.listing(self._read_seconds, lists=lists):
            return [record async for record in records(query, wanted, collection, fields, most)]

    async def _alone(self, connection: Connection, change: Insert | Replace | Delete) -> list[Document | None]:
        """Carry out one change, which MongoDB does as a whole; one that something is in the way of, carefully."""
        try:
            with pymongo.timeout(self._settings.answer_seconds):
                return await Writes(connection.database, self._shelves, self._clock).carry_out([change])
        except Clash:
            return await self._together(connection, [change], careful=True)

    async def _together(
        self, connection: Connection, changes: Sequence[Change], *, careful: bool = False
    ) -> list[Document | None]:
        """Carry out the changes in a transaction."""
        locks, again = locks_of(changes), connection.sharded

        async def work(session: AsyncClientSession) -> list[Document | None]:
            for gone in await count_up(connection.database, locks, session):
                self._locks.discard(gone)
                raise Clash
            writes = Writes(connection.database, self._shelves, self._clock, session, careful=careful)
            return await writes.carry_out(changes)

        for _ in range(_TRIES):
            with pymongo.timeout(self._settings.answer_seconds):
                await have(connection.database, locks, self._locks)
            try:
                seconds = self._write_seconds
                return await in_transaction(connection, work, changes=len(changes), within=seconds, locks=locks)
            except REFUSALS:
                # NOTE: a router may begin a transaction before what another one has acknowledged; having asked the
                # shards, it knows.
                if not again:
                    raise
                again = False
            except Clash:
                # NOTE: what was in the way is looked up from now on; it may also have come after that look.
                careful = True
        raise StoreUnavailable(f"{self.name}: others wrote the same document at the same time, again and again")

    async def tidy(self) -> None:
        """Destroy blobs that nobody kept in time or that were dropped, and expired documents with blobs."""
        connection = self._opened()

        async def purge(collection: str, tenant: str, record: ObjectId) -> None:
            async def work(session: AsyncClientSession) -> None:
                await Writes(connection.database, self._shelves, self._clock, session).purge(collection, tenant, record)

            await in_transaction(connection, work, changes=1, within=self._write_seconds)

        with told(self.name):
            await tidy(connection.database, self._shelves, self._now(), purge)
