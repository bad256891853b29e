"""Health checks, for whoever starts and balances servers: `/livez` and `/readyz`, beside the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from .errors import StoreUnavailable
from .fields import SECURE
from .response import Send

if TYPE_CHECKING:
    from .app import Crossbar


async def probe(app: Crossbar, path: bytes, send: Send) -> None:
    """Answer a health check: alive, or ready to serve documents."""
    status, told = 200, "alive"
    if path == b"/readyz":
        try:
            await app.start()
            await app.store.health()
            told = "ready"
        except StoreUnavailable:
            status, told = 503, "the datastore cannot be reached"
    body = orjson.dumps({"status": "success" if status == 200 else "error", "message": told})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *SECURE]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
