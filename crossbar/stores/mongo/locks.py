"""What transactions queue up for that depend on what they find.

A transaction sees the database as it was when it began. What a Guard found may no longer be so when it commits, unless
whoever changed it is in its way: a transaction with guards counts up a lock of every tenant and kind that it asks about
or writes to, so that of two such transactions one comes after the other. Writes without guards read nothing, and can
always be taken to have come before or after.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from .. import Change, Delete, Drop, Guard, Insert, Keep, Replace
from .connection import Database

LOCKS = "locks"
_MOST_LOCKS = 10_000


def locks_of(changes: Sequence[Change]) -> list[str]:
    """The locks that a transaction with these changes counts up, in an order that all keep to; none without a Guard."""
    if not any(isinstance(change, Guard) for change in changes):
        return []
    return sorted({f"{kind} {tenant}" for tenant, kind in map(_concerned, changes) if kind})


async def have(database: Database, locks: Iterable[str], known: set[str]) -> None:
    """See to it that there are these locks, which a transaction cannot do itself; `known` are those that there are."""
    for lock in locks:
        if lock in known:
            continue
        with suppress(DuplicateKeyError):
            await database[LOCKS].insert_one({"_id": lock, "n": 0})
        if len(known) >= _MOST_LOCKS:
            known.clear()
        known.add(lock)


async def count_up(database: Database, locks: Iterable[str], session: AsyncClientSession) -> list[str]:
    """Take the locks in a transaction; those that are not there, which somebody must have removed."""
    counted = {"$inc": {"n": 1}}
    return [
        lock
        for lock in locks
        if not (await database[LOCKS].update_one({"_id": lock}, counted, session=session)).matched_count
    ]


def _concerned(change: Change) -> tuple[str, str]:
    match change:
        case Insert(document) | Replace(document):
            return document.tenant, document.kind
        case Guard(query):
            return query.tenant, query.kind
        case Delete() | Keep():
            return change.tenant, change.kind
        case Drop():
            return change.tenant, ""
