"""Database files that an older version has written, and older versions on files that this one has written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from crossbar.stores import Kind
from crossbar.stores.sqlite import SqliteStore

from .blobs import kept, noted, read

pytestmark = pytest.mark.anyio

NOTES = Kind("notes")

# What the version before blobs wrote for the kind `notes` with one note in it.
BEFORE_BLOBS = """
PRAGMA page_size=8192;
PRAGMA journal_mode=WAL;
CREATE TABLE kinds (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) STRICT;
CREATE TABLE deleted (kind TEXT NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,
    deleted INTEGER NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL, revision INTEGER NOT NULL,
    expires INTEGER, body TEXT NOT NULL, private TEXT) STRICT;
CREATE INDEX "deleted id" ON deleted (kind, tenant, id);
PRAGMA application_id=1129468738;
PRAGMA user_version=1;
CREATE TABLE d_notes (tenant TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, created INTEGER NOT NULL,
    modified INTEGER NOT NULL, revision INTEGER NOT NULL, expires INTEGER, summary TEXT, body TEXT NOT NULL,
    private TEXT, PRIMARY KEY (tenant, key)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX "notes id" ON d_notes (tenant, id);
CREATE INDEX "notes expires" ON d_notes (expires) WHERE expires IS NOT NULL;
INSERT INTO kinds VALUES ('notes', '[1,"notes",null,[],[],[]]');
INSERT INTO d_notes VALUES ('acme', '001700000000n1', 'n1', 1700000000, 1700000000, 1, NULL, NULL, '{"id":"n1"}', NULL);
"""

# What that version does for a Delete, soft or not, and when it sweeps.
OLD_DELETES = {
    "aside": """
INSERT INTO deleted (kind, tenant, id, deleted, created, modified, revision, expires, body, private)
SELECT 'notes', tenant, id, 1, created, modified, revision, expires, body, private FROM d_notes
WHERE tenant = 'acme' AND id = 'n1';
DELETE FROM d_notes WHERE tenant = 'acme' AND id = 'n1';
""",
    "gone": """
DELETE FROM d_notes WHERE (tenant, key) IN (SELECT tenant, key FROM d_notes WHERE id = 'n1' LIMIT 500);
""",
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file of the version before blobs."""
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.executescript(BEFORE_BLOBS)
    connection.close()
    return tmp_path / "store.db"


async def test_a_file_from_before_blobs_takes_them(old: Path) -> None:
    """It is opened as it is, its documents are there, and they can have blobs."""
    store = SqliteStore(old)
    for _ in range(2):
        await store.open([NOTES])
        found = await store.get("acme", "notes", "n1")
        assert found is not None
        assert b"x" == await read(store, await kept(store, b"x"))
        assert b"y" == await read(store, await noted(store, b"y", tenant=f"other{_}"), tenant=f"other{_}")
        await store.close()


@pytest.mark.parametrize("state", OLD_DELETES)
async def test_an_older_version_may_go_on_with_the_file(old: Path, state: str) -> None:
    """It knows nothing of blobs and deletes documents as ever: the blobs follow all the same."""
    store = SqliteStore(old)
    await store.open([NOTES])
    blob, other = await kept(store, b"x"), await noted(store, b"y", id="n2")
    await store.close()
    connection = sqlite3.connect(old)
    assert (1,) == connection.execute("PRAGMA user_version").fetchone()
    connection.executescript(OLD_DELETES[state])
    assert {(blob.id, state), (other.id, "kept")} == {*connection.execute("SELECT id, state FROM blobs")}
    connection.close()
