"""What an endpoint holds while the server runs: its `lifespan`, entered and left in one task of its own."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager

from ..errors import PluginError

logger = logging.getLogger("crossbar")


class Lifetime:
    """Holds an asynchronous context manager open.

    Requests come and go in tasks of their own, and the first of them may be what starts the application; a task group
    or a time limit must be left where it was entered.
    """

    def __init__(self, manager: AbstractAsyncContextManager[None], of: str) -> None:
        self._manager = manager
        self._of = of
        self._ready = asyncio.Event()
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self, seconds: float) -> None:
        """Enter it; PluginError, naming whose it is, if that fails or takes longer than `seconds`."""
        self._task = asyncio.create_task(self._hold(), name=f"lifespan of {self._of}")
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({self._task, ready}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._ready.is_set():
            return
        if not self._task.done():
            self._task.cancel()
            # NOTE: what does not stop when it is cancelled is left behind; nobody can end it.
            await asyncio.wait({self._task}, timeout=1)
            raise PluginError(f"{self._of}: its lifespan was not ready after {seconds:g} seconds")
        error = None if self._task.cancelled() else self._task.exception()
        told = f"{type(error).__name__}: {error}" if error is not None else "it ended before it was ready"
        raise PluginError(f"{self._of}: its lifespan failed: {told}") from error

    async def end(self, seconds: float) -> None:
        """Leave it; what goes wrong is logged, and after `seconds` it is given up."""
        if self._task is None:
            return
        self._over.set()
        await asyncio.wait({self._task}, timeout=seconds)
        if not self._task.done():
            logger.error("%s: its lifespan did not end within %g seconds and was cancelled", self._of, seconds)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1)
        elif not self._task.cancelled() and self._task.exception() is not None:
            logger.error("%s: its lifespan failed", self._of, exc_info=self._task.exception())

    async def _hold(self) -> None:
        async with self._manager:
            self._ready.set()
            await self._over.wait()
