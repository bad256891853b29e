"""Prints what Crossbar costs beside a bare ASGI constant and frameworks, its gateway beside others, and its stores.

Servers run on one core and wrk drives them from another, in rounds of alternating order. A figure
is the median over rounds of the server's CPU time a request, or of the ratio within a round. No
time makes it fail: it ends with 1 only if something could not be measured or was answered wrongly.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from importlib import metadata, resources

from .gateway import CONNECTIONS as PASSED
from .load import CONNECTIONS, filled
from .report import as_json, noise, print_tables
from .rows import NAMES
from .run import Plan, measure
from .server import CLIENT_CORE, SERVER_CORE

_TOOLS = ("wrk", "taskset")
_DISTRIBUTIONS = ("uvicorn", "httptools", "uvloop", "aiohttp", "starlette", "fastapi", "falcon")
_MODULES = "crossbar.modules"
_NAMES_WITHOUT_CROSSBAR = 120


def main() -> int:
    """Measure what was asked for, print it, and return the exit status."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        print(f"scripts/bench needs {' and '.join(missing)} on the PATH", file=sys.stderr)
        return 2
    options = _parser().parse_args()
    plan = _plan(options)
    load_before = os.getloadavg()[0]
    results = measure(plan)
    results.notes += _notes(plan)
    results.notes.append(noise(results.samples, load_before, os.getloadavg()[0]))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if options.json:
        print(json.dumps(as_json(results), indent=2))
    else:
        print_tables(results, shutil.get_terminal_size().columns if sys.stdout.isatty() else 0)
    return 1 if results.unmeasured or results.unexpected else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="about two minutes: fewer and shorter rounds")
    add("--records", type=int, default=100_000, help="call records in the store (%(default)s)")
    add("--fresh", action="store_true", help="make the store anew, not from the folder .bench")
    add("--rounds", type=int, help="rounds, each with one sample of every row (7, quick 5)")
    add("--seconds", type=int, help="seconds of load for one sample (2, quick 1)")
    add("--routes", type=int, help="routes of the frameworks (the number of our endpoints)")
    add("--json", action="store_true", help="print one JSON object with every sample")
    add("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME",
        help=f"measure only these: {' '.join(NAMES)}")  # fmt: skip
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    quick: bool = options.quick
    return Plan(
        only=frozenset(options.only),
        names=_endpoint_names(options.routes),
        records=options.records,
        fresh=options.fresh,
        rounds=options.rounds or (5 if quick else 7),
        seconds=options.seconds or (1 if quick else 2),
        lookups=5 if quick else 15,
        starts=3 if quick else 7,
        imports=5 if quick else 9,
        transfers=2 if quick else 5,
        bytes=(256 if quick else 1024) << 20,
    )


def _endpoint_names(count: int | None) -> Sequence[str]:
    """The names of the bundled modules, cut or filled to a count if one is given."""
    try:
        files = [file.name for file in resources.files(_MODULES).iterdir()]
    except ModuleNotFoundError:
        files = []
    names = sorted(
        name.rpartition(".")[0] for name in files if name.endswith((".py", ".toml")) and not name.startswith("_")
    )
    return filled(names, count or len(names) or _NAMES_WITHOUT_CROSSBAR)


def _notes(plan: Plan) -> list[str]:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _DISTRIBUTIONS)
    way = (
        f"rounds: {plan.rounds} of {plan.seconds} s, {CONNECTIONS} connections, server on core "
        f"{SERVER_CORE}, wrk on core {CLIENT_CORE}, {plan.records:,} call records; Starlette, "
        f"FastAPI and Falcon have {len(plan.names)} routes each, all asked in turn, no store "
        f"and no authentication; the gateway and those beside it have {PASSED} connections"
    )
    return [way, f"{platform.python_implementation()} {platform.python_version()}, {versions}"]


if __name__ == "__main__":
    sys.exit(main())
