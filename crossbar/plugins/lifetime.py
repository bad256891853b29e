"""What an endpoint holds while the server runs: its `lifespan`, entered and left in one task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from inspect import iscoroutine

from ..errors import PluginError
from ..events import end

logger = logging.getLogger("crossbar")


class Lifetime:
    """Holds an asynchronous context manager open.

    Requests come and go in tasks of their own, and the first of them may be what starts the application; a task group
    or a time limit must be left where it was entered. `ended` is called with the reason if it ends before its time, as
    when a task of its task group has crashed.
    """

    def __init__(
        self, manager: AbstractAsyncContextManager[None], of: str, ended: Callable[[str], None] = lambda _: None
    ) -> None:
        self._manager = manager
        self._of = of
        self._ended = ended
        self._ready = asyncio.Event()
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self, seconds: float) -> None:
        """Enter it; PluginError, naming whose it is, if that fails or takes longer than `seconds`."""
        if not hasattr(self._manager, "__aenter__"):
            if iscoroutine(self._manager):
                self._manager.close()
            raise PluginError(f"{self._of}: its lifespan is no context manager: decorate it with @asynccontextmanager")
        self._task = asyncio.create_task(self._hold(), name=f"lifespan of {self._of}")
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({self._task, ready}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        finally:
            ready.cancel()
        if self._ready.is_set():
            self._task.add_done_callback(self._watch)
            return
        if not self._task.done():
            # NOTE: what does not stop when it is cancelled is left behind; nobody can end it.
            await end(self._task, 1)
            raise PluginError(f"{self._of}: its lifespan was not ready after {seconds:g} seconds")
        told, error = self._told()
        raise PluginError(f"{self._of}: its lifespan failed: {told or 'it ended before it was ready'}") from error

    async def end(self, seconds: float) -> None:
        """Leave it; what goes wrong is logged, and after `seconds` it is given up."""
        if self._task is None or self._task.done():
            return
        self._over.set()
        await asyncio.wait({self._task}, timeout=seconds)
        if not self._task.done():
            logger.error("%s: its lifespan did not end within %g seconds and was cancelled", self._of, seconds)
            await end(self._task, 1)
            return
        told, error = self._told()
        if error is not None:
            logger.error("%s: its lifespan failed: %s", self._of, told, exc_info=error)

    async def _hold(self) -> None:
        try:
            await self._manager.__aenter__()
            self._ready.set()
            try:
                await self._over.wait()
            except GeneratorExit:
                # NOTE: an application that nobody stopped is thrown away, perhaps with its loop closed: there is
                # nothing left to wait with, so it is not left as `async with` would leave it.
                raise
            except BaseException as error:
                if not await self._manager.__aexit__(type(error), error, error.__traceback__):
                    raise
            else:
                await self._manager.__aexit__(None, None, None)
        except SystemExit as error:
            # NOTE: an exit out of a task would end the server.
            raise PluginError(f"SystemExit: {error}") from error

    def _watch(self, task: asyncio.Task[None]) -> None:
        """Notice an end before its time. A loop that is closed cancels what is left, and is told nothing."""
        if not self._over.is_set() and not task.cancelled():
            told, error = self._told()
            told = f"its lifespan ended before its time{': ' if told else ''}{told}"
            logger.error("%s: %s", self._of, told, exc_info=error)
            self._ended(told)

    def _told(self) -> tuple[str, BaseException | None]:
        """What the task has failed with."""
        task = self._task
        error = task.exception() if task is not None and task.done() and not task.cancelled() else None
        if isinstance(error, PluginError):
            return str(error), error
        return (f"{type(error).__name__}: {error}", error) if error is not None else ("", None)
