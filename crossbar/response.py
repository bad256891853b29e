"""The response that a walk has left in its context, sent over ASGI: at most two messages, or piece by piece."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from copy import copy
from typing import Any

from . import jsonp
from .compression import Encoder
from .conditional import name_as_listed
from .context import Context
from .errors import Fault
from .events import close
from .fields import Fields, publish, secure, vary
from .mounted import Handover
from .walk import overdue, refuse
from .watch import blame, is_failure

logger = logging.getLogger("crossbar")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_UNWILLING = 5.0  # seconds that code may take to end when its client has gone, before it is told again


async def respond(ctx: Context, receive: Receive, send: Send) -> None:
    """Send the response that the context holds, or have the one sent that it was handed over to."""
    headers = ctx.response_headers
    headers += ctx.dialect.fields(ctx)
    url = ctx.app.settings.dialects.url
    if url:
        publish(headers, ctx.root_path, url)
    app = ctx.app
    cors = app.cors if ctx.matched is None else ctx.matched.route.cors or app.cors
    if cors is not None:
        cors.mark(ctx, headers)
    if ctx.handover is not None:
        if isinstance(ctx.handover, Handover):
            await _hand_over(ctx, ctx.handover, receive, send)
        else:
            await ctx.handover.send(ctx, receive, send)
        return
    secure(headers)
    if ctx.query and jsonp.WORD in ctx.query and app.settings.server.jsonp:
        jsonp.wrap(ctx)
    accepted = ctx.headers.get(b"accept-encoding")
    encoder = app.compression.encoder(ctx, accepted) if accepted is not None and app.compression is not None else None
    payload = ctx.payload
    if isinstance(payload, bytes):
        if ctx.status == 304:
            name_as_listed(ctx)
        elif encoder is None and ctx.status != 204:
            headers.append((b"content-length", b"%d" % len(payload)))
        elif encoder is not None and ctx.method != "HEAD":  # how long it would be, a HEAD does not find out
            payload = await encoder.end(payload)
            headers.append((b"content-length", b"%d" % len(payload)))
        await send({"type": "http.response.start", "status": ctx.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if ctx.method == "HEAD" else payload})
        return
    await _stream(ctx, payload, encoder, receive, send)


async def answer_instead(ctx: Context) -> None:
    """Answer in the place of code that goes on although it was cancelled: its client has waited long enough."""
    if ctx.scope["type"] != "http":
        return
    # NOTE: the code may still change what it finds in its context.
    instead = copy(ctx)
    refuse(instead, overdue(instead))
    logger.error("%s goes on although it was cancelled (request %s)", blame(ctx), ctx.request_id)
    with suppress(Exception):  # the client may have gone by now
        await respond(instead, ctx.receive, ctx.send)
    ctx.status, ctx.reason = instead.status, instead.reason


async def finish(ctx: Context) -> None:
    """Run what endpoints want to do afterwards; the response is out, so what goes wrong there is only logged."""
    seconds = ctx.app.settings.limits.handler_seconds
    for part in ctx.parts:
        await finish(part)
    for endpoint, _ in () if ctx.parts else ctx.resolved:
        if "finish" not in endpoint.overrides:
            continue
        ctx.blamed = endpoint
        try:
            async with asyncio.timeout(seconds):
                await endpoint.finish(ctx)
        except BaseException as error:
            if not is_failure(error):
                raise
            logger.exception("finish of %s failed (request %s)", blame(ctx), ctx.request_id)
        ctx.blamed = None


async def _hand_over(ctx: Context, handover: Handover, receive: Receive, send: Send) -> None:
    """Let another application answer; the request id goes along, and its status into the log."""
    started = False

    async def observed(message: Message) -> None:
        nonlocal started
        if message["type"] == "http.response.start":
            started = True
            ctx.status = message["status"]
            message = {**message, "headers": _merged(message.get("headers", ()), ctx.response_headers)}
        await send(message)

    try:
        await handover.app(handover.scope, receive, observed)
        if started:
            return
        logger.error("the application of %s gave no answer (request %s)", blame(ctx), ctx.request_id)
    except ctx.app.propagate:
        raise
    except BaseException as error:
        if not is_failure(error):
            raise
        logger.exception("crash in the application of %s (request %s)", blame(ctx), ctx.request_id)
    ctx.reason = Fault.word
    if not started:
        ctx.handover = None
        refuse(ctx, Fault())
        await respond(ctx, receive, send)


def _merged(theirs: Iterable[tuple[bytes, bytes]], ours: Fields) -> Fields:
    """The header fields of another application with ours: its own CORS wins, its own request id does not."""
    merged = [(bytes(name).lower(), bytes(value)) for name, value in theirs]
    merged = [pair for pair in merged if pair[0] != b"x-request-id"]
    has_cors = any(name == b"access-control-allow-origin" for name, _ in merged)
    for name, value in ours:
        if name == b"vary":
            vary(merged, value)
        elif not (has_cors and name.startswith(b"access-control-")):
            merged.append((name, value))
    return merged


async def _stream(
    ctx: Context, payload: AsyncIterator[bytes], encoder: Encoder | None, receive: Receive, send: Send
) -> None:
    """Send a response piece by piece, and stop when the client has gone, also while the next piece is waited for.

    All of the source runs in this task, as task groups and time limits in it demand.
    """
    client = _Client(receive, send)
    try:
        await client.send({"type": "http.response.start", "status": ctx.status, "headers": ctx.response_headers})
        if ctx.method != "HEAD":
            async for piece in payload:
                if encoder is not None and piece:
                    piece = await encoder.piece(piece)
                await client.send({"type": "http.response.body", "body": piece, "more_body": True})
                # NOTE: a source that never waits would keep everybody else from being served, and from saying that its
                # client has gone, for as long as the connection takes what it gives.
                await asyncio.sleep(0)
        rest = await encoder.end() if encoder is not None and ctx.method != "HEAD" else b""
        client.leave()  # all is said; whether it goes now is of no concern
        await client.send({"type": "http.response.body", "body": rest})
    except ctx.app.propagate:
        raise
    except BaseException as error:
        if client.gone:
            ctx.reason = "client gone"
        elif is_failure(error):
            # NOTE: the status is out; a response that is not brought to its end is the sign that is left. The server
            # closes the connection without the final chunk, and no client takes the piece for the whole.
            ctx.reason = "aborted"
            logger.exception("a streamed response of %s broke off (request %s)", blame(ctx), ctx.request_id)
        else:
            raise
    finally:
        client.leave()
        await close(payload)


class _Client:
    """The client of a streamed response; when it goes, the present task is cancelled, whatever it waits for."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.gone = False
        self._receive = receive
        self._send = send
        self._cancelled = 0
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._listening = asyncio.create_task(self._listen())

    async def send(self, message: Message) -> None:
        """Send a message, unless there is nobody any more."""
        if self.gone:
            raise ConnectionError("the client has gone")
        try:
            await self._send(message)
        except OSError:  # as ASGI has it from 2.4 on
            self.gone = True
            raise

    def leave(self) -> None:
        """Listen no longer; the task goes on as if it had not been cancelled."""
        if not self._listening.cancel() and not self._listening.cancelled():
            self._listening.exception()  # a server that does not even say that it has gone
        while self._cancelled:
            self._cancelled -= 1
            self._task.uncancel()

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        while True:
            self._cancelled += 1
            self._task.cancel()
            await asyncio.sleep(_UNWILLING)
