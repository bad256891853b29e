"""Settings as a TOML file that can be read again: tables, lists of tables, and all else in a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def toml_of(tables: Mapping[str, Any]) -> str:
    """The text of a file with these values: objects, lists, texts, numbers and booleans; None is left out."""
    return "\n".join(_table(tables, "")).strip("\n") + "\n"


def _table(members: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """The lines of a table: its own values first, since what stands behind a heading belongs to that."""
    there = {key: value for key, value in members.items() if value is not None}
    for key, value in there.items():
        if not _stands_alone(value):
            yield f"{_key(key)} = {_inline(value)}"
    for key, value in there.items():
        name = prefix + _key(key)
        if isinstance(value, list) and _stands_alone(value):
            for each in value:
                yield f"\n[[{name}]]"
                yield from _table(each, f"{name}.")
        elif _stands_alone(value):
            if any(not _stands_alone(each) for each in value.values()):
                yield f"\n[{name}]"
            yield from _table(value, f"{name}.")


def _stands_alone(value: Any) -> bool:
    """Whether a value has a heading of its own: a table with something in it, or a list of nothing but tables."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, dict) for each in value)
    return isinstance(value, dict) and bool(value)


def _inline(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_inline(each)}" for key, each in value.items()) + "}"
    return str(value)


def _key(text: str) -> str:
    return text if _BARE.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    """A text in quotes, its control characters escaped."""
    escaped = text.translate(_ESCAPES)
    return '"' + "".join(each if each >= " " and each != "\x7f" else f"\\u{ord(each):04X}" for each in escaped) + '"'
