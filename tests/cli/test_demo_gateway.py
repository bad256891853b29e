"""`crossbar run --gateway`: the demo gateway, tried with the lines that it prints."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import AT_ONCE, Live, ended, started

LAST = " explain GET "
BETWEEN = "----"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, demo_file: Path) -> Iterator[Live]:
    """Give a demo gateway that serves."""
    folder = tmp_path_factory.mktemp("gateway")
    shutil.copy(demo_file, folder / "demo.db")
    live = started(folder, "--demo", "--gateway", "--store", "sqlite:///demo.db")
    yield live
    ended(live)


@pytest.fixture(scope="module")
def said(gateway: Live) -> list[tuple[str, str]]:
    """Give each of the lines behind the server's address, and what it said."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    assert gateway.process.stdout is not None
    text = gateway.greeting
    while LAST not in text:
        line = gateway.process.stdout.readline()
        assert line, text
        text += line
    begin, *lines = [line for line in text.splitlines() if line.startswith(("eval ", "curl ")) or LAST in line]
    script = f"\necho; echo {BETWEEN}\n".join([begin, *lines])
    # A machine that stands still makes targets sick for a while; what is said then is nothing of the demo.
    for _ in range(15):
        pasted = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True, timeout=60)
        if '"no_target"' not in pasted.stdout:
            break
        time.sleep(2)
    _, *parts = pasted.stdout.split(f"\n{BETWEEN}\n")
    assert len(lines) == len(parts)
    return [
        (line.partition(" | ")[0].rpartition(gateway.url)[2].rstrip('"'), part)
        for line, part in zip(lines, parts, strict=True)
    ]


def found(said: list[tuple[str, str]], end: str) -> Any:
    """Give the JSON that was said at a path with this end."""
    [part] = [part for path, part in said if path.endswith(end)]
    return json.loads(part)


def test_an_invoice_comes_in_the_envelope(said: list[tuple[str, str]]) -> None:
    """The service's JSON is the data of the account's noun."""
    answer = found(said, "/invoices/1001")
    assert ("success", "1001", "demo") == (answer["status"], answer["data"]["id"], answer["data"]["customer"])


def test_a_paper_comes_in_parts(said: list[tuple[str, str]]) -> None:
    """The more specific route leaves the bytes alone."""
    assert ["%PDF-1.4"] == [part.strip() for path, part in said if "/pdf" in path]


def test_the_dashboard_is_made_of_both(said: list[tuple[str, str]]) -> None:
    """What the service says stands beside what the module says."""
    answer = found(said, "/dashboard")
    assert {"invoices", "devices"} == set(answer["data"])
    assert ["1012", "1011", "1010"] == [each["id"] for each in answer["data"]["invoices"]]
    assert all(each["id"] for each in answer["data"]["devices"])
    assert answer["data"]["devices"]


def test_the_echo_was_called_by_a_gateway(said: list[tuple[str, str]]) -> None:
    """The body came through, and fields say what it came through."""
    answer = found(said, "/echo/say")
    assert ("POST", "/say", "hello") == (answer["method"], answer["path"], answer["body"])
    assert {"via", "traceparent", "x-forwarded-for", "x-request-id"} <= {name for name, _ in answer["headers"]}


def test_events_come_through(said: list[tuple[str, str]]) -> None:
    """All of them, as they were sent."""
    [events] = [part for path, part in said if "/events" in path]
    assert [f"data: tick {number}" for number in (1, 2, 3)] == [
        line for line in events.splitlines() if line.startswith("data")
    ]


def test_a_key_opens_the_reports(said: list[tuple[str, str]]) -> None:
    """A caller with the key sees them, another one is told what to do."""
    answers = [json.loads(part) for path, part in said if "/reports/" in path]
    assert [62, 401] == [len(answers[0]), answers[1]["status"]]


def test_it_tells_of_itself(said: list[tuple[str, str]]) -> None:
    """Metrics have the routes that were taken, and explain knows the route."""
    [metrics] = [part for path, part in said if path.endswith("/metrics")]
    assert 'http_route="invoices"' in metrics
    assert any("invoices" in part for path, part in said if LAST in path)


def test_each_request_is_a_line_of_json(gateway: Live, said: list[tuple[str, str]]) -> None:
    """The log says which upstream was called."""
    assert said
    assert gateway.stop(signal.SIGTERM) < AT_ONCE
    lines = [json.loads(line) for line in gateway.log.read_text().splitlines() if line.startswith("{")]
    assert {"billing", "echo"} <= {line.get("upstream") for line in lines}
