"""The server's side of ASGI, for one connection: what a test hands to an application, and what it gets back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import unquote

from ..errors import CrossbarError
from ..response import Message
from .response import Response, decoded
from .speech import CROSSBAR, Speech

ASGI = Callable[[Any, Any, Any], Awaitable[Any]]
"""An ASGI application of whatever make."""
Upload = bytes | Iterable[bytes] | AsyncIterable[bytes]
"""A request body: whole, or piece by piece, in which case nothing says beforehand how long it is."""

PIECE = 65_536  # servers hand a body over in pieces of about this size
GRACE = 5.0  # seconds that an application has to end once its client has gone


def scope_of(kind: str, target: bytes, fields: Iterable[tuple[bytes, bytes]], **more: Any) -> dict[str, Any]:
    """The ASGI scope of a connection: `http` or `websocket`, the raw target with its query, the raw header fields.

    `more` are other keys, such as `method`.
    """
    raw_path, _, query = target.partition(b"?")
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": unquote(raw_path.decode("utf-8", "replace")),
        "raw_path": raw_path,
        "query_string": query,
        "headers": list(fields),
        "client": ("127.0.0.1", 50_000),
        "server": ("testserver", 80),
        "root_path": "",
        **more,
    }


async def exchanged(
    app: ASGI, scope: dict[str, Any], body: Upload = b"", *, timeout: float | None = 30.0, speech: Speech = CROSSBAR
) -> Response:
    """The response to a request whose scope is there already; what the application raises is raised here."""
    exchange = Exchange(body)
    try:
        async with asyncio.timeout(timeout) as limit:
            await app(scope, exchange.receive, exchange.send)
    except TimeoutError:
        if not limit.expired():
            raise
        raise TimeoutError(
            f"{scope['method']} {scope['path']} has no complete response after {timeout} seconds; "
            "what never ends is read with `stream`"
        ) from None
    finally:
        await exchange.close()
    start, pieces = exchange.messages()
    return Response.of(start["status"], decoded(start["headers"]), b"".join(pieces), speech)


class Line:
    """What goes to and fro on one connection.

    What the application sends waits in `sent`, at most `room` messages of it; None, after them, says that it has ended.
    """

    def __init__(self, room: int | None = None) -> None:
        self.sent: asyncio.Queue[Message | None] = asyncio.Queue()
        self.gone = asyncio.Event()
        self._deaf = False
        self._room = None if room is None else asyncio.Semaphore(room)

    async def receive(self) -> Message:
        """The next message for the application."""
        raise NotImplementedError

    async def send(self, message: Message) -> None:
        """Take a message from the application; nothing happens if the client has hung up."""
        if self._room is not None and not self._deaf:
            await self._room.acquire()
        if self._deaf:
            self.taken()  # so that the next one that waits for room is let go, too
        else:
            self.sent.put_nowait(message)

    def taken(self) -> None:
        """Make room for another message."""
        if self._room is not None:
            self._room.release()

    def hang_up(self) -> None:
        """Be gone: the application is told when it listens, and what it sends is dropped."""
        self._deaf = True
        self.gone.set()
        self.taken()


class Exchange(Line):
    """One HTTP request, and the response to it."""

    def __init__(self, body: Upload, room: int | None = None) -> None:
        super().__init__(room)
        self._body = body
        self._upload = _messages(body)
        self._started = self._complete = False

    async def receive(self) -> Message:
        """The next piece of the body; after the last one, the news that the client has gone, once it has."""
        try:
            return await anext(self._upload)
        except StopAsyncIteration:
            await self.gone.wait()
        except ConnectionError:
            # NOTE: what is said to a client that has gone is lost on a real connection; a test may want to see it.
            self.gone.set()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take the start of the response, or a piece of it; RuntimeError if it is not its turn."""
        expected = "http.response.body" if self._started else "http.response.start"
        if self._complete or message["type"] != expected:
            wanted = "nothing, as the response is complete" if self._complete else expected
            raise RuntimeError(f"the application sent {message['type']}, where an ASGI server expects {wanted}")
        self._complete = self._started and not message.get("more_body", False)
        self._started = True
        await super().send(message)
        if self._complete:
            self.gone.set()

    async def close(self) -> None:
        """Let go of a body that was not read to its end."""
        await self._upload.aclose()
        if isinstance(self._body, AsyncGenerator):
            await self._body.aclose()

    def messages(self) -> tuple[Message, list[bytes]]:
        """The start and the pieces of a response that is complete; CrossbarError if it is not."""
        waiting = [self.sent.get_nowait() for _ in range(self.sent.qsize())]
        messages = [message for message in waiting if message is not None]
        if not messages:
            raise CrossbarError("the application ended without a response")
        pieces = [message.get("body", b"") for message in messages[1:]]
        if not self._complete:
            raise broken_off(sum(map(len, pieces)))
        return messages[0], pieces


class Served:
    """A connection that an application serves in a task of its own, message by message.

    `timeout` is how many seconds a message may take to come; None is any number.
    """

    def __init__(self, app: ASGI, scope: dict[str, Any], line: Line, timeout: float | None) -> None:
        self._line = line
        self._timeout = timeout
        self._raised = False
        self._task = asyncio.create_task(self._serve(app, scope))

    async def _serve(self, app: ASGI, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._line.receive, self._line.send)
        finally:
            self._line.sent.put_nowait(None)

    async def next(self) -> Message | None:
        """The next message of the application, None if it has ended; what it raised is raised here, once."""
        try:
            async with asyncio.timeout(self._timeout):
                message = await self._line.sent.get()
        except TimeoutError:
            raise TimeoutError(f"nothing came from the application for {self._timeout} seconds") from None
        if message is None:
            self._line.sent.put_nowait(None)
            await self._end()
        else:
            self._line.taken()
        return message

    async def leave(self) -> None:
        """Go away, and wait until the application has noticed; CrossbarError if it does not."""
        self._line.hang_up()
        done, _ = await asyncio.wait({self._task}, timeout=GRACE)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=GRACE)
            raise CrossbarError(
                f"the application went on for {GRACE} seconds after its client had gone: let it listen for "
                "the disconnect message, and end"
            )
        await self._end()

    async def _end(self) -> None:
        """Raise what the application raised, unless the test has been told of it before."""
        if not self._raised:
            self._raised = True
            await self._task


def broken_off(size: int) -> CrossbarError:
    """What there is to say of a response that is not brought to its end."""
    return CrossbarError(f"the response broke off after {size} bytes; what the application logged says why")


async def _messages(body: Upload) -> AsyncGenerator[Message]:
    """The request body as ASGI messages; one that comes in pieces ends with an empty message."""
    if isinstance(body, bytes):
        for start in range(0, max(len(body), 1), PIECE):
            end = start + PIECE
            yield {"type": "http.request", "body": body[start:end], "more_body": end < len(body)}
        return
    if isinstance(body, AsyncIterable):
        async for piece in body:
            yield {"type": "http.request", "body": piece, "more_body": True}
    else:
        for piece in body:
            yield {"type": "http.request", "body": piece, "more_body": True}
    yield {"type": "http.request", "body": b"", "more_body": False}
