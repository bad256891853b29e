"""A response that is read while it comes, such as server-sent events, which never end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ..response import Message
from .exchange import ASGI, Exchange, Served, Upload, broken_off
from .response import Fields, decoded, joined


class StreamedResponse(AsyncIterator[bytes]):
    """A response that is read while it comes; the client leaves when the block around it ends.

    `status`, `headers` and `fields` are those of `Response`. What `until` has not taken yet comes first in what is read
    after it.
    """

    def __init__(self, served: Served, start: Message) -> None:
        self.status: int = start["status"]
        self.fields: Fields = decoded(start["headers"])
        self.headers = joined(self.fields)
        self._served = served
        self._held = b""
        self._size = 0
        self._ended = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body, piece by piece, as the application sends it; CrossbarError if it breaks off."""
        return self

    async def __anext__(self) -> bytes:
        """The next piece of the body."""
        piece = await self.piece()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def read(self, stop_after: int | None = None) -> bytes:
        """The body up to its end, or as soon as so many bytes of it are there."""
        pieces: list[bytes] = []
        while stop_after is None or sum(map(len, pieces)) < stop_after:
            piece = await self.piece()
            if not piece:
                break
            pieces.append(piece)
        return b"".join(pieces)

    async def until(self, mark: bytes) -> bytes:
        """The body up to a mark, which is included: `until(b"\\n\\n")` is one server-sent event.

        It is what is left of the body if the mark does not come any more.
        """
        read = b""
        while mark not in read:
            piece = await self.piece()
            if not piece:
                return read
            read += piece
        end = read.index(mark) + len(mark)
        self._held = read[end:]
        return read[:end]

    async def piece(self) -> bytes:
        """The next bytes that there are, none at the end."""
        held, self._held = self._held, b""
        while not held and not self._ended:
            message = await self._served.next()
            if message is None:
                raise broken_off(self._size)
            held = message.get("body", b"")
            self._size += len(held)
            self._ended = not message.get("more_body", False)
        return held


class Streaming:
    """A request whose response is read while it comes: `async with` gives the StreamedResponse."""

    def __init__(self, app: ASGI, scope: dict[str, Any], body: Upload, timeout: float | None) -> None:
        self._app = app
        self._scope = scope
        self._exchange = Exchange(body, room=16)
        self._timeout = timeout

    async def __aenter__(self) -> StreamedResponse:
        """Send the request, and wait for the start of the response."""
        self._served = Served(self._app, self._scope, self._exchange, self._timeout)
        try:
            start = await self._served.next()
            if start is None:
                raise broken_off(0)
        except BaseException:
            await self.__aexit__()
            raise
        return StreamedResponse(self._served, start)

    async def __aexit__(self, *raised: object) -> None:
        """Go away, also from the midst of the response."""
        try:
            await self._served.leave()
        finally:
            await self._exchange.close()
