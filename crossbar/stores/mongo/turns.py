"""Taking turns within one process, where MongoDB would let all begin and all but one begin again.

Of a hundred that are in each other's way that way, most get nowhere. Processes still meet in the database, one of each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from ...errors import StoreOverdue


class Turns:
    """Lines in which those wait that want the same lock, by its name; good for one event loop."""

    def __init__(self) -> None:
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def taken(self, locks: Sequence[str], seconds: float) -> AsyncIterator[None]:
        """Have these locks for a while, which everybody names in the same order; StoreOverdue after so many seconds."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(seconds if locks else None):
                    for lock in locks:
                        await stack.enter_async_context(self._line(lock))
            except TimeoutError:
                raise StoreOverdue(f"too many others change {locks[0]!r} at the same time") from None
            yield

    def _line(self, lock: str) -> asyncio.Lock:
        line = self._lines.get(lock)
        if line is None:
            line = self._lines[lock] = asyncio.Lock()
        return line
