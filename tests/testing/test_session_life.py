"""The life of a session: what runs beside the test, what is left of it, and what goes wrong at its ends."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from crossbar import Context, Crossbar, Endpoint, Kind
from crossbar.errors import CrossbarError, StoreUnavailable
from crossbar.response import Message, Receive, Send
from crossbar.stores.memory import MemoryStore
from crossbar.testing import make_app, make_store, session

from .apps import Scope, mirror


def until(true: Callable[[], bool]) -> None:
    """Wait for a condition, which is an error if it takes more than some seconds."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it has not come true"
        time.sleep(0.001)


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
        assert set(threading.enumerate()) - threads
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

    class Away(MemoryStore):
        async def open(self, kinds: Iterable[Kind]) -> None:
            raise StoreUnavailable("the disk is away")

    threads = set(threading.enumerate())
    with pytest.raises(StoreUnavailable, match="the disk is away"), session(store=Away()):
        pytest.fail("it has started")
    assert set(threading.enumerate()) <= threads


def test_an_application_that_cannot_stop() -> None:
    """What goes wrong when an application stops reaches the test."""

    class Away(MemoryStore):
        async def close(self) -> None:
            raise StoreUnavailable("the disk is away")

    with pytest.raises(StoreUnavailable, match="the disk is away"), session(store=Away()):
        pass


def test_an_application_that_does_not_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that takes too long to stop is an error, not a test that hangs."""
    monkeypatch.setattr("crossbar.testing.thread.GRACE", 0.01)
    released = threading.Event()

    class Slow(MemoryStore):
        async def close(self) -> None:
            await asyncio.to_thread(released.wait)

    threads = set(threading.enumerate())
    with pytest.raises(CrossbarError, match=r"not stopped after 0\.01 seconds"), session(store=Slow()):
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
    """An application that raises when it is told to start, just ends or talks of something else serves all the same."""

    async def ending(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await mirror(scope, receive, send)

    async def raising(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await mirror(scope, receive, send)

    async def confused(scope: Scope, receive: Receive, send: Send) -> None:
        await mirror(scope | {"method": "", "path": "", "raw_path": b"", "query_string": b""}, receive, send)

    for app in (ending, raising, confused):
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
