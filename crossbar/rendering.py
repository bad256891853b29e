"""What the stage `render` does with answers that are not simply put into an envelope, and how a stream begins."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Any

from .context import Context
from .endpoint import Endpoint
from .errors import StoreError, Unauthorized
from .events import close
from .media.downloads import content_type, deliver
from .mounted import Handover, Outlet
from .reply import EVENT_STREAM, Blob, Reply, Stream, Whole
from .target import Noun

logger = logging.getLogger("crossbar")

RECHECK_SECONDS = 60.0
"""How often the token of what stays open, a WebSocket or an event stream, is checked again."""

# NOTE: some proxies collect a response before they pass it on, unless they are told that it is to be read as it comes.
_AS_IT_COMES = (b"x-accel-buffering", b"no")


def unwrapped(ctx: Context, reply: Reply, answer: Blob | Stream | Handover | Outlet) -> Awaitable[None] | None:
    """Leave an answer that has a form of its own without an envelope, whatever the dialect."""
    creates = ctx.bound is not None and ctx.bound.route.operation == "create"
    ctx.status = reply.status or (201 if creates else 200)
    ctx.response_headers.extend(reply.headers)
    if isinstance(answer, Handover | Outlet):
        ctx.handover = answer
        return None
    if isinstance(answer, Blob):
        pieces = deliver(ctx, answer)
        if pieces is None:
            return None
        if ctx.method == "HEAD":
            ctx.payload = pieces  # nothing of it is read
            return None
        return begin(ctx, pieces)
    ctx.response_headers.append((b"content-type", content_type(answer.media_type)))
    if answer.media_type == EVENT_STREAM:
        ctx.response_headers.append(_AS_IT_COMES)
        return begin(ctx, _while_known(ctx, answer.bytes()))
    return begin(ctx, answer.bytes())


async def _while_known(ctx: Context, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The pieces of an event stream for as long as the token that opened it is good."""
    checked = time.monotonic()
    try:
        async for piece in pieces:
            yield piece
            if ctx.principal is None or not ctx.principal.token or time.monotonic() - checked < RECHECK_SECONDS:
                continue
            checked = time.monotonic()
            try:
                await ctx.app.tokens.recheck(ctx.principal)
            except Unauthorized:
                return
            except StoreError as error:
                logger.warning("the token of a stream cannot be checked: %s (request %s)", error, ctx.request_id)
    finally:
        await close(pieces)


async def rendered_by(endpoint: Endpoint, ctx: Context, reply: Reply) -> None:
    """Let the endpoint render its answer; what it leaves is the dialect's."""
    payload: Any = await endpoint.render(ctx, reply.answer)
    if payload is not None and not isinstance(payload, bytes):
        raise TypeError(f"render returned {type(payload).__name__}: it returns bytes, or None for the usual form")
    ctx.dialect.success(ctx, reply)
    if payload is not None:
        ctx.response_headers = [pair for pair in ctx.response_headers if pair[0] != b"content-type"]
        ctx.response_headers.append((b"content-type", ctx.media_type.encode()))
        ctx.payload = payload
    elif not isinstance(ctx.payload, bytes):
        await begin(ctx, ctx.payload)


async def begin(ctx: Context, pieces: AsyncIterator[bytes]) -> None:
    """Fetch the first piece of a stream here, so that a failure to read it is still an error like any other."""
    try:
        first: Any = await anext(pieces, b"")
        if not isinstance(first, bytes):
            raise TypeError(f"a piece of the stream is {type(first).__name__}: they are bytes")
    except BaseException:
        await close(pieces)
        raise
    if isinstance(first, Whole):
        await close(pieces)
        ctx.payload = first
    else:
        ctx.payload = _Resumed(first, pieces)


class _Resumed(AsyncIterator[bytes]):
    """A stream whose first piece has been read. Closing it closes its source, also if nobody has read on."""

    def __init__(self, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self._first: bytes | None = first
        self._rest = rest

    async def __anext__(self) -> bytes:
        """The next piece."""
        if self._first is None:
            return await anext(self._rest)
        first, self._first = self._first, None
        return first

    async def aclose(self) -> None:
        """Let go of the source."""
        await close(self._rest)


def location(ctx: Context, id: str) -> bytes:
    """Where a created document is, for everybody: the path of the request without aliases, and the new id."""
    *outer, last = ctx.nouns()
    tenants = ctx.registry.names[last.name].tenants
    return ctx.dialect.path(ctx, (*(() if tenants else outer), Noun(last.name, (*last.args, id)))).encode()
