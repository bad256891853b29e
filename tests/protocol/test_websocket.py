"""WebSocket connections over real sockets: the handshake, what both sides say, and how it ends."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.typing import Subprotocol

from crossbar.cli import serving as command_line
from crossbar.protocol import HttpProtocol
from crossbar.settings import Limits, Settings

from .server import PATIENCE, Served, read_all, read_one, respond, until
from .sockets import (
    BINARY,
    CLOSE,
    CONT,
    HEARD,
    KEY,
    TEXT,
    UPGRADE,
    VERSION,
    app,
    asking,
    client_of,
    frame,
    opened,
    read_frame,
    read_head,
    speaking,
)

# -- what is said


def test_echo(any_sockets: Served) -> None:
    """Text, binary data, empty messages and fragments come back as they were sent, up to 64 KiB."""
    with client_of(any_sockets, "/echo", max_size=None) as client:
        for message in ("text ä €", b"\0\xff", "", b"", "a" * 65536, b"a" * 65536):
            client.send(message)
            assert message == client.recv(PATIENCE)
        client.send(["one ", "two ", "three"])
        assert "one two three" == client.recv(PATIENCE)
        assert client.ping().wait(PATIENCE)


def test_compression_is_not_spoken(sockets: Served) -> None:
    """A client that offers permessage-deflate gets none."""
    with client_of(sockets, "/echo", compression="deflate") as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers


def test_accept(any_sockets: Served) -> None:
    """The application chooses among the subprotocols and adds headers; the answer has one date."""
    offered = [Subprotocol("a.b"), Subprotocol("c.d")]
    with client_of(any_sockets, "/echo", subprotocols=offered) as client:
        assert "c.d" == client.subprotocol
        assert client.response is not None
        assert "b" == client.response.headers["X-A"]
        assert client.response.headers["Date"].endswith(" GMT")
    with client_of(any_sockets, "/echo") as client:
        assert client.subprotocol is None


@pytest.mark.parametrize("target", [b"/echo", b"/ec%68o?a=%2F&b", b"/echo?a?b", b"/echo?" + b"a" * 8_100])
@pytest.mark.parametrize("root", ["", "/api"])
@pytest.mark.parametrize("http", [HttpProtocol, "httptools"])
def test_scope(target: bytes, root: str, http: Any) -> None:
    """The scope has the path, query, addresses and headers that an ordinary request has."""
    seen: list[Any] = []

    async def recorder(scope: Any, receive: Any, send: Any) -> None:
        """Keep the scope of each request."""
        seen.append(scope)
        await (respond(send) if scope["type"] == "http" else app(scope, receive, send))

    own = b"X-A: 1\r\nx-a: 2\r\nX-Long: " + b"a" * 8_000 + b"\r\nX-Latin: \xe4\r\nX-Empty:\r\nCookie: a=b; c=d\r\n"
    with speaking(recorder, http=http, root_path=root) as served:
        with served.connect() as client:
            client.sendall(asking(target, own))
            assert 200 == read_one(client)[0]
        with served.connect() as client:
            client.sendall(asking(target, own + UPGRADE + KEY + VERSION + b"Sec-WebSocket-Protocol: a, b\r\n"))
            assert read_head(client).startswith(b"HTTP/1.1 101 ")
            own_port = client.getsockname()[1]
    plain, upgraded = seen
    for key in ("path", "raw_path", "query_string", "root_path", "server", "http_version"):
        assert plain[key] == upgraded[key], key
    assert ("websocket", "ws", ["a", "b"]) == tuple(upgraded[key] for key in ("type", "scheme", "subprotocols"))
    assert ("127.0.0.1", own_port) == upgraded["client"]
    assert "websocket.http.response" in upgraded["extensions"]
    assert plain["headers"] == upgraded["headers"][: len(plain["headers"])]


def test_lifespan_state() -> None:
    """The lifespan's state reaches the scope of a socket too."""
    seen: list[Any] = []

    async def stateful(scope: Any, receive: Any, send: Any) -> None:
        """Put something into the state, and look for it."""
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["a"] = 1
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            seen.append(scope["state"])
            await app(scope, receive, send)

    with speaking(stateful, lifespan="on") as served, client_of(served, "/echo"):
        pass
    assert [{"a": 1}] == seen


# -- refused by the application


def test_refused_with_403(any_sockets: Served) -> None:
    """A close before accept is 403."""
    with pytest.raises(InvalidStatus) as refused:
        client_of(any_sockets, "/refuse")
    assert 403 == refused.value.response.status_code


def test_refused_with_a_response(any_sockets: Served) -> None:
    """The extension `websocket.http.response` refuses with a whole response of the application's."""
    with pytest.raises(InvalidStatus) as refused:
        client_of(any_sockets, "/deny")
    response = refused.value.response
    assert (401, b'{"status":"error"}') == (response.status_code, response.body)
    assert ("Bearer", "application/json") == (response.headers["WWW-Authenticate"], response.headers["Content-Type"])


@pytest.mark.parametrize("path", ["/crash/before", "/silent"])
def test_fails_before_accept(any_sockets: Served, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """An application that fails before it accepts is a 500, and it is logged."""
    with pytest.raises(InvalidStatus) as refused:
        client_of(any_sockets, path)
    assert 500 == refused.value.response.status_code
    until(lambda: "ASGI" in caplog.text)


def test_fails_after_accept(sockets: Served, caplog: pytest.LogCaptureFixture) -> None:
    """An application that fails after it accepted ends the connection with 1011, and it is logged."""
    with client_of(sockets, "/crash/after") as client, pytest.raises(ConnectionClosedError) as closed:
        client.recv(PATIENCE)
    assert closed.value.rcvd is not None
    assert 1011 == closed.value.rcvd.code
    assert "ValueError: /crash/after" in caplog.text


# -- close


def test_client_closes(any_sockets: Served) -> None:
    """The application is told the client's code and reason; without a code that is 1005."""
    with client_of(any_sockets, "/echo") as client:
        client.close(4002, "bye")
    until(lambda: HEARD[-1]["type"] == "websocket.disconnect")
    assert (4002, "bye") == (HEARD[-1]["code"], HEARD[-1]["reason"])
    with opened(any_sockets) as raw:
        raw.sendall(frame(CLOSE))
        assert (CLOSE, b"") == read_frame(raw)
        assert b"" == read_all(raw)
    until(lambda: HEARD[-1].get("code") == 1005)


def test_application_closes(any_sockets: Served) -> None:
    """The client is told the application's code and reason."""
    with client_of(any_sockets, "/close") as client, pytest.raises(ConnectionClosed) as closed:
        client.recv(PATIENCE)
    assert closed.value.rcvd is not None
    assert (4001, "enough") == (closed.value.rcvd.code, closed.value.rcvd.reason)


WRONG: dict[str, tuple[int, bytes]] = {
    "message over 64 KiB": (1009, frame(BINARY, b"a" * 65537)),
    "announced to be over 64 KiB": (1009, b"\x82\xff" + (1 << 62).to_bytes(8) + b"mask"),
    "fragments over 64 KiB": (1009, frame(TEXT, b"a" * 65000, False) + frame(CONT, b"a" * 537)),
    "text that is not UTF-8": (1007, frame(TEXT, b"\xff")),
    "fragments that are not UTF-8": (1007, frame(TEXT, b"\xc3", False) + frame(CONT, b"")),
    "no mask": (1002, b"\x81\x01a"),
    "reserved bit": (1002, b"\xc1\x80mask"),
    "unknown opcode": (1002, b"\x83\x80mask"),
    "continuation of nothing": (1002, frame(CONT)),
    "ping of 126 bytes": (1002, b"\x89\xfe\x00\x7emask" + b"a" * 126),
    "close code 1005": (1002, b"\x88\x82\0\0\0\0\x03\xed"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_frames(sockets: Served, case: str, caplog: pytest.LogCaptureFixture) -> None:
    """What is wrong ends the connection with the code for it; the application hears of the end and of nothing else."""
    code, sent = WRONG[case]
    with opened(sockets) as client:
        client.sendall(sent + frame(TEXT, b"smuggled"))
        opcode, data = read_frame(client)
    assert (CLOSE, code) == (opcode, int.from_bytes(data[:2]))
    until(lambda: HEARD[-1]["type"] == "websocket.disconnect")
    assert ["websocket.connect", "websocket.disconnect"] == [each["type"] for each in HEARD[1:]]
    assert code == HEARD[-1]["code"]
    assert "" == caplog.text  # a client must not be able to fill the log


# -- around it


def test_nothing_of_a_client_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not even at the level debug: queries, headers and messages hold tokens."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "uvicorn.error")  # which is put back at the end; the server would not
    with speaking(app, log_level="debug") as served:
        headers = {"X-Auth-Token": "secret"}
        with client_of(served, "/echo?auth_token=secret", additional_headers=headers, logger=_silent()) as client:
            client.send("secret")
            assert "secret" == client.recv(PATIENCE)
        with pytest.raises(InvalidStatus):
            client_of(served, "/refuse?auth_token=secret", additional_headers=headers, logger=_silent())
    assert 2 == sum(each["type"] == "websocket" for each in HEARD)
    assert "secret" not in caplog.text


def _silent() -> logging.Logger:
    """A logger for the client, whose own lines are not what is tested."""
    logger = logging.Logger("client")  # nobody's child
    logger.disabled = True
    return logger


def test_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """`crossbar run` takes the size of a message from the settings, and serves without the library."""
    options = command_line.serving_options(Settings(limits=Limits(socket_message=1000)))
    limits = {"max_size": 1000, "max_queue": 8, "ping_interval": 20.0, "ping_timeout": 20.0}
    assert {**limits, "per_message_deflate": False} == {
        name.removeprefix("ws_"): value for name, value in options.items() if name.startswith("ws_")
    }
    options = {name: options[name] for name in ("http", "ws", "ws_max_size")}
    with speaking(app, **options) as served, opened(served) as client:
        client.sendall(frame(TEXT, b"a" * 1000))
        assert (TEXT, b"a" * 1000) == read_frame(client)
        client.sendall(frame(TEXT, b"a" * 1001))
        opcode, data = read_frame(client)
        assert (CLOSE, 1009) == (opcode, int.from_bytes(data[:2]))
    monkeypatch.setitem(sys.modules, "websockets", None)
    assert "none" == command_line.serving_options(Settings())["ws"]
