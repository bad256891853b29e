"""Machines for tests that tell each other what they count: their tables, and the board where their notes are left."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import cast

from crossbar.context import Context
from crossbar.errors import StoreUnavailable, TooManyRequests, Unauthorized
from crossbar.limits.attempts import Logins
from crossbar.limits.buckets import SECOND, LocalTable, Quota, Table
from crossbar.limits.exchange import Exchange, Note, Tallies
from crossbar.limits.shared_table import SharedTable
from crossbar.limits.told_table import ToldTable
from crossbar.settings import Auth

SECRET = b"the same on all machines"
KEY = "default 192.0.2.1 acc"
HUNDRED = Quota(100, 10)
ONCE = Quota(100, 1, 86_400)


class Board:
    """Notes in memory, for all machines of a test, by one clock; it can be away, and can lose its answers."""

    def __init__(self) -> None:
        self.now = 1_000_000 * SECOND
        self.notes: dict[tuple[bytes, int], tuple[Note, int]] = {}
        self.away = self.mute = False
        self.pushes = self.pulls = 0

    async def push(self, notes: Sequence[Note]) -> None:
        """Leave notes, as Tallies has it."""
        self.pushes += 1
        if self.away:
            raise StoreUnavailable("the board is away")
        for note in notes:
            key = note.writer, note.number
            self.notes[key] = self.notes.get(key, (note, 0))[0], self.now
        if self.mute:
            raise StoreUnavailable("the answer was lost")

    async def pull(self, machine: bytes, seconds: float, seen: Collection[tuple[bytes, int]]) -> list[Note]:
        """Read notes, as Tallies has it."""
        self.pulls += 1
        if self.away:
            raise StoreUnavailable("the board is away")
        return [
            note._replace(age=(self.now - at) / SECOND)
            for key, (note, at) in self.notes.items()
            if note.machine != machine and key not in seen and at >= self.now - seconds * SECOND
        ]


class Machine:
    """A machine, or one process of it: a table, what is told of it, and its logins. Its clock is ahead by `ahead`.

    Its notes are left on the board, or where `tallies` says.
    """

    def __init__(
        self, board: Board, ahead: int = 0, file: Path | None = None, most: int = 1000, tallies: Tallies | None = None
    ) -> None:
        def clock() -> int:
            return board.now + ahead

        self.inner: Table = LocalTable(clock, owing=True) if file is None else SharedTable(file, clock, 64, owing=True)
        self.told = ToldTable(self.inner, clock, most)
        self.told.open()
        settings = Auth(login_failures=10, login_window=900)
        self.logins = Logins(settings, self.told, lambda ctx: cast(str, ctx))
        self.logins.tell = self.told.tell
        self.logins.pause = _no_pause
        self.exchange = Exchange(self.told, SECRET, tallies or board, self.logins)

    def take(self, count: int = 1, quota: Quota = HUNDRED, key: str = KEY) -> int:
        """How many of so many requests are admitted."""
        return sum(self.told.take(key, quota, 1)[1] for _ in range(count))

    async def login(self, address: str = "192.0.2.1", *, right: bool, account: str = "acc") -> str:
        """What becomes of a try to log in."""
        try:
            async with self.logins.attempt(cast(Context, address), account):
                if not right:
                    raise Unauthorized
        except Unauthorized:
            return "wrong"
        except TooManyRequests:
            return "refused"
        return "in"


async def told(board: Board, *machines: Machine, passed: float = 0.25) -> None:
    """Let time pass, and every machine write and then read its notes."""
    board.now += int(passed * SECOND)
    for _ in range(2):
        for machine in machines:
            await machine.exchange.round()


async def _no_pause(seconds: float) -> None:
    """Answer at once."""
