"""Stores behind a proxy that does harm, and beside them one on the direct way, which sees what became of it all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

import pytest
from pymongo.asynchronous.pool import AsyncConnection

from crossbar.errors import StoreError, StoreOverdue, StoreUnavailable
from crossbar.stores import Document
from crossbar.stores.mongo import MongoStore

from ..contract.documents import KINDS
from .cutting import Cutting
from .servers import Server, differs

T = TypeVar("T")

SOON = 7.0
"""Seconds in which a request is answered, where a server may take `HURRY`: tests share their machine.

It is less than what a request would wait for, were it not for the store: eight seconds in these tests, or more.
"""
WAIT = 30.0
"""Seconds after which a test gives up."""


@dataclass(frozen=True, slots=True)
class Line:
    """A store, and the proxy that is between it and the server."""

    store: MongoStore
    proxy: Cutting


@asynccontextmanager
async def line_to(address: tuple[str, int], uri: str, **options: Any) -> AsyncIterator[Line]:
    """A line to a server at an address, with a store at its end that is open and has been used."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Cutting(*address))
        store = MongoStore(proxy.through(uri), **options)
        await store.open(KINDS)
        stack.push_async_callback(store.close)
        yield Line(store, proxy)


@asynccontextmanager
async def lines_to(server: Server, uri: str, count: int) -> AsyncIterator[list[Line]]:
    """As many lines to a database."""
    async with AsyncExitStack() as stack:
        made = [stack.enter_async_context(line_to(server.address, uri)) for _ in range(count)]
        yield [await each for each in made]


@asynccontextmanager
async def opened(uri: str, **options: Any) -> AsyncIterator[MongoStore]:
    """A store that is open."""
    store = MongoStore(uri, **options)
    await store.open(KINDS)
    try:
        yield store
    finally:
        await store.close()


async def outcome(asked: Awaitable[Any]) -> str:
    """What the store says to something: "done", "unavailable", or the name of another of its errors."""
    try:
        await asyncio.wait_for(asked, WAIT)
    except (StoreUnavailable, StoreOverdue):
        return "unavailable"
    except StoreError as error:
        return type(error).__name__
    return "done"


async def soon(asked: Awaitable[Any]) -> str:
    """The same, of something that must not take long."""
    began = monotonic()
    said = await outcome(asked)
    assert monotonic() - began < SOON, f"{said} after {monotonic() - began} seconds"
    return said


async def together(asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What each of these gives, all at once; none goes on when one fails."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in asked]
    return [task.result() for task in tasks]


async def back(store: MongoStore) -> None:
    """Wait until the store answers."""
    deadline = monotonic() + WAIT
    while "done" != await outcome(store.health()):
        assert monotonic() < deadline, "it does not come back"
        await asyncio.sleep(0.02)


async def there(store: MongoStore, tenant: str, kind: str, id: str) -> Document:
    """A document that must be there."""
    found = await store.get(tenant, kind, id)
    assert found is not None
    return found


def repeat_alike(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the driver repeat a write word for word.

    It says each time how much time is left. MongoDB knows a repeated write by its number all the same, the stand-in
    takes it for another one.
    """
    if differs(server, "it knows a repeated write again only if maxTimeMS is the same; the tests leave that out"):
        apply = AsyncConnection.apply_timeout

        def without(connection: Any, cmd: Any) -> Any:
            left = apply(connection, cmd)
            if cmd is not None:
                cmd.pop("maxTimeMS", None)
            return left

        monkeypatch.setattr(AsyncConnection, "apply_timeout", without)
