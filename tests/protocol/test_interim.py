"""What a gateway needs of the server: early hints, a date that is not ours, who has gone, and an end on purpose."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from .server import Receive, Scope, Send, read_all, respond, serving, until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
DATE = b"Tue, 15 Nov 1994 08:12:31 GMT"


def hint(*links: bytes) -> dict[str, Any]:
    """Give the message that tells of links ahead of a response."""
    return {"type": "http.response.early_hint", "links": list(links)}


@pytest.mark.parametrize("links", [(b"</a.css>; rel=preload",), (b"</a>; rel=x", b"</b>; rel=y")], ids=["one", "two"])
def test_early_hints(links: tuple[bytes, ...]) -> None:
    """Links are sent as an interim response before the final one."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert "http.response.early_hint" in scope["extensions"]
        await send(hint(*links))
        await respond(send, b"done")

    with serving(app) as served:
        said = served.ask(LAST)
    interim, _, final = said.partition(b"\r\n\r\n")
    assert [b"HTTP/1.1 103 Early Hints", *(b"link: " + link for link in links)] == interim.split(b"\r\n")
    assert final.startswith(b"HTTP/1.1 200 OK\r\n")
    assert final.endswith(b"\r\n\r\ndone")


def test_no_hints_for_old_clients() -> None:
    """A client of HTTP/1.0 knows no interim responses (RFC 9110, 15.2)."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(hint(b"</a>"))
        await respond(send)

    with serving(app) as served:
        assert served.ask(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_hints_that_would_break_out() -> None:
    """A link with a line break in it is an error of the application."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(hint(b"</a>\r\nset-cookie: a=1"))
        await respond(send)

    with serving(app) as served:
        said = served.ask(LAST)
    assert said.startswith(b"HTTP/1.1 500")
    assert b"set-cookie" not in said


def test_a_date_of_its_own() -> None:
    """A response that brings its date has no second one, and the next response has the server's again."""
    own = iter([True, False])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        fields = [(b"content-length", b"0")]
        await respond(send, headers=[(b"Date", DATE), *fields] if next(own) else fields)

    with serving(app) as served:
        first, second = served.ask(GET, LAST).split(b"\r\n\r\n")[:2]
    assert [b"date: " + DATE] == [line for line in first.split(b"\r\n") if line.lower().startswith(b"date")]
    dates = [line for line in second.split(b"\r\n") if line.lower().startswith(b"date")]
    assert 1 == len(dates)
    assert DATE not in dates[0]


def test_who_has_gone() -> None:
    """Whoever wants to know that the client has gone is called back, without anybody waiting in `receive`."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.Event()
        exchange: Any = receive.__self__  # type: ignore[attr-defined]
        exchange.tell_when_gone(gone.set)
        seen.append("waits")
        await gone.wait()
        seen.append("gone")
        exchange.tell_when_gone(lambda: seen.append("at once"))

    with serving(app) as served:
        client = served.connect()
        client.sendall(GET)
        until(lambda: seen)
        client.close()
        until(lambda: len(seen) == 3)
    assert ["waits", "gone", "at once"] == seen


def test_nobody_is_told_of_a_client_that_was_answered() -> None:
    """After the response, the end of the connection is no news."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        receive.__self__.tell_when_gone(lambda: seen.append("gone"))  # type: ignore[attr-defined]
        await respond(send, b"a")

    with serving(app) as served:
        for _ in range(3):
            served.ask(LAST)
        until(lambda: not served.connections)
    assert [] == seen


@pytest.mark.parametrize("length", [True, False], ids=["content-length", "chunked"])
def test_an_end_on_purpose(length: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A response that is broken off resets the connection, and nothing is logged: it was meant."""
    headers = [(b"content-length", b"100")] if length else []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        send.__self__.abort()  # type: ignore[attr-defined]

    with serving(app) as served, served.connect() as client:
        client.sendall(GET)
        with pytest.raises((ConnectionResetError, socket.timeout)) as broken:
            read_all(client)
    assert broken.type is ConnectionResetError
    assert [] == caplog.messages
