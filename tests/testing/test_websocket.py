"""WebSockets: talking to an application, and what becomes of a connection that is not wanted."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.errors import CrossbarError
from crossbar.response import Receive, Send
from crossbar.testing import Client, SocketClosed, SocketRefused, small_world

from .apps import Echo, Scope


async def test_messages_of_each_kind() -> None:
    """Text, bytes and JSON go to and fro."""
    async with Client(Echo()).socket("/echo") as socket:
        await socket.send_text("a")
        await socket.send_bytes(b"b")
        await socket.send_json({"c": [1]})
        assert ("a", b"b", {"c": [1]}) == (
            await socket.receive_text(),
            await socket.receive_bytes(),
            await socket.receive_json(),
        )


async def test_the_handshake() -> None:
    """The request carries path, query, headers and token; the answer brings headers and the chosen protocol."""
    app = Echo()
    client = Client(app, "t", root_path="/api")
    async with client.socket("/echo", query={"a": "1"}, headers={"X-B": "2"}, subprotocols=("one", "two")) as socket:
        assert ("one", "1") == (socket.subprotocol, socket.headers["x-echo"])
    fields = dict(app.scope["headers"])
    assert ("websocket", "ws", "/api/v2/echo", b"a=1", b"t", b"2") == (
        app.scope["type"],
        app.scope["scheme"],
        app.scope["path"],
        app.scope["query_string"],
        fields[b"x-auth-token"],
        fields[b"x-b"],
    )


async def test_leaving() -> None:
    """The application hears of a client that leaves, with the code for a normal end."""
    app = Echo()
    async with Client(app).socket("/echo"):
        pass
    assert ("websocket.disconnect", 1000) == (app.last["type"], app.last["code"])


async def test_closing() -> None:
    """A client may close with a code and a reason; the application hears of it once."""
    app = Echo()
    async with Client(app).socket("/echo") as socket:
        await socket.close(4000, "enough")
    assert (4000, "enough") == (app.last["code"], app.last["reason"])


async def test_being_closed() -> None:
    """When the application closes, who waits for a message is told code and reason."""
    async with Client(Echo()).socket("/echo") as socket:
        await socket.send_text("a")
        await socket.send_text("bye")
        assert "a" == await socket.receive_text()
        with pytest.raises(SocketClosed, match="closed with 4001: bye") as closed:
            await socket.receive_text()
        assert (4001, "bye") == (closed.value.code, closed.value.reason)


async def test_an_application_that_just_ends() -> None:
    """An application that ends without closing leaves a connection that is broken, which is code 1006."""
    async with Client(Echo()).socket("/echo") as socket:
        await socket.send_text("end")
        with pytest.raises(SocketClosed) as closed:
            await socket.receive_text()
        assert 1006 == closed.value.code


async def test_what_the_application_raises() -> None:
    """What the application raises reaches the test."""
    async with Client(Echo()).socket("/echo") as socket:
        await socket.send_text("crash")
        with pytest.raises(LookupError, match="lost"):
            await socket.receive_text()


async def test_a_message_of_the_other_kind() -> None:
    """Bytes where text is expected are an error that shows the message."""
    async with Client(Echo()).socket("/echo") as socket:
        await socket.send_bytes(b"b")
        with pytest.raises(CrossbarError, match="where a message with text was expected"):
            await socket.receive_text()


START = {"type": "websocket.http.response.start", "status": 404, "headers": [(b"x-a", b"1")]}


@pytest.mark.parametrize(
    ("messages", "status", "body"),
    [
        pytest.param([{"type": "websocket.close"}], 403, b"", id="closed before it was accepted"),
        pytest.param(
            [
                START,
                {"type": "websocket.http.response.body", "body": b"no", "more_body": True},
                {"type": "websocket.http.response.body", "body": b"thing"},
            ],
            404,
            b"nothing",
            id="an answer of its own",
        ),
        pytest.param([], 500, b"", id="ended"),
    ],
)
async def test_being_refused(messages: list[dict[str, Any]], status: int, body: bytes) -> None:
    """A connection that is not accepted is an error that carries the response of a server."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with pytest.raises(SocketRefused, match=f"refused with {status}") as refused:
        async with Client(app).socket("/"):
            pytest.fail("there is no connection")
    assert (status, body) == (refused.value.response.status, refused.value.response.body)


async def test_being_refused_by_crossbar() -> None:
    """An application of Crossbar's says in its envelope why there is no WebSocket."""
    world = await small_world()
    with pytest.raises(SocketRefused) as refused:
        async with Client(world.app).socket(f"/accounts/{world.customer}/devices"):
            pytest.fail("there is no connection")
    assert (401, "invalid_credentials") == (refused.value.response.status, refused.value.response.word)
    await world.app.stop()
