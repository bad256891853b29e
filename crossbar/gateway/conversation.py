"""WebSockets through the gateway, message by message: the upstream accepts first, and then the client is accepted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..errors import MethodNotAllowed
from ..events import end
from .calling import Calling, leaving, word_of
from .guard import ClientGone, Guard, Overdue
from .outgoing import Outgoing
from .pool import Target
from .refusals import BadGateway, ClientClosed, Upstreams
from .relay import picked, refuse_busy
from .transport import Broken, Call, Message, NotConnected, Rejected, Socket, TransportError

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched

_GOING_AWAY, _NO_STATUS, _CUT, _FAILED = 1001, 1005, 1006, 1011
_UNSAID = frozenset({_NO_STATUS, _CUT, 1015})
"""Codes that only stand for what was not said, and are never sent (RFC 6455, 7.4.1)."""


async def converse(ctx: Context, matched: Matched) -> None:
    """Relay a WebSocket until one side ends it; the refusal of an upstream is raised before the client is accepted."""
    route, service = matched.route, matched.route.service
    if service is None or not route.settings.websocket:
        raise MethodNotAllowed("GET, HEAD")
    # NOTE: they have a count of their own: many that are idle keep no call away.
    refuse_busy(matched, service, service.sockets)
    service.sockets += 1
    calling = Calling(ctx, matched, service, Guard(0))
    client = _Client(ctx, calling.guard)
    try:
        await client.begin()
        socket = await _opened(ctx, matched, calling)
        calling.guard.end()
        await _relayed(ctx, matched, client, socket)
    except ClientGone:
        raise ClientClosed(word=leaving(ctx)) from None
    finally:
        service.sockets -= 1
        await client.end()
        await calling.end()


class _Client:
    """The client's side: what it sends, and whether it has gone before it was accepted."""

    def __init__(self, ctx: Context, guard: Guard) -> None:
        self._ctx = ctx
        self._guard = guard
        self._coming: asyncio.Task[Any] | None = None

    async def begin(self) -> None:
        """Wait for what comes first of it: nothing but its end, as long as it is not accepted."""
        await self._ctx.receive()  # websocket.connect
        self._coming = asyncio.create_task(self._first())

    async def receive(self) -> Any:
        """The next message, or its end."""
        coming, self._coming = self._coming, None
        return await (coming if coming is not None else self._ctx.receive())

    async def end(self) -> None:
        """Wait for nothing any more."""
        if self._coming is not None:
            await end(self._coming)

    async def _first(self) -> Any:
        message = await self._ctx.receive()
        if message["type"] == "websocket.disconnect":
            self._guard.leave()
        return message


async def _opened(ctx: Context, matched: Matched, calling: Calling) -> Socket:
    """A WebSocket to one of the targets; another one is tried where the first cannot be reached."""
    service, route = calling.service, matched.route
    outgoing = Outgoing(ctx, matched, service)
    offered = ctx.scope.get("subprotocols") or ()
    most = ctx.app.settings.limits.socket_message
    tried: list[Target] = []
    while True:
        target = picked(service, tried)
        tried.append(target)
        fields = [pair for pair in outgoing.fields(target) if not pair[0].startswith(b"sec-websocket-")]
        call = Call("GET", target.origin, target.base + outgoing.path, fields)
        calling.begin(target)
        try:
            calling.guard.within(route.times.first_byte, "first_byte")
            socket: Socket = await calling.guard.call(service.transport.websocket(call, offered, most))
        except Rejected as rejected:
            calling.opened(rejected.status)
            if rejected.status >= 400:
                raise Upstreams(rejected.status) from None
            # NOTE: a redirect is not followed, and a page is no WebSocket.
            told = f"the service {service.name!r} answered {rejected.status}, and opened no WebSocket"
            raise BadGateway(told, word="upstream_error") from None
        except (TransportError, Overdue) as error:
            timed_out = isinstance(error, Overdue)
            calling.failed(calling.told(error), "timeout" if isinstance(error, Overdue) else word_of(error))
            if timed_out or not isinstance(error, NotConnected) or len(tried) >= route.retry.tries:
                raise calling.refusal(error) from None
        else:
            calling.opened(101)
            return socket


async def _relayed(ctx: Context, matched: Matched, client: _Client, socket: Socket) -> None:
    """Accept the client, and relay in both directions until one side closes."""
    accept: dict[str, Any] = {"type": "websocket.accept", "headers": []}
    if socket.subprotocol is not None:
        accept["subprotocol"] = socket.subprotocol
    tasks: tuple[asyncio.Task[None], ...] = ()
    try:
        await ctx.send(accept)
        tasks = asyncio.create_task(_down(ctx, matched, socket)), asyncio.create_task(_up(client, socket))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            await end(task)
        await socket.close(_GOING_AWAY, "")
    for task in tasks:
        if not task.cancelled():
            task.result()


async def _down(ctx: Context, matched: Matched, socket: Socket) -> None:
    """From the upstream to the client; a connection that was cut is told as 1011."""
    try:
        while True:
            message = await socket.receive()
            text = message.text
            if text is not None:
                matched.bytes += len(text) if text.isascii() else len(text.encode())
                await ctx.send({"type": "websocket.send", "text": text})
            elif message.data is not None:
                matched.bytes += len(message.data)
                await ctx.send({"type": "websocket.send", "bytes": message.data})
            else:
                await _close(ctx, message)
                return
    except OSError:
        return  # the client has gone, which the other direction tells the upstream


async def _close(ctx: Context, message: Message) -> None:
    """Tell the client how the upstream has closed."""
    code = message.code
    if code == _CUT:
        ctx.reason = "upstream_reset"
    shown = 1000 if code == _NO_STATUS else _FAILED if code in _UNSAID else code
    await ctx.send({"type": "websocket.close", "code": shown, "reason": "" if code in _UNSAID else message.reason})


async def _up(client: _Client, socket: Socket) -> None:
    """From the client to the upstream; one that went without a word is told as going away."""
    while True:
        message = await client.receive()
        if message["type"] == "websocket.disconnect":
            code, reason = message.get("code") or _GOING_AWAY, message.get("reason")
            # NOTE: uvicorn tells of a connection that was cut as of one that was closed without a code, but for this.
            said_nothing = code == _NO_STATUS and reason is not None
            await socket.close(1000 if said_nothing else _GOING_AWAY if code in _UNSAID else code, reason or "")
            return
        text = message.get("text")
        try:
            await socket.send(Message(text=text) if text is not None else Message(data=message.get("bytes") or b""))
        except Broken:
            # NOTE: how it ended, the other direction is about to tell the client, and ends both.
            await asyncio.Event().wait()
