"""The hosts on a real server: the same as in one process, with everything that lies between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import orjson
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from crossbar import Crossbar
from tests.protocol.server import PATIENCE, Served, serving, until

from .endpoints import made, of
from .hosts import Host
from .test_lifespan import Counted


@pytest.fixture
def store() -> Counted:
    """A store that counts."""
    return Counted()


@pytest.fixture
def app(store: Counted) -> Crossbar:
    """The application that is served below `/höhe`."""
    return made(store=store)


@pytest.fixture(params=["", "/proxy"], ids=["no proxy", "behind a proxy"])
def root_path(request: pytest.FixtureRequest) -> str:
    """What the server is told of a proxy."""
    found: str = request.param
    return found


@pytest.fixture
def served(host: Host, app: Crossbar, root_path: str) -> Iterator[Served]:
    """The host, on uvicorn."""
    with serving(
        host({"/höhe": app}), http="auto", ws="auto", lifespan="on", root_path=root_path, loop="asyncio"
    ) as served:
        yield served


def asked(served: Served, method: str, path: str, data: Any = None) -> tuple[HTTPResponse, bytes]:
    """The response to a request, and its body."""
    connection = HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
    try:
        body = None if data is None else orjson.dumps({"data": data})
        connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_requests(served: Served, root_path: str) -> None:
    """A document is made, and found where `Location` says; a token with a slash in it is one token."""
    made, _ = asked(served, "PUT", "/h%C3%B6he/v2/notes", {"text": "hello"})
    location = made.headers["location"]
    assert (201, True) == (made.status, location.startswith(f"{root_path}/h%C3%B6he/v2/notes/"))
    found, body = asked(served, "GET", location.removeprefix(root_path))
    assert (200, "hello") == (found.status, orjson.loads(body)["data"]["text"])
    _, body = asked(served, "GET", "/h%C3%B6he/v2/things/a%2Fb%20c/")
    assert {"id": "a/b c"} == orjson.loads(body)["data"]
    missing, body = asked(served, "GET", "/h%C3%B6he/v2/nothing")
    assert (404, "not_found") == (missing.status, orjson.loads(body)["message"])


def test_many_at_once(served: Served, store: Counted) -> None:
    """Requests side by side are all answered, by an application that was opened once."""
    statuses: list[int] = []

    def ask() -> None:
        statuses.extend(asked(served, "GET", "/h%C3%B6he/v2/things")[0].status for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert ([200] * 40, 1) == (statuses, store.opened)


def test_events(served: Served, app: Crossbar) -> None:
    """Events come while they are made, and are made no more once the client has hung up."""
    connection = HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
    connection.request("GET", "/h%C3%B6he/v2/ticks")
    response = connection.getresponse()
    read = b""
    while read.count(b"tick") < 3:
        read += response.read1()
    assert ("text/event-stream", 1) == (response.headers["content-type"], of(app, "ticks").running)
    response.close()
    connection.close()
    until(lambda: of(app, "ticks").running == 0 and app.registry.active == 0)


def test_websockets(served: Served, app: Crossbar, root_path: str) -> None:
    """A WebSocket is opened, talked over and closed; one that leads nowhere is refused."""
    base = f"ws://127.0.0.1:{served.port}/h%C3%B6he/v2"
    with connect(f"{base}/ticks", open_timeout=PATIENCE) as socket:
        assert {"root": f"{root_path}/h%C3%B6he", "user": "anybody"} == orjson.loads(socket.recv(PATIENCE))
        socket.send("hello")
        assert "HELLO" == socket.recv(PATIENCE)
    until(lambda: app.registry.active == 0)
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{base}/nothing", open_timeout=PATIENCE)
    assert refused.value.response.status_code in (403, 404)


def test_the_end(host: Host, app: Crossbar, store: Counted) -> None:
    """When the server stops, the application is closed."""
    with serving(host({"/höhe": app}), http="auto", ws="auto", lifespan="on") as served:
        assert (200, 1, 0) == (asked(served, "GET", "/h%C3%B6he/v2/things")[0].status, store.opened, store.closed)
    assert (1, 1) == (store.opened, store.closed)
