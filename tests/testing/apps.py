"""Small ASGI applications to point the client at."""

from __future__ import annotations

import asyncio
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


class Counting:
    """An application that counts for as long as there is somebody to hear it."""

    def __init__(self, most: int = 1_000_000) -> None:
        self.most = most
        self.sent = 0
        self.told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one number a piece."""
        assert scope["type"] == "http"
        await receive()
        leaving = asyncio.ensure_future(receive())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-first", b"0")]})
        while self.sent < self.most and not leaving.done():
            await send({"type": "http.response.body", "body": b"%d," % self.sent, "more_body": True})
            self.sent += 1
            await asyncio.sleep(0)
        if self.sent == self.most:
            await send({"type": "http.response.body", "body": b"end"})
        self.told = (await leaving)["type"] == "http.disconnect"


class Echo:
    """An application that sends back what it gets, until it gets `bye`."""

    def __init__(self) -> None:
        self.scope: Scope = {}
        self.last: Message = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept, and answer."""
        self.scope = scope
        assert "websocket.connect" == (await receive())["type"]
        protocol = next(iter(scope["subprotocols"]), None)
        await send({"type": "websocket.accept", "subprotocol": protocol, "headers": [(b"x-echo", b"1")]})
        while True:
            self.last = message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") == "bye":
                await send({"type": "websocket.close", "code": 4001, "reason": "bye"})
                return
            if message.get("text") == "crash":
                raise LookupError("lost")
            if message.get("text") == "end":
                return
            await send({**message, "type": "websocket.send"})
