"""Multipart bodies (RFC 2046, 5.1; RFC 7578), part by part as they come from the wire, nothing of them kept."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from ..errors import BadRequest
from ..negotiation import essence

MOST_PARTS = 100
MOST_HEADERS = 8
MOST_HEADER_BYTES = 4096
MOST_PREAMBLE = 4096
_EXTENDED = re.compile(rb"(?i:;\s*filename\*\s*=\s*utf-8'[^']*')([^;\s]+)")


class Part(NamedTuple):
    """The head of one part: the name of its field, the file name if it is a file, its media type, how it is encoded."""

    field: str
    file_name: str | None
    content_type: str
    encoding: str


class Data(NamedTuple):
    """Some bytes of the present part."""

    bytes: bytes


class End(NamedTuple):
    """The end of the present part."""


async def parts_of(content_type: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[Part | Data | End]:
    """Take a multipart body apart; BadRequest if it is malformed, has too many parts, or ends too early."""
    reader = _Reader(_boundary(content_type))
    async for piece in pieces:
        for found in reader.take(piece):
            yield found
    reader.finish()


def parts_in(content_type: str, body: bytes) -> list[tuple[Part, bytes]]:
    """The parts of a multipart body that is in memory, each with its bytes; BadRequest as `parts_of` raises it."""
    reader = _Reader(_boundary(content_type))
    parts: list[tuple[Part, bytearray]] = []
    for found in reader.take(body):
        if isinstance(found, Part):
            parts.append((found, bytearray()))
        elif isinstance(found, Data):
            parts[-1][1].extend(found.bytes)
    reader.finish()
    return [(part, bytes(content)) for part, content in parts]


def _boundary(content_type: str) -> bytes:
    from python_multipart.multipart import parse_options_header

    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    # RFC 2046, 5.1.1: 1 to 70 characters.
    if not 0 < len(boundary) <= 70:
        raise _malformed("its Content-Type names no boundary of 1 to 70 characters")
    return boundary


def _malformed(why: str) -> BadRequest:
    return BadRequest(f"the multipart body cannot be read: {why}", word="bad_multipart")


class _Reader:
    """Feeds a push parser, and collects what it finds."""

    def __init__(self, boundary: bytes) -> None:
        # PERF: only requests with such a body need the parser.
        from python_multipart.multipart import MultipartParser

        self._start = b"--" + boundary
        self._before: bytes | None = b""
        self._found: list[Part | Data | End] = []
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._count = 0
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._add_to_name,
                "on_header_value": self._add_to_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._add_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
            max_header_count=MOST_HEADERS,
            max_header_size=MOST_HEADER_BYTES,
        )

    def take(self, piece: bytes) -> list[Part | Data | End]:
        """What the next bytes of the body bring."""
        from python_multipart.exceptions import FormParserError

        if self._before is not None:
            piece = self._without_preamble(piece)
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _malformed(str(error)) from None
        found, self._found = self._found, []
        return found

    def _without_preamble(self, piece: bytes) -> bytes:
        """The body from its first boundary on; what stands before that means nothing (RFC 2046, 5.1.1)."""
        before = (self._before or b"") + piece
        at = 0 if before.startswith(self._start) else before.find(b"\r\n" + self._start) + 2
        if at == 1:
            if len(before) > MOST_PREAMBLE:
                raise _malformed("its first boundary does not come")
            self._before = before
            return b""
        self._before = None
        return before[at:]

    def finish(self) -> None:
        """Raise BadRequest if the last boundary has not come."""
        if not self._ended:
            raise _malformed("it ends before its last boundary")

    def _begin(self) -> None:
        self._count += 1
        if self._count > MOST_PARTS:
            raise _malformed(f"it has more than {MOST_PARTS} parts")
        self._headers = {}

    def _add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers.setdefault(self._name.lower(), self._value)
        self._name = self._value = b""

    def _end_headers(self) -> None:
        self._found.append(_head(self._headers))

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self._found.append(Data(data[start:end]))

    def _end_part(self) -> None:
        self._found.append(End())

    def _end(self) -> None:
        self._ended = True


def _head(headers: dict[bytes, bytes]) -> Part:
    """What the header fields of a part say."""
    from python_multipart.multipart import parse_options_header

    _, options = parse_options_header(headers.get(b"content-disposition", b""))
    name = options.get(b"filename")
    extended = _EXTENDED.search(headers.get(b"content-disposition", b"")) if name is None else None
    file_name = None if name is None else _text(name)
    if extended is not None:
        # NOTE: RFC 7578, 4.2, forbids this form in forms; mail programs and some clients write it all the same.
        file_name = unquote_to_bytes(extended[1]).decode(errors="replace")
    return Part(
        _text(options.get(b"name", b"")),
        file_name,
        essence(_text(headers.get(b"content-type", b""))),
        _text(headers.get(b"content-transfer-encoding", b"")).strip().lower(),
    )


def _text(raw: bytes) -> str:
    """UTF-8, as forms have it, and otherwise Latin-1, which takes any byte."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
