"""Targets that die, and targets that are restarted one after the other, while clients ask all the time."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from .conftest import Invoke
from .gateway import Gateway, Load, gateway, route, service, until

CLIENTS = 16
TARGET = Path(__file__).parent / "target.py"
TIMES = 3


class Target:
    """A target in a process of its own, which can be started again at the same port."""

    def __init__(self, done: Path) -> None:
        self._done = done
        self.port = 0
        self.process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        command = [sys.executable, str(TARGET), str(self.port), str(self._done)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        self.port = int(process.stdout.readline())
        return process

    def end(self, number: int) -> None:
        """Send a signal, and wait until the process has ended."""
        self.process.send_signal(number)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def restart(self) -> None:
        """Start it again."""
        self.process = self._started()


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """Give the file in which the targets note what was sent to them."""
    return tmp_path / "done"


@pytest.fixture
def targets(done: Path) -> Iterator[list[Target]]:
    """Give two targets, and end them."""
    made = [Target(done), Target(done)]
    yield made
    for each in made:
        if each.process.poll() is None:
            each.end(signal.SIGKILL)


@pytest.fixture
def live(targets: list[Target], invoke: Invoke) -> Iterator[Gateway]:
    """Give a gateway before them, with the usual rules and quick checks."""
    checked = service("up", *(each.port for each in targets), health="GET /readyz every 1s within 1s")
    with gateway(invoke, checked + route("/x/**", "up")) as found:
        yield found


async def well(live: Gateway, number: int) -> None:
    """Wait until so many targets are not sick; they may be ejected, which only means that others are called first."""
    async with asyncio.timeout(20):
        while True:
            states = [each["state"] for each in await asyncio.to_thread(live.targets)]
            if sum(state != "sick" for state in states) == number:
                return
            await asyncio.sleep(0.02)


def only_get(number: int) -> tuple[str, str, bytes, Mapping[str, str]]:
    """A request that may be done twice."""
    return "GET", f"/x/{number}", b"", {}


def mixed(number: int) -> tuple[str, str, bytes, Mapping[str, str]]:
    """Requests of three sorts: a GET, a POST that is named, and a POST that must not be done twice."""
    if number % 4 < 2:
        return only_get(number)
    named = {"Idempotency-Key": f"n-{number}"} if number % 4 == 2 else {}
    return ("PUT" if named else "POST"), f"/x/{number}", b"%d" % number, named


async def test_a_target_is_killed_again_and_again(live: Gateway, targets: list[Target]) -> None:
    """Whatever it was working on is done by the other one: no request fails, whichever of them is killed."""
    load = Load(live.url, only_get)
    async with asyncio.timeout(100), load.running(CLIENTS):
        for number in range(TIMES):
            await load.more(200)
            targets[number % 2].end(signal.SIGKILL)
            await load.more(200)
            targets[number % 2].restart()
            await well(live, 2)
    assert {("GET", 200)} == {*load.counts}, load.counts


async def test_a_rolling_restart(live: Gateway, targets: list[Target], done: Path) -> None:
    """Each is told to stop, ends in order and is started again: no safe or named request fails.

    A POST without a name may fail, with 502, rather than be done twice.
    """
    load = Load(live.url, mixed)
    async with asyncio.timeout(100), load.running(CLIENTS):
        for target in targets:
            await load.more(200)
            await asyncio.to_thread(target.end, signal.SIGTERM)
            await load.more(200)
            await asyncio.to_thread(target.restart)
            await well(live, 2)
        await load.more(100)
    assert {200} == {status for method, status in load.counts if method != "POST"}, load.counts
    assert {200, 502} >= {status for method, status in load.counts if method == "POST"}, load.counts
    times = Counter(map(int, (await asyncio.to_thread(done.read_text)).split()))
    posts = {number: told for number, told in load.told if mixed(number)[0] == "POST"}
    assert [] == [number for number in posts if times[number] > 1]
    assert [] == [number for number, told in posts.items() if told.status == 200 and times[number] != 1]
    assert all(told.body == b"%d" % number for number, told in posts.items() if told.status == 200)


async def test_all_targets_are_gone_for_a_while(live: Gateway, targets: list[Target]) -> None:
    """Refusals are told apart, and as soon as one is back, so is the service."""
    load = Load(live.url, only_get)
    async with asyncio.timeout(100), load.running(4):
        await load.more(50)
        for target in targets:
            target.end(signal.SIGKILL)
        await well(live, 0)
        await until(lambda: load.counts["GET", 503] > 20)
        targets[0].restart()
        await well(live, 1)
        before = {**load.counts}
        await load.more(50)
    assert {200, 502, 503} >= {status for _, status in load.counts}, load.counts
    assert load.counts["GET", 200] >= before["GET", 200] + 40
