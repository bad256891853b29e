"""Multipart uploads: a JSON part and text fields become the body, files go into the store."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..context import Context
from ..errors import BadRequest, ContentTooLarge, UnsupportedMediaType
from ..negotiation import is_json, ranges_over
from ..routes import Attachment
from .base64_pieces import Base64Pieces
from .incoming import Saving, slot_for
from .parts import Data, Part, parts_of
from .types import BYTES, canonical, type_of

MOST_FILES = 10
MOST_FIELD = 65_536
AS_IT_IS = ("", "7bit", "8bit", "binary")


class Form:
    """A multipart body on its way in: a JSON part and text fields become the body, files go into the store."""

    def __init__(self, ctx: Context, slots: tuple[Attachment, ...]) -> None:
        self._ctx = ctx
        self._slots = slots
        self._fields: dict[str, str | list[str]] = {}
        self._json: bytes | None = None
        self._saving: Saving | None = None
        self._encoded: Base64Pieces | None = None
        self._text: bytearray | None = None

    async def read(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        """Take the whole body in."""
        ctx = self._ctx
        part = Part("", None, "", "")
        async for found in parts_of(content_type, pieces):
            if isinstance(found, Part):
                part = found
                await self._begin(part)
            elif isinstance(found, Data):
                await self._add(found.bytes)
            else:
                await self._end(part)
        if self._json is not None:
            ctx.dialect.take(ctx, self._json)
        fields = ctx.dialect.named(ctx, self._fields) if self._fields else {}
        ctx.body = {**fields, **ctx.dialect.data(ctx)}

    async def _begin(self, part: Part) -> None:
        ctx = self._ctx
        if part.encoding not in (*AS_IT_IS, "base64"):
            raise UnsupportedMediaType("send the parts of the body as they are, or as base64", cause=part.encoding)
        sent = canonical(part.content_type)
        if is_json(sent) and not any(ranges_over(slot.types, sent) for slot in self._slots):
            if self._json is not None:
                raise BadRequest("the body has more than one JSON part", word="bad_multipart")
            self._text = bytearray()
        elif part.file_name is None and part.field and sent in ("", "text/plain"):
            self._text = bytearray()
        else:
            if len(ctx.pending) >= MOST_FILES:
                raise BadRequest(f"the body has more than {MOST_FILES} files", word="bad_multipart")
            if sent in ("", BYTES):
                sent = type_of(part.file_name or "")
            slot = slot_for(self._slots, sent, part.field)
            if not slot.many and any(file.slot is slot for file in ctx.files):
                raise BadRequest(f"the body has more than one file for {slot.name!r}", word="bad_multipart")
            self._saving = await Saving.begin(ctx, slot, part.field, part.file_name or "", sent)
            self._encoded = Base64Pieces() if part.encoding == "base64" else None

    async def _add(self, piece: bytes) -> None:
        if self._saving is not None:
            await self._saving.write(piece if self._encoded is None else self._encoded.take(piece))
        elif self._text is not None:
            self._text += piece
            if len(self._text) > MOST_FIELD:
                raise ContentTooLarge(f"a part of the body that is no file is larger than {MOST_FIELD} bytes")

    async def _end(self, part: Part) -> None:
        if self._saving is not None:
            if self._encoded is not None:
                self._encoded.finish()
            self._ctx.files.append(await self._saving.finish())
        elif self._text is not None and is_json(part.content_type):
            self._json = bytes(self._text)
        elif self._text is not None and part.field:
            self._keep(part.field, self._text.decode(errors="replace"))
        self._saving = self._encoded = self._text = None

    def _keep(self, field: str, value: str) -> None:
        """A text field; one that stands there several times is a list."""
        known = self._fields.get(field)
        if known is None:
            self._fields[field] = value
        else:
            self._fields[field] = [*known, value] if isinstance(known, list) else [known, value]
