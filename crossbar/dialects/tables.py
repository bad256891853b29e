"""What the dialects share: paths out of nouns, and rows as files of the media types that have a renderer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

from .. import renderers
from ..context import Context
from ..media.disposition import disposition, field_text, file_name
from ..reply import Columns, Page, Stream
from ..stores import Document
from ..target import Noun

_HOST = re.compile(r"[A-Za-z0-9._~-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
TARGET = "!$&'()*+,-./:;=?@_~%"
"""The characters of a path and a query (RFC 3986)."""


def tokens_of(nouns: tuple[Noun, ...]) -> Iterator[str]:
    """The tokens of a path that spells these nouns, encoded."""
    return (quote(token, safe="") for name, args in nouns for token in (name, *args))


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


def with_words(ctx: Context, words: Mapping[str, str], without: frozenset[str] = frozenset()) -> str:
    """The request's target, from the root of the server, with these words of its query instead of its own.

    Those `without` which it should be, such as tokens, are left out.
    """
    kept = []
    for part in ctx.query_string.decode("latin-1").split("&"):
        name = unquote_plus(part.partition("=")[0])
        if part and name not in words and name not in without:
            kept.append(quote(part, safe=TARGET))
    query = "&".join([*kept, *([urlencode(words)] if words else [])])
    return quote(f"{ctx.root_path}{ctx.path()}", safe=TARGET) + (f"?{query}" if query else "")


def linked(ctx: Context, words: Mapping[str, str], without: frozenset[str], relation: str) -> bytes:
    """The value of `Link` (RFC 8288) that leads to the same target with these words in its query."""
    return f'<{with_words(ctx, words, without)}>; rel="{relation}"'.encode()


def singular(noun: str) -> str:
    """What one document of a noun is called: `devices` as `device`."""
    if noun.endswith("xes"):
        return noun[:-2]
    return f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")


def version_in(prefix: str) -> str | None:
    """The version that a prefix ends with, such as `v1.0` or `ver1.0`; None if it ends with none."""
    last = prefix.rpartition("/")[2]
    number = last.removeprefix("ver").removeprefix("v")
    return last if number != last and number.replace(".", "").isdigit() else None


def root_of(ctx: Context) -> str:
    """Where the API is, without a slash at the end: what the settings say, else the host that the client has named."""
    told = ctx.app.settings.dialects.url
    if told:
        return told
    host = ctx.header(b"host") or ""
    # NOTE: what is no host name is not repeated to anybody.
    if not _HOST.fullmatch(host):
        return ctx.root_path
    return f"{ctx.scope.get('scheme', 'http')}://{host}{ctx.root_path}"


def is_below(raw_path: bytes, begin: bytes) -> bool:
    """Whether a path is a prefix, or goes on below it."""
    return raw_path.startswith(begin) and raw_path[len(begin) : len(begin) + 1] in (b"", b"/")
