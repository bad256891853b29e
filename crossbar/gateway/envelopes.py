"""Envelopes around and off the bodies of upstreams: without parsing what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..fields import Fields
from ..negotiation import essence
from ..reply import Reply

if TYPE_CHECKING:
    from ..context import Context

_STAND_IN = {"x": 0}
_SPELT = b'{"x":0}'


class _Envelope(msgspec.Struct):
    """The envelope of a Crossbar, of which only `data` is wanted; its bytes stay as they are."""

    data: msgspec.Raw


_DECODER = msgspec.json.Decoder(_Envelope)


def is_json(fields: Fields) -> bool:
    """Whether a response is JSON that nobody has compressed."""
    type, coding = b"", b""
    for name, value in fields:
        if name == b"content-type":
            type = value
        elif name == b"content-encoding":
            coding = value
    if not type or coding not in (b"", b"identity"):
        return False
    found = essence(type.decode("latin-1"))
    return found == "application/json" or found.endswith("+json")


def around(ctx: Context, status: int) -> tuple[bytes, bytes]:
    """What the dialect of a request puts before and after the data of an answer: nothing where it has no envelope."""
    kept = ctx.response_headers
    ctx.response_headers = []
    ctx.dialect.success(ctx, Reply(dict(_STAND_IN), status))
    payload = ctx.payload if isinstance(ctx.payload, bytes) else b""
    ctx.response_headers, ctx.payload = kept, b""
    before, found, after = payload.partition(_SPELT)
    return (before, after) if found else (b"", b"")


def opened(body: bytes) -> bytes:
    """The bytes of `data` in an envelope; ValueError if it is none."""
    try:
        return bytes(_DECODER.decode(body).data)
    except msgspec.MsgspecError:
        raise ValueError("its answer is no envelope with data") from None
