"""A table that keeps note of what is taken from it, so that other machines can be told.

It stands before the table of a machine, which goes on deciding alone: a note costs no call and no wait. Once it has a
secret, keys are digests under it, the same on all machines that have the same store, so that nobody who sees the notes
learns an address or the name of an account from them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from heapq import nlargest
from struct import Struct

from .buckets import Change, Entry, Quota, Table

MOST_NOTES = 50_000
"""Keys that one process keeps notes of, between two times that they are told."""
TAKEN = Struct(">16sqqq")
"""What was taken from one bucket: its key, and the microseconds it takes to add again what was taken, what is missing
in all, and what the whole bucket holds."""
FAILED = Struct(">16sqq")
"""What is new of logins: the key, how many more failures there are, and for how many microseconds they count. With no
failures more or less, the address is known for so long."""
_REMEMBERED = 8192


class ToldTable:
    """The table of a machine, with notes of what this process took from it; `most` bounds their number.

    Until `begin` it is no more than that table.
    """

    def __init__(self, table: Table, clock: Callable[[], int], most: int = MOST_NOTES) -> None:
        self._table = table
        self._most = most
        self._name: Callable[[str], str] | None = None
        # What was taken by name: the microseconds, when the bucket is full again, and those of the whole bucket.
        self._taken: dict[str, tuple[int, int, int]] = {}
        # Failures by name, and until when they count; and until when an address is known.
        self._failed: dict[str, tuple[int, int]] = {}
        self._known: dict[str, int] = {}
        self.clock = clock

    def __len__(self) -> int:
        return len(self._taken) + len(self._failed) + len(self._known)

    def begin(self, secret: bytes) -> Table:
        """Keep notes from now on, with keys under this secret; the table that they are of."""

        def named(key: str) -> str:
            return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16, key=secret).hexdigest()

        # PERF: who asks once mostly asks again.
        self._name = lru_cache(_REMEMBERED)(named)
        return self._table

    def identity(self) -> bytes:
        """What the table is known by; see Table."""
        return self._table.identity()

    def open(self) -> None:
        """Make it ready for use; see Table."""
        self._table.open()

    def close(self) -> None:
        """Let go of what it holds on to; see Table."""
        self._table.close()

    def take(self, key: str, quota: Quota, cost: int, *, drain: bool = False) -> tuple[int, bool, int]:
        """Take tokens from a bucket; see Table."""
        if self._name is None:
            return self._table.take(key, quota, cost, drain=drain)
        name = self._name(key)
        before = self._table.look(name)[0].until if drain else 0
        full_at, admitted, now = found = self._table.take(name, quota, cost, drain=drain)
        if admitted:
            spent = cost * quota.step
        elif drain:
            spent = full_at - max(before, now)
        else:
            return found
        noted = self._taken.get(name)
        if noted is not None:
            self._taken[name] = (noted[0] + spent, full_at, quota.window)
        elif spent > 0 and len(self._taken) < self._most:
            self._taken[name] = (spent, full_at, quota.window)
        return found

    def look(self, key: str) -> tuple[Entry, int]:
        """The entry of a key; see Table."""
        return self._table.look(key if self._name is None else self._name(key))

    def change(self, key: str, change: Change) -> Entry:
        """Change the entry of a key; see Table. What is to be told of it is for `tell`."""
        return self._table.change(key if self._name is None else self._name(key), change)

    def tell(self, key: str, failures: int, lasts: int) -> None:
        """Note that a key has so many failures more, or fewer, for so many microseconds; with 0, that it is known."""
        if self._name is None:
            return
        name, until = self._name(key), self.clock() + lasts
        if not failures:
            if name in self._known or len(self._known) < self._most:
                self._known[name] = until
        elif name in self._failed or len(self._failed) < self._most:
            self._failed[name] = (self._failed.get(name, (0, 0))[0] + failures, until)

    def taken(self, *, late: bool) -> bytes:
        """The notes of what was taken, packed, which are thereby told.

        With `late` they are of so long a time that part of it was added again meanwhile: of each only what the bucket
        still lacks is told.
        """
        now, notes = self.clock(), self._taken
        self._taken = {}
        packed = []
        for name, (spent, full_at, window) in notes.items():
            owed = full_at - now
            if late:
                spent = min(spent, owed)
            if spent > 0:
                packed.append(TAKEN.pack(bytes.fromhex(name), spent, owed, window))
        return b"".join(packed)

    def failed(self) -> bytes:
        """The notes of logins, packed, which are thereby told."""
        now, failed, known = self.clock(), self._failed, self._known
        self._failed, self._known = {}, {}
        notes = [(name, more, until - now) for name, (more, until) in failed.items() if more]
        notes += [(name, 0, until - now) for name, until in known.items()]
        return b"".join(FAILED.pack(bytes.fromhex(name), more, lasts) for name, more, lasts in notes if lasts > 0)

    def make_room(self) -> None:
        """Where many notes wait to be told, forget those that are paid, and then the half that will be soonest."""
        if len(self._taken) <= self._most // 2:
            return
        now = self.clock()
        self._taken = {name: note for name, note in self._taken.items() if note[1] > now}
        if len(self._taken) > self._most // 2:
            self._taken = dict(nlargest(self._most // 4, self._taken.items(), key=lambda item: item[1][1]))
