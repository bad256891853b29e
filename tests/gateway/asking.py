"""Asking a plain ASGI application without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from crossbar.demo.plain import App


class Answer(NamedTuple):
    """What an application sent."""

    status: int
    fields: dict[str, str]
    pieces: list[bytes]

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        """The same, decoded."""
        return json.loads(self.body)


def scope_of(method: str, uri: str, fields: dict[str, str] | None = None, port: int = 0) -> dict[str, Any]:
    """Give the scope of a request."""
    path, _, query = uri.partition("?")
    headers = [(name.encode(), value.encode()) for name, value in (fields or {}).items()]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
        "server": ("127.0.0.1", port),
    }


async def ask(
    app: App,
    method: str,
    uri: str,
    body: bytes | Iterable[bytes] = b"",
    *,
    fields: dict[str, str] | None = None,
    port: int = 0,
) -> Answer:
    """Send a request whose client stays until the end."""
    coming = [body] if isinstance(body, bytes) else [*body, b""]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not coming:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": coming.pop(0), "more_body": bool(coming)}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope_of(method, uri, fields, port), receive, send)
    start, *pieces = sent
    assert [False] == [piece["more_body"] for piece in pieces if not piece["more_body"]]
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], named, [piece["body"] for piece in pieces])
