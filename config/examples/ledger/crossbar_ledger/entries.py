"""Entries: the SQL of the ledger. What stands here is called in the database's thread and knows nothing of requests."""

# ruff: noqa: S608 - what stands in the SQL itself is ours; what a client sends is bound.

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

Entry = dict[str, Any]

# What a field of an entry is in SQL.
COLUMNS = {
    "id": "number",
    "booked": "booked",
    "amount": "amount",
    "currency": "currency",
    "text": "text",
    "reference": "reference",
    "reverses": "reverses",
}
FILTERED = ("id", "amount", "currency", "text", "reference", "reverses")
_SELECTED = ", ".join(COLUMNS.values())


class Selection(NamedTuple):
    """Which entries: conditions in SQL, all of which must hold, and the values of their parameters."""

    conditions: tuple[str, ...]
    values: tuple[Any, ...]

    def narrowed(self, condition: str, value: Any) -> "Selection":
        """The entries that keep to one more condition."""
        return Selection((*self.conditions, condition), (*self.values, value))

    @property
    def sql(self) -> str:
        """The conditions as one."""
        return " AND ".join(self.conditions)


def of_tenant(tenant: str) -> Selection:
    """All entries of a tenant; every selection begins with this, so that none reaches into another's."""
    return Selection(("tenant = ?",), (tenant,))


def add(connection: sqlite3.Connection, tenant: str, booked: int, entry: Mapping[str, Any]) -> Entry:
    """Book an entry under the next number of its tenant; numbers have no gaps, since a transaction is around this."""
    rows = connection.execute(
        "INSERT INTO entries (tenant, number, booked, amount, currency, text, reference, reverses) "
        "SELECT :tenant, coalesce(max(number), 0) + 1, :booked, :amount, :currency, :text, :reference, :reverses "
        f"FROM entries WHERE tenant = :tenant RETURNING {_SELECTED}",
        {"reference": None, "reverses": None, **entry, "tenant": tenant, "booked": booked},
    ).fetchall()
    return _entry(rows[0])


def one(connection: sqlite3.Connection, tenant: str, number: int) -> Entry | None:
    """The entry with this number, None if there is none."""
    sql = f"SELECT {_SELECTED} FROM entries WHERE tenant = ? AND number = ?"
    row = connection.execute(sql, (tenant, number)).fetchone()
    return None if row is None else _entry(row)


def page(
    connection: sqlite3.Connection, chosen: Selection, start: int | None, limit: int, *, descending: bool
) -> tuple[list[Entry], int | None]:
    """Up to `limit` entries from the number `start` on, and the number that the next page starts with.

    One row more than wanted is read, to know whether there is a next one. What is booked meanwhile moves nothing.
    """
    if start is not None:
        chosen = chosen.narrowed("number <= ?" if descending else "number >= ?", start)
    order = "DESC" if descending else "ASC"
    rows = connection.execute(
        f"SELECT {_SELECTED} FROM entries WHERE {chosen.sql} ORDER BY number {order} LIMIT ?",
        (*chosen.values, limit + 1),
    ).fetchall()
    following = rows[limit][0] if len(rows) > limit else None
    return [_entry(row) for row in rows[:limit]], following


def sums(connection: sqlite3.Connection, chosen: Selection) -> list[dict[str, Any]]:
    """How many entries there are in each currency, and what came in, what went out, and what is left."""
    rows = connection.execute(
        "SELECT currency, count(*), sum(max(amount, 0)), sum(min(amount, 0)), sum(amount) "
        f"FROM entries WHERE {chosen.sql} GROUP BY currency ORDER BY currency",
        chosen.values,
    )
    return [dict(zip(("currency", "entries", "credit", "debit", "balance"), row, strict=True)) for row in rows]


def _entry(row: tuple[Any, ...]) -> Entry:
    """A row as clients see it: every field is there, so that every page of a CSV has the same columns."""
    entry = dict(zip(COLUMNS, row, strict=True))
    entry["id"] = str(entry["id"])
    entry["booked"] = datetime.fromtimestamp(entry["booked"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return entry
