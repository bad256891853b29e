"""Sessions: an application in a thread of its own, for tests that are plain functions, as these are."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from crossbar import Context, Crossbar, Endpoint, StoreUnavailable
from crossbar.errors import CrossbarError
from crossbar.response import Message, Receive, Send
from crossbar.testing import (
    RunningWorld,
    Session,
    SocketClosed,
    SocketRefused,
    make_app,
    make_store,
    running_world,
    session,
)

from .apps import Scope, mirror
from .test_stream import Counting
from .test_websocket import Echo


@pytest.fixture(scope="module")
def world() -> Iterator[RunningWorld]:
    """Give a world that runs."""
    with running_world() as world:
        yield world


@pytest.fixture
def client(world: RunningWorld) -> Session:
    """Give a client of the customer's."""
    return world.client()


def until(true: Callable[[], bool]) -> None:
    """Wait for a condition, which is an error if it takes more than some seconds."""
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "it has not come true"
        time.sleep(0.001)


# What a client can do.


def test_verbs(client: Session) -> None:
    """Verbs and paths, without `await`."""
    id = client.put("/account/devices", {"name": "Desk"}).data["id"]
    path = f"/account/devices/{id}"
    statuses = [
        client.get(path).status,
        client.post(path, {"name": "Door"}).status,
        client.patch(path, {"note": "x"}).status,
        client.delete(path).status,
        client.request("OPTIONS", path).status,
    ]
    assert [200, 200, 200, 200, 204] == statuses


def test_operations(client: Session) -> None:
    """Operations on nouns, without `await`."""
    users = [client.create("account", "users", body={"first_name": n, "last_name": n}).document for n in "abcde"]
    user = ("users", users[0]["id"])
    assert "A" == client.patch("account", user, body={"first_name": "A"}).document["first_name"]
    assert "B" == client.replace("account", user, body={"first_name": "B", "last_name": "b"}).document["first_name"]
    assert "B" == client.read("account", user).document["first_name"]
    assert 2 == len(client.find("account", "users", page_size=2).documents)
    assert [2, 2, 2] == [len(page.documents) for page in client.pages("account", "users", page_size=2)]
    assert {user["id"] for user in users} < {row["id"] for row in client.every("account", "users", page_size=2)}
    assert 200 == client.delete("account", user).status


def test_half_of_the_pages(client: Session) -> None:
    """Nobody has to follow the pages to the end."""
    for number in range(3):
        client.create("account", "menus", body={"name": f"Menu {number}"})
    for page in client.pages("account", "menus", page_size=1):
        assert 1 == len(page.documents)
        break


def test_logging_in(world: RunningWorld) -> None:
    """Who logs in is known from then on; who has not is not."""
    client = world.client(None)
    assert 401 == client.read("account").status
    client.login("stranger", "admin", "crossbar")
    assert world.stranger == client.read("account").document["id"]


def test_several_clients(world: RunningWorld) -> None:
    """Clients of several accounts share one application."""
    stranger, reseller = world.client("stranger"), world.client("reseller")
    nouns = (("accounts", world.customer), "devices")
    assert (404, 200) == (stranger.find(*nouns).status, reseller.find(*nouns).status)


def test_what_lies_in_the_store(world: RunningWorld, client: Session) -> None:
    """A coroutine can be run where the application runs."""
    made = client.create("account", "lists", body={"name": "Friends"}).document
    kept = world.run(world.app.store.get(world.customer, "lists", made["id"]))
    assert kept is not None
    assert made == kept.data()


# Streams and sockets.


def test_a_stream() -> None:
    """A response is read while it comes, piece by piece, up to a size or a mark."""
    app = Counting()
    with session(app) as client, client.stream("GET", "/count") as response:
        assert (200, "0") == (response.status, response.headers["x-first"])
        assert (b"0,1,", b"2,3", b",") == (response.read(stop_after=4), response.until(b"3"), next(iter(response)))
    assert app.told


def test_the_end_of_a_stream() -> None:
    """A stream that ends has that many pieces."""
    with session(Counting(2)) as client, client.stream("GET", "/count") as response:
        assert [b"0,", b"1,", b"end"] == list(response)


def test_a_socket() -> None:
    """A WebSocket can be talked to, and tells why it was closed."""
    with session(Echo()) as client, client.socket("/echo", subprotocols=("one",)) as socket:
        assert ("one", "1") == (socket.subprotocol, socket.headers["x-echo"])
        socket.send_text("a")
        socket.send_bytes(b"b")
        socket.send_json({"c": 1})
        assert ("a", b"b", {"c": 1}) == (socket.receive_text(), socket.receive_bytes(), socket.receive_json())
        socket.send_text("bye")
        with pytest.raises(SocketClosed):
            socket.receive_text()


def test_closing_a_socket() -> None:
    """A WebSocket can be closed with a code."""
    app = Echo()
    with session(app) as client, client.socket("/echo") as socket:
        socket.close(4000)
    assert 4000 == app.last["code"]


def test_a_socket_that_is_refused(client: Session) -> None:
    """A WebSocket that is refused is an error with the status."""
    with pytest.raises(SocketRefused) as refused, client.socket("/account/devices"):
        pytest.fail("there is no connection")
    assert refused.value.response.status >= 400


# The life of a session.


class Pulse(Endpoint):
    """An endpoint that has something to do all the time."""

    name = "pulse"

    def __init__(self) -> None:
        self.beats = 0
        self.stopped = False

    @asynccontextmanager
    async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
        """Beat while the application runs."""
        task = asyncio.create_task(self._beat())
        yield
        task.cancel()
        await asyncio.wait({task})
        self.stopped = True

    async def _beat(self) -> None:
        while True:
            self.beats += 1
            await asyncio.sleep(0.001)

    async def find(self, ctx: Context) -> int:
        """How often it has beaten."""
        return self.beats


def test_what_goes_on_between_the_calls() -> None:
    """The application's own tasks go on while the test does something else, and end with the session."""
    pulse = Pulse()
    with session(endpoints=[pulse]) as client:
        before = client.get("/account/pulse").data
        until(lambda: pulse.beats > before + 3)
        assert not pulse.stopped
    assert pulse.stopped


def test_nothing_is_left(tmp_path: Path) -> None:
    """A session leaves no thread, no loop and no unfinished task."""
    threads = set(threading.enumerate())

    async def forgotten() -> None:
        asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="forgotten")

    with session(store=make_store("sqlite", tmp_path)) as client:
        loop = client.run(_loop())
        client.run(forgotten())
        assert 201 == client.create("account", "devices", body={"name": "Desk"}).status
        assert threads < set(threading.enumerate())
    until(lambda: set(threading.enumerate()) <= threads)
    assert loop.is_closed()
    gc.collect()


async def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_several_sessions() -> None:
    """Several applications run at once, each on a loop of its own."""
    with session() as one, session() as other:
        one.create("account", "devices", body={"name": "Desk"})
        assert (1, 0) == (len(one.every("account", "devices")), len(other.every("account", "devices")))


def test_a_session_that_is_over() -> None:
    """After its end, a session says so."""
    with session() as client:
        pass
    with pytest.raises(CrossbarError, match="the session is over"):
        client.get("/account")


def test_waiting_for_oneself() -> None:
    """Who runs on the loop of the application is told to use `await`, and does not wait for ever."""
    with session() as client:

        async def asked() -> None:
            client.get("/account")

        with pytest.raises(CrossbarError, match="use `await` here"):
            client.run(asked())


def test_an_application_that_cannot_start() -> None:
    """What keeps an application from starting reaches the test, and no thread is left."""

    class Failing(Pulse):
        @asynccontextmanager
        async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
            raise StoreUnavailable("the switch is away")
            yield

    threads = set(threading.enumerate())
    with pytest.raises(StoreUnavailable, match="the switch is away"), session(endpoints=[Failing()]):
        pytest.fail("it has started")
    assert threads == set(threading.enumerate())


def test_an_application_that_cannot_stop() -> None:
    """What goes wrong when an application stops reaches the test."""

    class Failing(Pulse):
        @asynccontextmanager
        async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
            yield
            raise LookupError("the switch is away")

    with pytest.raises(LookupError, match="the switch is away"), session(endpoints=[Failing()]):
        pass


def test_an_application_that_does_not_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that takes too long to stop is an error, not a test that hangs."""
    monkeypatch.setattr("crossbar.testing.thread.GRACE", 0.01)
    released = threading.Event()

    class Slow(Pulse):
        @asynccontextmanager
        async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
            yield
            await asyncio.to_thread(released.wait)

    threads = set(threading.enumerate())
    with pytest.raises(CrossbarError, match=r"not stopped after 0\.01 seconds"), session(endpoints=[Slow()]):
        pass
    released.set()
    until(lambda: set(threading.enumerate()) <= threads)


# Any application.


def test_an_application_that_is_there() -> None:
    """A Crossbar that is given is started and stopped, and nothing is put into its store."""
    app = make_app()
    with session(app) as client:
        assert 401 == client.read("account").status
        assert client.client.app is app
        assert None is client.run(app.store.get("", "accounts", "c0" * 16))


def test_options_for_an_application_that_is_there() -> None:
    """What makes an application is refused where one is given."""
    with pytest.raises(TypeError, match="endpoints: these make an application"), session(mirror, endpoints=[]):
        pytest.fail("it was taken")


def host(events: list[str], *, fails_at: str = "") -> Starlette:
    """Give an application of another make, with a Crossbar in it and a life of its own."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        for event in ("startup", "shutdown"):
            events.append(event)
            if fails_at == event:
                raise LookupError("the switch is away")
            if event == "startup":
                yield

    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"hello {events}")

    return Starlette(routes=[Route("/hello", hello), Mount("/api", make_app())], lifespan=lifespan)


def test_a_host() -> None:
    """An application of another make is started and stopped too, and what is mounted in it answers."""
    events: list[str] = []
    with session(host(events), prefix="") as client:
        assert "hello ['startup']" == client.get("/hello").text
        assert "invalid_credentials" == client.get("/api/v2/about").word
    assert ["startup", "shutdown"] == events


@pytest.mark.parametrize("event", ["startup", "shutdown"])
def test_a_host_that_fails(event: str) -> None:
    """A host that cannot start or stop is an error that says why."""
    with pytest.raises(CrossbarError, match=f"(?s){event} of the application failed: .*the switch is away"):
        _live(host([], fails_at=event))


def _live(app: Any) -> None:
    with session(app, prefix="") as client:
        assert 200 == client.get("/hello").status


def test_an_application_without_a_lifespan() -> None:
    """An application that raises when it is asked to start, or just ends, knows no lifespan, and serves all the same."""

    async def ending(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await mirror(scope, receive, send)

    async def raising(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await mirror(scope, receive, send)

    for app in (ending, raising):
        with session(app) as client:
            assert 200 == client.get("/").status


def test_an_application_that_crashes_when_it_stops() -> None:
    """An application that crashes instead of answering that it has stopped is an error."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message: Message = {}
        while message.get("type") != "lifespan.shutdown":
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
        raise LookupError("the switch is away")

    with pytest.raises(CrossbarError, match="shutdown of the application failed: the switch is away"), session(app):
        pass
