"""Literals: the JSON text of a value as it stands in a stored document, by which stores compare without reading it.

Documents are written by orjson alone, so that equal values have equal literals and values of different types never do:
`1`, `1.0`, `true` and `"1"` are four.
"""

from __future__ import annotations

import math
from typing import Any

import orjson


def literals_of(value: Any) -> tuple[str, ...] | None:
    """The literals of the values that are the same as this one; None if there is no saying, as for objects."""
    if value is None:
        return ("null",)
    if type(value) is float and value == 0:
        return "0.0", "-0.0"
    if type(value) is float and not math.isfinite(value):
        return ()
    if type(value) in (str, int, bool, float):
        try:
            return (_json(value),)
        except orjson.JSONEncodeError:
            return ()
    return None if type(value) in (list, dict) else ()


def literals_with_text(text: str) -> tuple[str, ...]:
    """The literals whose `text_of` is this text: the text in quotes, and the bare one if it is JSON itself."""
    quoted = _json(text)
    return (quoted, text) if _is_bare(text) else (quoted,)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _is_bare(text: str) -> bool:
    """Whether this is the compact JSON of something that is neither text nor null."""
    if text[:1] not in _BARE_STARTS:
        return False
    try:
        return _json(orjson.loads(text)) == text
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return False


_BARE_STARTS = frozenset("-0123456789tf[{")
