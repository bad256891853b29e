"""Conditional requests: what is there now, against what the client knows of it (RFC 9110, 13)."""

from __future__ import annotations

import re

from .context import Context
from .dates import from_http_date
from .errors import PreconditionFailed

# What compression appends to the tag of what it compresses.
_COMPRESSED = re.compile(r'-(?:zstd|br|gzip)"$')
_TAGS = re.compile(r'(W/)?("[!#-~\x80-\xff]*")')


def listed(ctx: Context, name: bytes, tag: str, *, weak: bool = True) -> bool:
    """Whether a conditional header lists an entity tag, or is `*`; `weak` lets a weak tag stand for the strong one.

    A field that comes in several lines is one list (5.3).
    """
    field = _field(ctx, name)
    return field == "*" or (tag, False) in (tags := _tags(field)) or (weak and (tag, True) in tags)


def name_as_listed(ctx: Context) -> None:
    """Give a 304 the entity tag under which the client has what it has: that of a compressed form, if it lists one.

    A cache finds by it which of its responses is good (RFC 9111, 4.3.4).
    """
    known = [tag.encode("latin-1") for _, tag in _TAGS.findall(_field(ctx, b"if-none-match"))]
    for position, (name, value) in enumerate(ctx.response_headers):
        if name == b"etag" and value not in known:
            named = next((tag for tag in known if _plain(tag.decode("latin-1")).encode("latin-1") == value), value)
            ctx.response_headers[position] = (name, named)


def refuse_stale(ctx: Context, revision: str) -> None:
    """Raise PreconditionFailed if `If-Match` names another revision than this one (13.1.1)."""
    if not listed(ctx, b"if-match", f'"{revision}"', weak=False):
        raise PreconditionFailed


def is_known(ctx: Context, tag: str, modified: int | None) -> bool:
    """Whether a reader has the content already, so that 304 is the answer.

    Its quoted entity tag (empty if it has none) and the Unix second of its last change (None if that is unknown) are
    held against the preconditions in the order of 13.2.2. PreconditionFailed if the client wants another content.
    """
    headers = ctx.headers
    if b"if-match" in headers:
        if not listed(ctx, b"if-match", tag, weak=False):
            raise PreconditionFailed("the content is not the one that If-Match names")
    elif b"if-unmodified-since" in headers and modified is not None:
        since = _date(ctx, b"if-unmodified-since")
        if since is not None and modified > since:
            raise PreconditionFailed("the content has changed since the time in If-Unmodified-Since")
    if b"if-none-match" in headers:
        return listed(ctx, b"if-none-match", tag)
    if b"if-modified-since" in headers and modified is not None:
        since = _date(ctx, b"if-modified-since")
        return since is not None and modified <= since
    return False


def may_continue(ctx: Context, tag: str, modified: int | None) -> bool:
    """Whether the client's parts are of this very content, so that it may have others (`If-Range`, 13.1.5).

    That takes the strong entity tag, or the exact time of the last change, once that second is over (8.8.2.2): until
    then the content may change again without a new time.
    """
    field = ctx.header(b"if-range")
    if field is None:
        return True
    if '"' in field:
        return bool(tag) and field == tag
    return modified is not None and _date(ctx, b"if-range") == modified < ctx.now


def _field(ctx: Context, name: bytes) -> str:
    """All lines of a field as one list."""
    return ", ".join([value.decode("latin-1") for known, value in ctx.scope["headers"] if known == name]).strip()


def _tags(field: str) -> set[tuple[str, bool]]:
    """The entity tags of a list, quoted, and whether each is weak; those of compressed forms stand for the content."""
    found = {(tag, bool(weak)) for weak, tag in _TAGS.findall(field)}
    return found | {(_plain(tag), weak) for tag, weak in found}


def _plain(tag: str) -> str:
    """The entity tag of the content, out of that of a compressed form of it."""
    return _COMPRESSED.sub('"', tag)


def _date(ctx: Context, name: bytes) -> int | None:
    """The time that a header names; None for what is no date, which is to be passed over (13.1.3, 13.1.4)."""
    return from_http_date(ctx.header(name) or "", ctx.now)
