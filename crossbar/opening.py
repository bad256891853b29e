"""How a request is opened: its path and header fields within their limits, its body read or left to the endpoint."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from .body import read_body, refuse_encoded
from .context import Context, parse_query
from .errors import BadRequest, HeadersTooLarge, UriTooLong
from .target import split_path


def refuse_oversize(ctx: Context) -> None:
    """Raise UriTooLong, HeadersTooLarge or BadRequest for a request that is over a limit or whose path is none."""
    refuse_large(ctx)
    limits = ctx.app.settings.limits
    path = ctx.raw_path
    if path.count(b"/") > limits.segments:
        raise BadRequest(f"the path has more than {limits.segments} segments", word="bad_path")
    # PERF: a short path of plain characters cannot hold a long segment or a control character.
    if len(path) > limits.segment or b"%" in path or not path.isascii() or not path.decode("ascii").isprintable():
        for token in split_path(path):
            if any(len(id) > limits.segment for id in ctx.dialect.ids_in(token)) or not token.isprintable():
                raise BadRequest(
                    f"a segment of the path is longer than {limits.segment} characters or holds control characters",
                    word="bad_path",
                )


def refuse_large(ctx: Context) -> None:
    """Raise the same for what is too large whatever the path means, or said twice where once is all there can be."""
    limits = ctx.app.settings.limits
    path = ctx.raw_path
    if len(path) + len(ctx.query_string) > limits.target:
        raise UriTooLong(f"the path and query are longer than {limits.target} bytes")
    headers = ctx.scope["headers"]
    if len(headers) > limits.header_count or sum([len(name) + len(value) for name, value in headers]) > limits.headers:
        raise HeadersTooLarge(f"more than {limits.header_count} header fields, or {limits.headers} bytes of them")
    if len(ctx.headers) != len(headers):
        _refuse_several(headers)
    if path[:1] != b"/":
        raise BadRequest("the request target must be a path", word="bad_path")


def refuse_unreadable(path: bytes) -> None:
    """Raise BadRequest for a path with broken encodings, with what is no UTF-8, or with control characters."""
    if b"%" in path or not path.isascii() or not path.decode("ascii").isprintable():
        for token in split_path(path):
            if not token.isprintable():
                raise BadRequest("the path holds control characters", word="bad_path")


def _refuse_several(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise BadRequest for several fields that say who asks, or for what: servers on the way might believe another."""
    for field in (b"x-auth-token", b"authorization", b"x-http-method-override"):
        if len({value for name, value in headers if name == field}) > 1:
            raise BadRequest(f"{field.decode()} stands in the request more than once", word="bad_header")


def open_raw(ctx: Context) -> None:
    """Leave body and query to the endpoint; only the token is looked for in them."""
    limits = ctx.app.settings.limits
    ctx.registry.names[ctx.target.nouns[-1].name].match(ctx)
    # NOTE: words of the endpoint's own may be wrong in the eyes of the dialect, and mean something else to it.
    with suppress(BadRequest):
        ctx.query = dict(parse_query(ctx.query_string, most=limits.query_words, longest=limits.query_word))
    with suppress(BadRequest):
        ctx.dialect.read(ctx)
    ctx.verb = "GET" if ctx.method == "HEAD" else ctx.method
    ctx.accept = None


async def open_with_body(ctx: Context) -> None:
    """Read the body up to its limit, and let the dialect read query and body together."""
    if ctx.app.admission is not None:
        ctx.app.admission.refuse_unread(ctx)
    refuse_encoded(ctx)
    ctx.raw_body = await ctx.app.watch.leave_to_client(ctx, read_body(ctx))
    ctx.dialect.read(ctx)


def has_body(ctx: Context) -> bool:
    """Whether the request has a body (RFC 9112, 6.3)."""
    return ctx.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in ctx.headers
