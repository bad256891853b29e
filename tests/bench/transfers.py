"""One large file up and down, beside nginx that serves the same file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from .demo import Session
from .rounds import alternate, figure
from .rows import MEMORY_AIM, Figure
from .server import HOST, Server, Unmeasured, crossbar_server, nginx_server

_PIECE = 1 << 20


class Cost(NamedTuple):
    """What one transfer took: MB a second by the clock and by the server's CPU, and MiB of memory."""

    by_clock: float
    by_cpu: float
    grown: float


def transfer_cost(store: str, size: int, rounds: int) -> list[Figure]:
    """Figures of an upload and a download of `size` bytes, and of nginx's download of the same file."""
    blobs = Path(store.removeprefix("sqlite:///") + "-blobs")
    limits = {"CROSSBAR__LIMITS__UPLOAD": str(size)}
    with crossbar_server(store, limits) as server, closing(Session(server)) as session, TemporaryDirectory() as own:
        made = session.ask("PUT", f"{session.account}/media", '{"data":{"name":"bench"}}')
        path = f"{session.account}/media/{made['data']['id']}/raw"
        headers = {"X-Auth-Token": session.token}
        uploads = [upload(server, path, headers, size) for _ in range(rounds)]
        largest = max((each for each in blobs.rglob("*") if each.is_file()), key=lambda each: each.stat().st_size)
        with nginx_server(Path(own), blobs) as nginx:
            beside = f"/{largest.relative_to(blobs)}"
            ways: list[Callable[[], Cost]] = [
                lambda: download(server, path, headers, size),
                lambda: download(nginx, beside, {}, size),
            ]
            downloads, theirs = alternate(ways, rounds, lambda way: way())
    return [
        *_figures("upload", uploads),
        *_figures("download", downloads),
        *_figures("nginx", theirs, "nginx, download"),
        figure(
            "download-share",
            "download, of nginx's speed by CPU",
            "times",
            [ours.by_cpu / other.by_cpu for ours, other in zip(downloads, theirs, strict=True)],
        ),
    ]


def _figures(name: str, costs: list[Cost], label: str = "") -> Iterator[Figure]:
    label = label or name
    yield figure(f"{name}-clock", label, "MB a second", [each.by_clock for each in costs])
    yield figure(f"{name}-cpu", label, "MB a CPU second", [each.by_cpu for each in costs])
    yield figure(f"{name}-memory", f"{label}, memory over idle", "MiB", [each.grown for each in costs], MEMORY_AIM)


@contextmanager
def _weighed(server: Server, size: int) -> Iterator[list[Cost]]:
    costs: list[Cost] = []
    used, began = server.cpu_seconds(), time.perf_counter()
    with server.memory() as grown:
        yield costs
    seconds, used = time.perf_counter() - began, server.cpu_seconds() - used
    costs.append(Cost(size / 1e6 / seconds, size / 1e6 / used, grown[0]))


def upload(server: Server, path: str, headers: dict[str, str], size: int) -> Cost:
    """Put a body of `size` bytes, in pieces of 1 MiB."""
    piece = os.urandom(_PIECE)
    sent = {**headers, "Content-Type": "audio/wav", "Content-Length": str(size)}
    connection = HTTPConnection(HOST, server.port, timeout=600)
    with closing(connection):
        with _weighed(server, size) as costs:
            connection.request("PUT", path, (piece for _ in range(size // _PIECE)), sent)
            answer = connection.getresponse()
            said = answer.read()
        if answer.status not in (200, 201):
            raise Unmeasured(f"the upload was answered {answer.status}: {said[:200].decode(errors='replace')}")
    return costs[0]


def download(server: Server, path: str, headers: dict[str, str], size: int) -> Cost:
    """Get a body of `size` bytes."""
    connection = HTTPConnection(HOST, server.port, timeout=600)
    got, buffer = 0, bytearray(_PIECE)
    with closing(connection):
        with _weighed(server, size) as costs:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            while read := answer.readinto(buffer):
                got += read
        if answer.status != 200 or got != size:
            raise Unmeasured(f"the download was answered {answer.status} with {got} of {size} bytes")
    return costs[0]
