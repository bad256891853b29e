"""A server in a process of its own, with fresh demo data, for clients that know nothing of us."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def asked(method: str, url: str, data: Any = None, token: str = "") -> dict[str, Any]:
    """The envelope that the server answers with."""
    body = json.dumps({"data": data}).encode() if data is not None else None
    headers = {"Content-Type": "application/json", "X-Auth-Token": token}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=10) as response:
        envelope: dict[str, Any] = json.loads(response.read())
        return envelope


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Start a server with demo data, and stop it when all tests with clients are done."""
    folder: Path = tmp_path_factory.mktemp("clients")
    # requests, which both clients are made of, would otherwise look for proxies and a .netrc of the user.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CROSSBAR")}
    environment["CROSSBAR__RATE__ENABLED"] = "false"  # they ask as fast as they can
    store = f"sqlite:///{folder}/demo.db"
    command = [sys.executable, "-m", "crossbar"]
    loaded = [*command, "demo", "--store", store, "--records", "20000"]
    subprocess.run(loaded, check=True, capture_output=True, env=environment, timeout=120)
    port = free_port()
    log = (folder / "log").open("w")
    server = subprocess.Popen(
        [*command, "run", "--port", str(port), "--store", store], stdout=log, stderr=log, env=environment
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                asked("GET", f"{url}/livez")
                break
            except OSError:
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
        credentials = hashlib.md5(f"{USER}:{PASSWORD}".encode()).hexdigest()
        login = asked("PUT", f"{url}/v2/user_auth", {"credentials": credentials, "account_name": ACCOUNT})
        account = login["data"]["account_id"]
        key = asked("GET", f"{url}/v2/accounts/{account}/api_key", token=login["auth_token"])["data"]["api_key"]
        yield Live(url, account, key)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(10)
        log.close()
