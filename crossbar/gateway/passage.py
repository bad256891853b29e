"""The response of an upstream on its way to the client, whole or piece by piece, in an envelope or out of one.

What is wrong with it before anything was sent is an error like any other; after that the transfer is broken off, so
that no client takes a part for the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import Unauthorized
from ..fields import Fields, vary
from ..mounted import Outlet, Receive, Send
from ..rendering import RECHECK_SECONDS
from .calling import Calling, Room, leaving
from .envelopes import around, is_json, opened, unwrapped, weakened, wrapped
from .forwarding import response_fields
from .guard import ClientGone, Guard, Overdue
from .leases import Lease
from .refusals import Upstreams
from .transport import TransportError

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched
    from .upstreams import Service

MOST_OPENED = 8 * 1024 * 1024
"""Bytes of a body out of which `data` is taken, all of which are in memory for that."""
_OF_ERRORS = frozenset({b"allow", b"retry-after", b"www-authenticate"})
"""Fields without which the status of a mapped error would not say enough (RFC 9110, 15.5.2, 15.5.6 and 15.6.4)."""


class Passage(Calling, Outlet):
    """One call of an upstream, its answer, and how that gets to the client."""

    def __init__(self, ctx: Context, matched: Matched, service: Service, guard: Guard) -> None:
        super().__init__(ctx, matched, service, guard)
        self._fields: Fields = []
        self._whole: bytes | None = None
        self._length: int | None = None
        self._wraps = False

    async def prepare(self) -> None:
        """See to all that can be refused while nothing is sent: its fields, its status, and what is to be opened."""
        answer, route = self.answer, self.matched.route
        cors = route.cors if route.cors is not None else self.ctx.app.cors
        try:
            self._fields = response_fields(answer.fields, cors is not None)
        except ValueError as error:
            raise self.garbled(str(error)) from None
        status = answer.status
        if status >= 400 and route.settings.errors == "map":
            raise Upstreams(status, [pair for pair in self._fields if pair[0] in _OF_ERRORS])
        self._whole, self._length = answer.whole, answer.length
        if route.settings.envelope != "off":
            await self._open(status, unwraps=route.settings.envelope == "unwrap")

    async def _open(self, status: int, *, unwraps: bool) -> None:
        """Take the body out of an envelope, or have it put into one, if there is a body for that."""
        if status == 304:
            self._fields = unwrapped(self._fields) if unwraps else weakened(self._fields)
        # NOTE: a part of a body (206) has no envelope, and nothing has none (204, 205).
        if not 200 <= status < 300 or status in (204, 205, 206) or not is_json(self._fields):
            return
        self._wraps = not unwraps
        if not unwraps:
            return
        self._fields = unwrapped(self._fields)
        self._length = None
        if self.ctx.method != "HEAD":
            try:
                self._whole = opened(await self.collected(Room(MOST_OPENED)))
            except ValueError as error:
                raise self.garbled(str(error)) from None

    async def send(self, ctx: Context, receive: Receive, send: Send) -> None:
        """Pass the response on, to its end or to where it breaks off."""
        try:
            await self._pass(ctx, send)
        except (ClientGone, OSError):  # as ASGI has it from 2.4 on
            ctx.reason = leaving(ctx)
        except (TransportError, Overdue) as error:
            ctx.reason = "aborted"
            self.broke(error)
            self._warn(f"the response broke off: {self.told(error)}")
            _break_off(send)
        finally:
            await self.end()

    async def _pass(self, ctx: Context, send: Send) -> None:
        prefix = suffix = b""
        if self._wraps:
            prefix, suffix = around(ctx, self.answer.status)
        ctx.status = status = self.answer.status
        whole, length = self._whole, self._length
        bodiless = ctx.method == "HEAD" or status in (204, 304)
        if prefix:
            self._fields = wrapped(self._fields)
            if whole is not None and not bodiless:
                whole = prefix + (whole or b"null") + suffix
            elif length is not None:
                length = len(prefix) + (length or len(b"null")) + len(suffix)
        headers = self._joined(ctx)
        if whole is not None and not bodiless:
            length = len(whole)
        # NOTE: servers mind a 304 that says how long it would be, and it need not (RFC 9110, 8.6).
        if length is not None and status not in (204, 304):
            headers.append((b"content-length", b"%d" % length))
        start = {"type": "http.response.start", "status": status, "headers": headers}
        if bodiless:
            whole = b""
        if whole is not None:
            self.matched.bytes = 0 if bodiless else len(self._whole or b"")
            await send(start)
            await send({"type": "http.response.body", "body": whole})
        else:
            lease = Lease(ctx, self.matched, RECHECK_SECONDS, self.guard.leave)
            try:
                await self._stream(send, start, prefix, suffix)
            except ClientGone:
                if not lease.is_over:
                    raise
                ctx.reason = Unauthorized.word
                _break_off(send)
            finally:
                await lease.end()

    async def _stream(self, send: Send, start: dict[str, Any], prefix: bytes, suffix: bytes) -> None:
        answer, guard = self.answer, self.guard
        idle = self.matched.route.times.idle
        guard.unhurried()
        await guard.call(send(start))
        # NOTE: the head goes out now: what waits for events wants to know that they will come.
        await guard.call(send({"type": "http.response.body", "body": b"", "more_body": True}))
        begun = False
        while True:
            guard.within(idle, "idle")
            piece: bytes = await guard.call(answer.piece())
            # NOTE: a client that reads slowly is the server's business, and no fault of the upstream's.
            guard.unhurried()
            if not piece:
                break
            self.matched.bytes += len(piece)
            if not begun and prefix:
                piece = prefix + piece
            begun = True
            await guard.call(send({"type": "http.response.body", "body": piece, "more_body": True}))
        end = suffix if begun or not prefix else prefix + b"null" + suffix
        await guard.call(send({"type": "http.response.body", "body": end}))

    def _joined(self, ctx: Context) -> Fields:
        """The fields of the upstream's response with ours, which are said once."""
        headers, ours = self._fields, ctx.response_headers
        self.matched.route.response.apply(headers)
        # PERF: mostly the only one is the request's id, which no upstream says in our place.
        if len(ours) > 1:
            names = {name for name, _ in ours} - {b"vary"}
            headers = [pair for pair in headers if pair[0] not in names]
        for name, value in ours:
            if name == b"vary":
                vary(headers, value)
            else:
                headers.append((name, value))
        return headers


def _break_off(send: Any) -> None:
    """End the connection without an end to the response.

    NOTE: any server takes a response that is not complete when the application returns for broken off, and logs it;
    Crossbar's own can be told that this is meant.
    """
    abort = getattr(getattr(send, "__self__", None), "abort", None)
    if abort is not None:
        abort()
