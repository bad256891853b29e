"""The tables of the SQLite store: one per kind, in the order of its listings, and how they follow their Kind.

A kind's table is clustered on (tenant, key), so that a page is one stretch of it. It holds live documents
only: what is deleted moves to the table `deleted`, from which nothing but an operator reads. Beside the body
stands what a listing shows of it, so that a page is joined from ready-made JSON.
"""

# ruff: noqa: S608 - what stands in the SQL itself is ours, or was checked by Table; values are bound.

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

import orjson

from ...errors import StoreUnavailable
from ...filters import Path, field_at
from .. import Document, Kind
from ..kinds import checked
from .blob_rows import SCHEMA as BLOBS
from .filters import literal

LAYOUT = 1
APPLICATION = int.from_bytes(b"CRSB", "big")
COLUMNS = "tenant, key, id, created, modified, revision, expires, summary, body, private"
LIVE = "(expires IS NULL OR expires > ?)"

_BATCH = 500

_SHARED = (
    "CREATE TABLE kinds (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) STRICT",
    """CREATE TABLE deleted (kind TEXT NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,
    deleted INTEGER NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL, revision INTEGER NOT NULL,
    expires INTEGER, body TEXT NOT NULL, private TEXT) STRICT""",
    'CREATE INDEX "deleted id" ON deleted (kind, tenant, id)',
    f"PRAGMA application_id={APPLICATION}",
    f"PRAGMA user_version={LAYOUT}",
)


class Table:
    """The table of one kind: its names and the SQL for single documents. Names are checked before they are used."""

    def __init__(self, kind: Kind) -> None:
        self.kind = checked(kind)
        self.name = f"d_{kind.name}"
        self.unique: dict[str, Path] = {path: _path(path) for path in kind.unique}
        declared = [("body", path) for path in kind.indexes] + [("private", path) for path in kind.private_indexes]
        self.declared = {(column, _path(path)): self._index(f"{column} {path}") for column, path in declared}
        self.ids, self.expiries = self._index("id"), self._index("expires")
        this = "tenant = ? AND id = ?"
        self.get = (
            f"SELECT created, modified, revision, expires, body, private FROM {self.name} WHERE {this} AND {LIVE}"
        )
        self.insert = f"INSERT INTO {self.name} ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self.replace = (
            f"UPDATE {self.name} SET modified = ?, revision = revision + 1, expires = ?, summary = ?, body = ?, "
            f"private = ? WHERE {this} AND {LIVE} AND revision = ? RETURNING created"
        )
        self.revision = f"SELECT revision FROM {self.name} WHERE {this} AND {LIVE}"
        self.set_aside = (
            "INSERT INTO deleted (kind, tenant, id, deleted, created, modified, revision, expires, body, private) "
            f"SELECT '{kind.name}', tenant, id, ?, created, modified, revision, expires, body, private "
            f"FROM {self.name} WHERE {this}"
        )
        self.delete = f"DELETE FROM {self.name} WHERE {this}"
        self.sweep = (
            f"DELETE FROM {self.name} WHERE (tenant, key) IN "
            f"(SELECT tenant, key FROM {self.name} WHERE expires <= ? LIMIT {_BATCH})"
        )
        self.holder = {"id": f"SELECT id, expires FROM {self.name} WHERE {this}"}
        for dotted, path in self.unique.items():
            self.holder[dotted] = (
                f"SELECT id, expires FROM {self.name} WHERE tenant = ? AND {literal('body', path)} = ? "
                f"AND {_may_clash(path)} AND id <> ?"
            )

    @cached_property
    def fingerprint(self) -> bytes:
        """What the table was made for; a stored one that differs means there is something to do."""
        return orjson.dumps([LAYOUT, *self.kind])

    def row(self, document: Document) -> tuple[Any, ...]:
        """The document as a row for `insert`."""
        private = document.private.decode() if document.private else None
        return (
            *(document.tenant, document.key, document.id, document.created, document.modified, document.revision),
            *(document.expires, self.summary(document.id, document.body), document.body.decode(), private),
        )

    def summary(self, id: str, body: bytes) -> str | None:
        """What a listing shows of a document; None stands for its whole body."""
        if self.kind.summary is None:
            return None
        data = orjson.loads(body)
        shown = {"id": id} | {field: data[field] for field in self.kind.summary if field in data}
        return orjson.dumps(shown).decode()

    def unique_values(self, document: Document) -> Iterator[tuple[str, str]]:
        """The unique fields that the document fills, each with its literal."""
        data = orjson.loads(document.body) if self.unique else None
        for dotted, path in self.unique.items():
            value = field_at(data, path)
            if isinstance(value, str | int | float):
                yield dotted, orjson.dumps(value).decode()

    def indexes(self) -> dict[str, str]:
        """The indexes that the kind declares: name to SQL."""
        found = {
            self.ids: ("UNIQUE INDEX", "(tenant, id)"),
            self.expiries: ("INDEX", "(expires) WHERE expires IS NOT NULL"),
        }
        for dotted, path in self.unique.items():
            columns = f"(tenant, {literal('body', path)}) WHERE {_may_clash(path)}"
            found[self._index(f"unique {dotted}")] = "UNIQUE INDEX", columns
        for (column, path), name in self.declared.items():
            found[name] = "INDEX", f"(tenant, {literal(column, path)}, key)"
        return {name: f"CREATE {index} {name} ON {self.name} {columns}" for name, (index, columns) in found.items()}

    def _index(self, what: str) -> str:
        # NOTE: SQLite's names have no case, JSON's keys do.
        name = re.sub("([A-Z])", r"^\1", f"{self.kind.name} {what}")
        return f'"{name}"'


class Tables(dict[str, Table]):
    """The tables by the names of their kinds."""

    def __missing__(self, kind: str) -> Table:
        raise StoreUnavailable(f"SQLite store: the kind {kind!r} was not opened; name it in open()")


def _path(dotted: str) -> Path:
    return tuple(dotted.split("."))


def _may_clash(path: Path) -> str:
    """SQL: the field holds text, a number or a boolean. Missing is NULL, which is not true either."""
    return f"substr({literal('body', path)}, 1, 1) NOT IN ('n', '[', '{{')"


# -- making the tables --------------------------------------------------------------------------------------


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that has the write lock from its first moment; undone if the block raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def prepare(connection: sqlite3.Connection, file: FilePath, kinds: Iterable[Kind], now: int) -> Tables:
    """The tables of these kinds, made or changed where the file does not have them like that already."""
    tables = Tables((kind.name, Table(kind)) for kind in kinds)
    # A lock that cannot be had, or a file that cannot be written, shows here and not in the first request.
    with transaction(connection):
        _claim(connection, file)
    known = dict(connection.execute("SELECT CAST(name AS BLOB), fingerprint FROM kinds"))
    for table in tables.values():
        if known.get(table.kind.name.encode()) != table.fingerprint:
            _make(connection, file, table, now)
    return tables


def _claim(connection: sqlite3.Connection, file: FilePath) -> None:
    """Make sure that the file is ours, and has what all kinds share."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    (things, blobs) = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE name = 'blobs') FROM sqlite_master"
    ).fetchone()
    if owner == APPLICATION and layout > LAYOUT:
        raise StoreUnavailable(f"SQLite store {file}: a newer Crossbar has written this file; use that one")
    if owner != APPLICATION and things:
        raise StoreUnavailable(f"SQLite store {file}: this is the database of another program; name another file")
    if not things:
        for sql in _SHARED:
            connection.execute(sql)
    if not blobs:
        for sql in BLOBS:
            connection.execute(sql)


def _make(connection: sqlite3.Connection, file: FilePath, table: Table, now: int) -> None:
    name = table.kind.name
    with transaction(connection):
        # NOTE: another process may have done all of it while this one waited for the lock.
        row = connection.execute("SELECT fingerprint FROM kinds WHERE name = ?", (name,)).fetchone()
        if row and row[0] == table.fingerprint:
            return
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table.name} (tenant TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, "
            "created INTEGER NOT NULL, modified INTEGER NOT NULL, revision INTEGER NOT NULL, expires INTEGER, "
            "summary TEXT, body TEXT NOT NULL, private TEXT, PRIMARY KEY (tenant, key)) STRICT, WITHOUT ROWID"
        )
        _make_indexes(connection, file, table, now)
    if row and orjson.loads(row[0])[2] != orjson.loads(table.fingerprint)[2]:
        _summarize(connection, table)
    with transaction(connection):
        connection.execute("INSERT OR REPLACE INTO kinds VALUES (?, ?)", (name, table.fingerprint.decode()))


def _make_indexes(connection: sqlite3.Connection, file: FilePath, table: Table, now: int) -> None:
    wanted = table.indexes()
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table.name,)
    )
    present = {f'"{name.decode()}"' for (name,) in rows.fetchall()}
    for name in present - wanted.keys():
        if name.startswith(f'"{table.kind.name} '):
            connection.execute(f"DROP INDEX {name}")
    missing = [name for name in wanted if name not in present]
    if missing:
        # Expired documents count as deleted, so they must not stand in the way of a unique index.
        connection.execute(f"DELETE FROM {table.name} WHERE expires <= ?", (now,))
    for name in missing:
        try:
            connection.execute(wanted[name])
        except sqlite3.IntegrityError as error:
            raise _clash(connection, file, table) from error


def _clash(connection: sqlite3.Connection, file: FilePath, table: Table) -> StoreUnavailable:
    """Why a unique index cannot be made: the first two documents that have the same value."""
    for dotted, path in table.unique.items():
        row = connection.execute(
            f"SELECT tenant, min(id), max(id) FROM {table.name} WHERE {_may_clash(path)} "
            f"GROUP BY tenant, {literal('body', path)} HAVING count(*) > 1 LIMIT 1"
        ).fetchone()
        if row:
            tenant, first, second = (text.decode() for text in row)
            return StoreUnavailable(
                f"SQLite store {file}: {dotted!r} of {table.kind.name!r} cannot become unique: {first!r} and "
                f"{second!r} of tenant {tenant!r} have the same value; change one of them, or take the field out "
                "of `unique`"
            )
    return StoreUnavailable(f"SQLite store {file}: the documents of {table.kind.name!r} clash in a unique field")


def _summarize(connection: sqlite3.Connection, table: Table) -> None:
    """Write all summaries anew, in batches, so that no other process waits for long."""
    select = f"SELECT tenant, key, id, body FROM {table.name} WHERE (tenant, key) > (?, ?) ORDER BY tenant, key LIMIT ?"
    update = f"UPDATE {table.name} SET summary = ? WHERE tenant = ? AND key = ?"
    last: tuple[str, str] = "", ""
    while True:
        with transaction(connection):
            rows = [
                (tenant.decode(), key.decode(), id.decode(), body)
                for tenant, key, id, body in connection.execute(select, (*last, _BATCH))
            ]
            connection.executemany(update, ((table.summary(id, body), tenant, key) for tenant, key, id, body in rows))
        if not rows:
            return
        last = rows[-1][:2]
