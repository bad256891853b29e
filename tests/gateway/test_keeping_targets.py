"""The targets of an upstream that was changed: those that are the same are as well, or as sick, as they were."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar.gateway.keeping import configure
from crossbar.gateway.upstreams import Service

from .renewing import Lines, ask, keeper, route, said, service, simple, started, until, watched

ONE, TWO, THREE = "http://one.example", "http://two.example", "http://three.example"
EJECT = "after 1 failures in 10s for 30s"
HEALTH = "GET /readyz every 1h"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Give the transports of all upstreams."""
    return watched(monkeypatch)


def upstream(*targets: str, **more: Any) -> dict[str, Any]:
    """An upstream with these targets."""
    return {"targets": [*targets], "eject": EJECT} | more


def states(of: Service) -> list[str]:
    """The states of its targets."""
    return [str(state["state"]) for state in of.states()]


async def test_an_ejected_one_stays_so(lines: Lines) -> None:
    """Its time goes on, the new one beside it is in order, and nobody calls the one that is left out."""
    async with started(simple(upstream(ONE, TWO))) as app:
        old = service(app).targets[0]
        service(app).pool.failed(old, "refused")
        await configure(app, simple(upstream(ONE + " weight=5", THREE)))
        made = service(app)
        assert ["ejected", "ok"] == states(made)
        now = made.targets[0]
        assert (old.until, 1, "refused", True) == (now.until, now.row, now.why, now is not old)
        assert {b"three.example"} == {(await ask(app, "/x/1")).body for _ in range(20)}


async def test_failures_in_a_row_go_on(lines: Lines) -> None:
    """The one that was missing before the change ejects it after the change, and failures of the old one do not."""
    rule = "after 2 failures in 1h for 30s"
    async with started(simple(upstream(ONE, TWO, eject=rule))) as app:
        before = service(app)
        before.pool.failed(before.targets[0], "refused")
        await configure(app, simple(upstream(ONE, TWO, eject=rule, concurrency=7)))
        before.pool.failed(before.targets[1], "late")
        before.pool.failed(before.targets[0], "late")
        assert ["ok", "ok"] == states(service(app))
        service(app).pool.failed(service(app).targets[0], "refused again")
        assert ["ejected", "ok"] == states(service(app))


async def test_a_sick_one_stays_so_until_a_check_finds_it_well(lines: Lines) -> None:
    """What a check says of it counts more than what was known of it."""
    async with started(simple(upstream(ONE, TWO, health=HEALTH))) as app:
        service(app).pool.found(service(app).targets[1], False, "it answers 500")
        lines.sick = {TWO}
        await configure(app, simple(upstream(ONE, TWO, health=HEALTH, concurrency=7)))
        await until(lambda: lines.made[1].asked == 2)
        assert (["ok", "sick"], "it answers 500") == (states(service(app)), service(app).targets[1].why)
        lines.sick = set()
        await configure(app, simple(upstream(ONE, TWO, health=HEALTH, concurrency=8)))
        await until(lambda: states(service(app)) == ["ok", "ok"])


async def test_one_that_is_leaving_is_not_checked_any_more(lines: Lines) -> None:
    """A response that takes long keeps its connection open, and nothing else."""

    def checks() -> list[str]:
        return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("check ")]

    async with started(simple(upstream(ONE, health=HEALTH))) as app:
        held = lines.made[0].held = asyncio.Event()
        request = asyncio.create_task(ask(app, "/x/1"))
        await until(lambda: service(app).active == 1)
        assert [f"check {ONE}"] == checks()
        await configure(app, simple(upstream(TWO)))
        assert [] == checks()
        assert [(1, 0), (1, 0)] == lines.counts
        held.set()
        assert b"one.example" == (await request).body
        await keeper(app).renew(simple(upstream(TWO)))
        assert [(1, 1), (1, 0)] == lines.counts


async def test_one_that_is_not_checked_any_more_is_not_sick(lines: Lines) -> None:
    """Nobody could ever find it well."""
    async with started(simple(upstream(ONE, TWO, health=HEALTH))) as app:
        await until(lambda: service(app).pool.targets[1].why == "")
        service(app).pool.found(service(app).targets[1], False, "it answers 500")
        await configure(app, simple(upstream(ONE, TWO)))
        assert ["ok", "ok"] == states(service(app))
        assert {b"one.example", b"two.example"} == {(await ask(app, "/x/1")).body for _ in range(40)}


async def test_where_nobody_is_ejected_any_more(lines: Lines) -> None:
    """An ejection ends with the rule for it."""
    async with started(simple(upstream(ONE, TWO))) as app:
        service(app).pool.failed(service(app).targets[0], "refused")
        assert ["ejected", "ok"] == states(service(app))
        await configure(app, simple(upstream(ONE, TWO, eject="never")))
        assert ["ok", "ok"] == states(service(app))


async def test_another_upstream_with_the_same_target_has_its_own_view(lines: Lines) -> None:
    """What is known goes by the names of upstreams, and begins anew under another one."""
    async with started(simple(upstream(ONE, TWO))) as app:
        service(app).pool.failed(service(app).targets[0], "refused")
        await configure(app, said(route("/x/**", "other"), other=upstream(ONE, TWO)))
        assert ["ok", "ok"] == states(service(app, "other"))
