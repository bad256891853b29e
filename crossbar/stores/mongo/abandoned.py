"""Transactions whose end nobody knows: the server was lost, or the request was cancelled.

What such a transaction has locked would be in the way of others for as long as MongoDB keeps it, which is a minute. A
session has one transaction at a time: when another one is begun in it, what was not committed is over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from contextvars import Context
from time import monotonic
from typing import Any

import pymongo
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

_LIVES = 60.0  # transactionLifetimeLimitSeconds
_LOOK_EVERY = 0.25
_MOST = 10_000
_LOOKED_INTO = "kinds"  # which collection does not matter


class Abandoned:
    """Ends what was abandoned, as soon as there is a server; each step may take `seconds`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], seconds: float) -> None:
        self.sharded = False
        self._database = database
        self._seconds = seconds
        self._sessions: deque[tuple[float, AsyncClientSession]] = deque(maxlen=_MOST)
        self._ending: asyncio.Task[None] | None = None

    def add(self, session: AsyncClientSession) -> None:
        """Take a session over, from somebody who may not wait any more."""
        self._sessions.append((monotonic(), session))
        if self._ending is None or self._ending.done():
            # NOTE: in a context of its own, as the time limits of the driver are in that of the caller.
            self._ending = asyncio.create_task(self._end(), name="crossbar-mongo-abandoned", context=Context())

    async def close(self) -> None:
        """Take no more care of any."""
        self._sessions.clear()
        if self._ending is not None:
            self._ending.cancel()
            with suppress(asyncio.CancelledError):
                await self._ending

    async def _end(self) -> None:
        while self._sessions:
            since, session = self._sessions[0]
            try:
                with pymongo.timeout(self._seconds):
                    await self._take_over(session)
            except PyMongoError:
                if monotonic() - since < _LIVES:
                    await asyncio.sleep(_LOOK_EVERY)
                    continue
            if self._sessions and self._sessions[0][1] is session:
                self._sessions.popleft()

    async def _take_over(self, session: AsyncClientSession) -> None:
        if session.in_transaction:
            await session.abort_transaction()
        if self.sharded:
            # NOTE: another transaction would end the one before on those shards only that it asks.
            await self._database.command({"killSessions": [session.session_id]})
        else:
            await session.start_transaction()
            await self._database[_LOOKED_INTO].find_one({}, {"_id": 1}, session=session)
        await session.end_session()
