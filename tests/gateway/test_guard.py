"""The guard over a call: time limits phase by phase, clients that go, and cancellations that are somebody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from crossbar.gateway.guard import ClientGone, Guard, Overdue

SOON = 0.01


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _told(guard: Guard) -> str:
    """What ends a call that would go on for ever."""
    try:
        await guard.call(_for_ever())
    except (ClientGone, Overdue) as error:
        return str(error) or "gone"
    return ""


async def test_what_is_waited_for_comes() -> None:
    """A result is a result, and an error the error that it is."""
    guard = Guard(60)
    assert 7 == await guard.call(asyncio.sleep(0, 7))
    with pytest.raises(KeyError):
        await guard.call(_failing(KeyError()))
    guard.end()


async def _failing(error: BaseException) -> None:
    await asyncio.sleep(0)
    raise error


@pytest.mark.parametrize(("total", "limit", "phase"), [(60, SOON, "idle"), (SOON, 60, "total"), (SOON, 0, "total")])
async def test_the_limit_that_comes_first_is_named(total: float, limit: float, phase: str) -> None:
    """A phase ends with its limit or with the total, and the task is not left cancelled."""
    guard = Guard(total)
    guard.within(limit, "idle")
    assert phase == await _told(guard)
    assert 0 == _cancelling()


def _cancelling() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_a_phase_that_is_over_is_followed_by_another_one() -> None:
    """What was too late for one try is no reason to give up the next."""
    guard = Guard(60)
    for phase in ("first_byte", "idle", "first_byte"):
        guard.within(SOON, phase)
        assert phase == await _told(guard)
    guard.within(60, "idle")
    assert 7 == await guard.call(asyncio.sleep(0, 7))
    guard.end()


async def test_the_total_is_over_for_good() -> None:
    """No phase begins behind it."""
    guard = Guard(SOON)
    guard.within(60, "idle")
    assert "total" == await _told(guard)
    guard.within(60, "idle")
    assert "total" == await _told(guard)
    guard.unhurried()
    assert "total" == await _told(guard)


class Clock:
    """The time of an event loop that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self._call_others_at = loop.call_at
        monkeypatch.setattr(loop, "time", lambda: self.now)
        monkeypatch.setattr(loop, "call_at", self._call_at)

    def _call_at(self, when: float, call: Callable[..., None], *given: Any, context: Any = None) -> Any:
        # NOTE: applications of other tests may still have timers on the loop.
        if not isinstance(getattr(call, "__self__", None), Guard):
            return self._call_others_at(when, call, *given, context=context)
        timer = (when, call)
        self.timers.append(timer)

        class Handle:
            def cancel(handle) -> None:  # noqa: N805
                self.timers.remove(timer)

        return Handle()

    def pass_by(self, seconds: float) -> None:
        """Let so many seconds pass, and strike what is due."""
        self.now += seconds
        for timer in [timer for timer in self.timers if timer[0] <= self.now]:
            self.timers.remove(timer)
            timer[1]()


async def test_moving_a_limit_on_sets_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """One timer at a time, which looks again; each piece that comes begins the time anew."""
    guard = Guard(100)
    clock = Clock(monkeypatch)
    guard.within(15, "first_byte")
    for _ in range(30):
        guard.within(10, "idle")
        clock.pass_by(3)
        assert 1 == len(clock.timers)
    calling = asyncio.create_task(asyncio.sleep(0))
    await guard.call(calling)
    clock.pass_by(9)
    with pytest.raises(Overdue, match="idle"):
        await guard.call(_for_ever())
    guard.end()
    assert [] == clock.timers


async def test_a_client_takes_what_time_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is the client's turn, only the total counts."""
    guard = Guard(100)
    clock = Clock(monkeypatch)
    guard.within(10, "idle")
    guard.unhurried()
    clock.pass_by(99)
    assert 7 == await guard.call(asyncio.sleep(0, 7))
    clock.pass_by(2)
    with pytest.raises(Overdue, match="total"):
        await guard.call(_for_ever())
    guard.end()


async def test_no_limit_is_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is switched off costs nothing, and ends nothing."""
    clock = Clock(monkeypatch)
    guard = Guard(0)
    guard.within(0, "idle")
    clock.pass_by(10**6)
    assert 7 == await guard.call(asyncio.sleep(0, 7))
    assert [] == clock.timers


class Server:
    """A server that calls back, as Crossbar's own does."""

    leaving: Callable[[], None] | None = None

    def tell_when_gone(self, leaving: Callable[[], None]) -> None:
        """Remember whom to call."""
        self.leaving = leaving

    async def receive(self) -> Any:
        """Nothing comes here."""
        raise AssertionError("nobody has to wait here")


async def test_a_client_that_goes_ends_what_is_waited_for() -> None:
    """At once, and for good."""
    server, guard = Server(), Guard(0)
    guard.listen(server.receive, received=False)
    assert server.leaving is not None
    asyncio.get_running_loop().call_soon(server.leaving)
    assert "gone" == await _told(guard)
    guard.within(1, "idle")
    assert "gone" == await _told(guard)
    assert 0 == _cancelling()
    guard.end()


async def test_a_client_that_has_gone_is_noticed_by_the_next_call() -> None:
    """Also when the news come while the task itself runs, which is never cancelled for it."""
    guard = Guard(0)

    async def leaving() -> int:
        guard.leave()
        return 7

    assert 7 == await guard.call(leaving())
    await asyncio.sleep(0)
    assert "gone" == await _told(guard)


async def test_a_client_of_another_server_is_waited_for() -> None:
    """A server that does not call back has a message to say it, behind the body."""
    gone = asyncio.Event()
    messages = [{"type": "http.request"}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    guard = Guard(0)
    guard.listen(receive, received=False)
    assert messages
    guard.listen(receive)
    asyncio.get_running_loop().call_soon(gone.set)
    assert "gone" == await _told(guard)
    guard.end()


async def test_late_and_gone_in_one_moment_is_one_cancellation() -> None:
    """The task goes on as if nobody had cancelled it."""
    guard = Guard(60)
    loop = asyncio.get_running_loop()
    guard.within(SOON, "idle")

    async def both() -> None:
        when = loop.time() + 5 * SOON
        while loop.time() < when:  # the timer is due, and has not struck
            pass
        loop.call_soon(guard.leave)
        await _for_ever()

    with pytest.raises(ClientGone):
        await guard.call(both())
    assert 0 == _cancelling()
    guard.end()


async def test_the_cancellation_of_somebody_else_passes() -> None:
    """Who shuts the server down means the task, whatever the guard thinks; and also in the moment of a limit."""
    guard = Guard(0)

    async def work(late: bool) -> None:
        nonlocal guard
        guard = Guard(60)
        if late:
            asyncio.get_running_loop().call_soon(guard.leave)
        try:
            await guard.call(_for_ever())
        finally:
            guard.end()

    for late in (False, True):
        task = asyncio.create_task(work(late))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_cancellation_that_becomes_something_else_is_settled() -> None:
    """What fails as it is cancelled has failed; the task is not left cancelled."""

    async def stubborn() -> None:
        try:
            await _for_ever()
        except asyncio.CancelledError:
            raise KeyError from None

    guard = Guard(60)
    guard.within(SOON, "idle")
    with pytest.raises(KeyError):
        await guard.call(stubborn())
    assert 0 == _cancelling()
    assert "idle" == await _told(guard)
    guard.end()
