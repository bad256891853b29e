"""Times: Unix seconds inside, Gregorian seconds for Kazoo's clients, ISO 8601 in envelopes, HTTP's own dates."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache

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


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
_HTTP_DATES = tuple(
    re.compile(form)
    for form in (
        f"[A-Z][a-z]{{2}}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        f"[A-Z][a-z]{{5,8}}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        f"[A-Z][a-z]{{2}} {_MONTH} (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


@lru_cache(maxsize=1024)
def http_date(unix: int) -> bytes:
    """The second as HTTP writes it (IMF-fixdate, RFC 9110, 5.6.7), such as `Sun, 06 Nov 1994 08:49:37 GMT`."""
    return formatdate(unix, usegmt=True).encode()


def from_http_date(text: str, now: int) -> int | None:
    """The Unix second that a date of HTTP names, in any of the three forms that there have been; None if it is none.

    Two digits of a year mean the last such year that is not more than 50 years after `now`.
    """
    for form in _HTTP_DATES:
        found = form.fullmatch(text)
        if found is not None:
            break
    else:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        this_year = time.gmtime(now).tm_year
        year += this_year - this_year % 100
        if year > this_year + 50:
            year -= 100
    hour, minute, second = map(int, found["time"].split(":"))
    try:
        when = datetime(year, _MONTHS.index(found["month"]) + 1, int(found["day"]), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(when.timestamp())
