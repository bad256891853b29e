"""The application as a process of `crossbar run` serves it: with a watch over its event loop, and an admin address."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from ..app import Crossbar
from ..log import loop_failed
from ..watch import LoopWatch
from .admin import administered
from .reloading import Origin, Reloading

logger = logging.getLogger("crossbar")

FORWARDED = 1.0
"""Seconds within which a second signal to a worker may be the first one, sent on by its parent."""
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
        self._draining = Draining(self)

    async def start(self) -> None:
        """Start the application, and then what is beside it; a second call only sees to the signals.

        NOTE: a server takes the signals over when it begins to serve, and that may be after the first call.
        """
        await super().start()
        self._draining.begin()
        if self._beside is not None:
            return
        self._beside = AsyncExitStack()
        asyncio.get_running_loop().set_exception_handler(loop_failed)
        longest = LONGEST_BLOCK if self.replaceable else None
        watch = LoopWatch(lambda: self.registry, self.settings.log.blocked / 1000, longest)
        watch.start()
        self._beside.callback(watch.stop)
        if self.admin is not None:
            await self._beside.enter_async_context(administered(self, self.admin, self.origin))
            if self.replaceable and self.origin is not None:
                await Reloading(self, self.origin, self.admin).catch_up()

    async def stop(self) -> None:
        """Stop what is beside the application, and then the application."""
        self._draining.end()
        beside, self._beside = self._beside, None
        if beside is not None:
            await beside.aclose()
        await super().stop()


class Draining:
    """Has a signal to stop first make `/readyz` say no for `server.drain` seconds, before the server hears of it.

    Whoever balances takes the server out meanwhile, and no request is refused. A second signal stops at once, and so
    does the first one where `server.drain` is 0; the log tells of it.
    """

    def __init__(self, app: Served) -> None:
        self._app = app
        self._before: dict[int, Callable[[int, FrameType | None], object]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0

    def begin(self) -> None:
        """Stand between the signals and the server on the running loop, unless there is none, or that was done."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            handler = signal.getsignal(number)
            # NOTE: before anybody is served, a signal ends the process, and has nothing to wait for.
            if callable(handler) and hasattr(getattr(handler, "__self__", None), "should_exit"):
                self._before[number] = handler
                signal.signal(number, self._stop)

    def end(self) -> None:
        """Leave the signals to the server."""
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._stop:
                signal.signal(number, handler)
        self._before.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        before, app, now = self._before[number], self._app, time.monotonic()
        if not app.draining:
            app.draining, self._since = True, now
            self._loop.call_soon_threadsafe(self._wait, before, number)
        # NOTE: who stops a whole group of processes stops a worker twice, the second time through its parent.
        elif not app.replaceable or now - self._since > FORWARDED:
            self._loop.call_soon_threadsafe(self.end)
            before(number, frame)

    def _wait(self, before: Callable[[int, FrameType | None], object], number: int) -> None:
        seconds = self._app.settings.server.drain
        if not seconds:
            logger.info("stopping")
            before(number, None)
            return
        logger.info("stopping in %d seconds: /readyz says no from now on", seconds)
        self._timer = self._loop.call_later(seconds, before, number, None)
