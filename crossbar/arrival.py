"""A request arrives: its context, with the client that it really comes from and the path that is meant for us."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from .context import Context
from .errors import BadRequest
from .fields import request_id
from .redaction import work_for
from .walk import refuse

if TYPE_CHECKING:
    from .app import Crossbar
    from .mounted import Receive, Send


def arrived(app: Crossbar, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> Context:
    """The context of a request, with the path below the place where the application is mounted.

    If proxies contradict each other about who sent it, it holds the refusal.
    """
    refusal = None
    if app.gateway is not None and app.gateway.trusted:
        try:
            scope = app.gateway.seen(scope)
        except BadRequest as refused:
            refusal = refused
    ctx = Context(app, scope, app.clock())
    ctx.started = time.perf_counter()
    ctx.receive = receive
    ctx.send = send
    work_for(ctx)
    # NOTE: a host may have shortened the path without a word in `root_path`.
    if ctx.root_path or ctx.raw_path.decode("latin-1") != scope["path"]:
        ctx.descend()
    ctx.request_id = request_id(ctx.headers.get(b"x-request-id"))
    if refusal is not None:
        refuse(ctx, refusal)
    return ctx
