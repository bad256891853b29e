"""Several questions to a store, asked so that whoever needs all of the answers waits as little as can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from . import Store

T = TypeVar("T")


async def together(
    store: Store, version: int | None, *questions: Callable[[], Coroutine[Any, Any, T]] | None
) -> list[T | None]:
    """The answers in the order of the questions, None where there is no question; `version` is the store's.

    What the first one that fails raises is raised.
    """
    # PERF: to a store on another machine each way costs more than the tasks that go it side by side; a store on this
    # one, which knows of every write at once, answers faster than a task begins.
    if version is not None and not store.lag:
        return [await each() if each is not None else None for each in questions]
    answers = iter(await asyncio.gather(*[each() for each in questions if each is not None]))
    return [next(answers) if each is not None else None for each in questions]
