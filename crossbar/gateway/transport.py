"""The transport port: who speaks HTTP to a target. `aiohttp_transport` is one.

A transport sends exactly what a `Call` says, byte for byte, adds nothing to it but the framing of the body, follows no
redirect, keeps no cookie, decompresses nothing, and tries nothing twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

Fields = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class Call:
    """One request for a target.

    `origin` is `http://host:port` or `https://host:port`, `path` the raw path with its query, `fields` all header
    fields but those of the framing, `Host` among them. `body` is all of it, or its pieces as they come, or None; with
    pieces, `length` is how many bytes there will be, None if that is not known. With `expects`, the pieces are only
    asked for when the target has said that it wants them, or has said nothing for a second (RFC 9110, 10.1.1).

    `informed` is called with status and fields of each interim response other than 100 (RFC 9110, 15.2).
    """

    method: str
    origin: str
    path: bytes
    fields: Fields
    body: bytes | AsyncIterator[bytes] | None = None
    length: int | None = None
    expects: bool = False
    informed: Callable[[int, Fields], Awaitable[None]] | None = None


class TransportError(Exception):
    """A call came to nothing; the message says why, without anything that a client must not learn."""


class NotConnected(TransportError):
    """There is no connection: refused, unreachable, no such name, no TLS. Nothing of the request was sent."""


class NotInTime(NotConnected):
    """There was no connection within the time for it."""


class Broken(TransportError):
    """The connection ended before the response did; `reused` tells whether it had served another call before."""

    def __init__(self, message: str, *, reused: bool = False) -> None:
        super().__init__(message)
        self.reused = reused


class Garbled(TransportError):
    """What came is no HTTP response, or one that is over a limit."""


class Answer(Protocol):
    """The response to a call, whose body comes piece by piece.

    `whole` is the body if all of it is there already, None if it has to be waited for; `length` is how many bytes it
    has, None if that shows only at its end. `fields` are as they came, in their order, names in lower case.
    """

    status: int
    fields: list[tuple[bytes, bytes]]
    length: int | None
    whole: bytes | None

    async def piece(self) -> bytes:
        """The next piece, as much as is there; empty at the end. Broken or Garbled if there is no proper end."""

    def release(self) -> None:
        """Let go of the call: the connection is kept if the response has ended, and closed otherwise."""


class Message(NamedTuple):
    """A message of a WebSocket: text, bytes, or if it is neither the code and reason with which it was closed."""

    text: str | None = None
    data: bytes | None = None
    code: int = 0
    reason: str = ""


class Socket(Protocol):
    """A WebSocket to a target."""

    subprotocol: str | None

    async def receive(self) -> Message:
        """The next message, the last one being how it was closed; 1006 for a connection that was cut."""

    async def send(self, message: Message) -> None:
        """Send a message, or close; waits while the target is slow to read. Broken if it has gone."""

    async def close(self, code: int, reason: str) -> None:
        """Close it, if that was not done, without waiting for long."""


class Rejected(TransportError):
    """The target answered a WebSocket handshake with something else than a WebSocket."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the upstream answered the handshake with {status}")
        self.status = status


class Transport(Protocol):
    """Speaks HTTP to the targets of one upstream, over connections that it keeps for the next call."""

    async def open(self) -> None:
        """Make it ready on the running event loop."""

    async def close(self) -> None:
        """Close every connection."""

    async def request(self, call: Call) -> Answer:
        """Send a call, and give the head of its response. Cancelling it closes the connection.

        NotConnected, NotInTime, Broken, Garbled; whatever `call.body` raises passes through as it is.
        """

    async def websocket(self, call: Call, subprotocols: Sequence[str], most: int) -> Socket:
        """Open a WebSocket; `most` bytes are the longest message. As `request`, and Rejected."""
