"""From a Query to the one SQL statement that answers it."""

# ruff: noqa: S608 - what stands in the SQL itself is ours, or was checked by Table; values are bound.

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from msgspec.structs import replace

from ...filters import Filter
from .. import Query, listing_key
from ..literals import literals_of, literals_with_text
from .filters import Condition, column_of, condition, literal
from .tables import LIVE, Table


class Statement(NamedTuple):
    """An SQL text and the values of its parameters."""

    sql: str
    values: list[Any]


class Arm(NamedTuple):
    """Some rows of a listing: the table, with the index to use if there is one, and the condition."""

    table: str
    condition: str
    values: tuple[Any, ...]


def page_statement(query: Query, table: Table, now: int) -> Statement:
    """The statement for a page: one row with the JSON, the count, the lowest, the highest and the next key.

    It is one statement so that all five come from the same moment.
    """
    shape, values = _shape(query, table, now)
    sql = _page_sql(shape, query.descending, query.full, query.lines)
    return Statement(sql, [query.limit, *values, *values, query.limit, query.skip])


def find_statement(query: Query, table: Table, now: int) -> Statement:
    """The statement for whole documents, a row each."""
    shape, values = _shape(query, table, now)
    return Statement(_find_sql(shape, query.descending), [*values, query.limit, query.skip])


def count_statement(query: Query, table: Table, now: int) -> Statement:
    """The statement for the number of documents that a listing has in all: one row with it."""
    unbounded = query.created_from is query.created_to is query.modified_from is query.modified_to is None
    if unbounded and not query.filters:
        # PERF: the rows hold whole documents, the index of ids a fraction of that. It does not tell which ones have
        # expired, but those few are found by an index of their own, and taken off. That takes a quarter of the time.
        return Statement(
            f"SELECT (SELECT count(*) FROM {table.name} INDEXED BY {table.ids} WHERE tenant = ?) - "
            f"(SELECT count(*) FROM {table.name} INDEXED BY {table.expiries} WHERE expires <= ? AND tenant = ?)",
            [query.tenant, now, query.tenant],
        )
    shape, values = _shape(replace(query, start=None), table, now)
    return Statement(_count_sql(shape), values)


# PERF: a text is put together once for each shape of query, and SQLite prepares it once. Clients choose filters
# freely, so that both caches have a limit.

Shape = tuple[tuple[str, str], ...]


def _shape(query: Query, table: Table, now: int) -> tuple[Shape, list[Any]]:
    """The tables and conditions of the arms, and the values of them all."""
    arms = _arms(query, table, now)
    return tuple((arm.table, arm.condition) for arm in arms), [value for arm in arms for value in arm.values]


@lru_cache(maxsize=1024)
def _page_sql(shape: Shape, descending: bool, full: bool, lines: bool) -> str:
    document = "body" if full else "coalesce(summary, body)"
    between = "char(10)" if lines else "','"
    edge, beyond = ("lowest", "key < lowest") if descending else ("highest", "key > highest")
    rows = _select(f"{document} AS document, key", shape, descending)
    following = _select("key", tuple((table, f"{condition} AND {beyond}") for table, condition in shape), descending)
    return (
        "SELECT joined, count, lowest, highest, "
        f"CASE WHEN count = ? AND {edge} NOT NULL THEN ({following} LIMIT 1) END "
        f"FROM (SELECT group_concat(document, {between}) AS joined, count(*) AS count, min(key) AS lowest, "
        f"max(key) AS highest FROM ({rows} LIMIT ? OFFSET ?))"
    )


@lru_cache(maxsize=1024)
def _find_sql(shape: Shape, descending: bool) -> str:
    rows = _select("id, created, modified, revision, expires, body, private, key", shape, descending)
    return f"{rows} LIMIT ? OFFSET ?"


@lru_cache(maxsize=1024)
def _count_sql(shape: Shape) -> str:
    arms = " + ".join(f"(SELECT count(*) FROM {table} WHERE {condition})" for table, condition in shape)
    return f"SELECT {arms}"


def _select(columns: str, shape: Shape, descending: bool) -> str:
    selects = " UNION ALL ".join(f"SELECT {columns} FROM {table} WHERE {condition}" for table, condition in shape)
    return f"{selects} ORDER BY key {'DESC' if descending else 'ASC'}"


def _arms(query: Query, table: Table, now: int) -> list[Arm]:
    """The listing as one set of rows or several that have no row in common, each in the order of keys.

    PERF: an index holds the literals of a field. What `is` asks for stands in one place of it, in the order of
    keys. What `equals` asks for stands in two at most, and among the arrays, which stand together as well; SQLite
    merges them as it reads, so that it never sorts what a page does not show. It is told which index to use, as
    without statistics it would guess, and often read the whole tenant.
    """
    chosen = next((filter for filter in query.filters if _is_indexed(filter, table)), None)
    others = [*_bounds(query, now), *(condition(filter) for filter in query.filters if filter is not chosen)]
    if chosen is None:
        return [_arm(table.name, others)]
    column = column_of(chosen)
    field = literal(column, chosen.path)
    source = f"{table.name} INDEXED BY {table.declared[column, chosen.path]}"
    literals = literals_of(chosen.value) if chosen.operator == "is" else literals_with_text(chosen.value)
    arms = [_arm(source, [*others, Condition(f"{field} = ?", (each,))]) for each in literals or () if each[0] != "["]
    if chosen.operator == "equals":
        arrays = Condition(f"{field} >= '[' AND {field} < '\\'")
        arms.append(_arm(source, [*others, arrays, condition(chosen)]))
    return arms


def _is_indexed(filter: Filter, table: Table) -> bool:
    if (column_of(filter), filter.path) not in table.declared:
        return False
    if filter.operator == "is":
        return len(literals_of(filter.value) or ()) == 1 and filter.value is not None
    # NOTE: the empty text stands for missing fields too, which is most documents: nothing to be found by an index.
    return filter.operator == "equals" and filter.value != ""


def _arm(source: str, conditions: list[Condition]) -> Arm:
    # NOTE: SQLite refuses expressions that are 1,000 levels deep, and each AND of a row of them is a level.
    groups = [" AND ".join(each.sql for each in conditions[n : n + 50]) for n in range(0, len(conditions), 50)]
    values = tuple(value for each in conditions for value in each.values)
    return Arm(source, groups[0] if len(groups) == 1 else f"({') AND ('.join(groups)})", values)


def _bounds(query: Query, now: int) -> list[Condition]:
    """The tenant, where the listing begins and ends, and that documents are alive.

    PERF: creation times are the beginnings of keys. Of two bounds on the same side only the tighter one is asked
    for, since SQLite seeks to one of them, and not always to that.
    """
    lower = None if query.created_from is None else ("key >= ?", listing_key(query.created_from))
    upper = None if query.created_to is None else ("key < ?", listing_key(query.created_to + 1))
    if query.start is not None and query.descending and (upper is None or query.start < upper[1]):
        upper = "key <= ?", query.start
    elif query.start is not None and not query.descending and (lower is None or query.start > lower[1]):
        lower = "key >= ?", query.start
    asked = [
        ("tenant = ?", query.tenant),
        lower or ("", None),
        upper or ("", None),
        ("modified >= ?", query.modified_from),
        ("modified <= ?", query.modified_to),
        (LIVE, now),
    ]
    return [Condition(sql, (value,)) for sql, value in asked if value is not None]
