"""Renderers: rows as CSV that every program reads back, JSON for people."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.renderers import MOST_COLUMNS, CsvTable, pretty, rendered
from crossbar.stores import Rows
from crossbar.testing import Client, World, small_world

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def read(data: bytes) -> list[list[str]]:
    """Read CSV as RFC 4180 has it."""
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def table(*rows: dict[str, Any]) -> list[list[str]]:
    """Give rows as they come back out of CSV."""
    return read(CsvTable().piece(rows))


def guarded(text: str) -> str:
    """Give text as a spreadsheet may see it."""
    return f"'{text}" if text.startswith(FORMULA) else text


TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    [
        "",
        ",",
        '"',
        '""',
        "\r",
        "\n",
        "\r\n",
        "a\r\nb",
        "=1+1",
        "+49",
        "-1",
        "@x",
        "\t",
        "'",
        " a ",
        ";",
        "\u2028",
        "\ufeff",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(TEXT.filter(bool), min_size=1, max_size=4, unique_by=guarded),
    rows=st.lists(st.lists(TEXT, min_size=4, max_size=4), min_size=1, max_size=4),
)
def test_round_trip(names: list[str], rows: list[list[str]]) -> None:
    """Any text in any cell and any name comes back through the csv module, but for the guard of formulas."""
    found = table(*(dict(zip(names, row, strict=False)) for row in rows))
    expected = [names, *(row[: len(names)] for row in rows)]
    assert [[guarded(cell) for cell in row] for row in expected] == found


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=5))
def test_no_cell_begins_a_formula(cells: list[str]) -> None:
    """Whatever the text, no cell begins with what a spreadsheet takes for a formula."""
    found = table(*({"name": cell} for cell in cells), {cell or "x": 1 for cell in cells})
    assert [] == [cell for row in found for cell in row if cell.startswith(FORMULA)]


@pytest.mark.parametrize("first", FORMULA, ids=repr)
def test_formulas_are_defused(first: str) -> None:
    """Text and names that begin like a formula get an apostrophe, also out of a list; numbers stay numbers."""
    name = f"{first}name"
    found = table({name: f"{first}1+1", "list": [f"{first}a", "b"], "number": -5, "inner": {"x": first}})
    expected = [[f"'{name}", "list", "number", "inner_x"], [f"'{first}1+1", f"'{first}a,b", "-5", f"'{first}"]]
    assert expected == found


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
        pytest.param(-1e-7, "-1e-07", id="a small fraction"),
        pytest.param("", "", id="empty text"),
        pytest.param("a", "a", id="text"),
        pytest.param([], "", id="an empty list"),
        pytest.param(["a", 1, True, None], "a,1,true,null", id="a list"),
        pytest.param([{"b": 1}, ["c"]], '{"b":1},["c"]', id="a list of objects and lists"),
    ],
)
def test_cells(value: Any, cell: str) -> None:
    """Each JSON value has one form in a cell."""
    assert [["a", "z"], [cell, "1"]] == table({"a": value, "z": 1})


def test_the_bytes_are_those_of_the_standard() -> None:
    """Lines end in CR LF, what needs quotation marks has them, and quotation marks are doubled (RFC 4180)."""
    data = CsvTable().piece([{"a": "x,y", "b": 'say "hi"'}, {"a": "1\r\n2", "b": ""}])
    assert b'a,b\r\n"x,y","say ""hi"""\r\n"1\r\n2",\r\n' == data


def test_a_single_empty_cell_is_still_a_row() -> None:
    """A row of one empty cell is not an empty line, which readers would skip."""
    assert [["a"], [""], ["b"]] == table({"a": ""}, {"a": "b"})


def test_nested_keys_are_joined() -> None:
    """Objects become columns whose names are joined with an underscore."""
    assert [["a", "b_c", "b_d_e"], ["1", "2", "3"]] == table({"a": 1, "b": {"c": 2, "d": {"e": 3}}})


def test_rows_of_different_fields() -> None:
    """Columns are those of all rows of the first piece; what a row lacks is empty."""
    assert [["a", "b", "c"], ["1", "", ""], ["", "2", ""], ["3", "", "4"]] == table(
        {"a": 1}, {"b": 2}, {"c": 4, "a": 3}
    )


def test_the_header_comes_once() -> None:
    """The header stands before the first row of the first piece with any, and the columns stay."""
    made = CsvTable()
    pieces = [made.piece([]), made.piece([{"a": 1, "b": 2}]), made.piece([]), made.piece([{"b": 3, "z": 4}])]
    assert [b"", b"a,b\r\n1,2\r\n", b"", b",3\r\n"] == pieces


def test_columns_are_capped() -> None:
    """However many fields rows have, the columns have an end."""
    wide = {f"field{number}": number for number in range(1000)}
    found = table(wide, {f"other{number}": number for number in range(1000)})
    assert ([256] * 3, MOST_COLUMNS) == ([len(row) for row in found], 256)


def test_no_rows_are_no_bytes() -> None:
    """A listing without rows is an empty body."""
    assert b"" == CsvTable().piece([])


def test_what_is_no_row_has_a_column_of_its_own() -> None:
    """A list of plain values is a table with one column."""
    rows: Any = ["a", 5, None]
    assert [["value"], ["a"], ["5"], [""]] == read(CsvTable().piece(rows))


async def test_pieces() -> None:
    """A whole listing comes piece by piece, with one header and without pieces of nothing."""

    async def stream() -> AsyncIterator[Rows]:
        for rows in ([], [{"a": 1}], [], [{"a": 2}, {"a": 3}]):
            yield Rows(orjson.dumps(rows)[1:-1], len(rows), None, None)

    assert [b"a\r\n1\r\n", b"2\r\n3\r\n"] == [piece async for piece in rendered(CsvTable(), stream())]


# Indented JSON.


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"a":1,"b":[1,2]}', b'{\n  "a": 1,\n  "b": [\n    1,\n    2\n  ]\n}'),
        (b"{}", b"{}"),
        (b"[]", b"[]"),
        ('{"a":"Köln"}'.encode(), '{\n  "a": "Köln"\n}'.encode()),
    ],
)
def test_pretty(payload: bytes, expected: bytes) -> None:
    """Pretty JSON is the same JSON, indented by two blanks."""
    assert expected == pretty(payload, 1000)


def test_pretty_has_an_end() -> None:
    """A payload over the limit stays as it is; one at the limit does not."""
    payload = b'{"a":1}'
    assert (payload, False) == (pretty(payload, len(payload) - 1), payload == pretty(payload, len(payload)))


@pytest.mark.parametrize("depth", [10, 60])
def test_pretty_does_not_blow_up(depth: int) -> None:
    """What indentation would make more than four times as long as the limit is sent as it is."""
    most = 20_000
    one = b"[" * depth + b"1" + b"]" * depth
    payload = b"[" + b",".join([one] * (most // (len(one) + 1))) + b"]"
    assert len(payload) <= most
    assert len(pretty(payload, most)) <= 4 * most


# Over the wire.


@pytest.fixture(scope="module")
async def world() -> World:
    """Give a world with five menus, one of them with a dangerous name."""
    world = await small_world()
    client = await world.client()
    for name in ("=1+1", "a,b", 'c"d', "e", "f"):
        await client.put(f"/accounts/{world.master}/menus", {"name": name})
    return world


@pytest.fixture(scope="module")
async def client(world: World) -> Client:
    """Give a client that is logged in at the top."""
    return await world.client()


@pytest.mark.parametrize("query", ["accept=csv", "accept=csv&paginate=false", "accept=csv&page_size=1000"])
async def test_a_listing_as_csv(world: World, client: Client, query: str) -> None:
    """A listing as CSV has one header and all its rows, whether it is paged or streamed."""
    response = await client.get(f"/accounts/{world.master}/menus?{query}")
    header, *rows = read(response.body)
    assert (["id", "name"], ["'=1+1", "a,b", 'c"d', "e", "f"]) == (header, sorted(row[1] for row in rows))


@pytest.mark.parametrize(
    ("query", "headers", "name"),
    [
        pytest.param("", {}, "result.csv", id="nothing"),
        pytest.param("file_name=calls", {}, "calls.csv", id="the query"),
        pytest.param("", {"x-file-name": "calls.csv"}, "calls.csv", id="the header"),
        pytest.param("file_name=a", {"x-file-name": "b"}, "b.csv", id="the header wins"),
        pytest.param("file_name=a%0d%0aSet-Cookie:x", {}, "a_Set-Cookie_x.csv", id="an injected header"),
        pytest.param("file_name=%22;x=%22", {}, "x.csv", id="quotation marks"),
        pytest.param("file_name=..%2f..%2fetc%2fpasswd", {}, "passwd.csv", id="a path"),
    ],
)
async def test_the_name_of_a_csv_file(
    world: World, client: Client, query: str, headers: dict[str, str], name: str
) -> None:
    """The file name is in one header that nothing can leave."""
    response = await client.get(f"/accounts/{world.master}/menus?accept=csv&{query}", headers=headers)
    assert f'attachment; filename="{name}"' == response.headers["content-disposition"].partition("; filename*=")[0]


@pytest.mark.parametrize(
    ("query", "headers", "indented"),
    [
        pytest.param("", {}, False, id="nothing"),
        pytest.param("pretty_print=true", {}, True, id="the query"),
        pytest.param("pretty_print=false", {}, False, id="not so"),
        pytest.param("", {"x-pretty-print": "true"}, True, id="the header"),
        pytest.param("", {"x-pretty-print": "True"}, True, id="the header in capitals"),
        pytest.param("", {"x-pretty-print": "yes"}, False, id="another word"),
    ],
)
async def test_pretty_over_the_wire(
    world: World, client: Client, query: str, headers: dict[str, str], indented: bool
) -> None:
    """The header or the query asks for indented JSON, for refusals too."""
    for path in ("menus", "menus/nothing", "nothing"):
        response = await client.get(f"/accounts/{world.master}/{path}?{query}", headers=headers)
        assert (indented, True) == (b"\n  " in response.body, response.json()["request_id"] != "")
