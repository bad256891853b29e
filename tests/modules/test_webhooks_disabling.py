"""Webhooks that nobody answers: they are switched off, with a reason, and not too soon."""

from __future__ import annotations

from typing import Any

import pytest

from .tools import Clock, Home, Receiver, answer, at_home, eventually


async def test_gone(home: Home, receiver: Receiver) -> None:
    """A receiver that answers 410 is never bothered again."""
    hook = await home.hook(receiver)
    receiver.answers.append(answer(410))
    await home.device()

    async def disabled() -> bool:
        return (await home.read(hook))["enabled"] is False

    await eventually(disabled)
    await home.device()
    [made] = await home.attempts(hook)
    assert (410, 0, "the receiver answered 410 Gone") == (
        made["response_code"],
        made["retries_left"],
        (await home.read(hook))["disable_reason"],
    )
    assert ([], 1) == (await home.outstanding(), len(receiver.received))


async def failing(home: Home, receiver: Receiver, count: int) -> None:
    """Have so many deliveries fail, one after the other."""
    before = len(await home.attempts())
    for number in range(count):
        receiver.answers.append(answer(500))
        await home.device()
        await home.settled(before + number + 1)


@pytest.mark.parametrize("all_at_once", [True, False])
async def test_too_many_failures(clock: Clock, receiver: Receiver, *, all_at_once: bool) -> None:
    """Deliveries given up in a row switch a webhook off; a success in between, or time, begins the count anew."""
    async with at_home(clock=clock, disable_after=3, disable_window=60) as home:
        hook = await home.hook(receiver, retries=0)
        await failing(home, receiver, 2)
        await home.device()
        await home.settled(3)
        await failing(home, receiver, 2)
        clock.now += 61
        await failing(home, receiver, 2)
        assert (await home.read(hook))["enabled"] is True
        receiver.answers.append(answer(500))
        await home.device()

        async def disabled() -> Any:
            return (await home.read(hook)).get("disable_reason")

        assert "too many failed attempts" == await eventually(disabled)
        # Switched on, it begins with a clean slate.
        if all_at_once:
            await home.client.patch(f"{home.path}/webhooks", {"re-enable": True})
        else:
            await home.client.patch(home.at(hook), {"enabled": True})
        clock.now += 1
        await failing(home, receiver, 2)
        assert (await home.read(hook))["enabled"] is True
        await failing(home, receiver, 1)
        assert "too many failed attempts" == await eventually(disabled)


async def test_never_switched_off(clock: Clock, receiver: Receiver) -> None:
    """With `disable_after` 0 a webhook stays on, however often it fails."""
    async with at_home(clock=clock, disable_after=0) as home:
        hook = await home.hook(receiver, retries=0)
        await failing(home, receiver, 12)
        assert (await home.read(hook))["enabled"] is True
