"""The request body: read from the client up to its limits, and decoded as JSON that every store can hold.

JSON is accepted as RFC 8259 has it, within limits. Of duplicate keys the last one wins; that is safe because only our
own re-encoding is ever stored or passed on. Numbers that no store could return unchanged are refused.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import orjson

from .errors import ContentTooLarge, InvalidEnvelope, RequestTimeout, UnsupportedMediaType
from .settings import Limits

if TYPE_CHECKING:
    from .context import Context

# Digits that might spell an integer beyond 64 bits; rare, so the exact check may be slow.
_LONG_NUMBER = re.compile(rb"\d{19}")
_LARGEST = 2**63 - 1
_SMALLEST = -(2**63)


def decode_json(raw: bytes, limits: Limits) -> Any:
    """The JSON value in the bytes; InvalidEnvelope if it is malformed, too deep, too wide or has a number too large."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _invalid("invalid", f"the request body is not JSON: {error}") from None
    refuse_excess(value, limits)
    if _LONG_NUMBER.search(raw):
        _refuse_long_numbers(raw)
    return value


def _invalid(code: str, message: str) -> InvalidEnvelope:
    return InvalidEnvelope("json", code, message, target="body")


def _refuse_long_numbers(raw: bytes) -> None:
    """Refuse integers outside the signed 64 bits that stores keep; orjson turns the largest into floats."""

    def checked(digits: str) -> int:
        if len(digits) > 20 or not _SMALLEST <= int(digits) <= _LARGEST:
            raise _invalid("number", f"the integer {digits[:24]} is outside the 64 bits that can be stored")
        return 0

    json.loads(raw, parse_int=checked)


def refuse_excess(value: Any, limits: Limits) -> None:
    """Refuse, as InvalidEnvelope, what is nested too deeply or has too many or too long keys; level by level."""
    nodes = 0
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limits.depth):
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                if len(node) > limits.keys:
                    raise _invalid("maxProperties", f"an object of the request has more than {limits.keys} keys")
                for key in node:
                    if len(key) > limits.key or "\0" in key:
                        raise _invalid(
                            "key", f"a key is longer than {limits.key} characters or holds NUL: {key[:40]!r}"
                        )
                below.extend(node.values())
            elif isinstance(node, list):
                below.extend(node)
        nodes += len(below)
        if nodes > limits.nodes:
            raise _invalid("maxItems", f"the request holds more than {limits.nodes} values")
        level = [node for node in below if isinstance(node, dict | list)]
        if not level:
            return
    raise _invalid("depth", f"the request is nested more than {limits.depth} levels deep")


def refuse_encoded(ctx: Context) -> None:
    """Raise UnsupportedMediaType for a compressed body: what it grows to would be anybody's guess."""
    encoding = ctx.header(b"content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        raise UnsupportedMediaType("send the body without a content encoding", cause=encoding)


async def read_body(ctx: Context) -> bytes:
    """The request's whole body; ContentTooLarge as soon as it is over the limit, RequestTimeout if it stalls."""
    limits = ctx.app.settings.limits
    announced = ctx.headers.get(b"content-length", b"0")
    too_large = ContentTooLarge(f"the request body is larger than {limits.body} bytes")
    if announced.isdigit() and int(announced[:20]) > limits.body:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            while True:
                message = await ctx.receive()
                if message["type"] == "http.disconnect":
                    raise RequestTimeout("the connection closed before the whole body was there")
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > limits.body:
                    raise too_large
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TimeoutError:
        raise RequestTimeout(f"the body was not there after {limits.body_seconds} seconds") from None
