"""Rules by which one field of a document is called and written otherwise in a dialect. Pure.

A rule stands in the dialect's words, under the field's own dotted path, as the name that it has there, or as a table:

    number = "extensionNumber"
    first_name = "contact.firstName"
    to = "to[].phoneNumber"
    enabled = { name = "status", values = { true = "Enabled", false = "Disabled" } }
    timestamp = { name = "creationTime", form = "gregorian", only = "out" }

`a[].b` is a list of objects there, each with the value under `b`; here it is one value, or a list of several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from ..dates import from_gregorian, gregorian

Path = tuple[str, ...]
EACH = "[]"
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""The Unix seconds of the years 1 to 9999, which is what can be written as a date."""


class RuleWords(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as settings write it.

    `values` are our values, as text, and theirs; if they are `open`, there are others, which stay as they are. `form`
    says what a time or a length is here, but for numbers that `values` has words for; a rule that is for one direction
    `only` either shows a field (`out`) or takes it (`in`).
    """

    name: str
    values: dict[str, str] = {}
    open: bool = False
    form: Literal["", "gregorian", "unix", "milliseconds"] = ""
    only: Literal["", "in", "out"] = ""


class Times(NamedTuple):
    """How a dialect writes a time that is given in Unix seconds, and reads it back (ValueError if it is none)."""

    write: Callable[[int], str]
    read: Callable[[str], int]


class Rule(NamedTuple):
    """One field: where it is here and there, and how its values are exchanged."""

    ours: Path
    theirs: Path
    outward: Mapping[str, str]
    inward: Mapping[str, str]
    form: str
    only: str
    open: bool = False

    @classmethod
    def of(cls, ours: str, words: str | RuleWords) -> Rule:
        """A rule as the words of a dialect have it."""
        told = RuleWords(words) if isinstance(words, str) else words
        inward = {theirs: mine for mine, theirs in reversed(told.values.items())}
        theirs = tuple(told.name.replace(EACH, f".{EACH}").split("."))
        return cls(tuple(ours.split(".")), theirs, told.values, inward, told.form, told.only, told.open)

    @property
    def name(self) -> str:
        """The field's name there, as errors and filters have it."""
        return ".".join(part for part in self.theirs if part != EACH)

    @property
    def is_name(self) -> bool:
        """Whether the field has another name there, and the same values."""
        return not self.outward and not self.form

    def shown(self, value: Any, times: Times) -> Any:
        """The value as it is written there."""
        if isinstance(value, list) and self.outward:
            return [self.shown(each, times) for each in value]
        if self.outward and (not self.form or _text(value) in self.outward):
            return self.outward.get(_text(value), value)
        if not self.form or type(value) not in (int, float):
            return value
        if self.form == "milliseconds":
            return value // 1000
        unix = from_gregorian(value) if self.form == "gregorian" else value
        return times.write(unix) if _FIRST <= unix <= _LAST else value

    def taken(self, value: Any, times: Times) -> Any:
        """The value as it is kept here; ValueError, with a sentence, if it cannot be one of these."""
        if value is None:
            return None  # which takes a value away, whatever the values are
        if self.outward and (not self.form or _text(value) in self.inward):
            text = _text(value)
            if text in self.inward:
                return int(self.inward[text]) if self.form else _value(self.inward[text])
            if self.open:
                return value
            raise ValueError(f"must be one of {', '.join(dict.fromkeys(self.outward.values()))}")
        if not self.form:
            return value
        if self.form == "milliseconds":
            if type(value) not in (int, float):
                raise ValueError("must be a number of seconds")
            return int(value * 1000)
        if not isinstance(value, str):
            raise ValueError("must be a date and time")
        unix = times.read(value)
        return gregorian(unix) if self.form == "gregorian" else unix


def put(into: dict[str, Any], path: Path, value: Any) -> None:
    """Set a field by its path there; `[]` in it makes a list of objects, one for each value."""
    for at, key in enumerate(path[:-1]):
        if path[at + 1] == EACH:
            rest = path[at + 2 :]
            values = value if isinstance(value, list) else [value]
            known = into.get(key)
            items = known if isinstance(known, list) and len(known) == len(values) else [{} for _ in values]
            for item, each in zip(items, values, strict=True):
                put(item, rest, each)
            into[key] = items
            return
        below = into.get(key)
        if not isinstance(below, dict):
            below = into[key] = {}
        into = below
    into[path[-1]] = value


def take(out_of: dict[str, Any], path: Path) -> tuple[bool, Any]:
    """Whether a field is there by its path, and its value, which is taken out; objects that it leaves empty go too."""
    key = path[0]
    if key not in out_of:
        return False, None
    if len(path) == 1:
        return True, out_of.pop(key)
    below = out_of[key]
    if path[1] == EACH:
        return _taken_from_each(out_of, key, path[2:], below)
    if not isinstance(below, dict):
        return False, None
    found, value = take(below, path[1:])
    if found and not below:
        del out_of[key]
    return found, value


def is_each(value: Any, rest: Path) -> bool:
    """Whether a value is a list of objects that all have a field, or none of them has; one object is as good as one."""
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return False
    return len({rest[0] in item for item in items}) <= 1


def _taken_from_each(out_of: dict[str, Any], key: str, rest: Path, items: Any) -> tuple[bool, Any]:
    """The value of one field in each object of a list: one value if there is one object, else a list."""
    if isinstance(items, dict):
        items = [items]  # clients that have one recipient write one object
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return False, None
    values = [value for found, value in (take(item, rest) for item in items) if found]
    if not any(items):
        del out_of[key]
    if not values:
        return False, None
    return True, values[0] if len(values) == 1 else values


def _text(value: Any) -> str:
    """A value as words have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _value(text: str) -> Any:
    """The value that a text of the words stands for."""
    return {"true": True, "false": False}.get(text, text)
