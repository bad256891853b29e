"""Odd requests off the wire: what the upstream gets is what was meant, once, or nothing; the next one gets its own.

The mutations are of the kinds by which requests were smuggled through other servers (RFC 9112, 11.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from ..protocol.test_framing import REFUSED
from .gateways import Gateway, gateway, reply, route
from .misbehaving import Peer, scripted
from .wires import Answer

HOST = b"Host: gate.example\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST


@dataclass
class Arrived:
    """A request that is complete, as the upstream reads it: strictly, and by what its head says of its body."""

    line: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes
    connection: int

    @property
    def path(self) -> bytes:
        """The target of the request, as it was on the wire."""
        return self.line.split(b" ")[1]


class Upstream:
    """Answers each request with its own path, and keeps them all."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []

    async def __call__(self, peer: Peer) -> None:
        """Serve one connection; whatever it cannot read fails the test."""
        while True:
            head = await peer.head()
            line, *lines = head[:-4].split(b"\r\n")
            assert not {*b"\r\n\0"} & {*b"".join(lines)}
            fields = [(name, value) for name, _, value in (each.partition(b": ") for each in lines)]
            body = await _body(peer, dict(fields))
            found = Arrived(line, fields, body, peer.number)
            self.arrived.append(found)
            answer = reply(body, b"x-path: " + found.path)
            await peer.send(answer[: len(answer) - len(body)] if line.startswith(b"HEAD") else answer)


async def _body(peer: Peer, fields: dict[bytes, bytes]) -> bytes:
    assert not {b"content-length", b"transfer-encoding"} <= {*fields}
    if b"transfer-encoding" not in fields:
        return await peer.read(int(fields.get(b"content-length", b"0")))
    assert b"chunked" == fields[b"transfer-encoding"]
    body = b""
    while size := int(await peer.reader.readuntil(b"\r\n"), 16):
        body += await peer.read(size)
        assert b"\r\n" == await peer.read(2)
    assert b"\r\n" == await peer.read(2)
    return body


async def said(served: Gateway, data: bytes) -> list[Answer]:
    """Send these bytes and, behind them, a request that is the last one; give all answers."""
    answers: list[Answer] = []
    method = "HEAD" if data.startswith(b"HEAD") else "GET"
    async with served.wire() as wire:
        await wire.send(data + request(b"GET /last", b"Connection: close\r\n"))
        with suppress(EOFError, ConnectionError):
            while True:
                answers.append(await wire.answer("GET" if answers else method))
    return answers


def request(head: bytes, fields: bytes = b"", body: bytes = b"") -> bytes:
    """A request whose head is all that is not said here."""
    return head + b" HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


A_BODY = [(b"content-length", b"3")]
MEANT: dict[str, tuple[bytes, bytes, bytes, list[tuple[bytes, bytes]]]] = {
    "chunks": (request(b"POST /p", CHUNKED, b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), b"POST /p", b"abc", A_BODY),
    "extension": (request(b"POST /p", CHUNKED, b'3;a="b"\r\nabc\r\n0;c\r\n\r\n'), b"POST /p", b"abc", A_BODY),
    "trailers": (
        request(b"POST /p", CHUNKED, b"3\r\nabc\r\n0\r\nX-Crossbar-Account: evil\r\n\r\n"),
        b"POST /p",
        b"abc",
        A_BODY,
    ),
    "zeros before the size": (request(b"POST /p", CHUNKED, b"0003\r\nabc\r\n000\r\n\r\n"), b"POST /p", b"abc", A_BODY),
    "zeros before the length": (request(b"PUT /p", b"Content-Length: 0003\r\n", b"abc"), b"PUT /p", b"abc", A_BODY),
    "GET with a body": (request(b"GET /p", b"Content-Length: 3\r\n", b"abc"), b"GET /p", b"abc", A_BODY),
    "HEAD with a body": (request(b"HEAD /p", b"Content-Length: 3\r\n", b"abc"), b"HEAD /p", b"abc", A_BODY),
    "a body that is a request": (
        request(b"POST /p", b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED),
        b"POST /p",
        SMUGGLED,
        [(b"content-length", b"%d" % len(SMUGGLED))],
    ),
    "HTTP/1.0": (b"GET /p HTTP/1.0\r\n" + HOST + b"\r\n", b"GET /p", b"", []),
    "fields of the connection": (
        request(b"GET /p", b"Connection: x-a, keep-alive\r\nX-A: b\r\nKeep-Alive: 9\r\nTE: trailers\r\nTrailer: x\r\n"),
        b"GET /p",
        b"",
        [],
    ),
    "another upgrade": (request(b"GET /p", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"), b"GET /p", b"", []),
    "an upgrade that nobody names": (request(b"GET /p", b"Upgrade: h2c\r\n"), b"GET /p", b"", []),
    "empty lines before": (b"\r\n\r\n" + request(b"GET /p"), b"GET /p", b"", []),
    "another method": (request(b"PROPFIND /p"), b"PROPFIND /p", b"", []),
}
FRAMING = {b"content-length", b"transfer-encoding", b"connection", b"te", b"trailer", b"upgrade", b"keep-alive", b"x-a"}


@pytest.mark.parametrize(("sent", "line", "body", "framing"), MEANT.values(), ids=MEANT)
async def test_what_was_meant_arrives_once(
    sent: bytes, line: bytes, body: bytes, framing: list[tuple[bytes, bytes]]
) -> None:
    """With a framing of our own, and on a connection that the requests after it take as well."""
    upstream = Upstream()
    async with scripted(upstream) as port, gateway(route("/**"), up=port) as served:
        answers = await said(served, sent)
        assert 200 == (await served.ask("GET /next")).status
    first, *others = upstream.arrived
    assert (line + b" HTTP/1.1", body) == (first.line, first.body)
    assert framing == [pair for pair in first.fields if pair[0].lower() in FRAMING]
    assert [each["x-path"].encode() for each in answers] == [each.path for each in upstream.arrived[:-1]]
    assert [b"/last", b"/next"][-len(others) :] == [each.path for each in others]
    assert {0} == {each.connection for each in upstream.arrived}


PATHS = [
    *("/", "//", "///a", "/a//b", "/a/./b", "/a/../b", "/..", "/a%2Fb", "/a%2fb", "/%2e%2e/b", "/a;b=c", "/a?b?c"),
    *("/a?b=%00", "/a?&&=&", "/%41", "/a+b", "/a%20b", "/|", "/<>", "/{a}", "/^", "/`", "/~", "/a\\b", "/[1]", "/a:b"),
    *("/@x", "/a%C3%A4", "/a?q=%zz", "/*", "/a/", "/a%252Fb", "/a?x=http://b/c?d", "//evil.example/x", "/a?b=c;d=e"),
]


async def test_paths_arrive_byte_for_byte() -> None:
    """On an open route that gives a whole host away, whatever a path looks like."""
    upstream = Upstream()
    async with scripted(upstream) as port, gateway(route("/**"), up=port) as served:
        for path in PATHS:
            assert path == (await served.ask(f"GET {path}"))["x-path"]
    assert PATHS == [each.path.decode() for each in upstream.arrived]


NEVER: dict[str, bytes] = {
    **{probe: sent for probe, (_, sent) in REFUSED.items() if len(sent) < 1000},
    "brackets in a name": request(b"GET /p", b"X-A[]: b\r\n"),
    "text before the method": b"More of it" + request(b"GET /p"),
    "CR before a field": request(b"GET /p", b"\rX: a\r\n"),
    "a length far below zero": request(b"GET /p", b"Content-Length: -123456789123456789123456789\r\n"),
    "quotes round a length": request(b"POST /p", b"Content-Length: '3'\r\n", b"abc"),
    "a line break in an extension": request(b"POST /p", CHUNKED, b'3;a="b\r\nc"\r\nabc\r\n0\r\n\r\n'),
    "a connection that names the host": request(b"GET /p", b"Connection: close, host\r\n"),
    "a connection that names the length": request(
        b"POST /p", b"Connection: content-length\r\nContent-Length: 3\r\n", b"abc"
    ),
    "a connection that names credentials": request(b"GET /p", b"Connection: authorization\r\nAuthorization: a b\r\n"),
    "a connection that names the key of a retry": request(
        b"POST /p", b"Connection: idempotency-key\r\nIdempotency-Key: a\r\nContent-Length: 3\r\n", b"abc"
    ),
    "a host with an escape": b"GET /p HTTP/1.1\r\nHost: a%2eb\r\n\r\n",
    "a host with an empty label": b"GET /p HTTP/1.1\r\nHost: a..b\r\n\r\n",
    "TRACE": request(b"TRACE /p"),
    "no escape": request(b"GET /p%zz"),
    "more than a body may have": request(b"POST /p", b"Content-Length: 9223372036854775807\r\n", b"abc"),
}


async def test_what_is_refused_never_arrives() -> None:
    """It is answered once, what stands behind it is another request or nothing, and the next one gets its own."""
    upstream = Upstream()
    wrong = {}
    async with scripted(upstream) as port, gateway(route("/**"), up=port) as served:
        for probe, sent in NEVER.items():
            first, *others = await said(served, sent)
            paths = [(await served.ask("GET /next"))["x-path"].encode(), *(each.path for each in upstream.arrived)]
            upstream.arrived.clear()
            if first.status < 400 or [b"/next", *[b"/last"] * len(others), b"/next"] != paths:
                wrong[probe] = (first.status, paths)
    assert {} == wrong


ODD = b"\0\x01\t\n\v\f\r\x1c\x1f !\"',-0:;=_x\x7f\x80\x85\xa0\xff"
"""Bytes that somebody takes for space, for the end of a line or a word, or for nothing."""


def mutated() -> Iterator[bytes]:
    """Transfer-Encoding, not quite."""
    for odd in (ODD[i : i + 1] for i in range(len(ODD))):
        yield odd + b"Transfer-Encoding: chunked"
        yield b"Transfer" + odd + b"Encoding: chunked"
        yield b"Transfer-Encoding" + odd + b": chunked"
        yield b"Transfer-Encoding:" + odd + b"chunked"
        yield b"Transfer-Encoding: chunked" + odd
        yield b"Transfer-Encoding: identity" + odd + b"chunked"
        yield b"X: a" + odd + b"Transfer-Encoding: chunked"
        yield b"X: a\r" + odd + b"Transfer-Encoding: chunked"
        yield b"X: a\n" + odd + b"Transfer-Encoding: chunked"


async def test_a_length_is_what_counts_or_nothing_does() -> None:
    """A field that only looks like a coding is none; one that could be is refused, with all that follows it.

    By its length the first body holds a request, which by its chunks would be one of its own; or the other way round.
    """
    chunk = SMUGGLED + b"Content-Length: 5\r\n\r\n"
    within = b"0\r\n\r\n" + SMUGGLED + b"X: "
    behind = b"%x\r\n" % len(chunk)
    readings = {
        within: (within, [b"/p", b"/last"]),
        behind + chunk + b"\r\n0\r\n\r\n": (behind, [b"/p", b"/smuggled", b"/last"]),
    }
    upstream = Upstream()
    wrong = []
    taken = []
    async with scripted(upstream) as port, gateway(route("/**"), up=port) as served:
        for field in mutated():
            for sent, (body, expected) in readings.items():
                length = b"Content-Length: %d\r\n" % len(body)
                answers = await said(served, request(b"POST /p", length + field + b"\r\n", sent))
                found = [(each.path, each.body) for each in upstream.arrived]
                upstream.arrived.clear()
                taken += found[:1]
                paths = [path for path, _ in found]
                good = [each["x-path"].encode() for each in answers if each.status == 200]
                if good != paths or found[:1] not in ([], [(b"/p", body)]) or paths not in ([], expected):
                    wrong.append((field, [each.status for each in answers], found))
    assert [] == wrong
    assert 0 < len(taken) < len([*mutated()])
