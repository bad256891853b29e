"""What the same requests cost on the embedded store and on MongoDB: one document, one page, one create."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from .demo import crossbar_loads, demo_store
from .load import Load, check, drive
from .rounds import alternate, figure
from .rows import Figure
from .server import ROOT, Server, Unmeasured, crossbar, crossbar_server

if TYPE_CHECKING:
    from tests.mongo.servers import Server as Database

RECORDS = 1_000
"""Call records in both stores: the stand-in for MongoDB sorts all of a listing for every page."""
CONNECTIONS = 16
_WARM_UP_SECONDS = 1

SQLITE, MONGODB = "sqlite", "mongodb"
NAMES = {SQLITE: "SQLite", MONGODB: "MongoDB"}
ASKED = {"document": "one document", "page-first": "a page of 50", "create": "a create"}
"""What is measured: the loads of the demo data by their names, and what they are called."""

Note = Callable[[str, Exception], None]
"""Told the name of what could not be measured, and why."""


class Cost(NamedTuple):
    """What one sample found: CPU of Crossbar's process a request, and the median time of one that is asked alone."""

    cpu_us: float
    alone_ms: float


def store_cost(seconds: int, rounds: int, fresh: bool, note: Note) -> tuple[list[Figure], str]:
    """The cost of each request on both stores, told one beside the other, and which MongoDB that was.

    Both hold the same documents, which `crossbar export` and `crossbar import` carried over. Unmeasured if there is no
    MongoDB; a request that fails on one of the stores is told to `note`.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        database, url = _database(stack)
        sqlite = stack.enter_context(demo_store(RECORDS, fresh))
        _carry_over(sqlite, url, folder / "archive")
        servers = {name: stack.enter_context(crossbar_server(url)) for name, url in ((SQLITE, sqlite), (MONGODB, url))}
        loads = {name: crossbar_loads(server, RECORDS) for name, server in servers.items()}
        asked = [(name, wanted) for wanted in ASKED for name in servers]

        def sample(which: tuple[str, str], seconds: int = seconds) -> Cost | None:
            name, wanted = which
            try:
                return _driven(loads[name][wanted], servers[name], seconds, folder)
            except Unmeasured as reason:
                note(f"stores-{wanted}-{name}", reason)
                return None

        ready = [each for each in asked if sample(each, _WARM_UP_SECONDS) is not None]
        taken = alternate(ready, rounds, sample)
    whole = {
        each: [cost for cost in costs if cost is not None]
        for each, costs in zip(ready, taken, strict=True)
        if None not in costs
    }
    return store_figures(whole), f"MongoDB of the stores' figures: {database.what}"


def store_figures(costs: Mapping[tuple[str, str], Sequence[Cost]]) -> list[Figure]:
    """The figures of what was measured, round by round: by store and request, then one store beside the other."""
    return [*_each(costs), *_ratios(costs)]


def _each(costs: Mapping[tuple[str, str], Sequence[Cost]]) -> Iterator[Figure]:
    for (name, wanted), found in costs.items():
        label = f"{ASKED[wanted]} on {NAMES[name]}"
        yield figure(f"stores-{wanted}-{name}", label, "µs of CPU", [cost.cpu_us for cost in found])
        yield figure(f"stores-{wanted}-{name}-alone", f"{label}, asked alone", "ms", [cost.alone_ms for cost in found])


def _ratios(costs: Mapping[tuple[str, str], Sequence[Cost]]) -> Iterator[Figure]:
    for wanted, label in ASKED.items():
        above, below = costs.get((MONGODB, wanted)), costs.get((SQLITE, wanted))
        if not above or not below:
            continue
        beside = list(zip(above, below, strict=True))
        cpu = [one.cpu_us / other.cpu_us for one, other in beside]
        alone = [one.alone_ms / other.alone_ms for one, other in beside]
        yield figure(f"stores-{wanted}", f"{label}, CPU on MongoDB : on SQLite", "times", cpu)
        yield figure(f"stores-{wanted}-alone", f"{label}, time on MongoDB : on SQLite", "times", alone)


def _database(stack: ExitStack) -> tuple[Database, str]:
    """The MongoDB that there is, and the URL of a database of its own; Unmeasured if there is none."""
    try:
        # NOTE: the tests' way to a MongoDB, which needs pytest; what else is measured does not.
        import pytest

        from tests.mongo.servers import fresh_database, shared
    except ImportError as error:
        raise Unmeasured(f"{error.name} is missing; scripts/install dev") from None
    try:
        database = shared()
    except (pytest.skip.Exception, pytest.fail.Exception) as reason:
        raise Unmeasured(str(reason)) from None
    return database, stack.enter_context(fresh_database(database))


def _carry_over(source: str, target: str, archive: Path) -> None:
    for command, store in (("export", source), ("import", target)):
        words = crossbar(command, str(archive), "--store", store)
        finished = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        if finished.returncode:
            last = finished.stderr.strip().rpartition("\n")[2]
            raise Unmeasured(f"`crossbar {command}` ended with {finished.returncode}: {last}")


def _driven(load: Load, server: Server, seconds: int, folder: Path) -> Cost:
    check(load, server)
    many = drive(load, server, seconds, folder, CONNECTIONS)
    alone = drive(load, server, seconds, folder, 1)
    if unexpected := many.unexpected + alone.unexpected:
        raise Unmeasured(f"{unexpected} answers were not the ones asked for")
    return Cost(many.cpu_us, alone.p50_ms)
