"""Who ends a call before its time: the clock, or a client that has gone.

PERF: one timer a call, which is set once and looks again when it strikes: moving a time limit on is an assignment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

FOREVER = float("inf")
TOTAL = "total"
"""The phase of everything together, which is over once and for all."""


class ClientGone(Exception):
    """Nobody waits for the response any more."""


class Overdue(Exception):
    """A time limit has passed; the message names it."""


class Guard:
    """Watches over the calls that the present task makes for one client.

    `call` waits for something under guard: it raises ClientGone or Overdue in the place of what was waited for. What
    happens while nothing is waited for is raised by the next `call`. A phase that is overdue ends with the next one;
    the total, and a client that has gone, stay so.
    """

    __slots__ = (
        "_armed",
        "_due",
        "_late",
        "_listening",
        "_loop",
        "_phase",
        "_struck",
        "_task",
        "_timer",
        "_total",
        "_when",
        "gone",
    )

    def __init__(self, total: float) -> None:
        """Begin the time for everything together, in seconds; 0 for no end. It is kept from the first phase on."""
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        assert task is not None, "a call is made by a task"
        self._task = task
        self._total = self._loop.time() + total if total else FOREVER
        self._due, self._phase = self._total, TOTAL
        self._timer: asyncio.TimerHandle | None = None
        self._when = FOREVER
        self._listening: asyncio.Task[None] | None = None
        self._late = ""
        self._armed = self._struck = False
        self.gone = False

    def within(self, limit: float, phase: str) -> None:
        """Have what is waited for next end within so many seconds, 0 for any time, and within the total."""
        due = self._loop.time() + limit if limit else FOREVER
        if due < self._total:
            self._due, self._phase = due, phase
        else:
            self._due, self._phase = self._total, TOTAL
        if self._late != TOTAL:
            self._late = ""
        if self._due < self._when:
            if self._timer is not None:
                self._timer.cancel()
            self._when = self._due
            self._timer = self._loop.call_at(self._due, self._strike)

    def unhurried(self) -> None:
        """Let what is waited for next, which is up to the client, take what is left of the total."""
        self.within(0, TOTAL)

    async def call(self, waiting: Awaitable[Any]) -> Any:
        """What is waited for; ClientGone or Overdue if that comes first."""
        if self.gone or self._late:
            if asyncio.iscoroutine(waiting):
                waiting.close()
            raise self._why()
        self._armed = True
        try:
            return await waiting
        except asyncio.CancelledError:
            if not self._struck:
                raise
            self._struck = False
            # NOTE: somebody else may have cancelled the task as well, which counts more.
            if self._task.uncancel():
                raise
            raise self._why() from None
        finally:
            self._armed = False
            # NOTE: what was waited for came in the same moment, or failed as it was cancelled; the next call is told.
            if self._struck:
                self._struck = False
                self._task.uncancel()

    def listen(self, receive: Callable[[], Awaitable[Any]], *, received: bool = True) -> None:
        """Notice when the client goes; `received` tells whether its request is here, all of it.

        PERF: Crossbar's own server calls back; of any other one somebody has to wait for the message, which is only
        possible behind the body.
        """
        tell = getattr(getattr(receive, "__self__", None), "tell_when_gone", None)
        if tell is not None:
            tell(self.leave)
        elif received and self._listening is None:
            self._listening = asyncio.create_task(self._listen(receive))

    def leave(self) -> None:
        """The client has gone."""
        self.gone = True
        self._end_call()

    def end(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None

    def _why(self) -> Exception:
        return ClientGone() if self.gone else Overdue(self._late)

    def _strike(self) -> None:
        if self._loop.time() < self._due:
            self._when = self._due
            self._timer = self._loop.call_at(self._due, self._strike) if self._due < FOREVER else None
            return
        self._timer = None
        self._when = FOREVER
        self._late = self._phase
        self._end_call()

    def _end_call(self) -> None:
        """Cancel what is waited for, once."""
        # NOTE: a client may turn out to have gone while the task itself runs, which asks at its next call.
        if self._armed and not self._struck and asyncio.current_task(self._loop) is not self._task:
            self._struck = True
            self._task.cancel()

    async def _listen(self, receive: Callable[[], Awaitable[Any]]) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.leave()
