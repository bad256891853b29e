"""The body of a request on its way to an upstream: all of it if it is here, or else piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ..errors import BadRequest, ContentTooLarge
from .guard import ClientGone

if TYPE_CHECKING:
    from ..context import Context
    from .guard import Guard
    from .routes import Times


_LONGEST = 18
"""Digits of a length."""


class Pieces(AsyncIterator[bytes]):
    """A body that is still on its way: what has been read of it, then what comes.

    `begun` tells whether a piece was asked for, `length` how many bytes were announced, None if that shows only at the
    end. ContentTooLarge as soon as there are more than the limit, ClientGone if its client goes in the middle of it.
    """

    def __init__(self, ctx: Context, guard: Guard, first: bytes, limit: int, times: Times) -> None:
        self.begun = False
        self.taken = len(first)
        self.length = announced(ctx)
        self._ctx = ctx
        self._guard = guard
        self._timed = True
        self._first = first
        self._limit = limit
        self._times = times
        self._more = True

    async def __anext__(self) -> bytes:
        """The next piece, which is not empty."""
        self.begun = True
        if self._first:
            first, self._first = self._first, b""
            return first
        guard = self._guard
        while self._more:
            # NOTE: how fast a client sends is watched over by the server; here only the upstream is timed.
            if self._timed:
                guard.unhurried()
            message = await self._ctx.receive()
            if message["type"] == "http.disconnect":
                guard.leave()
                raise ClientGone
            self._more = message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            self.taken += len(piece)
            if self.taken > self._limit:
                raise too_large(self._limit)
            if piece:
                if self._timed:
                    guard.within(self._times.idle, "idle")
                return piece
        guard.listen(self._ctx.receive)
        if self._timed:
            guard.within(self._times.first_byte, "first_byte")
        raise StopAsyncIteration

    def answered(self) -> None:
        """There is a response, and it is that which is timed from here on."""
        self._timed = False


async def body_of(ctx: Context, guard: Guard, limit: int, times: Times) -> bytes | Pieces:
    """The body of a request that has one; ContentTooLarge if it announces more than the limit."""
    guard.listen(ctx.receive, received=False)
    if (announced(ctx) or 0) > limit:
        raise too_large(limit)
    if expects(ctx):
        return Pieces(ctx, guard, b"", limit, times)
    guard.unhurried()
    message = await ctx.receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    first: bytes = message.get("body", b"")
    if len(first) > limit:
        raise too_large(limit)
    if message.get("more_body", False):
        return Pieces(ctx, guard, first, limit, times)
    guard.listen(ctx.receive)
    return first


def announced(ctx: Context) -> int | None:
    """How many bytes the body of a request has, None if that shows at its end; BadRequest for what is no number."""
    length = ctx.headers.get(b"content-length")
    # NOTE: of both, which no server of ours lets through, the coding would count (RFC 9112, 6.3).
    if length is None or b"transfer-encoding" in ctx.headers:
        return None
    if not length.isdigit() or len(length) > _LONGEST:
        raise BadRequest("Content-Length is one whole number", word="bad_header")
    return int(length)


def expects(ctx: Context) -> bool:
    """Whether the client waits to be asked for its body (RFC 9110, 10.1.1); one of HTTP/1.0 cannot."""
    return ctx.headers.get(b"expect", b"").lower() == b"100-continue" and ctx.scope.get("http_version", "1.1") != "1.0"


def too_large(limit: int) -> ContentTooLarge:
    """The refusal of a body that is over the limit of its route."""
    return ContentTooLarge(f"the request body is larger than {limit} bytes")
