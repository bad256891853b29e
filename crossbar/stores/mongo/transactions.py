"""Transactions: begun, committed, and begun again where MongoDB asks for it.

A conflict with another write is tried again for as long as a write may take. A connection that breaks is tried again
within the time that a server has for its answer, as the driver does for single writes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

import pymongo
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from .connection import ANSWER_WITHIN, Connection

T = TypeVar("T")

_AGAIN, _UNKNOWN = "TransientTransactionError", "UnknownTransactionCommitResult"
_PAUSE, _LONGEST_PAUSE = 0.002, 0.1
# What each change adds to the time that a server has, which also sends the documents of large writes.
_FOR_EACH = 0.01


async def in_transaction(
    connection: Connection,
    work: Callable[[AsyncClientSession], Awaitable[T]],
    *,
    changes: int,
    within: float,
) -> T:
    """What the work returns, which may be done more than once, and counts once: all of it or nothing.

    `changes` is how many it makes, `within` the seconds for which conflicts are tried again.
    """
    begun, tries = monotonic(), 0
    patience = ANSWER_WITHIN + changes * _FOR_EACH
    alarm = begun + patience
    async with connection.client.start_session(causal_consistency=False) as session:
        while True:
            try:
                with pymongo.timeout(max(alarm - monotonic(), 0.001)):
                    return await _once(connection, session, work)
            except PyMongoError as error:
                if not error.has_error_label(_AGAIN):
                    raise
                now, pause = monotonic(), random.uniform(0, min(_PAUSE * 2**tries, _LONGEST_PAUSE))  # noqa: S311
                if now + pause > begun + within:
                    raise
                if isinstance(error, ConnectionFailure):
                    if now + pause > alarm:
                        raise
                else:
                    alarm = now + pause + patience
                tries += 1
                await asyncio.sleep(pause)


async def _once(
    connection: Connection, session: AsyncClientSession, work: Callable[[AsyncClientSession], Awaitable[T]]
) -> T:
    await session.start_transaction(**connection.transactions())
    try:
        done = await work(session)
    except BaseException:
        if session.in_transaction:
            await session.abort_transaction()
        raise
    while True:
        try:
            await session.commit_transaction()
            return done
        except PyMongoError as error:
            # NOTE: a commit can be repeated, and says the same again; one that is refused has not happened.
            timed_out = isinstance(error, OperationFailure) and error.code == _TIMED_OUT
            if not error.has_error_label(_UNKNOWN) or timed_out or error.timeout:
                raise


_TIMED_OUT = 50  # MaxTimeMSExpired
