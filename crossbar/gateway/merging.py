"""Merging: several calls at once, and one answer with a named part for each (GET only)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
from msgspec.structs import replace as changed

from .. import settings
from ..context import Context
from ..errors import Refusal
from ..reply import Reply
from .matched import Matched
from .passage import MOST_OPENED, pieces_of
from .patterns import Pattern, Rewrite
from .refusals import BadGateway
from .relay import relay
from .upstreams import Service

if TYPE_CHECKING:
    from .routes import Routed

logger = logging.getLogger("crossbar")

MODULE = "module"
INCOMPLETE = "incomplete"
MOST_PARTS = 16


@dataclass(frozen=True, slots=True)
class Part:
    """One call of a merge: of an upstream, with its path there, or of the local module at a path of ours."""

    name: str
    service: Service | None
    rewrite: Rewrite
    query: bytes


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
        parts.append(Part(name, services.get(where), rewrite, query.encode()))
    return Merge(tuple(parts), route.missing == "report")


async def merged(ctx: Context, matched: Matched, merge: Merge) -> Reply:
    """The parts, each under its name; with `missing = "report"` those that failed are named under `incomplete`.

    Otherwise the first refusal in the order of the parts is that of the whole.
    """
    waiting = [asyncio.create_task(_part(ctx, matched, part)) for part in merge.parts]
    try:
        found = await asyncio.gather(*waiting, return_exceptions=True)
    finally:
        for task in waiting:
            task.cancel()
    answer: dict[str, Any] = {}
    missing = []
    for part, value in zip(merge.parts, found, strict=True):
        if isinstance(value, Refusal):
            if not merge.reports:
                raise value
            missing.append(part.name)
            logger.warning("the part %r is missing: %s (request %s)", part.name, value.message, ctx.request_id)
        elif isinstance(value, BaseException):
            raise value
        else:
            answer[part.name] = value
    if not answer and missing:
        raise next(value for value in found if isinstance(value, Refusal))
    if missing:
        answer[INCOMPLETE] = missing
    return Reply(answer)


async def _part(ctx: Context, matched: Matched, part: Part) -> Any:
    return await (_of_module(ctx, matched, part) if part.service is None else _of_upstream(ctx, matched, part))


async def _of_upstream(ctx: Context, matched: Matched, part: Part) -> Any:
    """The JSON of an upstream; its refusal, in our words, if it has none."""
    assert part.service is not None, "a part of an upstream"
    asking = _asking(ctx, part)
    route: Routed = replace(
        matched.route,
        service=part.service,
        rewrite=part.rewrite,
        merge=None,
        opens=True,
        settings=_plain(matched.route.settings),
        retry=part.service.retry,
    )
    own = asking.matched = Matched(route, matched.parameters, b"")
    own.provider, own.consumer, own.identity = matched.provider, matched.consumer, matched.identity
    try:
        passage = await relay(asking, own)
        pieces, size = [], 0
        async for piece in pieces_of(passage):
            size += len(piece)
            if size > MOST_OPENED:
                raise BadGateway(f"the part {part.name!r} has more than {MOST_OPENED} bytes", word="upstream_garbled")
            pieces.append(piece)
        try:
            return orjson.loads(b"".join(pieces))
        except orjson.JSONDecodeError:
            raise BadGateway(f"the part {part.name!r} is no JSON", word="upstream_garbled") from None
    finally:
        await own.end()


async def _of_module(ctx: Context, matched: Matched, part: Part) -> Any:
    """The data of a local module's answer, to the same caller, in Crossbar's own words."""
    asking = _asking(ctx, part)
    asking.matched = None
    path = part.rewrite.apply(matched.parameters, b"")
    if ctx.tenant is not None and not path.startswith((b"/v1/", b"/v2/", b"/accounts/")):
        path = b"/accounts/%b%b" % (ctx.tenant.encode(), path)
    asking.raw_path = path if path.startswith((b"/v1/", b"/v2/")) else b"/v2" + path
    return await ctx.app.within(asking)


def _asking(ctx: Context, part: Part) -> Context:
    """The request of one part: of the same client, with its fields, and a query of its own."""
    asking = copy(ctx)
    asking.method = asking.verb = "GET"
    asking.query_string = part.query
    asking.query, asking.words, asking.response_headers = {}, [], []
    asking.raw_body, asking.body, asking.envelope = b"", {}, {}
    asking.handover, asking.reply, asking.payload, asking.listing_asked = None, None, b"", None
    asking.charge = None
    dropped = (b"content-length", b"transfer-encoding", b"if-none-match", b"if-modified-since", b"range", b"accept")
    headers = [pair for pair in ctx.scope["headers"] if pair[0] not in dropped]
    asking.scope = {**ctx.scope, "method": "GET", "headers": headers}
    asking.headers = dict(headers)
    asking.receive = _nothing_more
    return asking


def _plain(said: settings.Route) -> settings.Route:
    """The settings of a part: a body is looked at as it is, and an error is one of ours."""
    return changed(said, envelope="off", errors="map", to="", merge={})


async def _nothing_more() -> Any:
    """What a part receives of the client: never a word more; whether the client goes is the whole request's concern."""
    await asyncio.Event().wait()
