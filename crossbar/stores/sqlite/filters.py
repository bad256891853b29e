"""From a Filter to an SQL condition with exactly the meaning of `filters.matches`.

Every condition looks at the **literal** of the field: its JSON text as it is stored, which `->` hands out
unchanged. Documents are written by orjson alone, so that equal values have equal literals and values of
different types never do: `1`, `1.0`, `true` and `"1"` are four. Where `matches` compares texts, the literals
that have the wanted text are worked out here, once, and not for every row.
"""

# ruff: noqa: S608 - what stands in the SQL itself is ours, or was checked by Table; values are bound.

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from ...filters import Filter, Path
from ..literals import literals_of, literals_with_text


class Condition(NamedTuple):
    """SQL that is true for the rows to keep, and the values of its parameters."""

    sql: str
    values: tuple[Any, ...] = ()


def literal(column: str, path: Path) -> str:
    """The SQL for the literal of a declared field; indexes and conditions must share it to the letter."""
    return f"({column} -> '{_json_path(path)}')"


def column_of(filter: Filter) -> str:
    """The column that the filter looks into."""
    return "private" if filter.private else "body"


def condition(filter: Filter) -> Condition:
    """The condition for a filter. All that a client can choose is bound, so that there are few SQL texts."""
    column, operator, value = column_of(filter), filter.operator, filter.value
    literals: tuple[str, ...] | None = ()
    if operator in ("is", "contains"):
        literals = literals_of(value)
        if literals == ():
            return Condition("0")
    elif operator in ("equals", "differs"):
        literals = literals_with_text(value)
    if literals is None or not _plain(filter.path):
        return Condition(f"crossbar_matches(?, {column})", (_json([operator, filter.path, value]),))
    sql, path = _SQL[column, operator], _json_path(filter.path)
    if operator in ("is", "contains"):
        return Condition(sql, (literals[0], literals[-1], path))
    if operator in ("equals", "differs"):
        return Condition(sql, (literals[0], literals[-1], literals[0], literals[-1], path))
    if operator in ("any", "none"):
        wanted = _json([each for text in value for each in literals_with_text(text)])
        return Condition(sql, (wanted, wanted, path))
    if operator == "all":
        return Condition(sql, (_json([_json(literals_with_text(text)) for text in value]), path))
    return Condition(sql, (path,))


# -- the SQL ------------------------------------------------------------------------------------------------

# `v` is the field's literal, `e` an element of it if it is an array. `v -> e.key` and not `e.value`, since the
# latter loses what follows a NUL, and the difference between 1 and true.
_ELEMENT = "v -> e.key"
_ELEMENT_TEXT = """CASE v -> e.key WHEN 'null' THEN '""' ELSE v -> e.key END"""
_TEXT = """CASE v WHEN 'null' THEN '""' ELSE v END"""
_EMPTY = """('null', '""', '[]', '{}')"""


def _some_element(text: str, wanted: str, otherwise: str = "0") -> str:
    # NOTE: only CASE makes sure that an object never gets here, whose keys `->` would take for paths.
    found = f"EXISTS (SELECT 1 FROM json_each(v) AS e WHERE {text} IN {wanted})"
    return f"CASE WHEN substr(v, 1, 1) = '[' THEN {found} ELSE {otherwise} END"


def _shares(wanted: str) -> str:
    """SQL: the array, or the value that is no array, has one of the wanted texts. Null has none."""
    listed = f"(SELECT value FROM json_each({wanted}))"
    return _some_element(_ELEMENT_TEXT, listed, f"v IN {listed}")


_EQUALS = f"({_TEXT} IN (?, ?) OR {_some_element(_ELEMENT_TEXT, '(?, ?)')})"

# What each operator asks of `v`, in which the parameters stand before the path.
_TESTS: dict[str, str] = {
    "is": "v IN (?, ?)",
    "contains": _some_element(_ELEMENT, "(?, ?)"),
    "equals": _EQUALS,
    "differs": f"NOT {_EQUALS}",
    "has_key": "v <> 'null'",
    "key_missing": "v = 'null'",
    "has_value": f"v NOT IN {_EMPTY}",
    "value_missing": f"v IN {_EMPTY}",
    "any": _shares("?"),
    "none": f"NOT {_shares('?')}",
    "all": f"NOT EXISTS (SELECT 1 FROM json_each(?) AS w WHERE NOT {_shares('w.value')})",
}

_SQL: dict[tuple[str, str], str] = {
    (column, operator): f"(SELECT {test} FROM (SELECT coalesce({column} -> ?, 'null') AS v))"
    for column in ("body", "private")
    for operator, test in _TESTS.items()
}


# -- values -------------------------------------------------------------------------------------------------


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _json_path(path: Path) -> str:
    return "$" + "".join(f'."{key}"' for key in path)


def _plain(path: Path) -> bool:
    """Whether SQLite's JSON paths can name these keys, which they compare with keys as they are written."""
    return not any(character < " " or character in '"\\' for key in path for character in key)
