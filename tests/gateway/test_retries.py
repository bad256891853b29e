"""When a call is tried again: what settings can say of it, and how many retries there may be at a time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.gateway.retries import IDEMPOTENT, Retry, RetryBudget


@pytest.mark.parametrize(
    ("text", "tries", "on"),
    [
        ("never", 1, frozenset()),
        ("2 tries on connect", 2, frozenset({"connect"})),
        ("5 tries on connect, reset, timeout", 5, frozenset({"connect", "reset", "timeout"})),
        ("3 tries on 503, connect, 429", 3, frozenset({"503", "connect", "429"})),
    ],
)
def test_a_rule_in_words(text: str, tries: int, on: frozenset[str]) -> None:
    """The rule says how many tries there are in all, and what leads to another one."""
    rule = Retry.parse(text)
    assert (tries, on) == (rule.tries, rule.on)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2 tries on conect", "'conect'; did you mean 'connect'?"),
        ("2 tries on connect, rest", "'rest'; did you mean 'reset'?"),
        ("2 tries on gateway_trouble", "'gateway_trouble'; there are connect, reset, timeout and 400 to 599"),
        ("2 tries on 399", "'399'; there are"),
        ("2 tries on 600", "'600'; there are"),
        ("2 tries on 50", "'50'; there are"),
        ("1 tries on connect", "is no rule of retries"),
        ("6 tries on connect", "is no rule of retries"),
        ("2 tries on ", "is no rule of retries"),
        ("2 tries on connect reset", "is no rule of retries"),
        ("2 tries on connect,reset", "is no rule of retries"),
        ("", "is no rule of retries"),
    ],
)
def test_a_rule_that_is_none(text: str, said: str) -> None:
    """The message repeats the rule, and names what was probably meant."""
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        Retry.parse(text)
    assert str(caught.value).startswith(repr(text))


def test_statuses_that_are_worth_another_try() -> None:
    """Only the statuses that the rule names are, whatever else it names."""
    rule = Retry.parse("2 tries on connect, 503, 400, 599")
    assert {400, 503, 599} == {status for status in range(100, 600) if rule.covers_status(status)}
    assert not any(map(Retry.parse("never").covers_status, range(100, 600)))


def test_methods_that_may_be_sent_twice() -> None:
    """The idempotent methods are those of RFC 9110, 9.2.2."""
    assert {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"} == IDEMPOTENT


@given(st.integers(0, 10_000))
def test_the_budget_is_a_fifth_and_never_fewer_than_three(active: int) -> None:
    """Of the calls under way at most 20 % are retries; three may always be."""
    budget = RetryBudget()
    while budget.admits(active):
        budget.begin()
    assert budget.retries == 3 or budget.retries <= 0.2 * active < budget.retries + 1
    assert budget.retries >= 3


def test_a_retry_that_has_ended_makes_room() -> None:
    """What has ended counts no more, and what goes on does."""
    budget = RetryBudget()
    for _ in range(3):
        budget.begin()
    assert not budget.admits(19)
    assert budget.admits(20)
    budget.end()
    assert budget.admits(0)
