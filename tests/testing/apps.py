"""Small ASGI applications to point the client at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from crossbar.response import Message, Receive, Send

Scope = dict[str, Any]

JSON = (b"content-type", b"application/json")


async def respond(send: Send, body: bytes, *, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what came: the scope, and the sizes of the pieces of the body."""
    messages: list[Message] = []
    while not messages or messages[-1].get("more_body"):
        messages.append(await receive())
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "root_path": scope["root_path"],
        "headers": {name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
        "kinds": [message["type"] for message in messages],
        "sizes": [len(message.get("body", b"")) for message in messages],
    }
    await respond(send, orjson.dumps(seen), headers=[JSON])
