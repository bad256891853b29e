"""A server process on its own core, and the CPU time it and its children have used."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import BinaryIO

from .apps import ROUTES_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"

_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = _CORES[0], _CORES[-1]

_QUIET = {"CROSSBAR__LOG__ACCESS": "false", "CROSSBAR__RATE__ENABLED": "false"}
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.002
_TICKS = os.sysconf("SC_CLK_TCK")


class Unmeasured(Exception):
    """Something could not be measured; the text says why."""


class Server:
    """A running server that is known to answer."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, start_seconds: float) -> None:
        """Keep the process, its port and the time from spawning to its first answer."""
        self.process = process
        self.port = port
        self.start_seconds = start_seconds

    @contextmanager
    def memory(self) -> Iterator[list[float]]:
        """The MiB by which the server's memory grows at most while the block runs; in the list when it has ended."""
        status = Path(f"/proc/{self.process.pid}/status")
        before = _kib(status, "VmRSS")
        # See proc(5): this sets the high-water mark back to what is used now.
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        grown: list[float] = []
        yield grown
        grown.append(max(0, _kib(status, "VmHWM") - before) / 1024)

    def cpu_seconds(self) -> float:
        """CPU time, user and system, that the process tree has used so far."""
        return sum(_cpu_seconds(member) for member in _tree(self.process.pid))


def program(name: str, package: str) -> str:
    """The path of a program to compare with; Unmeasured, with the way to it, if it is not there."""
    # NOTE: Debian keeps servers in a folder that is on the PATH of root only.
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        raise Unmeasured(f"there is no {name} on the PATH to compare with; on Debian: apt-get install {package}")
    return found


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """The command, kept on one core from its first instruction."""
    return ["taskset", "--cpu-list", str(core), *command]


def crossbar(*words: str) -> list[str]:
    """A command of Crossbar's own command line."""
    return [sys.executable, "-m", "crossbar", *words]


@contextmanager
def crossbar_server(store: str, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Server]:
    """Crossbar on a store, for as long as the block runs; `settings` are environment variables."""
    port = free_port()
    words = ("run", "--host", HOST, "--port", str(port), "--store", store)
    with running(crossbar(*words), port, "/livez", {**_QUIET, **settings}) as server:
        yield server


@contextmanager
def nginx_server(folder: Path, root: Path) -> Iterator[Server]:
    """An nginx that serves the files below `root` and keeps its own in `folder`, for as long as the block runs."""
    with nginx(folder, f"sendfile on; server {{ listen {{address}}; root {root}; }}") as server:
        yield server


@contextmanager
def nginx(folder: Path, http: str, core: int = SERVER_CORE) -> Iterator[Server]:
    """An nginx with a configuration in which `{address}` is where it listens; it keeps its files in `folder`."""
    found = program("nginx", "nginx-light")
    port = free_port()
    own = " ".join(
        f"{each}_temp_path {folder}/{each}-{port};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / f"nginx-{port}.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/nginx-{port}.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {own} {http.replace('{address}', f'{HOST}:{port}')} }}\n"
    )
    with running([found, "-c", str(configuration)], port, "/", {}, core) as server:
        yield server


@contextmanager
def baseline_server(
    factory: str, names: Sequence[str], settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Server]:
    """One of the applications of `apps.py` on uvicorn, for as long as the block runs."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", "--factory", f"{__package__}.apps:{factory}"),
        *("--host", HOST, "--port", str(port), "--http", "httptools", "--loop", "uvloop"),
        *("--no-access-log", "--log-level", "warning"),
    ]
    with running(command, port, "/", {ROUTES_VARIABLE: " ".join(names), **settings}) as server:
        yield server


@contextmanager
def running(
    command: Sequence[str], port: int, path: str, settings: Mapping[str, str], core: int = SERVER_CORE
) -> Iterator[Server]:
    """A command that listens on a port, known to answer at a path, for as long as the block runs."""
    with _log_file() as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            pinned(core, command),
            cwd=ROOT,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_answer(process, port, path, log)
            yield Server(process, port, time.perf_counter() - began)
        finally:
            _stop(process)


def _await_answer(process: subprocess.Popen[bytes], port: int, path: str, log: BinaryIO) -> None:
    """Return at the first HTTP answer, whatever its status."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise Unmeasured(f"the server ended with {process.returncode}: {_last_line(log)}")
        connection = HTTPConnection(HOST, port, timeout=_START_SECONDS)
        with suppress(OSError, HTTPException), closing(connection):
            connection.request("GET", path)
            connection.getresponse().read()
            return
        time.sleep(_POLL_SECONDS)
    raise Unmeasured(f"no answer within {_START_SECONDS:.0f} s: {_last_line(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _log_file() -> Iterator[BinaryIO]:
    # NOTE: a file, because a pipe that nobody reads would stop a talkative server.
    with TemporaryFile() as log:
        yield log


def _last_line(log: BinaryIO) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _kib(status: Path, name: str) -> int:
    """A figure of `/proc/PID/status`, in KiB."""
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(f"{name}:"))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _tree(process_id: int) -> Iterator[int]:
    yield process_id
    with suppress(OSError):
        for children in Path(f"/proc/{process_id}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from _tree(int(child))


def _cpu_seconds(process_id: int) -> float:
    """What one process used, its ended threads and waited-for children included.

    The process's own time comes from its CPU clock (see `clock_getcpuclockid(3)`: the clock's
    number is the inverted process id, shifted, with 2 for the scheduler's clock), in nanoseconds;
    its children's from `/proc`, in ticks.
    """
    with suppress(OSError):
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(") ")[2].split()
        children = (int(fields[13]) + int(fields[14])) / _TICKS
        return time.clock_gettime(~process_id << 3 | 2) + children
    return 0.0
