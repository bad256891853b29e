"""Buckets and their tables: never more than was promised, whatever the clock does, and never more entries than fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.limits.buckets import NOTHING, SECOND, Charge, Entry, Group, LocalTable, Quota, Table
from crossbar.limits.shared_table import SLOTS, SharedTable

TEN = Quota(100, 10)


class Ticks:
    """A clock of whole microseconds that stands until it is moved."""

    def __init__(self, now: int = 1_000 * SECOND) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


Make = Callable[[Ticks, int], Table]


@pytest.fixture(params=["local", "shared"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Make a table of either kind, with room for so many entries."""
    made: list[Table] = []

    def table(clock: Ticks, most: int) -> Table:
        shared = request.param == "shared"
        new = SharedTable(tmp_path / "counts", clock, most // SLOTS) if shared else LocalTable(clock, most)
        new.open()
        made.append(new)
        return new

    yield table
    for each in made:
        each.close()


quotas = st.builds(
    Quota,
    st.integers(1, 1_000_000),
    st.integers(1, 1_000_000),
    st.sampled_from([1, 60, 3600, 86_400]),
)


# Buckets.


@given(quotas, st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 50)), max_size=60))
def test_no_span_admits_more_than_was_promised(quota: Quota, asked: list[tuple[int, int]]) -> None:
    """Between any two moments, what is admitted is at most the size and what time has added."""
    full_at, now = 0, 5 * SECOND
    admitted: list[tuple[int, int]] = []
    for passed, cost in asked:
        now += passed
        full_at, was = quota.take(full_at, cost, now)
        admitted += [(now, cost)] if was else []
    for first, (begun, _) in enumerate(admitted):
        taken = 0
        for at, cost in admitted[first:]:
            taken += cost
            assert taken * quota.step <= quota.window + at - begun


@given(quotas, st.lists(st.tuples(st.integers(-(10**10), 10**10), st.integers(1, 50)), max_size=60))
def test_a_clock_that_is_set_back_adds_nothing(quota: Quota, asked: list[tuple[int, int]]) -> None:
    """Only time that passes adds tokens, however often the same time passes."""
    full_at, now, passed, taken = 0, 10**15, 0, 0
    for step, cost in asked:
        now += step
        passed += max(step, 0)
        full_at, was = quota.take(full_at, cost, now)
        taken += cost if was else 0
    assert taken * quota.step <= quota.window + passed


@given(quotas, st.integers(0, 10**12))
def test_a_clock_that_is_set_back_locks_nobody_out(quota: Quota, back: int) -> None:
    """A bucket that seems to lack more than it holds is empty, and full again after the usual time."""
    full_at, _ = quota.take(10**15, quota.size, 10**15)
    now = 10**15 - back
    full_at, admitted = quota.take(full_at, quota.size, now)
    assert not admitted
    assert quota.take(full_at, quota.size, now + quota.window)[1]


@given(quotas, st.integers(0, 10**12), st.integers(1, 1_000_000))
def test_who_waits_as_told_is_admitted(quota: Quota, missing: int, cost: int) -> None:
    """After the seconds of Retry-After there is enough, and a second earlier there was not."""
    now, cost = 10**15, min(cost, quota.size)
    full_at = now + min(missing, quota.window)
    seconds = quota.wait(full_at, cost, now)
    assert quota.take(full_at, cost, now + seconds * SECOND)[1]
    if seconds > 1:
        assert not quota.take(full_at, cost, now + (seconds - 1) * SECOND)[1]


@given(quotas, st.integers(-(10**12), 10**12), st.integers(0, 1_000_000))
def test_what_is_left_can_be_taken(quota: Quota, missing: int, cost: int) -> None:
    """A bucket gives what it is said to hold, and nothing beyond it."""
    now = 10**15
    full_at = now + min(missing, quota.window)
    left = quota.left(full_at, now)
    assert 0 <= left <= quota.size
    assert (cost <= left) == quota.take(full_at, cost, now)[1]


@pytest.mark.parametrize(
    ("size", "refill", "period", "window"),
    [(100, 10, 1, 10), (50, 5, 1, 10), (100, 1, 86_400, 8_640_000), (1, 1_000_000, 1, 1), (7, 3, 1, 3)],
)
def test_what_is_told_of_a_bucket(size: int, refill: int, period: int, window: int) -> None:
    """The fields of the draft: the quota with its window, what is left, and when the bucket is full."""
    group = Group("default", Quota(size, refill, period))
    policy, level = Charge(group, 1, size - 1, 1).fields()
    assert (b"ratelimit-policy", b'"default";q=%d;w=%d' % (size, window)) == policy
    assert (b"ratelimit", b'"default";r=%d;t=1' % (size - 1)) == level


# Tables.


def test_a_bucket_runs_dry_and_fills_again(make: Make) -> None:
    """A hundred, then none, then ten in a second; another key has its own."""
    clock = Ticks()
    table = make(clock, 80)
    taken = [table.take("a", TEN, 1)[1] for _ in range(105)]
    assert [True] * 100 + [False] * 5 == taken
    clock.now += SECOND
    assert [True] * 10 + [False] == [table.take("a", TEN, 1)[1] for _ in range(11)]
    assert table.take("b", TEN, 100)[1]


def test_what_is_short_is_emptied(make: Make) -> None:
    """A login that finds too little takes it all; anything else leaves it."""
    table = make(Ticks(), 80)
    taken = [table.take("a", TEN, 35, drain=True)[1] for _ in range(3)]
    left = table.take("a", TEN, 1)[1]
    assert [True, True, False, False] == [*taken, left]
    table.take("b", TEN, 90)
    assert [False, True] == [table.take("b", TEN, 35)[1], table.take("b", TEN, 10)[1]]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 120), st.integers(0, 10**7)), max_size=40))
def test_both_tables_say_the_same(asked: list[tuple[str, int, int]]) -> None:
    """One process or many, a bucket is a bucket."""
    clock = Ticks()
    local = LocalTable(clock)
    with TemporaryDirectory() as folder:
        shared = SharedTable(Path(folder) / "counts", clock, 4)
        shared.open()
        for key, cost, passed in asked:
            clock.now += passed
            assert local.take(key, TEN, cost) == shared.take(key, TEN, cost)
            assert local.look(key) == shared.look(key)
        shared.close()


def test_counts(make: Make) -> None:
    """An entry is what it was changed to, until it ends; one that has ended is nothing."""
    clock = Ticks()
    table = make(clock, 80)

    def more(entry: Entry, now: int) -> Entry:
        return Entry(now + SECOND, entry.much + 1)

    assert [1, 2] == [table.change("a", more).much for _ in range(2)]
    assert (Entry(clock.now + SECOND, 2), clock.now) == table.look("a")
    assert (NOTHING, clock.now) == table.look("b")
    clock.now += SECOND
    assert (NOTHING, clock.now) == table.look("a")
    assert 1 == table.change("a", more).much
    table.change("a", lambda entry, now: NOTHING)
    assert (NOTHING, clock.now) == table.look("a")


def test_a_flood_of_addresses_takes_no_more_room(make: Make) -> None:
    """A million addresses are a table full; what lasts longest is remembered through all of them."""
    clock = Ticks()
    table = make(clock, 800)
    table.change("locked", lambda entry, now: Entry(now + 900 * SECOND, 10))
    for number in range(1_000_000 if isinstance(table, LocalTable) else 100_000):
        table.take(f"2001:db8:{number:x}::/64", TEN, 1)
    assert 10 == table.look("locked")[0].much
    if isinstance(table, LocalTable):
        assert len(table) <= 800


def test_full_buckets_go_first(make: Make) -> None:
    """A bucket that has filled says nothing any more, and makes room for another."""
    clock = Ticks()
    table = make(clock, 8)
    for number in range(8):
        table.take(f"early {number}", TEN, 1)
    clock.now += SECOND
    for number in range(8):
        table.take(f"late {number}", TEN, 50 + number)
    lefts = [TEN.left(table.look(f"late {number}")[0].until, clock.now) for number in range(8)]
    assert [50 - number for number in range(8)] == lefts
    table.take("one more", TEN, 100)
    assert TEN.left(table.look("late 7")[0].until, clock.now) == 43
    assert not table.take("one more", TEN, 1)[1]
