"""Which representation: the `Accept` field (RFC 9110, 12.5.1), its tunnelled form, and the body's content type."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

JSON = "application/json"
CSV = "text/csv"
NDJSON = "application/x-ndjson"
FORM = "application/x-www-form-urlencoded"

# Kazoo offers each format under several names; a client that asks for one of them gets the first.
SYNONYMS: dict[str, str] = {
    "application/x-json": JSON,
    "text/comma-separated-values": CSV,
    "application/octet-stream": CSV,
    "application/ndjson": NDJSON,
    "application/jsonl": NDJSON,
    "csv": CSV,
    "json": JSON,
    "ndjson": NDJSON,
    "jsonl": NDJSON,
}


@lru_cache(maxsize=1024)
def choose(accept: str, offered: tuple[str, ...]) -> str | None:
    """The offered media type that the client likes best, None if it accepts none of them.

    Quality first, then the more specific range, then the order of the offer. `q=0` excludes.
    """
    ranges = _ranges(accept)
    best: tuple[float, int] | None = None
    chosen = None
    for media_type in offered:
        rank = _rank(media_type, ranges)
        if rank[0] > 0 and (best is None or rank > best):
            best, chosen = rank, media_type
    return chosen


def named(word: str) -> str:
    """The media type that a tunnelled `accept` word stands for: `csv` is `text/csv`."""
    word = word.strip().lower()
    return SYNONYMS.get(word, word)


def essence(content_type: str) -> str:
    """The media type of a `Content-Type` value without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Whether a type is JSON: `application/json`, `application/x-json` or any `+json`."""
    return media_type in (JSON, "application/x-json") or media_type.endswith("+json")


def accepts_body(media_type: str) -> bool:
    """Whether a body of this type is read as JSON.

    curl calls every body a form unless it is told otherwise, and so do Kazoo's own tools; theirs are JSON all the same.
    """
    return is_json(media_type) or media_type == FORM


def ranges_over(ranges: Sequence[str], media_type: str) -> bool:
    """Whether one of the ranges, such as `image/png`, `image/*` or `*/*`, covers a media type."""
    kind = media_type.partition("/")[0]
    return any(each in (media_type, f"{kind}/*", "*/*") for each in ranges)


def _ranges(accept: str) -> list[tuple[str, float]]:
    """The media ranges of an Accept value with their qualities; what is not well formed is passed over."""
    ranges = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = min(max(float(parameter[2:]), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        if name:
            ranges.append((SYNONYMS.get(name, name), quality))
    return ranges or [("*/*", 1.0)]


def _rank(media_type: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """The quality of a media type and how specific the range is that gives it."""
    kind = media_type.partition("/")[0]
    found = (0.0, -1)
    for specific, name in ((2, media_type), (1, f"{kind}/*"), (0, "*/*")):
        qualities = [quality for range, quality in ranges if range == name]
        if qualities:
            return (max(qualities), specific)
    return found
