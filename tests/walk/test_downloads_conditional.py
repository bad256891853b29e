"""Conditional downloads: what the client has already, and what it may go on with (RFC 9110, 13)."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import Reply
from crossbar.testing import Client

from .recordings import ELEVEN, Recordings, Shelf, blob
from .tools import refused, wire, wrapped

AT = "/tapes"
# One second before the blob's last change, that second in each of the three forms that there are, and the one after.
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
THEN = "Sun, 06 Nov 1994 08:49:37 GMT"
FORMS = (THEN, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994")
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"
CHANGED = 784_111_777
NO_DATES = (
    "yesterday",
    "784111777",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    " ",
    f"{THEN}, {THEN}",
)

ROWS: list[Any] = [
    ({}, 200),
    # If-Match compares strongly.
    ({"if-match": '"a"'}, 200),
    ({"if-match": '"x", "a"'}, 200),
    ({"if-match": '"a","x"'}, 200),
    ({"if-match": "*"}, 200),
    ({"if-match": '"b"'}, 412),
    ({"if-match": 'W/"a"'}, 412),
    ({"if-match": "a"}, 412),
    ({"if-match": '"a'}, 412),
    ({"if-match": " "}, 412),
    ({"if-match": '"A"'}, 412),
    ({"if-match": '"x,"a""'}, 412),
    # If-Unmodified-Since, which If-Match makes void.
    *[({"if-unmodified-since": date}, 200) for date in (*FORMS, AFTER, *NO_DATES)],
    ({"if-unmodified-since": BEFORE}, 412),
    ({"if-match": '"a"', "if-unmodified-since": BEFORE}, 200),
    ({"if-match": '"b"', "if-unmodified-since": AFTER}, 412),
    # If-None-Match compares weakly.
    ({"if-none-match": '"a"'}, 304),
    ({"if-none-match": 'W/"a"'}, 304),
    ({"if-none-match": '"x", W/"a"'}, 304),
    ({"if-none-match": "*"}, 304),
    ({"if-none-match": '"b"'}, 200),
    ({"if-none-match": "a"}, 200),
    ({"if-none-match": " "}, 200),
    # If-Modified-Since, which If-None-Match makes void.
    *[({"if-modified-since": date}, 304) for date in (*FORMS, AFTER)],
    *[({"if-modified-since": date}, 200) for date in (BEFORE, *NO_DATES)],
    ({"if-none-match": '"b"', "if-modified-since": AFTER}, 200),
    ({"if-none-match": '"a"', "if-modified-since": BEFORE}, 304),
    # What the client insists on comes before what it has.
    ({"if-match": '"b"', "if-none-match": '"a"'}, 412),
    ({"if-match": '"a"', "if-none-match": '"a"'}, 304),
    ({"if-unmodified-since": BEFORE, "if-modified-since": AFTER}, 412),
    # Ranges come last.
    ({"range": "bytes=0-1"}, 206),
    ({"range": "bytes=0-1", "if-none-match": '"a"'}, 304),
    ({"range": "bytes=0-1", "if-none-match": '"b"'}, 206),
    ({"range": "bytes=0-1", "if-match": '"b"'}, 412),
    ({"range": "bytes=99-", "if-none-match": '"a"'}, 304),
    ({"range": "bytes=99-", "if-match": '"b"'}, 412),
    # If-Range takes the strong tag or the exact second.
    ({"range": "bytes=0-1", "if-range": '"a"'}, 206),
    ({"range": "bytes=0-1", "if-range": '"b"'}, 200),
    ({"range": "bytes=0-1", "if-range": 'W/"a"'}, 200),
    ({"range": "bytes=0-1", "if-range": '"a", "b"'}, 200),
    ({"range": "bytes=0-1", "if-range": "*"}, 200),
    ({"range": "bytes=0-1", "if-range": "a"}, 200),
    *[({"range": "bytes=0-1", "if-range": date}, 206) for date in FORMS],
    *[({"range": "bytes=0-1", "if-range": date}, 200) for date in (BEFORE, AFTER, *NO_DATES)],
    ({"range": "bytes=99-", "if-range": '"a"'}, 416),
    ({"range": "bytes=99-", "if-range": '"b"'}, 200),
    ({"if-range": '"b"'}, 200),
]


@pytest.mark.parametrize("kept", [bytes, Shelf])
@pytest.mark.parametrize(("headers", "status"), ROWS, ids=[str(row[0]) for row in ROWS])
async def test_conditions(listener: Client, recordings: Recordings, kept: Any, headers: Any, status: int) -> None:
    """Preconditions are asked in their order, and decide between the whole, a part, nothing and a refusal."""
    recordings.answer = blob(kept(ELEVEN), etag="a", modified=CHANGED)
    response = await listener.get(AT, headers=headers)
    assert status == response.status
    if status == 412:
        refused(response, 412, "precondition_failed")
    elif status in (200, 206):
        assert ELEVEN[: 2 if status == 206 else None] == response.body
    elif status == 304:
        told = {name: response.headers.get(name) for name in ("etag", "last-modified", "cache-control")}
        assert {"etag": '"a"', "last-modified": THEN, "cache-control": "private, no-cache"} == told
        assert (b"", set()) == (response.body, {"content-length", "content-type"} & set(response.headers))


@pytest.mark.parametrize("headers", [{"if-none-match": '"a"'}, {"if-modified-since": THEN}, {"if-match": '"b"'}])
async def test_heads_are_spared_too(listener: Client, recordings: Recordings, headers: Any) -> None:
    """HEAD has the status that GET would have, and neither reads what is not sent."""
    shelf = Shelf(ELEVEN)
    recordings.answer = blob(shelf, etag="a", modified=CHANGED)
    head = await listener.request("HEAD", AT, headers=headers)
    assert (head.status, 0) == ((await listener.get(AT, headers=headers)).status, shelf.opened)


UNKNOWN: list[Any] = [
    ({"if-match": '"a"'}, 412),
    ({"if-match": '""'}, 412),
    ({"if-match": "*"}, 200),
    ({"if-none-match": '""'}, 200),
    ({"if-none-match": "*"}, 304),
    ({"if-modified-since": AFTER}, 200),
    ({"if-unmodified-since": BEFORE}, 200),
    ({"range": "bytes=0-1"}, 206),
    ({"range": "bytes=0-1", "if-range": '""'}, 200),
    ({"range": "bytes=0-1", "if-range": THEN}, 200),
]


@pytest.mark.parametrize(("headers", "status"), UNKNOWN, ids=[str(row[0]) for row in UNKNOWN])
async def test_what_nothing_identifies(listener: Client, recordings: Recordings, headers: Any, status: int) -> None:
    """Content without a tag and without a time equals nothing that a client may have."""
    recordings.answer = blob(Shelf(ELEVEN))
    assert status == (await listener.get(AT, headers=headers)).status


async def test_a_tag_with_a_comma(listener: Client, recordings: Recordings) -> None:
    """A comma within a tag does not end it."""
    recordings.answer = blob(etag="a,b")
    statuses = [
        (await listener.get(AT, headers={"if-none-match": tags})).status for tags in ('"a,b"', '"x","a,b"', '"a", "b"')
    ]
    assert [304, 304, 200] == statuses


async def test_several_lines_are_one_list(listener: Client, recordings: Recordings) -> None:
    """A list may come in several fields (5.3)."""
    recordings.answer = blob(etag="a")
    for order in (('"a"', '"b"'), ('"b"', '"a"')):
        fields = [(b"if-none-match", tag.encode()) for tag in order]
        assert 304 == (await wire(listener.app, "GET", b"/v2/tapes", fields)).status


async def test_a_change_that_is_still_to_come(listener: Client, recordings: Recordings) -> None:
    """A time in the future is told as the present one (8.8.2.1)."""
    clock = listener.app.clock
    recordings.answer = blob(modified=int(clock()) + 1_000_000)
    told = (await listener.get(AT)).headers["last-modified"]
    recordings.answer = blob(modified=4)
    assert "1970" not in told
    assert "Thu, 01 Jan 1970 00:00:04 GMT" == (await listener.get(AT)).headers["last-modified"]


@pytest.mark.parametrize("status", [203, 404])
async def test_other_statuses(listener: Client, recordings: Recordings, status: int) -> None:
    """Only what would succeed is asked for conditions (13.2.1)."""
    recordings.answer = Reply(blob(etag="a"), status)
    response = await listener.get(AT, headers={"if-none-match": '"a"'})
    assert (304 if status == 203 else status) == response.status


async def test_a_tunnelled_read(listener: Client, recordings: Recordings) -> None:
    """A GET that a POST stands for is asked for conditions like one; a write is not."""
    recordings.answer = blob(etag="a")
    headers = {"if-none-match": '"a"', "content-type": "application/json"}
    read = await listener.request("POST", AT, body=wrapped({}, verb="GET"), headers=headers)
    made = await listener.request("PUT", AT, body=wrapped({}), headers=headers)
    assert (304, 201) == (read.status, made.status)
