"""Code that is given up, since it goes on although it was cancelled: its client has one answer, and a whole one."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest

from crossbar import Context, Json
from crossbar.testing import scope_of

from .test_overdue import LONG, SECOND, Stubborn, clock, serve
from .tools import Ahead, Maker, until

__all__ = ["clock"]


async def test_it_is_given_up_once(make: Maker, clock: Ahead) -> None:
    """However long it goes on, it is answered once; what it answers in the end is for nobody."""
    stubborn, sent = Stubborn(), list[Any]()
    world = await make.world(SECOND, endpoints=[stubborn])
    serving = await serve(world.app, b"/v2/account/stubborn", await world.token("customer"), sent)
    await until(lambda: stubborn.inside)
    for _ in range(4):
        clock.seconds += 2 * LONG
        cancelled = stubborn.cancelled
        await until(lambda: stubborn.cancelled > cancelled)  # noqa: B023  # it is called here
    await until(lambda: len(sent) == 2)
    stubborn.release.set()
    await serving
    assert ["http.response.start", "http.response.body"] == [message["type"] for message in sent]


class Failing(Stubborn):
    """One that fails in the end, with what passes through to the host."""

    async def find(self, ctx: Context) -> Json:
        """Go on and on, and fail."""
        await super().find(ctx)
        raise LookupError


@pytest.mark.parametrize("fails", [False, True], ids=["ends", "fails"])
async def test_it_ends_while_it_is_answered_for(make: Maker, clock: Ahead, fails: bool) -> None:
    """For a server a request is over with its task, so that waits until the answer in its place has gone out."""
    stubborn = Failing() if fails else Stubborn()
    gate, sending, sent = asyncio.Event(), asyncio.Event(), list[Any]()
    world = await make.world(SECOND, endpoints=[stubborn], propagate=(LookupError,))

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sending.set()
        await gate.wait()
        sent.append(message["type"])

    headers = [(b"host", b"x"), (b"x-auth-token", (await world.token("customer")).encode())]
    scope = scope_of("http", b"/v2/account/stubborn", headers, method="GET")
    serving = asyncio.create_task(world.app(scope, receive, send))
    await until(lambda: stubborn.inside)
    clock.seconds = 2 * LONG
    await until(lambda: stubborn.cancelled)
    clock.seconds = 4 * LONG
    await sending.wait()
    stubborn.release.set()
    await until(lambda: not world.app.watch.running)
    await asyncio.wait({serving}, timeout=0.1)
    assert not serving.done()
    gate.set()
    with pytest.raises(LookupError) if fails else nullcontext():
        await serving
    assert ["http.response.start", "http.response.body"] == sent
