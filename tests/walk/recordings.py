"""An endpoint that answers with bytes, from memory and from elsewhere, for the tests of downloads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

from crossbar import Blob, Context, Endpoint
from crossbar.auth import ANONYMOUS, Principal
from crossbar.testing import Response

ELEVEN = b"0123456789\n"


class Shelf:
    """Bytes that are read piece by piece; it counts what was opened, read and closed.

    `lacks` are bytes at the end of each reading that do not come, `more` bytes that come after it, and `error` is
    raised at the end of it.
    """

    def __init__(
        self, content: bytes, piece: int = 4, *, lacks: int = 0, more: bytes = b"", error: Exception | None = None
    ) -> None:
        self.content = content
        self.size = len(content)
        self.piece = piece
        self.lacks = lacks
        self.more = more
        self.error = error
        self.opened = self.closed = self.read_bytes = 0

    async def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        """The bytes from `start` on, in pieces."""
        self.opened += 1
        try:
            end = start + length - self.lacks
            for position in range(start, end, self.piece):
                piece = self.content[position : min(position + self.piece, end)]
                self.read_bytes += len(piece)
                yield piece
            if self.more:
                yield self.more
            if self.error is not None:
                raise self.error
        finally:
            self.closed += 1


class Recordings(Endpoint):
    """Answers with what a test puts into `answer`, to anybody."""

    name = "tapes"
    accepts = ("audio/*",)
    provides = ("application/json", "audio/wav", "text/plain", "application/pdf")

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    async def authenticate(self, ctx: Context) -> Principal:
        """Anybody will do."""
        return ANONYMOUS

    async def authorize(self, ctx: Context) -> None:
        """Anybody may."""

    async def find(self, ctx: Context) -> Any:
        """The bytes."""
        return self.answer

    async def create(self, ctx: Context) -> Any:
        """The bytes, as those of something new."""
        return self.answer


def blob(content: Any = ELEVEN, media_type: str = "audio/wav", **more: Any) -> Blob:
    """A recording."""
    return Blob(content, media_type, **({"name": "call.wav"} | more))


def parts(response: Response) -> list[tuple[str, str, bytes]]:
    """The content range, the type and the bytes of each part of a multipart body, as Python's mail parser has them."""
    head = f"content-type: {response.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + response.body, policy=HTTP)
    assert ("multipart/byteranges", []) == (message.get_content_type(), message.defects)
    found = []
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((part["content-range"], part.get_content_type(), content))
    return found
