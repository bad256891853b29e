"""`Idempotency-Key` on a real server: worker processes that share a file, connections that are cut, a killed server."""

from __future__ import annotations

import json
import random
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crossbar.passwords import wire_credentials

from .conftest import Live, ended, started

CREATES = 200
Start = Callable[..., Live]


@pytest.fixture
def start(tmp_path: Path, demo_copy: Path) -> Iterator[Start]:
    """Give a function that starts a server on one copy of the demo data, with so many workers."""
    config = tmp_path / "crossbar.toml"
    config.write_text('[server]\nadmin = "off"\n[rate]\nenabled = false\n[auth]\nlogin_failures = 0\n')
    running: list[Live] = []

    def starting(workers: int = 1) -> Live:
        options = ("--config", str(config), "--store", f"sqlite:///{demo_copy}", "--workers", str(workers))
        running.append(started(tmp_path, *options))
        return running[-1]

    yield starting
    for live in running:
        ended(live)


def asked(live: Live, method: str, path: str, data: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Give the status and the envelope of the answer to one request, on a connection of its own."""
    connection = HTTPConnection(urlsplit(live.url).netloc, timeout=20)
    try:
        body = None if data is None else json.dumps({"data": data})
        connection.request(method, f"/v2{path}", body, {"content-type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def token_of(live: Live) -> str:
    """Log in as the administrator of the demo account."""
    credentials = wire_credentials("admin", "crossbar")[0]
    status, envelope = asked(live, "PUT", "/user_auth", {"credentials": credentials, "account_name": "demo"})
    assert 201 == status, envelope
    return str(envelope["auth_token"])


def numbered(live: Live, token: str) -> list[int]:
    """Give the numbers of the menus that tests have made, in order."""
    _, envelope = asked(
        live, "GET", "/account/menus?page_size=1000&full_docs=true&has_key=number", **{"x-auth-token": token}
    )
    return sorted(row["number"] for row in envelope["data"])


def test_duplicates_in_two_processes(start: Start) -> None:
    """Fifty at once over both workers: one document, and fifty answers that say the same."""
    live = start(2)
    headers = {"x-auth-token": token_of(live), "idempotency-key": '"fifty"'}
    menu = {"name": "Menu", "number": 1}
    with ThreadPoolExecutor(25) as threads:
        asking = [threads.submit(asked, live, "PUT", "/account/menus", menu, **headers) for _ in range(50)]
        answers = [future.result() for future in asking]
    said = {json.dumps([status, envelope["data"], envelope["revision"]]) for status, envelope in answers}
    assert (1, 201, [1]) == (len(said), answers[0][0], numbered(live, headers["x-auth-token"]))
    assert 50 == len({envelope["request_id"] for _, envelope in answers})


def cut(live: Live, request: bytes, sent: int, read: int) -> None:
    """Send the first bytes of a request, read the first of its response, and hang up with a reset."""
    host, port = urlsplit(live.url).netloc.split(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(request[:sent])
        if read:
            connection.recv(read)


def test_connections_that_are_cut(start: Start) -> None:
    """Each create is cut at random bytes of request and response, and sent again until it is answered."""
    live, chance = start(), random.Random(4)
    token = token_of(live)

    def create(number: int) -> int:
        headers = {"x-auth-token": token, "idempotency-key": f"create-{number}", "content-type": "application/json"}
        body = json.dumps({"data": {"name": f"Menu {number}", "number": number}}).encode()
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"PUT /v2/account/menus HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n{fields}\r\n".encode()
        for _ in range(chance.randrange(4)):
            cut(live, head + body, chance.randrange(len(head + body)), 0)
        cut(live, head + body, len(head + body), chance.randrange(300))
        return asked(live, "PUT", "/account/menus", {"name": f"Menu {number}", "number": number}, **headers)[0]

    with ThreadPoolExecutor(8) as threads:
        assert [201] * CREATES == [*threads.map(create, range(CREATES))]
    assert [*range(CREATES)] == numbered(live, token)


def test_a_server_that_is_killed(start: Start) -> None:
    """Creates that were under way when the server was killed are sent again to the next one, and happen once each."""
    live = start()
    token = token_of(live)

    def create(number: int) -> int:
        headers = {"x-auth-token": token, "idempotency-key": f"create-{number}"}
        try:
            return asked(live, "PUT", "/account/menus", {"name": f"Menu {number}", "number": number}, **headers)[0]
        except (OSError, HTTPException):
            return 0

    with ThreadPoolExecutor(16) as threads:
        creating = [threads.submit(create, number) for number in range(CREATES)]
        creating[CREATES // 4].result()
        live.process.send_signal(signal.SIGKILL)
        live.process.wait()
        before = [future.result() for future in creating]
    live = start()
    assert (True, {0, 201}) == (before.count(201) < CREATES, {*before})
    with ThreadPoolExecutor(8) as threads:
        assert [201] * CREATES == [*threads.map(create, range(CREATES))]
    assert [*range(CREATES)] == numbered(live, token)
