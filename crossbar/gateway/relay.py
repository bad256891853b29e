"""A request on its way to an upstream: which target gets it, and what is tried again."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from ..errors import Unavailable
from ..opening import has_body
from .bodies import Pieces, body_of, expects
from .calling import leaving, word_of
from .guard import TOTAL, ClientGone, Guard, Overdue
from .outgoing import Outgoing
from .passage import Passage
from .pool import Target
from .refusals import ClientClosed
from .retries import IDEMPOTENT
from .transport import Answer, Broken, Call, NotConnected, TransportError

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched
    from .upstreams import Service

logger = logging.getLogger("crossbar")

_PAUSE = 0.025
"""Seconds, at most, before the same target is tried once more, or for a turn; twice as many each time."""
_TURNS = 6
"""How often a retry asks whether it is its turn, before it is given up: within 1.6 seconds."""


async def relay(ctx: Context, matched: Matched) -> Passage:
    """Send a request on, and give its response as something that can be passed to the client.

    Raises BadGateway, Unavailable, TimedOut or ClientClosed if there is none, and what the body is refused with.
    """
    route = matched.route
    service = route.service
    assert service is not None, "a route leads to an upstream, or to a merge"
    # NOTE: here it costs the client no upload; what counts is how many there are once a target is to be called.
    refuse_busy(matched, service, service.active)
    passage = matched.passage = Passage(ctx, matched, service, Guard(route.times.total))
    try:
        await _sent(ctx, matched, service, passage)
        await passage.prepare()
    except ClientGone:
        raise ClientClosed(word=leaving(ctx)) from None
    except Overdue as overdue:
        raise passage.refusal(overdue) from None
    return passage


def refuse_busy(matched: Matched, service: Service, active: int) -> None:
    """Raise Unavailable for a service that is working on as many calls, or WebSockets, as it may."""
    matched.upstream = service.name
    if active >= service.settings.concurrency:
        told = f"the service {service.name!r} is working on as many requests as it may: try again"
        raise Unavailable(told, word="upstream_busy", retry=1)


def picked(service: Service, tried: list[Target]) -> Target:
    """The target for the next try; Unavailable if none is in order."""
    target = service.pool.pick(tried)
    if target is None:
        raise Unavailable(f"no target of the service {service.name!r} is in order", word="no_target", retry=5)
    return target


async def _sent(ctx: Context, matched: Matched, service: Service, passage: Passage) -> None:
    """Get an answer into the passage, from one target or another."""
    route, guard = matched.route, passage.guard
    outgoing = Outgoing(ctx, matched, service)
    # NOTE: a body that is empty has a length all the same, and some servers insist on it (RFC 9110, 8.6).
    body: bytes | Pieces | None = b"" if b"content-length" in ctx.headers else None
    if has_body(ctx):
        body = await guard.call(body_of(ctx, guard, route.body, route.times))
    else:
        guard.listen(ctx.receive)
    # NOTE: it counts from here on, so that clients whose bodies do not come keep nobody else away.
    refuse_busy(matched, service, service.active)
    passage.enter()
    pieces = body if isinstance(body, Pieces) else None
    tries = _Tries(passage, pieces)
    while True:
        target = picked(service, tries.targets)
        call = Call(
            ctx.method,
            target.origin,
            target.base + outgoing.path,
            outgoing.fields(target),
            body,
            pieces.length if pieces is not None else None,
            pieces is not None and expects(ctx),
            passage.informed if passage.informs else None,
        )
        passage.begin(target)
        tries.targets.append(target)
        try:
            guard.within(route.times.first_byte, "first_byte")
            answer: Answer = await guard.call(service.transport.request(call))
        except TransportError as error:
            if not await tries.go_on_after(error):
                raise passage.refusal(error) from None
        except Overdue as overdue:
            if not await tries.go_on_after_silence(overdue):
                raise
        else:
            if pieces is not None:
                pieces.answered()
            passage.answered(answer)
            if not await tries.go_on_after_answer(answer.status):
                return


class _Tries:
    """The tries of one call: which targets it had so far, and whether there is another one."""

    __slots__ = ("_most", "_passage", "_pieces", "_retry", "_spared", "targets")

    def __init__(self, passage: Passage, pieces: Pieces | None) -> None:
        self._passage = passage
        self._pieces = pieces
        self._retry = passage.matched.route.retry
        self._most = self._retry.tries
        self._spared = False
        self.targets: list[Target] = []

    async def go_on_after(self, error: TransportError) -> bool:
        """Whether to try again after a try that came to nothing, when it is time for that."""
        word = word_of(error)
        # NOTE: that a target closed a kept connection just as the call came says nothing of the target. It is the most
        # common failure of all, and what may be tried again at all may be tried once more for it.
        stale = isinstance(error, Broken) and error.reused and not self._spared and self._retry.tries > 1
        if stale:
            self._spared = True
            # NOTE: it may have arrived all the same, and what only has a key is sent no more often than was said.
            self._most += self._passage.ctx.method in IDEMPOTENT
        self._passage.failed(str(error), word, blamed=not stale)
        if not stale and word not in self._retry.on:
            return False
        if not self._may(sent=not isinstance(error, NotConnected)) or not await self._turn():
            return False
        if not stale:
            await self._pause()
        return True

    async def go_on_after_silence(self, overdue: Overdue) -> bool:
        """The same after a try that took too long; if that was the total, there is no other."""
        is_total = str(overdue) == TOTAL
        # NOTE: a body in pieces may have taken the time, which is not the target's fault.
        self._passage.failed(self._passage.told(overdue), "timeout", blamed=not is_total or self._pieces is None)
        if is_total or "timeout" not in self._retry.on or not self._may(sent=True) or not await self._turn():
            return False
        await self._pause()
        return True

    async def go_on_after_answer(self, status: int) -> bool:
        """The same after an answer, which is let go of then; since there is one, it waits for no turn."""
        # PERF: nearly all answers are passed on.
        if not self._retry.covers_status(status) or not self._may(sent=True):
            return False
        service = self._passage.service
        if not service.budget.admits(service.active):
            return False
        self._passage.put_away()
        self._passage.again()
        await self._pause()
        return True

    def _may(self, *, sent: bool) -> bool:
        """Whether the request may be sent once more (RFC 9110, 9.2.2): it does no harm, and its body is here."""
        if len(self.targets) >= self._most or (self._pieces is not None and self._pieces.begun):
            return False
        ctx = self._passage.ctx
        # NOTE: a client that names its request can have it done once however often it arrives.
        return not sent or ctx.method in IDEMPOTENT or b"idempotency-key" in ctx.headers

    async def _turn(self) -> bool:
        """Wait until there are not too many other retries; False if that takes too long.

        When a target goes down, all that it was working on is to be tried again at once, and most of it has to wait a
        little for the rest.
        """
        passage = self._passage
        service = passage.service
        passage.guard.unhurried()
        for time in range(_TURNS):
            if service.budget.admits(service.active):
                passage.again()
                return True
            await self._sleep(time)
        logger.warning("upstream %s: too many retries are under way (request %s)", service.name, passage.ctx.request_id)
        return False

    async def _pause(self) -> None:
        """Wait a little before a target is tried that has been tried already."""
        if len(self.targets) >= len(self._passage.service.targets):
            self._passage.guard.unhurried()
            await self._sleep(len(self.targets))

    async def _sleep(self, time: int) -> None:
        """Wait, the longer the more often that was done; not all for as long as each other."""
        await self._passage.guard.call(asyncio.sleep(random.uniform(0, _PAUSE * 2**time)))  # noqa: S311
