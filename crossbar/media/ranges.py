"""Byte ranges (RFC 9110, 14): what a `Range` field asks of so many bytes, at most `MOST` pieces of them. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import RangeNotSatisfiable

MOST = 10
"""Ranges that one request may ask for; more of them are no download, and get the whole."""

# NOTE: digits are those of ASCII, and nothing stands between them: what `int` would take as well is no range.
_UNIT = re.compile(r"bytes=(.*)", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
_LONGEST = 20  # digits; no content is as large as a number that has more
_FAR: int = 10**_LONGEST


class ByteRange(NamedTuple):
    """Some bytes of a content: where they start, and how many they are (at least one)."""

    start: int
    length: int

    def content_range(self, size: int) -> bytes:
        """The value of `Content-Range` for this part of so many bytes (14.4)."""
        return b"bytes %d-%d/%d" % (self.start, self.start + self.length - 1, size)


def satisfiable(field: str, size: int) -> list[ByteRange]:
    """The bytes that a `Range` field asks for: within the size, in the client's order, none of them twice.

    Ranges that overlap or touch are one, in the place of the first of them. Empty if the field is to be passed over
    and the whole to be sent (14.2): another unit, malformed, more than `MOST` ranges, or more bytes in all than there
    are. RangeNotSatisfiable if it is well-formed and no range of it lies within the size.
    """
    asked = _parsed(field)
    if asked is None:
        return []
    found = [each for first, last in asked if (each := _within(first, last, size)) is not None]
    if not found:
        # NOTE: by 14.1.2 a suffix of nothing is satisfiable, but no Content-Range can say so: there the whole is sent.
        if size == 0 and any(first is None and last for first, last in asked):
            return []
        raise RangeNotSatisfiable(size)
    return _joined(found) if sum(each.length for each in found) <= size else []


def _parsed(field: str) -> list[tuple[int | None, int | None]] | None:
    """First and last position of each range, a suffix without the first; None if the field is to be passed over."""
    unit = _UNIT.fullmatch(field)
    if unit is None:
        return None
    asked: list[tuple[int | None, int | None]] = []
    for part in unit[1].split(","):
        text = part.strip(" \t")
        if not text:
            continue  # empty members of a list are passed over (5.6.1)
        found = _RANGE.fullmatch(text)
        if found is None or text == "-" or len(asked) == MOST:
            return None
        first, last = (digits.lstrip("0") or digits[:1] for digits in found.groups())
        if first and last and (len(first), first) > (len(last), last):
            return None
        asked.append((_number(first), _number(last)))
    return asked or None


def _number(digits: str) -> int | None:
    """The number, or one beyond any size; None for no digits."""
    # PERF: `int` takes quadratic time for long numbers, and refuses very long ones.
    if len(digits) > _LONGEST:
        return _FAR
    return int(digits) if digits else None


def _within(first: int | None, last: int | None, size: int) -> ByteRange | None:
    """The part of a range that lies within the size, None if there is none."""
    if first is None:
        start, end = max(size - (last or 0), 0), size
    else:
        start, end = first, size if last is None else min(last + 1, size)
    return ByteRange(start, end - start) if start < end else None


def _joined(ranges: list[ByteRange]) -> list[ByteRange]:
    """The ranges with those made one that overlap or touch, each in the place of the first that it is made of."""
    by_start = sorted(range(len(ranges)), key=lambda position: ranges[position].start)
    joined: list[tuple[int, int, int]] = []  # place, start, end
    for place in by_start:
        start, length = ranges[place]
        if joined and start <= joined[-1][2]:
            before, begin, end = joined[-1]
            joined[-1] = (min(before, place), begin, max(end, start + length))
        else:
            joined.append((place, start, start + length))
    return [ByteRange(start, end - start) for _, start, end in sorted(joined)]
