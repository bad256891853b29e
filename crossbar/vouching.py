"""Who is asked who somebody is: the authenticators in order, then the endpoint, or the endpoint alone."""

from __future__ import annotations

from .auth import vouched
from .context import Context
from .endpoint import Endpoint
from .errors import Unauthorized


def asks_alone(ctx: Context) -> bool:
    """Whether the endpoint alone says who is asking."""
    endpoint = _last(ctx)
    return endpoint is not None and endpoint.own_login


async def ask(ctx: Context) -> None:
    """Put the caller into the context; Unauthorized if nobody knows one."""
    refusal = Unauthorized()
    endpoint = _last(ctx)
    try:
        for authenticator in () if endpoint is not None and endpoint.own_login else ctx.app.authenticators:
            ctx.blamed = authenticator
            ctx.principal = vouched(await authenticator(ctx))
            if ctx.principal is not None:
                ctx.blamed = None
                return
    except Unauthorized as refused:
        # NOTE: clients send an old token along when they log in again; only the endpoint can say whether that matters.
        refusal = refused
    if endpoint is not None and "authenticate" in endpoint.overrides:
        ctx.blamed = endpoint
        ctx.principal = vouched(await endpoint.authenticate(ctx))
    ctx.blamed = None
    if ctx.principal is None:
        raise refusal


def _last(ctx: Context) -> Endpoint | None:
    """The endpoint of the last noun of the path."""
    nouns = ctx.target.nouns
    return ctx.registry.names.get(nouns[-1].name) if nouns else None
