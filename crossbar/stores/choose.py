"""From a store's URL in the settings to the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from ..errors import SettingsError
from . import Store

FORMS = "memory:, sqlite:///file.db (in the working folder) or sqlite:////folder/file.db"


def store_at(url: str, clock: Callable[[], float] = time.time) -> Store:
    """The store that a URL names, not yet open; `clock` gives Unix seconds. Its code is imported only now."""
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        # NOTE: the URL is not repeated, since those of other stores hold passwords.
        raise SettingsError([f"store.url: {scheme or 'this'!r} is not a store; write {FORMS}"], "store")
    return SCHEMES[scheme](url, clock)


def _memory(url: str, clock: Callable[[], float]) -> Store:
    from .memory import MemoryStore

    if url not in ("memory:", "memory://"):
        raise SettingsError([f"{url!r}: a store in memory has no name; write memory:"], "store")
    return MemoryStore(clock)


def _sqlite(url: str, clock: Callable[[], float]) -> Store:
    from .sqlite import SqliteStore

    # NOTE: cut by hand, as a file's name may hold `?`, `#` and `%`, which mean something in a URL.
    path = url.removeprefix("sqlite:///")
    if path == url or not path.strip("/"):
        raise SettingsError([f"{url!r} names no file; write {FORMS}"], "store")
    return SqliteStore(path, clock=clock)


SCHEMES: dict[str, Callable[[str, Callable[[], float]], Store]] = {"memory": _memory, "sqlite": _sqlite}
