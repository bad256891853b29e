"""Exceptions: those that the host wants to see pass through to it, all others are answered in the envelope."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from litestar.exceptions import LitestarException

from crossbar import Answer, Context, Crossbar, Endpoint, after, before
from crossbar.settings import Auth, Limits, Settings
from crossbar.testing import Client

from .endpoints import made, of, until
from .hosts import Host, Wanted

BRIEF = Settings(auth=Auth(hash_memory=8), limits=Limits(handler_seconds=1))


def client_of(host: Host, app: Crossbar) -> Client[Any]:
    """A client of an application below `/api`."""
    return Client(host({"/api": app}, living=False), prefix="/api/v2")


class Hooked(Endpoint):
    """An endpoint that hooks are told of."""

    name = "hooked"
    anywhere = True

    async def find(self, ctx: Context) -> Answer:
        """Be fine."""
        return {"fine": True}

    async def read(self, ctx: Context, id: str) -> Answer:
        """Be fine, too."""
        return {"fine": id}


@before("hooked.find")
async def first(ctx: Context) -> None:
    """Raise before the operation."""
    raise Wanted


@after("hooked.read")
async def last(ctx: Context, reply: Any) -> None:
    """Raise after it."""
    raise Wanted


class Guarded(Endpoint):
    """An endpoint that raises where the path is resolved."""

    name = "guarded"
    anywhere = True

    async def resolve(self, ctx: Context, id: str) -> None:
        """Raise."""
        raise Wanted

    async def read(self, ctx: Context, id: str) -> Answer:
        """Never get here."""
        return id


async def child(scope: Any, receive: Any, send: Any) -> None:
    """Raise in a mounted application."""
    raise Wanted


def everything(**options: Any) -> Crossbar:
    """An application with every place in which the host's exception can be raised."""
    return made(Hooked(), Guarded(), child=child, hooks=[first, last], **options)


WAYS = ["/failures/wanted", "/hooked", "/hooked/1", "/guarded/1", "/files"]


@pytest.mark.parametrize("path", WAYS)
async def test_the_host_sees_it(host: Host, path: str) -> None:
    """An exception of a type in `propagate` reaches the handler that the host has for it, wherever it is raised."""
    response = await client_of(host, everything(propagate=(Wanted,))).get(path)
    assert (418, "the host saw Wanted") == (response.status, response.text)


@pytest.mark.parametrize("path", WAYS)
async def test_the_host_has_not_asked(host: Host, path: str) -> None:
    """Without `propagate`, the same exception is a crash like any other, answered in the envelope."""
    refused = await client_of(host, everything()).get(path)
    assert (500, "unspecified_fault") == (refused.status, refused.word)


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        pytest.param("/failures/crash", 500, "unspecified_fault", id="a crash"),
        pytest.param("/nothing", 404, "not_found", id="a refusal"),
        pytest.param("/failures/a/b", 404, "not_found", id="a path too deep"),
        pytest.param("/%zz", 400, "bad_path", id="a malformed path"),
    ],
)
async def test_everything_else(host: Host, path: str, status: int, word: str) -> None:
    """Everything else is answered by the application, also when the host has handlers of its own."""
    refused = await client_of(host, made(propagate=(Wanted,))).get(path)
    assert (status, word) == (refused.status, refused.word)


async def test_a_base_class(host: Host) -> None:
    """A type stands for those that are derived from it."""
    app = made(propagate=(Exception,))
    with pytest.raises(RuntimeError, match="nobody outside"):
        await Client(app).get("/failures/crash")


async def test_in_the_midst_of_a_response(host: Host) -> None:
    """Once the response has begun it can only break off, and the host sees why."""
    app = made(propagate=(Wanted,))
    with pytest.raises((RuntimeError, LitestarException)) as error:
        await client_of(host, app).get("/failures/stream")
    assert (True, 0) == (isinstance(error.value.__cause__, Wanted), app.registry.active)


async def test_in_a_websocket(host: Host) -> None:
    """What an endpoint raises in a WebSocket reaches the host, too."""

    class Rude(Endpoint):
        """Hang up with an exception."""

        name = "rude"
        anywhere = True

        async def socket(self, ctx: Context, websocket: Any) -> None:
            """Raise once somebody listens."""
            await websocket.accept()
            raise Wanted

    app = made(Rude(), propagate=(Wanted,))
    with pytest.raises(Wanted):
        async with Client(app).socket("/rude") as socket:
            await socket.receive_text()
    assert 0 == app.registry.active


async def test_the_books_are_right(host: Host) -> None:
    """After exceptions that passed through, nothing is counted as under way, and every endpoint has finished."""
    app = everything(propagate=(Wanted,))
    client = client_of(host, app)
    await asyncio.gather(*[client.get(path) for path in WAYS * 3])
    assert (0, 3) == (app.registry.active, of(app, "failures").finished)


async def test_the_time_limit_goes_on() -> None:
    """After an exception that passed through, requests that take too long are still answered with a 504."""
    app = made(settings=BRIEF, propagate=(Wanted,))
    with pytest.raises(Wanted):
        await Client(app).get("/failures/wanted")
    assert 504 == (await Client(app).get("/failures/slow")).status
    assert (0, 2) == (app.registry.active, of(app, "failures").finished)


async def test_a_client_that_goes_away(host: Host) -> None:
    """A request that is cancelled from outside finishes as well, and is not taken for one that took too long."""
    app = made()
    asking = asyncio.ensure_future(client_of(host, app).get("/failures/slow"))
    await until(lambda: app.registry.active == 1)
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (0, 1) == (app.registry.active, of(app, "failures").finished)
