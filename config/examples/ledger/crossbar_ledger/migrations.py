"""The tables of the ledger, as the steps that lead to them; a file says in `user_version` how many it has taken."""

import sqlite3

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE entries (
            tenant TEXT NOT NULL,
            number INTEGER NOT NULL,
            booked INTEGER NOT NULL,
            amount INTEGER NOT NULL,
            currency TEXT NOT NULL,
            text TEXT NOT NULL,
            reference TEXT,
            PRIMARY KEY (tenant, number),
            UNIQUE (tenant, reference)
        ) WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE entries ADD COLUMN reverses INTEGER",
        "CREATE UNIQUE INDEX reversed_once ON entries (tenant, reverses)",
    ),
)


class NewerFile(Exception):
    """The file was made by a later version of this package."""


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps that the file has not taken, all or none; NewerFile if it has taken more than there are."""
    if _taken(connection) == len(MIGRATIONS):
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Asked again under the lock: another process may have been faster.
        taken = _taken(connection)
        if taken > len(MIGRATIONS):
            raise NewerFile(f"it is at step {taken}, and this version knows {len(MIGRATIONS)}: install a newer one")
        for step in MIGRATIONS[taken:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _taken(connection: sqlite3.Connection) -> int:
    taken: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return taken
