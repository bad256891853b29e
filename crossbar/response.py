"""The response that a walk has left in its context, sent over ASGI: at most two messages, or piece by piece."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from .context import Context
from .errors import Fault
from .pipeline import refuse
from .watch import blame

logger = logging.getLogger("crossbar")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# What every response carries: its type is not to be guessed, and no cache may keep it.
ALWAYS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


async def respond(ctx: Context, receive: Receive, send: Send) -> None:
    """Send the response that the context holds, or have the one sent that it was handed over to."""
    headers = ctx.response_headers
    headers.append((b"x-request-id", ctx.request_id.encode()))
    if ctx.handover is not None:
        await _hand_over(ctx, receive, send)
        return
    headers += ALWAYS
    payload = ctx.payload
    if isinstance(payload, bytes):
        if ctx.status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(payload)))
        await send({"type": "http.response.start", "status": ctx.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if ctx.method == "HEAD" else payload})
        return
    await _stream(ctx, payload, receive, send)


async def _hand_over(ctx: Context, receive: Receive, send: Send) -> None:
    """Let another application answer; the request id goes along, and its status into the log."""
    assert ctx.handover is not None
    started = False

    async def observed(message: Message) -> None:
        nonlocal started
        if message["type"] == "http.response.start":
            started = True
            ctx.status = message["status"]
            kept = [pair for pair in message.get("headers", ()) if bytes(pair[0]).lower() != b"x-request-id"]
            message = {**message, "headers": [*kept, *ctx.response_headers]}
        await send(message)

    try:
        await ctx.handover.app(ctx.handover.scope, receive, observed)
    except ctx.app.propagate:
        raise
    except Exception:
        logger.exception("crash in the application of %s (request %s)", blame(ctx), ctx.request_id)
        ctx.reason = Fault.word
        if not started:
            ctx.handover = None
            ctx.response_headers = []
            refuse(ctx, Fault())
            await respond(ctx, receive, send)


async def _stream(ctx: Context, payload: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send a response piece by piece, and stop when the client has gone, also while the next piece is waited for."""
    gone = asyncio.ensure_future(_disconnected(receive))
    coming: asyncio.Future[bytes | None] | None = None
    try:
        await send({"type": "http.response.start", "status": ctx.status, "headers": ctx.response_headers})
        while ctx.method != "HEAD":
            coming = asyncio.ensure_future(anext(payload, None))
            await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                ctx.reason = "client gone"
                return
            chunk = coming.result()
            if chunk is None:
                break
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except ctx.app.propagate:
        raise
    except Exception:
        # NOTE: the status is out; a response that is not brought to its end is the sign that is left. The server
        # closes the connection without the final chunk, and no client takes the piece for the whole.
        ctx.reason = "aborted"
        logger.exception("a streamed response of %s broke off (request %s)", blame(ctx), ctx.request_id)
    finally:
        waiting = {each for each in (gone, coming) if each is not None and not each.done()}
        for each in waiting:
            each.cancel()
        if waiting:
            await asyncio.wait(waiting)
        if isinstance(payload, AsyncGenerator):
            await payload.aclose()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
