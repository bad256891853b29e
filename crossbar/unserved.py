"""Requests that the server refuses before the application is called, answered as the application answers its own.

What is wrong on the wire (a target that is too long, a header that never ends, a method that nobody knows) shows before
there is a request to walk through the stages. What is known of it by then, its path above all, says in which dialect
its client waits for an answer; where nothing is known, that is the first one.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .context import Context
from .dialects import choose
from .errors import (
    BadRequest,
    Fault,
    HeadersTooLarge,
    MethodNotAllowed,
    Refusal,
    RequestTimeout,
    Unauthorized,
    Unavailable,
    UriTooLong,
)
from .fields import Fields, fit, request_id, secure
from .walk import refuse

if TYPE_CHECKING:
    from .app import Crossbar

UNKNOWN_METHOD = 501
"""What a server finds wrong with a method that nobody knows (RFC 9110, 9.1).

The answer is the one that other servers, which let such a request pass, get from the application.
"""


class UpgradeRequired(Refusal):
    """A handshake for another version of WebSocket than the one that is spoken (RFC 6455, 4.4)."""

    status = 426
    word = "upgrade_required"

    def __init__(self, message: str) -> None:
        named = ((b"connection", b"upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13"))
        super().__init__(message, headers=named)


class VersionNotSupported(Refusal):
    """A version of HTTP that is not spoken."""

    status = 505
    word = "version_not_supported"


_CLASSES: dict[int, type[Refusal]] = {
    each.status: each for each in (RequestTimeout, UriTooLong, UpgradeRequired, HeadersTooLarge, VersionNotSupported)
}


def refused(
    app: Crossbar, scope: MutableMapping[str, Any], status: int, message: str
) -> tuple[int, Fields, bytes] | None:
    """Status, header fields and body of a refusal; `scope` is that of a request, as far as it is known.

    Its `raw_path` is empty where nothing is known of the target. None if the dialect answers in pieces.
    """
    ctx = Context(app, scope, app.clock())
    if ctx.root_path or ctx.raw_path.decode("latin-1") != scope["path"]:
        ctx.descend()
    ctx.request_id = request_id(ctx.headers.get(b"x-request-id"))
    ctx.dialect = choose(app.dialects, ctx.raw_path) if scope["raw_path"] else app.dialects[0]
    routes = ctx.registry.gateway
    routed = routes.at(ctx) if routes is not None and scope["raw_path"] else None
    if routed is not None:
        ctx.dialect = routed[0]
        unknown = Unauthorized() if routed[1].guarded else MethodNotAllowed("GET, HEAD, POST, PUT, PATCH, DELETE")
        refuse(ctx, unknown if status == UNKNOWN_METHOD else _refusal(status, message))
    elif status == UNKNOWN_METHOD:
        refuse(ctx, _unknown_method(ctx))  # charged as any other, so that nobody tries out paths in this way
    else:
        # NOTE: some paths have an error form of their own, but half of a path may be another one.
        if status != UriTooLong.status:
            with suppress(Refusal):
                ctx.target = ctx.dialect.target(ctx.raw_path, ctx.registry)
        ctx.dialect.failure(ctx, _refusal(status, message))
    headers = [*ctx.response_headers, *ctx.dialect.fields(ctx)]
    if app.cors is not None:
        app.cors.mark(ctx, headers)
    secure(headers)
    return (ctx.status, list(fit(headers)), ctx.payload) if isinstance(ctx.payload, bytes) else None


def _refusal(status: int, message: str) -> Refusal:
    """The refusal that a status and a sentence of the server stand for."""
    if status == Unavailable.status:
        return Unavailable(message, retry=1)
    if status == MethodNotAllowed.status:  # only a handshake has such a method, see RFC 6455, 4.1
        refusal: Refusal = MethodNotAllowed("GET")
        refusal.message = message
        return refusal
    return _CLASSES.get(status, Fault if status >= 500 else BadRequest)(message)


def _unknown_method(ctx: Context) -> Refusal:
    """What the path answers to a method that nobody knows: 405 with `Allow`, or that it leads nowhere."""
    # NOTE: OPTIONS tells as much to anybody, and asks no store for it.
    method, ctx.method = ctx.method, "OPTIONS"
    try:
        ctx.target = ctx.dialect.target(ctx.raw_path, ctx.registry)
        nouns = ctx.dialect.localize(ctx, ctx.target.nouns)
        return MethodNotAllowed(ctx.registry.place(nouns, ctx.dialect, ctx.target, ctx.raw_path).allow)
    except Refusal as found:
        return found
    finally:
        ctx.method = method
