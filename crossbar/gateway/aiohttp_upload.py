"""The pieces of a request's body on their way to a target, while its response is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from .aiohttp_line import Line

PATIENCE = 1.0
"""Seconds for which a target may say nothing to `Expect: 100-continue` before it gets the body (RFC 9110, 10.1.1)."""


class Upload:
    """Sends pieces as they come, `length` bytes in all, or chunked if it is None; never faster than the target reads.

    `fault` is what the pieces raised, and `sent` whether the target has got the whole body. With `expects`, no piece is
    asked for until `proceed`, or until the target was silent for too long. `head` is what has to be sent before them.
    """

    def __init__(
        self, line: Line, head: bytes, pieces: AsyncIterator[bytes], length: int | None, *, expects: bool
    ) -> None:
        self._line = line
        self._pieces = pieces
        self._length = length
        self._last = b""
        self._go = asyncio.Event() if expects else None
        self.fault: Exception | None = None
        self.sent = False
        # NOTE: the head of a body without a byte would be all of the request, though it may turn out to have some.
        if length == 0:
            self._last = head
        else:
            self._line.say(head)
        self._task = asyncio.create_task(self._run())

    def proceed(self) -> None:
        """The target wants the pieces."""
        if self._go is not None:
            self._go.set()

    def settle(self) -> None:
        """The target has answered: pieces that it has not asked for yet are not sent any more."""
        if self._go is not None and not self._go.is_set():
            self._task.cancel()

    def stop(self) -> None:
        """Ask for no more pieces."""
        self._task.cancel()

    async def stopped(self) -> None:
        """Wait until nothing is asked for any more."""
        await asyncio.wait((self._task,))

    async def _run(self) -> None:
        try:
            if self._go is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await self._go.wait()
                self._go.set()
            self.sent = await self._send()
        except Exception as exc:
            self.fault = exc
            self._line.fail(exc)

    async def _send(self) -> bool:
        """Send all pieces; False if the connection has ended before. ValueError if they are not as long as was said."""
        left = self._length
        async for piece in self._pieces:
            if not piece:
                continue
            if left is None:
                self._line.say(b"%x\r\n%b\r\n" % (len(piece), piece))
            else:
                left -= len(piece)
                if left < 0:
                    raise ValueError(f"the body is longer than the {self._length} bytes that were announced")
                # NOTE: the last piece waits for the end, or too long a body would look like a whole one and more.
                if left:
                    self._line.say(piece)
                else:
                    self._last += piece
            if self._line.writing_paused:
                with suppress(ConnectionError):
                    await self._line.drain()
            if self._line.transport is None:
                return False
        if left:
            raise ValueError(f"the body is {left} bytes shorter than the {self._length} bytes that were announced")
        self._line.say(b"0\r\n\r\n" if left is None else self._last)
        return True
