"""The rig itself: which MongoDB a run uses, what it says of it, and servers that a test may kill."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import AutoReconnect, OperationFailure
from pymongo.write_concern import WriteConcern

from . import fixtures, servers
from .connecting import sockets_closed
from .servers import PREFIX, REQUIRED, URI, Server, differs, failpoint, fresh_database, real_only, told, with_database
from .standin import Standin, standin

PARENT = """
import sys
from pathlib import Path
from tests.mongo.standin import Standin
server = Standin(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Standin]:
    """Give a server that the test may kill."""
    with standin(tmp_path / "server") as server:
        yield server


def test_a_database_of_its_own(mongo_server: Server) -> None:
    """A test gets a database that is empty, named as one that may be dropped; a real server is rid of it."""
    with fresh_database(mongo_server) as uri, MongoClient[dict[str, int]](uri) as client:
        database = client.get_default_database()
        assert [] == database.list_collection_names()
        database.things.insert_one({"a": 1})
        assert database.name.startswith(PREFIX)
        assert database.name in mongo_server.client.list_database_names()
    assert mongo_server.real is not (database.name in mongo_server.client.list_database_names())


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("mongodb://h", "mongodb://h/new"),
        ("mongodb://h/", "mongodb://h/new"),
        ("mongodb://h:1,i/old?replicaSet=rs0", "mongodb://h:1,i/new?replicaSet=rs0"),
        ("mongodb://me:it@h/?tls=true", "mongodb://me:it@h/new?tls=true&authSource=admin"),
        ("mongodb://me:it@h/people", "mongodb://me:it@h/new?authSource=people"),
        ("mongodb://me:it@h/people?AuthSource=all", "mongodb://me:it@h/new?AuthSource=all"),
    ],
    ids=lambda value: value,
)
def test_a_database_in_a_uri(uri: str, expected: str) -> None:
    """Options stay, and people are looked for where they were."""
    assert expected == with_database(uri, "new")


def test_a_failpoint_fails_commands_of_one_application(mongo_server: Server, mongo_database: str) -> None:
    """The fault counts down, others have none, and nothing is left of it afterwards."""
    with MongoClient[dict[str, int]](mongo_database, appname="failing", retryReads=False) as client:
        things = client.get_default_database().things
        with failpoint(mongo_server, times=1, failCommands=["find"], errorCode=8, appName="failing"):
            with MongoClient[dict[str, int]](mongo_database, appname="other") as other:
                assert other.get_default_database().things.find_one() is None
            with pytest.raises(OperationFailure) as failure:
                things.find_one()
            assert failure.value.code == 8
            assert things.find_one() is None
        with failpoint(mongo_server, failCommands=["find"], closeConnection=True, appName="failing"):
            for _ in range(2):
                with pytest.raises(AutoReconnect):
                    things.find_one()
        assert things.find_one() is None


def test_a_server_that_is_killed_keeps_what_was_journaled(private: Standin) -> None:
    """It comes back at the same place, and the client finds it again."""
    with MongoClient[dict[str, int]](private.uri, serverSelectionTimeoutMS=10_000) as client:
        things = client.get_database("a").get_collection("things", write_concern=WriteConcern("majority", j=True))
        things.insert_many([{"_id": number} for number in range(20)])
        private.kill()
        with socket.socket() as late, pytest.raises(ConnectionRefusedError):
            late.connect(("127.0.0.1", private.port))
        private.start()
        assert 20 == things.count_documents({})


async def test_clients_of_asyncio_find_a_restarted_server(private: Standin) -> None:
    """The same for the client that the store has."""
    async with AsyncMongoClient[dict[str, int]](private.uri) as client:
        await client.a.things.find_one()
        before = private.pid
        private.restart()
        assert before != private.pid
        assert await client.a.things.find_one() is None


def test_options_reach_the_server(tmp_path: Path) -> None:
    """A stand-in can be told to be a lone server, which is none to run the tests with."""
    with standin(tmp_path, "--standalone") as server, MongoClient[dict[str, int]](server.uri) as client:
        assert "setName" not in client.admin.command("hello")


async def test_a_socket_whose_connecting_is_cancelled_is_closed() -> None:
    """The driver forgets it, and the garbage collector would tell of it in the middle of another test."""
    with ExitStack() as opened:
        full = opened.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # NOTE: a server whose queue is full answers nobody, so that connecting takes long; one of these fills it.
        tasks: list[asyncio.Task[None]] = []
        sockets = [opened.enter_context(socket.socket()) for _ in range(4)]
        for each in sockets:
            each.setblocking(False)
            with sockets_closed():
                tasks.append(asyncio.create_task(asyncio.get_running_loop().sock_connect(each, full.getsockname())))
                await asyncio.sleep(0)
        waiting = [task for task in tasks if not task.done()]
        assert waiting
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert len(waiting) == sum(each.fileno() == -1 for each in sockets)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_server_ends_with_a_process_that_is_killed(tmp_path: Path, private: Standin) -> None:
    """Whoever started it needs no time to stop it."""
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = os.pidfd_open(int(parent.stdout.readline()))
        try:
            assert ([], [], []) == select.select([server], [], [], 0)
            parent.kill()
            assert ([server], [], []) == select.select([server], [], [], 20)
        finally:
            os.close(server)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The log is in the message."""
    with pytest.raises(AssertionError, match="unrecognized arguments: --nonsense"), standin(tmp_path, "--nonsense"):
        pass


def test_without_a_server_tests_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names both ways out; where a MongoDB is required, it is a failure."""
    monkeypatch.delenv(URI, raising=False)
    monkeypatch.delenv(REQUIRED, raising=False)
    monkeypatch.setattr(servers, "_used", lambda: servers.NONE)
    with pytest.raises(pytest.skip.Exception, match=f"scripts/mongodb installs a stand-in, {URI} names"):
        servers.shared()
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match=f"{REQUIRED} is set, and there is no MongoDB"):
        servers.shared()
    monkeypatch.setenv(REQUIRED, "0")
    with pytest.raises(pytest.skip.Exception):
        servers.shared()


def test_a_named_server_that_is_not_there_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names one does not want to read that all is well."""
    monkeypatch.setenv(URI, "mongodb://nobody.invalid/")
    monkeypatch.setattr(servers, "_used", lambda: "nobody is there")
    with pytest.raises(pytest.fail.Exception, match="nobody is there"):
        servers.shared()


@pytest.mark.parametrize(
    ("built", "hello", "expected"),
    [
        ({"version": "7.0.14"}, {"setName": "rs0", "hosts": ["a", "b", "c"]}, "MongoDB 7.0.14, a replica set of 3"),
        ({"version": "8.0.4"}, {"msg": "isdbgrid"}, "MongoDB 8.0.4, a sharded cluster"),
    ],
    ids=["replica set", "cluster"],
)
def test_a_real_one_is_known(
    monkeypatch: pytest.MonkeyPatch, built: dict[str, object], hello: dict[str, object], expected: str
) -> None:
    """What it says of itself is what the summary says."""
    answers = {"buildInfo": built, "hello": hello}
    monkeypatch.setattr("pymongo.database.Database.command", lambda self, name: answers[name])
    found = told("mongodb://nobody.invalid/")
    assert isinstance(found, Server)
    assert (expected, True) == (found.what, found.real)


def test_what_stands_in_is_known(mongo_server: Server, private: Standin) -> None:
    """It is never taken for a real one, even if it is named as one."""
    found = told(private.uri)
    assert isinstance(found, Server)
    assert not found.real
    assert found.what.startswith("SecantusDB 0.")
    assert "nothing real was tested" in found.what
    assert "/?heartbeatFrequencyMS=500" in found.uri


def test_a_lone_server_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no transactions, so nothing would work; and so is a name that hides the hosts."""
    monkeypatch.setattr("pymongo.database.Database.command", lambda self, name: {"version": "7.0.1"})
    assert "a lone MongoDB 7.0.1, which has no transactions" in str(told("mongodb://nobody.invalid/"))
    assert "write out the hosts" in str(told("mongodb+srv://nobody.invalid/"))


def test_what_only_a_real_one_shows_is_skipped(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The reason is the command to run; what the marker says is what is skipped."""
    monkeypatch.delenv(URI, raising=False)
    with pytest.raises(pytest.skip.Exception, match="only a real MongoDB shows elections: CROSSBAR_TEST_MONGODB_URI="):
        real_only("elections")
    request.node.add_marker(pytest.mark.real_mongodb("elections"))
    with pytest.raises(pytest.skip.Exception, match="scripts/test tests/mongo tests/contract"):
        fixtures.pytest_runtest_setup(request.node)
    assert ("mongodb real", "elections") == request.node.user_properties.pop()


@pytest.mark.parametrize("real", [False, True], ids=["stand-in", "real"])
def test_a_difference_is_noted(monkeypatch: pytest.MonkeyPatch, real: bool) -> None:
    """What is not checked on the stand-in is told; on a real one it is checked."""
    noted: list[tuple[str, str]] = []
    monkeypatch.setattr(servers, "NOTED", noted)
    assert differs(Server("mongodb://h/", "it", real, "1"), "its plans") is not real
    assert ([] if real else [("mongodb differs", "its plans")]) == noted
    noted.clear()  # or the summary of this run has it


def test_the_summary_says_which_it_was(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each server, each difference and each thing that was skipped once, however many tests had them."""
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    lines: list[str] = []
    differing, skipped = ("mongodb differs", "its plans"), ("mongodb real", "elections")
    reports = [
        pytest.TestReport("a", ("a", 1, "a"), {}, "passed", None, "call", user_properties=properties)
        for properties in ([("mongodb", "It 1")], [("mongodb", "It 1"), differing], [("x", "y"), skipped])
    ]
    monkeypatch.setattr(reporter, "stats", {"passed": reports, "": []})
    monkeypatch.setattr(reporter, "section", lambda title: lines.append(title))
    monkeypatch.setattr(reporter, "line", lines.append)
    fixtures.pytest_terminal_summary(reporter)
    assert [
        "MongoDB",
        "Tested with It 1.",
        "Not checked, as the stand-in differs: its plans.",
        "Skipped, as only a real MongoDB shows it: elections.",
        f"To run these: {servers.COMMAND}",
    ] == lines
    lines.clear()
    monkeypatch.setattr(reporter, "stats", {})
    fixtures.pytest_terminal_summary(reporter)
    assert [] == lines
