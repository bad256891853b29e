"""The endpoints that the hosts of these tests serve, and applications made of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.websockets import WebSocket

from crossbar import (
    Answer,
    Context,
    Crossbar,
    Endpoint,
    Event,
    Mounted,
    Noun,
    Principal,
    Reply,
    Resource,
    Stream,
    created,
)
from crossbar.testing import ASGI, make_app

from .hosts import Wanted


class Notes(Resource):
    """Documents that are kept."""

    name = "notes"
    anywhere = True


class Things(Endpoint):
    """What it is told of a request, it tells."""

    name = "things"
    anywhere = True
    accepts = ("text/plain",)

    async def find(self, ctx: Context) -> Answer:
        """Where the application is mounted, and what is below that."""
        return {"root": ctx.root_path, "path": ctx.path()}

    async def read(self, ctx: Context, id: str) -> Answer:
        """The id."""
        return {"id": id}

    async def create(self, ctx: Context) -> Reply:
        """Something at a place that is told by its nouns."""
        return created(ctx.body or {"size": len(ctx.raw_body)}, Noun("things", ("é/1",)))


class Callers(Endpoint):
    """Who is asking."""

    name = "callers"
    anywhere = True

    async def find(self, ctx: Context) -> Answer:
        """The caller, as the authenticators know them."""
        caller = ctx.caller()
        return {"account": caller.account_id, "user": caller.user_id, "method": caller.method}


class Failures(Endpoint):
    """What goes wrong, in every way there is; `finished` counts the requests that came to their end."""

    name = "failures"
    anywhere = True

    def __init__(self) -> None:
        self.finished = 0

    async def read(self, ctx: Context, way: str) -> Answer:
        """Fail in this way."""
        if way == "wanted":
            raise Wanted
        if way == "crash":
            raise RuntimeError("nobody outside may read this")
        if way == "slow":
            await asyncio.sleep(60)
        if way == "stream":
            return Stream(self._broken(), "text/plain")
        return {"way": way}

    async def finish(self, ctx: Context) -> None:
        """Count the request."""
        self.finished += 1

    async def _broken(self) -> AsyncIterator[bytes]:
        yield b"fine so far"
        raise Wanted


class Ticks(Endpoint):
    """Events without an end, and whether somebody still makes them."""

    name = "ticks"
    anywhere = True

    def __init__(self) -> None:
        self.running = 0

    async def find(self, ctx: Context) -> Answer:
        """An event now, and then one whenever the loop has time."""
        return Stream.events(self._ticking())

    async def socket(self, ctx: Context, websocket: WebSocket) -> None:
        """Say who is asking and where, then give back what is said, in capitals."""
        await websocket.accept()
        await websocket.send_json({"root": ctx.root_path, "user": ctx.caller().user_id})
        while True:
            await websocket.send_text((await websocket.receive_text()).upper())

    async def _ticking(self) -> AsyncIterator[Event]:
        self.running += 1
        try:
            while True:
                yield Event({"tick": True})
                await asyncio.sleep(0.01)
        finally:
            self.running -= 1


async def anybody(ctx: Context) -> Principal | None:
    """Vouch for everybody, for tests that are about something else."""
    return Principal("", "anybody", "host")


def made(*more: Endpoint, child: ASGI | None = None, **options: Any) -> Crossbar:
    """An application with the endpoints of these tests; the options are those of `make_app`."""
    mounted = [Mounted("files", child, anywhere=True)] if child is not None else []
    known: dict[str, Any] = {"bundled": False, "authenticators": [anybody]} | options
    return make_app(endpoints=[Notes(), Things(), Callers(), Failures(), Ticks(), *mounted, *more], **known)


def of(app: Crossbar, name: str) -> Any:
    """The endpoint of an application that is called so."""
    return app.registry.names[name]


async def until(condition: Callable[[], Any]) -> None:
    """Wait for what another task does."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the condition is somebody else's, who sets no event
            await asyncio.sleep(0)
