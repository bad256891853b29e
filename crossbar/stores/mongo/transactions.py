"""Transactions: begun, committed, and begun again where MongoDB asks for it.

A conflict with another write is tried again for as long as a write may take. A connection that breaks is tried again
within the time that a server has for its answer, as the driver does for single writes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Generic, TypeVar

import pymongo
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from .connection import Connection

T = TypeVar("T")
Work = Callable[[AsyncClientSession], Awaitable[T]]

_AGAIN, _UNKNOWN = "TransientTransactionError", "UnknownTransactionCommitResult"
_PAUSE, _LONGEST_PAUSE = 0.002, 0.1
_TIMED_OUT = 50  # MaxTimeMSExpired
# What each change adds to the time that a server has, which also sends the documents of large writes.
_FOR_EACH = 0.01


async def in_transaction(
    connection: Connection,
    work: Work[T],
    *,
    changes: int,
    within: float,
    patience: float | None = None,
    locks: Sequence[str] = (),
) -> T:
    """What the work returns, which may be done more than once, and counts once: all of it or nothing.

    `changes` is how many it makes, `within` the seconds for which conflicts are tried again, `patience` those in which
    a server answers, if it may take more than usual. Of those in this process that name the same `locks`, one after the
    other is let in.
    """
    answer = connection.answers_within if patience is None else patience
    transaction = _Transaction(connection, work, answer + changes * _FOR_EACH)
    try:
        async with connection.unless_lost(), connection.turns.taken(locks, within):
            return await transaction.carried_out(within)
    finally:
        if transaction.over:
            await transaction.session.end_session()
        else:
            connection.abandoned.add(transaction.session)


class _Transaction(Generic[T]):
    """Some work, and how far it is; `patience` is how many seconds one try may take."""

    def __init__(self, connection: Connection, work: Work[T], patience: float) -> None:
        self._connection = connection
        self._work = work
        self._patience = patience
        self.session = connection.client.start_session(causal_consistency=False)
        self.over = True
        """Whether the server is known to have ended it, one way or the other."""

    async def carried_out(self, within: float) -> T:
        """Try it, for so many seconds if others are in the way."""
        begun, tries = monotonic(), 0
        alarm = begun + self._patience
        while True:
            try:
                with pymongo.timeout(max(alarm - monotonic(), 0.001)):
                    return await self._once(alarm)
            except PyMongoError as error:
                if not error.has_error_label(_AGAIN):
                    raise
                now, pause = monotonic(), random.uniform(0, min(_PAUSE * 2**tries, _LONGEST_PAUSE))  # noqa: S311
                lost = isinstance(error, ConnectionFailure)
                if now + pause > begun + (self._connection.answers_within if lost else within):
                    raise
                if not lost:
                    alarm = now + pause + self._patience
                tries += 1
                await asyncio.sleep(pause)

    async def _once(self, alarm: float) -> T:
        session = self.session
        self.over = False
        await session.start_transaction(**self._connection.transactions())
        try:
            done = await self._work(session)
        except Exception as error:
            # NOTE: the driver does not say when this fails, which it does when the time is over.
            await session.abort_transaction()
            self.over = not isinstance(error, ConnectionFailure) and monotonic() < alarm
            raise
        await self._commit()
        self.over = True
        return done

    async def _commit(self) -> None:
        while True:
            try:
                return await self.session.commit_transaction()
            except PyMongoError as error:
                # NOTE: a commit can be repeated, and says the same again; one that is refused has not happened.
                timed_out = isinstance(error, OperationFailure) and error.code == _TIMED_OUT
                if not error.has_error_label(_UNKNOWN) or timed_out or error.timeout:
                    raise
            await asyncio.sleep(_LONGEST_PAUSE)
