"""How long somebody may go on with what they began by a credential: as long as that is good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import StoreError, Unauthorized, Unavailable
from ..events import end

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched

logger = logging.getLogger("crossbar")


class Lease:
    """Asks every so many seconds whether the credential of a request is still good, and calls `over` when it is not.

    PERF: nothing but a timer before it asks for the first time, and nothing at all for who is nobody in particular.
    """

    __slots__ = ("_asking", "_ctx", "_matched", "_over", "_seconds", "_timer", "is_over")

    def __init__(self, ctx: Context, matched: Matched, seconds: float, over: Callable[[], None]) -> None:
        self._ctx, self._matched = ctx, matched
        self._seconds, self._over = seconds, over
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_over = False
        if matched.provider:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._begin)

    async def end(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._asking is not None:
            await end(self._asking)

    def _begin(self) -> None:
        self._asking = asyncio.create_task(self._until_over())

    async def _until_over(self) -> None:
        ctx = self._ctx
        while True:
            try:
                await self._matched.route.access.recheck(ctx, self._matched)
            except Unauthorized:
                self.is_over = True
                self._over()
                return
            except (StoreError, Unavailable) as error:
                told = "the credential of a stream could not be checked: %s (request %s)"
                logger.warning(told, error, ctx.request_id)
            await asyncio.sleep(self._seconds)
