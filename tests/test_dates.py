"""Times: Unix seconds inside, Gregorian seconds, ISO 8601 and the dates of HTTP outside."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.dates import GREGORIAN_EPOCH, from_gregorian, from_http_date, gregorian, http_date, iso

# Seconds from 0001-01-01 to 1970-01-01, and the leap year 0 before them.
BEFORE = int(-datetime(1, 1, 1, tzinfo=UTC).timestamp()) + 366 * 86_400


def test_the_epoch() -> None:
    """Gregorian seconds begin with the year 0, as Erlang's calendar has it."""
    assert [BEFORE, 62_167_219_200] == [GREGORIAN_EPOCH, GREGORIAN_EPOCH]


@pytest.mark.parametrize(
    ("seconds", "when"),
    [
        (62_167_219_200, "1970-01-01T00:00:00Z"),
        (63_692_031_599, "2018-04-27T06:59:59Z"),
        (63_691_980_222, "2018-04-26T16:43:42Z"),
        (63_566_193_143, "2014-05-01T19:52:23Z"),
        (63_240_134_399, "2003-12-31T23:59:59Z"),
        (64_060_000_000, "2029-12-24T04:26:40Z"),
    ],
)
def test_samples(seconds: int, when: str) -> None:
    """The times in the samples of the documentation are the seconds that they were taken at."""
    assert (when, seconds) == (iso(from_gregorian(seconds)), gregorian(from_gregorian(seconds)))


@given(st.integers(-(2**45), 2**45))
def test_there_and_back(unix: int) -> None:
    """Every second has one Gregorian number."""
    assert unix == from_gregorian(gregorian(unix))


@settings(deadline=None)
@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59)))
def test_iso(when: datetime) -> None:
    """ISO 8601 text names the second in UTC; fractions are cut off."""
    aware = when.replace(microsecond=0, tzinfo=UTC)
    assert aware.strftime("%Y-%m-%dT%H:%M:%SZ") == iso(int(aware.timestamp()))
    assert datetime.fromisoformat(iso(int(aware.timestamp()))) == aware


@pytest.mark.parametrize(
    ("unix", "text"),
    [
        pytest.param(0, "1970-01-01T00:00:00Z", id="the beginning"),
        pytest.param(1.999, "1970-01-01T00:00:01Z", id="a fraction"),
        pytest.param(951_782_400, "2000-02-29T00:00:00Z", id="a leap day"),
        pytest.param(2**31, "2038-01-19T03:14:08Z", id="beyond 32 bits"),
        pytest.param(-1, "1969-12-31T23:59:59Z", id="before the beginning"),
    ],
)
def test_iso_samples(unix: float, text: str) -> None:
    """Some seconds, written down."""
    assert text == iso(unix)


# The dates of HTTP (RFC 9110, 5.6.7).

NOW = 1_780_000_000  # in 2026


@settings(deadline=None)
@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59)))
def test_http_dates_there_and_back(when: datetime) -> None:
    """Every second has one form that we write, and it is read back."""
    unix = int(when.replace(microsecond=0, tzinfo=UTC).timestamp())
    assert unix == from_http_date(http_date(unix).decode(), NOW)


@pytest.mark.parametrize(
    ("text", "unix"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Sun Nov 16 08:49:37 1994", 784_975_777),
        ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
        ("Monday, 01-Jan-76 00:00:00 GMT", 3_345_062_400),
        ("Monday, 01-Jan-77 00:00:00 GMT", 220_924_800),
        ("Sat, 01 Jan 0000 00:00:00 GMT", None),
        ("Thu, 30 Feb 2024 00:00:00 GMT", None),
        ("Thu, 29 Feb 2024 24:00:00 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 CET", None),
        ("Sun, 06 Nov 1994 08:49:37 +0000", None),
        ("Sun, 6 Nov 1994 08:49:37 GMT", None),
        ("sun, 06 nov 1994 08:49:37 gmt", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT ", None),
        ("Sun, 0\u0666 Nov 1994 08:49:37 GMT", None),
        ("1994-11-06T08:49:37Z", None),
        ("784111777", None),
        ("", None),
    ],
)
def test_http_dates(text: str, unix: int | None) -> None:
    """All three forms are read, two digits of a year as the last such year that is near, and nothing else."""
    assert unix == from_http_date(text, NOW)
