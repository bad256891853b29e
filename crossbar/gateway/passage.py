"""The response of an upstream on its way to the client, whole or piece by piece, in an envelope or out of one.

What is wrong with it before anything was sent is an error like any other; after that the transfer is broken off, so
that no client takes a part for the whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from ..fields import Fields, vary
from ..mounted import Outlet, Receive, Send
from .envelopes import around, is_json, opened
from .forwarding import response_fields
from .guard import ClientGone, Guard, Overdue
from .pool import Target
from .refusals import BadGateway, Upstreams
from .transport import Answer, TransportError
from .transport import Fields as Raw

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched
    from .upstreams import Service

logger = logging.getLogger("crossbar")

_EVENTS = b"text/event-stream"
MOST_OPENED = 8 * 1024 * 1024
"""Bytes of a body out of which `data` is taken, all of which are in memory for that."""


class Passage(Outlet):
    """One call of an upstream: its guard, its target, its answer, and how that gets to the client."""

    def __init__(self, ctx: Context, matched: Matched, service: Service, guard: Guard) -> None:
        self.ctx = ctx
        self.matched = matched
        self.service = service
        self.guard = guard
        self.informs = "http.response.early_hint" in ctx.scope.get("extensions", ())
        self._answer: Answer | None = None
        self._target: Target | None = None
        self._fields: Fields = []
        self._whole: bytes | None = None
        self._wraps = False
        self._began = 0.0
        self._ended = False

    # What the relay tells.

    def begin(self, target: Target) -> None:
        """A target was chosen, which is called now."""
        self._target = target
        target.active += 1
        self._began = time.perf_counter()

    def failed(self, told: str, why: str) -> None:
        """The call came to nothing."""
        target = self._target
        assert target is not None, "what fails has begun"
        self.service.pool.failed(target, told)
        self._over(0, why)

    def answered(self, answer: Answer, *, well: bool) -> None:
        """The head of a response is there; `well` unless it says that the target itself is not."""
        self._answer = answer
        if self._target is not None:
            if well:
                self.service.pool.succeeded(self._target)
            else:
                self.service.pool.failed(self._target, f"it answered {answer.status}")
        self.matched.seconds = seconds = time.perf_counter() - self._began
        metrics = self.ctx.app.metrics
        if metrics is not None:
            metrics.called(self.service.name, answer.status, "", seconds)

    def rejected(self, status: int) -> None:
        """A handshake was answered, with 101 or a refusal."""
        if self._target is not None:
            self.service.pool.succeeded(self._target)
        self.matched.seconds = time.perf_counter() - self._began

    def retried(self) -> None:
        """Another try follows."""
        if self.ctx.app.metrics is not None:
            self.ctx.app.metrics.retried(self.service.name)

    def put_away(self) -> None:
        """Let go of an answer that is not passed on."""
        if self._answer is not None:
            self._answer.release()
            self._answer = None
        self._leave()

    async def informed(self, status: int, fields: Raw) -> None:
        """Pass on the links of an early hint (RFC 8297); no other interim response means anything to a client."""
        links = [value for name, value in fields if name == b"link"]
        if status == 103 and links:
            await self.ctx.send({"type": "http.response.early_hint", "links": links})

    async def end(self) -> None:
        """Let go of everything; a second call does nothing."""
        if self._ended:
            return
        self._ended = True
        self.guard.end()
        if self._answer is not None:
            self._answer.release()
        self._leave()
        await self.service.end()

    def _over(self, status: int, error: str) -> None:
        seconds = time.perf_counter() - self._began
        self.matched.seconds = seconds
        if self.ctx.app.metrics is not None:
            self.ctx.app.metrics.called(self.service.name, status, error, seconds)
        self._leave()

    def _leave(self) -> None:
        if self._target is not None:
            self._target.active -= 1
            self._target = None

    # The response.

    async def prepare(self) -> None:
        """See to all that can be refused while nothing is sent: its fields, its status, and what is to be opened."""
        answer, route = self._answer, self.matched.route
        assert answer is not None, "the relay has an answer, or raises"
        cors = route.cors if route.cors is not None else self.ctx.app.cors
        try:
            self._fields = response_fields(answer.fields, cors is not None)
        except ValueError as error:
            raise self._garbled(str(error)) from None
        if answer.status >= 400 and route.settings.errors == "map":
            raise Upstreams(answer.status, [pair for pair in self._fields if pair[0] == b"retry-after"])
        self._whole = answer.whole
        envelope = route.settings.envelope
        if envelope != "off" and 200 <= answer.status < 300 and answer.status not in (204, 206):
            if envelope == "unwrap":
                await self._unwrap(answer)
            elif self.ctx.method != "HEAD" and is_json(self._fields):
                self._wraps = True

    async def _unwrap(self, answer: Answer) -> None:
        """Take `data` out of the envelope of another Crossbar."""
        if not is_json(self._fields) or self.ctx.method == "HEAD":
            return
        pieces = [answer.whole] if answer.whole is not None else []
        size = len(pieces[0]) if pieces else 0
        while answer.whole is None:
            self.guard.within(self.matched.route.times.idle, "idle")
            try:
                piece = await self.guard.call(answer.piece())
            except TransportError as error:
                raise self._garbled(str(error)) from None
            if not piece:
                break
            size += len(piece)
            if size > MOST_OPENED:
                raise self._garbled(f"an envelope of more than {MOST_OPENED} bytes")
            pieces.append(piece)
        try:
            self._whole = opened(b"".join(pieces))
        except ValueError as error:
            raise self._garbled(str(error)) from None
        # NOTE: the tag is that of the envelope, of which this is a part.
        self._fields = [pair for pair in self._fields if pair[0] not in (b"etag", b"content-encoding")]

    def _garbled(self, why: str) -> BadGateway:
        name, request_id = self.service.name, self.ctx.request_id
        logger.warning("upstream %s, %s: %s (request %s)", name, self.matched.target, why, request_id)
        return BadGateway(f"the service {name!r} gave no proper answer", word="upstream_garbled")

    async def send(self, ctx: Context, receive: Receive, send: Send) -> None:
        """Pass the response on, to its end or to where it breaks off."""
        try:
            await self._pass(ctx, send)
        finally:
            await self.end()

    async def _pass(self, ctx: Context, send: Send) -> None:
        answer = self._answer
        assert answer is not None, "the relay has an answer, or raises"
        prefix = suffix = b""
        if self._wraps:
            prefix, suffix = around(ctx, answer.status)
            self._wraps = bool(prefix)
        ctx.status = status = answer.status
        headers = self._joined(ctx)
        whole, length = self._whole, answer.length
        bodiless = ctx.method == "HEAD" or status in (204, 304)
        if whole is not None and not bodiless:
            if self._wraps:
                whole = prefix + (whole or b"null") + suffix
            length = len(whole)
        elif length is not None and self._wraps:
            length = length + len(prefix) + len(suffix) if length else None
        if length is not None and status != 204:
            headers.append((b"content-length", b"%d" % length))
        if whole is not None or bodiless:
            self.matched.bytes = len(whole or b"")
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": whole if whole is not None and not bodiless else b""})
            return
        try:
            await self._stream(send, status, headers, prefix, suffix)
        except ClientGone:
            ctx.reason = "client_gone"
        except (TransportError, Overdue) as error:
            ctx.reason = "aborted"
            told = str(error) if isinstance(error, TransportError) else f"{error} is over"
            name, request_id = self.service.name, ctx.request_id
            logger.warning(
                "upstream %s, %s: the response broke off: %s (request %s)", name, self.matched.target, told, request_id
            )
            _break_off(send)

    async def _stream(self, send: Send, status: int, headers: Fields, prefix: bytes, suffix: bytes) -> None:
        answer, guard = self._answer, self.guard
        assert answer is not None, "what is streamed is there"
        idle = self.matched.route.times.idle
        await guard.call(send({"type": "http.response.start", "status": status, "headers": headers}))
        # NOTE: the head goes out now: what waits for events wants to know that they will come.
        await guard.call(send({"type": "http.response.body", "body": b"", "more_body": True}))
        begun = False
        while True:
            guard.within(idle, "idle")
            piece: bytes = await guard.call(answer.piece())
            if not piece:
                break
            self.matched.bytes += len(piece)
            if not begun and prefix:
                piece = prefix + piece
            begun = True
            # NOTE: a client that reads slowly is the server's business, and no fault of the upstream's.
            guard.unhurried()
            await guard.call(send({"type": "http.response.body", "body": piece, "more_body": True}))
        end = suffix if begun else prefix + b"null" + suffix if prefix else b""
        await guard.call(send({"type": "http.response.body", "body": end}))

    def _joined(self, ctx: Context) -> Fields:
        """The fields of the upstream's response with ours, which are said once."""
        headers = self._fields
        self.matched.route.response.apply(headers)
        if self._wraps:
            headers = [_weak(pair) for pair in headers if pair[0] != b"accept-ranges"]
        for name, value in ctx.response_headers:
            if name == b"vary":
                vary(headers, value)
            else:
                headers.append((name, value))
        return headers


def _weak(pair: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """A field of a response whose envelope is another one each time: its tag is a weak one (RFC 9110, 8.8.3)."""
    name, value = pair
    return (name, b"W/" + value) if name == b"etag" and not value.startswith(b"W/") else pair


def _break_off(send: Any) -> None:
    """End the connection without an end to the response.

    NOTE: any server takes a response that is not complete when the application returns for broken off, and logs it;
    Crossbar's own can be told that this is meant.
    """
    abort = getattr(getattr(send, "__self__", None), "abort", None)
    if abort is not None:
        abort()


async def pieces_of(passage: Passage) -> AsyncIterator[bytes]:
    """The body of an answer, for who does not pass it on."""
    answer = passage._answer
    if answer is None:
        return
    if answer.whole is not None:
        yield answer.whole
        return
    idle = passage.matched.route.times.idle
    while True:
        passage.guard.within(idle, "idle")
        piece: bytes = await passage.guard.call(answer.piece())
        if not piece:
            return
        yield piece
