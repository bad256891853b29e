"""A `Blob` as a response: its type, its name, what identifies its content, and the parts of it that are asked for.

The order is that of RFC 9110, 13.2.2: preconditions first, then ranges. Bytes that are not in memory go out piece by
piece, and exactly as many as were announced.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import lru_cache
from hashlib import sha256
from typing import Any, cast

from ..conditional import is_known, may_continue
from ..context import Context, Headers
from ..dates import http_date
from ..errors import BadRequest, BlobMissing, NotFound
from ..events import close
from ..negotiation import essence
from ..reply import Blob, Source
from .disposition import disposition, ending_in, field_text, file_name, safe_name
from .ranges import ByteRange, satisfiable
from .types import BYTES, ending_of, is_type

Part = bytes | ByteRange
"""Bytes of ours, such as a boundary, or some of the content."""

_PARAMETER = r"[a-z0-9-]+=(?:[A-Za-z0-9!#$&^_.+-]+|\"[^\"\\,]*\")"
_PARAMETERS = re.compile(rf"(?:; ?{_PARAMETER})*", re.ASCII)
_ENTITY_TAG = re.compile(r"[!#-~]+")

# What a browser shows without running it. Anything else is only ever offered to be saved: a page or a drawing with
# scripts in it would run as if it were the API's own. Scripts in PDF run inside of the viewer.
_SHOWN = frozenset({"application/pdf", "text/plain"})
_SHOWN_KINDS = ("audio/", "image/", "video/")

# A browser may keep what it has got for this user, but asks each time whether it is still the same.
_ASK_AGAIN = (b"cache-control", b"private, no-cache")
_DEPENDS = (b"vary", b"X-File-Name")
# What is shown is put into a page of the browser's own, which has to load it; scripts stay forbidden.
_VIEWER = (
    b"content-security-policy",
    b"default-src 'none'; img-src 'self'; media-src 'self'; object-src 'self'; style-src 'unsafe-inline'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
_ACCEPT_RANGES = (b"accept-ranges", b"bytes")


@lru_cache(maxsize=256)
def content_type(told: str) -> bytes:
    """The type as a header field may have it; it often comes from whoever stored the bytes.

    What is not exactly one media type becomes `application/octet-stream`, which no browser shows.
    """
    name, semicolon, parameters = told.partition(";")
    is_good = told.isascii() and is_type(name.rstrip().lower()) and _PARAMETERS.fullmatch(semicolon + parameters)
    return (told if is_good else BYTES).encode()


def deliver(ctx: Context, blob: Blob) -> AsyncIterator[bytes] | None:
    """Put a blob into a response whose status is known; the pieces that are to be read if it is not in memory.

    BadRequest if the client wants it shown in a way that there is none, PreconditionFailed, RangeNotSatisfiable.
    """
    content = _content(blob)
    size = len(content) if isinstance(content, bytes) else content.size
    reads = ctx.verb == "GET" and 200 <= ctx.status < 300
    facts: Headers = [_ACCEPT_RANGES]
    called = _asked_disposition(ctx, blob) if reads else _own_disposition(blob.name, blob.content_type, blob.inline)
    ranges = _asked_ranges(ctx, blob, content, size, facts) if reads else []
    if called.startswith(b"inline"):
        facts.append(_VIEWER)
    if ctx.status == 304:
        _add(ctx, facts)
        return None
    media_type = content_type(blob.content_type)
    parts: list[Part] = [ByteRange(0, size)] if size else []
    if ranges:
        ctx.status = 206
        parts, media_type = _parts(ranges, size, media_type)
        if len(ranges) == 1:
            facts.append((b"content-range", ranges[0].content_range(size)))
    facts += [(b"content-type", media_type), (b"content-disposition", called)]
    if isinstance(content, bytes):
        _add(ctx, facts)
        ctx.payload = _joined(content, parts) if ranges else content
        return None
    length = sum([len(part) if isinstance(part, bytes) else part.length for part in parts])
    facts.append((b"content-length", b"%d" % length))
    _add(ctx, facts)
    return _pieces(content, parts)


def _asked_ranges(ctx: Context, blob: Blob, content: bytes | Source, size: int, facts: Headers) -> list[ByteRange]:
    """The ranges that are to be sent, none for the whole; adds the facts by which the content is known again.

    The status becomes 304 if the client has the content already. PreconditionFailed, RangeNotSatisfiable.
    """
    facts += [_ASK_AGAIN, _DEPENDS]
    tag = _entity_tag(blob, content)
    if tag:
        facts.append((b"etag", tag.encode()))
    modified = blob.modified
    if modified is not None:
        # NOTE: by 8.8.2.1 no change is told of that is still to come.
        modified = min(modified, ctx.now)
        facts.append((b"last-modified", http_date(modified)))
    if is_known(ctx, tag, modified):
        ctx.status = 304
        return []
    # NOTE: ranges are for GET alone (14.2), and a GET that a POST stands for is none to those on the way.
    if b"range" not in ctx.headers or ctx.method != "GET" or ctx.status != 200:
        return []
    return satisfiable(ctx.header(b"range") or "", size) if may_continue(ctx, tag, blob.modified) else []


def _content(blob: Blob) -> bytes | Source:
    """The bytes, or where they come from."""
    content: Any = blob.content
    if isinstance(content, bytes):
        return content
    if hasattr(content, "read"):
        return cast(Source, content)
    return bytes(memoryview(content))


def _entity_tag(blob: Blob, content: bytes | Source) -> str:
    """The strong entity tag with its quotes (8.8.3), empty if nothing identifies the content."""
    if blob.etag:
        if _ENTITY_TAG.fullmatch(blob.etag):
            return f'"{blob.etag}"'
        return f'"{sha256(blob.etag.encode(errors="surrogatepass")).hexdigest()[:32]}"'
    return f'"{sha256(content).hexdigest()[:32]}"' if isinstance(content, bytes) else ""


def _add(ctx: Context, facts: Headers) -> None:
    """Add header fields to the response, unless the reply has brought its own."""
    brought = {name for name, _ in ctx.response_headers}
    ctx.response_headers += [pair for pair in facts if pair[0] not in brought] if brought else facts


# How the client is to call and to treat it.


def _asked_disposition(ctx: Context, blob: Blob) -> bytes:
    """What the client says it is to be called and whether it is shown, as far as that can do no harm."""
    inline = blob.inline
    named = ctx.header(b"x-file-name")
    wanted: list[object] = [field_text(named)] if named else []
    if ctx.query or ctx.envelope:
        wanted += [ctx.word("file_name"), ctx.word("contentDispositionFilename")]
        asked = ctx.word("content_disposition")
        if asked is None:
            asked = ctx.word("contentDisposition")
        if asked is not None:
            if not isinstance(asked, str) or asked.lower() not in ("inline", "attachment"):
                told = "content_disposition must be inline or attachment"
                raise BadRequest(told, word="bad_disposition", cause=asked)
            inline = asked.lower() == "inline"
    if not any(wanted):
        return _own_disposition(blob.name, blob.content_type, inline)
    return _disposition(blob.name, blob.content_type, wanted, inline)


# PERF: most are downloaded under their own names, and often the same ones.
@lru_cache(maxsize=1024)
def _own_disposition(name: str, told: str, inline: bool) -> bytes:
    """The field for a blob that nobody calls otherwise."""
    return _disposition(name, told, [], inline)


def _disposition(own: str, told: str, wanted: list[object], inline: bool) -> bytes:
    """The field for the names that somebody wants, else the blob's own; `inline` only for types that do not run."""
    media_type = essence(content_type(told).decode())
    shown = media_type in _SHOWN or (media_type.startswith(_SHOWN_KINDS) and not media_type.endswith("xml"))
    stored = safe_name(own)
    name = file_name([*wanted, stored], ending_in(stored) or ending_of(media_type))
    return disposition("inline" if inline and shown else "attachment", name)


# The bytes that go out.


def _parts(ranges: list[ByteRange], size: int, media_type: bytes) -> tuple[list[Part], bytes]:
    """What is sent for these ranges, and its media type: `multipart/byteranges` for more than one (14.6)."""
    if len(ranges) == 1:
        return [*ranges], media_type
    boundary = secrets.token_hex(16).encode()
    parts: list[Part] = []
    for each in ranges:
        parts += [
            b"%s--%s\r\ncontent-type: %s\r\ncontent-range: %s\r\n\r\n"
            % (b"\r\n" if parts else b"", boundary, media_type, each.content_range(size)),
            each,
        ]
    return [*parts, b"\r\n--%s--\r\n" % boundary], b"multipart/byteranges; boundary=" + boundary


def _joined(content: bytes, parts: list[Part]) -> bytes:
    """The parts of a content that is in memory."""
    return b"".join(
        [part if isinstance(part, bytes) else content[part.start : part.start + part.length] for part in parts]
    )


async def _pieces(source: Source, parts: list[Part]) -> AsyncGenerator[bytes]:
    """The parts of a content that is not in memory, piece by piece; nothing is opened before the first is wanted."""
    ahead = b""
    for part in parts:
        if isinstance(part, bytes):
            ahead += part
            continue
        async with aclosing(_exactly(source, part)) as pieces:
            async for piece in pieces:
                # NOTE: what stands before a piece goes with it, so that a source that fails at once has sent nothing.
                yield ahead + piece if ahead else piece
                ahead = b""
    if ahead:
        yield ahead


async def _exactly(source: Source, part: ByteRange) -> AsyncGenerator[bytes]:
    """The bytes of a part, as many as were announced, or RuntimeError before the client could take them for that."""
    left = part.length
    last = b""
    pieces = source.read(part.start, part.length)
    try:
        async for piece in pieces:
            if not isinstance(piece, bytes):
                raise TypeError(f"a piece of the content is {type(piece).__name__}: they are bytes")
            left -= len(piece)
            if left < 0:
                raise RuntimeError(f"the source brings more than the {part.length} bytes from {part.start} on")
            if not left:
                # NOTE: the last piece waits until the source has ended; with it, all would seem well.
                last += piece
            elif piece:
                yield piece
    except BlobMissing:
        raise NotFound("the content is not there any more") from None
    finally:
        await close(pieces)
    if left:
        raise RuntimeError(f"the source has ended {left} bytes before the {part.length} from {part.start} on")
    yield last
