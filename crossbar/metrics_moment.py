"""What processes tell of the present moment: requests in progress, targets that are up, memory, open files.

Where several count together, each writes what only it knows into a file of the shared folder, and reads those of the
others for a scrape. A process that has died says nothing more after `STALE_SECONDS`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ._version import __version__

if TYPE_CHECKING:
    from prometheus_client.core import Metric

STALE_SECONDS = 10.0
"""Seconds after which a process that tells nothing new is taken to be gone."""


class Now(msgspec.Struct, frozen=True):
    """What one process tells: requests in progress, whether its last reload went well, and its upstreams' targets.

    A target is the name of its upstream, its address, whether it is up, and how many calls it has in progress.
    """

    requests: int
    reloaded: bool
    upstreams: tuple[tuple[str, str, bool, int], ...]


def publish(folder: Path, now: Now) -> None:
    """Tell the other processes; what cannot be written is left."""
    path = _file_in(folder)
    with suppress(OSError):  # a full disk is no reason to stop serving
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(now))
        new.replace(path)


def forget(folder: Path) -> None:
    """Take back what this process has told."""
    with suppress(OSError):
        _file_in(folder).unlink(missing_ok=True)


def told_by_others(folder: Path) -> dict[int, Now]:
    """What the other processes have told last, by their ids; what is left of dead ones goes."""
    told: dict[int, Now] = {}
    for path in folder.glob("now_*.json"):
        with suppress(OSError, ValueError):  # it has ended just now
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                path.unlink(missing_ok=True)
            elif path != _file_in(folder):
                told[int(path.stem.removeprefix("now_"))] = msgspec.json.decode(path.read_bytes(), type=Now)
    return told


def _file_in(folder: Path) -> Path:
    return folder / f"now_{os.getpid()}.json"


def gauges(told: Iterable[Now]) -> Iterator[Metric]:
    """What the processes tell together: sums; and a target is up, or a reload went well, if no process denies it."""
    from prometheus_client.core import GaugeMetricFamily as Gauge

    requests, reloaded = 0, True
    up: dict[tuple[str, str], bool] = {}
    active: dict[str, int] = {}
    for now in told:
        requests += now.requests
        reloaded = reloaded and now.reloaded
        for upstream, target, healthy, calls in now.upstreams:
            up[upstream, target] = healthy and up.get((upstream, target), True)
            active[upstream] = active.get(upstream, 0) + calls
    yield Gauge("http_server_active_requests", "Requests in progress.", value=requests)
    targets = Gauge("crossbar_target_up", "Whether calls go there.", labels=("crossbar_upstream", "server_address"))
    for names, healthy in up.items():
        targets.add_metric(names, healthy)
    yield targets
    calling = Gauge("crossbar_upstream_active", "Calls in progress.", labels=("crossbar_upstream",))
    for name, calls in active.items():
        calling.add_metric((name,), calls)
    yield calling
    yield Gauge("crossbar_config_last_reload_successful", "Whether the last reload went well.", value=reloaded)
    build = Gauge("crossbar_build_info", "The version of Crossbar.", labels=("version",))
    build.add_metric((__version__,), 1)
    yield build


def processes(pids: Iterable[int], *, labelled: bool) -> Iterator[Metric]:
    """CPU, memory and open files of processes, with their ids as a label if there may be several."""
    from prometheus_client import ProcessCollector

    families: dict[str, Metric] = {}
    for pid in pids:
        for found in ProcessCollector(pid=partial(str, pid), registry=None).collect():
            family = families.setdefault(found.name, found)
            if labelled:
                found.samples = [each._replace(labels={"pid": str(pid)}) for each in found.samples]
            if family is not found:
                family.samples += found.samples
    yield from families.values()
