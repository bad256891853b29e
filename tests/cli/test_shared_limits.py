"""Limits across the worker processes of one server: each holds for all of them together."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from crossbar.passwords import wire_credentials

from .conftest import Live, ended, started

SIZE = 60
VARIABLES = {
    "CROSSBAR__RATE__ENABLED": "true",
    "CROSSBAR__RATE__SIZE": str(SIZE),
    "CROSSBAR__RATE__REFILL": "1",
    "CROSSBAR__RATE__PER": "day",
}
RIGHT, _ = wire_credentials("admin", "crossbar")


@pytest.fixture
def folder(tmp_path: Path, demo_file: Path) -> Path:
    """A folder with demo data in it."""
    shutil.copy(demo_file, tmp_path / "demo.db")
    return tmp_path


def served(folder: Path, **variables: str) -> Iterator[Live]:
    """A server with two workers, and the folder of its sockets in ours."""
    admin = folder / "admin"
    variables |= {"CROSSBAR__SERVER__ADMIN": str(admin)}
    live = started(folder, "--store", "sqlite:///demo.db", "--workers", "2", **variables)
    try:
        deadline = time.monotonic() + 30
        while len(list(admin.glob("*.sock"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        yield live
    finally:
        ended(live)


@pytest.fixture
def counting(folder: Path) -> Iterator[Live]:
    """A server whose buckets hold sixty tokens, and fill next month."""
    yield from served(folder, **VARIABLES)


@pytest.fixture
def not_counting(folder: Path) -> Iterator[Live]:
    """A server that counts failed logins only."""
    yield from served(folder)


def ask(live: Live, method: str, path: str, data: Any = None, token: str = "") -> tuple[int, dict[str, str], Any]:
    """A request over a connection of its own, which any of the workers may take: status, fields, envelope."""
    connection = HTTPConnection(urlsplit(live.url).netloc, timeout=30)
    try:
        body = orjson.dumps({"data": data}) if data is not None else None
        headers = {"content-type": "application/json"} | ({"x-auth-token": token} if token else {})
        connection.request(method, f"/v2{path}", body, headers)
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return response.status, fields, orjson.loads(response.read())
    finally:
        connection.close()


def logged_in(live: Live) -> tuple[str, str]:
    """A token, and the path of the account."""
    status, _, envelope = ask(live, "PUT", "/user_auth", {"credentials": RIGHT, "account_name": "demo"})
    assert 201 == status
    return envelope["auth_token"], f"/accounts/{envelope['data']['account_id']}"


def loaded(live: Live, token: str, path: str, each: int) -> Counter[int]:
    """How often which status came, of so many requests by each of four threads at once."""
    found: Counter[int] = Counter()

    def run() -> None:
        for _ in range(each):
            try:
                found[ask(live, "GET", path, token=token)[0]] += 1
            except OSError:  # the worker was killed
                found[0] += 1

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_two_workers_admit_what_one_would(counting: Live) -> None:
    """Sixty of two hundred, whoever takes the connections; then the answers say when to come back."""
    token, path = logged_in(counting)
    assert Counter({200: SIZE, 429: 200 - SIZE}) == loaded(counting, token, path, 50)
    status, fields, envelope = ask(counting, "GET", path, token=token)
    assert (429, 0) == (status, envelope["tokens"]["remaining"])
    assert 86_000 < int(fields["retry-after"]) <= 86_400


def test_a_worker_that_is_killed(counting: Live, folder: Path) -> None:
    """What was taken stays taken, and the worker that comes in its place counts on."""
    token, path = logged_in(counting)
    before = loaded(counting, token, path, 10)
    victim = int(next((folder / "admin").glob("*.sock")).stem)
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        alive = {int(each.stem) for each in (folder / "admin").glob("*.sock")} - {victim}
        if len(alive) == 2:
            break
        time.sleep(0.05)
    after = loaded(counting, token, path, 30)
    assert SIZE - after[0] - before[0] <= before[200] + after[200] <= SIZE
    assert after[429] > 0


def test_failed_logins_count_together(not_counting: Live) -> None:
    """The eleventh is refused, whichever worker it meets, and so is the right password."""
    wrong = {"credentials": "0" * 32, "account_name": "demo"}
    statuses = [ask(not_counting, "PUT", "/user_auth", wrong)[0] for _ in range(12)]
    assert [401] * 10 + [429] * 2 == statuses
    for _ in range(8):
        status, fields, _ = ask(not_counting, "PUT", "/user_auth", {"credentials": RIGHT, "account_name": "demo"})
        assert 429 == status
        assert 0 < int(fields["retry-after"]) <= 900


def test_the_file_is_private_and_goes_with_the_server(counting: Live, folder: Path) -> None:
    """Only the user who runs it may read it, and nothing is left of it."""
    facts = (folder / "admin" / "counts").stat()
    assert (0o600, os.getuid()) == (facts.st_mode & 0o777, facts.st_uid)
    counting.stop(signal.SIGTERM)
    assert not (folder / "admin").exists()
