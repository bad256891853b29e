"""WebSockets: the walk as far as authorisation, then the conversation that the endpoint holds."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from .context import Context
from .endpoint import SOCKET
from .errors import Fault, Forbidden, Refusal, Unauthorized
from .pipeline import authenticate, authorize, open_request, refuse, resolve, tokenize, walk
from .watch import blame

logger = logging.getLogger("crossbar")

RECHECK_SECONDS = 60.0
"""How often the token of an open WebSocket is checked again."""

_DONE, _POLICY, _FAILED = 1000, 1008, 1011


async def converse(ctx: Context) -> None:
    """Serve one WebSocket: refuse it before it is accepted, or let the endpoint talk."""
    if not ctx.status:
        ctx.app.watch.begin(ctx)
        try:
            await walk(ctx, (tokenize, refuse_foreign, open_request, take_socket, authenticate, resolve, authorize))
        finally:
            ctx.app.watch.end(ctx)
    if ctx.status:
        await _refuse(ctx)
        return
    ctx.status = 101
    websocket = WebSocket(ctx.scope, ctx.receive, ctx.send)
    talking = asyncio.ensure_future(_talk(ctx, websocket))
    watching = asyncio.ensure_future(_until_ended(ctx))
    try:
        await asyncio.wait({talking, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not talking.done():
            ctx.reason = Unauthorized.word
            await _close(websocket, _POLICY, "the token has ended")
    finally:
        for task in (talking, watching):
            task.cancel()
        await asyncio.wait({talking, watching})
    if not talking.cancelled():
        talking.result()


def refuse_foreign(ctx: Context) -> None:
    """Does a page of this server ask, or one of `server.origins`? Others could use the rights of their visitors.

    Programs send no `Origin`, and are not concerned (RFC 6455, 10.2).
    """
    origin = ctx.header(b"origin")
    if origin is None or origin in ctx.app.settings.server.origins:
        return
    if urlsplit(origin).netloc.lower() != (ctx.header(b"host") or "").lower():
        raise Forbidden(f"pages of {origin[:100]} may not open a WebSocket here: see server.origins")


def take_socket(ctx: Context) -> None:
    """Is it for what talks over a WebSocket? From here on, dispatch looks for that."""
    ctx.verb = SOCKET


async def _talk(ctx: Context, websocket: WebSocket) -> None:
    """Let the endpoint talk; however that ends, the connection is closed."""
    assert ctx.bound is not None
    try:
        await ctx.bound.call(ctx, websocket, *ctx.args)
    except WebSocketDisconnect as gone:
        ctx.reason = f"closed {gone.code}"
    except ctx.app.propagate:
        raise
    except Refusal as refusal:
        if websocket.application_state is WebSocketState.CONNECTING:
            refuse(ctx, refusal)
            await _refuse(ctx)
        else:
            ctx.reason = refusal.word
            await _close(websocket, _POLICY, refusal.message)
    except Exception:
        logger.exception("crash in socket of %s (request %s)", blame(ctx), ctx.request_id)
        if websocket.application_state is WebSocketState.CONNECTING:
            refuse(ctx, Fault())
            await _refuse(ctx)
        else:
            ctx.reason = Fault.word
            await _close(websocket, _FAILED, Fault.message)
    else:
        await _close(websocket, _DONE, "")


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close the connection, if that has not been done."""
    states = (websocket.application_state, websocket.client_state)
    if WebSocketState.DISCONNECTED in states or WebSocketState.RESPONSE in states:
        return
    try:
        # NOTE: a close frame holds no more than 123 bytes of reason (RFC 6455, 5.5).
        await websocket.close(code, reason.encode()[:120].decode(errors="ignore"))
    except (RuntimeError, OSError, WebSocketDisconnect):
        return


async def _refuse(ctx: Context) -> None:
    """Answer the handshake with an error in the dialect's form, or with a plain 403 where the server cannot do that."""
    if ctx.scope.get("extensions", {}).get("websocket.http.response") is None:
        await ctx.send({"type": "websocket.close", "code": _POLICY, "reason": ctx.reason})
        return
    payload = ctx.payload if isinstance(ctx.payload, bytes) else b""
    headers = [*ctx.response_headers, (b"content-length", b"%d" % len(payload))]
    headers.append((b"x-request-id", ctx.request_id.encode()))
    await ctx.send({"type": "websocket.http.response.start", "status": ctx.status, "headers": headers})
    await ctx.send({"type": "websocket.http.response.body", "body": payload})


async def _until_ended(ctx: Context) -> None:
    """Return when the token that opened the connection is no good any more; without one, never."""
    while True:
        await asyncio.sleep(RECHECK_SECONDS)
        if ctx.token is not None and ctx.principal is not None and ctx.principal.token:
            try:
                await ctx.app.tokens.check(ctx.principal.token)
            except Unauthorized:
                return
