"""What is noted of each finished request: a line in the access log, and a count for the metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .context import Context
from .log import AccessLog
from .redaction import HIDDEN, secrets_of

if TYPE_CHECKING:
    from .metrics import Metrics
    from .settings import Metrics as Wanted


class Notes:
    """Writes down finished requests, where there is a log or somebody counts."""

    def __init__(self, log: AccessLog | None, metrics: Metrics | None) -> None:
        self.log = log
        self.metrics = metrics

    def finished(self, ctx: Context) -> None:
        """Note a request that is over, whatever became of it."""
        seconds = time.perf_counter() - ctx.started
        matched = ctx.matched
        if self.log is not None:
            client = ctx.scope.get("client")
            self.log.add(
                ctx.started_at,
                client[0] if client else "",
                ctx.method,
                ctx.scope["path"],
                ctx.status,
                ctx.reason,
                seconds,
                ctx.request_id,
                ctx.agent(),
                _more(ctx),
            )
        # NOTE: a WebSocket lasts as long as it lasts, which says nothing of how fast anything is.
        if self.metrics is not None and ctx.status != 101:
            bound = ctx.bound
            if matched is not None:
                route = matched.route.name
            else:
                route = f"{bound.endpoint.name}.{bound.route.name}" if bound is not None else ""
            self.metrics.finished(route, ctx.method, ctx.status, ctx.reason, seconds)


def _more(ctx: Context) -> Mapping[str, Any] | None:
    """What else is known of a request: what the gateway tells, and the sentence of a refusal, None for nothing."""
    more: dict[str, Any] | None = ctx.matched.told() if ctx.matched is not None else None
    if ctx.reason and ctx.detail:
        detail = ctx.detail
        # NOTE: a sentence may quote what was sent; names such as `password` are our own words in it.
        for value in secrets_of(ctx):
            detail = detail.replace(value, HIDDEN)
        return {**(more or {}), "detail": detail}
    return more


def metrics_of(wanted: Wanted) -> Metrics | None:
    """The counts that settings want, None for none; SettingsError if there is nobody to make them."""
    if not wanted.enabled:
        return None
    # PERF: only for who counts.
    from .metrics import Metrics

    return Metrics()
