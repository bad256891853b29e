"""A server that is told to stop says so first, goes on for `server.drain` seconds, and then ends what is under way."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from crossbar import Crossbar
from crossbar.cli.served import Draining
from crossbar.settings import Server, Settings
from crossbar.stores.memory import MemoryStore
from tests.protocol.server import Served

from .conftest import Invoke, logged
from .gateway import PATIENCE, Gateway, Upstream, asked, connected, gateway, route, service, until, upstream

WORKERS = pytest.mark.parametrize("workers", [1, 2])


@pytest.fixture
def behind() -> Iterator[tuple[Upstream, Served]]:
    """Give the upstream."""
    with upstream("one") as found:
        yield found


def configuration(served: Served) -> str:
    """A gateway before it."""
    return service("up", served.port) + route("/x/**", "up", timeout={"total": "0"})


async def readiness(live: Gateway, requests: int = 12) -> set[int]:
    """What /readyz says, over connections of their own, so that each process is asked."""
    return {(await asked(live.url, "/readyz")).status for _ in range(requests)}


async def unready(live: Gateway) -> None:
    """Wait until every process says that it is about to stop."""
    async with asyncio.timeout(PATIENCE):
        while await readiness(live) != {503}:
            pass


async def refused(live: Gateway) -> None:
    """Wait until nobody is let in any more."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await asked(live.url, "/livez")
            except (ConnectionError, EOFError):
                return


async def ended(live: Gateway) -> int:
    """Wait until the server has ended; its exit code."""
    return await asyncio.to_thread(live.live.process.wait, PATIENCE)


@WORKERS
async def test_what_happens_when(behind: tuple[Upstream, Served], invoke: Invoke, workers: int) -> None:
    """First it is not ready, and serves; then it refuses clients, and finishes what it has; then it ends, in order.

    Here it is a second signal that ends the first stretch, and further down the time.
    """
    made, served = behind
    server = "drain = 3600\ngrace = 30"
    with gateway(invoke, configuration(served), workers=workers, server=server) as live:
        async with asyncio.timeout(100), connected(live.url) as kept, connected(live.url) as events:
            assert {200} == await readiness(live)
            held = asyncio.create_task(asked(live.url, "/x/held"))
            assert 200 == (await events.begin("GET", "/x/events"))[0]
            async with connect(f"{live.url.replace('http', 'ws')}/x/socket") as socket:
                await until(lambda: made.held == 1)
                live.live.process.send_signal(signal.SIGTERM)
                await unready(live)
                answers = [await kept.ask("GET", "/x/kept"), await asked(live.url, "/x/new")]
                assert [(200, "/x/kept"), (200, "/x/new")] == [(each.status, each.json["path"]) for each in answers]
                await socket.send("hello")
                assert "one hello" == await socket.recv()
                await apart(workers)
                live.live.process.send_signal(signal.SIGTERM)
                await refused(live)
                with pytest.raises(ConnectionClosedError) as closed:
                    await socket.recv()
                assert closed.value.rcvd is not None
                assert 1012 == closed.value.rcvd.code
            assert b"data: one" in await events.reader.read()
            assert not held.done()
            made.release()
            answer = await held
            assert (200, "/x/held") == (answer.status, answer.json["path"])
            assert 0 == await ended(live)
        assert [] == [line for line in logged(live.live) if "INFO" not in line]


@WORKERS
async def test_it_lasts_as_long_as_it_is_told(behind: tuple[Upstream, Served], invoke: Invoke, workers: int) -> None:
    """By itself the server serves on for `server.drain` seconds after one signal, and ends what it has after that."""
    made, served = behind
    with gateway(invoke, configuration(served), workers=workers, server="drain = 1\ngrace = 30") as live:
        held = asyncio.create_task(asked(live.url, "/x/held"))
        await until(lambda: made.held == 1)
        began = time.monotonic()
        live.live.process.send_signal(signal.SIGTERM)
        await refused(live)
        assert time.monotonic() - began > 0.9
        assert not held.done()
        made.release()
        assert (200, 0) == ((await held).status, await ended(live))


async def apart(workers: int) -> None:
    """Let pass what is between two signals: what comes sooner is taken for the first one, sent on by the parent."""
    await asyncio.sleep(1.2 * (workers - 1))


@WORKERS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_stops_at_once(
    behind: tuple[Upstream, Served], invoke: Invoke, number: signal.Signals, workers: int
) -> None:
    """Nobody has to wait for the end of an hour; what is under way is finished all the same."""
    made, served = behind
    with gateway(invoke, configuration(served), workers=workers, server="drain = 3600") as live:
        held = asyncio.create_task(asked(live.url, "/x/held"))
        await until(lambda: made.held == 1)
        live.live.process.send_signal(number)
        await unready(live)
        await apart(workers)
        live.live.process.send_signal(signal.SIGHUP)  # which is no signal to stop
        await asyncio.sleep(0.5 * (workers - 1))  # the parent looks for signals five times a second
        assert {503} == await readiness(live)
        live.live.process.send_signal(number)
        await refused(live)
        made.release()
        assert (200, 0) == ((await held).status, await ended(live))


async def test_a_signal_to_all_processes_is_one_signal(behind: tuple[Upstream, Served], invoke: Invoke) -> None:
    """Whoever stops a service signals each of its processes, and the parent sends its own on to the workers."""
    _, served = behind
    with gateway(invoke, configuration(served), workers=2, server="drain = 3600") as live:
        workers = live.pids
        for pid in (live.live.process.pid, *workers):
            os.kill(pid, signal.SIGTERM)
        await unready(live)
        await asyncio.sleep(1.5)  # the parent looks for signals twice a second
        assert {503} == await readiness(live)
        assert 200 == (await asked(live.url, "/x/1")).status
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        assert 0 == await ended(live)


@WORKERS
async def test_without_it(behind: tuple[Upstream, Served], invoke: Invoke, workers: int) -> None:
    """Clients are refused at once, and what is under way is finished."""
    made, served = behind
    with gateway(invoke, configuration(served), workers=workers, server="grace = 20") as live:
        held = asyncio.create_task(asked(live.url, "/x/held"))
        await until(lambda: made.held == 1)
        live.live.process.send_signal(signal.SIGTERM)
        await refused(live)
        made.release()
        assert (200, 0) == ((await held).status, await ended(live))
        said = [line.partition("crossbar: ")[2] for line in logged(live.live)]
        assert ["stopping"] * workers == said


class Stoppable:
    """What takes a signal to stop, as a server does."""

    should_exit = False

    def stop(self, number: int, frame: object) -> None:
        """Take it."""
        self.should_exit = True


@pytest.mark.parametrize("drain", [0, 3600])
async def test_a_signal_is_told_of_without_it_too(drain: int, caplog: pytest.LogCaptureFixture) -> None:
    """/readyz says no from the signal on, and the log tells; without `server.drain` the server hears of it at once."""
    server, app = Stoppable(), Crossbar(Settings(server=Server(drain=drain)), store=MemoryStore())
    draining = Draining(app)  # type: ignore[arg-type]
    before = signal.signal(signal.SIGTERM, server.stop)
    try:
        draining.begin()
        signal.raise_signal(signal.SIGTERM)
        assert app.draining
        with caplog.at_level("INFO", "crossbar"):
            await asyncio.sleep(0)
        assert [not drain, ["stopping" if not drain else "stopping in 3600 seconds: /readyz says no from now on"]] == [
            server.should_exit,
            caplog.messages,
        ]
    finally:
        draining.end()
        signal.signal(signal.SIGTERM, before)
