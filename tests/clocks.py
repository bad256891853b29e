"""The time of event loops, for tests of time limits that shall depend on no machine."""

from __future__ import annotations

import asyncio


def pass_by(seconds: float) -> None:
    """Let so much time pass for the running loop, one of asyncio's: what is due by then strikes in its next turn.

    A limit that must not strike before something else has come can thus be long, and nobody waits for it. The loop's
    time stays ahead. Only what the loop times is meant: `time.monotonic` and its like go on as they do.
    """
    loop = asyncio.get_running_loop()
    clock = loop.time
    loop.time = lambda: clock() + seconds  # type: ignore[method-assign]
