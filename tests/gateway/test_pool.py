"""The targets of an upstream: how they are written, how calls are spread over them, and which are left alone."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from crossbar.gateway.pool import Ejection, Pool, Target

NEVER = Ejection()
USUAL = Ejection.parse("after 5 failures in 10s for 30s")


class Seconds:
    """A clock of seconds that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def pool_of(*weights: int, ejection: Ejection = NEVER, clock: Seconds | None = None) -> Pool:
    """A pool with targets of these weights, and the same luck each time."""
    targets = [Target(f"http://10.0.0.{place}:9000", weight) for place, weight in enumerate(weights, 1)]
    return Pool(targets, ejection, clock or Seconds(), Random(7))


def fail(pool: Pool, target: Target, times: int = 5) -> bool:
    """Let calls of a target fail; whether the last of them ejects it."""
    return [pool.failed(target, "refused") for _ in range(times)][-1]


def states(pool: Pool) -> list[str]:
    """The state of each target."""
    return [state["state"] for state in pool.states()]


# Targets.


@pytest.mark.parametrize(
    ("text", "origin", "host", "base", "weight"),
    [
        ("http://10.0.0.12:9000/base weight=2", "http://10.0.0.12:9000", b"10.0.0.12:9000", b"/base", 2),
        ("http://billing", "http://billing", b"billing", b"", 1),
        ("http://billing/", "http://billing", b"billing", b"", 1),
        ("http://billing:80/a/b/", "http://billing", b"billing", b"/a/b", 1),
        ("https://billing:443", "https://billing", b"billing", b"", 1),
        ("https://billing:80 weight=9999", "https://billing:80", b"billing:80", b"", 9999),
        (
            "http://Billing_2.Example.:08080/%2F",
            "http://billing_2.example.:8080",
            b"billing_2.example.:8080",
            b"/%2F",
            1,
        ),
        ("http://[2001:DB8::1]/x", "http://[2001:db8::1]", b"[2001:db8::1]", b"/x", 1),
        ("https://[::1]:9000", "https://[::1]:9000", b"[::1]:9000", b"", 1),
    ],
)
def test_a_target_in_words(text: str, origin: str, host: bytes, base: bytes, weight: int) -> None:
    """A target says where to connect, what `Host` is sent there, and what comes before the path of a call."""
    target = Target.parse(text)
    assert (origin, host, base, weight) == (target.origin, target.host_field, target.base, target.weight)
    assert (text.partition(" ")[0], text.startswith("https")) == (target.text, target.secure)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ftp://billing", "'ftp://billing' is no target: it begins with http:// or https://"),
        ("billing:9000", "'billing:9000' is no target"),
        ("http://", "'http://' has no host:"),
        ("http://:9000", "'http://:9000' has no host:"),
        ("http://a..b", "has no host 'a..b'"),
        ("http://10.0.0.300", "has no host '10.0.0.300'"),
        ("http://10.1", "has no host '10.1'"),
        ("http://a%20b", "has no host 'a%20b'"),
        ("http://[::1", "is no host and port"),
        ("http://[10.0.0.1]", "has no host '[10.0.0.1]'"),
        ("http://[fe80::1%eth0]", "has no host '[fe80::1%eth0]'"),
        ("http://billing:", "has no port ''"),
        ("http://billing:0", "has no port '0'"),
        ("http://billing:65536", "has no port '65536'"),
        ("http://billing:http", "has no port 'http'"),
        ("http://billing:9000:1", "has no port '9000:1'"),
        ("http://billing?x", "has a query or a fragment"),
        ("http://billing/#x", "has a query or a fragment"),
        ("http://billing/a/../b", "has a dot segment in its path"),
        ("http://billing/\N{LATIN SMALL LETTER E WITH ACUTE}", "has a space or a character outside ASCII"),
        ("http://bil\tling", "has a space or a character outside ASCII"),
        ("http://billing weight=0", "only a weight may stand behind a URL"),
        ("http://billing weight=10000", "only a weight may stand behind a URL"),
        ("http://billing  weight=2", "only a weight may stand behind a URL"),
        ("http://billing weight=2 weight=3", "only a weight may stand behind a URL"),
        ("http://billing ", "only a weight may stand behind a URL"),
    ],
)
def test_a_target_that_is_none(text: str, said: str) -> None:
    """The message names the target and what is wrong with it."""
    with pytest.raises(ValueError, match=re.escape(said)):
        Target.parse(text)


@pytest.mark.parametrize("text", ["http://me:hunter2@billing:9000", "http://me:hunter2 @billing weight=2"])
def test_a_password_is_not_repeated(text: str) -> None:
    """A user before the host is refused, in words that do not end up in a log as a secret."""
    with pytest.raises(ValueError, match="billing") as caught:
        Target.parse(text)
    assert "hunter2" not in str(caught.value)


def test_a_pool_has_different_targets() -> None:
    """A pool without a target, or with the same one twice, is refused; the message names both sides."""
    with pytest.raises(ValueError, match="there is no target"):
        Pool([], NEVER, Seconds(), Random(7))
    twice = [Target("http://billing/"), Target("http://BILLING:80")]
    with pytest.raises(ValueError, match="'http://billing/' and 'http://BILLING:80' are the same target"):
        Pool(twice, NEVER, Seconds(), Random(7))


@pytest.mark.parametrize(
    "text",
    [
        "after 0 failures in 10s for 30s",
        "after 5 failures in 0s for 30s",
        "after 5 failures in 10s for 0.0s",
        "after 5 failures in 1.2.3s for 30s",
        "after 5 failures in 10 for 30",
        "",
    ],
)
def test_a_rule_of_ejection_that_is_none(text: str) -> None:
    """What bounds nothing, or is no time at all, is refused."""
    with pytest.raises(ValueError, match="is no rule of ejection: write"):
        Ejection.parse(text)


def test_rules_of_ejection_in_words() -> None:
    """The words give a number and seconds; `never` is a rule as well."""
    assert Ejection(3, 0.5, 120.0) == Ejection.parse("after 3 failures in 500ms for 2min")
    assert NEVER == Ejection.parse("never")


# Spreading.


@pytest.mark.parametrize("weights", [(1, 1), (1, 2), (5, 1, 1), (1, 99)], ids=str)
@pytest.mark.parametrize("sick", [False, True], ids=["all", "one sick"])
def test_weights_hold_without_load(weights: tuple[int, ...], sick: bool) -> None:
    """When nothing is under way, calls are spread by weight, over those that are in order."""
    pool = pool_of(*weights, *([3] if sick else []))
    if sick:
        pool.found(pool.targets[-1], False)
    drawn = Counter(target.text for _ in range(20_000) if (target := pool.pick()))
    assert {target.text for target in pool.targets[: len(weights)]} == set(drawn)
    for target in pool.targets[: len(weights)]:
        assert abs(drawn[target.text] / 20_000 - target.weight / sum(weights)) < 0.01


@pytest.mark.parametrize("weights", [(1, 1), (1, 2), (1, 2, 3, 4), (10, 1)], ids=str)
def test_weights_hold_under_load(weights: tuple[int, ...]) -> None:
    """When calls pile up, each target has as many of them as its weight is worth, and never many more."""
    pool = pool_of(*weights)
    for _ in range(100 * sum(weights)):
        target = pool.pick()
        assert target is not None
        target.active += 1
    for target in pool.targets:
        assert abs(target.active - 100 * target.weight) <= 5 + 2 * target.weight


def test_who_has_less_to_do_is_called() -> None:
    """Of two targets the one with less to do is called, always; of many, the one with the most to do never is."""
    pool = pool_of(1, 1)
    pool.targets[0].active = 1
    assert {pool.targets[1]} == {pool.pick() for _ in range(200)}
    pool = pool_of(1, 1, 1, 1)
    for active, target in enumerate(pool.targets, 1):
        target.active = active
    drawn = Counter(picked.active for _ in range(12_000) if (picked := pool.pick()))
    # Of six pairs three have the idlest in them, two more the next one, and the last the third.
    assert {1, 2, 3} == set(drawn)
    for active, share in ((1, 3 / 6), (2, 2 / 6), (3, 1 / 6)):
        assert abs(drawn[active] / 12_000 - share) < 0.02


def test_two_different_targets_are_compared() -> None:
    """The second is drawn from the others, by their weights."""
    pool = pool_of(8, 1, 1)
    for target, active in zip(pool.targets, (800, 1, 1), strict=True):
        target.active = active
    drawn = Counter(picked.text for _ in range(10_000) if (picked := pool.pick()))
    assert pool.targets[0].text not in drawn
    assert abs(drawn[pool.targets[1].text] / 10_000 - 0.5) < 0.02


def test_one_target_needs_no_luck() -> None:
    """A single target is called without drawing, whatever it has failed with, unless it is sick."""

    class Luckless(Random):
        """Nothing is drawn from this."""

        def random(self) -> float:
            """Fail."""
            raise AssertionError("drawn")

    target = Target("http://billing")
    pool = Pool([target], USUAL, Seconds(), Luckless())
    assert not fail(pool, target, 50)
    assert (target, target, ["ok"]) == (pool.pick(), pool.pick([target]), states(pool))
    pool.found(target, False, "503")
    assert (None, None) == (pool.pick(), pool.pick([target]))
    pool.found(target, True)
    assert target == pool.pick()


# Trying others.


def test_what_was_tried_is_tried_last() -> None:
    """A call that has failed goes elsewhere, even to an ejected target; only if there is nobody else, there again."""
    pool = pool_of(1, 1, 1, ejection=USUAL)
    one, two, three = pool.targets
    assert {two, three} == {pool.pick([one]) for _ in range(100)}
    assert {three} == {pool.pick([one, two]) for _ in range(20)}
    assert {one, two, three} == {pool.pick([one, two, three]) for _ in range(100)}
    assert fail(pool, three)
    assert {one, two} == {pool.pick() for _ in range(100)}
    assert {two} == {pool.pick([one]) for _ in range(20)}
    assert {three} == {pool.pick([one, two]) for _ in range(20)}
    assert {one, two} == {pool.pick([one, two, three]) for _ in range(100)}
    pool.found(three, False)
    assert {one, two} == {pool.pick([one, two]) for _ in range(100)}


def test_an_ejected_target_is_better_than_none() -> None:
    """When all others are sick the ejected one is called; one good call of it ends the ejection, a bad one does not."""
    pool = pool_of(1, 1, ejection=USUAL)
    one, two = pool.targets
    assert fail(pool, one)
    pool.succeeded(one)
    assert ["ejected", "ok"] == states(pool), "a call that began before the ejection tells nothing"
    pool.found(two, False, "503")
    assert one == pool.pick()
    pool.failed(one, "refused")
    pool.succeeded(one)
    assert ["ejected", "sick"] == states(pool)
    assert one == pool.pick()
    pool.succeeded(one)
    assert ["ok", "sick"] == states(pool)
    pool.found(one, False, "503")
    assert pool.pick() is None
