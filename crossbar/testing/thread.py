"""An event loop in a thread of its own, for tests that are plain functions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from ..errors import CrossbarError

T = TypeVar("T")

GRACE = 30.0  # seconds that what lives on the loop has to stop


class LoopThread:
    """An event loop in a thread of its own; `with` opens what lives on it, and stops it all in the end.

    Tasks that were started on the loop go on between the calls, and are cancelled when it is stopped.
    """

    def __init__(self, life: AbstractAsyncContextManager[Any]) -> None:
        self._life = life
        self._opened: Future[None] = Future()
        self._closed: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="crossbar-session", daemon=True)

    def __enter__(self) -> LoopThread:
        """Start the thread, and wait until what lives on it is open; what goes wrong there is raised here."""
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            if self._opened.done():
                self._thread.join(GRACE)
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop what lives on the loop, the loop and the thread; what goes wrong there is raised here."""
        assert self._loop is not None
        loop, self._loop = self._loop, None
        loop.call_soon_threadsafe(self._over.set)
        self._thread.join(GRACE)
        if self._thread.is_alive():
            raise CrossbarError(f"the application has not stopped after {GRACE} seconds")
        self._closed.result()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns that is run on the loop; what it raises is raised here."""
        if self._loop is None or threading.current_thread() is self._thread:
            coroutine.close()
            raise CrossbarError(
                "the session is over: use it inside of its block"
                if self._loop is None
                else "this is the loop of the application itself, which would wait for itself: use `await` here"
            )
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _main(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._live())

    async def _live(self) -> None:
        # NOTE: one task opens and closes, as the task groups of a lifespan demand.
        try:
            async with self._life:
                self._opened.set_result(None)
                await self._over.wait()
        except BaseException as fault:
            (self._closed if self._opened.done() else self._opened).set_exception(fault)
        else:
            self._closed.set_result(None)
