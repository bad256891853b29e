"""The SQLite store as a whole: walked through, asked what it holds, and filled with documents as they were.

NOTE: a row of a blob names its document by tenant, kind and id only. Where several documents with one id were set
aside, a blob belongs to the first that was set aside after the blob was kept; within one second that is a guess.
"""

# ruff: noqa: S608 - what stands in the SQL itself is ours, or was checked by Table; values are bound.

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, groupby
from typing import Any, NamedTuple

import orjson

from ...errors import UniqueConflict
from .. import Document, Keep, Kind, StoredBlob
from ..whole import WALK_BYTES, Stored, Stretch, occupied
from . import blob_rows
from .blobs import Blobs
from .changes import insert
from .tables import LIVE, Table, Tables, transaction

_COLUMNS = "created, modified, revision, expires, body, private"
_ASIDE = f"tenant = ? AND id = ? AND deleted = ? AND {' AND '.join(f'{each} IS ?' for each in _COLUMNS.split(', '))}"
_INSERT_ASIDE = (
    f"INSERT INTO deleted (kind, tenant, id, deleted, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING rowid"
)
_TWIN = "NOT EXISTS (SELECT 1 FROM deleted twin WHERE twin.rowid < deleted.rowid AND " + (
    " AND ".join(
        f"twin.{each} IS deleted.{each}" for each in ("kind", "tenant", "id", "deleted", *_COLUMNS.split(", "))
    )
    + ")"
)
_THIS = "kind = ? AND tenant = ? AND id = ?"
# What was set aside under this id before, and whether anything was after.
_AROUND = (
    f"SELECT (SELECT max(deleted) FROM deleted WHERE {_THIS} AND (deleted, rowid) < (?, ?)), "
    f"EXISTS (SELECT 1 FROM deleted WHERE {_THIS} AND (deleted, rowid) > (?, ?))"
)
_BLOBS = "SELECT id, size, sha256 FROM blobs WHERE tenant = ? AND kind = ? AND document = ?"
_KEPT = f"{_BLOBS} AND state = 'kept' ORDER BY id"
_LEFT = f"{_BLOBS} AND state = 'aside' AND created > ? AND created <= ? ORDER BY id"
_EVER = 2**62


def kinds(connection: sqlite3.Connection) -> list[Kind]:
    """All kinds that the file has tables for, as they were made last."""
    found = connection.execute("SELECT fingerprint FROM kinds ORDER BY name").fetchall()
    told = [orjson.loads(fingerprint)[1:] for (fingerprint,) in found]
    return [Kind(name, summary and tuple(summary), *map(tuple, lists)) for name, summary, *lists in told]


def tally(connection: sqlite3.Connection, table: Table, tenants: Sequence[str] | None) -> int:
    """How many documents of the kind there are, alive and set aside, those included that have expired."""
    if tenants is None:
        sql = f"SELECT (SELECT count(*) FROM {table.name}) + (SELECT count(*) FROM deleted WHERE kind = ?)"
        return int(connection.execute(sql, (table.kind.name,)).fetchone()[0])
    alive = f"SELECT count(*) FROM {table.name} WHERE tenant = ?"
    aside = "SELECT count(*) FROM deleted WHERE kind = ? AND tenant = ?"
    return sum(
        connection.execute(alive, (tenant,)).fetchone()[0]
        + connection.execute(aside, (table.kind.name, tenant)).fetchone()[0]
        for tenant in tenants
    )


def walk(
    connection: sqlite3.Connection, table: Table, after: str | None, limit: int, tenants: Sequence[str] | None, now: int
) -> Stretch:
    """The next documents of a kind: those alive by tenant and key, then those set aside by tenant and id."""
    part, *place = orjson.loads(after) if after is not None else ("alive", "", "")
    found: list[Stored] = []
    size = 0
    with _snapshot(connection):
        asked = _Asked(connection, table, limit, tenants, now, _has_blobs(connection, table))
        for reached, stored in (_alive if part == "alive" else _aside)(asked, place):
            found.append(stored)
            size += len(stored.document.body) + len(stored.document.private or b"")
            if len(found) == limit or size >= WALK_BYTES:
                return Stretch(found, orjson.dumps([part, *reached]).decode())
    return Stretch(found, orjson.dumps(["aside", "", "", 0]).decode() if part == "alive" else None)


def held(connection: sqlite3.Connection, tables: Tables, some: Sequence[Stored], now: int) -> list[Stored | None]:
    """What is in the place of each of these."""
    with _snapshot(connection):
        return [_held(connection, tables[stored.document.kind], stored, now) for stored in some]


def restore(connection: sqlite3.Connection, tables: Tables, blobs: Blobs, some: Sequence[Stored], now: int) -> int:
    """Put documents there as they are, in one transaction; how many were not there before."""
    wanted = [stored for stored in some if stored.document.expires is None or stored.document.expires > now]
    with transaction(connection):
        if all(stored.deleted is None and not stored.blobs for stored in wanted):
            # PERF: most have no blobs and are not there yet, so that they are put there in one go.
            connection.execute("SAVEPOINT restoring")
            try:
                for kind, group in groupby(wanted, key=lambda stored: stored.document.kind):
                    rows = (tables[kind].row(stored.document) for stored in group)
                    connection.executemany(tables[kind].insert, rows)
                return len(wanted)
            except sqlite3.IntegrityError:
                connection.execute("ROLLBACK TO restoring")
        return sum([_restore(connection, tables[stored.document.kind], blobs, stored, now) for stored in wanted])


def blob_size(connection: sqlite3.Connection, id: str) -> int | None:
    """How many bytes a blob has that a document keeps, alive or set aside; None if there is none."""
    row = connection.execute("SELECT size FROM blobs WHERE id = ? AND state IN ('kept', 'aside')", (id,)).fetchone()
    return None if row is None else int(row[0])


# -- reading ------------------------------------------------------------------------------------------------

Found = Iterator[tuple[list[Any], Stored]]


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """One state of the file for all that is read: a document and its blobs belong together."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")


def _has_blobs(connection: sqlite3.Connection, table: Table) -> bool:
    """Whether any document of the kind ever had a blob: it has the triggers then."""
    trigger = (f"{table.kind.name} blobs gone",)
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = ?"
    return connection.execute(sql, trigger).fetchone() is not None


class _Asked(NamedTuple):
    """What is walked through, and how much of it at a time; whether any of it may have blobs."""

    connection: sqlite3.Connection
    table: Table
    limit: int
    tenants: Sequence[str] | None
    now: int
    blobs: bool


def _alive(asked: _Asked, place: list[Any]) -> Found:
    """The documents alive after a place, which is a tenant and a key; each with its own."""
    select = f"SELECT tenant, key, id, {_COLUMNS} FROM {asked.table.name} WHERE"
    order = f"AND {LIVE} ORDER BY tenant, key LIMIT ?"
    last = (asked.now, asked.limit)
    rows: Iterable[Any]
    if asked.tenants is None:
        rows = asked.connection.execute(f"{select} (tenant, key) > (?, ?) {order}", (*place, *last))
    else:
        sql = f"{select} tenant = ? AND key > ? {order}"
        bound = ((each, place[1] if each == place[0] else "", *last) for each in asked.tenants if each >= place[0])
        rows = chain.from_iterable(asked.connection.execute(sql, each) for each in bound)
    for tenant, key, id, *content in rows:
        document = _document(asked.table, tenant, id, content)
        kept = _blobs(asked.connection, _KEPT, document) if asked.blobs else ()
        yield [document.tenant, key.decode()], Stored(document, None, kept)


def _aside(asked: _Asked, place: list[Any]) -> Found:
    """The documents set aside after a place, which is a tenant, an id and the number of a row; each with its own."""
    select = f"SELECT tenant, id, rowid, deleted, {_COLUMNS} FROM deleted WHERE kind = ? AND"
    order = f"AND {LIVE} AND {_TWIN} ORDER BY tenant, id, rowid LIMIT ?"
    kind, last = asked.table.kind.name, (asked.now, asked.limit)
    rows: Iterable[Any]
    if asked.tenants is None:
        rows = asked.connection.execute(f"{select} (tenant, id, rowid) > (?, ?, ?) {order}", (kind, *place, *last))
    else:
        sql = f"{select} tenant = ? AND (id, rowid) > (?, ?) {order}"
        bound = (
            (kind, each, *(place[1:] if each == place[0] else ("", 0)), *last)
            for each in asked.tenants
            if each >= place[0]
        )
        rows = chain.from_iterable(asked.connection.execute(sql, each) for each in bound)
    for tenant, id, number, deleted, *content in rows:
        document = _document(asked.table, tenant, id, content)
        left = _left(asked.connection, document, deleted, number) if asked.blobs else ()
        yield [document.tenant, document.id, number], Stored(document, deleted, left)


def _held(connection: sqlite3.Connection, table: Table, stored: Stored, now: int) -> Stored | None:
    document = stored.document
    if stored.deleted is None:
        row = connection.execute(table.get, (document.tenant, document.id, now)).fetchone()
        if row is None:
            return None
        found = _document(table, document.tenant.encode(), document.id.encode(), row)
        return Stored(found, None, _blobs(connection, _KEPT, found))
    if document.expires is not None and document.expires <= now:
        return None
    asked = (document.kind, document.tenant, document.id, stored.deleted, *_content(document))
    # The first of those that are alike, as a walk gives it.
    sql = f"SELECT min(rowid) FROM deleted WHERE kind = ? AND {_ASIDE}"
    (number,) = connection.execute(sql, asked).fetchone()
    if number is None:
        return None
    return Stored(document, stored.deleted, _left(connection, document, stored.deleted, number))


def _left(connection: sqlite3.Connection, document: Document, deleted: int, number: int) -> tuple[StoredBlob, ...]:
    """The blobs that were set aside with the document that was then, and has this number."""
    this = (document.kind, document.tenant, document.id, deleted, number)
    before, followed = connection.execute(_AROUND, (*this, *this)).fetchone()
    # NOTE: a clock may have been put back, so that the last one has all that came later.
    return _blobs(connection, _LEFT, document, -_EVER if before is None else before, deleted if followed else _EVER)


def _blobs(connection: sqlite3.Connection, sql: str, document: Document, *times: int) -> tuple[StoredBlob, ...]:
    rows = connection.execute(sql, (document.tenant, document.kind, document.id, *times)).fetchall()
    return tuple(StoredBlob(id.decode(), size, sha256.decode()) for id, size, sha256 in rows)


def _document(table: Table, tenant: bytes, id: bytes, content: Sequence[Any]) -> Document:
    created, modified, revision, expires, body, private = content
    return Document(tenant.decode(), table.kind.name, id.decode(), body, created, modified, revision, private, expires)


def _content(document: Document) -> tuple[Any, ...]:
    """What `_COLUMNS` are bound to."""
    private = document.private.decode() if document.private else None
    times = (document.created, document.modified, document.revision, document.expires)
    return (*times, document.body.decode(), private)


# -- writing ------------------------------------------------------------------------------------------------


def _restore(connection: sqlite3.Connection, table: Table, blobs: Blobs, stored: Stored, now: int) -> bool:
    """Put a document there; False if it is there already."""
    found = _held(connection, table, stored, now)
    if found == stored:
        return False
    if found is not None:
        raise occupied(stored)
    document = stored.document
    for blob in stored.blobs:
        blobs.files.check(blob)
    if stored.deleted is None:
        _insert(connection, table, stored, now)
        for blob in stored.blobs:
            blob_rows.keep(connection, table, Keep(blob, document.tenant, document.kind, document.id), now)
    else:
        _set_aside(connection, table, stored, stored.deleted)
    return True


def _insert(connection: sqlite3.Connection, table: Table, stored: Stored, now: int) -> None:
    document = stored.document
    try:
        insert(connection, table, document, now)
    except UniqueConflict as conflict:
        value = dict(table.unique_values(document))[conflict.field]
        sql, asked = table.holder[conflict.field], (document.tenant, value, document.id)
        holder, _ = connection.execute(sql, asked).fetchone()
        raise occupied(stored, conflict.field, holder.decode()) from conflict


def _set_aside(connection: sqlite3.Connection, table: Table, stored: Stored, deleted: int) -> None:
    document = stored.document
    # NOTE: the trigger would set aside what a document keeps that is alive and has the same id.
    kept = _blobs(connection, _KEPT, document)
    asked = (document.kind, document.tenant, document.id, deleted, *_content(document))
    connection.execute(_INSERT_ASIDE, asked).fetchall()
    for blob in stored.blobs:
        blob_rows.keep(connection, table, Keep(blob, document.tenant, document.kind, document.id), deleted)
    ids = orjson.dumps([blob.id for blob in stored.blobs]).decode()
    connection.execute("UPDATE blobs SET state = 'aside' WHERE id IN (SELECT value FROM json_each(?))", (ids,))
    ids = orjson.dumps([blob.id for blob in kept]).decode()
    connection.execute("UPDATE blobs SET state = 'kept' WHERE id IN (SELECT value FROM json_each(?))", (ids,))
