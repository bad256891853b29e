"""Dates that clients write: ISO 8601 in all forms of the documentation, and plain times without a zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.dates import from_iso, from_plain, iso, iso_millis, plain

JULY_16 = 1_342_480_350  # 2012-07-16T23:12:30Z


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        pytest.param("2012", "2012-01-01T00:00:00Z", "2012-12-31T23:59:59Z", id="year"),
        pytest.param("2012-07", "2012-07-01T00:00:00Z", "2012-07-31T23:59:59Z", id="year and month"),
        pytest.param("2012-07-16", "2012-07-16T00:00:00Z", "2012-07-16T23:59:59Z", id="day"),
        pytest.param("2012-07-16T23:12:30", "2012-07-16T23:12:30Z", "2012-07-16T23:12:30Z", id="second, no zone"),
        pytest.param("2012-07-16T23:12:30Z", "2012-07-16T23:12:30Z", "2012-07-16T23:12:30Z", id="second"),
        pytest.param("2012-07-16T23:12:30+04:00", "2012-07-16T19:12:30Z", "2012-07-16T19:12:30Z", id="second, zone"),
        pytest.param("2012-07-16T23:12:30.45Z", "2012-07-16T23:12:30Z", "2012-07-16T23:12:30Z", id="fraction"),
        pytest.param("2012-01-01T00:15:34Z", "2012-01-01T00:15:34Z", "2012-01-01T00:15:34Z", id="the one of the text"),
    ],
)
def test_iso_forms_of_the_documentation(text: str, first: str, last: str) -> None:
    """Every example that the API's documentation prints; as an end, a period is its last second."""
    assert (first, last) == (iso(from_iso(text)), iso(from_iso(text, end=True)))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        pytest.param("2012-07-16T23:12Z", "2012-07-16T23:12:00Z", "2012-07-16T23:12:59Z", id="minute"),
        pytest.param("2012-07-16T23:12", "2012-07-16T23:12:00Z", "2012-07-16T23:12:59Z", id="minute, no zone"),
        pytest.param("2012-07-16T23:12-05:30", "2012-07-17T04:42:00Z", "2012-07-17T04:42:59Z", id="minute, zone"),
        pytest.param("2012-07-16T23:12:30 04:00", "2012-07-16T19:12:30Z", "2012-07-16T19:12:30Z", id="a decoded plus"),
        pytest.param("2012-07-16T23:12 04:00", "2012-07-16T19:12:00Z", "2012-07-16T19:12:59Z", id="and in minutes"),
        pytest.param("2012-07-16T23:12:30.45", "2012-07-16T23:12:30Z", "2012-07-16T23:12:30Z", id="fraction, no zone"),
        pytest.param("2012-07-16T23:12:30.9-04:00", "2012-07-17T03:12:30Z", "2012-07-17T03:12:30Z", id="and zone"),
        pytest.param(f"2012-07-16T23:12:30.{'9' * 200}Z", "2012-07-16T23:12:30Z", "2012-07-16T23:12:30Z", id="long"),
        pytest.param("2012-02", "2012-02-01T00:00:00Z", "2012-02-29T23:59:59Z", id="a leap year's February"),
        pytest.param("2100-02", "2100-02-01T00:00:00Z", "2100-02-28T23:59:59Z", id="a February of 28 days"),
        pytest.param("9999", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59Z", id="the last year"),
        pytest.param("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z", id="before 1970"),
        pytest.param("2012-07-16T23:12:30+23:59", "2012-07-15T23:13:30Z", "2012-07-15T23:13:30Z", id="farthest east"),
        pytest.param("2012-07-16T23:12:30-23:59", "2012-07-17T23:11:30Z", "2012-07-17T23:11:30Z", id="farthest west"),
        pytest.param("2012-07-16T23:12:30-00:00", "2012-07-16T23:12:30Z", "2012-07-16T23:12:30Z", id="minus nothing"),
    ],
)
def test_iso_forms(text: str, first: str, last: str) -> None:
    """What else the forms allow: a zone is put right, a fraction of any length cut off."""
    assert (first, last) == (iso(from_iso(text)), iso(from_iso(text, end=True)))


@pytest.mark.parametrize(("text", "unix"), [("0001", -62_135_596_800), ("9999-12-31T23:59:59-23:59", 253_402_387_139)])
def test_the_first_and_the_last_year(text: str, unix: int) -> None:
    """Years have four digits; a zone may lead out of them."""
    assert unix == from_iso(text)


@pytest.mark.parametrize(
    ("text", "unix"),
    [
        ("2012-07-16 23:12:30", JULY_16),
        ("2012-07-16T23:12:30", JULY_16),
        ("2012-07-16 23:12:30.76", JULY_16),
        (f"2012-07-16 23:12:30.{'7' * 200}", JULY_16),
        ("2012-07-16 23:12:30Z", JULY_16),
        ("2012-07-16T23:12:30.5Z", JULY_16),
        ("2012-07-17 02:12:30+03:00", JULY_16),
        ("2012-07-17 02:12:30 03:00", JULY_16),
        ("2012-07-16 18:12:30.1-05:00", JULY_16),
        ("2012-07-16", 1_342_396_800),
    ],
)
def test_plain_forms(text: str, unix: int) -> None:
    """UTC without a zone, and what clients make of it."""
    assert unix == from_plain(text)


def test_a_plain_day_as_an_end() -> None:
    """A day alone ends with its last second, a time where it stands."""
    ends = [from_plain(text, end=True) for text in ("2012-07-16", "2012-07-16 23:12:30")]
    assert ["2012-07-16 23:59:59", "2012-07-16 23:12:30"] == [plain(unix) for unix in ends]


NEITHER = [
    *("", " ", "now", "0", "20120716", "201207", "12-07-16", "2012-7-16", "2012-07-1", "02012-07-16", "+2012-07-16"),
    *("-2012-07-16", "2012-", "2012-07-", "2012-00", "2012-13", "2012-00-01", "2012-07-00", "2012-07-32", "2012-02-30"),
    *("2013-02-29", "1900-02-29", "0000-01-01", "2012-W29-1", "2012-198", "2012/07/16", "2012-07-16T", "2012-07-16Z"),
    *("2012-07-16+04:00", "2012-07-16T23", "2012-07-16T23Z", "2012-07-16T24:00:00Z", "2012-07-16T23:60:00Z"),
    *("2012-07-16T23:12:60Z", "2012-07-16T23:12:61Z", "2012-07-16T23:12:30.Z", "2012-07-16T23:12:30,45Z"),
    *(
        "2012-07-16T23:12.5Z",
        "2012-07-16T3:12:30Z",
        "2012-07-16T23:12:3Z",
        "2012-07-16t23:12:30Z",
        "2012-07-16T23:12:30z",
    ),
    *("2012-07-16T23:12:30 Z", "2012-07-16T23:12:30+04", "2012-07-16T23:12:30+0400", "2012-07-16T23:12:30+4:00"),
    *(
        "2012-07-16T23:12:30+24:00",
        "2012-07-16T23:12:30+04:60",
        "2012-07-16T23:12:30+04:00:00",
        "2012-07-16T23:12:30UTC",
    ),
    *(
        "2012-07-16T23:12:30++04:00",
        "2012-07-16T23:12:30  04:00",
        "2012-07-16T23:12:30Z+04:00",
        "2012-07-16T23:12:30ZZ",
    ),
    *(
        "2012-07-16T23:12:30\u221204:00",
        "2012-07-16T23:12:30Z\n",
        "\n2012-07-16",
        " 2012-07-16",
        "2012-07-16 ",
        "2012\n",
    ),
    *(
        "2012-07-16\0",
        "2012-07-16T23:12:30.4\u0665Z",
        "\u0662\u0660\u0661\u0662-07-16",
        "\uff12\uff10\uff11\uff12-07-16",
    ),
    *(
        "2012-07-16T23:12:30Z/2012-07-17",
        "2012-07-16  23:12:30",
        "2012-07-16_23:12:30",
        "2012-07-16 11:12:30 PM",
        "1e3",
    ),
    *("null", "2012-07-16T23:12:30.-5Z", "2012-07-16T-1:12:30Z", "2012-07-16T23:12:30.45.45Z", "0x7dc", "1_00"),
]


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("text", NEITHER)
def test_what_is_no_date(text: str, end: bool) -> None:
    """Nothing is guessed: no other spelling, no day or time that there is not, no digits but those of ASCII."""
    for read in (from_iso, from_plain):
        with pytest.raises(ValueError, match="date"):
            read(text, end=end)


@pytest.mark.parametrize("text", ["2012", "2012-07", "2012-07-16T23:12", "2012-07-16T23:12Z", "2012-07-16 23:12"])
def test_plain_times_have_seconds(text: str) -> None:
    """Of the shorter forms there is the day alone."""
    with pytest.raises(ValueError, match="YYYY-MM-DD hh:mm:ss"):
        from_plain(text)


def test_iso_has_its_t() -> None:
    """A blank between day and time belongs to plain times."""
    with pytest.raises(ValueError, match="YYYY-MM-DDThh:mm:ssZ"):
        from_iso("2012-07-16 23:12:30")


@pytest.mark.parametrize(
    ("unix", "text"),
    [
        (JULY_16, "2012-07-16T23:12:30.000Z"),
        (JULY_16 + 0.45, "2012-07-16T23:12:30.450Z"),
        (JULY_16 + 0.9996, "2012-07-16T23:12:30.999Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (-0.5, "1969-12-31T23:59:59.500Z"),
        (-62_135_596_800, "0001-01-01T00:00:00.000Z"),
    ],
)
def test_iso_millis(unix: float, text: str) -> None:
    """Three digits of a fraction, always, and what is less cut off."""
    assert (text, f"{text[:10]} {text[11:19]}") == (iso_millis(unix), plain(unix))


seconds = st.integers(-62_135_596_800, 253_402_300_799)
# NOTE: far from 1970 a float has no milliseconds any more.
milliseconds = st.integers(-2_000_000_000_000, 8_000_000_000_000)
offsets = st.integers(-1439, 1439)


@settings(deadline=None)
@given(seconds)
def test_seconds_that_are_written_are_read(unix: int) -> None:
    """Both forms are read back, and a plain time is known to nobody but its reader."""
    assert [unix, unix, unix] == [from_iso(iso_millis(unix)), from_plain(iso_millis(unix)), from_plain(plain(unix))]
    with pytest.raises(ValueError, match="date"):
        from_iso(plain(unix))


@settings(deadline=None)
@given(milliseconds)
def test_milliseconds_that_are_written(millis: int) -> None:
    """All three digits are written, and cut off where they are read."""
    text = iso_millis(millis / 1000)
    assert (f".{millis % 1000:03}Z", millis // 1000) == (text[19:], from_iso(text))


@settings(deadline=None)
@given(seconds, offsets, st.text("0123456789", max_size=12), st.booleans())
def test_a_zone_is_put_right(unix: int, offset: int, fraction: str, decoded: bool) -> None:
    """Whatever the zone and the fraction, the second is that of UTC; a plus may have become a blank."""
    sign = "-" if offset < 0 else " " if decoded else "+"
    zone = f"{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    here = plain(unix) + (f".{fraction}" if fraction else "") + zone
    expected = unix - offset * 60
    assert [expected, expected] == [from_plain(here), from_iso(here.replace(" ", "T", 1))]


@settings(deadline=None)
@given(st.dates(), st.sampled_from([4, 7, 10]))
def test_periods_follow_each_other(day: date, length: int) -> None:
    """The first and the last second of a period are in it, and their neighbours are not."""
    text = day.isoformat()[:length]
    first, last = from_iso(text), from_iso(text, end=True)
    assert (text, text) == (plain(first)[:length], plain(last)[:length])
    assert text not in (plain(first - 1)[:length], plain(last + 1)[:length])


def known_to_python(text: str) -> int:
    """Give the second that Python's own reader finds, once a text has been written in the one way that it knows."""
    text = re.sub(r"\.[0-9]+", "", text)
    text = re.sub(r" ([0-9]{2}:[0-9]{2})$", r"+\1", text) if len(text) > 19 else text
    when = datetime.fromisoformat(text + "-01-01"[len(text) - 4 :] if len(text) < 10 else text)
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


near_dates = st.tuples(
    st.sampled_from(["2012", "2012-07", "2012-07-16", "2012-07-16T23:12Z", "2012-07-16T23:12:30.45-04:00"])
    | seconds.map(plain),
    st.integers(0, 28),
    st.integers(0, 2),
    st.text("0123456789-+:.TZ \n\0", max_size=2),
).map(lambda change: change[0][: change[1]] + change[3] + change[0][change[1] + change[2] :])


@settings(max_examples=500, deadline=None)
@given(near_dates | st.text("0123456789-+:.TZ ", max_size=30) | st.text(max_size=30))
def test_what_is_not_quite_a_date(text: str) -> None:
    """It is refused, or it is one that Python knows, too, as the same second."""
    for read in (from_iso, from_plain):
        try:
            unix = read(text)
        except ValueError:
            continue
        assert known_to_python(text) == unix
