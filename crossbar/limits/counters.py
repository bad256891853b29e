"""What is counted across requests, by address and account: tokens and failed logins, in a table that may be shared."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..settings import Settings
from .admission import Admission, address_of
from .attempts import Logins
from .buckets import SECOND, LocalTable, Table


class Counters:
    """The counts of one application: `admission` for requests, None if they are not counted, `logins`, and the `table`.

    They are good from the start, and kept while the application is stopped; a shared table is open while the block of
    `with` runs, and SettingsError is raised if it cannot be opened.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.table = table_of(settings.rate.shared, clock)
        self.admission = Admission(settings.rate, self.table) if settings.rate.enabled else None
        self.logins = Logins(settings.auth, self.table, address_of)

    def __enter__(self) -> None:
        self.table.open()

    def __exit__(self, *about: object) -> None:
        self.table.close()


def table_of(path: str, clock: Callable[[], float]) -> Table:
    """The table in the file at `path`, or if it is empty one of this process, by the clock of an application."""

    def ticks() -> int:
        return int(clock() * SECOND)

    # NOTE: the time of day can be set back, the time since the start cannot; it counts unless somebody gives a clock.
    told = _monotonic if clock is time.time else ticks
    if not path:
        return LocalTable(told)
    # PERF: only for who shares it; and it needs what not every system has.
    from .shared_table import SharedTable

    return SharedTable(Path(path), told)


def _monotonic() -> int:
    return time.monotonic_ns() // 1000
