"""What arrives of an upload: the body piece by piece within its limits, and each file of it saved in the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from ..context import Context
from ..errors import ContentTooLarge, InvalidData, RequestTimeout, UnsupportedMediaType
from ..negotiation import ranges_over
from ..routes import Attachment
from ..stores import BlobWriter, StoredBlob
from .disposition import safe_name
from .types import ending_of, is_type


class File(NamedTuple):
    """One uploaded file, in the store already: its slot, the name and the type that the client gave it, its bytes.

    The name is a safe base name; it can never lead anywhere else.
    """

    slot: Attachment
    name: str
    content_type: str
    blob: StoredBlob


def most_of(ctx: Context, slot: Attachment) -> int:
    """How many bytes a file in this slot may have."""
    return slot.most or ctx.app.settings.limits.upload


def slot_for(slots: Sequence[Attachment], media_type: str, field: str = "") -> Attachment:
    """The slot that a file goes into: the one called like its field, or else the first that takes its type."""
    fitting = [slot for slot in slots if slot.name == field] or slots
    if not is_type(media_type):
        raise wrong_type(fitting, media_type[:100])
    for slot in fitting:
        if ranges_over(slot.types, media_type):
            return slot
    raise wrong_type(fitting, media_type)


def wrong_type(slots: Sequence[Attachment], sent: str) -> UnsupportedMediaType:
    """The refusal of a file whose type none of the slots takes."""
    taken = ", ".join(dict.fromkeys(media_type for slot in slots for media_type in slot.types))
    return UnsupportedMediaType(f"send a file of one of these types: {taken}", cause=sent)


async def pieces_of(ctx: Context, most: int, file: int | None = None) -> AsyncIterator[bytes]:
    """The body as it comes; ContentTooLarge as soon as it is over the limit, RequestTimeout if it stalls.

    `file` is how large a file may be, where the body has more in it than that.
    """
    refusal = too_large(most if file is None else file)
    seconds = ctx.app.settings.limits.body_seconds
    announced = ctx.headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced[:20]) > most:
        raise refusal
    size = 0
    while True:
        try:
            async with asyncio.timeout(seconds):
                message = await ctx.receive()
        except TimeoutError:
            raise RequestTimeout(f"no more of the body came for {seconds} seconds") from None
        if message["type"] == "http.disconnect":
            raise RequestTimeout("the connection closed before the whole body was there")
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise refusal
        if piece:
            yield piece
        if not message.get("more_body", False):
            return


def too_large(most: int) -> ContentTooLarge:
    """The refusal of a file of more than `most` bytes, with the facts that Kazoo's clients look for."""
    told = f"the file is larger than {most} bytes"
    return ContentTooLarge(told, details={"file": {"maxSize": {"message": told, "target": most}}})


class Saving:
    """One file on its way into the store."""

    def __init__(self, slot: Attachment, field: str, name: str, content_type: str, most: int, blob: BlobWriter) -> None:
        self._slot = slot
        self._field = field
        self._name = name
        self._content_type = content_type
        self._most = most
        self._blob = blob
        self._size = 0

    @classmethod
    async def begin(cls, ctx: Context, slot: Attachment, field: str, name: str, content_type: str) -> Saving:
        """Begin a file; the request takes it back in the end if no document keeps it."""
        blob = await ctx.app.store.new_blob()
        ctx.pending.append(blob)
        return cls(slot, field, name, content_type, most_of(ctx, slot), blob)

    async def write(self, piece: bytes) -> None:
        """Take the next bytes; ContentTooLarge if the file is over its limit."""
        self._size += len(piece)
        if self._size > self._most:
            raise too_large(self._most)
        await self._blob.write(piece)

    async def finish(self) -> File:
        """The whole file; InvalidData if it is empty."""
        if not self._size:
            raise InvalidData(self._field or "file", "minSize", "the file is empty", target=1)
        name = safe_name(self._name, f"file.{ending_of(self._content_type)}")
        return File(self._slot, name, self._content_type, await self._blob.finish())
