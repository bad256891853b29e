"""Filters: what a listing keeps. Query words become Filter values; one table says what each means.

A filter names a field by its path and is combined with the others by AND. Query words compare as
**text**, as Kazoo's filters do (Crossbar reference, section 6): text as it is, everything else as its
compact JSON (`5`, `true`, `[1,2]`), and a missing or null field as the empty text. Modules and the
framework itself use the typed operators `is` and `contains`, which never convert.

Stores push filters down; `matches` is the meaning that every store must share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from msgspec import Struct

from .errors import BadRequest

Path = tuple[str, ...]


class Filter(Struct, frozen=True):
    """One condition: the field at `path`, in the body or in the private part, against `value`."""

    operator: str
    path: Path
    value: Any = None
    private: bool = False


def where(path: str, value: str | int | bool, *, private: bool = False) -> Filter:
    """A filter that keeps documents whose field (dotted `path`) is exactly `value`, of the same JSON type."""
    return Filter("is", tuple(path.split(".")), value, private)


def holding(path: str, value: str | int, *, private: bool = False) -> Filter:
    """A filter that keeps documents whose array at `path` has the element `value`."""
    return Filter("contains", tuple(path.split(".")), value, private)


def text_of(value: Any) -> str:
    """The text that a JSON value is compared as: itself if it is text, else its compact JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def field_at(body: Any, path: Path) -> Any:
    """The value at `path` inside nested objects, None if there is none."""
    for key in path:
        if not isinstance(body, dict):
            return None
        body = body.get(key)
    return body


def _same(found: Any, wanted: Any) -> bool:
    # NOTE: type bracketing: in Python True == 1, in JSON they differ.
    return type(found) is type(wanted) and bool(found == wanted)


def _texts(value: Any) -> list[str]:
    """The texts of an array's elements, or of the one value that is no array."""
    if value is None:
        return []
    return [text_of(item) for item in value] if isinstance(value, list) else [text_of(value)]


def _equals(found: Any, wanted: str) -> bool:
    return text_of(found) == wanted or (isinstance(found, list) and wanted in _texts(found))


def _empty(found: Any) -> bool:
    return found is None or found in ("", [], {})


def _as_text(name: str, text: str) -> str:
    """The value of `filter_K`: plain text, or JSON that is rewritten in its compact form."""
    if text[:1] in ("[", "{"):
        try:
            return orjson.dumps(orjson.loads(text)).decode()
        except (orjson.JSONDecodeError, TypeError):  # no JSON, or nested deeper than can be written
            pass
    return text


def _as_texts(name: str, text: str) -> tuple[str, ...]:
    """The value of the list filters: a JSON array, as the texts of its elements."""
    try:
        value = orjson.loads(text)
        if isinstance(value, list):
            return tuple(text_of(item) for item in value)
    except (orjson.JSONDecodeError, TypeError):  # no JSON, or nested deeper than can be written
        pass
    raise BadRequest(f'{name} takes a JSON array, such as ["a","b"]', cause=text)


@dataclass(frozen=True, slots=True)
class Operator:
    """What one operator means: `keeps(field, value)`, and how its query value is read."""

    keeps: Callable[[Any, Any], bool]
    parse: Callable[[str, str], Any] | None = None


OPERATORS: dict[str, Operator] = {
    "is": Operator(_same),
    "contains": Operator(lambda found, value: isinstance(found, list) and any(_same(item, value) for item in found)),
    "equals": Operator(_equals, _as_text),
    "differs": Operator(lambda found, value: not _equals(found, value), _as_text),
    "has_key": Operator(lambda found, _: found is not None),
    "key_missing": Operator(lambda found, _: found is None),
    "has_value": Operator(lambda found, _: not _empty(found)),
    "value_missing": Operator(lambda found, _: _empty(found)),
    "any": Operator(lambda found, value: any(text in value for text in _texts(found)), _as_texts),
    "none": Operator(lambda found, value: not any(text in value for text in _texts(found)), _as_texts),
    "all": Operator(lambda found, value: set(value) <= set(_texts(found)), _as_texts),
}

# Query words whose name carries the field, longest first, and the operator behind each.
PREFIXES: tuple[tuple[str, str], ...] = (
    ("filter_array_intersect_all_", "all"),
    ("filter_array_intersect_any_", "any"),
    ("filter_array_intersect_none_", "none"),
    ("filter_not_", "differs"),
    ("filter_any_", "any"),
    ("filter_none_", "none"),
    ("filter_", "equals"),
)

# PERF: the time that a store needs to prepare a query grows with the square of their number.
MOST_FILTERS = 32

# Query words whose value is the field. `missing_value` is the name that Kazoo's documentation uses.
WORDS: dict[str, str] = {
    "has_key": "has_key",
    "key_missing": "key_missing",
    "has_value": "has_value",
    "value_missing": "value_missing",
    "missing_value": "value_missing",
}


def matches(filter: Filter, body: Any) -> bool:
    """Whether the filter keeps a document with this body (or private part, as the filter says)."""
    return OPERATORS[filter.operator].keeps(field_at(body, filter.path), filter.value)


def path_of(name: str, dotted: str) -> Path:
    """The path that a dotted field name stands for; a 400 that names the parameter if it is none."""
    path = tuple(dotted.split("."))
    # NOTE: a quote cannot be written in an SQLite JSON path, and no schema of ours allows one in a key.
    if not all(path) or any(character < " " or character in '"\\' for character in dotted):
        raise BadRequest(f"{name}: {dotted!r} is not a field name", cause=dotted)
    return path


def parse_filters(query: Iterable[tuple[str, str]]) -> tuple[Filter, ...]:
    """The filters that the query words ask for, in a canonical order; words that are no filters are left alone."""
    found: list[Filter] = []
    for name, value in query:
        if name in WORDS:
            found.append(Filter(WORDS[name], path_of(name, value)))
            continue
        if not name.startswith("filter_"):
            continue
        for prefix, operator in PREFIXES:
            if name.startswith(prefix):
                parse = OPERATORS[operator].parse
                found.append(
                    Filter(operator, path_of(name, name[len(prefix) :]), parse(name, value) if parse else None)
                )
                break
    if len(found) > MOST_FILTERS:
        raise BadRequest(f"a request can have {MOST_FILTERS} filters, not {len(found)}")
    found.sort(key=lambda filter: (filter.operator, filter.path, str(filter.value)))
    return tuple(found)


def put_at(into: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set a nested field, making the objects on the way."""
    for key in path[:-1]:
        below = into.setdefault(key, {})
        if not isinstance(below, dict):
            return
        into = below
    into[path[-1]] = value
