"""The three sorts of store side by side, asked the same things: whatever one answers, the others must answer too."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from crossbar.errors import CrossbarError, StoreUnavailable
from crossbar.stores import Kind
from crossbar.stores.memory import MemoryStore
from crossbar.stores.mongo import MongoStore
from crossbar.stores.sqlite import SqliteStore
from tests.mongo.servers import URI, fresh_database, shared

from .documents import Clock, LoadingStore

PROFILE = 5 if os.environ.get(URI) else 1
"""How many times as many examples there are, where somebody has named a MongoDB to be tested."""

PATIENCE = 400 * PROFILE
"""Seconds that a test may take: what fails is told again and again, shorter each time, for up to five minutes."""

T = TypeVar("T")


class Trio:
    """A store of each sort with one clock; examples that share it have a tenant each.

    Without a MongoDB it is two stores; that the third is missing, the contract's own tests say by skipping.
    """

    def __init__(self, path: Path, mongodb: str | None) -> None:
        self.clock = Clock()
        self.memory = MemoryStore(self.clock)
        self.sqlite = SqliteStore(path, synchronous="NORMAL", clock=self.clock)
        self.stores: list[LoadingStore] = [self.memory, self.sqlite]
        if mongodb is not None:
            self.stores.append(MongoStore(mongodb, clock=self.clock))
        self.runner = asyncio.Runner()
        self.numbers = count()

    def run(self, told: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns, in the loop that the stores were opened in."""
        return self.runner.run(told)

    async def open(self, kinds: Iterable[Kind]) -> bool:
        """Open all of them with these kinds; whether that is possible, as values may clash that become unique."""
        outcomes = []
        for store in self.stores:
            told = ""
            try:
                await store.open(list(kinds))
            except StoreUnavailable as error:
                told = str(error)
            # NOTE: of several documents that clash, each store names the first two that it comes upon.
            assert not told or "cannot become unique" in told
            outcomes.append(not told)
        return bool(_alike(self.stores, "open", outcomes))

    async def same(self, method: str, *given: Any) -> Any:
        """What all answer, or the error that all raise."""
        answers: list[Any] = []
        for store in self.stores:
            try:
                answers.append(await getattr(store, method)(*given))
            except CrossbarError as error:
                answers.append((type(error), vars(error)))
        return _alike(self.stores, method, answers)

    def close(self) -> None:
        """Close them, and the loop."""
        for store in self.stores:
            self.run(store.close())
        self.runner.close()


@contextmanager
def opened(path: Path, kinds: Iterable[Kind], *, quick: bool = False) -> Iterator[Trio]:
    """The three, open; the second one's file is at the path. `quick` leaves out what stands in for a MongoDB."""
    with ExitStack() as stack:
        mongodb = None
        with suppress(pytest.skip.Exception):
            if not quick or os.environ.get(URI):
                mongodb = stack.enter_context(fresh_database(shared()))
        trio = Trio(path, mongodb)
        stack.callback(trio.close)
        trio.run(trio.open(kinds))
        yield trio


def _alike(stores: list[LoadingStore], method: str, answers: list[Any]) -> Any:
    for store, answer in zip(stores[1:], answers[1:], strict=True):
        assert answers[0] == answer, f"{method}: {type(store).__name__} differs from memory"
    return answers[0]
