"""CSV: rows of any shape as a table that every program reads back, quickly or not, and that runs nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.csv_table import MOST_COLUMNS, REST, CsvTable
from crossbar.reply import Columns
from crossbar.stores import Rows

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def read(data: bytes) -> list[list[str]]:
    """Read CSV as RFC 4180 has it; what it says is NUL is given to the csv module as something else."""
    text = data.decode().replace("\0", "\ue000")
    return [
        [cell.replace("\ue000", "\0") for cell in row] for row in csv.reader(io.StringIO(text, newline=""), strict=True)
    ]


def table(*rows: dict[str, Any]) -> list[list[str]]:
    """Give rows as they come back out of CSV."""
    return read(CsvTable().piece(rows))


def stored(rows: list[Any], *, lines: bool = True) -> Rows:
    """Give rows as a store has them."""
    return Rows((b"\n" if lines else b",").join(map(orjson.dumps, rows)), len(rows), None, None, lines)


def streamed(made: CsvTable, *pieces: list[Any], last: bool = False) -> list[bytes]:
    """Give what a table makes of the pieces of a stream."""
    return [b"".join(made.stored(stored(rows), last)) for rows in pieces]


def guarded(text: str) -> str:
    """Give text as a spreadsheet may see it."""
    return f"'{text}" if text.startswith(FORMULA) else text


TRICKY = [
    *("", ",", '"', '""', "\r", "\n", "\r\n", "a\r\nb", "=1+1", "+49", "-1", "@x", "\t", "'", " a ", ";", "\u2028"),
    *("\ufeff", "\0", "a\0b", "\\", '\\"', "[1]", "{x}", "null", 'x","=1', "\u00e4\u20ac\U0001f600", "\x7f"),
]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\ue000"), max_size=8) | st.sampled_from(TRICKY)
NUMBER = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = TEXT | NUMBER | st.booleans() | st.none()
VALUE = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=5
)
NAME = st.sampled_from(["id", "a", "b", "a_b", "+c", REST, 'q"', "x,y"]) | TEXT.filter(bool)
ROW = st.dictionaries(NAME, VALUE, max_size=5)
# Rows as they mostly are: few names, plain values, so that the quick way is taken as well.
USUAL = st.fixed_dictionaries(
    {"id": st.text("abc=+", min_size=1, max_size=3)},
    optional={"a": st.sampled_from(["x", "+49", "=1", "a-b", "\u20ac"]), "b": NUMBER, "c": PLAIN, "late": PLAIN},
)


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(TEXT.filter(bool), min_size=1, max_size=4, unique_by=guarded),
    rows=st.lists(st.lists(TEXT, min_size=4, max_size=4), min_size=1, max_size=4),
)
def test_round_trip(names: list[str], rows: list[list[str]]) -> None:
    """Any text in any cell and any name comes back through the csv module, but for the guard of formulas."""
    wanted = [dict(zip(names, row, strict=False)) for row in rows]
    expected = [[guarded(cell) for cell in row] for row in (names, *(row[: len(names)] for row in rows))]
    assert expected == table(*wanted)
    assert expected == read(b"".join(streamed(CsvTable(), wanted, last=True)))


def lines_of(made: CsvTable, pieces: list[list[Any]], last: bool) -> bytes:
    """Give the same as a stream, but each row by the slow way."""

    def parts() -> Iterator[bytes]:
        for rows in pieces:
            if made._names is None:
                yield made._begin(rows, more=not last)
            yield from map(made._line, rows)

    return b"".join(parts())


@settings(max_examples=150, deadline=None)
@given(
    pieces=st.lists(st.lists(USUAL | ROW, min_size=1, max_size=4), min_size=1, max_size=3)
    | st.lists(st.lists(USUAL, min_size=20, max_size=60), min_size=1, max_size=2),
    declared=st.sampled_from([None, Columns(("id", "a", "b")), Columns(("a", "id"), only=True), Columns(("c",))]),
)
def test_quick_or_not_the_bytes_are_the_same(pieces: list[list[Any]], declared: Columns | None) -> None:
    """What is cut out of the JSON is what would have been written, whatever the rows."""
    quick, slow, commas = CsvTable(), CsvTable(), CsvTable()
    for made in (quick, slow, commas):
        if declared is not None:
            made.declare(declared)
    last = len(pieces) == 1
    expected = lines_of(slow, pieces, last)
    assert expected == b"".join(streamed(quick, *pieces, last=last))
    parts = [part for rows in pieces for part in commas.stored(stored(rows, lines=False), last)]
    assert expected == b"".join(parts)


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(st.lists(USUAL | ROW, min_size=1, max_size=3), min_size=1, max_size=3))
def test_nothing_is_lost_and_nothing_runs(pieces: list[list[dict[str, Any]]]) -> None:
    """Each line has all columns, no cell begins a formula, and what came too late for a column is in the last one."""
    header, *rows = read(b"".join(streamed(CsvTable(), *pieces)))
    assert {len(header)} == {len(row) for row in rows}
    assert REST == header[-1]
    found = [row for piece in pieces for row in piece]
    assert len(found) == len(rows)
    # NOTE: numbers are no formulas, and begin with nothing else.
    assert {"-"} >= {cell[:1] for row in [header, *rows] for cell in row if cell.startswith(FORMULA)}
    for cells, row in zip(rows, found, strict=True):
        rest = orjson.loads(cells[-1]) if cells[-1] else {}
        if any(isinstance(value, dict) for value in row.values()):
            continue  # its keys may be those of other fields
        for name, value in row.items():
            if isinstance(value, str):
                column = guarded(name)
                shown = cells[header.index(column)] if column in header[:-1] else rest.get(name)
                assert shown in (value, guarded(value))


@pytest.mark.parametrize("first", FORMULA, ids=repr)
def test_formulas_are_defused(first: str) -> None:
    """Text and names that begin like a formula get an apostrophe, also out of a list; numbers stay numbers."""
    name = f"{first}name"
    row = {name: f"{first}1+1", "list": [f"{first}a", "b"], "number": -5, "inner": {"x": first}}
    expected = [[f"'{name}", "list", "number", "inner_x"], [f"'{first}1+1", f"'{first}a,b", "-5", f"'{first}"]]
    assert expected == table(row)


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@x"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_formulas_are_defused_in_every_column(text: str, place: int) -> None:
    """The quick way finds them in the first, a middle and the last column, and changes nothing else of the row."""
    row: dict[str, Any] = {"a": "x", "b": "y", "c": "z"} | {"abc"[place]: text}
    cells = [b'"x"', b'"y"', b'"z"']
    cells[place] = f'"\'{text}"'.encode()
    assert [b'"a","b","c"\r\n' + (b",".join(cells) + b"\r\n") * 3] == streamed(CsvTable(), [row] * 3, last=True)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        pytest.param(None, "", id="null"),
        pytest.param(True, "true", id="true"),
        pytest.param(False, "false", id="false"),
        pytest.param(0, "0", id="zero"),
        pytest.param(-5, "-5", id="a negative number"),
        pytest.param(2**63 - 1, "9223372036854775807", id="the largest number"),
        pytest.param(1.5, "1.5", id="a fraction"),
        pytest.param(-1e-7, "-1e-7", id="a small fraction"),
        pytest.param("", "", id="empty text"),
        pytest.param("null", "null", id="the word null"),
        pytest.param([], "", id="an empty list"),
        pytest.param(["a", 1, True, None], "a,1,true,null", id="a list"),
        pytest.param([{"b": 1}, ["c"]], '{"b":1},["c"]', id="a list of objects and lists"),
    ],
)
def test_cells(value: Any, cell: str) -> None:
    """Each JSON value has one form in a cell, on a page and in a stream."""
    expected = [["a", "z"], [cell, "1"]]
    assert expected == table({"a": value, "z": 1})
    assert expected == read(b"".join(streamed(CsvTable(), [{"a": value, "z": 1}], last=True)))


def test_the_bytes_are_those_of_the_standard() -> None:
    """Lines end in CR LF, text has quotation marks, and those in it are doubled (RFC 4180)."""
    data = CsvTable().piece([{"a": "x,y", "b": 'say "hi"'}, {"a": "1\r\n2", "b": ""}, {"a": 1}])
    assert b'"a","b"\r\n"x,y","say ""hi"""\r\n"1\r\n2",""\r\n1,\r\n' == data


def test_a_single_empty_cell_is_still_a_row() -> None:
    """A row of one empty cell is not an empty line, which readers would skip."""
    assert [["a"], [""], [""], ["b"]] == table({"a": ""}, {}, {"a": "b"})


def test_nested_keys_are_joined() -> None:
    """Objects become columns whose names are joined with an underscore."""
    assert [["a", "b_c", "b_d_e"], ["1", "2", "3"]] == table({"a": 1, "b": {"c": 2, "d": {"e": 3}}})


def test_rows_of_different_fields() -> None:
    """Columns are those of all rows of the first piece; what a row lacks is empty."""
    rows: list[dict[str, Any]] = [{"a": 1}, {"b": 2}, {"c": 4, "a": 3}]
    assert [["a", "b", "c"], ["1", "", ""], ["", "2", ""], ["3", "", "4"]] == table(*rows)


def test_the_header_comes_once() -> None:
    """The header stands before the first row, the columns stay, and what comes later is collected."""
    first, *others = streamed(CsvTable(), [{"a": 1, "b": 2}], [{"b": 3, "z": 4}, {"a": {"x": 1}}], [{"b": 5}])
    assert b'"a","b","_other"\r\n1,2,\r\n' == first
    assert [b',3,"{""z"":4}"\r\n"{""x"":1}",,\r\n', b",5,\r\n"] == others


def test_a_field_that_is_named_like_the_last_column() -> None:
    """A document's own `_other` is among what is collected."""
    (data,) = streamed(CsvTable(), [{"a": 1, "b": 2, REST: "x"}, {"a": 3, "b": 4}])
    assert [["a", "b", REST], ["1", "2", '{"_other":"x"}'], ["3", "4", ""]] == read(data)
    assert [["a", REST], ["1", "x"]] == table({"a": 1, REST: "x"})


def test_declared_columns() -> None:
    """They come first whatever the rows have; others follow, unless the declared ones are all."""
    rows = [{"z": 1, "a": 2, "n": {"x": 3}}]
    for only, names, cells in ((False, "a b n_x z", "2  3 1"), (True, "a b n_x", "2  3")):
        made = CsvTable()
        made.declare(Columns(("a", "b", "n_x"), only=only))
        assert [names.split(" "), cells.split(" ")] == read(b"".join(streamed(made, rows, last=True)))


def test_an_object_with_a_column_of_its_own() -> None:
    """It is not taken apart, but stands there as JSON."""
    made = CsvTable()
    made.declare(Columns(("a", "b"), only=True))
    assert [["a", "b"], ['{"x":1}', ""]] == read(made.piece([{"a": {"x": 1}}]))


@pytest.mark.parametrize("more", [False, True])
def test_columns_are_capped(more: bool) -> None:
    """However many fields rows have, the columns have an end; on a page the others are left out, not in a stream."""
    wide = {f"field{number}": number for number in range(1000)}
    header, row = read(streamed(CsvTable(), [wide], last=not more)[0])
    assert (MOST_COLUMNS, MOST_COLUMNS, 256) == (len(header), len(row), MOST_COLUMNS)
    others = {f"field{number}": number for number in range(255, 1000)}
    assert (REST, others) == (header[-1], orjson.loads(row[-1]))


def test_no_rows() -> None:
    """A listing without rows is its header line, if its columns are known; otherwise it is an empty body."""
    made = CsvTable()
    assert b"" == CsvTable().piece([]) + CsvTable().end()
    made.declare(Columns(("a", "=b")))
    assert b'"a","\'=b"\r\n' == made.end()


def test_what_is_no_row_has_a_column_of_its_own() -> None:
    """A list of plain values is a table with one column."""
    rows: Any = ["a", 5, None]
    assert [["value"], ["a"], ["5"], [""]] == read(CsvTable().piece(rows))


def test_one_row_that_takes_long_does_not_slow_all() -> None:
    """A row with a list among many is written row by row; its neighbours have the same bytes as without it."""
    rows: list[dict[str, Any]] = [{"id": f"{n}", "name": f"+{n}"} for n in range(100)]
    alone = streamed(CsvTable(), rows, last=True)[0].split(b"\r\n")
    rows[50] = {"id": "50", "name": ["x"]}
    among = streamed(CsvTable(), rows, last=True)[0].split(b"\r\n")
    assert [50 + 1] == [place for place, line in enumerate(among) if line != alone[place]]
    assert b'"50","x"' == among[51]
