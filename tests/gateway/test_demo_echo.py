"""The demo upstream `echo` by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar.demo.echo import echo

from .asking import ask, scope_of


async def test_echo_says_what_it_received() -> None:
    """Path and query as they came, fields in their order, and the body."""
    answer = await ask(echo, "POST", "/a%2Fb?c=%20", [b"he", b"llo"], fields={"via": "1.1 x", "host": "h"})
    assert {
        "method": "POST",
        "path": "/a%2Fb",
        "query": "c=%20",
        "headers": [["via", "1.1 x"], ["host", "h"]],
        "bytes": 5,
        "body": "hello",
    } == answer.json


@pytest.mark.parametrize(
    ("path", "status", "has_body"),
    [
        ("/status/503", 503, True),
        ("/status/204", 204, False),
        ("/status/304", 304, False),
        ("/status/600", 200, True),
        ("/status/²00", 200, True),
    ],
    ids=["503", "204", "304", "none such", "no digit"],
)
async def test_echo_answers_with_any_status(path: str, status: int, has_body: bool) -> None:
    """Also with those that have no body."""
    answer = await ask(echo, "GET", path.replace("²", "%C2%B2"))
    assert (status, has_body) == (answer.status, bool(answer.body))


@pytest.mark.parametrize(
    ("path", "content_type", "pieces"),
    [
        ("/stream", "text/plain", [b"tick 1\n", b"tick 2\n", b""]),
        ("/events", "text/event-stream", [b"id: 1\ndata: tick 1\n\n", b"id: 2\ndata: tick 2\n\n", b""]),
    ],
    ids=["lines", "events"],
)
async def test_echo_sends_piece_by_piece(path: str, content_type: str, pieces: list[bytes]) -> None:
    """Each line is a piece of its own."""
    answer = await ask(echo, "GET", f"{path}?count=2&every=0")
    assert (content_type, pieces) == (answer.fields["content-type"], answer.pieces)


@pytest.mark.parametrize("query", ["count=1001", "every=10001", "count=x", "count=²"])
async def test_echo_keeps_its_numbers_small(query: str) -> None:
    """Nobody can make it tick for ever."""
    assert 400 == (await ask(echo, "GET", f"/stream?{query}")).status


async def test_a_stream_ends_when_its_client_goes() -> None:
    """The wait for the next line ends at once, also if it has begun, and no line follows."""
    sent: list[dict[str, Any]] = []
    coming = [{"type": "http.request"}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        for _ in range(0 if len(coming) == 2 else 10):  # it goes a little later
            await asyncio.sleep(0)
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        await echo(scope_of("GET", "/events?count=2&every=10000"), receive, send)
    assert ["http.response.start", "http.response.body"] == [message["type"] for message in sent]


async def test_echo_sends_a_body_back_while_it_comes() -> None:
    """The first piece is back before the second was asked for."""
    order: list[Any] = []
    coming = [b"one", b"two"]

    async def receive() -> dict[str, Any]:
        order.append("asked")
        return {"type": "http.request", "body": coming.pop(0), "more_body": bool(coming)}

    async def send(message: Any) -> None:
        order.append(message.get("body", "begun"))

    await echo(scope_of("POST", "/back"), receive, send)
    assert ["asked", "begun", b"one", "asked", b"two"] == order


async def test_echo_sends_messages_back() -> None:
    """It takes the first subprotocol, and text stays text."""
    said: list[dict[str, Any]] = [
        {"type": "websocket.receive", "text": "hi"},
        {"type": "websocket.receive", "bytes": b"\0"},
    ]
    coming = [{"type": "websocket.connect"}, *said, {"type": "websocket.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await echo({"type": "websocket", "path": "/", "subprotocols": ["a", "b"]}, receive, send)
    back = [{**message, "type": "websocket.send"} for message in said]
    assert [{"type": "websocket.accept", "subprotocol": "a"}, *back] == sent
