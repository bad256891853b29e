"""Envelopes around and off the bodies of upstreams: without parsing what is in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from ..fields import Fields
from ..negotiation import JSON, essence
from ..reply import Reply

if TYPE_CHECKING:
    from ..context import Context

# NOTE: a number, since it looks the same in an envelope that is indented; no time and no id has as many digits.
_STAND_IN = 7_203_948_571_620_394_857
_SPELT = b"%d" % _STAND_IN
_OF_THE_BYTES = frozenset({b"accept-ranges", b"content-digest", b"content-md5", b"digest", b"repr-digest"})
"""Response fields that tell of the bytes of a body, and are wrong of any other body."""


class _Envelope(msgspec.Struct):
    """The envelope of a Crossbar, of which only `data` is wanted; its bytes stay as they are."""

    data: msgspec.Raw


_DECODER = msgspec.json.Decoder(_Envelope)


def is_json(fields: Fields) -> bool:
    """Whether a response is JSON in UTF-8 that nobody has compressed."""
    type, coding = b"", b""
    for name, value in fields:
        if name == b"content-type":
            type = value
        elif name == b"content-encoding":
            coding = value
    if not type or coding not in (b"", b"identity"):
        return False
    written = type.decode("latin-1")
    found = essence(written)
    if found != JSON and not found.endswith("+json"):
        return False
    charset = written.lower().partition("charset=")[2].strip(' "').partition(";")[0].strip(' "')
    return charset in ("", "utf-8", "us-ascii")


def around(ctx: Context, status: int) -> tuple[bytes, bytes]:
    """What the dialect of a request puts before and after the data of an answer: nothing where it has no envelope."""
    # NOTE: where there is no noun, only a dialect of envelopes can say what an answer is like without one.
    if ctx.bound is None and ctx.dialect.name != "crossbar":
        return b"", b""
    kept, principal = ctx.response_headers, ctx.principal
    ctx.response_headers = []
    if principal is not None and principal.token:
        # NOTE: the upstream says how long its answer may be kept, and by whom; nobody's token is to be kept with it.
        ctx.principal = replace(principal, token="")
    ctx.dialect.success(ctx, Reply(_STAND_IN, status))
    payload = ctx.payload if isinstance(ctx.payload, bytes) else b""
    ctx.response_headers, ctx.payload, ctx.principal = kept, b"", principal
    before, found, after = payload.partition(_SPELT)
    return (before, after) if found else (b"", b"")


def wrapped(fields: Fields) -> Fields:
    """The fields of a response whose body is put into an envelope, which is another one each time.

    Its tag is a weak one (RFC 9110, 8.8.3), its type that of the envelope.
    """
    kept = [_weak(pair) for pair in fields if pair[0] not in _OF_THE_BYTES and pair[0] != b"content-type"]
    return [*kept, (b"content-type", JSON.encode())]


def weakened(fields: Fields) -> Fields:
    """The fields of a response that stands for one in an envelope (304): its tag is the weak one of that."""
    return [_weak(pair) for pair in fields]


def unwrapped(fields: Fields) -> Fields:
    """The fields of a response of which only `data` is passed on: its tag is that of the envelope, which was more."""
    return [pair for pair in fields if pair[0] not in _OF_THE_BYTES and pair[0] != b"etag"]


def opened(body: bytes) -> bytes:
    """The bytes of `data` in an envelope; ValueError if it is none."""
    try:
        return bytes(_DECODER.decode(body).data)
    except (msgspec.MsgspecError, RecursionError):
        raise ValueError("its answer is no envelope with data") from None


def _weak(pair: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = pair
    return (name, b"W/" + value) if name == b"etag" and not value.startswith(b"W/") else pair
