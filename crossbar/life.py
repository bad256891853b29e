"""The life of an application: opened once, on one event loop, and closed; then opened again, perhaps on another one.

A server has one loop for as long as it runs. Test clients have one after the other, some of them one for each request,
and close them without a word.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING

from .errors import CrossbarError

if TYPE_CHECKING:
    from .app import Crossbar
    from .mounted import Receive, Send

logger = logging.getLogger("crossbar")


class Life:
    """Opens what an application holds, once, however many ask for it, and closes it.

    `open` puts what it opens onto the stack that it is given. `loop` is the event loop that all of it is open on, None
    while it is not.
    """

    def __init__(self, open: Callable[[AsyncExitStack], Awaitable[None]]) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._open = open
        self._held: AsyncExitStack | None = None
        self._changing = asyncio.Lock()
        self._owner: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Open it on the running loop, unless that has been done.

        CrossbarError if it is open on another loop; what a closed one has left open is closed first.
        """
        async with self._taken_over():
            if self.loop is not None:
                return
            await self._close()
            async with AsyncExitStack() as opening:
                await self._open(opening)
                self._held = opening.pop_all()
            self.loop = self._owner

    async def hold(self, manager: AbstractAsyncContextManager[object]) -> None:
        """Enter one more thing, which is left when everything is closed; only while it is open."""
        async with self._taken_over():
            if self._held is not None:
                await self._held.enter_async_context(manager)

    async def stop(self) -> None:
        """Close it, if it is open; it can be opened again."""
        async with self._taken_over():
            await self._close()

    def _taken_over(self) -> asyncio.Lock:
        """The lock for changes on the running loop; CrossbarError if another one still has its hands on it."""
        loop = asyncio.get_running_loop()
        if self._owner is not loop:
            busy = self.loop is not None or self._changing.locked()
            if busy and self._owner is not None and not self._owner.is_closed():
                raise CrossbarError(
                    "this Crossbar runs on another event loop: stop it there, or make one for each loop"
                )
            # NOTE: whoever held the lock has ended with the loop, and will never give it back.
            self.loop, self._owner, self._changing = None, loop, asyncio.Lock()
        return self._changing

    async def _close(self) -> None:
        held, here = self._held, self.loop is not None
        self._held = self.loop = None
        if held is None:
            return
        try:
            await held.aclose()
        except Exception:
            if here:
                raise
            logger.warning("what a closed event loop has left open was not closed in order", exc_info=True)


async def live(app: Crossbar, receive: Receive, send: Send) -> None:
    """Speak ASGI's lifespan protocol for an application."""
    await receive()
    try:
        await app.start()
    except Exception as error:
        logger.error("%s", error)
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await app.stop()
    await send({"type": "lifespan.shutdown.complete"})
