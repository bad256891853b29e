"""What a failure becomes for the client: which refusal an exception stands for, and what the log says of it."""

from __future__ import annotations

import logging

from .context import Context
from .errors import (
    BadIdentifier,
    BlobMissing,
    Conflict,
    Fault,
    Refusal,
    StoreError,
    StoreOverdue,
    StoreUnavailable,
    TimedOut,
    Unavailable,
)
from .outage import AWAY
from .watch import blame, is_failure

logger = logging.getLogger("crossbar")

_OVERDUE = {
    False: "the datastore took too long, and nothing was changed; ask for less at a time, or try again later",
    True: "the datastore took too long; what was to be changed may have been: look before you repeat it",
}


def refusal_for(ctx: Context, error: BaseException) -> Refusal | None:
    """The refusal that a client is to see, also of a store that fails and of a crash, both of which are logged here.

    None for what is no failure but somebody's wish that the present task ends, and for what the host wants to see.
    """
    if isinstance(error, ctx.app.propagate):
        return None
    if isinstance(error, BlobMissing):
        return BadIdentifier(cause=error.id)
    if isinstance(error, Refusal):
        return error
    if isinstance(error, StoreUnavailable):
        ctx.app.outage.met(error, ctx.request_id)
        return Unavailable("the datastore cannot be reached; try again", word=AWAY)
    if isinstance(error, StoreOverdue):
        logger.error("store: %s (request %s)", error, ctx.request_id)
        return TimedOut(_OVERDUE[error.begun])
    if isinstance(error, StoreError):
        return Conflict(str(error))
    if not is_failure(error):
        return None
    told = "crash in stage %s of %s (request %s)"
    logger.error(told, ctx.stage, blame(ctx), ctx.request_id, exc_info=error)
    return Fault()
