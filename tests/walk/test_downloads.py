"""Downloads: a blob's header fields and its parts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Reply
from crossbar.errors import RangeNotSatisfiable
from crossbar.media.ranges import satisfiable
from crossbar.testing import Client

from .recordings import ELEVEN, Recordings, Shelf, blob, parts
from .tools import refused, wire, wrapped

AT = "/tapes"
MEMORY = pytest.param(bytes, id="memory")
SHELF = pytest.param(Shelf, id="shelf")
BOTH = pytest.mark.parametrize("kept", [MEMORY, SHELF])


# The whole.


@BOTH
@pytest.mark.parametrize("content", [ELEVEN, b"", b"x" * 1000], ids=len)
async def test_the_whole(listener: Client, recordings: Recordings, kept: Any, content: bytes) -> None:
    """All of it, with its type, its length, and that there are ranges; HEAD says the same without the bytes."""
    recordings.answer = blob(kept(content), etag="a", modified=784_111_777)
    response = await listener.get(AT)
    assert (200, content) == (response.status, response.body)
    fields = {
        "content-type": "audio/wav",
        "content-length": str(len(content)),
        "accept-ranges": "bytes",
        "etag": '"a"',
        "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT",
        "content-disposition": 'attachment; filename="call.wav"',
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
    }
    assert fields == {name: response.headers[name] for name in fields}
    head = await listener.request("HEAD", AT)
    assert (200, b"") == (head.status, head.body)
    assert fields == {name: head.headers[name] for name in fields}
    assert "content-range" not in head.headers


async def test_a_head_reads_nothing(listener: Client, recordings: Recordings) -> None:
    """HEAD does not open the source, with or without a range."""
    shelf = Shelf(ELEVEN)
    recordings.answer = blob(shelf, etag="a")
    for headers in ({}, {"range": "bytes=0-1"}, {"range": "bytes=99-"}, {"if-none-match": '"b"'}):
        response = await listener.request("HEAD", AT, headers=headers)
        assert (200, "11", 0) == (response.status, response.headers["content-length"], shelf.opened)


async def test_the_tag_is_that_of_the_bytes(listener: Client, recordings: Recordings) -> None:
    """Bytes in memory have the same strong entity tag as long as they are the same."""
    tags = []
    for content in (b"a", bytearray(b"a"), memoryview(b"a"), b"b"):
        recordings.answer = blob(content)
        tags.append((await listener.get(AT)).headers["etag"])
    assert (tags[0], tags[0], 2) == (tags[1], tags[2], len(set(tags)))
    assert (True, 34) == (tags[0].startswith('"'), len(tags[0]))


@pytest.mark.parametrize("etag", ['"quoted"', 'W/"weak"', "a b", "a\r\nset-cookie: x=1", "é", "\udcff"])
async def test_tags_that_are_none(listener: Client, recordings: Recordings, etag: str) -> None:
    """What no entity tag can hold does not get onto the wire, and still identifies the content."""
    recordings.answer = blob(Shelf(ELEVEN), etag=etag)
    first = await listener.get(AT)
    tag = first.headers["etag"]
    assert (34, False) == (len(tag), "set-cookie" in first.headers)
    assert 304 == (await listener.get(AT, headers={"if-none-match": tag})).status


async def test_without_a_tag(listener: Client, recordings: Recordings) -> None:
    """A source of which nothing is known has neither a tag nor a time."""
    recordings.answer = blob(Shelf(ELEVEN))
    headers = (await listener.get(AT)).headers
    assert (False, False, "bytes") == ("etag" in headers, "last-modified" in headers, headers["accept-ranges"])


async def test_a_reply_may_say_otherwise(listener: Client, recordings: Recordings) -> None:
    """Fields that a reply brings stand once, and as they are."""
    own = ((b"cache-control", b"public, max-age=60"), (b"content-disposition", b"inline"))
    recordings.answer = Reply(blob(), headers=own)
    response = await listener.get(AT)
    assert [["public, max-age=60"], ["inline"]] == [
        response.values(name) for name in ("cache-control", "content-disposition")
    ]


# Parts. Go's table for a file of eleven bytes, and what else there is to say.

GO: list[tuple[str, int, list[tuple[int, int]]]] = [
    ("bytes=0-4", 206, [(0, 5)]),
    ("bytes=2-", 206, [(2, 11)]),
    ("bytes=-5", 206, [(6, 11)]),
    ("bytes=3-7", 206, [(3, 8)]),
    ("bytes=0-0,-2", 206, [(0, 1), (9, 11)]),
    ("bytes=0-1,5-8", 206, [(0, 2), (5, 9)]),
    ("bytes=0-1,5-", 206, [(0, 2), (5, 11)]),
    ("bytes=5-1000", 206, [(5, 11)]),
    ("bytes=0-,1-,2-,3-,4-", 200, []),
    ("bytes=0-9", 206, [(0, 10)]),
    ("bytes=0-10", 206, [(0, 11)]),
    ("bytes=0-11", 206, [(0, 11)]),
    ("bytes=10-11", 206, [(10, 11)]),
    ("bytes=10-", 206, [(10, 11)]),
    ("bytes=11-", 416, []),
    ("bytes=11-12", 416, []),
    ("bytes=12-12", 416, []),
    ("bytes=11-100", 416, []),
    ("bytes=12-100", 416, []),
    ("bytes=100-", 416, []),
    ("bytes=100-1000", 416, []),
    # Of our own.
    ("bytes=8-9,0-1,4-5", 206, [(8, 10), (0, 2), (4, 6)]),
    ("bytes=0-1,2-3", 206, [(0, 4)]),
    ("items=0-4", 200, []),
    ("bytes=1_0-", 200, []),
    ("bytes=0-" + "9" * 22, 206, [(0, 11)]),
    ("bytes=" + "9" * 22 + "-", 416, []),
    ("bytes=" + ",".join(f"{each}-{each}" for each in range(0, 11)), 200, []),
    ("bytes=" + "0-0," * 3000, 200, []),
]


@BOTH
@pytest.mark.parametrize(("field", "status", "expected"), GO, ids=[row[0][:24] for row in GO])
async def test_ranges(
    listener: Client, recordings: Recordings, kept: Any, field: str, status: int, expected: list[tuple[int, int]]
) -> None:
    """One part comes by itself, several in a multipart body, and what cannot be taken apart comes whole."""
    recordings.answer = blob(kept(ELEVEN), etag="a")
    response = await listener.get(AT, headers={"range": field})
    assert status == response.status
    assert str(len(response.body)) == response.headers["content-length"]
    ranges = [f"bytes {start}-{end - 1}/11" for start, end in expected]
    if status == 416:
        refused(response, 416, "range_not_satisfiable")
        assert ("bytes */11", "no-store") == (response.headers["content-range"], response.headers["cache-control"])
    elif len(expected) > 1:
        slices = [(told, "audio/wav", ELEVEN[start:end]) for told, (start, end) in zip(ranges, expected, strict=True)]
        assert slices == parts(response)
        assert ('"a"', False) == (response.headers["etag"], "content-range" in response.headers)
    else:
        assert ELEVEN[slice(*expected[0]) if expected else slice(None)] == response.body
        assert ("audio/wav", '"a"') == (response.headers["content-type"], response.headers["etag"])
        assert (ranges[0] if ranges else None) == response.headers.get("content-range")


async def test_nothing_has_no_parts(listener: Client, recordings: Recordings) -> None:
    """Of no bytes there is no first; only their end, by RFC 9110, 14.1.2, is all that there is."""
    for content in (b"", Shelf(b"")):
        recordings.answer = blob(content)
        statuses = [(await listener.get(AT, headers={"range": f"bytes={each}"})).status for each in ("0-", "1-2", "-5")]
        assert [416, 416, 200] == statuses


async def test_boundaries_are_never_the_same(listener: Client, recordings: Recordings) -> None:
    """A boundary cannot be foreseen, so that nobody can store it."""
    recordings.answer = blob()
    types = {(await listener.get(AT, headers={"range": "bytes=0-0,2-2"})).headers["content-type"] for _ in range(20)}
    assert (20, {32}) == (len(types), {len(each.partition("boundary=")[2]) for each in types})


@pytest.mark.parametrize("status", [201, 203, 404])
async def test_ranges_are_of_200(listener: Client, recordings: Recordings, status: int) -> None:
    """What would have another status has no parts."""
    recordings.answer = Reply(blob(), status)
    response = await listener.get(AT, headers={"range": "bytes=0-1"})
    assert (status, ELEVEN) == (response.status, response.body)


@pytest.mark.parametrize("kept", [MEMORY, SHELF])
async def test_ranges_are_for_get(listener: Client, recordings: Recordings, kept: Any) -> None:
    """Other methods have no parts, nor has a GET that a POST stands for; a write says nothing to caches."""
    recordings.answer = blob(kept(ELEVEN), etag="a")
    headers = {"range": "bytes=0-1", "if-none-match": '"a"', "x-file-name": "other.wav"}
    made = await listener.request("PUT", AT, body=b"x", headers=headers | {"content-type": "audio/wav"})
    assert (201, ELEVEN, "no-store") == (made.status, made.body, made.headers["cache-control"])
    assert (False, 'attachment; filename="call.wav"') == ("etag" in made.headers, made.headers["content-disposition"])
    body = wrapped({}, verb="GET", content_disposition="inline", file_name="mine.wav")
    sent = {"content-type": "application/json", "range": "bytes=0-1"}
    tunnelled = await listener.request("POST", AT, body=body, headers=sent)
    assert (200, ELEVEN) == (tunnelled.status, tunnelled.body)
    assert 'inline; filename="mine.wav"' == tunnelled.headers["content-disposition"]


CONTENT = bytes(range(256)) * 4


EDGE = st.integers(0, len(CONTENT) + 20)
ONE = st.one_of(
    st.tuples(EDGE, EDGE).map(lambda ends: f"{min(ends)}-{min(ends) + max(ends) // 8}"),
    EDGE.map(lambda first: f"{first}-"),
    EDGE.map(lambda length: f"-{length}"),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ONE, min_size=1, max_size=11).map(lambda each: "bytes=" + ",".join(each)), st.booleans())
async def test_any_ranges(listener: Client, recordings: Recordings, field: str, in_memory: bool) -> None:
    """Whatever is asked for, each part is the slice that it says it is, and little is sent beside the bytes."""
    recordings.answer = blob(CONTENT if in_memory else Shelf(CONTENT, 100), etag="a")
    response = await listener.get(AT, headers={"range": field})
    assert str(len(response.body)) == response.headers["content-length"]
    try:
        expected = satisfiable(field, len(CONTENT))
    except RangeNotSatisfiable:
        assert 416 == response.status
        return
    assert len(response.body) <= len(CONTENT) + 200 * max(len(expected), 1)
    slices = [CONTENT[each.start : each.start + each.length] for each in expected]
    if len(slices) > 1:
        assert slices == [content for _, _, content in parts(response)]
    else:
        assert (slices or [CONTENT]) == [response.body]


async def test_no_field_is_there_twice(listener: Client, recordings: Recordings) -> None:
    """Every header field stands once, whatever is answered."""
    asked = [(b"range", b"bytes=0-1"), (b"range", b"bytes=0-0,2-2"), (b"if-none-match", b'"a"'), (b"accept", b"*/*")]
    for content in (ELEVEN, Shelf(ELEVEN)):
        recordings.answer = blob(content, etag="a", modified=1, inline=True)
        statuses = [(await wire(listener.app, "GET", b"/v2/tapes", [field])).status for field in asked]
        assert [206, 206, 304, 200] == statuses
