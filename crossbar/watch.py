"""Watching over code of others: who ran for too long, who blocks everybody, and whose fault a failure is."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from .endpoint import Endpoint

if TYPE_CHECKING:
    from .context import Context
    from .registry import Registry

logger = logging.getLogger("crossbar")
Result = TypeVar("Result")

PATIENCE = 2.0
"""Seconds that a request has to end after it was cancelled."""
_SWEEP_SECONDS = 0.25


def is_failure(error: BaseException) -> bool:
    """Whether an exception is a failure of the code that ran, and nobody's wish that the present task ends.

    An exit is one, which is not a plugin's to ask for; so is a cancellation that nobody asked of this task, as when it
    waited for another task that was cancelled.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_failure, error.exceptions))
    return isinstance(error, Exception | SystemExit)


def blame(ctx: Context) -> str:
    """Whose code runs, or ran last, in a request, with the place that it comes from."""
    blamed = ctx.blamed
    if blamed is None and ctx.resolved:
        blamed = ctx.bound.endpoint if ctx.bound is not None else ctx.resolved[-1][0]
    if blamed is None:
        return "crossbar"
    if not isinstance(blamed, Endpoint):
        return ctx.app.plugins.called(blamed)
    entry = ctx.registry.entries.get(blamed.name)
    return f"endpoint {blamed.name}" + (f" ({entry.origin})" if entry is not None else "")


class Watch:
    """Cancels requests that take longer than `seconds`; whoever cancels one sets `ctx.late` first.

    One that does not end then is given up after `PATIENCE` seconds more: `give_up` answers in its place. `running` are
    the requests that are under way: not those whose body is still on its way, or whose response has begun.

    PERF: a timer for each request would cost more than the request's own stages; one sweep four times a second, while
    there is anything under way, is exact enough.
    """

    def __init__(self, seconds: float, give_up: Callable[[Context], Coroutine[Any, Any, None]]) -> None:
        self._seconds = seconds
        self._give_up = give_up
        self._given_up: dict[Context, asyncio.Task[None]] = {}
        self.running: dict[Context, asyncio.Task[object] | None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, ctx: Context, since: float) -> None:
        """Watch over a request that runs in the present task, by the time that has passed `since`."""
        ctx.due_from = since
        self.running[ctx] = asyncio.current_task()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def end(self, ctx: Context) -> asyncio.Task[None] | None:
        """Stop watching over a request. The task goes on as if nobody had cancelled it.

        If it was given up, what answers in its place, which may not be done with that.
        """
        task = self.running.pop(ctx, None)
        if not ctx.late:
            return None
        while task is not None and task.uncancel():
            pass
        return self._given_up.pop(ctx, None)

    async def leave_to_client(self, ctx: Context, work: Awaitable[Result]) -> Result:
        """Wait for what is the client's to do, such as sending the body, which has a limit of its own."""
        watched = self.running.pop(ctx, None) is not None
        result = await work
        if watched:
            self.begin(ctx, time.perf_counter())
        return result

    def stop(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        if not self.running:
            return
        limit = time.perf_counter() - self._seconds
        for ctx, task in [*self.running.items()]:
            if ctx.due_from >= limit or task is None:
                continue
            if not ctx.late:
                # NOTE: its patience counts from here: the loop may have been blocked since its time was over.
                ctx.late, ctx.due_from = True, limit
            elif ctx.due_from < limit - PATIENCE and ctx not in self._given_up:
                self._given_up[ctx] = asyncio.create_task(self._give_up(ctx))
            # NOTE: code that swallows its cancellation is cancelled again at each sweep.
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
        """The innermost code of an endpoint or a hook on the stack, or else what Crossbar called; if it is one's."""
        owners = self._owners()
        innermost = called = frame
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            owner = owners.get(frame.f_code) or _owner_of(module, owners)
            if owner is not None:
                return f"{owner} ({frame.f_code.co_filename}, line {frame.f_lineno})", True
            if module.startswith("crossbar."):
                break
            called, frame = frame, frame.f_back
        # Code that Crossbar did not call is somebody's task, or the host's.
        blamed = called if frame is not None else innermost
        if blamed is None:
            return "something", False
        return f"code in {blamed.f_code.co_filename}, line {blamed.f_lineno},", False

    def _owners(self) -> dict[object, str]:
        """Who is to blame for what: by the code of a function, or by the name of a module."""
        registry = self._registry()
        owners: dict[object, str] = {}
        for hook in registry.hooks.all if registry.hooks is not None else ():
            owners[getattr(hook.call, "__code__", None)] = f"hook {hook.name}"
            owners[getattr(hook.call, "__module__", None)] = f"hook {hook.name}"
        for entry in registry:
            module = type(entry.endpoint).__module__
            # NOTE: what is declared, mounted or absent has a class of Crossbar's own, which runs for many of them.
            if module.startswith("crossbar.modules.") or not module.startswith("crossbar."):
                owners[module] = f"endpoint {entry.name}"
        return owners


def _owner_of(module: str, owners: dict[object, str]) -> str | None:
    """Who is to blame for a module, or for the package that it is in."""
    while module:
        if module in owners:
            return owners[module]
        module = module.rpartition(".")[0]
    return None
