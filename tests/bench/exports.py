"""A whole listing as JSON, NDJSON and CSV: rows for a second of the server's CPU, its memory, and the first byte."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse

from .demo import Session
from .rounds import alternate, figure
from .rows import EXPORT_AIMS, MEMORY_AIM, Figure
from .server import HOST, Server, Unmeasured, crossbar_server

MEDIA_TYPES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}
_PIECE = 1 << 20
_LINES_BESIDE = {"json": 0, "ndjson": 0, "csv": 1}


def export_cost(store: str, records: int, rounds: int) -> list[Figure]:
    """Figures of an export of all call records of the demo account, format by format."""
    with crossbar_server(store) as server, closing(Session(server)) as session:
        path = f"{session.account}/cdrs?paginate=false"
        for name in MEDIA_TYPES:
            _export(server, session.token, f"{session.account}/cdrs?page_size=1000", name)

        def measured(name: str) -> tuple[float, float, float]:
            before = server.cpu_seconds()
            with server.memory() as grown:
                rows, first = _export(server, session.token, path, name)
            if rows < records:
                raise Unmeasured(f"the export as {name} holds {rows} of {records} records")
            return rows / (server.cpu_seconds() - before), grown[0], first * 1e3

        taken = alternate([*MEDIA_TYPES], rounds, measured)
    return [each for name, samples in zip(MEDIA_TYPES, taken, strict=True) for each in _figures(name, samples)]


def _figures(name: str, samples: list[tuple[float, float, float]]) -> Iterator[Figure]:
    speeds, grown, first = (list(column) for column in zip(*samples, strict=True))
    label = f"export as {name.upper()}"
    yield figure(f"export-{name}", label, "rows a CPU second", speeds, EXPORT_AIMS[name])
    yield figure(f"export-{name}-memory", f"{label}, memory over idle", "MiB", grown, MEMORY_AIM)
    yield figure(f"export-{name}-first", f"{label}, first byte", "ms", first)


def _export(server: Server, token: str, path: str, name: str) -> tuple[int, float]:
    """Read an export to its end: how many rows it had, and the seconds to its first byte."""
    connection = HTTPConnection(HOST, server.port, timeout=600)
    with closing(connection):
        began = time.perf_counter()
        connection.request("GET", path, headers={"X-Auth-Token": token, "Accept": MEDIA_TYPES[name]})
        answer = connection.getresponse()
        if answer.status != 200:
            raise Unmeasured(f"GET {path} as {name} was answered {answer.status}")
        # NOTE: each row of JSON has one `interaction_id`, and no line end.
        mark = b'"interaction_id":' if name == "json" else b"\n"
        rows, first, tail = 0, 0.0, b""
        for piece in _pieces(answer):
            first = first or time.perf_counter() - began
            text = tail + piece
            rows += text.count(mark)
            tail = text[-len(mark) + 1 :] if len(mark) > 1 else b""
            end = text[-4096:]
        if name == "json" and b'"status":"success"' not in end:
            raise Unmeasured("the export as JSON does not end with success")
        return rows - _LINES_BESIDE[name], first


def _pieces(answer: HTTPResponse) -> Iterator[bytes]:
    while piece := answer.read1(_PIECE):
        yield piece
