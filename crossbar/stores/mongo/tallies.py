"""Notes that machines leave for each other in MongoDB, of what was taken from buckets and which logins failed.

A note is one record, which is written once and never changed. When that was, the server says (`$currentDate`), and what
time it is now as well (`hello`): clocks of machines do not matter. Of a cluster's own servers it is asked that their
clocks differ by less than the seconds that are read again each time.

Notes are written with w:1. What a lost primary takes with it is the counts of a quarter of a second, and waiting for
more members could only make the others learn of them later. They are read from the primary, where they are at once.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import pymongo
from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ...limits.exchange import BRIEF, LASTING, Note
from .connection import Database, told
from .layout import Index

COLLECTION = "tallies"
MOST_READ = 10_000
"""Notes that are read at once; older ones are passed over."""
INDEXES = (
    Index("at", (("at", 1),)),
    Index("brief", (("brief", 1),), {"expireAfterSeconds": BRIEF}),
    Index("lasting", (("lasting", 1),), {"expireAfterSeconds": LASTING}),
)
"""What is needed to find the newest notes, and to be rid of old ones: a note has `brief` or `lasting`, never both."""

_NUMBER = 8  # bytes
_ASKED_EVERY = 10.0


class MongoTallies:
    """The notes in a database, which answers within so many seconds; `name` is what messages call the store."""

    def __init__(self, database: Database, name: str, seconds: float) -> None:
        self._notes = database.get_collection(
            COLLECTION,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("local"),
            write_concern=WriteConcern(w=1),
        )
        self._name = name
        self._seconds = seconds
        self._clock: tuple[datetime, float] | None = None

    async def push(self, notes: Sequence[Note]) -> None:
        """Leave notes; see Tallies."""
        with told(self._name, writes=True), pymongo.timeout(self._seconds):
            for note in notes:
                # NOTE: an upsert by `_id` finds what was written before, so that it can be sent again at any time.
                await self._notes.update_one(
                    {"_id": _id(note.writer, note.number)},
                    {
                        "$setOnInsert": {"machine": note.machine, "entries": note.entries},
                        "$currentDate": {"at": True, "lasting" if note.lasting else "brief": True},
                    },
                    upsert=True,
                )

    async def pull(self, machine: bytes, seconds: float, seen: Collection[tuple[bytes, int]]) -> list[Note]:
        """The notes of others; see Tallies."""
        with told(self._name), pymongo.timeout(self._seconds):
            now = await self._time()
            wanted = {
                "at": {"$gte": now - timedelta(seconds=seconds)},
                "machine": {"$ne": machine},
                "_id": {"$nin": [_id(*each) for each in seen]},
            }
            found = self._notes.find(wanted).hint(INDEXES[0].name).sort("at", -1).limit(MOST_READ)
            return [_note(record, now) async for record in found]

    async def _time(self) -> datetime:
        """The time that the server has, asked for now and then."""
        # NOTE: not `$$NOW` in the query: the stand-in of the tests cannot compare it with a date.
        here = time.monotonic()
        if self._clock is None or here - self._clock[1] > _ASKED_EVERY:
            self._clock = (await self._notes.database.command("hello"))["localTime"], here
        there, then = self._clock
        return there + timedelta(seconds=here - then)


def _id(writer: bytes, number: int) -> bytes:
    return writer + number.to_bytes(_NUMBER, "big")


def _note(record: dict[str, Any], now: datetime) -> Note:
    id, age = record["_id"], (now - record["at"]) / timedelta(seconds=1)
    number = int.from_bytes(id[-_NUMBER:], "big")
    return Note(id[:-_NUMBER], number, record["machine"], "lasting" in record, record["entries"], age)
