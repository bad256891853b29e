"""The response that a walk has left in its context, sent over ASGI: at most two messages, or piece by piece."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from .context import Context

logger = logging.getLogger("crossbar")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# What every response carries: its type is not to be guessed, and no cache may keep it.
ALWAYS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


async def respond(ctx: Context, receive: Receive, send: Send) -> None:
    """Send the response that the context holds."""
    headers = ctx.response_headers
    headers.append((b"x-request-id", ctx.request_id.encode()))
    headers += ALWAYS
    payload = ctx.payload
    if isinstance(payload, bytes):
        if ctx.status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(payload)))
        await send({"type": "http.response.start", "status": ctx.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if ctx.method == "HEAD" else payload})
        return
    await _stream(ctx, payload, receive, send)


async def _stream(ctx: Context, payload: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send a response piece by piece, and stop reading when the client has gone."""
    started = False
    gone = asyncio.ensure_future(_disconnected(receive))
    headers = ctx.response_headers
    try:
        async for chunk in payload:
            if not started:
                started = True
                await send({"type": "http.response.start", "status": ctx.status, "headers": headers})
                if ctx.method == "HEAD":
                    break
            if gone.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if not started:
            await send({"type": "http.response.start", "status": ctx.status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
    except Exception:
        # NOTE: the status is out; a response that is not brought to its end is the sign that is left. The server
        # closes the connection without the final chunk, and no client takes the piece for the whole.
        ctx.reason = "aborted"
        logger.exception("a streamed response broke off (request %s)", ctx.request_id)
    finally:
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
