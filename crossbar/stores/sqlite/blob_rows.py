"""The table of the blobs: which document each belongs to, and whether its file is still wanted.

A row goes from `kept` to `gone` when the blob is dropped or its document destroyed, or to `aside` when the document is
set aside. The file of a `gone` row is removed after the commit, and the row last: no row that is `kept` ever names a
file that was removed, and a file whose removal was interrupted is found again.

PERF: triggers follow the documents. A kind gets them with its first blob, so that kinds without any pay nothing.
"""

# ruff: noqa: S608 - what stands in the SQL itself is ours, or was checked by Table; values are bound.

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...errors import DocumentMissing, StoreError
from .. import Drop, Keep

if TYPE_CHECKING:
    from .tables import Table

# NOTE: made where it is missing, without a new number for the layout: a version that knows no blobs can go on with the
# file, since the triggers are the file's own.
SCHEMA = (
    """CREATE TABLE blobs (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL,
    document TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, created INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('kept', 'aside', 'gone'))) STRICT, WITHOUT ROWID""",
    'CREATE INDEX "blobs document" ON blobs (tenant, kind, document)',
    """CREATE INDEX "blobs gone" ON blobs (id) WHERE state = 'gone'""",
)

# Whose blob it is and its size, by id and tenant.
FIND = "SELECT kind, document, size FROM blobs WHERE id = ? AND tenant = ? AND state = 'kept'"

_KEEP = (
    "INSERT INTO blobs (id, tenant, kind, document, size, sha256, created, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'kept')"
)
_DROP = "UPDATE blobs SET state = 'gone' WHERE id = ? AND tenant = ? AND state = 'kept'"
_BATCH = 500


def require(connection: sqlite3.Connection, table: Table, change: Keep, now: int) -> None:
    """DocumentMissing unless the document is there that is to have the blob."""
    if connection.execute(table.revision, (change.tenant, change.document, now)).fetchone() is None:
        raise DocumentMissing(change.tenant, change.kind, change.document)


def keep(connection: sqlite3.Connection, table: Table, change: Keep, now: int) -> None:
    """Name the blob as one of the document; StoreError if it was kept before."""
    blob = change.blob
    for trigger in _triggers(table):
        connection.execute(trigger)
    try:
        connection.execute(_KEEP, (blob.id, change.tenant, change.kind, change.document, blob.size, blob.sha256, now))
    except sqlite3.IntegrityError as error:
        raise StoreError(f"blob {blob.id!r} cannot be kept: it was kept before") from error


def drop(connection: sqlite3.Connection, change: Drop) -> None:
    """Let the blob go, if the tenant keeps it."""
    connection.execute(_DROP, (change.blob, change.tenant))


def gone(connection: sqlite3.Connection) -> list[str]:
    """Some of the blobs whose files are to be removed."""
    rows = connection.execute("SELECT id FROM blobs WHERE state = 'gone' LIMIT ?", (_BATCH,)).fetchall()
    return [id.decode() for (id,) in rows]


def forget(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Take out the rows of blobs that are gone, now that their files are."""
    connection.executemany("DELETE FROM blobs WHERE id = ? AND state = 'gone'", [(id,) for id in ids])


def is_named(connection: sqlite3.Connection, id: str) -> bool:
    """Whether any row names the blob."""
    return connection.execute("SELECT 1 FROM blobs WHERE id = ?", (id,)).fetchone() is not None


def named(connection: sqlite3.Connection, prefix: str) -> set[str]:
    """The ids that begin with the two hex digits and are named by a row."""
    rows = connection.execute("SELECT id FROM blobs WHERE id >= ? AND id < ?", (prefix, f"{prefix}g")).fetchall()
    return {id.decode() for (id,) in rows}


def _triggers(table: Table) -> tuple[str, str]:
    """SQL for what follows the documents of a kind: aside with a document that goes there, else gone with it."""
    kind = table.kind.name
    # A document that is set aside is written to `deleted` first, so that the second trigger finds its blobs no more.
    return (
        f"CREATE TRIGGER IF NOT EXISTS \"{kind} blobs aside\" AFTER INSERT ON deleted WHEN NEW.kind = '{kind}' BEGIN "
        f"UPDATE blobs SET state = 'aside' WHERE tenant = NEW.tenant AND kind = '{kind}' AND document = NEW.id "
        "AND state = 'kept'; END",
        f'CREATE TRIGGER IF NOT EXISTS "{kind} blobs gone" AFTER DELETE ON {table.name} BEGIN '
        f"UPDATE blobs SET state = 'gone' WHERE tenant = OLD.tenant AND kind = '{kind}' AND document = OLD.id "
        "AND state = 'kept'; END",
    )
