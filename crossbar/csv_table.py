"""CSV (RFC 4180) of rows: which columns, and the quickest way to their bytes that is right for each of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, ClassVar

import msgspec
import orjson
from msgspec import Raw
from msgspec.structs import astuple

from .negotiation import CSV
from .reply import Columns
from .stores import Body, Rows

MOST_COLUMNS = 256
REST = "_other"
"""The last column of a listing that is longer than its first piece: the fields that have no column, as JSON."""

# The first characters with which a spreadsheet begins a formula (ASVS 5.0, 1.2.10, and CR).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")
# The beginnings of such text in CSV without escapes; TAB, CR and NUL are escapes in JSON, which take the slow way.
_BEGINNING = re.compile(rb',"(?=[=+@-])')
_GUARDED = b",\"'"
_SLICE = 25  # rows that take the slow way together with one that has to
_BREAK = b"\r\n"


class CsvTable:
    """Rows as CSV, nested keys joined with `_`, under one header line.

    Text stands in quotation marks, and gets a `'` before it if a spreadsheet would take it for a formula; numbers and
    booleans stand as in JSON, null and what is not there is nothing. The columns are those declared, and then those of
    the first piece, up to `MOST_COLUMNS`.
    """

    media_type: ClassVar[str] = CSV
    content_type: ClassVar[str] = "text/csv; charset=utf-8"
    extension: ClassVar[str] = "csv"

    def __init__(self) -> None:
        self._declared = Columns(())
        self._names: tuple[str, ...] | None = None
        self._known: frozenset[str] = frozenset()
        self._rest = False
        self._quick: msgspec.json.Decoder[Any] | None = None

    def declare(self, columns: Columns) -> None:
        """Begin with these columns, whatever the rows have."""
        self._declared = columns
        self._known = frozenset(columns.names)

    def piece(self, rows: Iterable[Body]) -> bytes:
        """The CSV of some rows, with the header line in front of the first ones, whose columns are all there are."""
        found = list(rows)
        head = self._begin(found, more=False) if self._names is None and found else b""
        return head + b"".join([self._line(row) for row in found])

    def stored(self, rows: Rows, last: bool) -> Iterator[bytes]:
        """The same for a piece of a stream; fields that come later, or find no room, are collected in `REST`."""
        joined = rows.joined if rows.lines else b"\n".join(map(orjson.dumps, rows.parsed()))
        head = b""
        if self._names is None:
            # PERF: rows that have no other fields need not be looked at one by one, and the first byte goes out sooner.
            head = self._begin([] if self._fits(joined) else rows.parsed(), more=not last)
        quick = self._quickly(joined)
        if quick is not None:
            yield head + quick
            return
        lines = joined.split(b"\n")
        for place in range(0, len(lines), _SLICE):
            yield head + self._some(lines[place : place + _SLICE])
            head = b""

    def end(self) -> bytes:
        """Nothing: a table ends with its last row. One without rows is its header line, if that is known."""
        return self._begin([], more=False) if self._names is None and self._declared.names else b""

    def _begin(self, rows: list[Body], *, more: bool) -> bytes:
        """Settle the columns, and write the header line; `more` is whether other rows may follow."""
        declared = self._declared
        names = dict.fromkeys(declared.names)
        if not declared.only:
            for row in rows:
                names.update(dict.fromkeys(_flat(row, self._known)))
            self._rest = more or len(names) > MOST_COLUMNS
        if self._rest:
            names.pop(REST, None)
        fields = tuple(names)[: MOST_COLUMNS - self._rest]
        self._names = (*fields, REST) if self._rest else fields
        self._known = frozenset(fields)
        self._quick = _decoder(fields)
        return b",".join([_text(name) for name in self._names]) + _BREAK if self._names else b""

    def _fits(self, joined: bytes) -> bool:
        """Whether rows, a line each, certainly have no fields but those declared."""
        decoder = _decoder(self._declared.names)
        try:
            return decoder is not None and bool(decoder.decode_lines(joined))
        except msgspec.ValidationError:
            return False

    def _some(self, lines: list[bytes]) -> bytes:
        """Some rows, quickly if all of them allow it."""
        quick = self._quickly(b"\n".join(lines))
        return b"".join([self._line(orjson.loads(line)) for line in lines]) if quick is None else quick

    def _quickly(self, joined: bytes) -> bytes | None:
        """The CSV of rows, a line each, whose values are the same in JSON and CSV; None if that may not be so of all.

        PERF: values are not decoded, only cut out of the row, which is three times as fast as the `csv` module.
        Escapes, nulls, lists and objects have another form in CSV, and may not occur, nor may fields without a column.
        """
        if self._quick is None:
            return None
        try:
            rows = self._quick.decode_lines(joined)
        except msgspec.ValidationError:
            return None
        end = b"," + _BREAK if self._rest else _BREAK
        lines = end.join(map(b",".join, map(astuple, rows)))
        if b"\\" in lines or b"[" in lines or b"{" in lines or b"null" in lines:
            return None
        # PERF: most cells have a comma before them, and are found by that; the first of a row is the id as a rule.
        if _BEGINNING.search(b"," + b",".join([row.f0 for row in rows])) is not None:
            return None
        return _BEGINNING.sub(_GUARDED, lines) + end

    def _line(self, row: Body) -> bytes:
        """One row, whatever is in it."""
        flat = _flat(row, self._known)
        names = self._names or ()
        if self._rest:
            others = {name: value for name, value in flat.items() if name not in self._known}
            flat[REST] = others or None
        cells = [_cell(flat.get(name)) for name in names]
        # NOTE: the line of a single empty cell would be an empty line, which readers pass over.
        return (b'""' if cells == [b""] else b",".join(cells)) + _BREAK if cells else b""


def _flat(row: Any, known: frozenset[str], prefix: str = "") -> Body:
    """A row with the keys of nested objects joined by `_`, but for objects that have a column of their own."""
    flat: Body = {}
    for key, value in row.items() if isinstance(row, dict) else [("value", row)]:
        name = prefix + key
        if isinstance(value, dict) and name not in known:
            flat.update(_flat(value, known, f"{name}_"))
        else:
            flat[name] = value
    return flat


def _cell(value: Any) -> bytes:
    """A cell: text, lists joined with commas and objects as JSON in quotation marks, everything else as in JSON."""
    if value is None:
        return b""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return _text(",".join([item if isinstance(item, str) else orjson.dumps(item).decode() for item in value]))
    if isinstance(value, dict):
        return _text(orjson.dumps(value).decode())
    return orjson.dumps(value)


def _text(text: str) -> bytes:
    """Text in quotation marks, guarded if it begins like a formula."""
    guarded = f"'{text}" if text.startswith(_FORMULA) else text
    return b'"' + guarded.replace('"', '""').encode() + b'"'


@lru_cache(maxsize=64)
def _decoder(names: tuple[str, ...]) -> msgspec.json.Decoder[Any] | None:
    """What cuts rows of these fields, and no others, into the JSON of their values; None if names do not allow it."""
    # NOTE: the only cell of a row may not be empty.
    if len(names) < 2:
        return None
    fields = [(f"f{place}", Raw, Raw(b"")) for place in range(len(names))]
    rename = dict(zip((name for name, _, _ in fields), names, strict=True))
    try:
        row = msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)
    except ValueError:  # it takes no names with backslashes, quotation marks or control characters
        return None
    return msgspec.json.Decoder(row)
