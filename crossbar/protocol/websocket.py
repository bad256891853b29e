"""WebSocket connections: uvicorn's protocol on the `websockets` library, with the bounds that it leaves open.

uvicorn's `ws=` setting takes it beside any HTTP protocol. It differs from the class that it extends in this:

- Not more than `ws_max_queue` messages wait for the application, and the rest of 4 KiB that came with them. What else
  was read stays bytes, and reading pauses; nothing is parsed before the application has accepted.
- A client that does not read what it is sent is not read from: its pings would be answered into memory.
- A message keeps to its size however it is cut into fragments.
- A client may close in the middle of a message (RFC 6455, 5.4), and is answered with what it said.
- A bad handshake is answered like any other request that is wrong on the wire, a version that is not 13 with 426.
- An application that fails after it accepted ends the connection with 1011.
- A ping counts as unanswered only while answers are read. Whoever reads nothing then is cut off.
- Nothing is logged of what the client sent: paths, headers and messages hold tokens.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import HeaderLineTooLong, InvalidHeader, RequestLineTooLong, TooManyHeaders
from websockets.frames import CloseCode, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from .answers import answer_in_form, scope_of
from .limits import Paced, WireLimits, watch_of

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from websockets.frames import Frame
    from websockets.http11 import Request

logger = logging.getLogger("crossbar.protocol.websocket")
# Below this level uvicorn and websockets log paths with their queries, headers and messages.
logger.setLevel(logging.WARNING)

SLICE = 4096
"""Bytes given to the parser at once: it cannot be stopped in between."""

MOST_FRAGMENTS = 64
"""Fragments of a message that are kept apart; a fragment can be smaller than the object that holds it."""


class _Frames(ServerProtocol):
    """The frames of one connection, as `websockets` reads them, but for a close between two fragments."""

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame. A close ends what is not complete; `websockets` would answer it with 1002."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class WebSocketProtocol(WebSocketsSansIOProtocol, Paced):
    """One WebSocket connection; its first data is the head of the handshake, whole."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = logger
        self.conn = _Frames(extensions=self.conn.available_extensions, max_size=config.ws_max_size, logger=logger)
        self.backlog, self.backlog_since = 0, 0.0
        self._watch = watch_of(server_state, WireLimits, config.timeout_keep_alive)
        self._stash, self._position = b"", 0  # read, but not parsed yet
        self._parsing = False
        self._head = b""  # of the handshake, while it is looked at

    # -- as asyncio and uvicorn see it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over, and have it watched."""
        super().connection_made(transport)
        self._watch.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application, and let go of the parser."""
        super().connection_lost(exc)
        # These know the object that holds them: all would live on until they are collected.
        self.conn.parser.close()
        self.conn.parser_exc = None

    def data_received(self, data: bytes) -> None:
        """Take the handshake, and after that what was read."""
        if self.handshake_initiated:
            self._stash = self._stash[self._position :] + data
            self._position = 0
            self._go_on()
            return
        self._head = data
        super().data_received(data)
        if not self.handshake_initiated:
            fault = self.conn.handshake_exc
            too_large = isinstance(fault, HeaderLineTooLong | TooManyHeaders)
            self._refuse(414 if isinstance(fault, RequestLineTooLong) else 431 if too_large else 400)
        self._head = b""

    def resume_writing(self) -> None:
        """The client has read enough: read from it again."""
        super().resume_writing()
        self._go_on()

    def shutdown(self) -> None:
        """Close with 1012, or with 500 if it was not accepted; uvicorn calls this."""
        if not self.transport.is_closing():
            super().shutdown()

    # -- as the application sees it

    async def receive(self) -> ASGIReceiveEvent:
        """The next message, or the end."""
        message = await self.queue.get()
        self._go_on()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Accept, refuse, send or close; waits while the client is slow to read."""
        await super().send(message)
        if self.close_sent:
            self.handshake_complete = True  # also by a response that refused it: nothing is missing
        if self._stash or self.close_sent:
            self._go_on()

    # -- the flow

    def _go_on(self) -> None:
        """Parse what was read, until that is enough for now; read more only when none of it is left."""
        if self._parsing:
            return  # an answer was written, and that has made room
        transport = self.transport
        self._parsing = True
        while (
            self._position < len(self._stash)
            and self.handshake_complete
            and not self._is_full()
            and not transport.is_closing()
        ):
            part = self._stash[self._position : self._position + SLICE]
            self._position += len(part)
            super().data_received(part)
        self._parsing = False
        if self._position >= len(self._stash) or transport.is_closing():
            self._stash, self._position = b"", 0
        if transport.is_closing():
            return
        full = bool(self._stash) or self._is_full()
        if full and transport.is_reading():
            transport.pause_reading()
        elif not full and not transport.is_reading():
            transport.resume_reading()

    def _is_full(self) -> bool:
        """Whether the application, or the client, has to do something before more is parsed."""
        if not self.writable.is_set():
            return True
        # After the application's close, messages are dropped: the client's answer to it comes behind them.
        return self.queue.qsize() >= self.config.ws_max_queue and not self.close_sent

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; many are not kept apart."""
        super().handle_cont(event)
        if len(self.frames) > MOST_FRAGMENTS:
            self.frames = [b"".join(self.frames)]

    def send_receive_event_to_app(self) -> None:
        """Put a whole message into the queue; what came for an application that has closed is dropped."""
        data = b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
            return
        try:
            self.queue.put_nowait({"type": "websocket.receive", "text": data.decode()})
        except UnicodeDecodeError:
            self.conn.fail(CloseCode.INVALID_DATA, "the text is not UTF-8")
            self.handle_parser_exception()

    def keepalive_timeout(self) -> None:
        """End the connection of a client that does not answer a ping."""
        transport = self.transport
        if self.writable.is_set() and not transport.is_reading() and not transport.is_closing():
            # The answer may have come: it is the application that takes no messages.
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0.0, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        if transport.get_write_buffer_size():
            transport.abort()

    # -- what goes wrong

    def handle_connect(self, event: Request) -> None:
        """Hand a good handshake to the application, answer a bad one."""
        response = self.conn.accept(event)
        if response.status_code == 101:
            super().handle_connect(event)
        else:
            fault = self.conn.handshake_exc
            other = isinstance(fault, InvalidHeader) and fault.name == "Sec-WebSocket-Version"
            self._refuse(426 if other else response.status_code)

    def _refuse(self, status: int) -> None:
        """Answer a handshake that is not one (RFC 6455 section 4.2.2), and hang up."""
        self.handshake_initiated = True
        self._watch.renew(self.default_headers)
        message = f"bad WebSocket handshake: {self.conn.handshake_exc}"
        known = scope_of(self._head, b"", self.root_path)
        self.transport.write(answer_in_form(self.app, known, status, message[:200], self._watch.block))
        self.transport.close()

    def send_500_response(self) -> None:
        """Answer for an application that failed: with a close frame if it had accepted."""
        if self.conn.state is not OPEN:
            super().send_500_response()
        elif not self.transport.is_closing():
            self.conn.send_close(CloseCode.INTERNAL_ERROR)
            self.transport.write(b"".join(self.conn.data_to_send()))
