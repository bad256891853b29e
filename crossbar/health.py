"""What is served beside the API, for whoever starts, balances and watches servers: `/livez`, `/readyz`, `/metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from .context import Context
from .errors import StoreUnavailable
from .fields import SECURE
from .target import PROBES

if TYPE_CHECKING:
    from .app import Crossbar
    from .mounted import Send
    from .settings import Settings

METRICS = b"/metrics"
STALE = "ready, with older settings than those in the store: the log says why"
"""What a process says that could not take them over; it can serve, and others may be no better off."""


def paths_beside(settings: Settings) -> frozenset[bytes]:
    """The paths that are answered here, whatever the method."""
    return frozenset((*PROBES, METRICS) if settings.metrics.enabled else PROBES)


async def probe(app: Crossbar, ctx: Context, send: Send) -> None:
    """Answer a health check, alive, or ready to serve documents, or a scrape."""
    if ctx.raw_path == METRICS and app.metrics is not None:
        from .metrics import answer

        await answer(app.metrics, send)
        return
    status, told = 200, "alive"
    if ctx.raw_path == b"/readyz":
        try:
            await app.start()
            await app.store.health()
            told = "ready" if not app.following.faults else STALE
        except StoreUnavailable:
            status, told = 503, "the datastore cannot be reached"
        if app.draining:
            status, told = 503, "the server is about to stop"
    body = orjson.dumps({"status": "success" if status == 200 else "error", "message": told})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *SECURE]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
