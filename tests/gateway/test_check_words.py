"""Active checks as the settings write them."""

from __future__ import annotations

import re

import pytest

from crossbar.gateway.checks import Check


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("GET /readyz every 5s", Check("GET", b"/readyz", 5.0, 2.0)),
        ("GET / every 500ms", Check("GET", b"/", 0.5, 0.5)),
        ("HEAD /a?b=%20 every 1min within 2.5s", Check("HEAD", b"/a?b=%20", 60.0, 2.5)),
        ("GET /every every 2s within 2s", Check("GET", b"/every", 2.0, 2.0)),
    ],
)
def test_a_check_in_words(text: str, check: Check) -> None:
    """The words give a method, a path and two times; the second is two seconds, or the interval if that is less."""
    assert check == Check.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("POST /readyz every 5s", "is no health check"),
        ("GET readyz every 5s", "is no health check"),
        ("GET /ready z every 5s", "is no health check"),
        ("GET /readyz#x every 5s", "is no health check"),
        ("GET /readyz every 5", "is no health check"),
        ("GET /readyz every 1.2.3s", "is no health check"),
        ("GET /readyz", "is no health check"),
        ("GET /readyz every 0s", "a check has some time"),
        ("GET /readyz every 5s within 0s", "a check has some time"),
        ("GET /readyz every 5s within 6s", "at most that until the next one"),
    ],
)
def test_a_check_that_is_none(text: str, said: str) -> None:
    """What cannot be asked, or has no time to be answered, is refused."""
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        Check.parse(text)
    assert str(caught.value).startswith(repr(text))
