"""Loading code of others while the application serves: in a thread, and not for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from ..errors import PluginError

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result], seconds: float) -> Result:
    """What the work returns that a thread does; PluginError if it takes longer than so many seconds.

    Its thread goes on then, since nobody can end it, but keeps no process from ending.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # told to whoever waits
            failure = error
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="crossbar-loading", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await done
    except TimeoutError:
        raise PluginError(f"it was not loaded after {seconds:g} seconds") from None
