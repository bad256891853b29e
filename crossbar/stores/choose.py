"""From a store's URL in the settings to the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from ..errors import SettingsError
from ..settings import Limits, StoreSettings
from . import Store

FORMS = (
    "memory:, sqlite:///file.db (in the working folder), sqlite:////folder/file.db, or "
    "mongodb://host1,host2/database?replicaSet=name"
)


Clock = Callable[[], float]
Factory = Callable[[str, Clock], Store]


def store_at(
    url: str,
    clock: Clock = time.time,
    others: Mapping[str, Factory] | None = None,
    limits: Limits | None = None,
    settings: StoreSettings | None = None,
) -> Store:
    """The store that a URL names, not yet open; `clock` gives Unix seconds. Its code is imported only now.

    Of `settings` counts what is said of that sort of store; the URL is the one that is given.

    `others` are the stores of plugins, by the scheme of their URLs; how long they take is their own concern.
    """
    scheme = urlsplit(url).scheme
    if scheme in SCHEMES:
        return SCHEMES[scheme](url, clock, limits or Limits(), settings or StoreSettings())
    made = (others or {}).get(scheme)
    if made is None:
        # NOTE: the URL is not repeated, since those of other stores hold passwords.
        also = f", or the URL of {', '.join(sorted(others))}" if others else ""
        raise SettingsError([f"store.url: {scheme or 'this'!r} is not a store; write {FORMS}{also}"], "store")
    return made(url, clock)


def _memory(url: str, clock: Clock, limits: Limits, settings: StoreSettings) -> Store:
    from .memory import MemoryStore

    if url not in ("memory:", "memory://"):
        raise SettingsError([f"{url!r}: a store in memory has no name; write memory:"], "store")
    return MemoryStore(clock)


def _sqlite(url: str, clock: Clock, limits: Limits, settings: StoreSettings) -> Store:
    from .sqlite import SqliteStore

    # NOTE: cut by hand, as a file's name may hold `?`, `#` and `%`, which mean something in a URL.
    path = url.removeprefix("sqlite:///")
    if path == url or not path.strip("/"):
        raise SettingsError([f"{url!r} names no file; write {FORMS}"], "store")
    return SqliteStore(path, read_seconds=limits.store_seconds, write_seconds=limits.write_seconds, clock=clock)


def _mongodb(url: str, clock: Clock, limits: Limits, settings: StoreSettings) -> Store:
    from .mongo import MongoStore

    times = {"read_seconds": limits.store_seconds, "write_seconds": limits.write_seconds}
    return MongoStore(url, settings.mongodb, **times, clock=clock)


SCHEMES: dict[str, Callable[[str, Clock, Limits, StoreSettings], Store]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "mongodb": _mongodb,
    "mongodb+srv": _mongodb,
}
