"""What follows from an attempt: done, tried again and when, or given up. Pure."""

from __future__ import annotations

from typing import NamedTuple

from .options import WebhookOptions

FACTOR = 6
SPREAD = 0.5
"""How much longer than its time a wait may be, at random, so that what failed together is not tried again together."""
GONE = 410


class Outcome(NamedTuple):
    """How an attempt ended.

    `status` is the receiver's, None if it did not answer; `reason` says in two words what was wrong, `error` in more.
    `retry_after` is the receiver's wish, in seconds.
    """

    status: int | None = None
    reason: str = ""
    error: str = ""
    retry_after: int | None = None
    milliseconds: int = 0

    @property
    def delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing more, ever."""
        return self.status == GONE


def wait(made: int, outcome: Outcome, options: WebhookOptions, chance: float) -> int:
    """How many seconds to wait after so many attempts; `chance` is a random number from 0 to 1."""
    own: float = options.backoff * FACTOR ** (made - 1) * (1 + SPREAD * chance)
    wished = min(outcome.retry_after or 0, options.retry_after)
    return max(round(own), wished)


def seconds_until(field: str, now: float) -> int | None:
    """What a `Retry-After` field asks for, seconds or a date (RFC 9110, 10.2.3); None if it is neither."""
    field = field.strip()
    if field.isascii() and field.isdecimal():
        return int(field[:9])
    # PERF: the parser of dates is loaded when somebody sends one.
    from email.utils import parsedate_to_datetime

    try:
        return max(0, round(parsedate_to_datetime(field).timestamp() - now))
    except (ValueError, OverflowError):
        return None
