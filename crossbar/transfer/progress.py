"""How far an export or import is: what was done of how much, how fast, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    """A moment of a move: what is being done, to which kind, and how many documents and bytes of `total` documents.

    `before` are the documents that were done when this run began, and say nothing about its pace. `bytes` is
    None for work that does not count them.
    """

    doing: str
    kind: str
    documents: int
    total: int
    bytes: int | None
    before: int = 0


Tell = Callable[[Progress], None]
"""Called on the event loop whenever some more documents were done."""


def line(progress: Progress, seconds: float) -> str:
    """One line for people about a moment that came this many seconds after the first of its sort.

    >>> line(Progress("export", "devices", 5_000, 20_000, 3_000_000, 1_000), 2)
    'export: devices, 5,000 of 20,000 documents (25%), 3.0 MB, 2,000/s, 0:08 left'
    """
    doing, kind, documents, total, size, before = progress
    total = max(total, documents)
    share = 100 * documents // total if total else 100
    told = f"{doing}: {kind}, {documents:,} of {total:,} documents ({share}%)" + (
        "" if size is None else f", {amount(size)}"
    )
    done = documents - before
    if seconds < 1 or not done:
        return told
    rate = done / seconds
    pace = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
    return f"{told}, {pace}/s, {duration((total - documents) / rate)} left"


def amount(size: int) -> str:
    """A number of bytes for people: 3.0 MB."""
    held = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if held < 1000:
            return f"{held:.0f} {unit}" if unit == "bytes" else f"{held:.1f} {unit}"
        held /= 1000
    return f"{held:,.1f} TB"


def duration(seconds: float) -> str:
    """Some seconds for people: 0:08, or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
