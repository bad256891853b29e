"""Mounted: an ASGI application as a noun, behind authentication, the tenant rule and authorisation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from .endpoint import Endpoint

if TYPE_CHECKING:
    from .context import Context

AsgiApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]

# What a host of Starlette's kind notes about its own routes; an application that finds it would make links with them.
_OF_THE_HOST = frozenset({"app", "app_root_path", "endpoint", "path_params", "router"})


class Handover(NamedTuple):
    """An answer that somebody else gives: the application that writes it, and what it is told of the request."""

    app: AsgiApp
    scope: MutableMapping[str, Any]


class Mounted(Endpoint):
    """An ASGI application that answers for a noun, and for everything below it, in its own way.

    It gets the request as it came: its own part of the path with `root_path` before it, the body unread, and under
    `crossbar` in its scope the context, with principal and tenant. Its lifespan is not run; the host of the application
    sees to that. `anywhere` lets it answer outside of accounts too.
    """

    greedy = True
    raw = True

    def __init__(self, name: str, app: AsgiApp, *, anywhere: bool = False) -> None:
        self.name = name  # type: ignore[misc]
        self.app = app
        self.anywhere = anywhere  # type: ignore[misc]

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
        return {
            **{key: value for key, value in ctx.scope.items() if key not in _OF_THE_HOST},
            "path": root_path + unquote(below.decode("latin-1")),
            "root_path": root_path,
            "crossbar": ctx,
        }
