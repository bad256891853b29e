"""Targets that do as a script says, byte for byte, and as badly as a test wants: they cut, stall, lie and answer early.

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\\r\\ncontent-length: 5\\r\\n\\r\\nhel")
        peer.reset()

    async with scripted(handler) as port:
        ...

The handler is called for each connection, which ends with a FIN when the handler returns. What a handler raises, a
failed assertion for example, is raised at the end of the `async with`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


class Peer:
    """One connection, as the target sees it; `number` counts the connections of a target from 0."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number

    async def head(self) -> bytes:
        """The next head, with the empty line at its end. EOFError if the client closes before."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def read(self, count: int) -> bytes:
        """The next bytes, exactly so many. EOFError if the client closes before."""
        return await self.reader.readexactly(count)

    async def request(self) -> tuple[bytes, bytes]:
        """The head and the body of the next request, the body as it is on the wire."""
        head = await self.head()
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return head, await self.read(int(line[15:]))
            if line == b"transfer-encoding: chunked":
                return head, await self.reader.readuntil(b"0\r\n\r\n")
        return head, b""

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    def end(self) -> None:
        """Send a FIN, and go on reading."""
        self.writer.write_eof()

    def reset(self) -> None:
        """Send a RST: whatever the client has not taken yet may be lost to it."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> bytes:
        """What else the client sends until it closes the connection, in whichever way."""
        data = bytearray()
        with suppress(ConnectionError):
            while piece := await self.reader.read(65_536):
                data += piece
        return bytes(data)


Handler = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def scripted(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A target that does what `handler` does with each connection; its port on 127.0.0.1."""
    tasks: list[asyncio.Task[None]] = []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(serve(Peer(reader, writer, len(tasks)))))

    async def serve(peer: Peer) -> None:
        try:
            # NOTE: a client that has gone ends the script; whether that was to be is for the test to say.
            with suppress(EOFError, ConnectionError):
                await handler(peer)
        finally:
            peer.writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def answering(*responses: bytes) -> Handler:
    """A handler that answers the requests of a connection with these bytes, one after the other, and then closes it."""

    async def handler(peer: Peer) -> None:
        for response in responses:
            await peer.request()
            await peer.send(response)

    return handler


def cutting(response: bytes, at: int, how: str) -> Handler:
    """A handler that sends the first `at` bytes of a response, and then `how`: a "fin" or a "rst"."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(response[:at])
        if how == "rst":
            peer.reset()

    return handler


async def stalling(peer: Peer) -> None:
    """A handler that reads a head, and says nothing until the client has gone."""
    await peer.head()
    await peer.gone()
