"""What passes a proxy piece by piece: how late the first byte of an answer is, and one large body up and down."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from http.client import HTTPConnection

from .gateway import FULL, PROXIES, SMALLEST, Note, started
from .proxies import KEY, KEY_FIELD, streaming_upstream
from .rounds import alternate, figure
from .rows import FIRST_AIM, FLAT_MEMORY_AIM, Figure
from .server import HOST, Server, Unmeasured
from .transfers import Cost, download, upload

ASKED = 50
"""How many answers are waited for in one round of first bytes."""
BESIDE = ("nginx", SMALLEST, FULL)
_HEADERS = {KEY_FIELD: KEY}


def first_byte_cost(rounds: int, note: Note) -> list[Figure]:
    """Milliseconds from the upstream's first write to the client's first byte, without a proxy and through some."""
    with ExitStack() as stack:
        upstream = stack.enter_context(streaming_upstream())
        servers = {"direct": upstream, **started(BESIDE, upstream, stack, note)}
        taken = alternate([*servers.values()], rounds, _first_bytes)
    labels = {"direct": "without a proxy", **{name: label for name, (label, _) in PROXIES.items()}}
    figures: list[Figure] = []
    for name, samples in zip(servers, taken, strict=True):
        label = f"first byte behind the upstream's, {labels[name]}"
        middles = [statistics.median(each) for each in samples]
        figures.append(figure(f"gateway-first-{name}", label, "ms", middles, FIRST_AIM if name == FULL else None))
        figures.append(figure(f"gateway-first-{name}-worst", f"{label}, worst", "ms", [max(each) for each in samples]))
    return figures


def passing_cost(size: int, rounds: int, note: Note) -> list[Figure]:
    """MB for a second of the proxy's CPU, and the growth of its memory, with one body of `size` bytes up and down."""
    with ExitStack() as stack:
        upstream = stack.enter_context(streaming_upstream())
        servers = started(BESIDE, upstream, stack, note)
        for server in servers.values():  # what a first transfer loads and keeps is no growth
            _up(server, 1 << 24)
            _down(server, 1 << 24)
        up = alternate([*servers.values()], rounds, lambda server: _up(server, size))
        down = alternate([*servers.values()], rounds, lambda server: _down(server, size))
    return [
        each
        for word, taken in (("up", up), ("down", down))
        for name, costs in zip(servers, taken, strict=True)
        for each in _figures(name, word, costs)
    ]


def _first_bytes(server: Server) -> list[float]:
    """How late each of some first bytes was, in milliseconds."""
    with ExitStack() as stack:
        late = []
        for _ in range(ASKED):
            # NOTE: a connection for each, because the last one's answer is not over yet.
            connection = stack.enter_context(closing(HTTPConnection(HOST, server.port, timeout=60)))
            connection.request("GET", "/invoices/now", headers=_HEADERS)
            answer = connection.getresponse()
            written = answer.read1(64)
            late.append((time.monotonic_ns() - _time(answer.status, written)) / 1e6)
        return late


def _time(status: int, written: bytes) -> int:
    if status != 200 or not written.isdigit():
        raise Unmeasured(f"the answer with the time was answered {status}: {written[:200]!r}")
    return int(written)


def _up(server: Server, size: int) -> Cost:
    return upload(server, "/invoices/up", _HEADERS, size)


def _down(server: Server, size: int) -> Cost:
    return download(server, f"/invoices/bytes/{size}", _HEADERS, size)


def _figures(name: str, word: str, costs: Sequence[Cost]) -> Iterator[Figure]:
    label = f"passed {word} by {PROXIES[name][0]}"
    yield figure(f"gateway-{word}-{name}", label, "MB a CPU second", [each.by_cpu for each in costs])
    aim = FLAT_MEMORY_AIM if name == FULL else None
    yield figure(f"gateway-{word}-{name}-memory", f"{label}, memory", "MiB", [each.grown for each in costs], aim)
