"""Listings in Crossbar's dialect that go out before all of their rows are there.

A JSON listing is one envelope whose `data` comes first. What goes wrong after the status is out is told in its trailer,
with the key from which to go on. A page in another media type has no envelope; a `Link` field leads on.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

import orjson

from ..envelope import STREAM_HEAD, stream_tail
from ..errors import Refusal
from ..events import close
from ..failures import refusal_for
from ..reply import Stream, Whole
from ..watch import blame
from .paths import linked

if TYPE_CHECKING:
    from ..context import Context
    from ..stores import Rows

logger = logging.getLogger("crossbar")

# What chooses rows and their form, and may stand in the envelope of a tunnelled request.
_WORDS = (
    *("accept", "ascending", "chunk_size", "created_from", "created_to", "descending", "fields", "file_name"),
    *("full_docs", "is_chunked", "modified_from", "modified_to", "page_size", "paginate"),
)
_LARGE = 65_536  # bytes


class Sent:
    """How much of a listing has gone out: how many rows, the key of the first and that of the row after the last."""

    def __init__(self) -> None:
        self.count = 0
        self.first: str | None = None
        self.next: str | None = None
        self._sum = 0
        self._size = 0

    @property
    def revision(self) -> str:
        """The fingerprint of the rows, as `Crossbar.revision_of` has it for a page that is sent whole."""
        return f"{self._sum:08x}{self._size:x}"

    def add(self, rows: Rows, joined: bytes, *, summed: bool) -> None:
        """Count a piece, whose rows are joined by commas; with `summed` it counts for the fingerprint as well."""
        if summed:
            if self.count:
                self._sum = zlib.crc32(b",", self._sum)
                self._size += 1
            self._sum = zlib.crc32(joined, self._sum)
            self._size += len(joined)
        if not self.count:
            self.first = rows.first
        self.count += rows.count
        self.next = rows.next


Trailer = Callable[[Sent, Refusal | None], dict[str, Any]]


async def streamed(ctx: Context, stream: Stream, trailer: Trailer) -> AsyncGenerator[bytes]:
    """A listing as one JSON object: the rows as they come, then the other keys of the envelope.

    Nothing goes out before the first rows are there, so that a failure to read them is an error like any other. After
    that it closes the array, and the trailer says what has failed.
    """
    sent = Sent()
    failed: Refusal | None = None
    pieces = stream.rows()
    try:
        async for rows in pieces:
            last = stream.keyed and rows.next is None
            joined = rows.joined.replace(b"\n", b",") if rows.lines else rows.joined
            if not sent.count:
                sent.add(rows, joined, summed=stream.paged)
                if last:
                    yield Whole(b"".join((STREAM_HEAD, joined, stream_tail(trailer(sent, None)))))
                    return
                if rows.count:
                    yield STREAM_HEAD + joined
            elif rows.count:
                sent.add(rows, joined, summed=stream.paged)
                # PERF: a comma of its own is cheaper than a copy of many rows.
                if len(joined) > _LARGE:
                    yield b","
                    yield joined
                else:
                    yield b"," + joined
            else:
                sent.next = rows.next
    except BaseException as error:
        failed = refusal_for(ctx, error) if sent.count else None
        if failed is None:
            raise
        ctx.reason = failed.word
        told = "a listing of %s broke off after %d rows: %s (request %s)"
        logger.warning(told, blame(ctx), sent.count, failed.word, ctx.request_id)
    finally:
        await close(pieces)
    tail = stream_tail(trailer(sent, failed))
    yield tail if sent.count else Whole(STREAM_HEAD + tail)


def next_link(ctx: Context, key: str) -> bytes:
    """The value of `Link` (RFC 8288) for the page that begins at a key: the request's target with its start_key.

    A token in the query is left out; whoever follows the link sends one as before.
    """
    sealed = ctx.app.start_keys.seal(key, ctx.binding(ctx.listing()), ctx.started_at)
    words = {name: _text(ctx.envelope[name]) for name in _WORDS if name in ctx.envelope and name not in ctx.query}
    return linked(ctx, words | {"start_key": sealed}, frozenset({"auth_token", "verb"}), "next")


def _text(value: Any) -> str:
    """A word of the envelope as it stands in a query."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
