"""The connection to MongoDB: what is asked of the driver, and what its errors mean.

Whatever the driver says, a request waits no longer for a server that does not answer than the settings say, which is
less than two seconds by default. A write whose connection broke is sent again once, under the same number, so that the
server does it once; after that nobody knows whether it was done, and the caller is told that the store cannot be
reached.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pymongo
from bson.errors import BSONError
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    DocumentTooLarge,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import _ServerMode
from pymongo.write_concern import WriteConcern

from ...errors import StoreError, StoreOverdue, StoreUnavailable
from ...settings import MongoSettings
from .abandoned import Abandoned
from .address import Address
from .servers import GONE_FOR, Servers
from .turns import Turns
from .waiting import put_right

_LOOK_EVERY = 0.1
_BYTES_WITHIN = 10.0
# How many pieces of blobs are on their way at once.
_LANES = 4

_OLDEST_WIRE = 17  # MongoDB 6.0
_NO_LOGIN = frozenset({18, 8000})
_NO_RIGHT = 13
_TOO_LARGE = frozenset({10334, 17280, 17419, 17420})

# Below this level the driver logs its commands, with all that is in them.
logging.getLogger("pymongo").setLevel(logging.WARNING)

put_right()

Database = AsyncDatabase[dict[str, Any]]


class Connection:
    """An open connection, good for the event loop that it was opened on.

    `lists` may read from other members than the primary; `members` are the ways to read what never changes, in the
    order in which they are tried.
    """

    def __init__(self, address: Address, settings: MongoSettings) -> None:
        self.address = address
        self.answers_within = settings.answer_seconds
        self.loop = asyncio.get_running_loop()
        concern = settings.write_concern
        with told(address.name):
            self.client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(address.url, **address.options)
        self.database: Database = self.client.get_database(
            address.database,
            read_preference=ReadPreference.PRIMARY,
            read_concern=_read_concern(settings),
            write_concern=WriteConcern(w=int(concern) if concern.isdigit() else concern, j=settings.journal),
        )
        self.lists: Database = self.database.with_options(read_preference=_PREFERENCES[settings.read_preference])
        self.members = (self.database,) if settings.read_preference == "primary" else (self.lists, self.database)
        self._reading, self._writing = asyncio.Semaphore(_LANES), asyncio.Semaphore(_LANES)
        self.turns = Turns()
        self.abandoned = Abandoned(self.database, self.answers_within)
        self.server = ""
        self.sharded = False
        gone_for = max(GONE_FOR, 2 * self.answers_within)
        primary = Servers(ReadPreference.PRIMARY, gone_for)
        shared = settings.read_preference == "primary"
        self._servers = (primary, primary if shared else Servers(self.lists.read_preference, gone_for))

    async def begin(self) -> None:
        """Make sure that there is a server that can do what is needed; StoreUnavailable says what it lacks."""
        with told(self.address.name), pymongo.timeout(self.answers_within):
            hello = await self.client.admin.command("hello")
            build = await self.client.admin.command("buildInfo")
        self.server = str(build.get("version", ""))
        self.sharded = self.abandoned.sharded = hello.get("msg") == "isdbgrid"
        if hello.get("maxWireVersion", 0) < _OLDEST_WIRE:
            raise StoreUnavailable(f"{self.address.name}: MongoDB {self.server} is too old; 6.0 or newer is needed")
        if "setName" not in hello and not self.sharded:
            raise StoreUnavailable(
                f"{self.address.name}: this server is no member of a replica set, and has no transactions; start it "
                "with --replSet NAME and run rs.initiate() once, also for one server alone"
            )

    async def close(self) -> None:
        """Let go of all connections."""
        await self.abandoned.close()
        await self.client.close()

    def expect(self, *, lists: bool = False) -> None:
        """StoreUnavailable if no server that can be asked has been there for seconds, so that few wait for one.

        PERF: an election is waited for; in an outage, whoever waits keeps what others need and is refused all the same.
        """
        servers = self._servers[lists]
        if servers.are_gone(self.client.topology_description):
            raise self._absent(servers)

    def _absent(self, servers: Servers) -> StoreUnavailable:
        """That there is nobody to ask, with what was heard of each server last."""
        known = self.client.topology_description.server_descriptions().values()
        heard = [_words(server.error) for server in known if server.error is not None]
        why = f" ({'; '.join(heard)})" if heard else ""
        return StoreUnavailable(f"{self.address.name}: no {servers.sought} can be reached{why}")

    @asynccontextmanager
    async def unless_lost(self, *, lists: bool = False) -> AsyncIterator[None]:
        """For what may take long: StoreUnavailable once it takes longer than an answer, and no server is there.

        The driver would look for one for as long as the whole may take.
        """
        servers = self._servers[lists]
        loop, task, cancels = asyncio.get_running_loop(), asyncio.current_task(), 0
        assert task is not None
        before, looking = task.cancelling(), None

        def look() -> None:
            nonlocal looking, cancels
            looking = loop.call_later(_LOOK_EVERY, look)
            if not self.client.topology_description.has_readable_server(servers.preference):
                # NOTE: again and again, and so not with asyncio.timeout, since it may be swallowed; see `told`.
                cancels += 1
                task.cancel()

        looking = loop.call_later(self.answers_within, look)
        try:
            yield
        except asyncio.CancelledError:
            if task.cancelling() - cancels > before or not cancels:
                raise
            raise self._absent(servers) from None
        finally:
            looking.cancel()
            for _ in range(cancels):
                task.uncancel()

    @asynccontextmanager
    async def listing(self, seconds: float, *, lists: bool = False) -> AsyncIterator[None]:
        """For a listing, which has so many seconds once there is a server; to be entered after `expect`."""
        servers = self._servers[lists]
        if not servers.known:
            seconds = max(seconds, self.answers_within)
        with told(self.address.name, sought=servers.sought), pymongo.timeout(seconds):
            async with self.unless_lost(lists=lists):
                yield

    @asynccontextmanager
    async def moving_bytes(self, *, writes: bool = False) -> AsyncIterator[None]:
        """For a piece of a blob: few at a time, so that documents get through, and with time for a slow network."""
        async with self.unless_lost(lists=not writes), self._writing if writes else self._reading:
            with pymongo.timeout(max(_BYTES_WITHIN, self.answers_within)):
                yield

    def transactions(self) -> dict[str, Any]:
        """How transactions read and write."""
        return {
            "read_concern": ReadConcern("snapshot"),
            "write_concern": self.database.write_concern,
            "read_preference": ReadPreference.PRIMARY,
        }


def _read_concern(settings: MongoSettings) -> ReadConcern:
    # NOTE: what fewer than a majority acknowledged, a reader of what a majority has may not find for a while.
    late = settings.read_concern == "majority" and settings.write_concern != "majority"
    return ReadConcern("local" if late else settings.read_concern)


_PREFERENCES: Mapping[str, _ServerMode] = {
    "primary": ReadPreference.PRIMARY,
    "primaryPreferred": ReadPreference.PRIMARY_PREFERRED,
    "secondary": ReadPreference.SECONDARY,
    "secondaryPreferred": ReadPreference.SECONDARY_PREFERRED,
    "nearest": ReadPreference.NEAREST,
}


@contextmanager
def told(name: str, *, writes: bool = False, quick: bool = False, sought: str = "primary") -> Iterator[None]:
    """Have the driver's errors say what the port promises; `name` is what the store is called.

    What is `quick` whatever there is to be found can only be late because the server is not well. `sought` is the sort
    of server that can be asked.
    """
    task = asyncio.current_task()
    before, cancelled = task.cancelling() if task is not None else 0, False
    try:
        yield
    except asyncio.CancelledError:
        cancelled = True
        raise
    except (PyMongoError, BSONError) as error:
        raise _told(name, error, writes, quick, sought) from error
    finally:
        # NOTE: `wait_for` of Python 3.11, on which the driver relies, now and then swallows that a task is cancelled.
        if task is not None and not cancelled and task.cancelling() > before:
            raise asyncio.CancelledError


def _words(error: BaseException) -> str:
    """What the driver says, without what it adds of its settings and its state."""
    text = str(error)
    for more in (", Timeout:", ", full error:", ", remaining timeout:", " (configured"):
        text = text.partition(more)[0]
    return " ".join(text.split())[:300]


def _told(name: str, error: Exception, writes: bool, quick: bool, sought: str) -> StoreError:
    why = _words(error)
    if isinstance(error, OperationFailure) and error.code in _NO_LOGIN:
        return StoreUnavailable(
            f"{name}: user or password is wrong ({why}); where the user is not one of this database, say which with "
            "?authSource=admin"
        )
    if isinstance(error, OperationFailure) and error.code == _NO_RIGHT:
        return StoreUnavailable(
            f"{name}: the user may not do that ({why}); it needs the role readWrite on the database"
        )
    if isinstance(error, DocumentTooLarge) or (isinstance(error, OperationFailure) and error.code in _TOO_LARGE):
        return StoreError("the document is larger than the 16 MB that MongoDB can hold")
    # NOTE: it is the driver that says "would exceed", after it looked for a server until nearly all the time was over.
    if isinstance(error, ExecutionTimeout) and "would exceed" not in why and not quick:
        return StoreOverdue(
            f"{name}: not done in time; ask for less at a time, or index what is filtered by", begun=writes
        )
    if isinstance(error, NetworkTimeout | ExecutionTimeout):
        return StoreUnavailable(f"{name}: no answer in time ({why})")
    if isinstance(error, ServerSelectionTimeoutError):
        return StoreUnavailable(f"{name}: no {sought} can be reached ({why})")
    return StoreUnavailable(f"{name}: {type(error).__name__}: {why}")
