"""The handshake that turns a connection into a WebSocket: who may, what may stand behind it, and what came before."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from functools import partial
from typing import Any

import pytest

from crossbar.protocol import HttpProtocol, limited
from crossbar.protocol.websocket import WebSocketProtocol

from .server import Receive, Scope, Send, Served, read_one, respond, serving, until, until_set
from .sockets import (
    BINARY,
    CLOSE,
    HEARD,
    KEY,
    PING,
    PONG,
    TEXT,
    UPGRADE,
    VERSION,
    app,
    asking,
    frame,
    read_frame,
    read_head,
    speaking,
    the_socket,
)

ORDINARY: dict[str, bytes] = {
    "POST": asking(method=b"POST"),
    "HTTP/1.0": asking(version=b"1.0"),
    "another protocol": asking(headers=b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + KEY + VERSION),
    "two protocols": asking(headers=UPGRADE + b"Upgrade: h2c\r\n" + KEY + VERSION),
    "two protocols in one line": asking(headers=b"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n" + KEY + VERSION),
    "no Connection": asking(headers=b"Upgrade: websocket\r\nConnection: close\r\n" + KEY + VERSION),
}

BAD: dict[str, tuple[int, bytes]] = {
    "version 8": (426, asking(headers=UPGRADE + KEY + b"Sec-WebSocket-Version: 8\r\n")),
    "no version": (426, asking(headers=UPGRADE + KEY)),
    "two versions": (426, asking(headers=UPGRADE + KEY + VERSION + b"Sec-WebSocket-Version: 8\r\n")),
    "no key": (400, asking(headers=UPGRADE + VERSION)),
    "two keys": (400, asking(headers=UPGRADE + KEY + KEY + VERSION)),
    "key of 3 bytes": (400, asking(headers=UPGRADE + b"Sec-WebSocket-Key: YWJj\r\n" + VERSION)),
    "key that is not base64": (400, asking(headers=UPGRADE + b"Sec-WebSocket-Key: \xe4\r\n" + VERSION)),
    "body": (400, asking(headers=UPGRADE + KEY + VERSION + b"Content-Length: 3\r\n") + b"abc"),
    "chunks": (400, asking(headers=UPGRADE + KEY + VERSION + b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n"),
    "length 00": (400, asking(headers=UPGRADE + KEY + VERSION + b"Content-Length: 00\r\n")),
    "no host": (400, asking(host=b"")),
    "two hosts": (400, asking(host=b"Host: a.test\r\nHost: b.test\r\n")),
    "absolute form": (400, asking(b"http://evil.test/echo")),
    "underscore in a name": (400, asking(headers=UPGRADE + KEY + VERSION + b"X_Auth_Token: a\r\n")),
    "target of 8193": (414, asking(b"/" + b"a" * 8192)),
    "line of 8193": (414, asking(b"/" + b"a" * 8177)),
    "101 fields": (431, asking(headers=UPGRADE + KEY + VERSION + b"X: a\r\n" * 96)),
    "field of 8193": (431, asking(headers=UPGRADE + KEY + VERSION + b"X: " + b"a" * 8188 + b"\r\n")),
    "header of 16 KiB and more": (
        431,
        asking(headers=UPGRADE + KEY + VERSION + b"X: a\r\nX: " + b"a" * 16384 + b"\r\n"),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_handshake(sockets: Served, case: str, caplog: pytest.LogCaptureFixture) -> None:
    """A bad handshake has one answer in JSON and ends the connection; the application is not called."""
    status, request = BAD[case]
    said = sockets.ask(request)
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"HTTP/1.1 %d " % status == head[:13]
    assert 1 == said.count(b"HTTP/1.1 ")
    assert str(status) == json.loads(body)["error"]
    assert b"\r\nconnection: close" in head
    assert b"\r\ndate: " in head
    assert (status == 426) == (b"\r\nsec-websocket-version: 13" in head)
    assert (status == 426) == (b"\r\nupgrade: websocket" in head)
    assert [] == HEARD
    assert "" == caplog.text


@pytest.mark.parametrize("case", [case for case in BAD if re.search("version|key|line|field of", case)])
def test_bad_handshake_on_uvicorns_http(case: str) -> None:
    """Behind uvicorn's own HTTP protocol the handshake is held to the same rules."""
    status, request = BAD[case]
    with speaking(app, http="httptools") as served:
        assert served.ask(request).startswith(b"HTTP/1.1 %d " % status)
    assert [] == HEARD


@pytest.mark.parametrize("case", ORDINARY)
def test_ordinary_request(sockets: Served, case: str) -> None:
    """What is no handshake is answered as an ordinary request, and ends the connection; nothing behind it is read."""
    said = sockets.ask(ORDINARY[case] + asking(b"/smuggled"))
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"\r\n\r\n/echo")
    assert [] == HEARD


def test_without_the_library() -> None:
    """Where no WebSocket is spoken, a handshake is an ordinary request."""
    with serving(app) as served:
        assert served.ask(asking()).endswith(b"\r\n\r\n/echo")


ACCEPTED: dict[str, bytes] = {
    "plain": asking(),
    "capitals": asking(headers=b"CONNECTION: keep-alive, UPGRADE\r\nUPGRADE: WebSocket\r\n" + KEY + VERSION),
    "length 0": asking(headers=UPGRADE + KEY + VERSION + b"Content-Length: 0\r\n"),
    "line of 8192": asking(b"/" + b"a" * 8176),
    "field of 8192": asking(headers=UPGRADE + KEY + VERSION + b"X: " + b"a" * 8187 + b"\r\n"),
}


@pytest.mark.parametrize("size", [1_000_000, 1, 7, 4096])
@pytest.mark.parametrize("case", ACCEPTED)
def test_data_behind_the_handshake(sockets: Served, case: str, size: int) -> None:
    """What comes with the handshake, or in any pieces, is heard after the application has accepted."""
    request = ACCEPTED[case]
    if size == 1 and len(request) > 1000:
        size = 100
    sent = request + frame(PING, b"ping") + frame(TEXT, b"a" * 5_000) + frame(BINARY, b"b")
    with sockets.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(0, len(sent), size):
            client.sendall(sent[i : i + size])
        head = read_head(client)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
        assert (PONG, b"ping") == read_frame(client)
        assert (TEXT, b"a" * 5_000) == read_frame(client)
        assert (BINARY, b"b") == read_frame(client)


@pytest.mark.parametrize(
    "behind",
    [b"\xff" * 100, frame(CLOSE, b"\x03\xe8"), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ids=["rubbish", "close", "request"],
)
@pytest.mark.parametrize("path", [b"/echo", b"/refuse", b"/deny", b"/crash/before"])
def test_anything_behind_the_handshake(
    sockets: Served, path: bytes, behind: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever follows a handshake, the handshake is answered first, once."""
    said = sockets.ask(asking(path) + behind)
    status = {b"/echo": 101, b"/refuse": 403, b"/deny": 401, b"/crash/before": 500}[path]
    assert said.startswith(b"HTTP/1.1 %d " % status)
    assert 1 == said.count(b"HTTP/1.1 ")
    assert path == b"/crash/before" or "" == caplog.text


# -- one connection for both


def test_requests_before_the_handshake(sockets: Served) -> None:
    """A connection that carried ordinary requests can become a socket."""
    with sockets.connect() as client:
        for _ in range(3):
            client.sendall(asking(b"/a", b""))
            assert (200, b"/a") == read_one(client)[::2]
        client.sendall(asking(b"/b", b"Content-Length: 3\r\n", b"POST") + b"abc")
        assert (200, b"/b") == read_one(client)[::2]
        client.sendall(asking())
        assert read_head(client).startswith(b"HTTP/1.1 101 ")
        client.sendall(frame(TEXT, b"a"))
        assert (TEXT, b"a") == read_frame(client)
        assert 1 == len(sockets.connections)


@pytest.mark.parametrize(
    ("ws", "number"), [(WebSocketProtocol, 0), (WebSocketProtocol, 2_000), ("websockets-sansio", 0)]
)
def test_handshake_behind_a_body_that_nobody_wanted(ws: Any, number: int) -> None:
    """Reading has paused before the handshake comes; it goes on behind it, as the socket wants it."""
    answer, accept = threading.Event(), threading.Event()

    async def hesitant(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request without its body, and a handshake, when it is time."""
        await until_set(answer if scope["type"] == "http" else accept)
        await app(scope, receive, send)

    messages = [b"%d" % i for i in range(number)]
    upload = asking(b"/a", b"Content-Length: 12000\r\n", b"POST") + b"a" * 12_000
    with speaking(hesitant, ws=ws, http=limited(max_body_buffer=4096)) as served, served.connect() as client:
        client.sendall(upload + asking() + b"".join([frame(TEXT, message) for message in messages]))
        until(partial(is_paused, served))
        answer.set()
        assert (200, b"/a") == read_one(client)[::2]
        until(lambda: not isinstance(the_socket(served), HttpProtocol))
        if messages:
            until(lambda: not the_socket(served).transport.is_reading())
        accept.set()
        assert read_head(client).startswith(b"HTTP/1.1 101 ")
        client.sendall(frame(TEXT, b"end"))
        for message in (*messages, b"end"):
            assert (TEXT, message) == read_frame(client)


def is_paused(served: Served) -> bool:
    """Whether the one connection of a server is not read from."""
    return any(each._read_paused for each in served.connections)


def test_handshake_of_a_client_that_is_slow_to_read() -> None:
    """While a response before it waits to be read, the socket waits too, and is not read from."""
    size = 8_000_000

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        """Send more than the kernel takes, in one part."""
        await (respond(send, b"a" * size) if scope["type"] == "http" else app(scope, receive, send))

    with speaking(large) as served, served.connect(receive_buffer=4096) as client:
        client.sendall(asking(b"/a", b""))
        until(lambda: served.connections and the_socket(served).write_paused)
        client.sendall(asking())
        until(lambda: isinstance(the_socket(served), WebSocketProtocol))
        client.sendall(frame(TEXT, b"a"))
        until(lambda: not the_socket(served).transport.is_reading())
        assert size == len(read_one(client)[2])
        assert read_head(client).startswith(b"HTTP/1.1 101 ")
        assert (TEXT, b"a") == read_frame(client)


def test_pipelined_handshake(sockets: Served) -> None:
    """A handshake sent before the requests ahead of it are answered is refused, behind their answers."""
    said = sockets.ask(asking(b"/1", b"") + asking(b"/2", b"") + asking() + frame(TEXT, b"a"))
    assert [b"200", b"200", b"400"] == re.findall(rb"HTTP/1\.1 (\d+) ", said)
    assert said.index(b"\r\n\r\n/1") < said.index(b"\r\n\r\n/2") < said.index(b" 400 ")
    assert b"waits for the responses" in said
    assert [] == HEARD


def test_any_protocol_can_take_over() -> None:
    """Whatever `ws=` names is given the head, then the rest; nothing after it has closed, as asyncio promises."""
    given: list[bytes] = []

    class Taker(asyncio.Protocol):
        """Keeps what it is given, and closes at the word."""

        def __init__(self, **options: Any) -> None:
            """As uvicorn makes one."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            """Keep the transport."""
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            """Keep the data."""
            given.append(data)
            if b"close" in data:
                self.transport.close()

    with speaking(app, ws=Taker) as served:
        assert b"" == served.ask(asking(b"/a") + b"rest: close")
        assert b"" == served.ask(asking(b"/close") + b"rest")
    head, rest, other = given
    expected = (
        b"GET /a HTTP/1.1\r\nhost: a.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
    )
    assert expected == head
    assert (b"rest: close", head.replace(b"/a", b"/close")) == (rest, other)
