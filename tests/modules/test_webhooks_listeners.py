"""Listeners: who is told of an event, and what it costs those who are not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar import Document, Insert, Kind, Query
from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.testing import NOW, World
from modules.webhooks.events import Event
from modules.webhooks.listeners import STAMPS, Listeners, ensure_stamp, restamped

from .tools import Clock, Home, Receiver, at_home, home_in, receiving, restarted, until


async def test_only_what_it_is_limited_to(home: Home, receiver: Receiver) -> None:
    """Type and action limit the events; the last of these is the only one that passes."""
    await home.hook(receiver, custom_data={"type": "user", "action": "doc_created"})
    id = await home.device()
    await home.client.delete(f"{home.path}/devices/{id}")
    person = {"first_name": "Ada", "last_name": "Byron"}
    assert (await home.client.put(f"{home.path}/users", person)).status == 201
    await until(lambda: receiver.received)
    await home.settled(1)
    assert ([("user", "doc_created")], []) == (receiver.events, await home.outstanding())


async def test_those_that_are_switched_off_get_nothing(home: Home, receiver: Receiver) -> None:
    """A webhook that is switched off, or for events of another sort, is passed over; its neighbour is not."""
    await home.hook(receiver, enabled=False)
    await home.hook(receiver, hook="channel_create")
    hook = await home.hook(receiver)
    await home.device()
    await home.settled(1)
    assert [hook["id"]] == [got.headers["x-hook-id"] for got in receiver.received]


async def test_webhooks_cause_no_events(home: Home, receiver: Receiver) -> None:
    """Making, editing, rotating and deleting webhooks tells nobody anything, and neither does delivering."""
    hook = await home.hook(receiver, hook="all")
    await home.client.patch(home.at(hook), {"name": "Told"})
    await home.client.put(home.at(hook) + "/secret")
    await home.client.delete(home.at(await home.hook(receiver, hook="all")))
    assert [] == await home.outstanding()
    await home.device()
    await home.settled(1)
    assert ([("device", "doc_created")], []) == (receiver.events, await home.outstanding())


async def test_accounts_below(receiver: Receiver, clock: Clock) -> None:
    """With `include_subaccounts` what happens below is told too, new accounts among it; what is beside is not."""
    async with at_home(clock=clock) as home:
        world = World(home.app)
        reseller, stranger = await home_in(world, "reseller"), await home_in(world, "stranger")
        await reseller.hook(receiver, include_subaccounts=True, name="all of them")
        async with receiving() as own:
            await reseller.hook(own, include_subaccounts=False)
            device = await home.device()
            await stranger.device()
            made = await home.client.put(f"{home.path}", {"name": "Branch", "realm": "branch.example.com"})
            assert made.status == 201
            await reseller.device()
            await until(lambda: len(receiver.received) == 3 and len(own.received) == 1)
            events = [(got.event["account_id"], got.event["type"], got.event["id"]) for got in receiver.received]
            assert (home.id, "device", device) in events
            assert (made.data["id"], "account", made.data["id"]) in events
            assert {got.headers["x-account-id"] for got in receiver.received} == {reseller.id}
            assert [reseller.id] == [got.event["account_id"] for got in own.received]


async def test_an_account_that_goes(receiver: Receiver, clock: Clock) -> None:
    """Deleting an account is told to the accounts above it; its own webhooks go with it."""
    async with at_home(clock=clock) as home, receiving() as own:
        world = World(home.app)
        reseller, department = await home_in(world, "reseller"), await home_in(world, "department")
        await reseller.hook(receiver, include_subaccounts=True, custom_data={"action": "doc_deleted"})
        own.hold()
        await department.hook(own)
        assert (await reseller.client.delete(department.path)).status == 200
        await until(lambda: receiver.received)
        assert (department.id, "account") == (receiver.received[0].event["id"], receiver.received[0].event["type"])
        await home.emptied()
        assert [] == own.received


async def test_a_webhook_from_another_process(receiver: Receiver, tmp_path: Any, clock: Clock) -> None:
    """What another process knows of webhooks is known here with the next write: new ones, and that they are gone."""
    path = tmp_path / "shared.db"
    async with at_home(SqliteStore(path, clock=clock), clock) as one:
        async with restarted(SqliteStore(path, clock=clock), clock) as other:
            await one.device("Before")
            hook = await other.hook(receiver)
            await one.device("Between")
            await other.settled(1, hook)
            assert 1 == len(receiver.received)
            await other.client.delete(other.at(hook))
            await one.device("After")
            assert [] == await one.outstanding()
        assert 1 == len(receiver.received)


class Slow(MemoryStore):
    """A store in which the reading of webhooks can be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.barred: asyncio.Event | None = None
        self.reading = asyncio.Event()

    async def find(self, query: Query) -> Any:
        """Read at once, and answer when that is allowed."""
        found = await super().find(query)
        if self.barred is not None:
            self.reading.set()
            await self.barred.wait()
        return found


async def test_what_was_read_before_a_change_is_not_kept() -> None:
    """Who read the webhooks just before one was added does not hide it from those who come later."""
    store = Slow()
    await store.open([Kind("webhooks"), STAMPS])
    await ensure_stamp(store)
    listeners, event = Listeners(store), Event("doc_created", "devices", "1", "account", (), NOW)
    store.barred = held = asyncio.Event()
    early = asyncio.create_task(listeners.of(event, ()))
    await store.reading.wait()
    store.barred = None
    hook = Document.of("account", "webhooks", "w", {"hook": "all", "uri": "https://example.com/"}, NOW)
    await store.write([Insert(hook), *restamped()])
    assert ["w"] == [listener.webhook_id for listener in await listeners.of(event, ())]
    held.set()
    assert [] == await early
    assert ["w"] == [listener.webhook_id for listener in await listeners.of(event, ())]


async def test_other_accounts_hear_nothing(home: Home, receiver: Receiver) -> None:
    """What happens in one account is no business of another beside or below it."""
    world = World(home.app)
    below, beside = await home_in(world, "department"), await home_in(world, "stranger")
    await below.hook(receiver, hook="all", include_subaccounts=True)
    await beside.hook(receiver, hook="all", include_subaccounts=True)
    await home.device()
    assert [] == await home.outstanding()


async def test_an_import_is_noticed_after_a_while(
    home: Home, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook that was put into the store past the API is known after a minute."""
    await home.device("Before")
    body = {"name": "Tell", "hook": "all", "uri": receiver.uri, "format": "json"}
    await home.app.store.write([Insert(Document.of(home.id, "webhooks", "imported", body, 1_780_000_000))])
    await home.device("Unknown yet")
    assert [] == await home.outstanding()
    monkeypatch.setattr("crossbar.modules.webhooks.listeners._AGE", 0.0)
    await home.device("Known")
    await until(lambda: receiver.received)
    assert [("device", "doc_created")] == receiver.events


class Late(MemoryStore):
    """A store that learns late of what other processes have written."""

    lag = 0.5

    def version(self, *kinds: str) -> int | None:
        """As if nobody had written anything."""
        return 1


async def test_a_store_that_learns_late(clock: Clock, receiver: Receiver) -> None:
    """A webhook counts for what is written after it, through whichever process it was made."""
    async with at_home(Late(clock), clock) as home:
        await home.device("Before")
        await home.hook(receiver)
        await home.device("After")
        await until(lambda: receiver.received)
        assert [("device", "doc_created")] == receiver.events


class Counting(MemoryStore):
    """A store that counts what it is asked, and cannot tell which kinds were written."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.asked: list[str] = []

    def version(self, *kinds: str) -> int | None:
        """The version of everything."""
        return super().version()

    async def get(self, tenant: str, kind: str, id: str) -> Any:
        """Take down the kind."""
        self.asked.append(f"get {kind}")
        return await super().get(tenant, kind, id)

    async def find(self, query: Query) -> list[Any]:
        """Take down the kind."""
        self.asked.append(f"find {query.kind}")
        return await super().find(query)


async def test_what_an_account_without_webhooks_pays(clock: Clock) -> None:
    """A write costs one look at the stamp, a read nothing, and nobody looks for deliveries that there cannot be."""
    store = Counting(clock)
    async with at_home(store, clock, poll=3600) as home:
        id = await home.device()
        store.asked.clear()
        await home.device()
        assert ["get webhook_stamps"] == [asked for asked in store.asked if "webhook" in asked]
        store.asked.clear()
        await home.client.get(f"{home.path}/devices/{id}")
        await home.client.get(f"{home.path}/devices")
        assert [] == [asked for asked in store.asked if "webhook" in asked]


async def test_what_an_account_with_webhooks_pays(clock: Clock, receiver: Receiver) -> None:
    """The webhooks are read once, not with every write."""
    store = Counting(clock)
    async with at_home(store, clock, poll=3600, deliver=False) as home:
        await home.hook(receiver)
        await home.device()
        store.asked.clear()
        await home.device()
        assert ["get webhook_stamps"] == [asked for asked in store.asked if "webhook" in asked]
        assert 2 == len(await home.outstanding())
