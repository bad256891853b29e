"""/metrics of a gateway with several processes: each scrape tells of all of them, whichever it reaches."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_metrics import CALLS, SERVED, Samples, read

from .conftest import Invoke
from .gateway import PATIENCE, Gateway, asked, gateway, route, service, until
from .gateway import upstream as serving_upstream
from .test_restarts import Target

WORKERS = 2
REQUESTS = 40


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    """Give a target that can be killed, and end it."""
    made = Target(tmp_path / "done")
    yield made
    if made.process.poll() is None:
        made.end(signal.SIGKILL)


async def scraped(live: Gateway) -> Samples:
    """What a scrape tells, of whichever process it reaches."""
    return read((await asked(live.url, "/metrics")).body.decode())


async def until_told(live: Gateway, *sample: str, value: float) -> None:
    """Wait until scrapes of every process tell this value of a sample."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if {(await scraped(live)).get(sample) for _ in range(8)} == {value}:
                return
            await asyncio.sleep(0.05)


def up(port: int) -> tuple[str, str, str]:
    """The sample that tells whether a target is up."""
    return "crossbar_target_up", "up", f"http://127.0.0.1:{port}"


async def test_calls_add_up(invoke: Invoke) -> None:
    """Requests, calls of upstreams and refusals of all processes are counted once each, and calls in progress too."""
    with serving_upstream("one") as (made, served):
        text = service("up", served.port) + route("/x/**", "up", name="x")
        with gateway(invoke, text, workers=WORKERS) as live:
            for number in range(REQUESTS):
                path = f"/x/status/{503 if number % 4 == 3 else 200}"
                assert path.endswith(str((await asked(live.url, path)).status))
            held = [asyncio.create_task(asked(live.url, "/x/held")) for _ in range(6)]
            await until(lambda: made.held == 6)
            await until_told(live, "crossbar_upstream_active", "up", value=6)
            made.release()
            assert [200] * 6 == [each.status for each in await asyncio.gather(*held)]
            good, bad = REQUESTS * 3 // 4, REQUESTS // 4
            samples = [
                (f"{SERVED}_count", "GET", "200", "x"),
                (f"{SERVED}_count", "503", "GET", "503", "x"),
                (f"{CALLS}_count", "up", "200"),
                (f"{CALLS}_count", "up", "503", "503"),
                up(served.port),
            ]
            # NOTE: a request is counted when its response has gone out, and a scrape of the other process may be first.
            for sample, value in zip(samples, (good + 6, bad, good + 6, bad, 1), strict=True):
                await until_told(live, *sample, value=value)
            found = [await scraped(live) for _ in range(8)]
    assert [[good + 6, bad, good + 6, bad, 1]] * 8 == [[each[sample] for sample in samples] for each in found]
    assert {WORKERS} == {_processes(each) for each in found}


def _processes(samples: Samples) -> int:
    """How many processes tell of themselves."""
    return sum(key[0] == "process_resident_memory_bytes" for key in samples)


async def test_a_target_that_dies_and_comes_back(invoke: Invoke, target: Target) -> None:
    """It is down as long as one process finds it so, and up again by the checks of all."""
    with serving_upstream("one") as (_, served):
        text = service("up", served.port, target.port, health="GET /readyz every 500ms") + route("/x/**", "up")
        with gateway(invoke, text, workers=WORKERS) as live:
            await until_told(live, *up(target.port), value=1)
            target.end(signal.SIGKILL)
            await until_told(live, *up(target.port), value=0)
            await until_told(live, *up(served.port), value=1)
            assert {200} == {(await asked(live.url, "/x/1")).status for _ in range(20)}
            target.restart()
            await until_told(live, *up(target.port), value=1)


async def test_reloads_are_counted(invoke: Invoke) -> None:
    """By each process that took one over or found it wrong; the last one went well if it did so in all of them."""
    with serving_upstream("one") as (_, served):
        text = service("up", served.port) + route("/x/**", "up")
        with gateway(invoke, text, workers=WORKERS) as live:
            counts = []
            for each in (text + route("/y", "up"), text + route("/z", "nobody"), text + route("/z", "up")):
                live.reload(each)
                well = float("nobody" not in each)
                await until_told(live, "crossbar_config_last_reload_successful", value=well)
                found = await scraped(live)
                counts.append([found["crossbar_config_reloads_total", result] for result in ("success", "failure")])
    assert [[2, 0], [2, 2], [4, 2]] == counts
