"""Watching over code of others: who ran for too long, who blocks everybody, and whose fault a failure is."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .context import Context
    from .registry import Registry

logger = logging.getLogger("crossbar")

_SWEEP_SECONDS = 0.25


def blame(ctx: Context) -> str:
    """Whose code runs, or ran last, in a request: a hook, or the endpoint with the place that it comes from."""
    if ctx.blamed:
        return ctx.blamed
    if ctx.resolved:
        endpoint = ctx.bound.endpoint if ctx.bound is not None else ctx.resolved[-1][0]
        entry = ctx.registry.entries.get(endpoint.name)
        return f"endpoint {endpoint.name}" + (f" ({entry.origin})" if entry is not None else "")
    return "crossbar"


class Watch:
    """Cancels requests that take longer than `seconds`; whoever cancels one sets `ctx.late` first.

    PERF: a timer for each request would cost more than the request's own stages; one sweep four times a second, while
    there is anything under way, is exact enough.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: dict[Context, asyncio.Task[object] | None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, ctx: Context) -> None:
        """Watch over a request that runs in the present task."""
        self._running[ctx] = asyncio.current_task()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def end(self, ctx: Context) -> None:
        """Stop watching over a request; the task goes on as if nobody had cancelled it."""
        task = self._running.pop(ctx)
        while ctx.late and task is not None and task.uncancel():
            pass

    def stop(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        if not self._running:
            return
        limit = time.perf_counter() - self._seconds
        for ctx, task in self._running.items():
            # NOTE: code that swallows its cancellation is cancelled again at each sweep.
            if ctx.started < limit and task is not None:
                ctx.late = True
                task.cancel()
        self._timer = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)


class LoopWatch:
    """A thread that notices when the event loop is blocked, and logs whose code blocks it.

    `registry` gives the endpoints of the moment; `longest` is after how many seconds of blocking the process ends, so
    that its supervisor starts another one, None for never.
    """

    def __init__(self, registry: Callable[[], Registry], seconds: float, longest: float | None = None) -> None:
        self._registry = registry
        self._seconds = seconds
        self._longest = longest
        self._stopping = threading.Event()
        self._beaten = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch over the running loop, which is the present thread's."""
        loop, watched = asyncio.get_running_loop(), threading.get_ident()
        self._thread = threading.Thread(target=self._watch, args=(loop, watched), name="crossbar-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopping.set()
        # NOTE: the loop that waits here cannot beat, so it counts as having done so.
        self._beaten.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, loop: asyncio.AbstractEventLoop, watched: int) -> None:
        while not self._stopping.wait(self._seconds):
            self._beaten.clear()
            if self._stopping.is_set():
                return
            with suppress(RuntimeError):  # the loop is closed, and so is all that there was to watch
                loop.call_soon_threadsafe(self._beaten.set)
                if not self._beaten.wait(self._seconds):
                    self._tell(watched)

    def _tell(self, watched: int) -> None:
        """Say who blocks the loop, and once it goes on, for how long that was.

        Code that is no plugin's, such as an import that is due, gets five times as long before it is worth a line.
        """
        began = time.perf_counter() - self._seconds
        told = ""
        while not self._beaten.wait(self._seconds) and not self._stopping.is_set():
            took = time.perf_counter() - began
            culprit, is_plugin = self._culprit(sys._current_frames().get(watched))
            if not told and (is_plugin or took > 5 * self._seconds):
                told = culprit
                logger.error("%s blocks all requests of this process; it must await, or use asyncio.to_thread", told)
            if self._longest is not None and took > self._longest:
                logger.critical("%s blocked this process for %g seconds: it ends", culprit, self._longest)
                os._exit(1)
        if told:
            logger.error("%s blocked all requests of this process for %.1f seconds", told, time.perf_counter() - began)

    def _culprit(self, frame: FrameType | None) -> tuple[str, bool]:
        """The innermost code of an endpoint on the stack, or else the innermost code there is; whether it is one's."""
        innermost = frame
        origins = {type(entry.endpoint).__module__: entry for entry in self._registry()}
        while frame is not None:
            entry = origins.get(frame.f_globals.get("__name__", ""))
            if entry is not None:
                return f"endpoint {entry.name} ({frame.f_code.co_filename}, line {frame.f_lineno})", True
            frame = frame.f_back
        if innermost is None:
            return "something", False
        return f"code in {innermost.f_code.co_filename}, line {innermost.f_lineno},", False
