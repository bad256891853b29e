"""A long export from a server in a process of its own: all rows come, and its memory stays as it was."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from crossbar.demo import DEMO_ACCOUNT, DEMO_PASSWORD, DEMO_USER, load_recipe

from .conftest import NONE, Live, ended, filled, started

RECORDS = 100_000  # 89 MB of JSON
MOST = 40.0
"""MiB that the server may grow by: what SQLite keeps of the file, and pieces on their way; usually it is about 12."""

STATUS = Path("/proc/self/status")
pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="the kernel does not tell how much memory a process has")


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, dict[str, str], str]]:
    """Give a server with many call records, the token of who may read them, and where they are."""
    folder = tmp_path_factory.mktemp("exports")
    few = {"users": 3, "devices": 4, "callflows": 12}
    filled(
        folder / "calls.db", load_recipe(records=RECORDS, master=few, resellers=NONE, customers=NONE, departments=NONE)
    )
    live = started(folder, "--store", "sqlite:///calls.db")
    try:
        credentials = md5(f"{DEMO_USER}:{DEMO_PASSWORD}".encode()).hexdigest()
        login = {"data": {"credentials": credentials, "account_name": DEMO_ACCOUNT}}
        request = Request(f"{live.url}/v2/user_auth", json.dumps(login).encode(), method="PUT")
        with urlopen(request, timeout=10) as response:
            told = json.load(response)
        yield live, {"x-auth-token": told["auth_token"]}, f"{live.url}/v2/accounts/{told['data']['account_id']}/cdrs"
    finally:
        ended(live)


def memory(live: Live, what: str) -> float:
    """Give a figure of the kernel for the server, in MiB."""
    for line in Path(f"/proc/{live.process.pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    raise AssertionError(what)


def json_rows(body: bytes) -> int:
    """Count the rows of an envelope that says that all of them are there."""
    told: dict[str, Any] = json.loads(body)
    assert "success" == told["status"]
    return len(told["data"])


def csv_rows(body: bytes) -> int:
    """Count the rows below the header line."""
    header, *rows = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
    assert {len(header)} == {len(row) for row in rows}
    return len(rows)


FORMS: dict[str, tuple[str, str, Callable[[bytes], int]]] = {
    "json": ("application/json", "?paginate=false", json_rows),
    "json in small pieces": ("application/json", "?paginate=false&is_chunked=true", json_rows),
    "ndjson": ("application/x-ndjson", "", lambda body: body.count(b"\n")),
    "csv": ("text/csv", "", csv_rows),
}


@pytest.mark.parametrize(("accept", "query", "count"), FORMS.values(), ids=FORMS)
def test_memory_is_flat(
    calls: tuple[Live, dict[str, str], str],
    accept: str,
    query: str,
    count: Callable[[bytes], int],
) -> None:
    """Whatever the form, the server holds a few pieces and not the listing."""
    live, token, url = calls
    with urlopen(Request(url, headers=token), timeout=10) as response:
        assert response.read()
    idle = memory(live, "VmRSS")
    Path(f"/proc/{live.process.pid}/clear_refs").write_text("5")  # the peak begins anew
    with urlopen(Request(url + query, headers=token | {"accept": accept}), timeout=60) as response:
        assert RECORDS == count(response.read())
    grown = memory(live, "VmHWM") - idle
    print(f"{grown:.1f} MiB over idle")
    assert grown < MOST
