"""Renderers: rows and JSON into the bytes of a media type. JSON is the dialect's; CSV and pretty JSON stand here."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Any, ClassVar, Protocol

import orjson

from .negotiation import CSV
from .stores import Body, Rows

# The first characters with which a spreadsheet begins a formula (ASVS 5.0, 1.2.10, and CR).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")
MOST_COLUMNS = 256


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


async def rendered(renderer: Renderer, stream: AsyncIterator[Rows]) -> AsyncIterator[bytes]:
    """A whole listing in the renderer's media type, piece by piece."""
    async for rows in stream:
        if rows.count:
            yield piece_of(renderer, rows.parsed())
    last = piece_of(renderer, None)
    if last:
        yield last


def piece_of(renderer: Renderer, rows: Iterable[Body] | None) -> bytes:
    """What a renderer makes of some rows, or has to say after the last one; what it raises has its name."""
    try:
        piece: Any = renderer.end() if rows is None else renderer.piece(rows)
        if not isinstance(piece, bytes):
            raise TypeError(f"it returned {type(piece).__name__}: a renderer writes bytes")
    except Exception as error:
        error.add_note(f"by the renderer {type(renderer).__module__}.{type(renderer).__qualname__}")
        raise
    return piece


class CsvTable:
    """CSV (RFC 4180) of rows whose columns are those of the first piece, nested keys joined with `_`.

    One header line; text that a spreadsheet would take for a formula gets a `'` before it.
    """

    media_type: ClassVar[str] = CSV
    content_type: ClassVar[str] = "text/csv; charset=utf-8"
    extension: ClassVar[str] = "csv"

    def __init__(self) -> None:
        self._columns: list[str] | None = None

    def piece(self, rows: Iterable[Body]) -> bytes:
        """The CSV of some rows, with the header line in front of the first ones."""
        flat = [_flat(row) for row in rows]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        if self._columns is None and flat:
            self._columns = list(dict.fromkeys(name for row in flat for name in row))[:MOST_COLUMNS]
            writer.writerow([_cell(name) for name in self._columns])
        columns = self._columns or []
        writer.writerows([[_cell(row.get(name)) for name in columns] for row in flat])
        return out.getvalue().encode()

    def end(self) -> bytes:
        """Nothing: a table ends with its last row."""
        return b""


def _flat(row: Any, prefix: str = "") -> dict[str, Any]:
    """A row with the keys of nested objects joined by `_`."""
    flat: dict[str, Any] = {}
    for key, value in row.items() if isinstance(row, dict) else [("value", row)]:
        name = f"{prefix}_{key}" if prefix else key
        if isinstance(value, dict):
            flat.update(_flat(value, name))
        else:
            flat[name] = value
    return flat


def _cell(value: Any) -> Any:
    """A cell's text; numbers stay as they are, lists are joined with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, list):
        value = ",".join(item if isinstance(item, str) else orjson.dumps(item).decode() for item in value)
    return "'" + value if value.startswith(_FORMULA) else value
