"""SIGHUP: a server takes over its changed configuration, as `crossbar reload` has it do, and never ends of it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossbar.cli.hangup import Hangup

from .conftest import Invoke, ended, logged, started
from .gateway import PATIENCE, Gateway, asked, gateway, route, service, until, upstream

WORKERS = pytest.mark.parametrize("workers", [1, 2])


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Give the port of an upstream."""
    with upstream("one") as (_, one):
        yield one.port


def told(live: Gateway) -> list[str]:
    """What the log says, without times and levels."""
    return [line.partition("crossbar: ")[2] for line in logged(live.live)]


async def statuses(live: Gateway, path: str) -> set[int]:
    """What is answered there, over connections of their own, so that each process is asked."""
    return {(await asked(live.url, path)).status for _ in range(12)}


@WORKERS
async def test_a_changed_file_is_taken_over(port: int, invoke: Invoke, workers: int) -> None:
    """In every process, none of which is another one afterwards; what is wrong changes nothing."""
    text = service("up", port) + route("/x/**", "up", name="x")
    with gateway(invoke, text, workers=workers) as live:
        pids = live.pids
        live.write(text + route("/y/**", "up", name="y"))
        live.live.process.send_signal(signal.SIGHUP)
        await until(lambda: "SIGHUP: route y: added" in told(live))
        assert {200} == await statuses(live, "/y/1")
        live.write(text + route("/z/**", "nobody", name="z"))
        live.live.process.send_signal(signal.SIGHUP)
        await until(lambda: any("the old configuration goes on" in line for line in told(live)))
        assert [{200}, {404}] == [await statuses(live, path) for path in ("/y/1", "/z/1")]
        live.write(text + route("/y/**", "up", name="y"))
        live.live.process.send_signal(signal.SIGHUP)
        await until(lambda: "SIGHUP: nothing has changed" in told(live))
        assert (pids, None) == (live.pids, live.live.process.poll())


@WORKERS
async def test_a_signal_to_every_process(port: int, invoke: Invoke, workers: int) -> None:
    """A terminal that is closed signals all of them: they serve on, and the configuration is loaded again once."""
    text = service("up", port) + route("/x/**", "up", name="x")
    with gateway(invoke, text, workers=workers) as live:
        pids = live.pids
        live.write(text + route("/y/**", "up", name="y"))
        for pid in {live.live.process.pid, *pids}:
            os.kill(pid, signal.SIGHUP)
        await until(lambda: "SIGHUP: route y: added" in told(live))
        assert {200} == await statuses(live, "/y/1")
        assert (pids, 1) == (live.pids, told(live).count("SIGHUP: route y: added"))


@WORKERS
async def test_without_an_admin_address(tmp_path: Path, workers: int) -> None:
    """The log says what is missing, and the server serves on, until it is told to stop."""
    more = {"CROSSBAR__SERVER__ADMIN": "off", "CROSSBAR__LOG__ACCESS": "false"}
    live = started(tmp_path, "--store", f"sqlite:///{tmp_path}/x.db", "--workers", str(workers), **more)
    try:
        live.process.send_signal(signal.SIGHUP)
        await until(lambda: 'SIGHUP: nothing is loaded again: server.admin is "off"' in live.log.read_text())
        assert 200 == (await asked(live.url, "/livez")).status
        live.process.send_signal(signal.SIGTERM)
        assert 0 == await asyncio.to_thread(live.process.wait, PATIENCE)
    finally:
        ended(live)


def test_what_cannot_be_asked_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A signal that comes before anybody can be asked ends nothing."""
    Hangup(tmp_path).come()
    for thread in threading.enumerate():
        if thread.name == "crossbar-hangup":
            thread.join(PATIENCE)
    assert [f"SIGHUP: no server has its admin address in {tmp_path}"] == [
        line.partition(":")[0] + ":" + line.split(":")[1] for line in caplog.messages
    ]
