"""WebSockets to targets on aiohttp's frames: message for message, as they come (RFC 6455)."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha1
from os import urandom
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.http import HttpProcessingError
from aiohttp.http_websocket import WS_KEY, WebSocketError, WebSocketReader, WebSocketWriter
from aiohttp.streams import EofStream

from .aiohttp_line import Line
from .transport import Broken, Message

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage

CUT = 1006
"""How a WebSocket was closed whose connection ended without a word; it is never sent (RFC 6455, 7.4.1)."""
SILENT = 1005
"""How one was closed that was closed without a code; it is never sent either."""
PATIENCE = 1.0
"""Seconds for which a target may take to close its side."""
_LONGEST_REASON = 123
# NOTE: masks that a client could guess would let it put bytes of its own on the wire (RFC 6455, 10.3).
_RANDOM = SystemRandom()


def handshake_of(subprotocols: Sequence[str]) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The fields that ask for a WebSocket, and what a target answers that understood them (RFC 6455, 4.1)."""
    key = b64encode(urandom(16))
    fields = [
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", key),
    ]
    if subprotocols:
        fields.append((b"sec-websocket-protocol", ", ".join(subprotocols).encode()))
    return fields, b64encode(sha1(key + WS_KEY, usedforsecurity=False).digest())


class AiohttpSocket:
    """A WebSocket to a target; see the port. One task may receive while another sends."""

    def __init__(
        self,
        connection: Connection,
        line: Line,
        message: RawResponseMessage,
        subprotocols: Sequence[str],
        accept: bytes,
        most: int,
        window: int,
        where: str,
    ) -> None:
        """HttpProcessingError if the target has not answered the handshake as it must (RFC 6455, 4.1)."""
        self.subprotocol = _agreed(message, subprotocols, accept)
        transport = line.transport
        if transport is None:
            raise HttpProcessingError(message="it closed after the handshake")
        loop = asyncio.get_running_loop()
        self._connection = connection
        self._line = line
        self._where = where
        self._queue: Any = WebSocketDataQueue(line, window // 2, loop=loop)
        # NOTE: aiohttp refuses what is as long as the limit, and holds the reader weakly.
        self._reader = WebSocketReader(self._queue, most + 1 if most else 0, compress=False, decode_text=True)
        self._writer = WebSocketWriter(line, transport, use_mask=True, limit=window, random=_RANDOM)
        self._reading = False
        self._closing = False
        self._end: Message | None = None
        self._over = asyncio.Event()
        line.set_parser(self._reader, self._queue)

    async def receive(self) -> Message:
        """The next message; see the port. After the last one, the last one again."""
        while True:
            if self._end is not None:
                return self._end
            self._reading = True
            try:
                message = await self._queue.read()
            except WebSocketError as exc:
                await self._finish(Message(code=int(exc.code), reason=_reason_of(exc)))
                continue
            except (EofStream, ClientError, OSError):
                await self._finish(Message(code=CUT))
                continue
            finally:
                self._reading = False
            match message.type:
                case WSMsgType.TEXT:
                    return Message(text=message.data)
                case WSMsgType.BINARY:
                    return Message(data=message.data)
                case WSMsgType.PING:
                    await self._answer(message.data)
                case WSMsgType.CLOSE if message.data and not _sayable(message.data):
                    await self._finish(Message(code=1002, reason="a close code that is never sent"))
                case WSMsgType.CLOSE:
                    await self._finish(Message(code=message.data or SILENT, reason=message.extra))

    async def send(self, message: Message) -> None:
        """Send a message, or close; see the port. 1006 cuts the connection: it cannot be said in another way."""
        if self._closing or self._end is not None:
            if message.text is None and message.data is None:
                return
            raise Broken(f"{self._where} has closed the WebSocket")
        try:
            if message.text is not None:
                await self._writer.send_frame(message.text.encode(), WSMsgType.TEXT)
            elif message.data is not None:
                await self._writer.send_frame(message.data, WSMsgType.BINARY)
            elif message.code == CUT:
                self._closing = True
                self._line.cut()
            else:
                await self._say_close(message.code, message.reason)
        except (ClientError, OSError) as exc:
            raise Broken(f"{self._where} closed the connection of the WebSocket") from exc

    async def close(self, code: int, reason: str) -> None:
        """Close it; see the port. The target has a second to close its side."""
        try:
            with suppress(TimeoutError, Broken):
                async with asyncio.timeout(PATIENCE):
                    await self.send(Message(code=code, reason=reason))
                    if self._reading:
                        await self._over.wait()
                    while self._end is None:
                        await self.receive()
                    # NOTE: the target is the one who closes the connection first (RFC 6455, 7.1.1).
                    await self._line.gone.wait()
        finally:
            self._line.cut()
            self._connection.close()

    async def _answer(self, data: bytes) -> None:
        """Answer a ping; the last one of many is enough for a target that does not read (RFC 6455, 5.5.3)."""
        if not self._closing and not self._line.writing_paused:
            with suppress(ClientError, OSError):
                await self._writer.send_frame(bytes(data), WSMsgType.PONG)

    async def _finish(self, end: Message) -> None:
        """Note how it was closed, and answer with the same, as RFC 6455, 5.5.1 asks for, if that was not said."""
        self._end = end
        if not self._closing:
            with suppress(ClientError, OSError):
                await self._say_close(end.code, end.reason)
        self._over.set()

    async def _say_close(self, code: int, reason: str) -> None:
        self._closing = True
        if _sayable(code):
            await self._writer.close(code, reason.encode()[:_LONGEST_REASON].decode(errors="ignore"))
        else:
            await self._writer.send_frame(b"", WSMsgType.CLOSE)


def _agreed(message: RawResponseMessage, subprotocols: Sequence[str], accept: bytes) -> str | None:
    """The subprotocol that the target has chosen. HttpProcessingError for a handshake that went wrong."""
    headers = message.headers
    words = {word.strip().lower() for word in ",".join(headers.getall("connection", ())).split(",")}
    if headers.get("upgrade", "").lower() != "websocket" or "upgrade" not in words:
        raise HttpProcessingError(message="it changes to another protocol than a websocket")
    if headers.getall("sec-websocket-accept", ()) != [accept.decode()]:
        raise HttpProcessingError(message="it answers another handshake")
    if "sec-websocket-extensions" in headers:
        raise HttpProcessingError(message="it has an extension that nobody asked for")
    chosen = headers.getall("sec-websocket-protocol", ())
    if chosen and (len(chosen) > 1 or chosen[0] not in subprotocols):
        raise HttpProcessingError(message="it has a subprotocol that nobody asked for")
    return chosen[0] if chosen else None


def _reason_of(exc: WebSocketError) -> str:
    """What was wrong with a frame, without what was in it."""
    return str(exc.args[1]).partition(":")[0] if len(exc.args) > 1 else ""


def _sayable(code: int) -> bool:
    """Whether a close frame may have this code (RFC 6455, 7.4)."""
    return 3000 <= code < 5000 or (1000 <= code < 1015 and code not in {1004, SILENT, CUT})
