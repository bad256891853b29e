"""Ejection: when a target that fails is left alone, for how long, and what ends that."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crossbar.gateway.pool import Ejection, Pool, Target

USUAL = Ejection.parse("after 5 failures in 10s for 30s")


class Seconds:
    """A clock of seconds that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return self.now


def pool_of(many: int, ejection: Ejection = USUAL) -> tuple[Pool, Seconds]:
    """A pool with so many targets, and its clock."""
    clock = Seconds()
    return Pool([Target(f"http://10.0.0.{place}") for place in range(1, many + 1)], ejection, clock, Random(7)), clock


def fail(pool: Pool, target: Target, times: int = 5) -> bool:
    """Let calls of a target fail; whether the last of them ejects it."""
    return [pool.failed(target, "refused") for _ in range(times)][-1]


def out(pool: Pool) -> list[float]:
    """For how many seconds each target is still ejected."""
    return [state["until"] for state in pool.states()]


def test_failures_in_a_row_eject() -> None:
    """The last failure that the rule asks for ejects, and says so; a success before it starts the count again."""
    pool, clock = pool_of(2)
    one, two = pool.targets
    assert [False] * 4 == [pool.failed(one, "refused") for _ in range(4)]
    pool.succeeded(one)
    assert [False] * 4 + [True] == [pool.failed(one, "refused") for _ in range(5)]
    assert ([30.0, 0.0], {two}) == (out(pool), {pool.pick() for _ in range(50)})
    clock.now += 29.5
    assert ([0.5, 0.0], {two}) == (out(pool), {pool.pick() for _ in range(50)})
    clock.now += 0.5
    assert ([0.0, 0.0], {one, two}) == (out(pool), {pool.pick() for _ in range(50)})


@pytest.mark.parametrize(("step", "ejects"), [(2.5, True), (2.6, False)])
def test_failures_count_within_the_window(step: float, ejects: bool) -> None:
    """Five failures eject if no more than ten seconds lie between the first and the last of them."""
    pool, clock = pool_of(2)
    found = []
    for _ in range(9):
        found.append(pool.failed(pool.targets[0], "timeout"))
        clock.now += step
    assert ejects == any(found)
    assert pool.states()[0]["failures"] == 9


def test_failures_of_an_ejected_target_tell_nothing_new() -> None:
    """Calls that began before an ejection neither make it longer nor count after it."""
    pool, clock = pool_of(2)
    assert fail(pool, pool.targets[0])
    clock.now += 29.0
    assert not fail(pool, pool.targets[0], 20)
    clock.now += 1.0
    assert not fail(pool, pool.targets[0], 4)
    assert fail(pool, pool.targets[0], 1)


@pytest.mark.parametrize(("many", "most"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_at_most_half_are_ejected(many: int, most: int) -> None:
    """Of a number of targets, half are ejected at once, rounded down; the next one is when there is room."""
    pool, clock = pool_of(many)
    ejected = [fail(pool, target) for target in pool.targets]
    assert [True] * most + [False] * (many - most) == ejected
    clock.now += 30.0
    assert [0.0] * many == out(pool)
    assert bool(most) == fail(pool, pool.targets[-1])


def test_the_next_failure_ejects_when_there_is_room() -> None:
    """A target that was spared for the others is not forgotten."""
    pool, _ = pool_of(2)
    one, two = pool.targets
    assert fail(pool, one)
    assert not fail(pool, two)
    pool.found(one, False)
    pool.found(one, True)
    assert fail(pool, two, 1)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("after 1 failures in 1s for 30s", [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]),
        ("after 1 failures in 1s for 80s", [80, 160, 240, 300, 300]),
        ("after 1 failures in 1s for 10min", [600, 600]),
    ],
)
def test_each_ejection_in_a_row_is_longer(text: str, lengths: list[float]) -> None:
    """A target that fails again at once is left alone a step longer, up to five minutes."""
    pool, clock = pool_of(2, Ejection.parse(text))
    for length in lengths:
        assert pool.failed(pool.targets[0], "refused")
        assert length == out(pool)[0]
        clock.now += length


@pytest.mark.parametrize(("healthy", "length"), [(29.9, 120), (30, 90), (65, 60), (90, 30), (10_000, 30)])
def test_time_of_health_is_rewarded(healthy: float, length: float) -> None:
    """Each thirty seconds of not being ejected take one step off, until there is none."""
    pool, clock = pool_of(2, Ejection.parse("after 1 failures in 1s for 30s"))
    for _ in range(3):
        pool.failed(pool.targets[0], "refused")
        clock.now += out(pool)[0]
    clock.now += healthy
    assert pool.failed(pool.targets[0], "refused")
    assert length == out(pool)[0]


def test_a_long_bad_time_is_forgotten_as_the_longest_is() -> None:
    """However often it was ejected, ten spans of health are enough to begin again."""
    pool, clock = pool_of(2, Ejection.parse("after 1 failures in 1s for 30s"))
    for _ in range(40):
        pool.failed(pool.targets[0], "refused")
        clock.now += out(pool)[0]
    clock.now += 300
    pool.failed(pool.targets[0], "refused")
    assert [30.0, 0.0] == out(pool)


def test_each_ejection_needs_failures_of_its_own() -> None:
    """However long the window is, what led to one ejection does not lead to the next."""
    pool, clock = pool_of(2, Ejection.parse("after 2 failures in 1h for 1s"))
    assert fail(pool, pool.targets[0], 2)
    clock.now += 1
    assert [False, True] == [pool.failed(pool.targets[0], "refused") for _ in range(2)]


def test_what_checks_find_ends_a_guess() -> None:
    """A sick target is not ejected as well, and one that turns well is called at once, with nothing held against it."""
    pool, _ = pool_of(2)
    one, two = pool.targets
    assert fail(pool, one)
    pool.found(one, False, "it answers GET with 503")
    assert ["sick", 0.0, "it answers GET with 503"] == [pool.states()[0][name] for name in ("state", "until", "why")]
    assert not fail(pool, one, 20)
    assert {two} == {pool.pick() for _ in range(50)}
    pool.found(one, True)
    assert {one, two} == {pool.pick() for _ in range(50)}
    assert not fail(pool, one, 4)
    pool.found(one, False)
    pool.found(one, True)
    assert not fail(pool, one, 1)


def test_a_target_that_is_spared_is_not_remembered_for_ever() -> None:
    """Of a target that goes on failing, no more times are kept than the rule asks for."""
    pool, _ = pool_of(2)
    fail(pool, pool.targets[0])
    fail(pool, pool.targets[1], 1000)
    assert (5, 1000) == (len(pool.targets[1].recent), pool.targets[1].failures)


def test_no_time_is_asked_for_when_all_are_in_order() -> None:
    """A pool looks at its clock as long as a target is out, and then no more."""
    pool, clock = pool_of(2)
    fail(pool, pool.targets[0])
    clock.now += 30
    pool.pick()
    asked = clock.asked
    pool.pick()
    assert asked == clock.asked


def test_what_is_known_of_a_target() -> None:
    """The facts for whoever operates it: what it is, what it does, and how it last failed."""
    pool, clock = pool_of(2)
    pool.targets[1].active = 3
    fail(pool, pool.targets[0])
    clock.now += 10
    shared = {"weight": 1}
    assert pool.states() == [
        {
            **shared,
            **{"target": "http://10.0.0.1", "active": 0, "state": "ejected", "until": 20.0},
            **{"failures": 5, "why": "refused"},
        },
        {**shared, "target": "http://10.0.0.2", "active": 3, "state": "ok", "until": 0.0, "failures": 0, "why": ""},
    ]


class Life(RuleBasedStateMachine):
    """A pool through good and bad times, beside a plain record of what was told to it."""

    @initialize(many=st.integers(1, 6), failures=st.integers(0, 3), seed=st.integers(0, 9))
    def begin(self, many: int, failures: int, seed: int) -> None:
        """Set up a pool, with targets of different weights."""
        self.clock = Seconds()
        targets = [Target(f"http://10.0.0.{place}", place) for place in range(1, many + 1)]
        self.pool = Pool(targets, Ejection(failures, 10.0, 30.0), self.clock, Random(seed))
        self.calls: list[Target] = []
        self.rows = dict.fromkeys(targets, 0)
        self.sick: set[Target] = set()
        self.tried: set[Target] = set()

    def ejected(self) -> set[Target]:
        """Those that the pool says are ejected."""
        return {
            target
            for target, state in zip(self.pool.targets, self.pool.states(), strict=True)
            if state["state"] == "ejected"
        }

    @rule(avoid=st.sets(st.integers(0, 5)))
    def call(self, avoid: set[int]) -> None:
        """Begin a call: nobody sick is picked, nobody tried before nor ejected while there is somebody better."""
        tried = [target for place, target in enumerate(self.pool.targets) if place in avoid]
        ejected = self.ejected()
        target = self.pool.pick(tried)
        well = [each for each in self.pool.targets if each not in self.sick]
        if target is None:
            assert not well
            return
        order = [(each in tried, each in ejected) for each in well]
        assert (target in tried, target in ejected) == min(order)
        target.active += 1
        self.calls.append(target)
        if target in ejected:
            self.tried.add(target)

    @precondition(lambda self: self.calls)
    @rule(place=st.integers(0, 1000), well=st.booleans())
    def end(self, place: int, well: bool) -> None:
        """End a call, well or not: a failure with enough before it may eject, a success ends what it has disproved."""
        target = self.calls.pop(place % len(self.calls))
        target.active -= 1
        before, tried = self.ejected(), {target} & self.tried
        self.tried.discard(target)
        if well:
            self.rows[target] = 0
            self.pool.succeeded(target)
            assert self.ejected() == before - tried
            return
        self.rows[target] += 1
        ejects = self.pool.failed(target, "refused")
        assert self.ejected() == before | ({target} if ejects else set())
        assert not ejects or (target not in before and self.rows[target] >= self.pool.ejection.failures)

    @rule(place=st.integers(0, 5), well=st.booleans())
    def check(self, place: int, well: bool) -> None:
        """Let a check find something."""
        target = self.pool.targets[place % len(self.pool.targets)]
        self.pool.found(target, well, "" if well else "no answer")
        self.rows[target] = 0
        (self.sick.discard if well else self.sick.add)(target)

    @rule(passed=st.sampled_from([0.0, 1.0, 10.0, 29.0, 30.0, 300.0]))
    def wait(self, passed: float) -> None:
        """Let time pass; nobody is ejected for longer than five minutes."""
        self.clock.now += passed
        assert passed < 300 or not self.ejected()

    @invariant()
    def counts(self) -> None:
        """No more than half are ejected, the counts are right, and sick are exactly those that were found so."""
        states = dict(zip(self.pool.targets, self.pool.states(), strict=True))
        assert len(self.ejected()) <= len(states) // 2
        assert self.sick == {target for target, state in states.items() if state["state"] == "sick"}
        assert self.rows == {target: state["failures"] for target, state in states.items()}
        assert {target: self.calls.count(target) for target in states} == {
            target: state["active"] for target, state in states.items()
        }


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_a_pool_through_good_and_bad_times = Life.TestCase
