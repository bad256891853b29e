"""Several processes on one store: each delivery is made by one at a time, and a store that is away is waited for."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from crossbar import Change, Delete, Document, GuardFailed, Insert, Query
from crossbar.errors import StoreUnavailable
from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.sqlite.file import connect
from crossbar.stores.sqlite.listings import find_statement
from crossbar.stores.sqlite.tables import prepare
from crossbar.testing import NOW
from modules.webhooks.courier import AROUND
from modules.webhooks.deliveries import DELIVERIES, due_to

from .tools import Clock, Home, Receiver, at_home, receiving, restarted, until


@pytest.mark.parametrize("applications", [2, 3])
async def test_several_processes_share_the_work(tmp_path: Path, applications: int) -> None:
    """Applications on one file send each delivery once, though all of them look for it at the same time."""
    path = tmp_path / "store.db"
    async with receiving() as receiver, at_home(SqliteStore(path), deliver=False) as first:
        await first.hook(receiver)
        for number in range(60):
            await first.device(str(number))
        assert 60 == len(await first.outstanding())
        async with several(path, applications) as homes:
            for home in homes:
                home.wake()
            await first.emptied()
            await first.settled(60)
        counts = Counter(got.id for got in receiver.received)
        assert (60, {1}) == (len(counts), set(counts.values()))


@asynccontextmanager
async def several(path: Path, count: int) -> AsyncIterator[list[Home]]:
    """So many applications on one file."""
    async with AsyncExitStack() as opened:
        yield [await opened.enter_async_context(restarted(SqliteStore(path), per_host=8)) for _ in range(count)]


async def test_many_hosts(tmp_path: Path, clock: Clock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """More hosts than one look shows, and more than can be served at a time, are all served after a restart."""
    real = socket.getaddrinfo

    def known(host: Any, *args: Any, **options: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".example.com") else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", known)
    path, count = tmp_path / "store.db", 120
    async with at_home(SqliteStore(path, clock=clock), clock, deliver=False) as home:
        uris = [f"http://h{number}.example.com:{receiver.port}/hook" for number in range(count)]
        bodies = [{"name": "Tell", "hook": "all", "uri": uri, "format": "json"} for uri in uris]
        made = [Document.of(home.id, "webhooks", f"{n:032x}", body, NOW) for n, body in enumerate(bodies)]
        await home.app.store.write([Insert(document) for document in made])
        await home.device("One")
        await home.device("Other")
        assert 2 * count == len(await home.outstanding())
    async with restarted(SqliteStore(path, clock=clock), clock, per_host=1, concurrency=8, poll=3600) as home:
        home.wake()
        await home.emptied()
        hooks = Counter(got.headers["x-hook-id"] for got in receiver.received)
        assert {document.id: 2 for document in made} == hooks


async def test_what_is_due_is_found_by_an_index(tmp_path: Path) -> None:
    """However much waits for one host, what is due to another is found without reading it."""
    path = tmp_path / "store.db"
    connection = connect(path, writes=True)
    table = prepare(connection, path, [DELIVERIES], NOW)[DELIVERIES.name]
    statement = find_statement(due_to("example.com", NOW, 4), table, NOW)
    steps = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.values).fetchall()
    plan = [detail.decode() for *_, detail in steps]
    connection.close()
    assert ["INDEX" in step for step in plan] == [True], plan


class Racing(MemoryStore):
    """A store in which somebody else is always faster to claim what was just found."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.lost = 0

    async def write(self, changes: Sequence[Change]) -> list[Any]:
        """Take the delivery away under the one who claims it, three times."""
        claims = isinstance(changes[0], Delete) and changes[0].kind == "webhook_deliveries" and len(changes) == 2
        if claims and self.lost < 3:
            self.lost += 1
            raise GuardFailed(None)
        return await super().write(changes)


async def test_who_comes_late_goes_on(clock: Clock, receiver: Receiver) -> None:
    """A claim that fails is no error: the courier looks again, and sends what is then to be had."""
    store = Racing(clock)
    async with at_home(store, clock) as home:
        await home.hook(receiver)
        await home.device()
        await until(lambda: store.lost >= 1)
        home.wake()
        await until(lambda: store.lost >= 2)
        home.wake()
        await until(lambda: store.lost == 3)
        home.wake()
        await home.settled(1)
        assert 1 == len(receiver.received)


class Failing(MemoryStore):
    """A store that cannot be listed for a while."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.away: Exception | None = None
        self.looks_around = False
        self.asked = 0

    async def find(self, query: Query) -> list[Any]:
        """Fail while it is away."""
        due = query.kind == "webhook_deliveries"
        self.asked += due
        if due and self.away is not None and not (self.looks_around and query.limit == AROUND):
            raise self.away
        return await super().find(query)


@pytest.mark.parametrize("error", [GuardFailed(None), RuntimeError("a fault")], ids=["away", "a fault"])
async def test_a_store_that_is_away(
    clock: Clock, receiver: Receiver, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """When the store cannot be read the courier says so and goes on; nothing is lost."""
    store = Failing(clock)
    async with at_home(store, clock) as home:
        await home.hook(receiver)
        store.away = error
        await home.device()
        await until(lambda: store.asked and any(record.name == "crossbar.webhooks" for record in caplog.records))
        store.away = None
        home.wake()
        await home.settled(1)
        assert 1 == len(receiver.received)


@pytest.mark.parametrize("looks_around", [False, True], ids=["all of it", "a part of it"])
async def test_what_is_said_of_a_store_that_is_away(
    clock: Clock, receiver: Receiver, caplog: pytest.LogCaptureFixture, looks_around: bool
) -> None:
    """One line, however often it is asked, and one when it is back; the next time it is said anew."""
    caplog.set_level("INFO", "crossbar.webhooks")
    store = Failing(clock)
    store.looks_around = looks_around

    def complete(lines: int) -> bool:
        return len(said()) >= lines

    def reached(asked: int) -> bool:
        return store.asked >= asked

    def said() -> list[str]:
        return [each.getMessage() for each in caplog.records if each.getMessage().startswith("deliveries")]

    async with at_home(store, clock) as home:
        await home.hook(receiver)
        told: list[str] = []
        for reason in ("first", "second"):
            store.away = StoreUnavailable(reason)
            await home.device()
            told += [f"deliveries have to wait: {reason}", "deliveries go on"]
            await until(partial(complete, len(told) - 1))
            for _ in range(3):
                asked = store.asked
                home.wake()
                await until(partial(reached, asked + 1 + looks_around))
            store.away = None
            home.wake()
            await until(partial(complete, len(told)))
            assert told == said()
