"""The demo upstream `echo`: it says what it received, and sends in every way in which HTTP can.

any  /status/{code}           the same with that status, 200 to 599
any  /stream?count=N&every=MS a line of text now and then
any  /events?count=N&every=MS the same as server-sent events
POST /back                    the body, sent back while it is still coming
any  other                    method, path, query, header fields and body, as JSON
WebSocket, anywhere           every message comes back
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

from ..errors import BadRequest
from .plain import Receive, Scope, Send, begin, piece, refusing, reply_json, whole_body

_LONGEST_BODY = 1 << 20
_SHOWN = 4096
_MOST = 1000
_SLOWEST = 10_000


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request or a WebSocket: the application itself."""
    await (_converse if scope["type"] == "websocket" else _HTTP)(scope, receive, send)


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    path: str = scope["path"]
    if path in ("/stream", "/events"):
        await _tick(scope, receive, send)
    elif path == "/back":
        await _send_back(receive, send)
    else:
        code = path.removeprefix("/status/")
        status = int(code) if len(code) == 3 and code.isascii() and code.isdigit() and "200" <= code < "600" else 200
        body = await whole_body(receive, _LONGEST_BODY)
        # NOTE: an answer with one of these has no body (RFC 9110, 15.3.5 and 15.4.5).
        if status in (204, 304):
            await begin(send, status, b"text/plain")
            await piece(send, b"", more=False)
        else:
            await reply_json(send, status, _received(scope, body))


_HTTP = refusing(_answer)


def _received(scope: Scope, body: bytes) -> dict[str, Any]:
    return {
        "method": scope["method"],
        "path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "bytes": len(body),
        "body": body[:_SHOWN].decode("utf-8", "replace"),
    }


async def _tick(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a few lines with time between them, unless the client goes before the last of them."""
    count, every = _number(scope, "count", 5, _MOST), _number(scope, "every", 500, _SLOWEST) / 1000
    await whole_body(receive, _LONGEST_BODY)
    is_events = scope["path"] == "/events"
    gone = asyncio.ensure_future(receive())
    try:
        await begin(send, 200, b"text/event-stream" if is_events else b"text/plain", (b"cache-control", b"no-store"))
        for number in range(1, count + 1):
            line = f"id: {number}\ndata: tick {number}\n\n" if is_events else f"tick {number}\n"
            await piece(send, line.encode())
            if number < count and (await asyncio.wait([gone], timeout=every))[0]:
                return
        await piece(send, b"", more=False)
    finally:
        gone.cancel()


def _number(scope: Scope, name: str, usual: int, most: int) -> int:
    text = parse_qs(scope["query_string"].decode("latin-1")).get(name, [str(usual)])[0]
    if not text.isascii() or not text.isdigit() or int(text[:6]) > most:
        raise BadRequest(f"{name}: write a number, 0 to {most}")
    return int(text)


async def _send_back(receive: Receive, send: Send) -> None:
    more, begun = True, False
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client has gone")
        if not begun:
            await begin(send, 200, b"application/octet-stream")
            begun = True
        more = message.get("more_body", False)
        await piece(send, message.get("body", b""), more=more)


async def _converse(scope: Scope, receive: Receive, send: Send) -> None:
    """Take the first subprotocol that is offered, and send every message back as it came."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
