"""Marks: what a document can be found by, as plain texts in one array, and what filters ask of that array.

MongoDB would take the path of a filter as the name of a field, and the value as whatever it looks like. Here both are
part of a text that is compared with other texts and nothing else, so that nobody who chooses them can make them mean
anything. A document has these marks for every field that is not null, `:` standing before a path in the body, `~`
before one in the private part:

- `:sip.realm?`: the field is there;
- `:sip.realm="a.b"`: the literal of its value, which also stands for objects and arrays; a long one by its digest;
- `:flags[]="x"`: the literal of an element, if it is an array.

A document with too many is marked `*` alone. Filters let it pass, and whoever reads it looks into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import orjson

from ...filters import Filter, Path, field_at
from ..literals import literals_of, literals_with_text

ALL = "*"
"""The only mark of a document that would have too many of them."""
MOST_MARKS = 4000
MOST_TEXT = 3_000_000
"""Characters of names and literals that are put into marks; what is nested deeply repeats them on every level."""
MOST_ELEMENTS = 500
"""Elements of an array in a declared field that are found by the index."""
_MORE_ELEMENTS = "[]*"
_LONGEST_LITERAL = 128
_EMPTY = ('""', "[]", "{}")
_MARKS = str.maketrans({character: f"\\{character}" for character in "\\.=?[*#"})

Selection = dict[str, Any]
"""A condition in MongoDB's words."""


def marks_of(body: Any, private: Any) -> list[str]:
    """All marks of a document, `*` alone if there would be too many."""
    found: list[str] = []
    room = MOST_TEXT
    for lead, part in ((":", body), ("~", private)):
        for mark, cost in _marks_below(lead, part or {}):
            room -= cost
            if len(found) == MOST_MARKS or room < 0:
                return [ALL]
            found.append(mark)
    return found


def has_more(fields: Iterable[str]) -> bool:
    """Whether some of these marks of declared fields stand for elements that they do not name."""
    return any(mark.endswith(_MORE_ELEMENTS) for mark in fields)


def fields_of(body: Any, private: Any, indexes: Iterable[Path], private_indexes: Iterable[Path]) -> list[str]:
    """The marks of the declared fields, by which an index finds the document."""
    found: list[str] = []
    for lead, part, paths in ((":", body, indexes), ("~", private or {}, private_indexes)):
        for path in paths:
            value = field_at(part, path)
            if value is None:
                continue
            name = place(lead, path)
            found.append(_value(name, value))
            if isinstance(value, list):
                marks = list(dict.fromkeys(_element(name, item) for item in value[: MOST_ELEMENTS + 1]))
                found += marks if len(value) <= MOST_ELEMENTS else [f"{name}{_MORE_ELEMENTS}"]
    return found


def place(lead: str, path: Path) -> str:
    """The path as marks begin with it; no two paths have the same."""
    return lead + ".".join([_plain(key) for key in path])


def selection(filter: Filter) -> Selection | None:
    """What keeps the documents that the filter keeps, and those marked `*`; None if nothing can be kept.

    What it keeps has to be looked into where `decides` says that it does not say all.
    """
    name = place("~" if filter.private else ":", filter.path)
    operator, value = filter.operator, filter.value
    present = {"marks": {"$in": [f"{name}?", ALL]}}
    missing = {"marks": {"$ne": f"{name}?"}}
    empty = [f"{name}={literal}" for literal in _EMPTY]
    if operator in ("is", "contains"):
        return _exactly(name, operator, value, missing)
    if operator == "equals":
        found = {"marks": {"$in": [*_equal(name, value), ALL]}}
        return found if value != "" else {"$or": [found, missing]}
    if operator == "differs":
        other = {"marks": {"$nin": _equal(name, value)}}
        return other if value != "" else {"$and": [other, present]}
    if operator == "has_key":
        return present
    if operator == "key_missing":
        return missing
    if operator == "has_value":
        return {"$and": [present, {"marks": {"$nin": empty}}]}
    if operator == "value_missing":
        return {"$or": [{"marks": {"$in": [*empty, ALL]}}, missing]}
    if operator == "any":
        return {"marks": {"$in": [*_shared(name, value), ALL]}} if value else None
    if operator == "none":
        return {"marks": {"$nin": _shared(name, value)}} if value else {}
    return {"$and": [{"marks": {"$in": [*_shared(name, (text,)), ALL]}} for text in value]} if value else {}


def decides(filter: Filter) -> bool:
    """Whether the selection says all that the filter asks; marks do not tell objects and arrays that are the same."""
    return filter.operator not in ("is", "contains") or literals_of(filter.value) is not None


def by_field(filter: Filter) -> Selection | None:
    """What finds the documents that a filter on a declared field keeps by the index; None if it is not for that."""
    name = place("~" if filter.private else ":", filter.path)
    if filter.operator == "is" and filter.value is not None:
        literals = literals_of(filter.value)
        return {"fields": {"$in": _values(name, literals)}} if literals else None
    # NOTE: the empty text stands for missing fields too, which is most documents: nothing to be found by an index.
    if filter.operator == "equals" and filter.value != "":
        return {"fields": {"$in": [*_equal(name, filter.value), f"{name}{_MORE_ELEMENTS}"]}}
    return None


def _exactly(name: str, operator: str, value: Any, missing: Selection) -> Selection | None:
    literals = literals_of(value)
    if operator == "is" and value is None:
        return missing
    if literals is None:
        return {"marks": {"$in": [f"{name}?", ALL]}}
    if not literals:
        return None
    return {"marks": {"$in": [*_values(name if operator == "is" else f"{name}[]", literals), ALL]}}


def _equal(name: str, text: str) -> list[str]:
    """The marks of documents whose field has this text, or is an array with an element that has it."""
    literals = literals_with_text(text)
    elements = _values(f"{name}[]", literals)
    return [*_values(name, literals), *elements, *([f"{name}[]=null"] if text == "" else [])]


def _shared(name: str, texts: Iterable[str]) -> list[str]:
    """The marks of documents whose field has one of the texts: as an element of an array, or as what is no array."""
    found: list[str] = []
    for text in texts:
        literals = literals_with_text(text)
        found += _values(name, [literal for literal in literals if literal[0] != "["])
        found += _values(f"{name}[]", literals)
        if text == "":
            found.append(f"{name}[]=null")
    return found


def _values(name: str, literals: Iterable[str]) -> list[str]:
    return [f"{name}={_short(literal)}" for literal in literals]


def _marks_below(before: str, value: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """The marks of all fields, each with the characters that it took."""
    for key, below in value.items():
        if below is None:
            continue
        name = before + _plain(key)
        yield f"{name}?", len(name)
        literal = _literal(below)
        yield f"{name}={_short(literal)}", len(name) + len(literal)
        if isinstance(below, list):
            for mark in dict.fromkeys([_element(name, item) for item in below]):
                yield mark, len(mark)
        elif isinstance(below, dict):
            yield from _marks_below(f"{name}.", below)


def _value(name: str, value: Any) -> str:
    return f"{name}={_short(_literal(value))}"


def _element(name: str, value: Any) -> str:
    return f"{name}[]={_short(_literal(value))}"


def _literal(value: Any) -> str:
    return orjson.dumps(value).decode()


def _short(literal: str) -> str:
    if len(literal) <= _LONGEST_LITERAL:
        return literal
    # NOTE: no literal begins with this sign.
    return f"#{blake2b(literal.encode(), digest_size=20).hexdigest()}"


def _plain(key: str) -> str:
    # NOTE: half a surrogate pair has no UTF-8, and so no place in the database; no stored key has one.
    return key.encode(errors="backslashreplace").decode().translate(_MARKS)
