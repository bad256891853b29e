"""WebSockets through the gateway, message by message: the upstream accepts first, and then the client is accepted."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from ..errors import MethodNotAllowed, Refusal, Unavailable
from ..events import end
from .guard import Guard, Overdue
from .outgoing import Outgoing
from .passage import Passage
from .refusals import BadGateway, Upstreams
from .transport import Broken, Call, Message, NotConnected, Rejected, Socket, TransportError

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched

logger = logging.getLogger("crossbar")

_GOING_AWAY, _NO_STATUS, _CUT, _FAILED = 1001, 1005, 1006, 1011
_UNSAID = frozenset({_NO_STATUS, _CUT, 1015})
"""Codes that only stand for what was not said, and are never sent (RFC 6455, 7.4.1)."""


async def converse(ctx: Context, matched: Matched) -> None:
    """Relay a WebSocket until one side ends it; the refusal of an upstream is raised before the client is accepted."""
    route, service = matched.route, matched.route.service
    if service is None or not route.settings.websocket:
        raise MethodNotAllowed("GET, HEAD")
    if service.active >= service.settings.concurrency:
        told = f"the service {service.name!r} is working on as many requests as it may: try again"
        raise Unavailable(told, word="upstream_busy", retry=1)
    matched.upstream = service.name
    passage = matched.passage = Passage(ctx, matched, service, Guard(0))
    service.begin()
    try:
        socket = await _opened(ctx, matched, passage)
        passage.guard.end()
        await _relayed(ctx, matched, socket)
    finally:
        await passage.end()


async def _opened(ctx: Context, matched: Matched, passage: Passage) -> Socket:
    """A WebSocket to one of the targets; a second one is tried where the first cannot be reached."""
    service, route = passage.service, matched.route
    outgoing = Outgoing(ctx, matched, service)
    offered = ctx.scope.get("subprotocols") or ()
    most = ctx.app.settings.limits.socket_message
    tried: list[Any] = []
    while True:
        target = service.pool.pick(tried)
        if target is None:
            raise Unavailable(f"no target of the service {service.name!r} is in order", word="no_target", retry=5)
        tried.append(target)
        matched.tries += 1
        matched.target = target.text
        fields = [pair for pair in outgoing.fields(target) if not pair[0].startswith(b"sec-websocket-")]
        call = Call("GET", target.origin, target.base + outgoing.path, fields)
        passage.begin(target)
        try:
            passage.guard.within(route.times.first_byte, "first_byte")
            socket: Socket = await passage.guard.call(service.transport.websocket(call, offered, most))
        except Rejected as rejected:
            passage.rejected(rejected.status)
            raise Upstreams(rejected.status) from None
        except (TransportError, Overdue) as error:
            passage.failed(str(error) or "it did not answer in time", "connect")
            if isinstance(error, NotConnected) and len(tried) < route.retry.tries:
                passage.put_away()
                continue
            raise _refusal(ctx, matched, error) from None
        passage.rejected(101)
        return socket


def _refusal(ctx: Context, matched: Matched, error: Exception) -> Refusal:
    name = matched.upstream
    logger.warning("upstream %s, %s: WebSocket: %s (request %s)", name, matched.target, error, ctx.request_id)
    return BadGateway(f"the service {name!r} did not open a WebSocket", word="upstream_reset")


async def _relayed(ctx: Context, matched: Matched, socket: Socket) -> None:
    """Accept the client, and relay in both directions until one side closes."""
    await ctx.receive()  # websocket.connect
    accept: dict[str, Any] = {"type": "websocket.accept", "headers": []}
    if socket.subprotocol is not None:
        accept["subprotocol"] = socket.subprotocol
    await ctx.send(accept)
    downward = asyncio.create_task(_down(ctx, matched, socket))
    upward = asyncio.create_task(_up(ctx, socket))
    try:
        await asyncio.wait({downward, upward}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (downward, upward):
            await end(task)
        await socket.close(_GOING_AWAY, "")
    for task in (downward, upward):
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, OSError):
            raise error


async def _down(ctx: Context, matched: Matched, socket: Socket) -> None:
    """From the upstream to the client; a connection that was cut is told as 1011."""
    while True:
        message = await socket.receive()
        if message.text is not None:
            matched.bytes += len(message.text)
            await ctx.send({"type": "websocket.send", "text": message.text})
        elif message.data is not None:
            matched.bytes += len(message.data)
            await ctx.send({"type": "websocket.send", "bytes": message.data})
        else:
            code = message.code
            if code == _CUT:
                ctx.reason = "upstream_reset"
            shown = 1000 if code == _NO_STATUS else _FAILED if code in _UNSAID else code
            reason = message.reason if code not in _UNSAID else ""
            await ctx.send({"type": "websocket.close", "code": shown, "reason": reason})
            return


async def _up(ctx: Context, socket: Socket) -> None:
    """From the client to the upstream; one that went without a word is told as going away."""
    while True:
        message = await ctx.receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code") or _GOING_AWAY
            reason = message.get("reason") or ""
            shown = 1000 if code == _NO_STATUS else _GOING_AWAY if code in _UNSAID else code
            await socket.close(shown, reason)
            return
        text = message.get("text")
        try:
            await socket.send(Message(text=text) if text is not None else Message(data=message.get("bytes") or b""))
        except Broken:
            return  # the other direction tells how it ended
