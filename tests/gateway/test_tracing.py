"""The trace of a request: gone on with if it is told well, begun anew if not, and never half of each."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.gateway.tracing import traced

TRACE, PARENT = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
TOLD = b"00-%b-%b-01" % (TRACE, PARENT)
NEW_TRACE, NEW_PARENT = b"ab" * 16, b"ab" * 8
ONWARD = b"00-%b-%b-01" % (TRACE, NEW_PARENT)
BEGUN = b"00-%b-%b-02" % (NEW_TRACE, NEW_PARENT)


def _new_id(size: int) -> bytes:
    return b"\xab" * size


def _told(parent: bytes, *states: bytes) -> tuple[bytes, bytes | None]:
    fields = [(b"accept", b"*/*"), (b"traceparent", parent), *((b"tracestate", state) for state in states)]
    return traced(fields, _new_id)


@pytest.mark.parametrize(
    "parent",
    [TOLD, b" \t" + TOLD + b"\t ", b"cc" + TOLD[2:], b"01" + TOLD[2:] + b"-and-more", b"fe" + TOLD[2:] + b"-"],
    ids=["as it should be", "blanks", "later version", "later version with more", "later version with a dash"],
)
def test_a_trace_goes_on(parent: bytes) -> None:
    """The trace stays, the parent is new, and the version is the one that we know."""
    assert (ONWARD, b"a=1") == _told(parent, b"a=1")


@pytest.mark.parametrize(
    ("flags", "sent"),
    [(b"00", b"00"), (b"01", b"01"), (b"02", b"02"), (b"03", b"03"), (b"ff", b"03"), (b"04", b"00")],
    ids=lambda flags: flags.decode(),
)
def test_flags_that_mean_something_stay(flags: bytes, sent: bytes) -> None:
    """Sampled and random are told on as they came; what is reserved is zero."""
    assert sent == _told(TOLD[:-2] + flags)[0][-2:]


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        b"00",
        TOLD[:-1],
        TOLD + b"0",
        TOLD + b"-",
        TOLD + b"-more",
        TOLD + b".",
        b"ff" + TOLD[2:],
        b"cc" + TOLD[2:] + b".more",
        b"cc" + TOLD[2:] + b"0",
        b"000" + TOLD[2:],
        b"0" + TOLD[2:],
        b".0" + TOLD[2:],
        b"0x" + TOLD[2:],
        TOLD.upper(),
        TOLD.replace(TRACE, b"0" * 32),
        TOLD.replace(TRACE, TRACE[1:]),
        TOLD.replace(TRACE, b"0" + TRACE),
        TOLD.replace(TRACE, b"g" + TRACE[1:]),
        TOLD.replace(PARENT, b"0" * 16),
        TOLD.replace(PARENT, PARENT[1:]),
        TOLD.replace(PARENT, b"0" + PARENT),
        TOLD.replace(PARENT, PARENT[:-1] + b"F"),
        TOLD[:-2] + b"0.",
        TOLD[:-2] + b"1",
        TOLD.replace(b"-", b"_"),
        TOLD + b"," + TOLD,
        b"\n" + TOLD,
        b"\xff" * 55,
    ],
    ids=[
        *("empty", "version alone", "flags cut", "flags too long", "a dash", "more", "a point", "version ff"),
        *("later with a point", "later with long flags", "long version", "short version", "version .0", "version 0x"),
        *("upper case", "no trace", "short trace", "long trace", "trace not hex", "no parent", "short parent"),
        *("long parent", "parent in upper case", "flags not hex", "short flags", "underscores", "two in one"),
        *("line feed", "not ASCII"),
    ],
)
def test_what_cannot_be_understood_begins_a_trace(parent: bytes) -> None:
    """A state belongs to the trace that it came with, and goes with it."""
    assert (BEGUN, None) == _told(parent, b"a=1")


def test_two_parents_are_none() -> None:
    """Nobody knows which of them is right, even if they are the same."""
    assert (BEGUN, None) == traced([(b"traceparent", TOLD), (b"traceparent", TOLD), (b"tracestate", b"a=1")], _new_id)


@pytest.mark.parametrize(
    "name", [b"trace-parent", b"trace.parent", b"trace_parent", b"x-traceparent"], ids=bytes.decode
)
def test_other_names_are_other_fields(name: bytes) -> None:
    """Without a parent there is a new trace, and no state."""
    assert (BEGUN, None) == traced([(name, TOLD), (b"tracestate", b"a=1")], _new_id)


KEY = b"abcdefghijklmnopqrstuvwxyz0123456789_-*/@"
VALUE = bytes({*range(0x20, 0x7F)} - {*b",="})


@pytest.mark.parametrize(
    ("states", "sent"),
    [
        ([], None),
        ([b""], None),
        ([b" ,\t, "], None),
        ([b"a=1,b=2"], b"a=1,b=2"),
        ([b"b=2,a=1", b"c=3"], b"b=2,a=1,c=3"),
        ([b"", b"a=1", b",", b"b=2"], b"a=1,b=2"),
        ([b" a=1 \t,\t b=2 "], b"a=1,b=2"),
        ([b"a=  x y "], b"a=  x y"),
        ([b"0a@b@@c/*_-=1"], b"0a@b@@c/*_-=1"),
        ([KEY + b"=" + VALUE], KEY + b"=" + VALUE),
        ([b"a=1,b=2,a=3"], b"a=1,b=2"),
        ([b"a=1", b"a=1"], b"a=1"),
        ([b"k" * 256 + b"=" + b"v" * 256], b"k" * 256 + b"=" + b"v" * 256),
        ([b",".join(b"k%d=v" % n for n in range(32))], b",".join(b"k%d=v" % n for n in range(32))),
    ],
    ids=[
        *("none", "empty", "empty members", "two", "two fields", "empty fields", "blanks", "blanks inside", "signs"),
        *("all characters", "twice a key", "twice a field", "longest member", "most members"),
    ],
)
def test_a_state_goes_on(states: list[bytes], sent: bytes | None) -> None:
    """All fields become one, in their order, without what says nothing; the later of two with one key stays."""
    assert (ONWARD, sent) == _told(TOLD, *states)


@pytest.mark.parametrize(
    "state",
    [
        *(b"a", b"=1", b"a=", b"a=,b=2", b"a =1", b"A=1", b"a.b=1", b"@a=1", b"_a=1", b"a=b=c", b"a=\xff", b"a=\x01"),
        *(b"a=1\x002", b"a=1\n", b"k" * 257 + b"=1", b"a=" + b"v" * 257, b",".join(b"k%d=v" % n for n in range(32))),
    ],
    ids=lambda state: repr(state[:12]),
)
@pytest.mark.parametrize("place", [lambda bad: (b"x=1", bad), lambda bad: (bad + b",x=1",)], ids=["last", "first"])
def test_a_state_that_breaks_its_rules_is_dropped(state: bytes, place: Callable[[bytes], tuple[bytes, ...]]) -> None:
    """All of it goes, and the trace goes on."""
    assert (ONWARD, None) == _told(TOLD, *place(state))


@given(st.lists(st.tuples(st.sampled_from([b"traceparent", b"tracestate", b"accept"]), st.binary(max_size=80))))
def test_junk_begins_a_trace(fields: list[tuple[bytes, bytes]]) -> None:
    """Whatever comes, what is sent on is well-formed."""
    parent, state = traced(fields, _new_id)
    assert BEGUN == parent
    assert state is None


hexadecimal = st.text("0123456789abcdef", min_size=32, max_size=32).filter(lambda text: text.strip("0") != "")
members = st.from_regex(r"\A[a-z0-9][a-z0-9_*/@-]{0,8}=[ -+\--<>-~]{0,8}[!-+\--<>-~]\Z")


@given(hexadecimal, st.lists(members, min_size=1, max_size=32, unique_by=lambda member: member.partition("=")[0]))
def test_what_we_write_we_read_back(trace: str, state: list[str]) -> None:
    """A second gateway behind the first goes on with the same trace and the same state."""
    sent = ",".join(state).encode()
    parent, told = _told(b"00-%b-%b-01" % (trace.encode(), PARENT), sent)
    assert re.fullmatch(rb"00-%b-%b-01" % (trace.encode(), NEW_PARENT), parent)
    assert sent == told
    assert (parent, sent) == _told(parent, sent)
