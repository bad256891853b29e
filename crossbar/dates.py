"""Times: Unix seconds inside, Gregorian seconds for Kazoo's clients, ISO 8601 in envelopes."""

from __future__ import annotations

import time

# Seconds from year 0 to 1970, as Erlang's calendar counts them; Kazoo's clients send and read this.
GREGORIAN_EPOCH = 62_167_219_200


def gregorian(unix: int) -> int:
    """Gregorian seconds for Unix seconds."""
    return unix + GREGORIAN_EPOCH


def from_gregorian(seconds: int) -> int:
    """Unix seconds for Gregorian seconds."""
    return seconds - GREGORIAN_EPOCH


def iso(unix: float) -> str:
    """The second as ISO 8601 in UTC, such as `2026-01-31T09:30:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix))
