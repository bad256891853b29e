"""Long listings from a running server: all rows arrive in every form, and its memory stays where it was."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from crossbar import Document
from crossbar.passwords import wire_credentials
from crossbar.stores import Kind
from crossbar.stores.sqlite import SqliteStore

from .conftest import Live, ended, started

ROWS = 60_000
PIECE = 1 << 20
MIB = 1024


async def filled(path: Path) -> None:
    """Put call records into the demo account, some of which no quick way can write."""
    store = SqliteStore(path)
    await store.open([Kind("system")])
    marker = await store.get("", "system", "demo")
    assert marker is not None
    tenant = marker.data()["account_id"]
    await store.open([Kind("cdrs", None, (), ("interaction_id",), ("head",))])

    def record(n: int) -> Document:
        second = 1_700_000_000 + n
        body = {"id": f"202311-{n:08x}", "call_id": f"{n:08x}", "interaction_id": f"{n}", "timestamp": n}
        body |= {"direction": "inbound", "from": "+4912345", "to": f'"{n}",\r\n' if n % 1000 == 0 else "x" * 500}
        return Document(tenant, "cdrs", f"202311-{n:08x}", orjson.dumps(body), second, second)

    await store.load(map(record, range(ROWS)))
    await store.close()


@pytest.fixture(scope="module")
def exporting(tmp_path_factory: pytest.TempPathFactory, demo_file: Path) -> Iterator[Live]:
    """Give a running server with many call records."""
    folder = tmp_path_factory.mktemp("exporting")
    asyncio.run(filled(Path(shutil.copy(demo_file, folder / "demo.db"))))
    live = started(folder, "--demo", "--store", "sqlite:///demo.db")
    yield live
    ended(live)


@pytest.fixture(scope="module")
def token(exporting: Live) -> str:
    """Give a token of the demo account's administrator."""
    return logged_in(exporting)


def logged_in(live: Live) -> str:
    """Log in to the demo account."""
    with closing(connected(live)) as connection:
        credentials = wire_credentials("admin", "crossbar")[0]
        body = json.dumps({"data": {"credentials": credentials, "account_name": "demo"}})
        connection.request("PUT", "/v2/user_auth", body, {"content-type": "application/json"})
        told: str = json.loads(connection.getresponse().read())["auth_token"]
        return told


def connected(live: Live) -> HTTPConnection:
    """Give a connection to a server."""
    where = urlsplit(live.url)
    assert where.hostname is not None
    return HTTPConnection(where.hostname, where.port, timeout=60)


def asked(connection: HTTPConnection, token: str, accept: str) -> HTTPResponse:
    """Ask for all call records."""
    headers = {"x-auth-token": token, "accept": accept}
    connection.request("GET", "/v2/account/cdrs?paginate=false", headers=headers)
    answer = connection.getresponse()
    assert (200, "chunked") == (answer.status, answer.headers["transfer-encoding"])
    return answer


def memory(live: Live, name: str) -> int:
    """Give a figure of the server's memory, in KiB (proc(5))."""
    lines = Path(f"/proc/{live.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def rows_of(accept: str, body: bytes) -> list[str]:
    """Give the ids of the rows in an export."""
    if accept == "text/csv":
        return [row["id"] for row in csv.DictReader(io.StringIO(body.decode(), newline=""), strict=True)]
    rows = orjson.loads(body)["data"] if accept == "application/json" else map(orjson.loads, body.splitlines())
    return [row["id"] for row in rows]


FORMS = ["application/json", "application/x-ndjson", "text/csv"]


@pytest.mark.parametrize("accept", FORMS)
def test_all_rows_arrive(exporting: Live, token: str, accept: str) -> None:
    """Each record is there once, newest first, over a real connection."""
    with closing(connected(exporting)) as connection:
        found = rows_of(accept, asked(connection, token, accept).read())
    demo = [id for id in found if not id.startswith("202311-")]
    assert [f"202311-{n:08x}" for n in reversed(range(ROWS))] == found[len(demo) :]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_memory_stays_flat(exporting: Live, token: str) -> None:
    """An export costs the server no more memory than a few of its pieces, of 30 MiB or more that pass through it."""
    sizes = []
    for accept in ["application/json", *FORMS]:
        before = memory(exporting, "VmRSS")
        Path(f"/proc/{exporting.process.pid}/clear_refs").write_text("5")
        with closing(connected(exporting)) as connection:
            answer, size = asked(connection, token, accept), 0
            while piece := answer.read1(PIECE):
                size += len(piece)
        sizes.append((size > 30 * MIB * 1024, memory(exporting, "VmHWM") - before < 20 * MIB))
    # NOTE: the first export fills the store's cache, which is larger than what is measured here.
    assert [(True, True)] * len(FORMS) == sizes[1:]


@pytest.mark.parametrize("accept", FORMS)
def test_a_reader_that_leaves_or_stops(exporting: Live, token: str, accept: str) -> None:
    """Who stops in the middle, reading or altogether, leaves the server to others, whose exports are complete."""
    with closing(connected(exporting)) as stalled:
        slow = asked(stalled, token, accept)
        slow.read(1000)
        for _ in range(3):
            with closing(connected(exporting)) as connection:
                asked(connection, token, accept).read(100_000)
        with closing(connected(exporting)) as connection:
            assert len(rows_of(accept, asked(connection, token, accept).read())) > ROWS
    assert exporting.process.poll() is None
    assert "Traceback" not in exporting.log.read_text()


def test_a_server_that_stops_leaves_no_export_that_looks_whole(tmp_path: Path, demo_file: Path) -> None:
    """What a killed server has not sent is missed by the client: the transfer has no end."""
    asyncio.run(filled(Path(shutil.copy(demo_file, tmp_path / "demo.db"))))
    live = started(tmp_path, "--demo", "--store", "sqlite:///demo.db")
    with closing(connected(live)) as connection:
        answer = asked(connection, logged_in(live), "text/csv")
        answer.read(1000)
        live.process.kill()
        live.process.wait(10)
        with pytest.raises((IncompleteRead, ConnectionError)):
            answer.read()
    ended(live)
