"""Failed logins: counted, slowed down, and then refused for a while, without a password being hashed.

Failures are counted by the address that they come from and by the account that they are aimed at, whether there is such
an account or not. They are forgotten when there was none for `auth.login_window` seconds, so that no span of that
length holds more than `auth.login_failures`. An attempt is counted before the password is looked at: fifty at once are
not fifty free ones.

From an address where somebody has logged in to an account lately, only the failures of that address at that account
decide: strangers elsewhere cannot lock an owner out. (The OWASP cookbook tells devices apart by a cookie; programs have
none, so here it is the address.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING

from ..errors import TooManyRequests, Unauthorized
from ..settings import Auth
from .buckets import NOTHING, SECOND, Change, Entry, Table

if TYPE_CHECKING:
    from ..context import Context

KNOWN_SECONDS = 7 * 86_400
"""How long an address is known to an account after a login."""
PATIENT_FAILURES = 2
"""Failures that are answered at once."""
LONGEST_DELAY = 2.0
_SHORTEST_DELAY = 0.1
_LONGEST_NAME = 64
# A count is the failures, and above them the attempts under way.
_UNDER_WAY = 1 << 20
_POLL_SECONDS, _PATIENCE_SECONDS = 0.02, 5.0


class Logins:
    """The failed logins of an installation: `async with app.logins.attempt(ctx, account): ...`."""

    def __init__(self, settings: Auth, table: Table, address: Callable[[Context], str]) -> None:
        self.most = settings.login_failures
        self.window = settings.login_window * SECOND
        self.table = table
        self.pause: Callable[[float], Awaitable[None]] = asyncio.sleep
        self.tell: Callable[[str, int, int], object] = _tell_nobody
        self._address = address

    def attempt(self, ctx: Context, account: str = "") -> Attempt:
        """One try to log in, for `async with`: what is inside is only done if it may be tried.

        `account` is the id of the account, or what the request calls it if there is none, so that both are answered
        alike; leave it out where a request names no account. Raises TooManyRequests when there were too many failures.
        A block that raises Unauthorized has failed, and so has one that is cancelled; one that raises anything else
        has not been a try, and one that ends has succeeded.
        """
        # NOTE: names of any length become keys of a table that has to be bounded.
        name = account if len(account) <= _LONGEST_NAME else sha256(account.encode()).hexdigest()
        return Attempt(self, self._address(ctx), name)


class Attempt:
    """One try to log in; made by `Logins.attempt`."""

    def __init__(self, logins: Logins, address: str, account: str) -> None:
        self._logins = logins
        self._from = f"failures from {address}"
        self._at = f"failures at {account}" if account else ""
        self._pair = f"failures {address} {account}"
        self._known = f"known {address} {account}"
        self._gates: list[str] = []

    async def __aenter__(self) -> None:
        logins = self._logins
        if not logins.most:
            return
        seen, _ = logins.table.look(self._known)
        gates = [self._pair] if seen is not NOTHING else [self._from, *([self._at] if self._at else [])]
        for gate in gates:
            try:
                await self._pass(gate)
            except BaseException:
                self._settle(0)
                raise
            self._gates.append(gate)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._gates:
            return
        if error is None:
            self._succeed()
        elif isinstance(error, Unauthorized):
            await self._logins.pause(delay(self._settle(1)))
        elif isinstance(error, Exception):
            self._settle(0)
        else:
            self._settle(1)

    async def _pass(self, gate: str) -> None:
        """Count an attempt that begins; TooManyRequests if there is no room for it, also after some patience.

        While others are under way that may succeed, it is not known yet whether there is.
        """
        logins = self._logins
        waited = 0.0
        while True:
            passed = False

            def begin(entry: Entry, now: int) -> Entry:
                nonlocal passed
                under_way, failures = divmod(entry.much, _UNDER_WAY)
                passed = under_way + failures < logins.most
                return Entry(max(entry.until, now + logins.window), entry.much + _UNDER_WAY) if passed else entry

            entry = logins.table.change(gate, begin)
            if passed:
                return
            if entry.much % _UNDER_WAY >= logins.most or waited >= _PATIENCE_SECONDS:
                found, now = logins.table.look(gate)
                locked = found.much % _UNDER_WAY >= logins.most
                retry = -(-(found.until - now) // SECOND) if locked else 1
                raise TooManyRequests("too many failed logins: wait and try again", retry=retry)
            await asyncio.sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS

    def _settle(self, failures: int) -> int:
        """Take the attempt off those that are under way, and count a failure if it is one; the most that there are."""
        counted = [self._change(gate, failures, -1) for gate in self._gates]
        if failures:
            counted += [self._change(key, failures, 0) for key in (self._from, self._pair) if key not in self._gates]
        self._gates = []
        return max(counted, default=0)

    def _succeed(self) -> None:
        """Forget the failures of this address at this account, wherever they were counted, and know it from now on."""
        table, lasts = self._logins.table, KNOWN_SECONDS * SECOND
        found, _ = table.look(self._pair)
        forgiven = found.much % _UNDER_WAY
        for gate in self._gates:
            self._change(gate, -forgiven, -1)
        if self._from not in self._gates:
            self._change(self._from, -forgiven, 0)
        self._change(self._pair, -forgiven, 0)
        self._gates = []
        table.change(self._known, known(lasts))
        self._logins.tell(self._known, 0, lasts)

    def _change(self, key: str, failures: int, under_way: int) -> int:
        """Add to the counts of a key; how many failures there are now."""
        logins = self._logins
        if failures:
            logins.tell(key, failures, logins.window)
        return logins.table.change(key, counted(failures, logins.window, under_way)).much % _UNDER_WAY


def counted(failures: int, window: int, under_way: int = 0, *, left: int | None = None) -> Change:
    """The change that adds to the counts of a key, or takes off; new failures count for `window` microseconds.

    With `left` they were counted elsewhere, and count for so much longer only.
    """

    def changed(entry: Entry, now: int) -> Entry:
        busy, failed = divmod(entry.much, _UNDER_WAY)
        busy, failed = max(busy + under_way, 0), max(failed + failures, 0)
        if not busy and not failed:
            return NOTHING
        until = now + window if left is None else max(entry.until, now + min(left, window))
        return Entry(until if failures > 0 else entry.until, busy * _UNDER_WAY + failed)

    return changed


def known(lasts: int) -> Change:
    """The change after which an address is known to an account for so many microseconds at least."""
    return lambda entry, now: Entry(max(entry.until, now + lasts), 1)


def delay(failures: int) -> float:
    """The seconds for which the answer to the latest of so many failures is held back."""
    if failures <= PATIENT_FAILURES:
        return 0.0
    return float(min(_SHORTEST_DELAY * 2 ** min(failures - PATIENT_FAILURES - 1, 10), LONGEST_DELAY))


def _tell_nobody(key: str, failures: int, lasts: int) -> None:
    """There is nobody else to know."""
