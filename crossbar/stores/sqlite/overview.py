"""What an SQLite file has of what kinds need, found out without changing anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from ...errors import StoreUnavailable
from .. import Kind
from .file import connect, unavailable
from .tables import APPLICATION, LAYOUT, Table


def forms(path: Path, kinds: Iterable[Kind]) -> dict[str, bool]:
    """Of each kind that the file has a table for, whether that has the form that the kind asks for.

    Nothing if there is no file. StoreUnavailable if it cannot be read, is another program's, or a newer Crossbar's.
    """
    if not path.exists():
        return {}
    try:
        with closing(connect(path)) as connection:
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            (things,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if things and (owner != APPLICATION or layout > LAYOUT):
                whose = "another program" if owner != APPLICATION else "a newer Crossbar"
                raise StoreUnavailable(f"SQLite store {path}: this is the file of {whose}; name another one")
            rows = connection.execute("SELECT name, fingerprint FROM kinds").fetchall() if things else []
    except sqlite3.Error as error:
        raise unavailable(path, error) from error
    made = {name.decode(): fingerprint for name, fingerprint in rows}
    return {kind.name: made[kind.name] == Table(kind).fingerprint for kind in kinds if kind.name in made}
