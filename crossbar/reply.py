"""What operations return: a document, a page, a stream, plain JSON, or a Reply when more must be said.

An operation may return any `Answer`. `None` means that there is nothing to show. What it becomes on the wire
(status, envelope, media type) is decided by the pipeline and the dialect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Protocol, cast

import orjson
from msgspec import Struct

from .events import server_sent
from .stores import Body, Document, Rows
from .target import Noun

EVENT_STREAM = "text/event-stream"

Json = dict[str, Any] | list[Any] | str | int | float | bool | None


class Columns(NamedTuple):
    """The columns of rows as a table, where they are known before the rows: names of fields, nested ones with `_`.

    Fields beyond them get columns of their own, unless these are all that there `only` are to be.
    """

    names: tuple[str, ...]
    only: bool = False


class Page(NamedTuple):
    """One piece of a listing; `rows.first`, `rows.next` and `previous` are plain keys, which the dialect seals.

    `total` is how many rows the listing has in all, None if nobody has counted. `previous` is where the page before
    this one begins, empty for the beginning of the listing, None if there is no such page or nobody has looked.
    """

    rows: Rows
    columns: Columns | None = None
    total: int | None = None
    previous: str | None = None

    @classmethod
    def of(cls, rows: list[Body], next: str | None = None, first: str | None = None, total: int | None = None) -> Page:
        """A page of rows that do not come from a store."""
        return cls(Rows(orjson.dumps(rows)[1:-1], len(rows), first, next), total=total)


class Event(NamedTuple):
    """One server-sent event: `data` as JSON, the name that clients listen for, the id that they resume from."""

    data: Json
    event: str = ""
    id: str = ""


class Stream(NamedTuple):
    """A whole listing, piece by piece; nothing but the present piece is held in memory.

    With a media type, the pieces are bytes, which go out as they are, each as soon as it is there.

    `keyed` pieces say by their `next` whether there is another one, and where a client can go on. A `paged` stream is
    one page, in pieces.
    """

    pieces: AsyncIterator[Rows] | AsyncIterator[bytes]
    media_type: str = ""
    columns: Columns | None = None
    keyed: bool = False
    paged: bool = False

    def rows(self) -> AsyncIterator[Rows]:
        """The pieces of a listing."""
        return cast(AsyncIterator[Rows], self.pieces)

    def bytes(self) -> AsyncIterator[bytes]:
        """The pieces of a stream with a media type."""
        return cast("AsyncIterator[bytes]", self.pieces)

    @classmethod
    def events(cls, source: AsyncIterator[Event], keep_alive: float = 15.0) -> Stream:
        """Server-sent events (WHATWG HTML, 9.2) as the source yields them, until it ends or the client has gone.

        After `keep_alive` seconds without one, a comment tells proxies and clients that the connection lives.
        """
        if keep_alive <= 0:
            raise ValueError(f"keep_alive is {keep_alive:g}: write a number of seconds")
        return cls(server_sent(source, keep_alive), EVENT_STREAM)


class Whole(bytes):
    """The first piece of a stream that is also the last, so that the response can be sent with its length."""


class Source(Protocol):
    """Where the bytes of a blob come from when they are not in memory."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        """The `length` bytes from `start` on, piece by piece."""


class Blob(NamedTuple):
    """Bytes with a media type of their own, of which clients may ask for ranges.

    `name` is the file name that a client is offered. What is `inline` may be shown in a browser; all else is offered
    to be saved. `etag` is a strong entity tag without its quotes, that of the bytes if it is empty; `modified` is in
    Unix seconds.
    """

    content: bytes | Source
    content_type: str
    name: str = ""
    inline: bool = False
    etag: str = ""
    modified: int | None = None


Answer = Document | Page | Stream | Blob | Json


class Reply(Struct):
    """An answer with a status, headers or envelope keys of its own.

    Status 0 means what the operation implies. `location` names what was made, where that is not simply the
    document's id below the path of the request. `deleted` says that the document is shown for the last time.
    """

    answer: Answer = None
    status: int = 0
    headers: tuple[tuple[bytes, bytes], ...] = ()
    envelope: dict[str, Any] = {}
    location: tuple[Noun, ...] = ()
    deleted: bool = False


def created(answer: Answer = None, *location: Noun, **envelope: Any) -> Reply:
    """201: something was made; `location` names it, `envelope` adds keys beside the data."""
    return Reply(answer, 201, envelope=envelope, location=location)


def accepted(answer: Answer = None) -> Reply:
    """202: the work was taken on and is done later."""
    return Reply(answer, 202)
