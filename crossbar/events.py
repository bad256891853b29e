"""Server-sent events (WHATWG HTML, 9.2): from a source that yields them to the bytes of a response."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from math import ceil
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from .reply import Event

logger = logging.getLogger("crossbar")

_AT_ONCE = 0.05  # seconds; by then a source that cannot begin has said so
_AGAIN = 0.25  # seconds after which what has not ended is cancelled again
_UNWILLING = 5.0  # seconds that a source may take to end
_ONE_LINE = dict.fromkeys(map(ord, "\0\r\n"))


async def server_sent(source: AsyncIterator[Event], keep_alive: float) -> AsyncGenerator[bytes]:
    """The bytes of an event stream: a comment, so that the client knows that it is connected, and then the events.

    After each `keep_alive` seconds without one there is a comment, too. What the source raises right away is raised
    before the first piece, so that it can still be answered with a status.
    """
    waiting: asyncio.Queue[Event] = asyncio.Queue(1)
    # NOTE: the source runs in one task from beginning to end, as task groups and time limits in it demand.
    reading = asyncio.create_task(_read(source, waiting))
    coming = asyncio.create_task(waiting.get())
    begun = False
    try:
        while True:
            seconds = keep_alive if begun else _AT_ONCE
            await asyncio.wait({coming, reading}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            came = coming.done() or not waiting.empty()
            if not came and reading.done():
                break
            if not begun or not came:
                yield b": alive\n\n" if begun else b": connected\n\n"
            if came:
                yield _event(await coming)
                coming = asyncio.create_task(waiting.get())
            begun = True
        failure = RuntimeError("the source of events was cancelled") if reading.cancelled() else reading.result()
        if failure is not None:
            raise failure
    finally:
        coming.cancel()
        await end(reading)


async def _read(source: AsyncIterator[Event], waiting: asyncio.Queue[Event]) -> BaseException | None:
    """Put the events where they are waited for; what the source has raised, if it has."""
    try:
        async for event in source:
            await waiting.put(event)
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # an exit, too: out of a task it would end the server
        return error
    finally:
        await close(source)
    return None


async def close(source: AsyncIterator[object]) -> None:
    """Let go of a source that may be in the middle of something."""
    if isinstance(source, AsyncGenerator) or hasattr(source, "aclose"):
        await source.aclose()


async def end(task: asyncio.Task[object], seconds: float = _UNWILLING) -> bool:
    """Cancel a task until it has ended, at most for so many seconds; whether it has."""
    # NOTE: code that swallows its cancellation is cancelled again; as often on a machine that stands still for a while.
    for _ in range(ceil(seconds / _AGAIN)):
        if task.done():
            break
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN)
    if task.done() and not task.cancelled() and task.exception() is not None:
        logger.error("what was to end has failed instead", exc_info=task.exception())
    return task.done()


def _event(event: Event) -> bytes:
    """One event on the wire; line ends cannot get into its name or id."""
    lines = [b"data: " + orjson.dumps(event.data)]
    if event.event:
        lines.insert(0, b"event: " + " ".join(event.event.split()).encode())
    if event.id:
        lines.insert(0, b"id: " + event.id.translate(_ONE_LINE).encode())
    return b"\n".join(lines) + b"\n\n"
