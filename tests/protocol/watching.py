"""The time of a server's watch, in the hands of a test."""

from __future__ import annotations

import asyncio
from typing import Any

from .server import Served, until


class Clock:
    """The time of a watch, which goes on when the client says so, whatever the machine does."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._now: float | None = None
        self._looks = 0
        watch = served.connections[0].watch
        self._look = watch._sweep
        watch._sweep = self._sweep

    def _sweep(self, loop: Any) -> None:
        """Let the watch look, with this clock for that of the loop."""
        if self._now is None:
            self._now = loop.time()
        self._look(self)
        self._looks += 1

    def time(self) -> float | None:
        """Give the time, in seconds."""
        return self._now

    def call_later(self, delay: float, call: Any, clock: Clock) -> asyncio.TimerHandle:
        """Call after some real time."""
        return asyncio.get_running_loop().call_later(delay, call, clock)

    def wait(self, seconds: float) -> None:
        """Let so much time go by, and the watch look; not if it has nothing more to look at."""
        looks = self._looks
        if self._now is not None:
            self._now += seconds
        until(lambda: self._looks > looks or not self._served.connections)
