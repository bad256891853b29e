"""The life of an application: started before the first request, stopped after the last one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..app import Crossbar
from ..errors import CrossbarError
from ..response import Message
from .exchange import ASGI

_ENDED = "ended"


@asynccontextmanager
async def living(app: ASGI) -> AsyncIterator[None]:
    """Start an ASGI application, and stop it in the end; one that knows no lifespan is left alone.

    CrossbarError if it fails to start or to stop.
    """
    if isinstance(app, Crossbar):
        async with app.lifespan():
            yield
        return
    events: asyncio.Queue[Message] = asyncio.Queue()
    answers: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
    task = asyncio.ensure_future(app(scope, events.get, answers.put))
    task.add_done_callback(lambda _: answers.put_nowait({"type": _ENDED}))
    knows = await _passed("startup", events, answers, task)
    try:
        yield
    finally:
        if knows:
            await _passed("shutdown", events, answers, task)
        await asyncio.wait({task})


async def _passed(
    event: str, events: asyncio.Queue[Message], answers: asyncio.Queue[Message], task: asyncio.Future[None]
) -> bool:
    """Tell the application of an event, and wait for its answer; whether there was one."""
    events.put_nowait({"type": f"lifespan.{event}"})
    answer = await answers.get()
    if answer["type"] == f"lifespan.{event}.complete":
        return True
    failed = answer["type"] == f"lifespan.{event}.failed"
    if not failed:
        task.cancel()
    await asyncio.wait({task})
    fault = None if task.cancelled() else task.exception()
    if event == "startup" and not failed:
        # NOTE: an application that raises, or gives another answer, knows no lifespan (ASGI, lifespan).
        return False
    raise CrossbarError(f"{event} of the application failed: {answer.get('message') or fault}") from fault
