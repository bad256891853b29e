"""The MongoDB that this run of the tests uses: a real one if it is named, the stand-in otherwise.

`CROSSBAR_TEST_MONGODB_URI` names a real one, a replica set or a sharded cluster. Its databases `crossbar_test_...` are
made and dropped, the others are left alone. Without it the stand-in is started, once per process, and ends with it.
Where there is neither, the tests are skipped; `CROSSBAR_REQUIRE_MONGO=1` makes them fail instead.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qsl

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from .fixtures import PATIENCE
from .standin import Standin, installed

URI = "CROSSBAR_TEST_MONGODB_URI"
REQUIRED = "CROSSBAR_REQUIRE_MONGO"
COMMAND = f"{URI}='mongodb://h1,h2,h3/?replicaSet=rs0' scripts/test tests/mongo tests/contract"
"""How to run the tests against a real one."""
NONE = f"there is no MongoDB to test with: scripts/mongodb installs a stand-in, {URI} names a real one"
PREFIX = "crossbar_test_"
NO_SUCH_COMMAND = 59

NOTED: list[tuple[str, str]] = []
"""What the summary of the run is to say: of "differs" what was not checked, and why."""


@dataclass(frozen=True)
class Server:
    """A MongoDB, or what stands in for it."""

    uri: str
    """How clients find it; `with_database` names one of its databases."""
    what: str
    """What a reader of the log is told: "MongoDB 7.0.14, a replica set" or "SecantusDB 0.7.0b3, ..."."""
    real: bool
    version: str
    """Its own version, which the stand-in's word for MongoDB's is not."""

    @cached_property
    def client(self) -> MongoClient[dict[str, Any]]:
        """A client for what a test does behind the back of the store; it lives as long as the process."""
        made: MongoClient[dict[str, Any]] = MongoClient(self.uri, appname="tests", serverSelectionTimeoutMS=10_000)
        atexit.register(made.close)
        return made

    @cached_property
    def address(self) -> tuple[str, int]:
        """Where the primary is, or the router of a sharded cluster: the host and the port."""
        self.client.admin.command("ping")
        found = self.client.address
        assert found is not None
        return found


def shared() -> Server:
    """The server of this run, started at the first call. Skips the test, or fails it, where there is none."""
    found = _used()
    if isinstance(found, str):
        if os.environ.get(URI):  # whoever names a server wants it used
            pytest.fail(found, pytrace=False)
        skipped(found)
    return found


@cache
def _used() -> Server | str:
    """The server of this run, or why there is none."""
    uri = os.environ.get(URI)
    if uri:
        return told(uri)
    if not installed():
        return NONE
    folder = Path(tempfile.mkdtemp(prefix="crossbar-mongodb-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Standin(folder)
    made.start()
    atexit.register(made.kill)
    return told(made.uri)


def told(uri: str) -> Server | str:
    """The server at a URI, as it describes itself; what is wrong if it cannot be used."""
    if not uri.startswith("mongodb://"):
        return f"{URI}: write out the hosts, as mongodb://h1,h2,h3/?replicaSet=rs0, since tests put a proxy before one"
    uri = with_options(uri, heartbeatFrequencyMS="500")
    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=10_000) as client:
            built, hello = client.admin.command("buildInfo"), client.admin.command("hello")
    except PyMongoError as error:
        return f"{URI}: no MongoDB answers there: {error}"
    standing_in = built.get("secantusVersion")
    if standing_in:
        what = f"SecantusDB {standing_in}, which stands in for MongoDB {built['version']}; nothing real was tested"
        return Server(uri, what, False, standing_in)
    sharded = hello.get("msg") == "isdbgrid"
    if not sharded and "setName" not in hello:
        return f"{URI}: a lone MongoDB {built['version']}, which has no transactions; name a replica set or a cluster"
    shape = "a sharded cluster" if sharded else f"a replica set of {len(hello['hosts'])}"
    return Server(uri, f"MongoDB {built['version']}, {shape}", True, built["version"])


def skipped(reason: str) -> NoReturn:
    """Skip the test; fail it where a MongoDB is required, and a stand-in is all that could be meant."""
    if os.environ.get(REQUIRED, "0") not in ("", "0") and not os.environ.get(URI):
        pytest.fail(f"{REQUIRED} is set, and {reason}", pytrace=False)
    pytest.skip(reason)


def real_only(what: str) -> None:
    """Skip a test that shows nothing unless it runs against a real MongoDB: what the marker `real_mongodb` does."""
    if not os.environ.get(URI) or not shared().real:
        pytest.skip(f"only a real MongoDB shows {what}: {COMMAND}")


def differs(server: Server, what: str) -> bool:
    """Whether this is the stand-in, which does something differently; the summary of the run repeats `what`.

    if not differs(server, "its plans do not use an index for the order"):
        assert "SORT" not in stages
    """
    if not server.real:
        NOTED.append(("mongodb differs", what))
    return not server.real


@contextmanager
def fresh_database(server: Server) -> Iterator[str]:
    """The URI of a database that nobody has; it is dropped at the end, or ends with the stand-in."""
    name = PREFIX + secrets.token_hex(6)
    try:
        yield with_database(server.uri, name)
    finally:
        # NOTE: the stand-in is now and then at it for ever (a removal within its storage engine that does not end).
        if server.real:
            server.client.drop_database(name)


@contextmanager
def failpoint(server: Server, *, times: int | None = None, **data: Any) -> Iterator[None]:
    """Let commands fail, `times` times or until the end; `data` as MongoDB's `failCommand` has it.

    failpoint(server, failCommands=["insert"], errorCode=91, times=1, appName="mine") fails one insert of the clients
    that call themselves so. Name an application: the fault is one of the whole server. A real one skips the test unless
    it was started with `--setParameter enableTestCommands=1`.
    """
    mode: dict[str, int] | Literal["alwaysOn"] = "alwaysOn" if times is None else {"times": times}
    admin = server.client.admin
    try:
        admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})
    except OperationFailure as error:
        if error.code != NO_SUCH_COMMAND:
            raise
        pytest.skip("this MongoDB fails on nobody's word: start it with --setParameter enableTestCommands=1")
    try:
        yield
    finally:
        admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def with_database(uri: str, name: str) -> str:
    """The URI with another database in it, and the same people who log in."""
    start, _, query = uri.partition("?")
    scheme, _, place = start.partition("://")
    hosts, _, before = place.partition("/")
    made = f"{scheme}://{hosts}/{name}?{query}".removesuffix("?")
    # NOTE: without authSource people are looked for in the database of the URI.
    return with_options(made, authSource=before or "admin") if "@" in hosts else made


def with_options(uri: str, **options: str) -> str:
    """The URI with options, where it does not have them already; their names count without their case."""
    start, _, query = uri.partition("?")
    if "/" not in start.partition("://")[2]:
        start += "/"
    there = {name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)}
    added = [f"{name}={value}" for name, value in options.items() if name.lower() not in there]
    return f"{start}?{'&'.join([*filter(None, [query]), *added])}".removesuffix("?")


def patient(uri: str) -> str:
    """The URI for a process that does not take its server for lost when that stands still for a while."""
    return with_options(uri, connectTimeoutMS=str(round(1000 * PATIENCE)))
