"""Byte ranges: what a `Range` field asks of so many bytes, when it is passed over, and when it cannot be satisfied."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crossbar.errors import RangeNotSatisfiable
from crossbar.media.ranges import MOST, ByteRange, satisfiable

WHOLE: list[tuple[int, int]] = []
"""The field is passed over."""
NONE = None
"""None of the ranges lies within the size."""

# A field, a size, and the first byte and the number of bytes of each range that is sent.
ROWS: list[tuple[str, int, list[tuple[int, int]] | None]] = [
    # One range.
    ("bytes=0-9", 10, [(0, 10)]),
    ("bytes=0-", 10, [(0, 10)]),
    ("bytes=5-", 10, [(5, 5)]),
    ("bytes=9-", 10, [(9, 1)]),
    ("bytes=0-20", 10, [(0, 10)]),
    ("bytes=0-0", 10, [(0, 1)]),
    ("bytes=3-7", 11, [(3, 5)]),
    ("bytes=10-11", 11, [(10, 1)]),
    ("bytes=007-0008", 10, [(7, 2)]),
    ("BYTES=1-2", 10, [(1, 2)]),
    # The end of it.
    ("bytes=-5", 10, [(5, 5)]),
    ("bytes=-10", 10, [(0, 10)]),
    ("bytes=-15", 10, [(0, 10)]),
    ("bytes=-1", 1, [(0, 1)]),
    # The examples of RFC 9110, 14.1.2.
    ("bytes=0-499", 10_000, [(0, 500)]),
    ("bytes=500-999", 10_000, [(500, 500)]),
    ("bytes=-500", 10_000, [(9500, 500)]),
    ("bytes=9500-", 10_000, [(9500, 500)]),
    ("bytes=0-0,-1", 10_000, [(0, 1), (9999, 1)]),
    ("bytes= 0-999, 4500-5499, -1000", 10_000, [(0, 1000), (4500, 1000), (9000, 1000)]),
    ("bytes=500-600,601-999", 10_000, [(500, 500)]),
    ("bytes=500-700,601-999", 10_000, [(500, 500)]),
    # Several, in the order of the client.
    ("bytes=1-2,5-", 10, [(1, 2), (5, 5)]),
    ("bytes=7-8,0-1", 10, [(7, 2), (0, 2)]),
    ("bytes=0-0 ,2-2, 7-", 11, [(0, 1), (2, 1), (7, 4)]),
    ("bytes=0-1\t,\t5-6", 10, [(0, 2), (5, 2)]),
    ("bytes=,0-1,,5-6,", 10, [(0, 2), (5, 2)]),
    # Those that overlap or touch are one, in the place of the first.
    ("bytes=-2 , 7-", 11, [(7, 4)]),
    ("bytes=5-6,0-1,2-2", 10, [(5, 2), (0, 3)]),
    ("bytes=0-1,8-9,2-3", 10, [(0, 4), (8, 2)]),
    ("bytes=4-5,0-1,2-3", 10, [(0, 6)]),
    ("bytes=0-4,1-2", 10, [(0, 5)]),
    # Some of them beyond the end.
    ("bytes=15-,0-5", 10, [(0, 6)]),
    ("bytes=0-1,10-,20-30", 10, [(0, 2)]),
    # None of them within.
    ("bytes=10-", 10, NONE),
    ("bytes=10-11", 10, NONE),
    ("bytes=12-12", 11, NONE),
    ("bytes=11-100", 11, NONE),
    ("bytes=100-,200-", 11, NONE),
    ("bytes=-0", 10, NONE),
    ("bytes=-0,-00", 10, NONE),
    # Nothing is there: a suffix of it is satisfiable, which only the whole can say.
    ("bytes=0-", 0, NONE),
    ("bytes=1-", 0, NONE),
    ("bytes=0-128", 0, NONE),
    ("bytes=-0", 0, NONE),
    ("bytes=-5", 0, WHOLE),
    ("bytes=0-,-5", 0, WHOLE),
    # No ranges of bytes.
    ("", 0, WHOLE),
    ("", 1000, WHOLE),
    ("foo", 0, WHOLE),
    ("items=0-4", 10, WHOLE),
    ("bytes", 10, WHOLE),
    ("bytes=", 10, WHOLE),
    ("bytes =0-1", 10, WHOLE),
    ("bytes:0-1", 10, WHOLE),
    ("bytes=         ", 10, WHOLE),
    ("bytes= , , ,   ", 10, WHOLE),
    ("bytes=-", 10, WHOLE),
    ("bytes=7", 10, WHOLE),
    ("bytes= 7 ", 10, WHOLE),
    ("bytes=5-4", 10, WHOLE),
    ("bytes=0-2,5-4", 10, WHOLE),
    ("bytes=2-5,4-3", 10, WHOLE),
    ("bytes=--5,4--3", 10, WHOLE),
    ("bytes=A-", 10, WHOLE),
    ("bytes=A- ", 10, WHOLE),
    ("bytes=A-Z", 10, WHOLE),
    ("bytes= -Z", 10, WHOLE),
    ("bytes=5-Z", 10, WHOLE),
    ("bytes=Ran-dom, garbage", 10, WHOLE),
    ("bytes=0x01-0x02", 10, WHOLE),
    ("bytes=0-1,x", 10, WHOLE),
    ("bytes=0-1;5-6", 10, WHOLE),
    # NOTE: Go takes blanks within a range, as Apache does; by the grammar there are none.
    ("bytes=   1 -2   ,  4- 5, 7 - 8 , ,,", 11, WHOLE),
    # Numbers that `int` would take.
    ("bytes=+1-2", 10, WHOLE),
    ("bytes=1-+2", 10, WHOLE),
    ("bytes=1_0-", 100, WHOLE),
    ("bytes=1-1_0", 100, WHOLE),
    ("bytes=\u0661-\u0662", 10, WHOLE),
    ("bytes=\u00b9-\u00b2", 10, WHOLE),
    ("bytes=1\xa0-2", 10, WHOLE),
    ("bytes=1.0-2", 10, WHOLE),
    # Too much of it: more bytes in all than there are.
    ("bytes=0-,1-,2-,3-,4-", 11, WHOLE),
    ("bytes=0-9,0-0", 10, WHOLE),
    ("bytes=0-4,0-4", 10, [(0, 5)]),
]


@pytest.mark.parametrize(("field", "size", "expected"), ROWS, ids=[f"{row[0]!a} of {row[1]}" for row in ROWS])
def test_what_is_asked_for(field: str, size: int, expected: list[tuple[int, int]] | None) -> None:
    """A field and a size give the ranges that are sent, none for the whole, or a refusal."""
    if expected is None:
        with pytest.raises(RangeNotSatisfiable) as refusal:
            satisfiable(field, size)
        assert (b"content-range", b"bytes */%d" % size) in refusal.value.headers
    else:
        assert expected == satisfiable(field, size)


HUGE = "9" * 22


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (f"bytes=0-{HUGE}", [(0, 10)]),
        (f"bytes=-{HUGE}", [(0, 10)]),
        (f"bytes=1-{'9' * 5000}", [(1, 9)]),
        (f"bytes={'0' * 5000}1-", [(1, 9)]),
        (f"bytes={HUGE}-", None),
        (f"bytes={HUGE}-{HUGE}", None),
        (f"bytes={'9' * 5000}-{'9' * 5001}", None),
        (f"bytes={HUGE}9-{HUGE}8", []),
        (f"bytes={'9' * 5000}-{'9' * 4999}", []),
    ],
    ids=lambda value: str(value)[:30],
)
def test_numbers_without_bounds(field: str, expected: list[tuple[int, int]] | None) -> None:
    """A number may be as long as a header can be; it is still compared exactly."""
    if expected is None:
        with pytest.raises(RangeNotSatisfiable):
            satisfiable(field, 10)
    else:
        assert expected == satisfiable(field, 10)


def test_how_many_ranges() -> None:
    """Ten ranges are taken, eleven are not, however many of them lie within the size or are one in the end."""
    fields = ["bytes=" + ",".join(f"{3 * each}-{3 * each}" for each in range(count)) for count in (MOST, MOST + 1)]
    assert [MOST, 0] == [len(satisfiable(field, 1000)) for field in fields]
    assert WHOLE == satisfiable("bytes=" + ",".join(["0-0"] * 11), 1000)
    assert WHOLE == satisfiable("bytes=" + ",".join(["5000-"] * 11), 1000)


@pytest.mark.parametrize(
    "field",
    ["bytes=" + ",".join(["0-0"] * 10_000), "bytes=" + "," * 16_000, "bytes=" + " " * 16_000, "bytes=" + "-" * 16_000],
    ids=["ranges", "commas", "blanks", "dashes"],
)
def test_many_of_anything(field: str) -> None:
    """What is as long as it can be is passed over like anything malformed."""
    assert WHOLE == satisfiable(field, 1_000_000)


positions = st.integers(0, 60)
one_range = st.one_of(
    st.tuples(positions, positions).map(lambda ends: f"{min(ends)}-{max(ends)}"),
    positions.map(lambda first: f"{first}-"),
    positions.map(lambda length: f"-{length}"),
)


def asked_bytes(part: str, size: int) -> set[int]:
    """The positions that one range names, by the words of the RFC."""
    first, last = part.split("-")
    if not first:
        return set(range(max(size - int(last), 0), size))
    return {position for position in range(int(first), size) if not last or position <= int(last)}


@settings(max_examples=400, deadline=None)
@given(st.lists(one_range, min_size=1, max_size=MOST), st.integers(1, 50))
def test_the_same_bytes_each_once(parts: list[str], size: int) -> None:
    """All bytes that were asked for are there and no others, in ranges that are apart from each other."""
    wanted = [asked_bytes(part, size) for part in parts]
    assume(any(wanted))
    found = satisfiable("bytes=" + ",".join(parts), size)
    if sum(map(len, wanted)) > size:
        assert [] == found
        return
    covered = [set(range(each.start, each.start + each.length)) for each in found]
    assert set().union(*wanted) == set().union(*covered)
    assert sum(map(len, covered)) == len(set().union(*covered))
    ends = sorted((each.start, each.start + each.length) for each in found)
    assert all(end < start for (_, end), (start, _) in pairwise(ends))
    order = [min(place for place, each in enumerate(wanted) if each & part) for part in covered]
    assert sorted(order) == order


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("bytes=0123456789-, +_\t\u0660\xb2"), max_size=40), st.integers(0, 100))
def test_any_field(field: str, size: int) -> None:
    """Whatever is sent, there is an answer, and each range lies within the size."""
    for text in (field, f"bytes={field}"):
        try:
            found = satisfiable(text, size)
        except RangeNotSatisfiable:
            continue
        assert all(each.length > 0 and 0 <= each.start and each.start + each.length <= size for each in found)


def test_content_range() -> None:
    """`Content-Range` names the first and the last byte, and the size (14.4)."""
    assert [b"bytes 0-0/1", b"bytes 5-9/10"] == [ByteRange(0, 1).content_range(1), ByteRange(5, 5).content_range(10)]
