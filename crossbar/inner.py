"""A request inside of another one: what a local module answers to the same caller, as data and not as a response."""

from __future__ import annotations

from typing import Any

import orjson

from .context import Context
from .dialects.crossbar import CrossbarDialect
from .errors import NotAcceptable, Refusal
from .events import close
from .failures import refusal_for
from .negotiation import JSON
from .opening import refuse_oversize
from .pipeline import Stage, authorize, execute, negotiate, open_request, render, resolve

MOST = 8 * 1024 * 1024
"""Bytes of an answer, all of which are in memory."""
_DIALECT = CrossbarDialect()


async def within(ctx: Context) -> Any:
    """The data that a GET in Crossbar's words leads to, for the principal of the context; Refusal if it is refused.

    The request around it was charged, and its caller is known; all else is asked as of any request. An answer of more
    than MOST bytes is refused.
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
    nouns = ctx.target.nouns
    endpoint = ctx.registry.names.get(nouns[-1].name) if nouns else None
    # NOTE: these say themselves who may ask, and would be handed a request that is not there.
    if endpoint is not None and (endpoint.raw or endpoint.own_login):
        raise NotAcceptable(f"{endpoint.name!r} answers in its own way, and cannot be part of something else")


INNER: tuple[Stage, ...] = (spell, open_request, resolve, authorize, negotiate, execute, render)


async def _read(ctx: Context) -> bytes:
    if ctx.handover is not None or ctx.status >= Refusal.status:
        raise NotAcceptable("only what a module answers as JSON can be part of something else")
    payload = ctx.payload
    pieces, size = [], 0
    if isinstance(payload, bytes):
        pieces, size = [payload], len(payload)
    else:
        try:
            async for piece in payload:
                pieces.append(piece)
                size += len(piece)
                if size > MOST:
                    break
        finally:
            await close(payload)
    if size > MOST:
        raise NotAcceptable(f"what a module answers has more than {MOST} bytes: ask for less of it")
    return b"".join(pieces)
