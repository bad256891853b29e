"""Documents in an SQLite file: the store that needs no server."""

from .store import SqliteStore

__all__ = ["SqliteStore"]
