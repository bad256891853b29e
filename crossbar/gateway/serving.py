"""What a route does with a request: it is sent on, or several calls are made and merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .conversation import converse
from .merging import merged
from .relay import relay

if TYPE_CHECKING:
    from ..context import Context
    from ..reply import Reply
    from .matched import Matched
    from .passage import Passage


async def answered(ctx: Context, matched: Matched) -> Passage | Reply:
    """The answer to a request: a response to pass on, or the parts that were merged.

    How long it takes is the route's to say, and not what `limits.handler_seconds` says of code in this process.
    """
    work: Any = relay(ctx, matched) if matched.route.merge is None else merged(ctx, matched, matched.route.merge)
    return await ctx.app.watch.leave_to_client(ctx, work)


async def conversed(ctx: Context, matched: Matched) -> None:
    """Relay a WebSocket until one side ends it."""
    await converse(ctx, matched)
