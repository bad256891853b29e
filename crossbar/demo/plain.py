"""What the demo upstreams share: the words of ASGI, answers and refusals as JSON, and a body that is read whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from ..errors import ContentTooLarge, Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Field = tuple[bytes, bytes]

JSON = b"application/json"


async def begin(send: Send, status: int, content_type: bytes, *fields: Field) -> None:
    """Send the head of a response."""
    headers = [(b"content-type", content_type), *fields]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def piece(send: Send, body: bytes, *, more: bool = True) -> None:
    """Send a piece of the body; the last one without `more`."""
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def reply(send: Send, status: int, body: bytes, content_type: bytes, *fields: Field) -> None:
    """Send a response whose body is all there."""
    await begin(send, status, content_type, (b"content-length", b"%d" % len(body)), *fields)
    await piece(send, body, more=False)


async def reply_json(send: Send, status: int, value: Any, *fields: Field) -> None:
    """Send a value as JSON."""
    await reply(send, status, orjson.dumps(value), JSON, *fields)


async def whole_body(receive: Receive, most: int) -> bytes:
    """The body of a request; ContentTooLarge over `most` bytes, ConnectionError if the client goes before its end."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client has gone")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise ContentTooLarge(f"send at most {most:,} bytes")
    return body


def refusing(app: App) -> App:
    """The application, with its refusals told as JSON, in a form of its own as services have it."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Refusal as refusal:
            await reply_json(
                send, refusal.status, {"error": refusal.word, "message": refusal.message}, *refusal.headers
            )
        except ConnectionError:
            return  # nobody is there any more who could be told

    return answered


def header(scope: Scope, name: bytes) -> str:
    """The first field of a request that has this name, in lower case; empty if there is none."""
    return next((value.decode("latin-1") for known, value in scope["headers"] if known == name), "")
