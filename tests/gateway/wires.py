"""Raw connections to a gateway: the bytes of requests go out as they are, and responses are read with suspicion."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """A response off the wire: the bytes of its head, its fields by their names in lower case, and its body.

    `complete` tells whether it came to the end that its framing promised.
    """

    status: int
    head: bytes
    fields: list[tuple[str, str]]
    body: bytes = b""
    complete: bool = True
    interim: list[bytes] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        """The value of the one field of that name."""
        (value,) = self.all(name)
        return value

    def all(self, name: str) -> list[str]:
        """The values of all fields of that name."""
        return [value for known, value in self.fields if known == name]

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Wire:
    """A raw connection to the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        """The next head, with the empty line at its end."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def piece(self) -> bytes:
        """The data of the next chunk; empty for the last one."""
        size = int(await self.reader.readline(), 16)
        data = await self.reader.readexactly(size + 2)
        return data[:-2]

    async def answer(self, method: str = "GET") -> Answer:
        """The next response, as far as it comes."""
        interim = []
        while (head := await self.head()).startswith(b"HTTP/1.1 1") and not head.startswith(b"HTTP/1.1 101"):
            interim.append(head)
        lines = head.decode("latin-1").split("\r\n")[1:-2]
        fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        found = Answer(int(head.split(b" ")[1]), head, fields, interim=interim)
        if method == "HEAD" or found.status in (101, 204, 304):
            return found
        body = bytearray()
        try:
            await self._read(found, body)
        except (EOFError, ConnectionError, ValueError):
            found.complete = False
        found.body = bytes(body)
        return found

    async def _read(self, found: Answer, body: bytearray) -> None:
        if found.all("transfer-encoding"):
            while piece := await self.piece():
                body += piece
            return
        for length in found.all("content-length"):
            while len(body) < int(length):
                piece = await self.reader.read(int(length) - len(body))
                if not piece:
                    raise EOFError
                body += piece
            return
        while piece := await self.reader.read(65_536):
            body += piece

    async def gone(self) -> bytes:
        """What else comes, until the gateway closes in whichever way."""
        data = b""
        with suppress(ConnectionError):
            while piece := await self.reader.read(65_536):
                data += piece
        return data

    def close(self) -> None:
        """Close the connection at once, whatever is on its way."""
        self.writer.transport.abort()
