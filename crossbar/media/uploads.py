"""Uploads: files out of a request's body, streamed into the store without ever being held in memory.

A body may be the file itself; or `multipart/form-data` or `multipart/mixed`, with a JSON part, text fields and files;
or base64: `application/base64` with `data:TYPE;base64,...`, or any type with `Content-Transfer-Encoding: base64`. It is
read when everything but itself has been checked. What it leaves in the store belongs to nobody until a document keeps
it, and is taken away again if the request fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from ..body import refuse_encoded
from ..context import Context
from ..errors import BadRequest, StoreError, UnsupportedMediaType
from ..negotiation import FORM, accepts_body, essence
from ..routes import Attachment
from .base64_pieces import Base64Pieces, not_base64
from .disposition import field_text
from .forms import AS_IT_IS, MOST_FILES, Form
from .incoming import Saving, most_of, pieces_of, slot_for
from .types import BYTES, canonical, type_by_bytes, type_of

MULTIPART = ("multipart/form-data", "multipart/mixed")
BASE64 = ("application/base64", "application/x-base64")
_BESIDES = 65_536  # bytes that a multipart body may have beside its files


def is_upload(ctx: Context, media_type: str) -> bool:
    """Whether a body of this type is left on the wire, for the endpoint that the path ends with has attachments."""
    if not ctx.target.nouns:
        return False
    name, args = ctx.target.nouns[-1]
    endpoint = ctx.registry.names.get(name)
    if endpoint is None or not endpoint.attachments:
        return False
    if any(noun.args and len(ctx.dialect.ids_in(noun.args[0])) > 1 for noun in ctx.target.nouns):
        return False  # the body belongs to several things, and is no file of one
    if not accepts_body(media_type):
        return True
    # NOTE: curl says of any file that it is a form, or says nothing. At the path of a file it can only be one.
    unsaid = media_type == FORM or b"content-type" not in ctx.headers
    return unsaid and any(slot.name in args[1:2] for slot in endpoint.attachments if isinstance(slot, Attachment))


def refuse_type(ctx: Context) -> None:
    """Raise UnsupportedMediaType if what answers takes no files, or not of the type that the body says.

    BadRequest for a part of a file, which is none.
    """
    if b"content-range" in ctx.headers:
        # RFC 9110, 14.4: a part that was taken for the whole would destroy the rest.
        raise BadRequest("a file is uploaded as a whole: send it without Content-Range", word="bad_header")
    refuse_encoded(ctx)
    encoding = (ctx.header(b"content-transfer-encoding") or "").lower()
    if encoding not in (*AS_IT_IS, "base64"):
        raise UnsupportedMediaType("send the file as it is, or as base64", cause=encoding)
    sent = canonical(essence(ctx.header(b"content-type") or BYTES))
    slots = slots_of(ctx)
    if not slots:
        raise UnsupportedMediaType("send application/json", cause=sent)
    if sent in MULTIPART or sent in BASE64 or sent == BYTES:
        return  # what it is shows when it comes
    slot_for(slots, sent)


def slots_of(ctx: Context) -> tuple[Attachment, ...]:
    """The attachments that the request may bring: that of its path, or all of them for a whole document."""
    bound = ctx.bound
    if bound is None or bound.route.operation not in (None, "create", "replace"):
        return ()
    if bound.route.operation is None and not bound.route.files:
        return (bound.route.slot,) if bound.route.slot is not None and ctx.verb in ("PUT", "POST") else ()
    return tuple(slot for slot in bound.endpoint.attachments if isinstance(slot, Attachment))


async def receive(ctx: Context) -> None:
    """Read the body into `ctx.files` and, from the parts that are no files, `ctx.body`.

    Raises UnsupportedMediaType, ContentTooLarge, InvalidData for an empty file or one that is not base64, and
    BadRequest for a multipart body that cannot be read.
    """
    await ctx.app.watch.leave_to_client(ctx, _receive(ctx))


async def forget(ctx: Context) -> None:
    """Take back what was uploaded and has become part of no document."""
    pending, ctx.pending = ctx.pending, []
    for writer in pending:
        with suppress(StoreError):  # the store clears away what nobody keeps; it was only to be sooner
            await writer.discard()


async def _receive(ctx: Context) -> None:
    slots = slots_of(ctx)
    content_type = ctx.header(b"content-type") or BYTES
    sent = canonical(essence(content_type))
    if sent in MULTIPART:
        most = sum(most_of(ctx, slot) * (MOST_FILES if slot.many else 1) for slot in slots) + _BESIDES
        largest = max(most_of(ctx, slot) for slot in slots)
        await Form(ctx, slots).read(content_type, pieces_of(ctx, most, largest))
        return
    most = max(most_of(ctx, slot) for slot in slots)
    if sent in BASE64 or (ctx.header(b"content-transfer-encoding") or "").lower() == "base64":
        told, pieces = await _decoded(pieces_of(ctx, most * 3 // 2 + 1024, most))
        sent = told or (BYTES if sent in BASE64 else sent)
    else:
        pieces = pieces_of(ctx, most)
    name = (
        field_text(ctx.header(b"x-file-name") or "")
        or ctx.query.get("file_name")
        or ctx.query.get("filename")
        or _in_path(ctx)
    )
    first = await anext(pieces, b"")
    if sent == BYTES and not any(BYTES in slot.types for slot in slots):
        # NOTE: Kazoo's own clients send photos without saying what they are.
        sent = type_by_bytes(first)
        sent = type_of(name) if sent == BYTES else sent
    saving = await Saving.begin(ctx, slot_for(slots, sent), "file", name, sent)
    await saving.write(first)
    async for piece in pieces:
        await saving.write(piece)
    ctx.files.append(await saving.finish())
    ctx.body = ctx.dialect.data(ctx)


def _in_path(ctx: Context) -> str:
    """The name of a file that the path says, empty if it says none."""
    bound = ctx.bound
    slot = bound.route.slot if bound is not None else None
    return ctx.args[1] if slot is not None and slot.many and len(ctx.args) > 1 else ""


async def _decoded(raw: AsyncIterator[bytes]) -> tuple[str, AsyncIterator[bytes]]:
    """The media type of a `data:` URL (RFC 2397), empty if there is none, and the bytes behind the base64."""
    start = b""
    async for piece in raw:
        start += piece
        if len(start) >= 256 or b"," in start:
            break
    told = ""
    if start[:5].lower() == b"data:":
        head, comma, start = start.partition(b",")
        described = head[5:].decode("latin-1")
        if not comma or not described.lower().endswith(";base64"):
            raise not_base64()
        told = canonical(essence(described))
    return told, _bytes_of(start, raw)


async def _bytes_of(start: bytes, raw: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    decoder = Base64Pieces()
    yield decoder.take(start)
    async for piece in raw:
        yield decoder.take(piece)
    decoder.finish()
