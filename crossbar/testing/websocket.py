"""WebSockets from the client's side."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from ..errors import CrossbarError
from ..response import Message
from .exchange import ASGI, Line, Served
from .response import Response, decoded, joined


class SocketRefused(CrossbarError):
    """The application did not accept the WebSocket; `response` is what it answered with."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(f"the WebSocket was refused with {response.status}: {response.body.decode(errors='replace')}")


class SocketClosed(CrossbarError):
    """The application has closed the WebSocket, or ended without doing so, which is code 1006."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"the WebSocket was closed with {code}: {reason or 'no reason given'}")


class Socket:
    """A WebSocket that the application has accepted; the client closes it when the block around it ends.

    `subprotocol` is the one that the application chose, `headers` are those of its answer.
    """

    def __init__(self, line: SocketLine, served: Served, accepted: Message) -> None:
        self.subprotocol: str | None = accepted.get("subprotocol")
        self.fields = decoded(accepted.get("headers") or ())
        self.headers = joined(self.fields)
        self._line = line
        self._served = served

    async def send_text(self, text: str) -> None:
        """Send a text message."""
        self._line.put({"type": "websocket.receive", "text": text})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self._line.put({"type": "websocket.receive", "bytes": data})

    async def send_json(self, data: Any) -> None:
        """Send a text message that holds JSON."""
        await self.send_text(orjson.dumps(data).decode())

    async def receive_text(self) -> str:
        """The next message, which must be text; SocketClosed if there is none any more."""
        return str(await self._received("text"))

    async def receive_bytes(self) -> bytes:
        """The next message, which must be binary; SocketClosed if there is none any more."""
        return bytes(await self._received("bytes"))

    async def receive_json(self) -> Any:
        """The JSON in the next message; SocketClosed if there is none any more."""
        return orjson.loads(await self.receive_text())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it from this side, and wait until the application has ended."""
        self._line.hang_up(code, reason)
        await self._served.leave()

    async def _received(self, kind: str) -> Any:
        message = await self._served.next()
        if message is None:
            raise SocketClosed(1006, "the application ended")
        if message["type"] == "websocket.close":
            raise SocketClosed(message.get("code", 1000), message.get("reason") or "")
        if message.get(kind) is None:
            raise CrossbarError(f"the application sent {message!r}, where a message with {kind} was expected")
        return message[kind]


class SocketLine(Line):
    """What goes to and fro on a WebSocket."""

    def __init__(self) -> None:
        super().__init__(room=16)
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()
        self.put({"type": "websocket.connect"})

    def put(self, message: Message) -> None:
        """Hand a message to the application."""
        self._waiting.put_nowait(message)

    async def receive(self) -> Message:
        """The next message for the application."""
        return await self._waiting.get()

    def hang_up(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, unless that has been done."""
        if not self.gone.is_set():
            self.put({"type": "websocket.disconnect", "code": code, "reason": reason})
            super().hang_up()


class Connecting:
    """A WebSocket in the making: `async with` gives the Socket, or raises SocketRefused."""

    def __init__(self, app: ASGI, scope: dict[str, Any], timeout: float | None) -> None:
        self._app = app
        self._scope = scope
        self._line = SocketLine()
        self._timeout = timeout

    async def __aenter__(self) -> Socket:
        """Ask for the connection, and wait for the answer."""
        self._served = Served(self._app, self._scope, self._line, self._timeout)
        try:
            answer = await self._served.next()
            if answer is None or answer["type"] != "websocket.accept":
                raise SocketRefused(await self._refusal(answer))
        except BaseException:
            await self.__aexit__()
            raise
        return Socket(self._line, self._served, answer)

    async def __aexit__(self, *raised: object) -> None:
        """Close it, if it still is open."""
        await self._served.leave()

    async def _refusal(self, answer: Message | None) -> Response:
        """What a server would answer with: 403 for a close, 500 if the application just ended (ASGI, WebSocket)."""
        if answer is None or answer["type"] == "websocket.close":
            return Response.of(500 if answer is None else 403, (), b"")
        pieces = []
        more = True
        while more:
            message = await self._served.next() or {}
            pieces.append(message.get("body", b""))
            more = message.get("more_body", False)
        return Response.of(answer["status"], decoded(answer["headers"]), b"".join(pieces))
