"""What the stage `render` does with answers that are not simply put into an envelope, and how a stream begins."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable

from .context import Context
from .endpoint import Endpoint
from .mounted import Handover
from .renderers import file_name
from .reply import Blob, Reply, Stream


def unwrapped(ctx: Context, reply: Reply, answer: Blob | Stream | Handover) -> Awaitable[None] | None:
    """Leave an answer that has a form of its own without an envelope, whatever the dialect."""
    ctx.status = reply.status or 200
    ctx.response_headers.extend(reply.headers)
    if isinstance(answer, Handover):
        ctx.handover = answer
        return None
    if isinstance(answer, Blob):
        ctx.response_headers.append((b"content-type", answer.content_type.encode("latin-1")))
        if answer.name:
            stem, _, ending = answer.name.rpartition(".")
            name = file_name(stem or ending, ending if stem else "bin")
            ctx.response_headers.append((b"content-disposition", f'attachment; filename="{name}"'.encode()))
        ctx.payload = answer.content
        return None
    ctx.response_headers.append((b"content-type", answer.media_type.encode("latin-1")))
    return begin(ctx, answer.bytes())


async def rendered_by(endpoint: Endpoint, ctx: Context, reply: Reply) -> None:
    """Let the endpoint render its answer; what it leaves is the dialect's."""
    payload = await endpoint.render(ctx, reply.answer)
    ctx.dialect.success(ctx, reply)
    if payload is not None:
        ctx.response_headers = [pair for pair in ctx.response_headers if pair[0] != b"content-type"]
        ctx.response_headers.append((b"content-type", ctx.media_type.encode()))
        ctx.payload = payload
    elif not isinstance(ctx.payload, bytes):
        await begin(ctx, ctx.payload)


async def begin(ctx: Context, pieces: AsyncIterator[bytes]) -> None:
    """Fetch the first piece of a stream here, so that a failure to read it is still an error like any other."""
    ctx.payload = _resumed(await anext(pieces, b""), pieces)


async def _resumed(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        if isinstance(rest, AsyncGenerator):
            await rest.aclose()


def location(ctx: Context, id: str) -> bytes:
    """Where a created document is: the request's path and the new id."""
    return f"{ctx.root_path}{ctx.path().rstrip('/')}/{id}".encode("latin-1")
