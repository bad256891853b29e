"""One run: starts the servers, takes the samples, and notes what could not be measured."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from .demo import crossbar_loads, demo_store
from .exports import export_cost
from .flood import flood_cost
from .gateway import gateway_cost
from .load import Load, check, drive, framework_load
from .programs import import_cost, lookup_cost, start_cost
from .report import Results
from .rounds import alternate
from .rows import BARE, OURS, Row, Sample, rows_named
from .server import Server, Unmeasured, baseline_server, crossbar_server
from .stores import store_cost
from .streams import first_byte_cost, passing_cost
from .transfers import transfer_cost

_WARM_UP_SECONDS = 1
_ON_A_STORE = {"start", "export", "transfer", "flood"}
_SETTLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and how long."""

    only: frozenset[str]
    names: Sequence[str]
    records: int
    fresh: bool
    rounds: int
    seconds: int
    lookups: int
    starts: int
    imports: int
    transfers: int
    bytes: int


@dataclass(slots=True)
class _Servers:
    """The servers that answer, and the load of each row that they passed."""

    by_name: dict[str, Server] = field(default_factory=dict)
    loads: dict[str, Load] = field(default_factory=dict)


def measure(plan: Plan) -> Results:
    """All that the plan asks for; a part that cannot be measured leaves the others standing."""
    results = Results()
    rows = rows_named(plan.only)
    with ExitStack() as stack:
        store = None
        if plan.only & _ON_A_STORE or any(row.server == OURS for row in rows):
            with _noting(results, "demo data"):
                store = stack.enter_context(demo_store(plan.records, plan.fresh))
        if rows:
            _measure_requests(plan, rows, store, results)
        _measure_programs(plan, store, results)
    return results


def _measure_requests(plan: Plan, rows: Sequence[Row], store: str | None, results: Results) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        servers = _start(plan, rows, store, results, stack)
        ready = [row for row in rows if _is_ready(row, servers, folder, results)]
        if not any(row.name == BARE for row in ready):
            return  # nothing to compare with; the reason has been noted
        count = 0

        def sample(row: Row) -> Sample | None:
            nonlocal count
            count += 1
            _say(f"{count} of {plan.rounds * len(ready)}: {row.label}")
            time.sleep(_SETTLE_SECONDS)  # let what the last load left unanswered come to its end
            with _noting(results, row.name):
                return drive(servers.loads[row.name], servers.by_name[row.server], plan.seconds, folder)
            return None

        taken = alternate(ready, plan.rounds, sample)
    whole = {
        row.name: [each for each in samples if each is not None]
        for row, samples in zip(ready, taken, strict=True)
        if None not in samples
    }
    if BARE in whole:
        results.rows, results.samples = ready, whole


def _start(plan: Plan, rows: Sequence[Row], store: str | None, results: Results, stack: ExitStack) -> _Servers:
    """Start each server that a row asks, and find out the loads."""
    servers = _Servers()
    beside = framework_load(plan.names)
    for name in dict.fromkeys(row.server for row in rows):
        asking = [row.name for row in rows if row.server == name]
        _say(f"starting {name}")
        with _noting(results, *asking):
            if name != OURS:
                server = stack.enter_context(baseline_server(name, plan.names))
                loads = dict.fromkeys(asking, beside)
            elif store is None:
                raise Unmeasured("there are no demo data")
            else:
                server = stack.enter_context(crossbar_server(store))
                loads = crossbar_loads(server, plan.records)
            servers.by_name[name] = server
            servers.loads.update(loads)
    return servers


def _is_ready(row: Row, servers: _Servers, folder: Path, results: Results) -> bool:
    """Whether a row's server is up, answers as expected, and has been warmed up."""
    if row.name not in servers.loads:
        return False
    load, server = servers.loads[row.name], servers.by_name[row.server]
    with _noting(results, row.name):
        check(load, server)
        drive(load, server, _WARM_UP_SECONDS, folder)
        return True
    return False


def _measure_programs(plan: Plan, store: str | None, results: Results) -> None:
    if "lookup" in plan.only:
        _say("looking up")
        with _noting(results, "lookup"):
            results.figures += lookup_cost(plan.names, plan.lookups)
    if "start" in plan.only and store is not None:
        _say("starting servers")
        with _noting(results, "start"):
            results.figures += start_cost(store, plan.starts)
    if store is not None:
        _measure_heavy(plan, store, results)
    _measure_stores(plan, results)
    _measure_gateway(plan, results)
    if "import" in plan.only:
        _say("importing")
        with _noting(results, "import"):
            results.figures += import_cost(plan.imports)


def _measure_heavy(plan: Plan, store: str, results: Results) -> None:
    if "export" in plan.only:
        _say("exporting")
        with _noting(results, "export"):
            results.figures += export_cost(store, plan.records, plan.transfers)
    if "transfer" in plan.only:
        _say("transferring")
        with _noting(results, "transfer"):
            results.figures += transfer_cost(store, plan.bytes, plan.transfers)
    if "flood" in plan.only:
        _say("flooding")
        with _noting(results, "flood"):
            results.figures += flood_cost(store, plan.seconds, plan.transfers)


def _measure_stores(plan: Plan, results: Results) -> None:
    if "stores" in plan.only:
        _say("comparing stores")
        with _noting(results, "stores"):
            figures, which = store_cost(plan.seconds, plan.rounds, plan.fresh, _noter(results))
            results.figures += figures
            results.notes.append(which)


def _noter(results: Results) -> Callable[[str, Exception], None]:
    def note(name: str, reason: Exception) -> None:
        results.unmeasured[name] = _reason(reason)

    return note


def _measure_gateway(plan: Plan, results: Results) -> None:
    note = _noter(results)
    if "gateway" in plan.only:
        _say("passing requests on")
        with _noting(results, "gateway"):
            results.figures += gateway_cost(plan.seconds, plan.rounds, note)
    if "gateway-first" in plan.only:
        _say("waiting for first bytes")
        with _noting(results, "gateway-first"):
            results.figures += first_byte_cost(plan.transfers, note)
    if "gateway-pass" in plan.only:
        _say("passing a large body on")
        with _noting(results, "gateway-pass"):
            results.figures += passing_cost(plan.bytes, plan.transfers, note)


@contextmanager
def _noting(results: Results, *names: str) -> Iterator[None]:
    """Write down why the block failed under each of the names, and go on."""
    try:
        yield
    except Exception as reason:
        results.unmeasured.update(dict.fromkeys(names, _reason(reason)))


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, Unmeasured) else f"{type(error).__name__}: {error}"


def _say(words: str) -> None:
    """Tell a watching person how far the run is."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)
