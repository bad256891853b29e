"""What is counted across requests, by address and account: tokens and failed logins, in a table that may be shared."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from ..settings import Settings
from ..stores import Store
from .admission import Admission, address_of
from .attempts import Logins
from .buckets import SECOND, LocalTable, Table
from .exchange import Exchange, Shared
from .told_table import ToldTable


class Counters:
    """The counts of one application: `admission` for requests, None if they are not counted, `logins`, and the `table`.

    They are good from the start, and kept while the application is stopped; a shared table is open while the block of
    `with` runs, and SettingsError is raised if it cannot be opened. If other machines can have the `store` too, they
    hear of each other while `exchanging` runs.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float], store: Store | None = None) -> None:
        ticks = ticks_of(clock)
        self._store = cast(Shared, store) if hasattr(store, "tallies") else None
        self._told: ToldTable | None = None
        self.table = table_of(settings.rate.shared, ticks, owing=self._store is not None)
        if self._store is not None:
            self.table = self._told = ToldTable(self.table, ticks)
        self.admission = Admission(settings.rate, self.table) if settings.rate.enabled else None
        self.logins = Logins(settings.auth, self.table, address_of)
        if self._told is not None:
            self.logins.tell = self._told.tell

    def __enter__(self) -> None:
        self.table.open()

    def __exit__(self, *about: object) -> None:
        self.table.close()

    @asynccontextmanager
    async def exchanging(self, secret: bytes) -> AsyncIterator[None]:
        """Hear of other machines, and let them hear of this one; the secret is the same on all that have the store."""
        if self._told is None or self._store is None:
            yield
            return
        async with Exchange(self._told, secret, self._store.tallies(), self.logins).running():
            yield


def table_of(path: str, ticks: Callable[[], int], *, owing: bool = False) -> Table:
    """The table in the file at `path`, or if it is empty one of this process; `owing` if others take unseen."""
    if not path:
        return LocalTable(ticks, owing=owing)
    # PERF: only for who shares it; and it needs what not every system has.
    from .shared_table import SharedTable

    return SharedTable(Path(path), ticks, owing=owing)


def ticks_of(clock: Callable[[], float]) -> Callable[[], int]:
    """The microseconds of tables, by the clock of an application."""

    def ticks() -> int:
        return int(clock() * SECOND)

    # NOTE: the time of day can be set back, the time since the start cannot; it counts unless somebody gives a clock.
    return _monotonic if clock is time.time else ticks


def _monotonic() -> int:
    return time.monotonic_ns() // 1000
