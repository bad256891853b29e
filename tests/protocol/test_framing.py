"""What is refused on the wire: one answer, the connection closed, the application never called."""

from __future__ import annotations

import json
import pickle
import re
import socket
from collections.abc import Iterator

import pytest

from crossbar.fields import SECURE
from crossbar.protocol import HttpProtocol, limited

from .server import Receive, Scope, Send, Served, read_all, read_body, read_one, respond, serving

CALLS: list[Scope] = []


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Say which path was asked, and what the body was."""
    CALLS.append(scope)
    body = await read_body(receive)
    await respond(send, scope["raw_path"] + b" " + body)


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving(app) as served:
        yield served


@pytest.fixture(autouse=True)
def forget() -> None:
    CALLS.clear()


HOST = b"Host: a.test\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"


def statuses(said: bytes) -> list[int]:
    """Those of all responses in what a server said."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]


def post(headers: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"POST /a HTTP/" + version + b"\r\n" + HOST + headers + b"\r\n" + body


def get(target: bytes = b"/a", headers: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"GET " + target + b" HTTP/" + version + b"\r\n" + HOST + headers + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"

REFUSED: dict[str, tuple[int, bytes]] = {
    # Two readings of where a body ends (RFC 9112 section 6).
    "length and coding": (400, post(b"Content-Length: 5\r\n" + CHUNKED, END)),
    "coding and length": (400, post(CHUNKED + b"Content-Length: 5\r\n", END)),
    "two equal lengths": (400, post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc")),
    "two lengths": (400, post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abc")),
    "length list": (400, post(b"Content-Length: 3, 3\r\n", b"abc")),
    "length +3": (400, post(b"Content-Length: +3\r\n", b"abc")),
    "length -3": (400, post(b"Content-Length: -3\r\n", b"abc")),
    "length 3_0": (400, post(b"Content-Length: 3_0\r\n", b"abc")),
    "length 0x2": (400, post(b"Content-Length: 0x2\r\n", b"ab")),
    "length 3.0": (400, post(b"Content-Length: 3.0\r\n", b"abc")),
    "length empty": (400, post(b"Content-Length:\r\n", b"abc")),
    "length of two words": (400, post(b"Content-Length: 3 3\r\n", b"abc")),
    "length overflow": (400, post(b"Content-Length: 99999999999999999999999\r\n")),
    "length in other digits": (400, post(b"Content-Length: \xd9\xa3\r\n", b"abc")),
    "coding xchunked": (400, post(b"Transfer-Encoding: xchunked\r\n", END)),
    "coding identity": (400, post(b"Transfer-Encoding: identity\r\n", END)),
    "coding gzip, chunked": (400, post(b"Transfer-Encoding: gzip, chunked\r\n", END)),
    "coding chunked, chunked": (400, post(b"Transfer-Encoding: chunked, chunked\r\n", END)),
    "coding with vertical tab": (400, post(b"Transfer-Encoding: \x0bchunked\r\n", END)),
    "coding quoted": (400, post(b'Transfer-Encoding: "chunked"\r\n', END)),
    "coding empty": (400, post(b"Transfer-Encoding:\r\n", END)),
    "two codings": (400, post(CHUNKED + CHUNKED, END)),
    "coding before a space": (400, post(b"Transfer-Encoding : chunked\r\n", END)),
    "coding in 1.0": (400, post(CHUNKED, END, b"1.0")),
    "upgrade with a body": (
        400,
        post(b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n", b"GET /"),
    ),
    # Chunks (RFC 9112 section 7.1).
    "chunk size 0x3": (400, post(CHUNKED, b"0x3\r\nabc\r\n" + END)),
    "chunk size -1": (400, post(CHUNKED, b"-1\r\nabc\r\n" + END)),
    "chunk size and space": (400, post(CHUNKED, b"3 \r\nabc\r\n" + END)),
    "chunk size empty": (400, post(CHUNKED, b"\r\nabc\r\n" + END)),
    "chunk size overflow": (400, post(CHUNKED, b"11111111111111111\r\nabc\r\n" + END)),
    "chunk line ends in LF": (400, post(CHUNKED, b"3\nabc\r\n" + END)),
    "chunk data end in LF": (400, post(CHUNKED, b"3\r\nabc\n" + END)),
    "chunk longer than it says": (400, post(CHUNKED, b"3\r\nabcd\r\n" + END)),
    "chunk extension with LF": (400, post(CHUNKED, b"3;a\nabc\r\n" + END)),
    "trailer ends in LF": (400, post(CHUNKED, b"0\r\nX: a\nY: b\r\n\r\n")),
    "end of chunks with LF": (400, post(CHUNKED, b"0\r\n\n")),
    "trailer with a length": (400, post(CHUNKED, b"0\r\nContent-Length: 3\r\n\r\n")),
    "trailer with underscore": (400, post(CHUNKED, b"0\r\nX_Auth_Token: a\r\n\r\n")),
    # Lines and fields (RFC 9112 sections 2.2 and 5).
    "LF everywhere": (400, b"GET /a HTTP/1.1\nHost: a.test\n\n"),
    "LF after the request line": (400, b"GET /a HTTP/1.1\nHost: a.test\r\n\r\n"),
    "LF after a field": (400, b"GET /a HTTP/1.1\r\nHost: a.test\nX: b\r\n\r\n"),
    "LF at the end": (400, b"GET /a HTTP/1.1\r\nHost: a.test\r\n\n"),
    "CR after the request line": (400, b"GET /a HTTP/1.1\rHost: a.test\r\n\r\n"),
    "CR in a value": (400, get(headers=b"X: a\rb\r\n")),
    "NUL in a value": (400, get(headers=b"X: a\0b\r\n")),
    "control byte in a value": (400, get(headers=b"X: a\x01b\r\n")),
    "DEL in a value": (400, get(headers=b"X: a\x7fb\r\n")),
    "folded line": (400, get(headers=b"X: a\r\n b\r\n")),
    "folded with a tab": (400, get(headers=b"X: a\r\n\tb\r\n")),
    "space before the first field": (400, b"GET /a HTTP/1.1\r\n Host: a.test\r\n\r\n"),
    "space before a colon": (400, get(headers=b"X : a\r\n")),
    "space in a name": (400, get(headers=b"X Y: a\r\n")),
    "empty name": (400, get(headers=b": a\r\n")),
    "name without colon": (400, get(headers=b"X\r\n")),
    "NUL in a name": (400, get(headers=b"X\0: a\r\n")),
    "name in UTF-8": (400, get(headers="Ä: a\r\n".encode())),
    "underscore in a name": (400, get(headers=b"X_Auth_Token: a\r\n")),
    # Host (RFC 9112 section 3.2).
    "no host": (400, b"GET /a HTTP/1.1\r\n\r\n"),
    "two hosts": (400, get(headers=b"Host: b.test\r\n")),
    "two equal hosts": (400, get(headers=HOST)),
    "empty host": (400, b"GET /a HTTP/1.1\r\nHost:\r\n\r\n"),
    "host with a path": (400, b"GET /a HTTP/1.1\r\nHost: a.test/b\r\n\r\n"),
    "host with user": (400, b"GET /a HTTP/1.1\r\nHost: u@a.test\r\n\r\n"),
    "host list": (400, b"GET /a HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n"),
    "host with an escape": (400, b"GET /a HTTP/1.1\r\nHost: a%2etest\r\n\r\n"),
    "host with an empty label": (400, b"GET /a HTTP/1.1\r\nHost: a..test\r\n\r\n"),
    "host with two dots at its end": (400, b"GET /a HTTP/1.1\r\nHost: a.test..\r\n\r\n"),
    "bad host in 1.0": (400, b"GET /a HTTP/1.0\r\nHost: a b\r\n\r\n"),
    # The request line (RFC 9112 section 3).
    "HTTP/0.9": (400, b"GET /a\r\n"),
    "HTTP/0.9 spelt out": (400, get(version=b"0.9")),
    "HTTP/1.2": (400, get(version=b"1.2")),
    "HTTP/2.0": (505, get(version=b"2.0")),
    "HTTP/2 preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/1.10": (400, get(version=b"1.10")),
    "http/1.1": (400, b"GET /a http/1.1\r\n" + HOST + b"\r\n"),
    "RTSP": (400, b"GET /a RTSP/1.0\r\n" + HOST + b"\r\n"),
    "RTSP 1.1": (400, b"OPTIONS /a RTSP/1.1\r\n" + HOST + b"\r\n"),
    "ICE": (400, b"SOURCE /a ICE/1.0\r\n" + HOST + b"\r\n"),
    "two spaces": (400, b"GET  /a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "space at the end": (400, b"GET /a HTTP/1.1 \r\n" + HOST + b"\r\n"),
    "space in the target": (400, get(b"/a b")),
    "method in lower case": (400, b"get /a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "no such method": (400, b"FETCH /a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "CONNECT": (400, b"CONNECT a.test:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "absolute form": (400, get(b"http://evil.test/a")),
    "authority form": (400, get(b"a.test:80")),
    "at sign": (400, get(b"@evil.test/a")),
    "no slash": (400, get(b"a")),
    "asterisk": (400, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "query without path": (400, get(b"?a=b")),
    "fragment": (400, get(b"/a#b")),
    "fragment in the query": (400, get(b"/a?b#c")),
    "control byte in the target": (400, get(b"/a\x01")),
    "NUL in the target": (400, get(b"/a\0")),
    "DEL in the target": (400, get(b"/a\x7f")),
    "tab in the target": (400, get(b"/a\tb")),
    "UTF-8 in the target": (400, get("/ä".encode())),
    # Sizes.
    "target of 8193": (414, get(b"/" + b"a" * 8192)),
    "target of 100,000": (414, get(b"/" + b"a" * 99_999)),
    "101 fields": (431, get(headers=b"X: a\r\n" * 100)),
    "10,000 fields": (431, get(headers=b"X: a\r\n" * 10_000)),
    "header of 16 KiB and more": (431, get(headers=b"X: " + b"a" * 16_384 + b"\r\n")),
    "name of 20,000": (431, get(headers=b"X" * 20_000 + b": a\r\n")),
}

SPLITS = {"at once": 0, "bytewise": 1}


@pytest.mark.parametrize(
    ("probe", "split"),
    # A long probe would take long, byte by byte.
    [
        (probe, split)
        for split, step in SPLITS.items()
        for probe in REFUSED
        if not step or len(REFUSED[probe][1]) <= 200
    ],
)
def test_refused(server: Served, probe: str, split: str) -> None:
    """A probe has one answer in JSON and ends the connection; what is smuggled behind it is never looked at."""
    status, request = REFUSED[probe]
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = request + SMUGGLED
        for part in [data[i : i + 1] for i in range(len(data))] if SPLITS[split] else [data]:
            client.sendall(part)
        said = read_all(client)
    head, _, body = said.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert status == int(lines[0].split()[1])
    assert 1 == len(statuses(said))
    assert [b"content-type: application/json"] == [line for line in lines if line.startswith(b"content-type")]
    assert b"connection: close" in lines
    assert any(line.startswith(b"date: ") for line in lines)
    envelope = json.loads(body)
    assert {"data", "error", "message", "status", "request_id"} == set(envelope)
    assert (str(status), "error") == (envelope["error"], envelope["status"])
    assert "smuggled" not in "".join(scope["path"] for scope in CALLS)
    if SPLITS[split] == 0:
        assert [] == CALLS


@pytest.mark.parametrize("probe", [probe for probe, (_, request) in REFUSED.items() if len(request) < 1000])
def test_refused_after_a_good_request(server: Served, probe: str) -> None:
    """What came before a bad request is answered first, and only then the bad one, once."""
    status, request = REFUSED[probe]
    said = server.ask(get(b"/good") + request + SMUGGLED)
    assert [200, status] == statuses(said)
    assert ["/good"] == [scope["path"] for scope in CALLS]


ACCEPTED: dict[str, tuple[bytes, list[bytes]]] = {
    "plain": (get(), [b"/a "]),
    "empty line before": (b"\r\n\r\n" + get(), [b"/a "]),
    "length": (post(b"Content-Length: 3\r\n", b"abc"), [b"/a abc"]),
    "length with space after": (post(b"Content-Length: 3 \r\n", b"abc"), [b"/a abc"]),
    "length 0": (post(b"Content-Length: 0\r\n"), [b"/a "]),
    "no body": (post(b""), [b"/a "]),
    "chunks": (post(CHUNKED, b"3\r\nabc\r\n2\r\nde\r\n" + END), [b"/a abcde"]),
    "coding is case-insensitive": (post(b"Transfer-Encoding: Chunked\r\n", b"3\r\nabc\r\n" + END), [b"/a abc"]),
    "chunk extension": (post(CHUNKED, b'3;a="b"\r\nabc\r\n' + END), [b"/a abc"]),
    "trailer": (post(CHUNKED, b"3\r\nabc\r\n0\r\nX-T: a\r\nX-U: b\r\n\r\n"), [b"/a abc"]),
    "escapes": (get(b"/a%2Fb"), [b"/a%2Fb "]),
    "two slashes": (get(b"//a"), [b"//a "]),
    "url in the path": (get(b"/http://a"), [b"/http://a "]),
    "host with port": (b"GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", [b"/a "]),
    "host with the dot of the root": (b"GET /a HTTP/1.1\r\nHost: a.test.:80\r\n\r\n", [b"/a "]),
    "Latin-1 in a value": (get(headers=b"X: \xe4\r\n"), [b"/a "]),
    "empty value": (get(headers=b"X:\r\n"), [b"/a "]),
    "upgrade without a body": (get(headers=b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), [b"/a "]),
    "target of 8192": (get(b"/" + b"a" * 8191), [b"/" + b"a" * 8191 + b" "]),
    "100 fields": (get(headers=b"X: a\r\n" * 98), [b"/a "]),
    "header of nearly 16 KiB": (get(headers=b"X: " + b"a" * 16_300 + b"\r\n"), [b"/a "]),
    "a pipeline": (get(b"/1") + post(b"Content-Length: 1\r\n", b"2") + get(b"/3"), [b"/1 ", b"/a 2", b"/3 "]),
    "trailers do not reach the next": (post(CHUNKED, b"0\r\nX: a\r\n\r\n") + get(b"/2"), [b"/a ", b"/2 "]),
    "nothing after close": (get(b"/1", b"Connection: close\r\n") + get(b"/2"), [b"/1 "]),
    "nothing after an upgrade": (get(b"/1", b"Connection: Upgrade\r\nUpgrade: h2c\r\n") + get(b"/2"), [b"/1 "]),
    "nothing after 1.0": (get(b"/1", version=b"1.0") + get(b"/2"), [b"/1 "]),
    "1.0 without host": (b"GET /a HTTP/1.0\r\n\r\n", [b"/a "]),
}


@pytest.mark.parametrize(
    ("probe", "size"),
    # Small pieces of a long probe would take long, and some would be sent to a connection that closes.
    [
        (probe, size)
        for size in (1_000_000, 1, 7, 4096)
        for probe, (request, _) in ACCEPTED.items()
        if size >= 4096 or (len(request) <= 1000 and not probe.startswith("nothing after"))
    ],
)
def test_accepted(server: Served, probe: str, size: int) -> None:
    """What is well-formed is answered, however it is cut into pieces, and trailers never look like headers."""
    request, answers = ACCEPTED[probe]
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(0, len(request), size):
            client.sendall(request[i : i + size])
        for answer in answers:
            assert (200, answer) == read_one(client)[::2]
        client.shutdown(socket.SHUT_WR)
        assert b"" == read_all(client)
    assert len(answers) == len(CALLS)
    assert not any(name == b"x-t" for scope in CALLS for name, _ in scope["headers"])


def test_endless_header() -> None:
    """Of 20 MB of header not more is kept than a header may have."""
    kept: list[int] = []

    class Weighed(HttpProtocol):
        def parse_stash(self) -> None:
            super().parse_stash()
            kept.append(len(self._raw) + len(self._stash))

    with serving(app, Weighed) as served:
        said = served.ask(b"GET / HTTP/1.1\r\nHost: a.test\r\nX: ", b"a" * 20_000_000)
    assert [431] == statuses(said)
    assert [] == CALLS
    assert max(kept) < 40_000


@pytest.mark.parametrize("part", [b"3;" + b"a" * 70_000, b"0\r\nX: " + b"a" * 70_000, b"0\r\n" + b"X: a\r\n" * 9_000])
def test_endless_trailer(server: Served, part: bytes) -> None:
    """Chunk extensions and trailers, which the parser collects, are bounded like a header."""
    said = server.ask(post(CHUNKED, part))
    assert said.startswith(b"HTTP/1.1 431 ")
    assert 1 == len(statuses(said))


def test_own_limits() -> None:
    """`limited` takes the limits of the settings and names of its own, and no others."""

    class Limits:
        target, headers, header_count = 64, 1024, 10

    with serving(app, limited(Limits(), max_connections=2)) as served:
        assert served.ask(get(b"/" + b"a" * 64)).startswith(b"HTTP/1.1 414 ")
        assert served.ask(get(headers=b"X: " + b"a" * 1024 + b"\r\n")).startswith(b"HTTP/1.1 431 ")
        assert served.ask(get(headers=b"X: a\r\n" * 10)).startswith(b"HTTP/1.1 431 ")
        with served.connect() as first, served.connect() as second:
            for client in (first, second):
                client.sendall(get())
                assert 200 == read_one(client)[0]
            said = served.ask()
            assert said.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 1\r\n" in said
            first.sendall(get())
            assert 200 == read_one(first)[0]
    copy = pickle.loads(pickle.dumps(limited(max_queue=3)))
    assert (3, 8192) == (copy.max_queue, copy.max_target)  # worker processes get it that way
    with pytest.raises(TypeError, match="max_nonsense"):
        limited(max_nonsense=1)


def test_refusals_of_the_wire_are_no_page_either(server: Served) -> None:
    """What the server answers itself carries the fields that every answer of the application has."""
    head = server.ask(b"GET / HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")[0].splitlines()
    assert b" 400 " in head[0]
    assert set(head) >= {b"%b: %b" % pair for pair in SECURE}
