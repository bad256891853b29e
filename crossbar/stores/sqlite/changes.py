"""What a write changes in the tables of the SQLite store; all of it runs on the writer's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import groupby

from msgspec.structs import replace

from ...errors import DocumentMissing, GuardFailed, RevisionConflict, UniqueConflict
from .. import Change, Delete, Document, Drop, Guard, Insert, Keep, Replace
from .blobs import Blobs
from .listings import find_statement
from .tables import Table, Tables, transaction


def carry_out(
    connection: sqlite3.Connection, tables: Tables, blobs: Blobs, changes: Sequence[Change], now: int
) -> list[Document | None]:
    """Make the changes, within the caller's transaction; the caller undoes what was made before an error."""
    done: list[Document | None] = []
    for change in changes:
        match change:
            case Insert(document):
                done.append(insert(connection, tables[document.kind], document, now))
            case Replace(document):
                done.append(_replace(connection, tables[document.kind], document, now))
            case Delete():
                _delete(connection, tables[change.kind], change, now)
                blobs.freed |= change.purge
                done.append(None)
            case Keep():
                blobs.keep(connection, tables[change.kind], change, now)
                done.append(None)
            case Drop():
                blobs.drop(connection, change)
                done.append(None)
            case Guard(query, finds):
                statement = find_statement(replace(query, limit=1), tables[query.kind], now)
                if finds != (connection.execute(*statement).fetchone() is not None):
                    raise GuardFailed(change)
                done.append(None)
    return done


def load(connection: sqlite3.Connection, tables: Tables, blobs: Blobs, documents: Sequence[Document], now: int) -> None:
    """Insert the documents in a transaction of their own."""
    try:
        with transaction(connection):
            for kind, group in groupby(documents, key=lambda document: document.kind):
                connection.executemany(tables[kind].insert, map(tables[kind].row, group))
    except sqlite3.IntegrityError:
        # One of them clashes: one by one, it turns out which, and whether with a document that is still alive.
        with transaction(connection):
            carry_out(connection, tables, blobs, [Insert(document) for document in documents], now)


def sweep(connection: sqlite3.Connection, tables: Tables, now: int) -> bool:
    """Destroy a batch of the documents that have expired; whether there may be more of them."""
    with transaction(connection):
        return any(connection.execute(table.sweep, (now,)).rowcount for table in tables.values())


def insert(connection: sqlite3.Connection, table: Table, document: Document, now: int) -> Document:
    """Insert the document, in the place of those that have expired; UniqueConflict if one alive is in the way."""
    row = table.row(document)
    while True:
        try:
            connection.execute(table.insert, row)
            return document
        except sqlite3.IntegrityError:
            if not _make_way(connection, table, document, ["id", *table.unique], now):
                raise


def _replace(connection: sqlite3.Connection, table: Table, document: Document, now: int) -> Document:
    private = document.private.decode() if document.private else None
    summary = table.summary(document.id, document.body)
    content = (now, document.expires, summary, document.body.decode(), private)
    while True:
        try:
            rows = connection.execute(
                table.replace, (*content, document.tenant, document.id, now, document.revision)
            ).fetchall()
        except sqlite3.IntegrityError:
            if not _make_way(connection, table, document, list(table.unique), now):
                raise
            continue
        if not rows:
            raise _why_not(connection, table, document.tenant, document.id, document.revision, now)
        return replace(document, created=rows[0][0], modified=now, revision=document.revision + 1)


def _delete(connection: sqlite3.Connection, table: Table, change: Delete, now: int) -> None:
    tenant, id = change.tenant, change.id
    row = connection.execute(table.revision, (tenant, id, now)).fetchone()
    if row is None or change.revision not in (None, row[0]):
        raise _why_not(connection, table, tenant, id, change.revision, now)
    if not change.purge:
        connection.execute(table.set_aside, (now, tenant, id))
    connection.execute(table.delete, (tenant, id))


def _why_not(
    connection: sqlite3.Connection, table: Table, tenant: str, id: str, expected: int | None, now: int
) -> DocumentMissing | RevisionConflict:
    row = connection.execute(table.revision, (tenant, id, now)).fetchone()
    if row is None:
        return DocumentMissing(tenant, table.kind.name, id)
    return RevisionConflict(table.kind.name, id, expected, row[0])


def _make_way(connection: sqlite3.Connection, table: Table, document: Document, fields: list[str], now: int) -> bool:
    """Remove an expired document that holds the id or a unique value of this one; whether there was any.

    UniqueConflict if a document that holds it is alive.
    """
    values = {"id": document.id, **dict(table.unique_values(document))}
    for field in fields:
        if field not in values:
            continue
        asked = (document.tenant, values[field]) if field == "id" else (document.tenant, values[field], document.id)
        row = connection.execute(table.holder[field], asked).fetchone()
        if row is None:
            continue
        id, expires = row
        if expires is None or expires > now:
            raise UniqueConflict(table.kind.name, field)
        connection.execute(table.delete, (document.tenant, id.decode()))
        return True
    return False
