"""Merging: several calls at once, and one answer with a named part for each (GET only)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
from msgspec.structs import replace as changed

from .. import settings
from ..context import Context
from ..errors import Refusal, TimedOut
from ..reply import Reply
from .calling import Room, leaving
from .guard import ClientGone, Guard, Overdue
from .matched import Matched
from .passage import MOST_OPENED
from .patterns import Pattern, Rewrite
from .refusals import BadGateway, ClientClosed
from .relay import relay
from .routes import Times, times_of
from .upstreams import Service

if TYPE_CHECKING:
    from .routes import Routed

logger = logging.getLogger("crossbar")

MODULE = "module"
INCOMPLETE = "incomplete"
MOST_PARTS = 16
_NOT_OF_PARTS = frozenset(
    b"accept content-length content-type expect idempotency-key if-match if-modified-since if-none-match if-range "
    b"if-unmodified-since range transfer-encoding".split()
)
"""Request fields that are about the answer as a whole, or about a body."""
_WANTED = (b"accept", b"application/json")


@dataclass(frozen=True, slots=True)
class Part:
    """One call of a merge: of an upstream, with its path there, or of the local module at a path of ours."""

    name: str
    service: Service | None
    rewrite: Rewrite
    query: bytes
    times: Times


@dataclass(frozen=True, slots=True)
class Merge:
    """The calls whose answers become one, and whether it may lack some of them."""

    parts: tuple[Part, ...]
    reports: bool


def merge_of(route: settings.Route, pattern: Pattern, services: Mapping[str, Service]) -> Merge:
    """The calls that a route merges; ValueError, beginning with the key, for one that leads nowhere."""
    parts = []
    if len(route.merge) > MOST_PARTS:
        raise ValueError(f"merge: {len(route.merge)} parts, and {MOST_PARTS} at most")
    for name, text in route.merge.items():
        where, colon, path = text.partition(":")
        if name == INCOMPLETE:
            raise ValueError(f"merge.{name}: this is where missing parts are named: choose another name")
        if where != MODULE and where not in services:
            known = ", ".join([MODULE, *services])
            raise ValueError(f"merge.{name}: there is no upstream {where!r}; there are {known}")
        if not colon or not path:
            raise ValueError(f'merge.{name}: say what is asked for, such as "{where}:/path"')
        path, _, query = path.partition("?")
        if where == MODULE and not path.startswith("/"):
            path = f"/{path}"
        try:
            rewrite = Rewrite.parse(path, pattern.parameters, False)
        except ValueError as error:
            raise ValueError(f"merge.{name}: {error}") from None
        service = services.get(where)
        times = times_of(route, service.timeout if service is not None else settings.Timeouts())
        parts.append(Part(name, service, rewrite, query.encode(), times))
    return Merge(tuple(parts), route.missing == "report")


async def merged(ctx: Context, matched: Matched, merge: Merge) -> Reply:
    """The parts, each under its name; with `missing = "report"` those that failed are named under `incomplete`.

    Otherwise the first refusal in the order of the parts is that of the whole. ClientClosed if the client goes.
    """
    guard = Guard(0)
    guard.listen(ctx.receive)
    room = Room(MOST_OPENED)
    waiting = [asyncio.create_task(_part(ctx, matched, part, room)) for part in merge.parts]
    try:
        found = await guard.call(asyncio.gather(*waiting, return_exceptions=True))
    except ClientGone:
        raise ClientClosed(word=leaving(ctx)) from None
    finally:
        guard.end()
        for task in waiting:
            task.cancel()
        # NOTE: their calls are over when this one is, however that comes.
        await asyncio.wait(waiting)
    answer: dict[str, Any] = {}
    refusals: dict[str, Refusal] = {}
    for part, value in zip(merge.parts, found, strict=True):
        if isinstance(value, Refusal):
            refusals[part.name] = value
            logger.warning("the part %r is missing: %s (request %s)", part.name, value.message, ctx.request_id)
        elif isinstance(value, BaseException):
            raise value
        else:
            answer[part.name] = value
    if refusals and not (answer and merge.reports):
        raise next(iter(refusals.values()))
    if refusals:
        answer[INCOMPLETE] = [*refusals]
    return Reply(answer)


async def _part(ctx: Context, matched: Matched, part: Part, room: Room) -> Any:
    return await (_of_module(ctx, matched, part) if part.service is None else _of_upstream(ctx, matched, part, room))


async def _of_upstream(ctx: Context, matched: Matched, part: Part, room: Room) -> Any:
    """The JSON of an upstream, in its own bytes; its refusal, in our words, if it has none."""
    assert part.service is not None, "a part of an upstream"
    asking = _asking(ctx, part)
    route: Routed = replace(
        matched.route,
        service=part.service,
        rewrite=part.rewrite,
        merge=None,
        opens=True,
        settings=_plain(matched.route.settings),
        times=part.times,
        retry=matched.route.retry if matched.route.settings.retry else part.service.retry,
    )
    own = asking.matched = Matched(route, matched.parameters, b"")
    own.provider, own.consumer, own.identity = matched.provider, matched.consumer, matched.identity
    try:
        passage = await relay(asking, own)
        body = await passage.collected(room)
        if passage.answer.status == 204:
            return None
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError:
            raise BadGateway(f"the part {part.name!r} is no JSON", word="upstream_garbled") from None
        return orjson.Fragment(body)
    finally:
        await own.end()


async def _of_module(ctx: Context, matched: Matched, part: Part) -> Any:
    """The data of a local module's answer, to the same caller, in Crossbar's own words."""
    asking = _asking(ctx, part)
    path = part.rewrite.apply(matched.parameters, b"")
    if ctx.tenant is not None and not path.startswith((b"/v1/", b"/v2/", b"/accounts/")):
        path = b"/accounts/%b%b" % (ctx.tenant.encode(), path)
    asking.raw_path = path if path.startswith((b"/v1/", b"/v2/")) else b"/v2" + path
    guard = Guard(part.times.total)
    guard.unhurried()
    try:
        return await guard.call(ctx.app.within(asking))
    except Overdue:
        raise TimedOut(f"the part {part.name!r} took too long", word="upstream_timeout") from None
    finally:
        guard.end()


def _asking(ctx: Context, part: Part) -> Context:
    """The request of one part: of the same client, with its fields, and a query of its own."""
    asking = copy(ctx)
    asking.method = asking.verb = "GET"
    asking.query_string = part.query
    asking.query, asking.words, asking.response_headers = {}, [], []
    asking.raw_body, asking.body, asking.envelope = b"", {}, {}
    asking.handover, asking.reply, asking.payload, asking.listing_asked = None, None, b"", None
    asking.status, asking.reason, asking.charge, asking.matched = 0, "", None, None
    # NOTE: what the path around it has led to is not where the part is.
    asking.tenant, asking.found, asking.bound = None, None, None
    asking.resolved, asking.args, asking.parents = (), (), {}
    asking.parts, asking.files, asking.pending = [], [], []
    headers = [pair for pair in ctx.scope["headers"] if pair[0] not in _NOT_OF_PARTS]
    headers.append(_WANTED)
    # NOTE: interim responses are about the answer as a whole, too.
    asking.scope = {**ctx.scope, "method": "GET", "headers": headers, "extensions": {}}
    asking.headers = dict(headers)
    asking.accept = None
    asking.receive = _STILL.receive
    return asking


def _plain(said: settings.Route) -> settings.Route:
    """The settings of a part: a body is looked at as it is, and an error is one of ours."""
    return changed(said, envelope="off", errors="map", to="", merge={})


class _Still:
    """What a part receives of the client: never a word; whether the client goes is the whole request's concern."""

    def tell_when_gone(self, leaving: Callable[[], None]) -> None:
        """Tell nobody."""

    async def receive(self) -> Any:
        """Wait for ever."""
        await asyncio.Event().wait()


_STILL = _Still()
