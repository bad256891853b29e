"""What is measured without a load generator: the look-up, the start and the import."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from .load import filled, framework_load
from .rounds import alternate, figure
from .rows import FLAT_AIM, IMPORT_AIM, LOOKUP_AIM, START_AIM, Figure
from .server import ROOT, Unmeasured, baseline_server, crossbar_server

LookUp: TypeAlias = Callable[[bytes], object]
"""From a raw path to the endpoint that answers it."""

Connect: TypeAlias = Callable[[Mapping[str, object]], LookUp]
"""From endpoints by name to their look-up."""

LOOKUP_SIZES = (10, 120, 1000)


def crossbar_look_up(endpoints: Mapping[str, object]) -> LookUp:
    """Crossbar's tokenizer, then the endpoint of the last noun."""
    # NOTE: by name, so that the rest of the table stands when the package cannot be imported.
    tokenize = importlib.import_module("crossbar").tokenize

    def look_up(raw_path: bytes) -> object:
        return endpoints[tokenize(raw_path, endpoints).nouns[-1].name]

    return look_up


def lookup_cost(names: Sequence[str], rounds: int, connect: Connect = crossbar_look_up) -> list[Figure]:
    """Microseconds to get from a path of four tokens to its endpoint, by number of endpoints."""
    timers = [_lookup_timer(filled(["accounts", *names], size), connect) for size in LOOKUP_SIZES]
    costs = alternate(timers, rounds, lambda timer: timer())
    figures = [
        figure(f"lookup-{size}", f"tokenize and look up, {size} endpoints", "µs", cost, LOOKUP_AIM)
        for size, cost in zip(LOOKUP_SIZES, costs, strict=True)
    ]
    ratios = [most / least for most, least in zip(costs[-1], costs[0], strict=True)]
    label = f"the same, {LOOKUP_SIZES[-1]} : {LOOKUP_SIZES[0]} endpoints"
    return [*figures, figure("lookup-flat", label, "times", ratios, FLAT_AIM)]


def start_cost(store: str, rounds: int) -> list[Figure]:
    """Milliseconds from spawning a server to its first answer, beside the bare application."""

    def ours() -> float:
        with crossbar_server(store) as server:
            return server.start_seconds * 1e3

    def bare() -> float:
        with baseline_server("bare", ()) as server:
            return server.start_seconds * 1e3

    crossbar, beside = alternate([ours, bare], rounds, lambda start: start())
    return [
        figure("start", "start to first answer, Crossbar", "ms", crossbar, START_AIM),
        figure("start-bare", "start to first answer, bare ASGI", "ms", beside),
    ]


IMPORTS = {
    "import": ("import crossbar", "import crossbar, whole process"),
    "import-router": ("from crossbar import Registry, Target, tokenize", "import the router alone, whole process"),
    "import-app": ("from crossbar import Crossbar", "import the application, whole process"),
    "import-nothing": ("pass", "a process that does nothing"),
}


def import_cost(rounds: int) -> list[Figure]:
    """Milliseconds of CPU of a process that only imports Crossbar or a part of it, beside one that does nothing."""
    programs = [program for program, _ in IMPORTS.values()]
    for program in programs:  # the byte code is then cached
        _program_cpu_ms(program)
    costs = alternate(programs, rounds, _program_cpu_ms)
    return [
        figure(name, label, "ms of CPU", cost, IMPORT_AIM if name in ("import", "import-router") else None)
        for (name, (_, label)), cost in zip(IMPORTS.items(), costs, strict=True)
    ]


def _lookup_timer(names: Sequence[str], connect: Connect) -> Callable[[], float]:
    """Something to call for the mean microseconds of a look-up, from a walk over all paths."""
    endpoints: dict[str, object] = {name: object() for name in names}
    look_up = connect(endpoints)
    paths = [path.encode() for path in framework_load(names[1:]).paths]
    for path in paths:
        name = path.split(b"/")[4].decode()
        if look_up(path) is not endpoints[name]:
            raise Unmeasured(f"{path.decode()} was not led to the endpoint {name}")

    def timer() -> float:
        began = time.thread_time_ns()
        for path in paths:
            look_up(path)
        return (time.thread_time_ns() - began) / 1e3 / len(paths)

    return timer


def _program_cpu_ms(program: str) -> float:
    command = [sys.executable, "-c", program]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    with process:
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.returncode:
        raise Unmeasured(f"`{program}` failed: {said.strip().rpartition(os.linesep)[2]}")
    return (used.ru_utime + used.ru_stime) * 1e3
