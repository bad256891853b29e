"""Values as Python writes them, laid out as formatters lay them out."""

from __future__ import annotations

from typing import Any

WIDTH = 88
"""The longest line of generated code, as formatters have it that nobody has configured."""


def literal(value: Any, column: int = 0, indent: int = 0, after: int = 0) -> str:
    """A value of JSON, or a tuple, as a Python literal.

    It begins at `column` of a line that is indented by `indent`, with `after` characters to follow it. What does not
    fit into the line is spread over several; a text is never broken.
    """
    flat = _flat(value)
    if column + len(flat) + after <= WIDTH or not value or not isinstance(value, dict | list | tuple):
        return flat
    pairs = value.items() if isinstance(value, dict) else [(None, part) for part in value]
    opening, closing = _brackets(value)
    lines = [opening]
    for key, part in pairs:
        head = " " * (indent + 4) + ("" if key is None else f"{quoted(key)}: ")
        lines.append(f"{head}{literal(part, len(head), indent + 4, 1)},")
    return "\n".join([*lines, " " * indent + closing])


def quoted(value: str) -> str:
    """A text in double quotes, or in single ones where those need fewer escapes."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    escaped = [f"\\{each}" if each == quote else each if each in "'\"" else repr(each)[1:-1] for each in value]
    return quote + "".join(escaped) + quote


def _flat(value: Any) -> str:
    """The literal on one line."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)}: {_flat(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        opening, closing = _brackets(value)
        lonely = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return opening + ", ".join(map(_flat, value)) + lonely + closing
    return repr(value)


def _brackets(value: Any) -> tuple[str, str]:
    return ("{", "}") if isinstance(value, dict) else ("[", "]") if isinstance(value, list) else ("(", ")")
