"""Metrics of worker processes: each scrape shows all of them, whichever it reaches, and forgets those that are gone."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest

from crossbar import metrics as counting
from crossbar.errors import SettingsError
from crossbar.metrics import VARIABLE, Metrics, prepare_shared
from crossbar.metrics_moment import STALE_SECONDS, Now, publish, told_by_others
from tests.test_metrics import SERVED, Samples, read

WORKER = """
import asyncio, sys
from crossbar.metrics import Metrics

async def work(requests, up, ok):
    metrics = Metrics()
    metrics.watch_requests(lambda: requests)
    metrics.watch_upstreams(lambda: [("billing", "a:1", up, 2), ("billing", "b:1", True, 0)])
    metrics.finished("a", "GET", 404, "not_found", 0.1)
    metrics.called("billing", 200, "", 0.1)
    metrics.reloaded(ok)
    async with metrics.running():
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(metrics.text().decode(), "end", sep="\\n", flush=True)

asyncio.run(work(int(sys.argv[1]), sys.argv[2] == "up", sys.argv[3] == "ok"))
"""


class Worker:
    """A process that counts and can be asked for a scrape."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-c", WORKER, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert "ready\n" == self._line()

    def scrape(self) -> Samples:
        """Give the samples that it tells."""
        assert self.process.stdin is not None
        self.process.stdin.write("scrape\n")
        self.process.stdin.flush()
        return read("".join(iter(self._line, "end\n")))

    def end(self) -> None:
        """Let it come to its end."""
        self.process.communicate()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line
        return line


Start = Callable[..., Worker]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that is ready to be shared by processes that are started from now on."""
    monkeypatch.setenv(VARIABLE, "")
    prepare_shared(tmp_path / "counts")
    return tmp_path / "counts"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Give what starts a worker; all of them end with the test."""
    started: list[Worker] = []

    def begin(*arguments: str) -> Worker:
        started.append(Worker(*arguments))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.end()


def together(worker: Worker) -> tuple[float, ...]:
    """Give what workers tell together: requests, refusals, calls, reloads, and what is so at the moment."""
    found = worker.scrape()
    return (
        found[f"{SERVED}_count", "GET", "404", "a"],
        found["crossbar_refusals_total", "not_found"],
        found["http_client_request_duration_seconds_count", "billing", "200"],
        found["crossbar_config_reloads_total", "success"] + found["crossbar_config_reloads_total", "failure"],
        found["http_server_active_requests",],
        found["crossbar_target_up", "billing", "a:1"],
        found["crossbar_target_up", "billing", "b:1"],
        found["crossbar_upstream_active", "billing"],
        found["crossbar_config_last_reload_successful",],
        sum(key[0] == "process_resident_memory_bytes" for key in found),
    )


def test_workers_count_together(folder: Path, start: Start) -> None:
    """Any of them tells of all; counts outlive a worker, and what was in progress in it is forgotten."""
    one, two = start("3", "up", "ok"), start("4", "down", "failed")
    both = (2, 2, 2, 2, 7, 0, 1, 4, 0, 2)
    assert (both, both) == (together(one), together(two))
    begun = [one.scrape()["process_start_time_seconds", str(each.process.pid)] for each in (one, two)]
    assert begun[0] < begun[1]
    two.end()
    assert (2, 2, 2, 2, 3, 1, 1, 2, 1, 1) == together(one)
    three = start("1", "up", "ok")
    three.process.kill()
    three.end()
    assert (3, 3, 3, 3, 4, 1, 1, 4, 1) == together(one)[:9]
    left = folder / f"now_{three.process.pid}.json"
    long_ago = left.stat().st_mtime - STALE_SECONDS - 1
    os.utime(left, (long_ago, long_ago))
    assert (3, 3, 3, 3, 3, 1, 1, 2, 1, 1) == together(one)
    assert not left.exists()


def test_a_folder_to_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made for this user only, what earlier processes left in it goes, and what is somebody else's stays."""
    monkeypatch.setenv(VARIABLE, "")
    folder = tmp_path / "a" / "b"
    prepare_shared(folder)
    assert (0o700, str(folder)) == (stat.S_IMODE(folder.stat().st_mode), os.environ[VARIABLE])
    for name in (
        "counter_7.db",
        "histogram_7.db",
        "gauge_livesum_7.db",
        "now_7.json",
        "now_7.new",
        "notes.db",
        "a.txt",
    ):
        (folder / name).touch()
    prepare_shared(folder)
    assert ["a.txt", "notes.db"] == sorted(path.name for path in folder.iterdir())


def test_a_folder_that_cannot_be_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no folder is refused with its name and the way out, and nothing is set."""
    monkeypatch.setenv(VARIABLE, "as before")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SettingsError, match=rf"metrics\.folder: cannot use {file}: .*; name another folder"):
        prepare_shared(file)
    assert "as before" == os.environ[VARIABLE]


def test_the_variable_alone(folder: Path) -> None:
    """Where the library was loaded before the variable was set, a process counts for itself, and says all it knows."""
    metrics = Metrics()
    metrics.finished("a", "GET", 200, "", 0.1)
    assert 1.0 == read(metrics.text())[f"{SERVED}_count", "GET", "200", "a"]
    assert [] == [*folder.iterdir()]


async def test_the_moment_is_told_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a worker runs, the others learn what changes; when it ends it takes back what it has told."""
    monkeypatch.setattr(counting, "PUBLISHED_SECONDS", 0.0)
    metrics = Metrics()
    metrics._folder = tmp_path
    told = tmp_path / f"now_{os.getpid()}.json"
    seen: list[int] = []
    numbers, third = count(), asyncio.Event()

    def active() -> int:
        if told.exists():
            seen.append(msgspec.json.decode(told.read_bytes(), type=Now).requests)
        number = next(numbers)
        if number == 3:
            third.set()
        return number

    metrics.watch_requests(active)
    before = asyncio.all_tasks()
    async with metrics.running():
        await third.wait()
        assert told.exists()
    assert not told.exists()
    assert [0, 1, 2] == seen[:3]
    assert before == asyncio.all_tasks()


async def test_alone_nothing_is_told() -> None:
    """Where nobody shares a folder, no task runs."""
    before = asyncio.all_tasks()
    async with Metrics().running():
        assert before == asyncio.all_tasks()


def test_what_others_have_told(tmp_path: Path) -> None:
    """What a process has told itself is no news to it, and what cannot be read is left out."""
    publish(tmp_path, Now(1, True, ()))
    now = b'{"requests": 2, "reloaded": false, "upstreams": [["billing", "a:1", true, 3]]}'
    for name, raw in {"now_1.json": now, "now_2.json": b"{", "now_x.json": now, "now_3.new": now}.items():
        (tmp_path / name).write_bytes(raw)
    assert {1: Now(2, False, (("billing", "a:1", True, 3),))} == told_by_others(tmp_path)


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    """Nobody fails for that."""
    publish(tmp_path / "gone", Now(1, True, ()))
    assert {} == told_by_others(tmp_path / "gone")
