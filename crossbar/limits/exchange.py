"""The exchange: what each machine took from buckets, and which logins failed there, is told to all that have one store.

The table of a machine decides alone, so that no request waits for a database. Four times a second each process writes
down what it took since the last time, as one note, and one process of each machine reads the notes of the others and
takes the same from the machine's own table. So a machine learns within about half a second what the others did.

A note has a writer, which is a process, and a number, which grows by one. Whether it was carried out stands in the
table of the machine, under the writer's name: no note counts twice, whoever reads it, and however often it was sent.
Times of two machines are never compared: how old a note is, the store says, by its own clock.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, Protocol

from ..errors import StoreError
from .attempts import Logins, counted, known
from .buckets import SECOND, Change, Entry, latest_of
from .told_table import FAILED, TAKEN, ToldTable

logger = logging.getLogger("crossbar")

INTERVAL = 0.25
"""Seconds between two times that notes are written and read."""
BRIEF = 60
"""Seconds for which a note of what was taken is kept at least."""
LASTING = 900
"""Seconds for which a note of logins is kept at least: what a machine that starts learns of the time before."""
OVERLAP = 5
"""Seconds that are read again each time, since notes may be seen late, and clocks of servers differ."""

_LATE = SECOND  # a note that is older is of a time in which buckets have filled again
_LEASE = SECOND * 3 // 4  # how long a process reads for its machine, unless it says so again
_PATIENCE, _LAST_PATIENCE = 5.0, 1.0
_TOLD_EVERY = 60 * SECOND
_AT_ONCE = 200
_CANCELLED_AGAIN = 0.1


class Note(NamedTuple):
    """What one process took from the table of its machine in some time, or what is new of its logins (`lasting`).

    `age` is in seconds by the clock of the store, and means nothing before it was read.
    """

    writer: bytes
    number: int
    machine: bytes
    lasting: bool
    entries: bytes
    age: float = 0.0


class Tallies(Protocol):
    """Where notes are left for other machines. Every method may raise StoreError; none is ever waited for by a request.

    A store that several machines can have in common gives one by `tallies()`, once it is open.
    """

    async def push(self, notes: Sequence[Note]) -> None:
        """Leave notes, in their order; one that is there already, by its writer and number, is not written again."""

    async def pull(self, machine: bytes, seconds: float, seen: Collection[tuple[bytes, int]]) -> list[Note]:
        """The notes of all other machines of the last seconds, by the clock of the store, in any order.

        Those in `seen`, by their writers and numbers, need not be among them.
        """


class Shared(Protocol):
    """A store that several machines can have in common."""

    def tallies(self) -> Tallies:
        """Where they leave notes for each other; for while the store is open."""


class Exchange:
    """The part that one process has in it, between its table and the store."""

    def __init__(self, told: ToldTable, secret: bytes, tallies: Tallies, logins: Logins) -> None:
        self._told = told
        self._table = told.begin(secret)
        self._tallies = tallies
        self._window = logins.window
        self._writer = secrets.token_bytes(8)
        self._number = 0
        self._unsent: list[Note] = []
        self._collected = told.clock()
        self._seen: dict[tuple[bytes, int], int] = {}
        self._told_at: int | None = None
        self._failing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have notes written and read; what was taken last is told before this ends, if the store answers."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            while not task.done():
                # NOTE: before Python 3.12 `asyncio.wait_for` loses a cancellation that meets the answer of a store.
                task.cancel()
                await asyncio.wait([task], timeout=_CANCELLED_AGAIN)
            with suppress(StoreError, TimeoutError):
                async with asyncio.timeout(_LAST_PATIENCE):
                    await self._push()

    async def _run(self) -> None:
        while True:
            await self.round()
            await asyncio.sleep(INTERVAL)

    async def round(self) -> None:
        """Write and read notes once. A store that fails is logged, and asked again the next time."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._push()
            if self._reads():
                await self._pull()
        except Exception as error:
            # NOTE: whatever it is, the counts of this machine go on.
            self._told.make_room()
            self._complain(error)
        else:
            if self._failing:
                self._failing = False
                logger.info("limits: other machines are heard of again")

    def _complain(self, error: Exception) -> None:
        """Log once a minute that other machines are not heard of, and where it is no fault of a store, from where."""
        now = self._told.clock()
        if self._told_at is not None and now - self._told_at < _TOLD_EVERY:
            return
        self._told_at, self._failing = now, True
        why = str(error) or f"no answer within {_PATIENCE:g} seconds"
        trace = None if isinstance(error, StoreError | TimeoutError) else error
        logger.warning("limits: other machines are not heard of, each counts by itself: %s", why, exc_info=trace)

    async def _push(self) -> None:
        # NOTE: nobody knows of notes that failed whether they were written; sent again as they were, they count once.
        if self._unsent:
            await self._tallies.push(self._unsent)
            self._unsent = []
        now = self._told.clock()
        late, self._collected = now - self._collected > _LATE, now
        for lasting, entries in ((False, self._told.taken(late=late)), (True, self._told.failed())):
            if entries:
                self._number += 1
                self._unsent.append(Note(self._writer, self._number, self._table.identity(), lasting, entries))
        if self._unsent:
            await self._tallies.push(self._unsent)
            self._unsent = []

    def _reads(self) -> bool:
        """Whether this is the process that reads for its machine: the first that asks, for as long as it goes on."""
        own = int.from_bytes(self._writer[:7], "big") + 1

        def leased(entry: Entry, now: int) -> Entry:
            # NOTE: a lease that ends later than any can is one of before the machine was started again.
            return entry if entry.much not in (0, own) and entry.until <= now + _LEASE else Entry(now + _LEASE, own)

        return self._table.change("exchange reader", leased).much == own

    async def _pull(self) -> None:
        last, now = self._table.look("exchange read")
        past = (now - last.much) / SECOND + OVERLAP
        seconds = past if last.much and OVERLAP <= past < LASTING else LASTING
        async with asyncio.timeout(_PATIENCE):
            found = await self._tallies.pull(self._table.identity(), seconds, self._seen.keys())
        for note in sorted(found, key=lambda note: (note.writer, note.number)):
            if self._is_new(note):
                await self._carry_out(note)
        self._table.change("exchange read", lambda entry, at: Entry(at + LASTING * SECOND, now))
        # What was there when the last look but this began is too old to be found again.
        self._seen = {key: at for key, at in self._seen.items() if at >= now - (OVERLAP + 1) * SECOND}
        self._seen |= {(note.writer, note.number): now for note in found}

    def _is_new(self, note: Note) -> bool:
        """Whether a note was not carried out on this machine yet; from now on it counts as if it was."""
        new = False

        def marked(entry: Entry, now: int) -> Entry:
            nonlocal new
            new = note.number > entry.much
            return Entry(now + (LASTING + BRIEF) * SECOND, note.number) if new else entry

        self._table.change(f"exchange {note.writer.hex()}", marked)
        return new

    async def _carry_out(self, note: Note) -> None:
        age = max(int(note.age * SECOND), 0)
        changes = _failed(note.entries, age, self._window) if note.lasting else _taken(note.entries, age)
        for count, (name, change) in enumerate(changes, 1):
            self._table.change(name, change)
            if not count % _AT_ONCE:
                await asyncio.sleep(0)  # requests come first


def _taken(entries: bytes, age: int) -> Iterator[tuple[str, Change]]:
    """What is to be done to buckets: what was taken elsewhere is taken here.

    Of what comes late, part has been added again meanwhile, and counts no more.
    """
    for name, spent, owed, window in TAKEN.iter_unpack(entries):
        due = min(spent, owed - age) if age > _LATE else spent
        if due > 0:
            yield name.hex(), _less(due, window)


def _less(spent: int, window: int) -> Change:
    return lambda entry, now: Entry(min(max(entry.until, now) + spent, latest_of(window, now)), 0)


def _failed(entries: bytes, age: int, window: int) -> Iterator[tuple[str, Change]]:
    """What is to be done to the counts of logins: failures are added and forgiven, addresses become known."""
    for name, failures, lasts in FAILED.iter_unpack(entries):
        left = lasts - age
        if left > 0:
            yield name.hex(), counted(failures, window, left=left) if failures else known(left)
