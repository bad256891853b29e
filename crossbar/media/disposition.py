"""`Content-Disposition` (RFC 6266), and file names that clients gave, made safe. Pure.

A name is text of whoever sent it: a header or query of the one who downloads, or what somebody called the bytes when
they were stored. It becomes a base name, never a path, and cannot end the header field that it stands in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

DEFAULT = "result"
LONGEST = 128
"""Characters of a file name, with its ending; they are at most 255 bytes of UTF-8, as file systems have it."""

_LONGEST_BYTES = 255
_LOOK_AT = 1024  # characters; of a name that is longer, its beginning and its ending count
_PLAIN = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?")
_ENDING = re.compile(r"[A-Za-z0-9]{1,16}")
_RESERVED = re.compile(r'[<>:"|?*]+')  # no name of a file on some systems
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9.-]+")


def disposition(kind: str, name: str) -> bytes:
    """The value of `Content-Disposition`: `attachment` or `inline`, and a name that `file_name` has made.

    A name of other characters than ASCII letters, digits, `.`, `_` and `-` is given twice: with others in their place
    as `filename`, and as it is as `filename*` (RFC 6266, 4.3 and RFC 8187), which comes after it and wins.
    """
    if _PLAIN.fullmatch(name):
        return f'{kind}; filename="{name}"'.encode()
    return f"{kind}; filename=\"{_plain(name)}\"; filename*=UTF-8''{quote(name, safe='')}".encode()


def file_name(wanted: Iterable[object], ending: str, *, always: bool = False) -> str:
    """The first of the wanted names of which something is left, `result` if there is none, with an ending.

    A name keeps the ending that it has; with `always` it gets this one in any case, unless it has it already.
    """
    for each in wanted:
        name = safe_name(each)
        if name:
            break
    else:
        return f"{DEFAULT}.{ending}"
    stem = name
    if always:
        stem = f".{name}"[: -len(ending) - 1][1:] if f".{name}".lower().endswith(f".{ending}") else name
    elif ending_in(name):
        return name
    return f"{_cut(stem, LONGEST - len(ending) - 1, _LONGEST_BYTES - len(ending) - 1) or DEFAULT}.{ending}"


def safe_name(wanted: object, default: str = "") -> str:
    """The base name of what was wanted, in any script, at most `LONGEST` characters; the default if nothing is left.

    Folders go, and so do characters that cannot be seen, among them those that turn the direction of writing; line
    ends and other controls are blanks; a name never begins with a dot.
    """
    if not isinstance(wanted, str) or not wanted:
        return default
    if _PLAIN.fullmatch(wanted):
        return wanted
    base = wanted.replace("\\", "/").rpartition("/")[2]
    if len(base) > _LOOK_AT:
        base = base[:_LOOK_AT] + base[-LONGEST:]
    spaced = unicodedata.normalize("NFC", _BLANKS.sub(" ", base))
    seen = "".join([each for each in spaced if unicodedata.category(each)[0] != "C"])
    name = " ".join(_RESERVED.sub("_", seen).split()).strip(" .")
    stem, dot, ending = name.rpartition(".")
    if not ending_in(name):
        return _cut(name, LONGEST, _LONGEST_BYTES) or default
    return f"{_cut(stem, LONGEST - len(ending) - 1, _LONGEST_BYTES - len(ending) - 1)}{dot}{ending}"


def ending_in(name: str) -> str:
    """The ending of a file name without the dot, empty if it has none."""
    stem, _, ending = name.rpartition(".")
    return ending if stem and _ENDING.fullmatch(ending) else ""


def field_text(field: str) -> str:
    """The text of a header field that came as Latin-1; it is UTF-8 if it can be, as most clients send it."""
    try:
        return field.encode("latin-1").decode()
    except UnicodeError:
        return field


def _cut(stem: str, characters: int, most_bytes: int) -> str:
    """As much of a stem as there is room for."""
    return stem[:characters].encode()[:most_bytes].decode(errors="ignore").rstrip(" .")


def _plain(name: str) -> str:
    """A name in plain characters for those who know no other: letters without their accents, `_` for the rest."""
    stem, _, ending = name.rpartition(".")
    bare = "".join([each for each in unicodedata.normalize("NFKD", stem) if not unicodedata.combining(each)])
    return f"{_NOT_PLAIN.sub('_', bare).strip('._')[: LONGEST - len(ending) - 1] or DEFAULT}.{ending}"
