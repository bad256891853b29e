"""WebSockets of the transport: the handshake, messages as they are, and every way in which one can end."""

from __future__ import annotations

import asyncio
import struct
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha1
from typing import Any

import pytest

from crossbar.gateway import aiohttp_socket
from crossbar.gateway.transport import Broken, Garbled, Message, NotConnected, Rejected

from .misbehaving import Peer, scripted
from .transports import LOOPS, get, speaking

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both event loops."""
    return request.param


def frame(kind: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """A frame of a server, which masks none (RFC 6455, 5.2)."""
    first = kind | (0x80 if fin else 0)
    if len(data) < 126:
        return bytes([first, len(data)]) + data
    if len(data) < 65_536:
        return bytes([first, 126]) + struct.pack("!H", len(data)) + data
    return bytes([first, 127]) + struct.pack("!Q", len(data)) + data


def closing(code: int, reason: bytes = b"") -> bytes:
    """A frame that closes."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


async def frame_of(peer: Peer) -> tuple[int, bytes]:
    """The next frame of a client, which masks all of them."""
    first, second = await peer.read(2)
    assert first & 0x70 == 0, "no extension was agreed on"
    assert second & 0x80, "a client masks"
    length = second & 0x7F
    if length > 125:
        length = int.from_bytes(await peer.read(2 if length == 126 else 8), "big")
    mask, data = await peer.read(4), await peer.read(length)
    return first & 0x8F ^ 0x80, bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))


def accepted(head: bytes, *more: bytes) -> bytes:
    """The answer to a handshake."""
    key = next(line[19:] for line in head.split(b"\r\n") if line.startswith(b"sec-websocket-key: "))
    assert len(b64decode(key)) == 16
    accept = b64encode(sha1(key + GUID, usedforsecurity=False).digest())
    fields = [b"Upgrade: WebSocket", b"Connection: keep-alive, Upgrade", b"Sec-WebSocket-Accept: " + accept, *more]
    return b"HTTP/1.1 101 Switching Protocols\r\n" + b"\r\n".join(fields) + b"\r\n\r\n"


def speaking_frames(script: Callable[[Peer], Awaitable[None]]) -> Callable[[Peer], Awaitable[None]]:
    """A handler that shakes hands, and then does as the script says."""

    async def handler(peer: Peer) -> None:
        await peer.send(accepted(await peer.head()))
        await script(peer)

    return handler


async def test_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    """All fields of the call, the key, and the subprotocols in their order; one of them is chosen."""
    # NOTE: closing would take as long, if it did not see what the target does.
    monkeypatch.setattr(aiohttp_socket, "PATIENCE", 60)
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + accepted(heads[0], b"Sec-WebSocket-Protocol: b"))
        assert await frame_of(peer) == (CLOSE, b"\x03\xe8")
        await peer.send(closing(1000))

    async with scripted(handler) as port, speaking() as transport:
        call = get(port, b"/a%2Fb?c", fields=[(b"origin", b"https://x"), (b"cookie", b"a=b")])
        socket = await transport.websocket(call, ["a", "b"], 0)
        assert socket.subprotocol == "b"
        await socket.close(1000, "")
    lines = heads[0].split(b"\r\n")
    assert lines[:4] == [b"GET /a%2Fb?c HTTP/1.1", b"host: target.example", b"origin: https://x", b"cookie: a=b"]
    assert lines[4:7] == [b"connection: Upgrade", b"upgrade: websocket", b"sec-websocket-version: 13"]
    assert lines[8:] == [b"sec-websocket-protocol: a, b", b"", b""]


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda answer: b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", Rejected, "403"),
        (lambda answer: b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n", Rejected, "200"),
        (lambda answer: answer.replace(b"Accept: ", b"Accept: x"), Garbled, "another handshake"),
        (lambda answer: answer.replace(b"Sec-WebSocket-Accept", b"X"), Garbled, "another handshake"),
        (lambda answer: answer.replace(b"WebSocket\r\n", b"h2c\r\n"), Garbled, "another protocol"),
        (lambda answer: answer.replace(b"Connection: keep-alive, ", b"X: "), Garbled, "another protocol"),
        (lambda answer: answer.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: c\r\n\r\n"), Garbled, "subprotocol"),
        (lambda answer: answer.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: x\r\n\r\n"), Garbled, "extension"),
        (lambda answer: b"nonsense\r\n\r\n", Garbled, "no good response"),
        (lambda answer: answer[:40], Broken, "after a part"),
        (lambda answer: b"", Broken, "before it answered"),
    ],
    ids=["403", "200", "accept", "no accept", "h2c", "connection", "subprotocol", "extension", "no HTTP", "cut", "fin"],
)
async def test_a_handshake_that_goes_wrong(
    change: Callable[[bytes], bytes], error: type[Exception], match: str
) -> None:
    """Rejected, Garbled or Broken, and the connection is closed."""
    gone = asyncio.Event()

    async def handler(peer: Peer) -> None:
        answer = change(accepted(await peer.head()))
        await peer.send(answer)
        if error is Broken:
            peer.end()
        await peer.gone()
        gone.set()

    async with scripted(handler) as port, speaking() as transport:
        with pytest.raises(error, match=match):
            await transport.websocket(get(port), ["a"], 0)
        await gone.wait()
        with pytest.raises(NotConnected):
            await transport.websocket(get(1), [], 0)


async def test_messages_go_both_ways_as_they_are() -> None:
    """Text stays text and bytes stay bytes, empty ones too; fragments are put together, pings are answered."""
    big = b"x" * 70_000

    async def script(peer: Peer) -> None:
        await peer.send(frame(TEXT, "é".encode()) + frame(BINARY, b"\0\xff") + frame(TEXT) + frame(PING, b"still?"))
        await peer.send(frame(BINARY, b"a", fin=False) + frame(PONG) + frame(0, b"b", fin=False) + frame(0, b"c"))
        await peer.send(frame(BINARY, big))
        assert await frame_of(peer) == (PONG, b"still?")
        assert [await frame_of(peer) for _ in range(4)] == [
            (TEXT, "ü".encode()),
            (BINARY, b"\xff"),
            (TEXT, b""),
            (BINARY, big),
        ]
        await peer.send(closing(4001, b"ende"))
        assert await frame_of(peer) == (CLOSE, b"\x0f\xa1ende")

    async with scripted(speaking_frames(script)) as port, speaking() as transport:
        socket = await transport.websocket(get(port), [], 0)
        received = [await socket.receive() for _ in range(5)]
        assert received == [
            Message(text="é"),
            Message(data=b"\0\xff"),
            Message(text=""),
            Message(data=b"abc"),
            Message(data=big),
        ]
        for message in (Message(text="ü"), Message(data=b"\xff"), Message(text=""), Message(data=big)):
            await socket.send(message)
        assert [await socket.receive(), await socket.receive()] == [Message(code=4001, reason="ende")] * 2
        with pytest.raises(Broken, match="has closed"):
            await socket.send(Message(text="x"))
        await socket.close(1000, "")


FRAMES = {
    "closed": (closing(1001, b"bye"), Message(code=1001, reason="bye"), b"\x03\xe9bye"),
    "closed without a code": (frame(CLOSE), Message(code=1005), b""),
    "a code that is never sent": (
        closing(1006),
        Message(code=1002, reason="a close code that is never sent"),
        b"\x03\xea",
    ),
    "a code of nobody": (closing(2999), Message(code=1002, reason="Invalid close code"), b"\x03\xea"),
    "a code too high": (closing(5000), Message(code=1002, reason="a close code that is never sent"), b"\x03\xea"),
    "half a code": (frame(CLOSE, b"\x03"), Message(code=1002, reason="Invalid close frame"), b"\x03\xea"),
    "no UTF-8": (frame(TEXT, b"\xff"), Message(code=1007, reason="Invalid UTF-8 text message"), b"\x03\xef"),
    "a frame of nobody": (frame(3), Message(code=1002, reason="Unexpected opcode=3"), b"\x03\xea"),
    "an extension": (b"\xc1\x00", Message(code=1002, reason="Received frame with non-zero reserved bits"), b"\x03\xea"),
    "too long": (
        frame(BINARY, b"x" * 101),
        Message(code=1009, reason="Message size 101 exceeds limit 101"),
        b"\x03\xf1",
    ),
    "too long in all": (
        frame(BINARY, b"x" * 60, fin=False) + frame(0, b"x" * 41),
        Message(code=1009, reason="Message size 101 exceeds limit 101"),
        b"\x03\xf1",
    ),
    "cut": (b"\x82\x05he", Message(code=1006), None),
}


@pytest.mark.parametrize(("sent", "last", "answer"), FRAMES.values(), ids=FRAMES)
async def test_how_it_ends(sent: bytes, last: Message, answer: bytes | None) -> None:
    """The last message says how it was closed, after all that came before; the target is told, with the same code."""
    answers: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.send(frame(BINARY, b"x" * 100) + sent)
        if answer is not None:
            kind, data = await frame_of(peer)
            assert kind == CLOSE
            answers.append(data)

    async with scripted(speaking_frames(script)) as port, speaking() as transport:
        socket = await transport.websocket(get(port), [], 100)
        assert await socket.receive() == Message(data=b"x" * 100)
        assert await socket.receive() == last
        await socket.close(1000, "")
    assert [data[:2] for data in answers] == ([] if answer is None else [answer[:2]])


async def test_a_reset_is_1006_and_nothing_can_be_sent() -> None:
    """However the connection was cut."""

    async def script(peer: Peer) -> None:
        await peer.read(1)
        peer.reset()

    async with scripted(speaking_frames(script)) as port, speaking() as transport:
        socket = await transport.websocket(get(port), [], 0)
        await socket.send(Message(text="x"))
        assert await socket.receive() == Message(code=1006)
        with pytest.raises(Broken):
            await socket.send(Message(text="x"))
        await socket.send(Message(code=1000))
        await socket.close(1000, "")


@pytest.mark.parametrize(
    ("message", "data"),
    [
        (Message(code=4000, reason="x" * 200), b"\x0f\xa0" + b"x" * 123),
        (Message(code=1001, reason="é" * 70), b"\x03\xe9" + "é".encode() * 61),
        (Message(code=1005), b""),
        (Message(code=1006), None),
    ],
    ids=["a code", "a long reason", "no code", "cut"],
)
async def test_closing_is_passed_on(message: Message, data: bytes | None) -> None:
    """A code and a reason as far as it fits; none; or a connection that ends without a word."""
    seen: list[tuple[int, bytes]] = []
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        if data is None:
            assert await peer.gone() == b""
        else:
            seen.append(await frame_of(peer))
            await peer.send(frame(CLOSE, seen[0][1]))
            peer.end()
            assert await peer.gone() == b""
        gone.set()

    async with scripted(speaking_frames(script)) as port, speaking() as transport:
        socket = await transport.websocket(get(port), [], 0)
        await socket.send(message)
        await socket.close(1000, "")
        await gone.wait()
    assert seen == ([] if data is None else [(CLOSE, data)])


async def test_closing_does_not_wait_for_a_target_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for one that does not read, with somebody else waiting for a message."""
    monkeypatch.setattr(aiohttp_socket, "PATIENCE", 0.01)

    async def script(peer: Peer) -> None:
        await asyncio.Event().wait()

    async with scripted(speaking_frames(script)) as port, speaking() as transport:
        socket = await transport.websocket(get(port), [], 0)
        reader = asyncio.create_task(socket.receive())
        sender = asyncio.create_task(socket.send(Message(data=b"x" * 20_000_000)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not sender.done()
        await socket.close(1001, "")
        assert (await reader).code == 1006
        with pytest.raises(Broken):
            await sender
