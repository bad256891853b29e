"""Token buckets: how many requests may pass, and what is told of it. Pure: the clock is passed in.

A bucket is one number, the time at which it will be full again. What is missing from it now is what time will have
added by then, so that nothing ever has to be filled up, and a bucket that is full again says no more than one that
nobody has ever used. All times are whole microseconds of a clock that need not show the time of day; with whole numbers
the bound is exact: in any span, at most `size` and what time adds in it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from heapq import nlargest
from typing import NamedTuple, Protocol

SECOND = 1_000_000
"""Microseconds of a second."""
PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
"""Seconds of each period that a rate can be given in."""
MOST_ENTRIES = 50_000
"""Entries that a process keeps for itself, about 15 MB of them."""
LEAST_DEBT = 5 * SECOND
"""What a bucket whose tokens are taken on several machines may owe at least, beyond being empty."""


class Quota:
    """What a bucket holds, and how fast it fills: `size` tokens, `refill` of them in each `period` of seconds.

    Tokens are added as time goes by, and not in steps: nobody gains by waiting for the turn of a second.
    """

    __slots__ = ("size", "step", "window")

    def __init__(self, size: int, refill: int, period: int = 1) -> None:
        self.size = size
        # NOTE: rounded up, so that never more is added than was promised.
        self.step = max(-(-period * SECOND // refill), 1)
        self.window = size * self.step

    def take(self, full_at: int, cost: int, now: int, *, owing: bool = False) -> tuple[int, bool]:
        """When the bucket will be full after `cost` tokens were taken, and True; as it was, and False, if it is short.

        A clock that was set back cannot add tokens. Nor can it keep a bucket from filling: one that seems to lack more
        than it holds is empty, or with `owing` as deep in debt as it can be.
        """
        latest = now + self.window
        if full_at > latest:
            full_at = min(full_at, latest_of(self.window, now)) if owing else latest
        after = (full_at if full_at > now else now) + cost * self.step
        return (after, True) if after <= latest else (full_at, False)

    def left(self, full_at: int, now: int) -> int:
        """The whole tokens in the bucket."""
        return self.size if full_at <= now else max((now + self.window - full_at) // self.step, 0)

    def wait(self, full_at: int, cost: int, now: int) -> int:
        """The whole seconds, at least one, after which there will be `cost` tokens."""
        return max(-(-(full_at + cost * self.step - now - self.window) // SECOND), 1)


def latest_of(window: int, now: int) -> int:
    """The latest time at which a bucket that fills in `window` may be full again, if others take from it unseen.

    What two machines took before they knew of each other can be more than there was. It is owed, up to once what the
    bucket holds, and has to be added before anything can be taken again; what goes beyond that is forgiven.
    """
    return now + window + max(window, LEAST_DEBT)


class Group:
    """The requests that take from the same bucket: their name, their quota, and the fields that tell of it.

    The fields are those of draft-ietf-httpapi-ratelimit-headers-10: the policy says `q` tokens in `w` seconds, which is
    the time in which an empty bucket fills.
    """

    __slots__ = ("name", "policy", "quota", "stem")

    def __init__(self, name: str, quota: Quota) -> None:
        self.name = name
        self.quota = quota
        self.policy = (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (name.encode(), quota.size, self.window))
        # PERF: what is the same in all answers is written once.
        self.stem = b'"%s";r=' % name.encode()

    @property
    def window(self) -> int:
        """The whole seconds in which an empty bucket fills."""
        return max(-(-self.quota.window // SECOND), 1)


class Charge:
    """What one request took, and what is left: facts for dialects, each of which has its own words for them.

    `cost` is the tokens that were taken, `remaining` those that are left, `reset` the whole seconds after which the
    bucket is full again.
    """

    __slots__ = ("cost", "group", "remaining", "reset")

    def __init__(self, group: Group, cost: int, remaining: int, reset: int) -> None:
        self.group = group
        self.cost = cost
        self.remaining = remaining
        self.reset = reset

    @property
    def limit(self) -> int:
        """The tokens of a full bucket."""
        return self.group.quota.size

    @property
    def window(self) -> int:
        """The whole seconds in which an empty bucket fills."""
        return self.group.window

    def fields(self) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
        """The header fields `RateLimit-Policy` and `RateLimit`, with `r` tokens left and the bucket full in `t`."""
        group = self.group
        return group.policy, (b"ratelimit", b"%b%d;t=%d" % (group.stem, self.remaining, self.reset))


class Entry(NamedTuple):
    """One entry of a table: until when it says anything, and how much of what it counts has happened.

    For a bucket, `until` is the time at which it is full again, and `much` is nothing.
    """

    until: int
    much: int


NOTHING = Entry(0, 0)
"""What a table has of a key that it does not know."""

Change = Callable[[Entry, int], Entry]
"""From what is there, and what time it is, to what shall be there."""


class Table(Protocol):
    """Where buckets and counts are kept: a fixed number of entries, each of them good until its time.

    If there is room for no more, that which ends first has to go: a full bucket before the fullest, and every bucket
    before what lasts longer. Each call is done as a whole before another one begins.
    """

    def open(self) -> None:
        """Make it ready for use; SettingsError if that cannot be done."""

    def close(self) -> None:
        """Let go of what it holds on to."""

    def identity(self) -> bytes:
        """What tells it from every other table, the same in all processes that share it; for while it is open."""

    def take(self, key: str, quota: Quota, cost: int, *, drain: bool = False) -> tuple[int, bool, int]:
        """Take tokens from a bucket: when it is full again, whether there were enough, and the present time.

        With `drain`, a bucket that is short is emptied.
        """

    def look(self, key: str) -> tuple[Entry, int]:
        """The entry of a key, NOTHING if there is none or it has ended, and the present time."""

    def change(self, key: str, change: Change) -> Entry:
        """The entry of a key after it was changed; what has ended is NOTHING to the change."""


class LocalTable:
    """A table of this process alone; `owing` if others, who cannot see it, take from the same buckets."""

    def __init__(self, clock: Callable[[], int], most: int = MOST_ENTRIES, *, owing: bool = False) -> None:
        self._clock = clock
        self._most = most
        self._owing = owing
        self._identity = b""
        # PERF: plain pairs, each of them an Entry for whoever looks; a bucket is a new one at every request.
        self._entries: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def open(self) -> None:
        """Be somebody: not before, so that processes that fork have tables that differ."""
        self._identity = self._identity or secrets.token_bytes(16)

    def close(self) -> None:
        """Nothing is to be done; the entries stay."""

    def identity(self) -> bytes:
        """What it is known by; see Table."""
        return self._identity

    def take(self, key: str, quota: Quota, cost: int, *, drain: bool = False) -> tuple[int, bool, int]:
        """Take tokens from a bucket; see Table."""
        now = self._clock()
        found = self._entries.get(key)
        full_at, admitted = quota.take(0 if found is None else found[0], cost, now, owing=self._owing)
        if drain and not admitted:
            full_at = max(full_at, now + quota.window)
        if found is None and len(self._entries) >= self._most:
            self._make_room(now)
        self._entries[key] = (full_at, 0)
        return full_at, admitted, now

    def look(self, key: str) -> tuple[Entry, int]:
        """The entry of a key; see Table."""
        now = self._clock()
        found = self._entries.get(key, NOTHING)
        return (Entry(*found) if found[0] > now else NOTHING), now

    def change(self, key: str, change: Change) -> Entry:
        """Change the entry of a key; see Table."""
        found, now = self.look(key)
        new = change(found, now)
        if new.until <= now:
            self._entries.pop(key, None)
            return new
        if key not in self._entries and len(self._entries) >= self._most:
            self._make_room(now)
        self._entries[key] = new
        return new

    def _make_room(self, now: int) -> None:
        """Forget what has ended, and if that is not much, the half that ends first."""
        self._entries = {key: entry for key, entry in self._entries.items() if entry[0] > now}
        if len(self._entries) > self._most * 3 // 4:
            self._entries = dict(nlargest(self._most // 2, self._entries.items(), key=lambda item: item[1][0]))
