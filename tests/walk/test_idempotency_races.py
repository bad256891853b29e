"""`Idempotency-Key` when things go wrong: duplicates at once, crashes half-way, hooks, endpoints of other sorts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from crossbar import (
    Change,
    Conflict,
    Context,
    Document,
    Endpoint,
    Insert,
    InvalidData,
    Json,
    Kind,
    Noun,
    Query,
    Reply,
    Resource,
    Stream,
    action,
    after,
    created,
    idempotency,
    within,
    write,
)
from crossbar.errors import StoreUnavailable
from crossbar.idempotency import KIND, Once
from crossbar.resource import new_id
from crossbar.testing import Clock, Response, World, make_store, small_world

from .test_idempotency import DEVICE, keyed, same
from .tools import SETTINGS, Home, ids, refused

AUDIT = Kind("audit")


class Orders(Resource):
    """A resource whose answer is not its document, and that has an action which makes one."""

    name = "orders"

    async def create(self, ctx: Context) -> Reply:
        """Answer with a receipt."""
        await asyncio.sleep(0.01)
        document = await self.insert(ctx, ctx.body)
        await asyncio.sleep(0.01)
        return created({"receipt": document.id}, total=ctx.body.get("total"))

    @action("PUT {id}/copy")
    async def copy(self, ctx: Context, id: str) -> Reply:
        """Make another one of it."""
        body = ctx.document().data() | {"copy": True}
        body.pop("id")
        document = await self.insert(ctx, body)
        return created(document, ctx.target.nouns[0], Noun("orders", (document.id,)))


class Retries(Resource):
    """A resource that meets a conflict of its own before it succeeds."""

    name = "retries"

    async def create(self, ctx: Context) -> Document:
        """Insert a document under an id that is taken, then under a free one."""
        taken = self.made(ctx, {})
        await ctx.app.store.write([Insert(taken)])
        with pytest.raises(InvalidData, match="validation"):
            await write(ctx, Insert(taken))
        return await self.insert(ctx, ctx.body | {"second": True})


class Counting(Endpoint):
    """An endpoint that keeps its things elsewhere, so that nothing is written with what it makes."""

    name = "counting"

    def __init__(self) -> None:
        self.count = 0

    async def create(self, ctx: Context) -> Json:
        """Count one more, and answer with the sum, or with pieces, or with a refusal of its own."""
        self.count += 1
        if ctx.body.get("wanted") == "refusal":
            return {"status": 409}
        if ctx.body.get("wanted") == "stream":
            return Stream(self._pieces(), "text/plain")  # type: ignore[return-value]
        return {"count": self.count, "pad": "x" * ctx.body.get("pad", 0)}

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield b"%d" % self.count


class Watching(Endpoint):
    """What other modules have to do with a create."""

    name = "watching"

    def __init__(self) -> None:
        self.fails = False
        self.after = 0

    def kinds(self) -> tuple[Kind, ...]:
        """What is written along."""
        return (AUDIT,)

    @within("orders.*")
    async def written_along(self, ctx: Context, changes: Sequence[Change]) -> list[Change]:
        """Write a line about every document that is made."""
        assert all(isinstance(each, Insert) and each.document.kind == "orders" for each in changes)
        return [Insert(Document.of(ctx.home(), AUDIT.name, new_id(), {"changes": len(changes)}, ctx.now))]

    @after("orders.copy")
    async def afterwards(self, ctx: Context, reply: Reply) -> None:
        """Fail when all is done, if it shall."""
        self.after += 1
        if self.fails:
            raise Conflict("the hook has something against it")


@pytest.fixture(params=["memory", "sqlite"])
async def own(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """An application with these endpoints."""
    clock = Clock()

    endpoints = [Orders(), Retries(), Counting(), Watching()]
    world = await small_world(make_store(request.param, tmp_path, clock), SETTINGS, endpoints=endpoints, clock=clock)
    yield world
    await world.app.stop()


async def kept(world: World, kind: str) -> list[Document]:
    """The documents of a kind in the customer's account."""
    return await world.app.store.find(Query(world.customer, kind, limit=1000, full=True))


async def test_fifty_at_once(home: Home) -> None:
    """Of fifty duplicates at the same time one makes the document, and all get its answer."""
    headers = keyed()
    answers = await asyncio.gather(*(home.put("/devices", DEVICE, headers=headers) for _ in range(50)))
    assert [] == [answer.body for answer in answers if not same(answers[0], answer)]
    assert (201, [answers[0].data["id"]]) == (answers[0].status, ids(await home.get("/devices")))
    assert 49 == sum(answer.headers.get("idempotency-replayed") == "true" for answer in answers)


async def test_fifty_with_a_unique_value(home: Home) -> None:
    """The loser hears of the key and not of the user name, which is its own."""
    headers, user = keyed(), {"first_name": "Ada", "last_name": "Byron", "username": "ada"}
    answers = await asyncio.gather(*(home.put("/users", user, headers=headers) for _ in range(50)))
    assert ({201}, 1) == ({answer.status for answer in answers}, len({answer.data["id"] for answer in answers}))


async def test_fifty_accounts(home: Home) -> None:
    """So it is where a create has guards and writes several documents."""
    headers, account = keyed(), {"name": f"below {home.id}"}
    answers = await asyncio.gather(*(home.client.put(home.at(), account, headers=headers) for _ in range(50)))
    assert ([], 201) == ([each.body for each in answers if not same(answers[0], each)], answers[0].status)
    assert 1 == len((await home.get("/children")).data)


async def test_fifty_receipts(own: World) -> None:
    """Where the answer is something else than the document, the losers wait for it."""
    client = await own.client("customer")
    headers = keyed()
    answers = await asyncio.gather(*(client.put("/account/orders", {"total": 5}, headers=headers) for _ in range(50)))
    assert ([], 201) == ([each.body for each in answers if not same(answers[0], each)], answers[0].status)
    assert (5, 1) == (answers[0].json()["total"], len(await kept(own, "orders")))
    assert [1] == [line.data()["changes"] for line in await kept(own, "audit")]


async def test_different_requests_at_once(home: Home) -> None:
    """Of different requests under one key one happens; the others are told."""
    headers = keyed()
    answers = await asyncio.gather(*(home.put("/devices", {"name": f"{n}"}, headers=headers) for n in range(20)))
    assert [201] + [409] * 19 == sorted(answer.status for answer in answers)
    assert 1 == len((await home.get("/devices")).data)


async def repeated(world: World, path: str, data: dict[str, Any]) -> tuple[Response, Response]:
    """Send a create twice."""
    client, headers = await world.client("customer"), keyed()
    return await client.put(path, data, headers=headers), await client.put(path, data, headers=headers)


async def test_hooks(own: World) -> None:
    """What hooks write along is written once, and nobody is asked or told again about a repetition."""
    client = await own.client("customer")
    made = (await client.put("/account/orders", {"total": 1})).data["receipt"]
    first, again = await repeated(own, f"/account/orders/{made}/copy", {})
    assert (201, True, True) == (first.status, same(first, again), first.data["copy"])
    assert first.headers["location"].endswith(f"/orders/{first.data['id']}")
    watching: Any = own.app.registry.names["watching"]
    assert (2, 2, 1) == (len(await kept(own, "orders")), len(await kept(own, "audit")), watching.after)


async def test_a_hook_that_fails_afterwards(own: World) -> None:
    """What was written stays written: the first answer is the failure, and the repetition shows what was made."""
    client = await own.client("customer")
    made = (await client.put("/account/orders", {})).data["receipt"]
    watching: Any = own.app.registry.names["watching"]
    watching.fails = True
    first, again = await repeated(own, f"/account/orders/{made}/copy", {})
    refused(first, 409)
    assert (201, True, "true") == (again.status, again.data["copy"], again.headers["idempotency-replayed"])
    assert (2, True) == (len(await kept(own, "orders")), again.headers["location"].endswith(again.data["id"]))


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have requests end when the document is written, as if the process had been killed there."""

    async def settle(self: Once, ctx: Context) -> None:
        raise ConnectionAbortedError("killed")

    monkeypatch.setattr(Once, "settle", settle)


async def test_a_crash_after_the_write(own: World, crashing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows the reply; the repetition is answered with the document, and makes none."""
    first, again = await repeated(own, "/account/orders", {"total": 7})
    assert (500, 201, 7) == (first.status, again.status, again.data["total"])
    orders = await kept(own, "orders")
    assert [again.data["id"]] == [order.id for order in orders]
    assert again.headers["location"].endswith(f"/orders/{orders[0].id}")


async def test_nobody_waits_for_a_dead_process(own: World, crashing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds later it is clear that no reply will come."""
    client, headers = await own.client("customer"), keyed()
    await client.put("/account/orders", {}, headers=headers)
    clock: Any = own.app.clock
    clock.now += idempotency.PATIENCE + 1

    async def sleep(seconds: float) -> None:
        raise AssertionError("it waits")

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert 201 == (await client.put("/account/orders", {}, headers=headers)).status


async def test_a_store_that_goes_away_half_way(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves nothing; one whose answer is lost is found by the repetition."""
    store, headers = home.world.app.store, keyed()
    real = type(store).write
    loses = [False, True]

    async def failing(self: Any, changes: Sequence[Change]) -> Any:
        if any(isinstance(change, Insert) and change.document.kind == KIND.name for change in changes) and loses:
            if loses.pop():
                await real(self, changes)
            raise StoreUnavailable("away")
        return await real(self, changes)

    monkeypatch.setattr(type(store), "write", failing)
    found = await home.put("/devices", DEVICE, headers=headers)
    assert (201, "true") == (found.status, found.headers["idempotency-replayed"])
    refused(await home.put("/devices", DEVICE, headers=keyed()), 503, "datastore_unreachable")
    assert [found.data["id"]] == ids(await home.get("/devices"))


async def test_what_is_made_elsewhere(own: World) -> None:
    """A create that does not write is remembered when it is done; a reply that cannot be kept is not."""
    counting: Any = own.app.registry.names["counting"]
    first, again = await repeated(own, "/account/counting", {})
    assert (201, True, 1) == (first.status, same(first, again), counting.count)
    first, again = await repeated(own, "/account/counting", {"wanted": "stream"})
    assert (b"2", b"3") == (first.body, again.body)
    first, again = await repeated(own, "/account/counting", {"pad": 70_000})
    assert (4, 5) == (first.data["count"], again.data["count"])
    assert 1 == len(await kept(own, KIND.name))


async def test_a_write_that_conflicts_at_first(own: World) -> None:
    """An endpoint that tries again after a conflict of its own still writes the record, once."""
    first, again = await repeated(own, "/account/retries", {"n": 1})
    assert (201, True, True) == (first.status, same(first, again), first.data["second"])
    assert (2, 1) == (len(await kept(own, "retries")), len(await kept(own, KIND.name)))
