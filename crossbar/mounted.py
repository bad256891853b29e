"""Mounted: an ASGI application as a noun, behind authentication, the tenant rule and authorisation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from .endpoint import Endpoint, refuse_name
from .errors import PluginError
from .events import end
from .watch import is_failure

if TYPE_CHECKING:
    from .app import Crossbar
    from .context import Context

logger = logging.getLogger("crossbar")

AsgiApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

# What a host of Starlette's kind notes about its own routes; an application that finds it would make links with them.
_OF_THE_HOST = frozenset({"app", "app_root_path", "endpoint", "path_params", "router"})
_REQUEST_ID = b"x-request-id"


class Handover(NamedTuple):
    """An answer that somebody else gives: the application that writes it, and what it is told of the request."""

    app: AsgiApp
    scope: MutableMapping[str, Any]


class Outlet:
    """An answer that writes itself to the client, head and all; the fields in `ctx.response_headers` go with it."""

    async def send(self, ctx: Context, receive: Receive, send: Send) -> None:
        """Send the response, to its end or to where it breaks off; nothing that goes wrong is raised."""
        raise NotImplementedError


class Mounted(Endpoint):
    """An ASGI application that answers for a noun, and for everything below it, in its own way.

    It gets the request as it came: its own part of the path with `root_path` before it, the body unread, and under
    `crossbar` in its scope the context, with principal and tenant. Its lifespan is run with the server's, unless
    `lifespan` is False: then somebody else sees to that. `anywhere` lets it answer outside of accounts too.
    """

    greedy = True
    raw = True

    def __init__(self, name: str, app: AsgiApp, *, anywhere: bool = False, lifespan: bool = True) -> None:
        refuse_name(type(self).__name__, name)
        self.name = name  # type: ignore[misc]
        self.app = app
        self.anywhere = anywhere  # type: ignore[misc]
        self._lives = lifespan
        self._state: dict[str, Any] = {}

    @asynccontextmanager
    async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
        """Tell the application when the server starts and stops, if it wants to know (ASGI, lifespan)."""
        self._state = {}
        if not self._lives:
            yield
            return
        async with _living(self.app, self._state):
            yield

    async def find(self, ctx: Context, *path: str) -> Any:
        """Hand the request over, whatever its method."""
        return Handover(self.app, self._scope(ctx))

    create = replace = patch = delete = find

    async def socket(self, ctx: Context, websocket: Any, *path: str) -> None:
        """Hand the WebSocket over."""
        await self.app(self._scope(ctx), ctx.receive, ctx.send)

    def _scope(self, ctx: Context) -> MutableMapping[str, Any]:
        """The request's scope, its path split at the end of the noun as ASGI has it: `root_path` begins `path`."""
        # NOTE: the noun's arguments are the last segments of the path; empty ones at its end were no arguments.
        depth = len(ctx.args) + len(ctx.raw_path) - len(ctx.raw_path.rstrip(b"/"))
        below = b"".join([b"/" + segment for segment in ctx.raw_path.split(b"/")[-depth:]]) if depth else b""
        above = ctx.raw_path.removesuffix(below).decode("latin-1")
        root_path = unquote(ctx.root_path + above)
        request_id = ctx.request_id.encode()
        return {
            **{key: value for key, value in ctx.scope.items() if key not in _OF_THE_HOST},
            "path": root_path + unquote(below.decode("latin-1")),
            "root_path": root_path,
            "headers": [*(pair for pair in ctx.scope["headers"] if pair[0] != _REQUEST_ID), (_REQUEST_ID, request_id)],
            "state": ctx.scope.get("state", {}) | self._state,
            "crossbar": ctx,
        }


@asynccontextmanager
async def _living(app: AsgiApp, state: dict[str, Any]) -> AsyncIterator[None]:
    """Hold the lifespan of an application; one that raises when it is asked knows none. PluginError if it fails."""
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    answers: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}

    async def live() -> None:
        try:
            await app(scope, events.get, answers.put)
        except BaseException as error:
            if not is_failure(error):
                raise
            logger.debug("an application that is mounted ended its lifespan", exc_info=True)
        await answers.put({"type": "ended"})

    async def passed(event: str) -> bool:
        await events.put({"type": f"lifespan.{event}"})
        answer = await answers.get()
        if answer["type"] == f"lifespan.{event}.failed":
            raise PluginError(str(answer.get("message") or f"its {event} failed"))
        return bool(answer["type"] == f"lifespan.{event}.complete")

    living = asyncio.create_task(live())
    try:
        knows = await passed("startup")
        yield
        if knows:
            await passed("shutdown")
    finally:
        await end(living)
