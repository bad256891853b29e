"""A proxy between a client and MongoDB that does harm: it cuts at a byte, stalls, refuses, delays, and heals again.

    async with Cutting(*server.address) as line:
        client = AsyncMongoClient(line.through(uri))
        line.cut(after=40, direction="up")

What clients say to watch a server (`hello`, several times a second) passes uncounted and causes no cut: bytes are
counted from the first other command of a connection. Where the proxy cannot read along, under TLS, they all count.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Literal, Self

from .servers import with_options
from .standin import quiet_port

Direction = Literal["up", "down"]
How = Literal["fin", "rst"]
PIECE = 65_536
HEADER = struct.Struct("<iiii")  # of a message: its length, its id, whose answer it is, what sort of message
QUERY, MESSAGE = 2004, 2013
WATCHING = (b"hello", b"ismaster", b"isMaster")


@dataclass
class Cut:
    """One cut to come: after how many more bytes in which direction, and what the client gets to see."""

    after: int
    direction: Direction
    how: How


class Cutting:
    """A proxy on 127.0.0.1 to the server at a host and a port; `async with` opens and closes it."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._cut: Cut | None = None
        self._random: Random | None = None
        self._most = 0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.seconds = 0.0
        """How long each piece waits before it goes on."""
        self.port = quiet_port()
        """Where it listens."""
        self.connections = 0
        """How many connections there have been, those of watchers too."""
        self.carried: Counter[Direction] = Counter()
        """How many bytes went up, to the server, and down, those of watchers left out."""
        self.cuts = 0
        """How often it has cut."""

    async def __aenter__(self) -> Self:
        """Listen."""
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Listen no more, and end all connections."""
        self.refuse()
        self.reset()
        # NOTE: a connection may just be made, and wait for the server.
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    def through(self, uri: str) -> str:
        """The URI with this proxy for its hosts; the driver stays with it, whatever the server says of its address."""
        scheme, _, rest = uri.partition("://")
        place, slash, more = rest.partition("/")
        people, at, _ = place.rpartition("@")
        options = {"directConnection": "true"}
        if re.search("[?&](tls|ssl)=true", uri, re.IGNORECASE):
            options["tlsAllowInvalidHostnames"] = "true"
        return with_options(f"{scheme}://{people}{at}127.0.0.1:{self.port}{slash}{more}", **options)

    def cut(self, *, after: int, direction: Direction = "up", how: How = "rst") -> None:
        """Cut once when so many more bytes have gone that way: at once after the last of them, at the next one for 0.

        The bytes before the cut are delivered. A client that is reset may lose what it has not read yet.
        """
        self._cut, self._random = Cut(after, direction, how), None

    def cut_at_random(self, random: Random, most: int) -> None:
        """Cut again and again: each time a direction, a number of bytes up to `most` and a manner are drawn."""
        self._random, self._most = random, most
        self._draw()

    def reset(self) -> None:
        """Cut every connection now."""
        for link in list(self._links):
            link.end("rst")

    def stall(self) -> None:
        """Carry nothing from now on, though all connections stay; what was sent meanwhile arrives when it heals."""
        self.flowing.clear()

    def refuse(self) -> None:
        """Take no new connection; those that are there go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def delay(self, seconds: float) -> None:
        """Let each piece wait before it goes on."""
        self.seconds = seconds

    async def heal(self) -> None:
        """Do no harm any more; what is cut stays cut."""
        self._cut = self._random = None
        self.seconds = 0.0
        self.flowing.set()
        await self._listen()

    def spared(self, direction: Direction, count: int) -> tuple[int, How | None]:
        """How many of so many bytes may pass, and how to cut after them, if at all."""
        cut = self._cut
        if cut is None or cut.direction != direction:
            self.carried[direction] += count
            return count, None
        passing = min(count, cut.after)
        self.carried[direction] += passing
        cut.after -= passing
        # NOTE: none to pass is a cut before the next byte, none left is one after the last.
        if cut.after:
            return passing, None
        self.cuts += 1
        self._cut = None
        if self._random is not None:
            self._draw()
        return passing, cut.how

    def _draw(self) -> None:
        """Say where the next cut is."""
        assert self._random is not None
        after = self._random.randint(0, self._most)
        self._cut = Cut(after, self._random.choice(("up", "down")), self._random.choice(("fin", "rst")))

    async def _listen(self) -> None:
        """Listen, unless it does."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.append(asyncio.create_task(self._carry(reader, writer)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until it ends."""
        try:
            up, down = await asyncio.open_connection(*self._target)
        except OSError:
            _drop(writer, "rst")
            return
        link = _Link(self, writer, down)
        self._links.add(link)
        try:
            await asyncio.gather(link.upward(reader), link.downward(up))
        finally:
            self._links.discard(link)
            writer.close()
            down.close()


class _Link:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, proxy: Cutting, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._working = False
        """Whether it has carried a command that is more than watching."""

    async def upward(self, reader: asyncio.StreamReader) -> None:
        """Carry what the client sends."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not self._working:
                begun = await reader.readexactly(HEADER.size)
                length, _, _, sort = HEADER.unpack(begun)
                if sort in (QUERY, MESSAGE):
                    begun += await reader.readexactly(length - HEADER.size)
                self._working = not _is_watching(begun, sort)
                await self._forward(begun, self._server, "up")
            await self._pump(reader, self._server, "up")
        self._finish(self._server)

    async def downward(self, reader: asyncio.StreamReader) -> None:
        """Carry what the server sends."""
        with suppress(ConnectionError):
            await self._pump(reader, self._client, "down")
        self._finish(self._client)

    def end(self, how: How) -> None:
        """End both halves: the server sees a FIN after all that was for it, the client what is said."""
        self._server.close()
        _drop(self._client, how)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        while data := await reader.read(PIECE):
            await self._forward(data, writer, direction)

    async def _forward(self, data: bytes, writer: asyncio.StreamWriter, direction: Direction) -> None:
        """Send bytes on, as many of them as may pass."""
        if self._proxy.seconds:
            await asyncio.sleep(self._proxy.seconds)
        await self._proxy.flowing.wait()
        passing, how = self._proxy.spared(direction, len(data)) if self._working else (len(data), None)
        writer.write(data[:passing])
        if how is not None:
            self.end(how)
        await writer.drain()

    def _finish(self, writer: asyncio.StreamWriter) -> None:
        """Tell one side that the other has no more to say."""
        with suppress(OSError, RuntimeError):
            writer.write_eof()


def _is_watching(message: bytes, sort: int) -> bool:
    """Whether a message from a client is one of those that only ask how the server is."""
    if sort == QUERY:  # what drivers say first of all, before they know what the server understands
        return True
    # OP_MSG: flags, a byte for the sort of its first part, the length of its document, the type of the first field.
    command = message[HEADER.size + 10 :].partition(b"\0")[0] if sort == MESSAGE else b""
    return command in WATCHING


def _drop(writer: asyncio.StreamWriter, how: How) -> None:
    """Close a connection with a FIN, after what is on its way, or at once with a RST."""
    if how == "fin":
        writer.close()
        return
    handle = writer.get_extra_info("socket")
    with suppress(OSError):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
