"""Rows, or one document, as a file of a media type that has a renderer: the same in every dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import renderers
from ..context import Context
from ..media.disposition import disposition, field_text, file_name
from ..reply import Columns, Page, Stream
from ..stores import Document


def as_file(ctx: Context, answer: Any, link: Callable[[Context, str], bytes]) -> None:
    """Put rows, or one document, into the context as a file of the media type that was chosen.

    `link` makes the value of `Link` for the page that begins at a key.
    """
    renderer = ctx.app.renderers[ctx.media_type]()
    wanted = (field_text(ctx.header(b"x-file-name") or ""), ctx.word("file_name"))
    name = file_name(wanted, renderer.extension, always=True)
    ctx.response_headers += [
        (b"content-type", renderer.content_type.encode()),
        (b"content-disposition", disposition("attachment", name)),
    ]
    if isinstance(answer, Stream | Page):
        renderers.declare(renderer, answer.columns or _columns(ctx))
    if isinstance(answer, Stream):
        ctx.payload = renderers.rendered(ctx, renderer, answer)
        return
    if isinstance(answer, Page):
        rows = answer.rows.parsed()
        if answer.rows.next is not None:
            ctx.response_headers.append((b"link", link(ctx, answer.rows.next)))
    elif isinstance(answer, Document):
        rows = [answer.data()]
    else:
        rows = answer if isinstance(answer, list) else [answer or {}]
    ctx.blamed = type(renderer)
    ctx.payload = renderers.piece_of(renderer, rows) + renderers.piece_of(renderer, None)
    ctx.blamed = None


def _columns(ctx: Context) -> Columns | None:
    """The columns that the endpoint declares for its own listing."""
    bound = ctx.bound
    if bound is None or bound.route.operation != "find" or not bound.endpoint.columns:
        return None
    return Columns(bound.endpoint.columns, only=True)
