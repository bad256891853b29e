"""WebSockets: the walk as far as authorisation, then the conversation that the endpoint holds."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.websockets import WebSocket, WebSocketDisconnect

from .context import Context
from .errors import Fault, Forbidden, Refusal, StoreError, Unauthorized, Unavailable
from .events import end
from .fields import secure
from .limits.admission import charge
from .pipeline import Stage, authenticate, authorize, open_request, resolve, tokenize
from .rendering import RECHECK_SECONDS
from .routes import SOCKET
from .walk import overdue, refuse, walk
from .watch import blame, is_failure

logger = logging.getLogger("crossbar")

_DONE, _POLICY, _FAILED = 1000, 1008, 1011


async def converse(ctx: Context) -> None:
    """Serve one WebSocket: refuse it before it is accepted, or let the endpoint talk."""
    line = _Line(ctx)
    if not ctx.status:
        ctx.app.watch.begin(ctx, ctx.started)
        try:
            await walk(ctx, _stages_of(ctx))
        finally:
            ctx.app.watch.end(ctx)
    if ctx.status:
        await line.refuse()
        return
    talking = asyncio.create_task(_talk(ctx, line))
    ending = asyncio.create_task(_until_ended(ctx, line))
    try:
        await asyncio.wait({talking, ending}, return_when=asyncio.FIRST_COMPLETED)
        if ending.done() and not talking.done():
            await line.end(ending.result())
    finally:
        for task in (talking, ending):
            if not await end(task):
                logger.error("%s goes on although its WebSocket has ended (request %s)", blame(ctx), ctx.request_id)
    if not talking.cancelled() and talking.done():
        talking.result()


def refuse_foreign(ctx: Context) -> None:
    """Does a page of this server ask, or one of `server.origins`? Others could use the rights of their visitors.

    Programs send no `Origin`, and are not concerned (RFC 6455, 10.2).
    """
    origin = ctx.header(b"origin")
    if origin is None or origin in ctx.app.settings.server.origins:
        return
    host = (ctx.header(b"host") or "").lower()
    own = ""
    with suppress(ValueError):  # what is no URL is no page of this server
        own = urlsplit(origin).netloc.lower()
    if not host or own != host:
        raise Forbidden(f"pages of {origin[:100]} may not open a WebSocket here: see server.origins")


def take_socket(ctx: Context) -> None:
    """Is it for what talks over a WebSocket? From here on, dispatch looks for that."""
    ctx.verb = SOCKET


async def hooks_before(ctx: Context) -> None:
    """Has a hook of another module something against it?"""
    if ctx.registry.hooks is not None and ctx.bound is not None:
        await ctx.registry.hooks.before(ctx, ctx.bound)


def _stages_of(ctx: Context) -> tuple[Stage, ...]:
    """The stages of a handshake: shorter ones for a plain route of the gateway."""
    routes = ctx.registry.gateway
    stages = routes.stages(ctx) if routes is not None else None
    return STAGES if stages is None else (refuse_foreign, *stages)


STAGES = (tokenize, refuse_foreign, open_request, take_socket, authenticate, resolve, charge, authorize, hooks_before)


class _Line:
    """The connection of one WebSocket: what was sent on it, by whomever, and how it is ended."""

    def __init__(self, ctx: Context) -> None:
        self.accepted = asyncio.Event()
        self._ctx = ctx
        self._closed = False
        self._send = ctx.send
        # NOTE: an application that is mounted sends by itself, and not through the endpoint's WebSocket.
        ctx.send = self._observed

    async def _observed(self, message: Any) -> None:
        kind = message["type"]
        if self._closed and kind in ("websocket.send", "websocket.close"):
            return  # whoever sends this has not been told yet
        if kind == "websocket.accept":
            self._ctx.status = 101
            self.accepted.set()
            if self._ctx.charge is not None:
                message = {**message, "headers": [*message.get("headers", ()), *self._ctx.dialect.fields(self._ctx)]}
        elif kind == "websocket.http.response.start":
            self._ctx.status, self._closed = message["status"], True
        elif kind == "websocket.close":
            if not self.accepted.is_set():
                self._ctx.status = Forbidden.status
            self._closed = True
        await self._send(message)

    async def end(self, refusal: Refusal) -> None:
        """End the connection for that reason: with a response if it was not accepted yet, or else by closing it."""
        if self.accepted.is_set():
            self._ctx.reason = refusal.word
            await self.close(_FAILED if isinstance(refusal, Fault) else _POLICY, refusal.message)
        elif not self._closed:
            refuse(self._ctx, refusal)
            await self.refuse()

    async def refuse(self) -> None:
        """Answer the handshake with the error in the context, or with a plain 403 where the server cannot do that."""
        ctx, status = self._ctx, self._ctx.status
        try:
            if ctx.scope.get("extensions", {}).get("websocket.http.response") is None:
                await ctx.send({"type": "websocket.close", "code": _POLICY, "reason": ctx.reason})
                return
            payload = ctx.payload if isinstance(ctx.payload, bytes) else b""
            headers = [*ctx.response_headers, (b"content-length", b"%d" % len(payload))]
            headers += ctx.dialect.fields(ctx)
            secure(headers)
            await ctx.send({"type": "websocket.http.response.start", "status": status, "headers": headers})
            await ctx.send({"type": "websocket.http.response.body", "body": payload})
        except (RuntimeError, OSError):  # the client has gone
            return

    async def close(self, code: int, reason: str) -> None:
        """Close the connection, if that has not been done."""
        if self._closed:
            return
        # NOTE: a close frame holds no more than 123 bytes of reason (RFC 6455, 5.5).
        reason = reason.encode()[:120].decode(errors="ignore")
        try:
            await self._ctx.send({"type": "websocket.close", "code": code, "reason": reason})
        except (RuntimeError, OSError):  # the client has gone
            return


async def _talk(ctx: Context, line: _Line) -> None:
    """Let the endpoint talk; however that ends, the connection is closed."""
    assert ctx.bound is not None
    websocket = WebSocket(ctx.scope, ctx.receive, ctx.send)
    try:
        await ctx.bound.call(ctx, websocket, *ctx.args)
    except WebSocketDisconnect as gone:
        ctx.reason = f"closed {gone.code}"
    except ctx.app.propagate:
        raise
    except Refusal as refusal:
        await line.end(refusal)
    except BaseException as error:
        if not is_failure(error):
            raise
        logger.exception("crash in socket of %s (request %s)", blame(ctx), ctx.request_id)
        await line.end(Fault())
    else:
        if line.accepted.is_set():
            await line.close(_DONE, "")
        else:
            await line.end(Forbidden("the WebSocket was not accepted"))


async def _until_ended(ctx: Context, line: _Line) -> Refusal:
    """Why the conversation must end, as soon as it must: it does not begin, or the token is no good any more."""
    try:
        async with asyncio.timeout(ctx.app.settings.limits.handler_seconds):
            await line.accepted.wait()
    except TimeoutError:
        return overdue(ctx)
    while True:
        await asyncio.sleep(RECHECK_SECONDS)
        try:
            if ctx.matched is not None:
                await ctx.matched.route.access.recheck(ctx, ctx.matched)
            elif ctx.principal is not None and ctx.principal.token:
                await ctx.app.tokens.recheck(ctx.principal)
        except Unauthorized:
            return Unauthorized("the token has ended")
        except (StoreError, Unavailable) as error:
            logger.warning("the token of a WebSocket could not be checked: %s (request %s)", error, ctx.request_id)
