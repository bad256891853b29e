"""The connection to MongoDB: what is asked of the driver, and what its errors mean.

Whatever the driver says, a request waits for a server that does not answer for less than two seconds. A write whose
connection broke is sent again once, under the same number, so that the server does it once; after that nobody knows
whether it was done, and the caller is told that the store cannot be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import pymongo
from bson.errors import BSONError
from gridfs.errors import GridFSError
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    ConfigurationError,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidURI,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import _ServerMode
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from ...errors import SettingsError, StoreError, StoreOverdue, StoreUnavailable
from ...settings import MongoSettings

ANSWER_WITHIN = 1.8
"""Seconds in which a server answers, or counts as lost."""
DATABASE = "crossbar"
"""The database, where the URL names none."""

_OLDEST_WIRE = 17  # MongoDB 6.0
_DEFAULTS: Mapping[str, Any] = {
    "appname": "crossbar",
    "retryWrites": True,
    "retryReads": True,
    "serverSelectionTimeoutMS": 1500,
    "connectTimeoutMS": 1200,
    # NOTE: a server that says nothing any more is noticed after this and the time that a connection may take.
    "heartbeatFrequencyMS": 500,
}
_NO_RIGHT = frozenset({8000, 13, 18})
_TOO_LARGE = frozenset({10334, 17280, 17419, 17420})

Database = AsyncDatabase[dict[str, Any]]


class Address(NamedTuple):
    """A URL of MongoDB, taken apart: what messages call it, its database, and the driver's options."""

    url: str
    name: str
    database: str
    options: Mapping[str, Any]


def address_of(url: str, settings: MongoSettings) -> Address:
    """The address that a URL names; SettingsError for what the driver does not understand, or what loses writes."""
    try:
        parsed = parse_uri(url, validate=True, warn=False)
    except (InvalidURI, ConfigurationError, ValueError) as error:
        # NOTE: the driver's sentence can hold a piece of the URL, and that the password.
        why = "user and password must be percent-encoded" if "percent" in str(error).lower() else "cannot be read"
        raise SettingsError(
            [f"store.url: this mongodb URL {why}; write mongodb://user:password@host1,host2/database?replicaSet=rs0"],
            "store",
        ) from None
    said = {name.lower() for name in parsed["options"]}
    faults = [
        f"store.url: {name}: say it in [store.mongodb] as {ours}, not in the URL"
        for name, ours in _IN_SETTINGS.items()
        if name in said
    ]
    if faults:
        raise SettingsError(faults, "store")
    hosts = ",".join(host if port is None else f"{host}:{port}" for host, port in parsed["nodelist"])
    database = parsed["database"] or DATABASE
    options = {name: value for name, value in _DEFAULTS.items() if name.lower() not in said}
    return Address(url, f"MongoDB store {hosts}/{database}", database, {**options, "maxPoolSize": settings.connections})


_IN_SETTINGS = {
    "w": "write_concern",
    "journal": "journal",
    "j": "journal",
    "readconcernlevel": "read_concern",
    "readpreference": "read_preference",
    "maxpoolsize": "connections",
}


class Connection:
    """An open connection, good for the event loop that it was opened on; `lists` may read from other members."""

    def __init__(self, address: Address, settings: MongoSettings) -> None:
        self.address = address
        self.loop = asyncio.get_running_loop()
        concern = settings.write_concern
        self.client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(address.url, **address.options)
        self.database: Database = self.client.get_database(
            address.database,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern(settings.read_concern),
            write_concern=WriteConcern(w=int(concern) if concern.isdigit() else concern, j=settings.journal),
        )
        self.lists: Database = self.database.with_options(read_preference=_PREFERENCES[settings.read_preference])
        self.server = ""

    async def begin(self) -> None:
        """Make sure that there is a server that can do what is needed; StoreUnavailable says what it lacks."""
        with told(self.address.name), pymongo.timeout(ANSWER_WITHIN):
            hello = await self.client.admin.command("hello")
            build = await self.client.admin.command("buildInfo")
        self.server = str(build.get("version", ""))
        if hello.get("maxWireVersion", 0) < _OLDEST_WIRE:
            raise StoreUnavailable(f"{self.address.name}: MongoDB {self.server} is too old; 6.0 or newer is needed")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise StoreUnavailable(
                f"{self.address.name}: this server is no member of a replica set, and has no transactions; start it "
                "with --replSet NAME and run rs.initiate() once, also for one server alone"
            )

    async def close(self) -> None:
        """Let go of all connections."""
        await self.client.close()

    def transactions(self) -> dict[str, Any]:
        """How transactions read and write."""
        return {
            "read_concern": ReadConcern("snapshot"),
            "write_concern": self.database.write_concern,
            "read_preference": ReadPreference.PRIMARY,
        }


_PREFERENCES: Mapping[str, _ServerMode] = {
    "primary": ReadPreference.PRIMARY,
    "primaryPreferred": ReadPreference.PRIMARY_PREFERRED,
    "secondary": ReadPreference.SECONDARY,
    "secondaryPreferred": ReadPreference.SECONDARY_PREFERRED,
    "nearest": ReadPreference.NEAREST,
}


@contextmanager
def told(name: str, *, writes: bool = False) -> Iterator[None]:
    """Have the driver's errors say what the port promises; `name` is what the store is called."""
    try:
        yield
    except (PyMongoError, GridFSError, BSONError) as error:
        raise _told(name, error, writes) from error


def _told(name: str, error: Exception, writes: bool) -> StoreError:
    why = " ".join(str(error).partition(", Timeout:")[0].split())[:300]
    if isinstance(error, OperationFailure) and error.code in _NO_RIGHT:
        return StoreUnavailable(
            f"{name}: the user may not do that ({why}); it needs the role readWrite on the database"
        )
    if isinstance(error, DocumentTooLarge) or (isinstance(error, OperationFailure) and error.code in _TOO_LARGE):
        return StoreError("the document is larger than the 16 MB that MongoDB can hold")
    if isinstance(error, ExecutionTimeout):
        return StoreOverdue(
            f"{name}: not done in time; ask for less at a time, or index what is filtered by", begun=writes
        )
    if isinstance(error, NetworkTimeout):
        return StoreUnavailable(f"{name}: no answer in time ({why})")
    return StoreUnavailable(f"{name}: {type(error).__name__}: {why}")
