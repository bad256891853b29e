"""Downloads of what is not in memory: piece by piece, exactly as much as was announced, and always closed."""

from __future__ import annotations

import asyncio
import logging
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar import CrossbarError
from crossbar.errors import BlobMissing
from crossbar.testing import Client, World

from .papers import PNG, send
from .recordings import ELEVEN, Recordings, Shelf, blob
from .tools import refused

AT = "/tapes"
RANGES = ["", "bytes=2-9", "bytes=0-2,6-9"]


@pytest.mark.parametrize("piece", [1, 3, 4, 11, 100])
@pytest.mark.parametrize("field", RANGES)
async def test_pieces_of_any_size(listener: Client, recordings: Recordings, piece: int, field: str) -> None:
    """How a source is cut shows nowhere; nothing is read that is not sent, and all that was opened is closed."""
    shelf = Shelf(ELEVEN, piece)
    recordings.answer = blob(ELEVEN, etag="a")
    headers = {"range": field} if field else {}
    expected = await listener.get(AT, headers=headers)
    recordings.answer = blob(shelf, etag="a")
    response = await listener.get(AT, headers=headers)
    boundaries = [each.headers["content-type"].partition("boundary=")[2] for each in (expected, response)]
    assert expected.status == response.status
    assert expected.body.replace(boundaries[0].encode() or b"-", b"") == response.body.replace(
        boundaries[1].encode() or b"-", b""
    )
    assert len(response.body) == int(response.headers["content-length"])
    wanted = {"": (11, 1), "bytes=2-9": (8, 1), "bytes=0-2,6-9": (7, 2)}[field]
    assert (*wanted, wanted[1]) == (shelf.read_bytes, shelf.opened, shelf.closed)


LIARS: list[Any] = [
    pytest.param(lambda: Shelf(ELEVEN, 2, lacks=1), id="a byte less"),
    pytest.param(lambda: Shelf(ELEVEN, 2, lacks=4), id="a piece less"),
    pytest.param(lambda: Shelf(ELEVEN, 2, more=b"x"), id="a byte more"),
    pytest.param(lambda: Shelf(ELEVEN, 11, lacks=5, more=b"x" * 50), id="a piece that is too long"),
    pytest.param(lambda: Shelf(ELEVEN, 2, error=OSError("the disk is gone")), id="a failure at the end"),
    pytest.param(lambda: Shelf(ELEVEN, 2, lacks=4, error=OSError("the disk is gone")), id="a failure before it"),
    pytest.param(lambda: Shelf(ELEVEN, 2, lacks=4, error=BlobMissing("t", "b")), id="gone meanwhile"),
]


@pytest.mark.parametrize("liar", LIARS)
@pytest.mark.parametrize("field", ["", "bytes=0-", "bytes=0-5"])
async def test_a_source_that_lies(
    listener: Client, recordings: Recordings, liar: Any, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not as long as announced never comes to its end, so that nobody takes it for the whole."""
    shelf = liar()
    recordings.answer = blob(shelf)
    with caplog.at_level(logging.ERROR, "crossbar"), pytest.raises(CrossbarError, match="broke off after"):
        await listener.get(AT, headers={"range": field} if field else {})
    assert ["a streamed response of endpoint tapes"] == [
        record.getMessage().partition(" broke off")[0].partition(" (")[0] for record in caplog.records
    ]
    assert shelf.opened == shelf.closed == 1


FAILING: list[Any] = [
    pytest.param(lambda: Shelf(ELEVEN, lacks=11), 500, "unspecified_fault", id="nothing at all"),
    pytest.param(lambda: Shelf(ELEVEN, lacks=11, error=OSError("no disk")), 500, "unspecified_fault", id="a failure"),
    pytest.param(lambda: Shelf(ELEVEN, lacks=11, error=BlobMissing("t", "b")), 404, "not_found", id="gone"),
    pytest.param(lambda: Shelf(ELEVEN, lacks=11, more=b"x" * 12), 500, "unspecified_fault", id="too much at once"),
    pytest.param(lambda: Shelf(ELEVEN, lacks=11, more="text"), 500, "unspecified_fault", id="text"),  # type: ignore[arg-type]
    pytest.param(lambda: Shelf(ELEVEN, 11, more=b"x"), 500, "unspecified_fault", id="one piece and more"),
]


@pytest.mark.parametrize(("source", "status", "word"), FAILING)
@pytest.mark.parametrize("field", ["", "bytes=0-10", "bytes=0-1,5-6"])
async def test_a_source_that_fails_at_once(
    listener: Client, recordings: Recordings, source: Any, status: int, word: str, field: str
) -> None:
    """What goes wrong before a byte is sent is an error like any other, without the fields of the content."""
    shelf = source()
    if shelf.piece == 11 and "," in field:
        shelf.piece = 2
    recordings.answer = blob(shelf, etag="a")
    response = await listener.get(AT, headers={"range": field} if field else {})
    refused(response, status, word)
    assert set() == {"etag", "content-range", "accept-ranges", "content-disposition"} & set(response.headers)
    assert shelf.opened == shelf.closed == 1


class Unhurried(Shelf):
    """A source that waits for ever after some pieces."""

    async def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        """Two pieces, and then nothing."""
        self.opened += 1
        try:
            yield self.content[start : start + 2]
            yield self.content[start + 2 : start + 4]
            await asyncio.Event().wait()
        finally:
            self.closed += 1


@pytest.mark.parametrize(
    ("shelf", "field"),
    [
        (Unhurried(ELEVEN), "bytes=0-"),
        (Unhurried(ELEVEN), "bytes=0-5,8-9"),
        (Shelf(bytes(1_000_000), 1000), "bytes=0-"),
        (Shelf(bytes(1_000_000), 1000), "bytes=0-499999,600000-"),
    ],
    ids=["waiting", "waiting-for-parts", "reading", "reading-parts"],
)
async def test_a_client_that_goes(listener: Client, recordings: Recordings, shelf: Shelf, field: str) -> None:
    """When the client goes, the source is closed, also while it is waited for."""
    recordings.answer = blob(shelf)
    async with listener.stream("GET", AT, headers={"range": field}) as response:
        assert 206 == response.status
        assert await response.piece()
        assert shelf.opened >= 1
    assert shelf.opened == shelf.closed


async def test_a_client_that_does_not_read(listener: Client, recordings: Recordings) -> None:
    """Nothing is read ahead of a client that reads nothing, but for what is on its way."""
    shelf = Shelf(bytes(1_000_000), 1000)
    recordings.answer = blob(shelf)
    async with listener.stream("GET", AT):
        await asyncio.sleep(0.05)
        assert shelf.read_bytes <= 40_000
    assert 1 == shelf.closed


class Zeros:
    """Very many bytes."""

    def __init__(self, size: int) -> None:
        self.size = size

    async def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        """All of them zero."""
        piece = bytes(262_144)
        while length > 0:
            yield piece[:length]
            length -= len(piece)


async def test_memory_stays_flat(listener: Client, recordings: Recordings) -> None:
    """A download of any size takes the memory of a few pieces."""
    recordings.answer = blob(Zeros(256 * 1024 * 1024))
    async with listener.stream("GET", AT) as response:
        size = len(await response.piece())
        tracemalloc.start()
        async for piece in response:
            size += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (256 * 1024 * 1024, True) == (size, peak < 8 * 1024 * 1024)


async def test_a_range_of_very_many(listener: Client, recordings: Recordings) -> None:
    """A range far behind is found, and its numbers are not cut."""
    recordings.answer = blob(Zeros(10**15))
    response = await listener.get(AT, headers={"range": "bytes=-3"})
    assert (206, b"\0\0\0") == (response.status, response.body)
    assert f"bytes {10**15 - 3}-{10**15 - 1}/{10**15}" == response.headers["content-range"]


# What the store keeps.


@pytest.fixture
async def cover(papers: World, paper: str) -> tuple[Client, str]:
    """Give a client of an account, and the path of a picture in it."""
    client = await papers.client("customer")
    await send(client, f"{paper}/cover", PNG * 10, "image/png", X_File_Name="my cover.png")
    return client, f"{paper}/cover"


async def test_from_the_store(cover: tuple[Client, str]) -> None:
    """A file of a document is downloaded, whole and in parts, and known again."""
    client, path = cover
    whole = await client.get(path)
    assert (200, PNG * 10, str(len(PNG * 10))) == (whole.status, whole.body, whole.headers["content-length"])
    named = "inline; filename=\"my_cover.png\"; filename*=UTF-8''my%20cover.png"
    assert ("image/png", named) == (whole.headers["content-type"], whole.headers["content-disposition"])
    part = await client.get(path, headers={"range": "bytes=100-199", "if-range": whole.headers["etag"]})
    assert (206, (PNG * 10)[100:200]) == (part.status, part.body)
    for header, value in (("if-none-match", "etag"), ("if-modified-since", "last-modified")):
        assert 304 == (await client.get(path, headers={header: whole.headers[value]})).status
    head = await client.request("HEAD", path)
    assert (whole.headers["content-length"], b"") == (head.headers["content-length"], head.body)


async def test_another_file_is_another_content(cover: tuple[Client, str]) -> None:
    """Who has a part of the file before gets all of the one that is there now."""
    client, path = cover
    tag = (await client.get(path)).headers["etag"]
    await send(client, path, PNG, "image/png")
    response = await client.get(path, headers={"range": "bytes=100-", "if-range": tag})
    assert (200, PNG) == (response.status, response.body)
    assert 412 == (await client.get(path, headers={"if-match": tag})).status
