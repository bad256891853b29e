"""A server in a process of its own, with fresh demo data, for clients that know nothing of us."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ports import kept_free

from .node import INSTALLED, Node, node_or_reason
from .office import Application, Office, Person, office_at

ACCOUNT, USER, PASSWORD = "demo", "admin", "crossbar"


@dataclass(frozen=True, slots=True)
class Live:
    """Where the server is, and how to log in."""

    url: str
    account_id: str
    api_key: str
    account_name: str = ACCOUNT
    username: str = USER
    password: str = PASSWORD
    store: str = ""


def asked(method: str, url: str, data: Any = None, token: str = "") -> dict[str, Any]:
    """The envelope that the server answers with."""
    body = json.dumps({"data": data}).encode() if data is not None else None
    headers = {"Content-Type": "application/json", "X-Auth-Token": token}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=30) as response:
        envelope: dict[str, Any] = json.loads(response.read())
        return envelope


def environment(**settings: str) -> dict[str, str]:
    """The environment of a server, with nothing of ours but these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSBAR")}
    return kept | {f"CROSSBAR__{name.upper()}": value for name, value in settings.items()}


@contextmanager
def served(folder: Path, store: str, **settings: str) -> Iterator[str]:
    """Start a server over a store that is there, and stop it at the end."""
    with kept_free() as port:
        command = [sys.executable, "-m", "crossbar", "run", "--port", str(port), "--store", store]
        log = folder / f"log-{port}"
        with log.open("w") as lines:
            server = subprocess.Popen(command, stdout=lines, stderr=lines, env=environment(**settings))
            url = f"http://127.0.0.1:{port}"
            try:
                deadline = time.monotonic() + 30
                while True:
                    try:
                        asked("GET", f"{url}/livez")
                        break
                    except OSError:
                        assert server.poll() is None, log.read_text()
                        assert time.monotonic() < deadline, log.read_text()
                        time.sleep(0.05)
                yield url
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(30)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Start a server with demo data, and stop it when all tests with clients are done."""
    folder: Path = tmp_path_factory.mktemp("clients")
    store = f"sqlite:///{folder}/demo.db"
    loaded = [sys.executable, "-m", "crossbar", "demo", "--store", store, "--records", "20000"]
    subprocess.run(loaded, check=True, capture_output=True, env=environment(), timeout=120)
    with served(folder, store, rate__enabled="false") as url:  # clients ask as fast as they can
        credentials = hashlib.md5(f"{USER}:{PASSWORD}".encode()).hexdigest()
        login = asked("PUT", f"{url}/v2/user_auth", {"credentials": credentials, "account_name": ACCOUNT})
        account = login["data"]["account_id"]
        key = asked("GET", f"{url}/v2/accounts/{account}/api_key", token=login["auth_token"])["data"]["api_key"]
        yield Live(url, account, key, store=store)


@pytest.fixture(scope="session")
def office(live: Live) -> Office:
    """The people, messages and calls that RingCentral's clients find on the server."""
    return office_at(live.url, live.account_id, live.account_name, live.api_key)


@pytest.fixture(scope="module")
def application(office: Office) -> Application:
    """Give the application that these tests log in by."""
    return office.application()


@pytest.fixture(scope="module")
def ada(office: Office) -> Person:
    """Give the person whom these tests are about."""
    return office.person()


@pytest.fixture(scope="module")
def assertion(office: Office, application: Application, ada: Person) -> str:
    """Give the credential by which programs log in for them."""
    return office.assertion(ada, application)


@pytest.fixture(scope="module")
def ringcentral() -> Iterator[Any]:
    """Import the package, which lives in a folder of its own: it asks for an older websockets than we do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(INSTALLED / "python")])
        yield pytest.importorskip("ringcentral", reason="ringcentral is not installed: scripts/clients does it")


@pytest.fixture(scope="session")
def throttled(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A second server over the same store, which answers one light request a second; the other limits are the usual."""
    groups = '{ ringcentral_light = { size = 1, refill = 1, per = "second" } }'
    folder = tmp_path_factory.mktemp("throttled")
    with served(folder, live.store, rate__enabled="true", rate__groups=groups) as url:
        yield url


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """Node with its client packages; skip where one of both is not to be had."""
    made = node_or_reason()
    if isinstance(made, str):
        pytest.skip(made)
    with made:
        yield made
