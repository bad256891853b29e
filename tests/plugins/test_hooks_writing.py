"""Hooks of `within`: changes that are written along with others, all of them or none, in both stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from crossbar import (
    Change,
    Context,
    Delete,
    Document,
    Endpoint,
    Forbidden,
    Guard,
    Insert,
    Json,
    Kind,
    Query,
    Replace,
    Resource,
    action,
    where,
    within,
    write,
)
from crossbar.testing import Client

from .tools import Maker


class Rooms(Resource):
    """Documents of which others take notice."""

    name = "rooms"
    unique = ("number",)

    @action("POST twins")
    async def twins(self, ctx: Context) -> Json:
        """Make two rooms at once, and say what `write` returns."""
        pair = [self.made(ctx, {"number": number}) for number in (1, 2)]
        written = await write(ctx, *map(Insert, pair))
        return [document.id if document is not None else None for document in written] == [each.id for each in pair]


class Outbox(Endpoint):
    """A place for what is to be told, with hooks that fill it."""

    name = "outbox"

    def kinds(self) -> tuple[Kind, ...]:
        """One kind of its own."""
        return (Kind("outbox", unique=("key",)),)

    async def find(self, ctx: Context) -> Json:
        """What is in it, in the order of the keys."""
        found = await ctx.app.store.find(Query(ctx.home(), "outbox", limit=100))
        return sorted(document.data()["key"] for document in found)

    def letter(self, ctx: Context, key: str) -> Insert:
        """A new document in the outbox."""
        return Insert(Document.of(ctx.home(), "outbox", f"id-{key}", {"key": key}, ctx.now))

    @within("rooms.*")
    async def record(self, ctx: Context, changes: Sequence[Change]) -> Sequence[Change]:
        """A letter for each change."""
        kinds = {Insert: "insert", Replace: "replace", Delete: "delete"}
        return [self.letter(ctx, f"{kinds[type(change)]}-{number}") for number, change in enumerate(changes)]


@pytest.fixture(params=["memory", "sqlite"])
async def client(request: pytest.FixtureRequest, make: Maker) -> Client:
    """An application with rooms and an outbox, over each store."""
    return await make.client(endpoints=[Rooms(), Outbox()], store=request.param)


async def outbox(client: Client) -> Any:
    """What is in the outbox."""
    return (await client.get("/account/outbox")).data


async def test_written_together(client: Client) -> None:
    """What a hook adds is there with what the operation wrote, which gets its own documents back and no others."""
    made = await client.put("/account/rooms", {"number": 7})
    one = f"/account/rooms/{made.data['id']}"
    assert (201, 7, ["insert-0"]) == (made.status, made.data["number"], await outbox(client))
    assert 200 == (await client.patch(one, {"number": 8})).status
    assert 200 == (await client.delete(one)).status
    assert ["delete-0", "insert-0", "replace-0"] == await outbox(client)


async def test_several_changes(client: Client) -> None:
    """A hook sees all changes of a write at once; the results keep their order."""
    assert (await client.post("/account/rooms/twins", {})).data is True
    assert ["insert-0", "insert-1"] == await outbox(client)


async def test_a_refused_write(client: Client) -> None:
    """If the operation's own change is refused, the hook's is not written either, and the client is told as ever."""
    await client.put("/account/rooms", {"number": 7})
    await client.app.store.write([Delete(home(client), "outbox", "id-insert-0")])
    again = await client.put("/account/rooms", {"number": 7})
    assert (400, ["unique"], []) == (again.status, list(again.data["number"]), await outbox(client))


def home(client: Client) -> str:
    """The account of the client."""
    return "c0" * 16


async def test_a_hooks_change_that_clashes(client: Client) -> None:
    """If what a hook adds cannot be written, nothing is; the client learns that it is a conflict, and not its fault."""
    await client.put("/account/rooms", {"number": 1})
    clash = await client.put("/account/rooms", {"number": 2})
    assert (409, "datastore_conflict") == (clash.status, clash.json()["message"])
    assert ["outbox" in clash.data["message"], 1] == [True, len((await client.get("/account/rooms")).data)]


CHANGES: list[Any] = [
    pytest.param(lambda ctx: Delete(ctx.home(), "outbox", "nobody"), 409, id="a document that is not there"),
    pytest.param(lambda ctx: Replace(Document.of(ctx.home(), "outbox", "x", {}, 1)), 409, id="one to replace"),
    pytest.param(
        lambda ctx: Guard(Query(ctx.home(), "outbox", (where("key", "x"),))), 409, id="a condition that is not met"
    ),
    pytest.param(lambda ctx: Guard(Query(ctx.home(), "outbox"), finds=False), 201, id="a condition that is met"),
]


@pytest.mark.parametrize(("change", "status"), CHANGES)
@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_what_a_hook_may_add(make: Maker, store: str, change: Any, status: int) -> None:
    """A hook may add any kind of change; one that cannot be carried out is a conflict, with nothing written."""

    @within("rooms.create")
    async def add(ctx: Context, changes: Sequence[Change]) -> Sequence[Change]:
        return [change(ctx)]

    class Silent(Outbox):
        record = None  # type: ignore[assignment]

    client = await make.client(endpoints=[Rooms(), Silent()], hooks=[add], store=store)
    made = await client.put("/account/rooms", {"number": 1})
    assert (status, status == 201) == (made.status, bool((await client.get("/account/rooms")).data)), made.data


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_a_hook_that_refuses(make: Maker, store: str) -> None:
    """A hook that raises keeps everything from being written, also what the hooks before it have added."""

    @within("rooms.create", order=1)
    async def never(ctx: Context, changes: Sequence[Change]) -> Sequence[Change]:
        raise Forbidden("full")

    client = await make.client(endpoints=[Rooms(), Outbox()], hooks=[never], store=store)
    refused = await client.put("/account/rooms", {"number": 1})
    assert (403, "full", [], []) == (
        refused.status,
        refused.data["message"],
        await outbox(client),
        (await client.get("/account/rooms")).data,
    )


async def test_an_optional_hook_that_fails(make: Maker) -> None:
    """What others add is written, though an optional hook fails."""

    @within("rooms.create", required=False)
    async def never(ctx: Context, changes: Sequence[Change]) -> Sequence[Change]:
        raise LookupError

    client = await make.client(endpoints=[Rooms(), Outbox()], hooks=[never])
    assert (201, ["insert-0"]) == ((await client.put("/account/rooms", {})).status, await outbox(client))


async def test_a_hook_that_writes_by_itself(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that calls `write`, which would run it again, is told what to do instead; nothing is written."""

    @within("rooms.create")
    async def eager(ctx: Context, changes: Sequence[Change]) -> None:
        await write(ctx, Outbox().letter(ctx, "eager"))

    client = await make.client(endpoints=[Rooms(), Outbox()], hooks=[eager])
    assert (500, []) == ((await client.put("/account/rooms", {})).status, await outbox(client))
    assert "it does not write by itself" in caplog.text


async def test_a_generator_of_changes(make: Maker) -> None:
    """A hook may return anything that can be gone through, or nothing."""

    @within("rooms.create")
    async def lazy(ctx: Context, changes: Sequence[Change]) -> Any:
        return (Outbox().letter(ctx, key) for key in "ab")

    @within("rooms.create")
    async def idle(ctx: Context, changes: Sequence[Change]) -> None:
        return None

    client = await make.client(endpoints=[Rooms(), Outbox()], hooks=[lazy, idle])
    assert (201, ["a", "b", "insert-0"]) == ((await client.put("/account/rooms", {})).status, await outbox(client))
