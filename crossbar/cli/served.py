"""The application as a process of `crossbar run` serves it: with a watch over its event loop, and an admin address."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from ..app import Crossbar
from ..log import loop_failed
from ..watch import LoopWatch
from .admin import administered
from .reloading import Origin

logger = logging.getLogger("crossbar")

LONGEST_BLOCK = 60.0
"""Seconds after which a worker process that is blocked gives up, so that another one takes its place."""


class Served(Crossbar):
    """A Crossbar that starts and stops together with what a server process has beside it."""

    admin: Path | None = None
    """The folder of the admin sockets, None for no admin address."""
    origin: Origin | None = None
    """Where the settings came from, None if they cannot be read again."""
    replaceable: bool = False
    """Whether a supervisor starts another process when this one ends."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._beside: AsyncExitStack | None = None

    async def start(self) -> None:
        """Start the application, and then what is beside it; a second call does nothing."""
        await super().start()
        if self._beside is not None:
            return
        self._beside = AsyncExitStack()
        asyncio.get_running_loop().set_exception_handler(loop_failed)
        longest = LONGEST_BLOCK if self.replaceable else None
        watch = LoopWatch(lambda: self.registry, self.settings.log.blocked / 1000, longest)
        watch.start()
        self._beside.callback(watch.stop)
        if self.settings.server.drain:
            self._beside.enter_context(draining(self))
        if self.admin is not None:
            await self._beside.enter_async_context(administered(self, self.admin, self.origin))

    async def stop(self) -> None:
        """Stop what is beside the application, and then the application."""
        beside, self._beside = self._beside, None
        if beside is not None:
            await beside.aclose()
        await super().stop()


@contextmanager
def draining(app: Crossbar) -> Iterator[None]:
    """While the block runs, a signal to stop first makes `/readyz` say no for `server.drain` seconds, and then stops.

    Whoever balances takes the server out meanwhile, and no request is refused. A second signal stops at once.
    """
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {}

    def drain(number: int, frame: FrameType | None) -> None:
        if app.draining:
            before[number](number, frame)
            return
        app.draining = True
        logger.info("stopping in %d seconds: /readyz says no from now on", app.settings.server.drain)
        loop.call_soon_threadsafe(loop.call_later, app.settings.server.drain, before[number], number, None)

    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGTERM, signal.SIGINT):
            if callable(handler := signal.getsignal(each)):
                before[each] = handler
                signal.signal(each, drain)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
