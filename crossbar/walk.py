"""A request on its walk through the stages; every refusal and every crash ends in the dialect's error form."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from .context import Answered, Context
from .dialects import choose
from .errors import Fault, Refusal, TimedOut, Unauthorized
from .failures import refusal_for
from .fields import fit
from .media.uploads import forget
from .pipeline import STAGES, Stage
from .watch import blame

logger = logging.getLogger("crossbar")


async def walk(ctx: Context, stages: tuple[Stage, ...] = STAGES) -> None:
    """Take a request through all stages; whatever happens, the context holds a response in the end.

    Only the exceptions that the application's host wants to see itself (`propagate`) pass through.
    """
    try:
        for stage in stages:
            ctx.stage = stage.__name__
            waiting = stage(ctx)
            if waiting is not None:
                await waiting
    except Answered:
        return
    except ctx.app.propagate:
        raise
    except BaseException as error:
        # NOTE: the watch cancels what takes too long; anybody else who cancels means the whole task.
        late = ctx.late and isinstance(error, asyncio.CancelledError)
        refusal = overdue(ctx) if late else refusal_for(ctx, error)
        if refusal is None:
            raise
        refuse(ctx, refusal)
    finally:
        if ctx.pending:
            await forget(ctx)


def overdue(ctx: Context) -> TimedOut:
    """The refusal of a request that took too long; the log says whose code it was."""
    seconds = ctx.app.settings.limits.handler_seconds
    logger.error("stage %s of %s took over %d s (request %s)", ctx.stage, blame(ctx), seconds, ctx.request_id)
    return TimedOut(f"the request took longer than {seconds} seconds and was cancelled")


def refuse(ctx: Context, refusal: Refusal) -> None:
    """Turn a refusal into the dialect's error response, or into a 429 if whoever is refused asks too often."""
    if ctx.charge is None and ctx.app.admission is not None:
        refusal = ctx.app.admission.charge_refusal(ctx, refusal)
    if isinstance(refusal, Unauthorized) and not refusal.headers:
        # RFC 9110, 15.5.2, and RFC 6750, 3.1: a token that was sent, and is no good, is told apart from none.
        refusal.headers = ((b"www-authenticate", b'Bearer error="invalid_token"' if ctx.token else b"Bearer"),)
    if refusal.headers:
        try:
            refusal.headers = fit(refusal.headers)
        except (TypeError, ValueError):
            logger.exception("%s refuses with headers that cannot be sent (request %s)", blame(ctx), ctx.request_id)
            refusal = Fault()
    ctx.reason = refusal.word
    ctx.detail = refusal.message
    if not hasattr(ctx, "dialect"):
        # NOTE: it may be a dialect that failed; the first one is Crossbar's own.
        ctx.dialect = ctx.app.dialects[0]
        with suppress(Exception):
            routes = ctx.registry.gateway
            if routes is None or routes.stages(ctx) is None:
                ctx.dialect = choose(ctx.app.dialects, ctx.raw_path)
    ctx.dialect.failure(ctx, refusal)
