"""Renderers: listings in pieces, NDJSON, JSON for people."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from types import SimpleNamespace
from typing import Any, ClassVar

import orjson
import pytest

from crossbar import Context
from crossbar.csv_table import CsvTable
from crossbar.renderers import Lines, Renderer, pretty, rendered
from crossbar.reply import Stream, Whole
from crossbar.stores import Body, Rows
from crossbar.testing import Client, World, small_world


def read(data: bytes) -> list[list[str]]:
    """Read CSV as RFC 4180 has it."""
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


# Pieces.

Some = list[Body]


async def pieces_of(renderer: Renderer, *pieces: Some, keyed: bool = False, lines: bool = False) -> list[bytes]:
    """What a renderer makes of a stream of these pieces; of a keyed one, each but the last names the next."""

    async def stream() -> AsyncIterator[Rows]:
        for place, rows in enumerate(pieces):
            joined = (b"\n" if lines else b",").join(map(orjson.dumps, rows))
            following = "next" if keyed and place < len(pieces) - 1 else None
            yield Rows(joined, len(rows), None, following, lines)

    ctx: Any = SimpleNamespace(blamed=None)
    wanted: Context = ctx
    return [piece async for piece in rendered(wanted, renderer, Stream(stream(), keyed=keyed))]


PIECES: tuple[Some, ...] = ([], [{"a": 1}], [], [{"a": 2}, {"a": 3}])


@pytest.mark.parametrize("lines", [False, True])
async def test_pieces(lines: bool) -> None:
    """A whole listing comes piece by piece, with one header and without pieces of nothing."""
    found = await pieces_of(CsvTable(), *PIECES, lines=lines)
    assert [b'"a","_other"\r\n1,\r\n', b"2,\r\n3,\r\n"] == found
    assert [b'{"a":1}\n', b'{"a":2}\n{"a":3}\n'] == await pieces_of(Lines(), *PIECES, lines=lines)


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize(("renderer", "text"), [(CsvTable, b'"a"\r\n1\r\n'), (Lines, b'{"a":1}\n')])
async def test_a_single_piece_is_sent_whole(renderer: type[Renderer], text: bytes, lines: bool) -> None:
    """A listing of one piece, which says that it is the last, can be sent with its length."""
    for pieces in ([[{"a": 1}]], [[], [{"a": 1}]]):
        (found,) = await pieces_of(renderer(), *pieces, keyed=True, lines=lines)
        assert (text, Whole) == (found, type(found))
    (nothing,) = await pieces_of(renderer(), [], keyed=True, lines=lines)
    assert (b"", Whole) == (nothing, type(nothing))
    assert Whole not in map(type, await pieces_of(renderer(), *PIECES, keyed=True, lines=lines))


class Foreign:
    """A renderer of somebody else, without what a stream could tell it."""

    media_type: ClassVar[str] = "text/plain"
    content_type: ClassVar[str] = "text/plain"
    extension: ClassVar[str] = "txt"

    def piece(self, rows: Iterable[Body]) -> bytes:
        """How many rows there are."""
        return b"%d " % len(list(rows))

    def end(self) -> bytes:
        """A last word."""
        return b"end"


async def test_a_renderer_without_more_methods() -> None:
    """The two methods of the port are enough."""
    assert [b"1 ", b"2 ", b"end"] == await pieces_of(Foreign(), *PIECES, lines=True)
    assert [b"2 end"] == await pieces_of(Foreign(), [{"a": 1}, {"a": 2}], keyed=True, lines=True)


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
