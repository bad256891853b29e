"""Settings in the store, and servers in processes of their own: who has them in force, and who has not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .conftest import Invoke, ended, started
from .gateway import PATIENCE, Gateway, ask, connected, gateway, route, service, upstream


@pytest.fixture(scope="module")
def ports() -> Iterator[list[int]]:
    """Give the ports of two upstreams, `one` and `two`."""
    with upstream("one") as (_, one), upstream("two") as (_, two):
        yield [one.port, two.port]


class Fleet:
    """Servers on one SQLite file, the first with one process and the second with two."""

    def __init__(self, invoke: Invoke, folder: Path, servers: list[Gateway]) -> None:
        self._invoke = invoke
        self.store = f"sqlite:///{folder}/shared.db"
        self.servers = servers

    def settings(self, word: str, *args: str, input: str = "", config: Path | None = None) -> tuple[int, str]:
        """Run a command for their store: its exit code, and all that it says."""
        config = config or self.servers[0].config
        result = self._invoke("settings", word, *args, "--store", self.store, "--config", str(config), input=input)
        return result.exit_code, result.output

    def put(self, text: str) -> None:
        """Put settings into the store, and wait until every process has them."""
        code, told = self.settings("put", "-", "--json", input=text)
        assert 0 == code, told
        self.wait(json.loads(told)["revision"])

    def revisions(self) -> list[int | None]:
        """What each process has in force."""
        found: list[int | None] = []
        for each in self.servers:
            code, told = self.settings("show", "--running", "--json", config=each.config)
            assert code in (0, 1), told
            found += [process["revision"] for process in json.loads(told[told.index("[") : told.rindex("]") + 1])]
        return found

    def wait(self, revision: int | None) -> None:
        """Wait until every process has this revision."""
        waited(lambda: [revision] * 3 == self.revisions())

    def answers(self, path: str) -> set[int | str]:
        """Which upstreams answer there, or with which statuses, over connections that any process may take."""
        told = [ask(each.url, path) for each in self.servers for _ in range(6)]
        return {each.json["name"] if each.status == 200 else each.status for each in told}

    def seen(self) -> tuple[set[int | str], ...]:
        """What answers at two routes, and whether there is a noun that modules have."""
        nouns: set[int | str] = {asyncio.run(allowed(each.url)) for each in self.servers for _ in range(6)}
        return self.answers("/x/1"), self.answers("/y/1"), nouns


async def allowed(url: str) -> int:
    """The status of a question for the methods of a noun that modules have, which has no body."""
    async with connected(url) as client:
        return (await client.begin("OPTIONS", "/v2/cdrs"))[0]


def waited(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.02)


def replaced(server: Gateway) -> None:
    """Kill a worker, and wait until another one is in its place."""
    victim = server.pids[0]
    os.kill(victim, signal.SIGKILL)
    waited(lambda: len({*server.pids} - {victim}) == 2)


@pytest.fixture
def fleet(invoke: Invoke, tmp_path: Path, ports: list[int]) -> Iterator[Fleet]:
    """Give two servers that have the same file."""
    text = service("up", ports[0]) + route("/x/**", "up", name="x")
    with ExitStack() as stack:
        store = ("--store", f"sqlite:///{tmp_path}/shared.db")
        servers = [stack.enter_context(gateway(invoke, text, *store, workers=workers)) for workers in (1, 2)]
        yield Fleet(invoke, tmp_path, servers)


def test_every_process_takes_them_over(fleet: Fleet, ports: list[int]) -> None:
    """Upstreams, routes and modules, on both servers and in each worker, also where one takes another's place."""
    assert ({"one"}, {404}, {204}) == fleet.seen()
    fleet.put(service("up", ports[1]) + route("/y/**", "up") + '[modules]\ndisabled = ["cdrs"]\n')
    assert ({404}, {"two"}, {404}) == fleet.seen()
    first, second = fleet.servers
    replaced(second)
    ended(first.live)
    first.live = started(first.folder, "--config", str(first.config), "--store", fleet.store)
    assert ({404}, {"two"}, {404}) == fleet.seen()
    fleet.wait(1)
    fleet.put(service("up", ports[1]))
    assert ({"two"}, {404}, {204}) == fleet.seen()
    assert (0, "upstream up: changed\n") == fleet.settings("drop")
    fleet.wait(None)
    assert ({"one"}, {404}, {204}) == fleet.seen()


def test_a_reload_goes_below(fleet: Fleet, ports: list[int]) -> None:
    """A file counts where the store says nothing; what it says beside that waits for the drop, also in new workers."""
    fleet.put(service("up", ports[1]))
    second = fleet.servers[1]
    other = service("up", ports[0], concurrency=7) + route("/z/**", "up", name="z")
    code, told = second.reload(other)
    assert (0, ["upstream up: changed", "route x: removed", "route z: added"]) == (code, told.splitlines())
    assert {"two"} == {ask(second.url, "/z/1").json["name"] for _ in range(6)}
    third = other.replace(str(ports[0]), "9")
    assert (0, "upstream up: changed, below the settings in the store\n") == second.reload(third)
    assert (0, "nothing has changed\n") == second.reload()
    replaced(second)
    fleet.wait(1)
    assert {"two"} == {ask(second.url, "/z/1").json["name"] for _ in range(6)}
    assert 0 == fleet.settings("drop")[0]
    fleet.wait(None)
    assert {502} == {ask(second.url, "/z/1").status for _ in range(6)}
    assert "one" == ask(fleet.servers[0].url, "/x/1").json["name"]


def test_the_store_of_the_server_is_asked(fleet: Fleet, invoke: Invoke, tmp_path: Path, ports: list[int]) -> None:
    """Who names a server and not its store learns what that one has, and no other store is looked at or made."""
    fleet.put(service("up", ports[1]))
    asked = {"CROSSBAR__SERVER__ADMIN": str(fleet.servers[1].admin)}
    result = invoke("settings", "show", "--running", **asked)
    assert (0, 2) == (result.exit_code, result.stdout.count(": revision 1\n")), result.output
    assert f"store {fleet.store}\n" in result.stdout
    found = json.loads(invoke("settings", "show", "--running", "--json", **asked).stdout)
    assert [(fleet.store, 1, 1)] * 2 == [(each["store"], each["stored"], each["revision"]) for each in found]
    assert [] == [*tmp_path.rglob("crossbar.db*")]


def test_a_server_that_cannot(fleet: Fleet, ports: list[int]) -> None:
    """One whose own file does not fit goes on, and says so wherever one looks; started anew, it says how to go on."""
    second = fleet.servers[1]
    assert 0 == second.reload(service("down", ports[0]) + route("/x/**", "down", name="x"))[0]
    only = route("/y/**", "up", name="y")
    code, told = fleet.settings("put", "-", "--json", input=only)
    assert 0 == code, told
    fault = "its own configuration\n  route 'y': to: there is no upstream 'up'"
    waited(lambda: fleet.settings("show", "--running", config=second.config)[1].count(fault) == 2)
    waited(lambda: [1, None, None] == fleet.revisions())
    assert ask(second.url, "/readyz").body.count(b"older settings")
    code, told = fleet.settings("show", "--running", config=second.config)
    assert (1, 2) == (code, told.count(fault))
    assert f"the store {fleet.store} has revision 1, and not every process has that in force" in told
    assert "one" == ask(second.url, "/x/1").json["name"] == ask(fleet.servers[0].url, "/y/1").json["name"]
    waited(lambda: second.live.log.read_text().count("since revision 1 has faults") == 2)
    found: Any = fleet.settings("show", "--running")
    assert (0, 1) == (found[0], found[1].count(": revision 1\n"))
    ended(second.live)
    with pytest.raises(AssertionError, match="the server ended with 1") as error:
        started(second.folder, "--config", str(second.config), "--store", fleet.store)
    assert "the settings in the store (revision 1) cannot be taken over: route 'y': to:" in str(error.value)
    assert "drop them with `crossbar settings`" in str(error.value)
    alone = {"CROSSBAR__STORE__SETTINGS": "false"}
    second.live = started(second.folder, "--config", str(second.config), "--store", fleet.store, **alone)
    assert "one" == ask(second.url, "/x/1").json["name"]
