"""A request inside of another one: what a local module answers to the same caller, as data and not as a response."""

from __future__ import annotations

from typing import Any

import orjson

from .context import Context
from .dialects.crossbar import CrossbarDialect
from .errors import NotAcceptable, Refusal
from .failures import refusal_for
from .negotiation import JSON
from .opening import refuse_oversize
from .pipeline import Stage, authorize, execute, negotiate, open_request, render, resolve

_DIALECT = CrossbarDialect()


async def within(ctx: Context) -> Any:
    """The data that a GET in Crossbar's words leads to, for the principal of the context; Refusal if it is refused.

    The request around it was charged, and its caller is known; all else is asked as of any request.
    """
    try:
        for stage in INNER:
            ctx.stage = stage.__name__
            waiting = stage(ctx)
            if waiting is not None:
                await waiting
    except Exception as error:
        refusal = refusal_for(ctx, error)
        if refusal is None or refusal is error:
            raise
        raise refusal from None
    return orjson.loads(await _read(ctx))["data"]


def spell(ctx: Context) -> None:
    """1. Which nouns: the path is in Crossbar's words, whatever the request around it is in."""
    ctx.dialect = _DIALECT
    ctx.media_type = JSON
    refuse_oversize(ctx)
    ctx.target = ctx.dialect.target(ctx.raw_path, ctx.registry)


INNER: tuple[Stage, ...] = (spell, open_request, resolve, authorize, negotiate, execute, render)


async def _read(ctx: Context) -> bytes:
    if isinstance(ctx.payload, bytes) and ctx.handover is None and ctx.status < Refusal.status:
        return ctx.payload
    if ctx.handover is not None or ctx.status >= Refusal.status:
        raise NotAcceptable("only what a module answers as JSON can be part of something else")
    assert not isinstance(ctx.payload, bytes)
    return b"".join([piece async for piece in ctx.payload])
