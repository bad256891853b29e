"""What the rules of `allow` are made of: functions that say yes or no about facts, or find a value in them. Pure."""

from __future__ import annotations

import ast
import operator
import reprlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Facts = Mapping[str, Any]
"""What a rule looks at: plain dicts of JSON values, by the first words of its names."""
Test = Callable[[Facts], bool]
"""Says yes or no; never raises."""
Look = Callable[[Facts], Any]
"""Finds a value, None if there is none; never raises."""
Comparison = Callable[[Any, Any], bool]
"""Whether it is so between two values; TypeError, or RecursionError for very deep ones, if nobody can say."""


def look_up(first: str, keys: tuple[str | int, ...]) -> Look:
    """The value of a name: what is below these keys, one after the other, in the facts called `first`."""

    def look(facts: Facts) -> Any:
        value = facts.get(first)
        for key in keys:
            # NOTE: claims that are remembered cannot be changed by anybody.
            if isinstance(value, dict | MappingProxyType):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                return None
        return value

    return look


def every(tests: tuple[Test, ...]) -> Test:
    """Yes if all of them say so."""

    def test(facts: Facts) -> bool:
        # PERF: no generator for each request.
        for each in tests:  # noqa: SIM110
            if not each(facts):
                return False
        return True

    return test


def some(tests: tuple[Test, ...]) -> Test:
    """Yes if one of them says so."""

    def test(facts: Facts) -> bool:
        for each in tests:  # noqa: SIM110
            if each(facts):
                return True
        return False

    return test


def compared(left: Look, compare: Comparison, right: Look, *, so: bool) -> Test:
    """Yes if it is `so` between two values, or if it is not; no if nobody can say."""

    def test(facts: Facts) -> bool:
        try:
            return compare(left(facts), right(facts)) is so
        except (TypeError, RecursionError):
            return False

    return test


def is_missing(look: Look, missing: bool) -> Test:
    """Yes if a value is null, or with `missing` false if it is something."""
    return lambda facts: (look(facts) is None) is missing


def is_yes(look: Look) -> Test:
    """Yes if a value is true, and nothing that only looks like it."""
    return lambda facts: look(facts) is True


def is_no(look: Look) -> Test:
    """Yes if a value is false or null, and nothing that only looks like it."""

    def test(facts: Facts) -> bool:
        value = look(facts)
        return value is False or value is None

    return test


def shown(value: Any) -> str:
    """A JSON value for a human, cut if it is long."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return reprlib.repr(value)


# Comparisons.


def _equal(one: Any, other: Any) -> bool:
    if one is None or other is None:
        # NOTE: a claim that is missing must not open a door, be it by what it is or by what it is not.
        raise TypeError
    return _same(one, other)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON, in which a boolean is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    return bool(one == other)


def _in(item: Any, whole: Any) -> bool:
    if item is None:
        raise TypeError
    if isinstance(whole, list | tuple):
        return any(_same(item, each) for each in whole)
    if not isinstance(whole, str) or not isinstance(item, str):
        raise TypeError
    return bool(item) and item in whole.split(" ")


def _ordered(compare: Callable[[Any, Any], bool]) -> Comparison:
    def ordered(one: Any, other: Any) -> bool:
        if isinstance(one, bool) or isinstance(other, bool):
            raise TypeError
        if isinstance(one, int | float) and isinstance(other, int | float):
            return compare(one, other)
        if isinstance(one, str) and isinstance(other, str):
            return compare(one, other)
        raise TypeError

    return ordered


COMPARISONS: dict[type[ast.cmpop], Comparison] = {
    ast.Eq: _equal,
    ast.NotEq: lambda one, other: not _equal(one, other),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.In: _in,
    ast.NotIn: lambda one, other: not _in(one, other),
}
"""What the signs of the language do."""
