"""Renderers: rows and JSON into the bytes of a media type. JSON is the dialect's; NDJSON and pretty JSON stand here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any, ClassVar, Protocol

import orjson

from .context import Context
from .events import close
from .negotiation import NDJSON
from .reply import Columns, Stream, Whole
from .stores import Body, Rows


def pretty(payload: bytes, most: int) -> bytes:
    """The JSON payload indented by two blanks; as it is if it is longer than `most` bytes, or would grow fourfold."""
    if len(payload) > most:
        return payload
    # NOTE: deep nesting costs an indent a line, and could make a small request into a large response.
    indented = orjson.dumps(orjson.loads(payload), option=orjson.OPT_INDENT_2)
    return indented if len(indented) <= max(4 * len(payload), 4096) else payload


class Renderer(Protocol):
    """How the rows of one response are written in a media type; an object of it is made for each response.

    One document is one row. The pieces come in their order, and are put together as they are.

    Two more methods are called where a renderer has them: `declare(columns)`, before anything else, with the `Columns`
    of the listing where they are known; and, for each piece of a stream in the place of `piece`, `stored(rows, last)`
    with the `Rows` as they are, joined by line feeds if the store can do that, and whether they are certainly the last.
    It gives its bytes in parts, between which other requests have their turn.
    """

    media_type: ClassVar[str]
    """What clients name in `Accept`."""
    content_type: ClassVar[str]
    """What stands in `Content-Type`: the media type with its parameters."""
    extension: ClassVar[str]
    """The ending of a file of this type, without the dot."""

    def piece(self, rows: Iterable[Body]) -> bytes:
        """Some rows, with what stands before the first of them."""

    def end(self) -> bytes:
        """What stands after the last row; also called when there was none."""


def declare(renderer: Renderer, columns: Columns | None) -> None:
    """Tell a renderer which columns there are, if they are known and it wants to know."""
    if columns is not None and hasattr(renderer, "declare"):
        renderer.declare(columns)


async def rendered(ctx: Context, renderer: Renderer, stream: Stream) -> AsyncGenerator[bytes]:
    """A whole listing in the renderer's media type, piece by piece."""
    pieces = stream.rows()
    begun = False
    try:
        async for rows in pieces:
            last = stream.keyed and rows.next is None
            # NOTE: a failure in the midst of a stream is told with the endpoint's name; this one can still be a 500.
            ctx.blamed = None if begun else type(renderer)
            parts = _parts_of(renderer, rows, last) if rows.count else iter(())
            if last and not begun:
                whole = Whole(b"".join([*parts, piece_of(renderer, None)]))
                ctx.blamed = None
                yield whole
                return
            for part in parts:
                ctx.blamed = None
                if part:
                    begun = True
                    yield part
            ctx.blamed = None
    finally:
        await close(pieces)
    end = piece_of(renderer, None)
    if end:
        yield end


def piece_of(renderer: Renderer, rows: Iterable[Body] | None) -> bytes:
    """What a renderer makes of some rows, or has to say after the last one; what it raises has its name."""
    try:
        return _checked(renderer.end() if rows is None else renderer.piece(rows))
    except Exception as error:
        _blame(renderer, error)
        raise


def _parts_of(renderer: Renderer, rows: Rows, last: bool) -> Iterator[bytes]:
    """The same for a piece of a stream, part by part."""
    if not hasattr(renderer, "stored"):
        yield piece_of(renderer, rows.parsed())
        return
    parts: Iterator[Any] = iter(renderer.stored(rows, last))
    while True:
        try:
            part = next(parts, None)
            if part is None:
                return
            _checked(part)
        except Exception as error:
            _blame(renderer, error)
            raise
        yield part


def _checked(piece: Any) -> bytes:
    if not isinstance(piece, bytes):
        raise TypeError(f"it returned {type(piece).__name__}: a renderer writes bytes")
    return piece


def _blame(renderer: Renderer, error: Exception) -> None:
    error.add_note(f"by the renderer {type(renderer).__module__}.{type(renderer).__qualname__}")


class Lines:
    """NDJSON: each row is a JSON object in a line of its own. What the store has joined is not looked at."""

    media_type: ClassVar[str] = NDJSON
    content_type: ClassVar[str] = NDJSON
    extension: ClassVar[str] = "ndjson"

    def piece(self, rows: Iterable[Body]) -> bytes:
        """The rows, line by line."""
        return b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows])

    def stored(self, rows: Rows, last: bool) -> Iterator[bytes]:
        """The same for rows of a store."""
        yield rows.joined + b"\n" if rows.lines else self.piece(rows.parsed())

    def end(self) -> bytes:
        """Nothing: every line has its end."""
        return b""
