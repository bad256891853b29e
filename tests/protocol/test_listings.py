"""Streamed listings over a real connection: their frames, their failures, and clients that stop or leave."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from http.client import IncompleteRead
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from crossbar import ANONYMOUS, Context, Crossbar, Endpoint, Principal, Rows, Stream
from crossbar.protocol import limited
from crossbar.stores.memory import MemoryStore
from crossbar.testing import QUICK

from .server import PATIENCE, Served, serving, until
from .sockets import LOOPS

TEXT = "x" * 1000
SIZES = (1, 60, 100, 65, 200)  # rows of a piece, which are a little over 1,000 bytes each
ACCEPTS = pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "text/csv"])


class Heap(Endpoint):
    """Rows without an end, and rows that fail."""

    name = "heap"
    anywhere = True
    provides = ("application/json", "application/x-ndjson", "text/csv")

    def __init__(self) -> None:
        self.given: list[int] = []
        self.closed = threading.Event()

    async def authenticate(self, ctx: Context) -> Principal:
        """Let everybody in."""
        return ANONYMOUS

    async def find(self, ctx: Context) -> Stream:
        """Pieces of several sizes; `fail` says how many, and then they fail, `endless` that there is no end."""
        return Stream(self._pieces(ctx.query))

    async def _pieces(self, query: dict[str, str]) -> AsyncIterator[Rows]:
        given = number = 0
        self.closed.clear()
        try:
            while "endless" in query or given < len(SIZES):
                if str(given) == query.get("fail"):
                    raise LookupError("lost")
                size = SIZES[given % len(SIZES)]
                rows = [json.dumps({"n": number + place, "text": TEXT}) for place in range(size)]
                number += size
                given += 1
                yield Rows(",".join(rows).encode(), size, None, None)
        finally:
            self.given.append(given)
            self.closed.set()


@pytest.fixture(scope="module")
def heap() -> Heap:
    """Give the endpoint of the servers of this module."""
    return Heap()


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def served(request: pytest.FixtureRequest, heap: Heap) -> Iterator[Served]:
    """Serve the endpoint under a watch that looks often."""
    app: Any = Crossbar(QUICK, store=MemoryStore(), endpoints=[heap], bundled=False)
    with serving(app, http=limited(sweep_seconds=0.05), loop=request.param) as found:
        yield found


def ask(served: Served, accept: str, query: str = "") -> bytes:
    """Give the whole body."""
    request = Request(f"http://127.0.0.1:{served.port}/v2/heap?{query}", headers={"accept": accept})
    with urlopen(request, timeout=PATIENCE) as response:
        assert "chunked" == response.headers["transfer-encoding"]
        body: bytes = response.read()
        return body


def opened(served: Served, accept: str) -> socket.socket:
    """Give a connection on which an endless listing has begun."""
    client = served.connect(receive_buffer=4096)
    head = f"GET /v2/heap?endless=1 HTTP/1.1\r\nhost: a.test\r\naccept: {accept}\r\n\r\n"
    client.sendall(head.encode())
    assert b"H" == client.recv(1)
    return client


@ACCEPTS
def test_pieces_of_any_size(served: Served, accept: str) -> None:
    """Small pieces and large ones arrive as they are."""
    body = ask(served, accept)
    if accept == "application/json":
        told = json.loads(body)
        assert ("success", list(range(sum(SIZES)))) == (told["status"], [row["n"] for row in told["data"]])
    else:
        lines = body.splitlines()[1 if accept == "text/csv" else 0 :]
        assert sum(SIZES) == len(lines)
        assert all(TEXT.encode() in line for line in lines)


@pytest.mark.parametrize("pieces", [1, 3, 5])
def test_json_that_fails(served: Served, pieces: int) -> None:
    """The response comes to its end, and says that the listing did not."""
    told = json.loads(ask(served, "application/json", f"fail={pieces}&endless=1"))
    assert ("error", "500", sum(SIZES[:pieces])) == (told["status"], told["error"], len(told["data"]))


@pytest.mark.parametrize("pieces", [1, 3, 5])
@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/csv"])
def test_files_that_fail(served: Served, accept: str, pieces: int) -> None:
    """The final chunk is missing, so that no client takes what came for the whole."""
    with pytest.raises((IncompleteRead, ConnectionResetError)):
        ask(served, accept, f"fail={pieces}&endless=1")


@ACCEPTS
def test_a_client_that_stops_reading(served: Served, heap: Heap, accept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing waits for it, for as long as the wire allows; then the connection ends and the source is closed."""
    with opened(served, accept):
        monkeypatch.setattr(served.connections[0].watch._limits, "write_seconds", 0.5)
        until(heap.closed.is_set)
        assert heap.given[-1] < 500, "the source has run ahead of its client"
    until(lambda: not served.connections)


@ACCEPTS
def test_a_client_that_leaves(served: Served, heap: Heap, accept: str) -> None:
    """The source is closed when its client has gone, and others are served as before."""
    opened(served, accept).close()
    until(heap.closed.is_set)
    until(lambda: not served.connections)
    assert ask(served, accept)


@LOOPS
def test_the_others_have_their_turn(loop: str) -> None:
    """A listing that never waits for anything does not keep the server from answering somebody else."""
    heap = Heap()
    app: Any = Crossbar(QUICK, store=MemoryStore(), endpoints=[heap], bundled=False)
    with serving(app, loop=loop) as served, opened(served, "application/json") as client:
        draining = threading.Thread(target=_drain, args=(client,), daemon=True)
        draining.start()
        try:
            for _ in range(5):
                with urlopen(f"http://127.0.0.1:{served.port}/livez", timeout=PATIENCE) as response:
                    assert 200 == response.status
        except URLError as error:
            raise AssertionError("nobody else was answered") from error
        finally:
            client.shutdown(socket.SHUT_RDWR)
            draining.join(PATIENCE)
        until(heap.closed.is_set)


def _drain(client: socket.socket) -> None:
    """Read as fast as can be."""
    try:
        while client.recv(1 << 20):
            pass
    except OSError:
        pass
