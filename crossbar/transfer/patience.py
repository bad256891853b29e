"""Waiting for a store that is lost in the midst of a move: an election takes seconds, a move may take hours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from ..errors import StoreError, StoreOverdue, StoreUnavailable

T = TypeVar("T")

_PAUSE = 0.5  # seconds


class Patience:
    """Has what a store failed at done again, for some seconds from its first failure on.

    Only for what may be done twice. `waits` is called when the waiting begins, with what failed.
    """

    def __init__(self, seconds: float = 0.0, waits: Callable[[StoreError], None] = lambda error: None) -> None:
        self._seconds = seconds
        self._waits = waits
        self._waiting = 0
        self.tried = False
        """Whether anything was done again."""

    async def __call__(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` returns, in the end; what it raised last, if the store is not there in time."""
        until: float | None = None
        try:
            while True:
                try:
                    return await ask()
                except (StoreUnavailable, StoreOverdue) as error:
                    if until is None:
                        until = monotonic() + self._seconds
                        self._begin(error)
                    if monotonic() + _PAUSE >= until:
                        raise
                self.tried = True
                await asyncio.sleep(_PAUSE)
        finally:
            self._waiting -= until is not None

    def _begin(self, error: StoreError) -> None:
        # NOTE: several things are under way at once, and wait for one and the same.
        self._waiting += 1
        if self._waiting == 1 and self._seconds:
            self._waits(error)
