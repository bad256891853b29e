"""Times: Unix seconds inside; outside Gregorian seconds, ISO 8601, plain UTC times, and HTTP's own dates."""

from __future__ import annotations

import re
import time
from calendar import monthrange
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


@lru_cache(maxsize=4096)
def iso_millis(unix: float) -> str:
    """The time as ISO 8601 in UTC with milliseconds, such as `2012-07-16T23:12:30.450Z`; what is less is cut off."""
    # NOTE: by way of microseconds, since the nearest number to 0.29 seconds is a little less than 290 milliseconds.
    seconds, micros = divmod(round(unix * 1_000_000), 1_000_000)
    return f"{plain(seconds).replace(' ', 'T')}.{micros // 1000:03}Z"


@lru_cache(maxsize=4096)
def plain(unix: float) -> str:
    """The second as date and time in UTC without a zone, such as `2012-07-16 23:12:30`."""
    year, month, day, hour, minute, second = time.gmtime(unix // 1)[:6]
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"


_CLOCK = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
_SECOND = r":(?P<second>[0-9]{2})(?:\.[0-9]+)?"
# NOTE: a blank is a plus that was not percent-encoded in a query or a form.
_ZONE = "(?:Z|(?P<sign>[-+ ])(?P<ahead>[01][0-9]|2[0-3]):(?P<past>[0-5][0-9]))?"
_DAY = "(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_PERIOD = "(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2}))?"
_ISO_DATES = (re.compile(f"{_DAY}(?:T{_CLOCK}(?:{_SECOND})?{_ZONE})?"), re.compile(_PERIOD))
_PLAIN_DATES = (re.compile(f"{_DAY}(?:[ T]{_CLOCK}{_SECOND}{_ZONE})?"),)


def from_iso(text: str, *, end: bool = False) -> int:
    """The Unix second that a text in ISO 8601 names; ValueError if it is none of the forms.

    These are `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, and a day with `Thh:mm`, `Thh:mm:ss` or `Thh:mm:ss.s`, then perhaps `Z`,
    `+hh:mm` or `-hh:mm`; UTC without it. Fractions are cut off. A form without seconds names a year, a month, a day or
    a minute: its first second, or its last one if the text is the `end` of a period, so that `2012-07` to `2012-07` is
    the whole of July. The years are 0001 to 9999; the result is negative before 1970.
    """
    return _second(text, _ISO_DATES, end, "YYYY-MM-DDThh:mm:ssZ")


def from_plain(text: str, *, end: bool = False) -> int:
    """The Unix second that a text such as `2012-07-16 23:12:30` names, in UTC; ValueError if it does not.

    A `T` may stand in the place of the blank; a fraction, which is cut off, and a zone may follow, as in `from_iso`. A
    day alone is its first second, or its last one if it is the `end` of a period.
    """
    return _second(text, _PLAIN_DATES, end, "YYYY-MM-DD hh:mm:ss")


def _second(text: str, forms: tuple[re.Pattern[str], ...], end: bool, usual: str) -> int:
    """The first second of what a text in one of the forms names, or the last one."""
    found = next(filter(None, (form.fullmatch(text) for form in forms)), None)
    if found is None:
        raise ValueError(f"not a date and time: write {usual}")
    part = {name: int(digits) for name, digits in found.groupdict().items() if digits and name != "sign"}
    try:
        year, month = part["year"], part.get("month", 12 if end else 1)
        last = (monthrange(year, month)[1], 23, 59, 59) if end else (1, 0, 0, 0)
        day, hour, minute, second = map(part.get, ("day", "hour", "minute", "second"), last)
        when = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise ValueError("there is no such date or time") from None
    ahead = part.get("ahead", 0) * 3600 + part.get("past", 0) * 60
    return int(when.timestamp()) + (ahead if found.groupdict().get("sign") == "-" else -ahead)


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
