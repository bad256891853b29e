"""When a call of an upstream is tried again, and how many retries there may be at a time. Pure."""

from __future__ import annotations

import re
from difflib import get_close_matches

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""The methods whose calls may be sent twice (RFC 9110, 9.2.2)."""
SHARE = 5
"""One in so many calls under way may be a retry: 20 %, as Envoy has it."""
FEWEST = 3
"""Retries that may always be under way."""
EVENTS = ("connect", "reset", "timeout")
"""What a call can be tried again on, beside the statuses of errors."""

_RETRY = re.compile(r"([2-5]) tries on ([^,\s]+(?:, [^,\s]+)*)")
_STATUS = re.compile(r"[45][0-9]{2}")


class Retry:
    """On what a call is tried again: `tries` in all, the first among them, `on` the words and statuses that count."""

    __slots__ = ("_statuses", "on", "tries")

    def __init__(self, tries: int, on: frozenset[str]) -> None:
        self.tries = tries
        self.on = on
        self._statuses = frozenset(int(word) for word in on if word.isdigit())

    @classmethod
    def parse(cls, text: str) -> Retry:
        """The rule in words: `2 tries on connect, reset, 503`, or `never`; ValueError if it is none."""
        if text == "never":
            return cls(1, frozenset())
        found = _RETRY.fullmatch(text)
        if found is None:
            raise ValueError(f'{text!r} is no rule of retries: write "2 tries on connect, reset, 503", or "never"')
        words = frozenset(found[2].split(", "))
        for word in sorted(words - {*EVENTS}):
            if not _STATUS.fullmatch(word):
                near = get_close_matches(word, EVENTS, 1, 0.5)
                raise ValueError(
                    f"{text!r}: no call is tried again on {word!r}"
                    + (f"; did you mean {near[0]!r}?" if near else "; there are connect, reset, timeout and 400 to 599")
                )
        return cls(int(found[1]), words)

    def covers_status(self, status: int) -> bool:
        """Whether an answer with this status is worth another try."""
        return status in self._statuses


class RetryBudget:
    """How many retries may be under way: 20 % of all calls, and never fewer than 3, as Envoy has it."""

    __slots__ = ("retries",)

    def __init__(self) -> None:
        self.retries = 0

    def admits(self, active: int) -> bool:
        """Whether one more retry may begin while so many calls, retries among them, are under way."""
        return self.retries < max(FEWEST, active // SHARE)

    def begin(self) -> None:
        """Count a retry that begins."""
        self.retries += 1

    def end(self) -> None:
        """Count a retry that has ended, however it did."""
        self.retries -= 1
