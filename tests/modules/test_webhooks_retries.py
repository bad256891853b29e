"""Retries: when a failed delivery is tried again, and where it goes by then."""

from __future__ import annotations

import pytest

from .tools import Clock, Home, Receiver, answer, at_home, receiving


async def test_retries(home: Home, receiver: Receiver, clock: Clock) -> None:
    """A failed delivery is tried again after ever longer waits, as often as the webhook says, then it is given up."""
    hook = await home.hook(receiver, retries=2)
    receiver.answers += [answer(500), answer(404), answer(302, location="/elsewhere")]
    await home.device()
    waits = []
    for count in (1, 2):
        await home.settled(count)
        [waiting] = await home.outstanding()
        waits.append(waiting.created - int(clock.now))
        home.wake()  # too early
        clock.now = waiting.created
        home.wake()
    made = await home.settled(3)
    assert (True, True) == (10 <= waits[0] <= 15, 60 <= waits[1] <= 90)
    assert [(500, 2), (404, 1), (302, 0)] == [(each["response_code"], each["retries_left"]) for each in made]
    assert {("failure", "bad response code")} == {(each["result"], each["reason"]) for each in made}
    assert ([], 1) == (await home.outstanding(), len({got.id for got in receiver.received}))
    assert 3 == len({got.headers["webhook-timestamp"] for got in receiver.received})
    assert all(got.signed_by(hook["secret"]) for got in receiver.received)
    assert {"/hook"} == {got.path for got in receiver.received}


async def test_a_retry_that_succeeds(home: Home, receiver: Receiver, clock: Clock) -> None:
    """After a success nothing is sent again; both attempts are remembered."""
    hook = await home.hook(receiver)
    receiver.answers.append(answer(503))
    await home.device()
    await home.settled(1)
    clock.now += 15
    home.wake()
    first, second = await home.settled(2, hook)
    assert ("failure", "success", 200) == (first["result"], second["result"], second["response_code"])
    assert (first["event_id"], receiver.uri, "POST") == (second["event_id"], second["uri"], second["method"])
    assert [] == await home.outstanding()


async def test_no_retries(home: Home, receiver: Receiver) -> None:
    """With `retries` 0 there is one attempt."""
    await home.hook(receiver, retries=0)
    receiver.answers.append(answer(500))
    await home.device()
    [made] = await home.settled(1)
    assert (0, []) == (made["retries_left"], await home.outstanding())


@pytest.mark.parametrize(("field", "least", "most"), [("120", 120, 120), ("99999", 3600, 3600), ("1", 10, 15)])
async def test_retry_after(home: Home, receiver: Receiver, clock: Clock, field: str, least: int, most: int) -> None:
    """A receiver that asks for a pause gets it, up to an hour; a shorter one than ours does not shorten ours."""
    await home.hook(receiver)
    receiver.answers.append(answer(429, retry_after=field))
    await home.device()
    await home.settled(1)
    [waiting] = await home.outstanding()
    assert least <= waiting.created - clock.now <= most


async def test_what_the_webhook_says_now(home: Home, receiver: Receiver, clock: Clock) -> None:
    """A retry goes where the webhook points by then; one that was deleted or switched off gets nothing more."""
    async with receiving() as elsewhere:
        moved, gone, off = [await home.hook(receiver, name=name) for name in ("moved", "gone", "off")]
        receiver.answers += [answer(500), answer(500), answer(500)]
        await home.device()
        await home.settled(3)
        await home.client.patch(home.at(moved), {"uri": elsewhere.uri})
        await home.client.delete(home.at(gone))
        await home.client.patch(home.at(off), {"enabled": False})
        clock.now += 15
        home.wake()
        await home.settled(5)
        await home.emptied()
        assert ([moved["id"]], 3) == ([got.headers["x-hook-id"] for got in elsewhere.received], len(receiver.received))
        last = (await home.attempts(off))[-1]
        assert ("webhook disabled", 0) == (last["reason"], last["retries_left"])


async def test_a_receiver_that_recovers(clock: Clock, receiver: Receiver) -> None:
    """Many deliveries that failed at once are all made when the receiver is back, each once."""
    async with at_home(clock=clock) as home:
        await home.hook(receiver, retries=4)
        receiver.answers += [answer(503) for _ in range(20)]
        for number in range(20):
            await home.device(str(number))
        await home.settled(20)
        assert 20 == len(await home.outstanding())
        clock.now += 15
        home.wake()
        await home.emptied()
        succeeded = [made["event_id"] for made in await home.attempts() if made["result"] == "success"]
        assert (20, 20) == (len(succeeded), len(set(succeeded)))
