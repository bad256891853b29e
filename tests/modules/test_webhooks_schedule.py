"""When a delivery is tried again: exponential, with a spread, and as the receiver wishes within bounds."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.webhooks.options import WebhookOptions
from modules.webhooks.schedule import Outcome, seconds_until, wait

OPTIONS = WebhookOptions()
FAILED = Outcome(500, "bad response code")


@pytest.mark.parametrize(("made", "seconds"), [(1, 10), (2, 60), (3, 360), (4, 2160)])
def test_each_wait_is_six_times_as_long(made: int, seconds: int) -> None:
    """The waits grow from the option `backoff`; chance makes them longer by half at most."""
    assert (seconds, seconds * 5 // 4, seconds * 3 // 2) == (
        wait(made, FAILED, OPTIONS, 0.0),
        wait(made, FAILED, OPTIONS, 0.5),
        wait(made, FAILED, OPTIONS, 1.0),
    )


@given(st.integers(1, 4), st.integers(0, 10**9), st.floats(0, 1))
def test_the_receivers_wish_has_bounds(made: int, wished: int, chance: float) -> None:
    """`Retry-After` is kept to, never undercut by our own wait, and never beyond the option."""
    seconds = wait(made, FAILED._replace(retry_after=wished), OPTIONS, chance)
    own = wait(made, FAILED, OPTIONS, chance)
    assert own <= seconds <= max(own, OPTIONS.retry_after)
    assert seconds >= min(wished, OPTIONS.retry_after)


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("9" * 400, 999_999_999),
        (formatdate(1_000_060, usegmt=True), 60),
        (formatdate(999_000, usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253_401_300_799),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("\u0667", None),
        ("", None),
        ("Fri, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_the_field_of_the_receiver(field: str, seconds: int | None) -> None:
    """Seconds and dates are understood; anything else says nothing."""
    assert seconds == seconds_until(field, 1_000_000)


@pytest.mark.parametrize(
    ("status", "delivered", "gone"),
    [
        (200, True, False),
        (204, True, False),
        (299, True, False),
        (199, False, False),
        (302, False, False),
        (404, False, False),
        (410, False, True),
        (500, False, False),
        (None, False, False),
    ],
)
def test_what_a_status_means(status: int | None, *, delivered: bool, gone: bool) -> None:
    """All of 2xx and nothing else is a success; 410 ends it."""
    outcome = Outcome(status)
    assert (delivered, gone) == (outcome.delivered, outcome.gone)
