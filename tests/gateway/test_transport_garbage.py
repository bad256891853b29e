"""What passes for a response and what does not: framing that can be read in two ways, odd heads, long ones."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar.gateway.aiohttp_line import MOST_INTERIM
from crossbar.gateway.transport import Fields, Garbled

from .misbehaving import Peer, answering, scripted
from .transports import LOOPS, body_of, get, speaking, whole

H = b"HTTP/1.1 200 OK\r\n"
CHUNKED = H + b"transfer-encoding: chunked\r\n\r\n"
OK = H + b"content-length: 2\r\n\r\nok"


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both event loops."""
    return request.param


GARBAGE = {
    "two lengths": H + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "two equal lengths": H + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "a list of lengths": H + b"content-length: 5, 5\r\n\r\nhello",
    "length and coding": H + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "coding and length": H + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "length +5": H + b"content-length: +5\r\n\r\nhello",
    "length -5": H + b"content-length: -5\r\n\r\nhello",
    "length 0x5": H + b"content-length: 0x5\r\n\r\nhello",
    "length 1_0": H + b"content-length: 1_0\r\n\r\nhellohello",
    "length too long": H + b"content-length: 18446744073709551621\r\n\r\nhello",
    "no length in the field": H + b"content-length: \r\n\r\nhello",
    "a folded length": H + b"content-length: 5\r\n 0\r\n\r\nhello",
    "two codings": H + b"transfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked twice": H + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "identity": H + b"transfer-encoding: identity\r\n\r\nhello",
    "chunked and a tab": H + b"transfer-encoding: chunked\t\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "xchunked": H + b"transfer-encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "a coding in 1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunk -5": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk +5": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "chunk 0x5": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk too long": CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk without a size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "chunk that goes on": CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
    "bare LF in a chunk": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "bare CR": H + b"a: b\rc: d\r\ncontent-length: 5\r\n\r\nhello",
    "NUL": H + b"a: b\0c\r\ncontent-length: 5\r\n\r\nhello",
    "NUL in a name": H + b"a\0b: c\r\ncontent-length: 5\r\n\r\nhello",
    "control character": H + b"a: b\x01c\r\ncontent-length: 5\r\n\r\nhello",
    "DEL": H + b"a: b\x7fc\r\ncontent-length: 5\r\n\r\nhello",
    "space before the colon": H + b"content-length : 5\r\n\r\nhello",
    "space in a name": H + b"a b: c\r\ncontent-length: 5\r\n\r\nhello",
    "no colon": H + b"abc\r\ncontent-length: 5\r\n\r\nhello",
    "no name": H + b": c\r\ncontent-length: 5\r\n\r\nhello",
    "status 99": b"HTTP/1.1 99 X\r\ncontent-length: 5\r\n\r\nhello",
    "status 099": b"HTTP/1.1 099 X\r\ncontent-length: 5\r\n\r\nhello",
    "status 600": b"HTTP/1.1 600 X\r\ncontent-length: 5\r\n\r\nhello",
    "status 1000": b"HTTP/1.1 1000 X\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/0.9": b"<html>hello</html>\r\n\r\n",
    "HTTP/0.9 in a line": b"HTTP/0.9 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/2": b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80",
    "ICY": b"ICY 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "TLS": b"\x15\x03\x03\0\x02\x02\x46",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    "101 to nothing": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "a long field": H + b"a: " + b"x" * 65_536 + b"\r\n\r\n",
    "a long reason": b"HTTP/1.1 200 " + b"x" * 65_537 + b"\r\n\r\n",
    "a long reason and a field": b"HTTP/1.1 200 " + b"x" * 65_000 + b"\r\na: " + b"x" * 536 + b"\r\n\r\n",
    "many fields": H + b"a: b\r\n" * 12_000 + b"content-length: 0\r\n\r\n",
    "more fields than fit": H + (b"a: " + b"x" * 1000 + b"\r\n") * 66 + b"content-length: 0\r\n\r\n",
    "an endless name": H + b"x" * 70_000,
    "too many interim responses": b"HTTP/1.1 102 Processing\r\n\r\n" * (MOST_INTERIM + 1) + OK,
}


@pytest.mark.parametrize("response", GARBAGE.values(), ids=GARBAGE)
async def test_what_is_no_response_is_garbled(response: bytes) -> None:
    """Nothing of it reaches the caller, none of its bytes are in the message, and the connection is closed."""
    closed = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(response if not peer.number else OK)
        await peer.gone()
        closed.set()

    async with scripted(handler) as port, speaking() as transport:
        with pytest.raises(Garbled) as caught:
            await body_of(transport, port)
        await closed.wait()
        assert "hello" not in str(caught.value)
        assert len(str(caught.value)) < 120
        assert await body_of(transport, port) == b"ok"


SANE: dict[str, tuple[bytes, Fields]] = {
    "bare LF": (b"HTTP/1.1 200 OK\na: b\ncontent-length: 5\n\nhello", [(b"a", b"b"), (b"content-length", b"5")]),
    "a folded field": (
        H + b"a: b\r\n c\r\ncontent-length: 5\r\n\r\nhello",
        [(b"a", b"b c"), (b"content-length", b"5")],
    ),
    "no reason": (b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello", [(b"content-length", b"5")]),
    "Chunked": (
        H + b"Transfer-Encoding: Chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
        [(b"transfer-encoding", b"Chunked")],
    ),
    "empty lines before": (b"\r\n\r\n" + H + b"content-length: 5\r\n\r\nhello", [(b"content-length", b"5")]),
    "a head as long as it may be": (
        H + (b"a: " + b"x" * 998 + b"\r\n") * 65 + b"b: " + b"x" * 440 + b"\r\ncontent-length: 5\r\n\r\nhello",
        [*[(b"a", b"x" * 998)] * 65, (b"b", b"x" * 440), (b"content-length", b"5")],
    ),
    "as many interim responses as may be": (
        b"HTTP/1.1 102 Processing\r\n\r\n" * MOST_INTERIM + H + b"content-length: 5\r\n\r\nhello",
        [(b"content-length", b"5")],
    ),
}


@pytest.mark.parametrize(("response", "fields"), SANE.values(), ids=SANE)
async def test_what_is_forgiven_has_one_meaning(response: bytes, fields: Fields) -> None:
    """Where RFC 9112 lets a recipient be kind (2.2, 5.2, 7.1.1), what comes of it is what the RFC says."""
    async with scripted(answering(response)) as port, speaking() as transport:
        answer = await transport.request(get(port))
        assert answer.fields == fields
        assert await whole(answer) == b"hello"
