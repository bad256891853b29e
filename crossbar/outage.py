"""What the log says while the store is away: every sort of failure now and then, and when there are no more.

Each request that meets it would have a line of its own otherwise, and an outage would be the one thing in the log.
Which requests those were, the access log says, with the word `datastore_unreachable`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from .errors import StoreUnavailable

logger = logging.getLogger("crossbar")

AWAY = "datastore_unreachable"
"""The word of requests that fail because the store is away."""
TOLD_EVERY = 10.0
"""Seconds between two lines of one sort, and without a failure after which it counts as over."""
_MOST_SORTS = 20


class Outage:
    """Tells of failures of the store; `clock` gives seconds, and `every` is how many of them lie between two lines."""

    def __init__(self, every: float = TOLD_EVERY, clock: Callable[[], float] = monotonic) -> None:
        self._every = every
        self._clock = clock
        self._told: dict[str, float] = {}
        self._failed = self._untold = 0
        self._first = self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def met(self, error: StoreUnavailable, request_id: str) -> None:
        """A request has failed because the store is away."""
        now, sort = self._clock(), str(error)
        if not self._failed:
            self._first = now
        self._failed += 1
        self._last = now
        if len(self._told) >= _MOST_SORTS:
            self._told = {each: told for each, told in self._told.items() if now - told < self._every}
        if now - self._told.get(sort, float("-inf")) < self._every or len(self._told) >= _MOST_SORTS:
            self._untold += 1
        else:
            more = f", and {self._untold} more" if self._untold else ""
            logger.error("store: %s (request %s%s)", sort, request_id, more)
            self._told[sort] = now
            self._untold = 0
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every, self._look)

    def stop(self) -> None:
        """Forget what was met, and tell no more of it."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._told.clear()
        self._failed = self._untold = 0

    def _look(self) -> None:
        """See whether it is over."""
        quiet = self._clock() - self._last
        if quiet < self._every:
            self._timer = asyncio.get_running_loop().call_later(self._every - quiet, self._look)
            return
        told = "store: no request has failed for %g seconds; before that, %d failed in %.1f seconds"
        logger.info(told, self._every, self._failed, self._last - self._first)
        self.stop()
