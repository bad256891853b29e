"""A request on its way to an upstream: which target gets it, what is tried again, and what comes of a failure."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from ..errors import Refusal, TimedOut, Unavailable
from .bodies import Pieces, body_of, expects
from .guard import ClientGone, Guard, Overdue
from .outgoing import Outgoing
from .passage import Passage
from .pool import Target
from .refusals import BadGateway, ClientClosed
from .retries import IDEMPOTENT
from .transport import Answer, Broken, Call, NotConnected, NotInTime, TransportError

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched
    from .upstreams import Service

logger = logging.getLogger("crossbar")

_PAUSE = 0.025
"""Seconds, at most, before the same target is tried once more."""
_SICK = frozenset({502, 503, 504})
"""Statuses that say of a target that it is not well, and not that something is wrong with a request."""


async def relay(ctx: Context, matched: Matched) -> Passage:
    """Send a request on, and give its response as something that can be passed to the client.

    Raises BadGateway, Unavailable, TimedOut or ClientClosed if there is none, and what the body is refused with.
    """
    route = matched.route
    service = route.service
    assert service is not None, "a route leads to an upstream, or to a merge"
    if service.active >= service.settings.concurrency:
        told = f"the service {service.name!r} is working on as many requests as it may: try again"
        raise Unavailable(told, word="upstream_busy", retry=1)
    matched.upstream = service.name
    passage = matched.passage = Passage(ctx, matched, service, Guard(route.times.total))
    service.begin()
    try:
        await _sent(ctx, matched, service, passage)
        await passage.prepare()
    except ClientGone:
        raise ClientClosed from None
    except Overdue as overdue:
        raise _overdue(passage, overdue) from None
    return passage


async def _sent(ctx: Context, matched: Matched, service: Service, passage: Passage) -> None:
    """Get an answer into the passage, from one target or another."""
    route = matched.route
    guard = passage.guard
    body = await guard.call(body_of(ctx, guard, route.body, route.times.idle))
    outgoing = Outgoing(ctx, matched, service)
    length = ctx.headers.get(b"content-length")
    tried: list[Target] = []
    while True:
        target = service.pool.pick(tried)
        if target is None:
            raise Unavailable(f"no target of the service {service.name!r} is in order", word="no_target", retry=5)
        call = Call(
            ctx.method,
            target.origin,
            target.base + outgoing.path,
            outgoing.fields(target),
            body,
            int(length) if length is not None and isinstance(body, Pieces) else None,
            expects(ctx) and isinstance(body, Pieces),
            passage.informed if passage.informs else None,
        )
        passage.begin(target)
        matched.tries += 1
        matched.target = target.text
        again = len(tried) > 0
        if again:
            service.budget.begin()
        try:
            guard.within(route.times.first_byte, "first_byte")
            answer: Answer = await guard.call(service.transport.request(call))
        except TransportError as error:
            why = _word(error)
            passage.failed(str(error), why)
            if not _retries(passage, why, body, tried, sent=not isinstance(error, NotConnected)):
                raise _refusal(service, target, error, ctx) from None
        except Overdue:
            passage.failed("it did not answer in time", "timeout")
            if not _retries(passage, "timeout", body, tried, sent=True):
                raise
        else:
            status = answer.status
            passage.answered(answer, well=status not in _SICK)
            if not (status >= 400 and _retries(passage, str(status), body, tried, sent=True)):
                return
            passage.put_away()
        finally:
            if again:
                service.budget.end()
        tried.append(target)
        if len(tried) >= len(service.targets):
            guard.unhurried()
            await guard.call(asyncio.sleep(random.uniform(0, _PAUSE * 2 ** len(tried))))  # noqa: S311


def _retries(passage: Passage, why: str, body: bytes | Pieces | None, tried: list[Target], *, sent: bool) -> bool:
    """Whether the request may be sent once more (RFC 9110, 9.2.2): it does no harm, its body is here, and there are
    not too many others."""
    ctx, route, service = passage.ctx, passage.matched.route, passage.service
    if why not in route.retry.on or len(tried) + 1 >= route.retry.tries:
        return False
    if isinstance(body, Pieces) and body.begun:
        return False
    # NOTE: a client that names its request can have it done once however often it arrives.
    if sent and ctx.method not in IDEMPOTENT and b"idempotency-key" not in ctx.headers:
        return False
    if not service.budget.admits(service.active):
        logger.warning("upstream %s: too many retries are under way (request %s)", service.name, ctx.request_id)
        return False
    passage.retried()
    return True


def _word(error: TransportError) -> str:
    """What a failure is called in `retry`, in metrics and in reasons."""
    if isinstance(error, NotConnected):
        return "connect"
    return "reset" if isinstance(error, Broken) else "garbled"


def _refusal(service: Service, target: Target, error: TransportError, ctx: Context) -> Refusal:
    """What a client is told of a failure; the log hears where and why."""
    logger.warning("upstream %s, %s: %s (request %s)", service.name, target.text, error, ctx.request_id)
    if isinstance(error, NotInTime):
        return TimedOut(f"the service {service.name!r} took too long to connect", word="upstream_timeout")
    told = {"connect": "cannot be reached", "reset": "ended without an answer", "garbled": "gave no proper answer"}
    why = _word(error)
    return BadGateway(f"the service {service.name!r} {told[why]}", word=f"upstream_{why}")


def _overdue(passage: Passage, overdue: Overdue) -> TimedOut:
    name = passage.service.name
    request_id = passage.ctx.request_id
    logger.warning("upstream %s, %s: %s is over (request %s)", name, passage.matched.target, overdue, request_id)
    return TimedOut(f"the service {name!r} did not answer in time", word="upstream_timeout")
