"""Doing several things at a time: work side by side, and files read in a thread while what came before is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def together(work: Callable[[T], Awaitable[R]], things: Iterable[T], most: int) -> list[R]:
    """What the work gives for each thing, in their order, at most some at a time.

    The first error is raised once nothing is under way any more.
    """
    turn = asyncio.Semaphore(most)

    async def done(thing: T) -> R:
        async with turn:
            return await work(thing)

    tasks = [asyncio.create_task(done(thing)) for thing in things]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        raise


async def ahead(things: Generator[T, None, None]) -> AsyncGenerator[T, None]:
    """The things that a generator makes in a thread, each made while the one before is used; close it after use."""
    none = object()

    def following() -> T | object:
        return next(things, none)

    making = asyncio.create_task(asyncio.to_thread(following))
    try:
        while (thing := await asyncio.shield(making)) is not none:
            making = asyncio.create_task(asyncio.to_thread(following))
            yield thing  # type: ignore[misc]
    finally:
        # NOTE: a thread cannot be stopped, and nobody may close the file that it reads: it is waited for.
        await asyncio.gather(making, return_exceptions=True)
        things.close()
