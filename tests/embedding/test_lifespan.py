"""The life of an application in a host: opened by it or by the first request, closed, opened again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from crossbar import Answer, Context, Crossbar, Endpoint, Kind
from crossbar.errors import CrossbarError, StoreUnavailable
from crossbar.stores.memory import MemoryStore
from crossbar.testing import Client, SocketRefused, make_store
from crossbar.testing.lifespan import living

from .endpoints import made, until
from .hosts import Host


class Counted(MemoryStore):
    """A store that counts how often it was opened and closed; opening takes a while, and fails if there is a fault."""

    def __init__(self, fault: Exception | None = None) -> None:
        super().__init__()
        self.fault = fault
        self.begun = self.opened = self.closed = 0

    async def open(self, kinds: Iterable[Kind]) -> None:
        """Let others run before it is open."""
        self.begun += 1
        await asyncio.sleep(0.01)
        if self.fault is not None:
            raise self.fault
        self.opened += 1
        await super().open(kinds)

    async def close(self) -> None:
        """Count."""
        self.closed += 1


class Holding(Endpoint):
    """An endpoint that holds something for as long as the application lives."""

    name = "holdings"
    anywhere = True

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.entered = self.left = 0

    @asynccontextmanager
    async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
        """Hold it."""
        if self.faults:
            raise self.faults.pop(0)
        self.entered += 1
        try:
            yield
        finally:
            self.left += 1

    async def find(self, ctx: Context) -> Answer:
        """How often it was held, and let go."""
        return [self.entered, self.left]


def client_of(app: Any, prefix: str = "/api/v2") -> Client[Any]:
    """A client of a host whose application is below `/api`."""
    return Client(app, prefix=prefix)


# By the host.


async def test_the_host_opens_and_closes(host: Host) -> None:
    """An application whose lifespan the host enters is open before the first request, and closed after the last."""
    store = Counted()
    app = host({"/api": made(store=store)})
    async with living(app):
        assert (1, 0) == (store.opened, store.closed)
        assert 200 == (await client_of(app).get("/things")).status
    assert (1, 1) == (store.opened, store.closed)


async def test_a_host_that_cannot_start(host: Host) -> None:
    """What keeps the application from starting keeps the host from it, and is told."""
    app = host({"/api": made(store=Counted(StoreUnavailable("the disk is on fire")))})
    with pytest.raises(CrossbarError, match="the disk is on fire"):
        async with living(app):
            pass


async def test_again_with_the_host(host: Host) -> None:
    """A host may be started again after it was stopped."""
    holding = Holding()
    app = host({"/api": made(holding)})
    for times in (1, 2):
        async with living(app):
            assert [times, times - 1] == (await client_of(app).get("/holdings")).data


# By the first request.


async def test_the_first_request_opens(host: Host) -> None:
    """Without a lifespan the first request opens the application, however many come at once, and once only."""
    store = Counted()
    app = host({"/api": made(store=store)}, living=False)
    client = client_of(app)
    statuses = {response.status for response in await asyncio.gather(*[client.get("/things") for _ in range(20)])}
    assert ({200}, 1, 0) == (statuses, store.opened, store.closed)


async def test_readiness_opens(host: Host) -> None:
    """An application that nobody is sent to before it is ready gets ready when it is asked."""
    store = Counted()
    client = client_of(host({"/api": made(store=store)}, living=False), "/api")
    assert (200, 0) == ((await client.get("/livez")).status, store.opened)
    assert (200, 1) == ((await client.get("/readyz")).status, store.opened)


async def test_a_store_that_is_away(host: Host) -> None:
    """A first request that cannot be served is told so in the envelope, and the next one tries again."""
    store = Counted(StoreUnavailable("away"))
    client = client_of(host({"/api": made(store=store)}, living=False))
    assert (503, "datastore_unreachable") == ((refused := await client.get("/things")).status, refused.word)
    assert (200, 503) == ((await client.get("//api/livez")).status, (await client.get("//api/readyz")).status)
    store.fault = None
    assert 200 == (await client.get("/things")).status


async def test_a_start_that_crashes(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """A fault that nobody expected is a 500 in the envelope, and in the log."""
    store = Counted(RuntimeError("whoops"))
    client = client_of(host({"/api": made(store=store)}, living=False))
    refused = await client.get("/things")
    assert (500, "unspecified_fault", True) == (refused.status, refused.word, "whoops" in caplog.text)
    store.fault = None
    assert 200 == (await client.get("/things")).status


async def test_a_websocket_that_comes_first(host: Host) -> None:
    """A WebSocket opens the application as well."""
    async with client_of(host({"/api": made()}, living=False)).socket("/ticks") as socket:
        assert "anybody" == (await socket.receive_json())["user"]


async def test_a_websocket_that_comes_first_and_in_vain(host: Host) -> None:
    """If the application cannot be opened, the WebSocket is refused in the form of any other error."""
    app = made(store=Counted(StoreUnavailable("away")), authenticators=[])
    client = client_of(host({"/api": app}, living=False))
    client.token = "whatever"
    with pytest.raises(SocketRefused) as error:
        async with client.socket("/ticks"):
            pass
    assert (503, "datastore_unreachable") == (error.value.response.status, error.value.response.word)


async def test_a_first_request_that_is_given_up(host: Host) -> None:
    """If the client of the first request has gone before the application is open, the next one opens it."""
    store = Counted()
    client = client_of(host({"/api": made(store=store)}, living=False))
    first = asyncio.ensure_future(client.get("/things"))
    await until(lambda: store.begun == 1)
    second = asyncio.ensure_future(client.get("/things"))
    first.cancel()
    assert (200, 2, 1) == ((await second).status, store.begun, store.opened)


async def test_an_endpoint_that_cannot_start(host: Host) -> None:
    """An endpoint that fails to start is out of order from the very first request."""
    client = client_of(host({"/api": made(Holding(RuntimeError("no")))}, living=False))
    assert [503, 503, 200] == [(await client.get(path)).status for path in ("/holdings", "/holdings", "/things")]


# Stopped, and started again.


async def test_stopped_and_started(tmp_path: Path) -> None:
    """After a stop and a start everything is as it was, and what was stored is there."""
    holding = Holding()
    app = made(holding, store=make_store("sqlite", tmp_path))
    client = Client(app)
    await client.create("notes", body={"text": "kept"})
    await app.stop()
    await app.stop()
    await app.start()
    await app.start()
    assert ([2, 1], ["kept"]) == (
        (await client.get("/holdings")).data,
        [note["text"] for note in await client.every("notes")],
    )
    await app.stop()


async def test_a_stop_waits_for_a_start() -> None:
    """Whoever stops an application that is just starting leaves nothing open."""
    store = Counted()
    app = made(store=store)
    starting = asyncio.ensure_future(app.start())
    await asyncio.sleep(0)
    await app.stop()
    await starting
    assert (1, 1) == (store.opened, store.closed)


async def test_a_request_after_the_stop() -> None:
    """A request that comes after the stop opens the application again, as a first one does."""
    store = Counted()
    app = made(store=store)
    async with app.lifespan():
        pass
    assert (200, 2) == ((await Client(app).get("/things")).status, store.opened)
