"""Connections that are cut at any byte: what was acknowledged is there once, and all else wholly or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from crossbar.stores import Delete, Guard, Insert, Keep, Replace
from crossbar.stores.mongo import MongoStore
from crossbar.testing import World, small_world

from ..contract.blobs import content, finished, noted, read
from ..contract.documents import device, devices, document, ids, insert
from .cutting import Cutting, Direction, How
from .lines import WAIT, Line, lines_to, opened, outcome, repeat_alike, soon, there, together
from .servers import Server

IMPATIENT = True  # it is about servers that do not answer in time

PLACES = (0, 1, 15, 16, 40, 0.3, 0.6, 0.9, -1, 1.0)
"""Where to cut: after so many bytes, or so much of all that went that way when nothing was cut."""
SEEDS = (1,)
BLOB = content(700_000)

Found = Callable[[MongoStore, str], Awaitable[bool]]


@pytest.fixture(autouse=True)
def _repeating(mongo_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have repeated writes known as such."""
    repeat_alike(mongo_server, monkeypatch)


async def prepare(store: MongoStore, id: str) -> None:
    """What the operations below find in the tenant with that id: a device to change, and one to delete."""
    await insert(store, device("old", tenant=id, state=1), device("gone", tenant=id))


async def inserting(store: MongoStore, id: str) -> None:
    """One document."""
    await insert(store, device("new", tenant=id))


async def replacing(store: MongoStore, id: str) -> None:
    """One document at its first revision."""
    await store.write([Replace(device("old", tenant=id, state=2))])


async def deleting(store: MongoStore, id: str) -> None:
    """One document for good."""
    await store.write([Delete(id, "devices", "gone", purge=True)])


async def changing(store: MongoStore, id: str) -> None:
    """Several documents at once, which takes a transaction with a guard."""
    await store.write(
        [
            Guard(devices(tenant=id)),
            Insert(device("new", tenant=id)),
            Replace(device("old", tenant=id, state=2)),
            Delete(id, "devices", "gone"),
        ]
    )


async def keeping(store: MongoStore, id: str) -> None:
    """A blob, and the note that has it."""
    blob = await finished(store, BLOB)
    await store.write([Insert(document("notes", "new", tenant=id)), Keep(blob, id, "notes", "new")])


async def has(store: MongoStore, id: str) -> bool:
    """Whether the new device is there."""
    return await store.get(id, "devices", "new") is not None


async def was_replaced(store: MongoStore, id: str) -> bool:
    """Whether the old device has another state, and the revision that goes with it."""
    found = await there(store, id, "devices", "old")
    assert (found.data()["state"], found.revision) in ((1, 1), (2, 2))
    return found.revision == 2


async def was_deleted(store: MongoStore, id: str) -> bool:
    """Whether the one to delete is gone."""
    return await store.get(id, "devices", "gone") is None


async def was_changed(store: MongoStore, id: str) -> bool:
    """Whether all of it was done; none of it otherwise."""
    parts = {await has(store, id), await was_replaced(store, id), await was_deleted(store, id)}
    assert 1 == len(parts)
    return parts.pop()


async def was_kept(store: MongoStore, id: str) -> bool:
    """Whether the note is there, and then with all of its bytes."""
    if await store.get(id, "notes", "new") is None:
        return False
    files = store._opened().database["blobs.files"]
    (file,) = [each async for each in files.find({"metadata.tenant": id})]
    pieces = [piece async for piece in store.read_blob(id, file["_id"])]
    assert BLOB == b"".join(pieces)
    return True


async def try_all(
    server: Server, uri: str, work: Callable[[MongoStore, str], Awaitable[None]], found: Found | None
) -> None:
    """Cut everywhere on the way up and down, each on a line of its own, and look what became of it."""
    async with opened(uri) as direct, lines_to(server, uri, 1) as (line,):
        await prepare(direct, "whole")
        before = line.proxy.carried.copy()
        await work(line.store, "whole")
        carried: dict[Direction, int] = {way: line.proxy.carried[way] - before[way] for way in ("up", "down")}
    places: list[tuple[Direction, int, How]] = []
    for way, most in carried.items():
        found_at = {place if isinstance(place, int) and place >= 0 else round(most * abs(place)) for place in PLACES}
        places += [(way, place, "rst" if n % 2 else "fin") for n, place in enumerate(sorted(found_at | {most - 1}))]

    async def one(line: Line, number: int, way: Direction, after: int, how: How) -> None:
        id = f"n{number}"
        line.proxy.cut(after=after, direction=way, how=how)
        said = await soon(work(line.store, id))
        await line.proxy.heal()
        if found is None:
            assert "done" == said
        elif said == "done":
            assert await found(direct, id), f"{way} {after} {how}: it was acknowledged"
        else:
            assert "unavailable" == said, f"{way} {after} {how}"
            await found(direct, id)
        await line.store.health()

    async with opened(uri) as direct, lines_to(server, uri, len(places)) as lines:
        for number in range(len(places)):
            await prepare(direct, f"n{number}")
        await together(one(lines[n], n, *place) for n, place in enumerate(places))
        assert sum(line.proxy.cuts for line in lines) >= len(lines) / 2


@pytest.mark.parametrize(
    ("work", "found"),
    [
        (inserting, has),
        (replacing, was_replaced),
        (deleting, was_deleted),
        (changing, was_changed),
        (keeping, was_kept),
    ],
    ids=["insert", "replace", "delete", "transaction", "blob"],
)
async def test_a_write_that_is_cut(
    mongo_server: Server,
    mongo_database: str,
    work: Callable[[MongoStore, str], Awaitable[None]],
    found: Found,
) -> None:
    """It is done, or refused and then there wholly or not at all; the next one goes through."""
    await try_all(mongo_server, mongo_database, work, found)


async def test_what_is_read_is_asked_for_again(mongo_server: Server, mongo_database: str) -> None:
    """A cut in a document, a page, a count or a download is nothing that anybody notices."""
    async with opened(mongo_database) as store:
        await insert(store, *(device(f"d{n}", name="x" * 500) for n in range(20)))
        blob = await noted(store, BLOB)

    async def reading(store: MongoStore, id: str) -> None:
        assert 20 <= len(ids(await store.page(devices(limit=100, full=True))))
        assert await store.get("acme", "devices", "d1") is not None
        assert 20 <= await store.count(devices())
        assert BLOB == await read(store, blob)

    await try_all(mongo_server, mongo_database, reading, None)


@pytest.mark.parametrize("seed", SEEDS)
async def test_many_writers_on_a_line_that_breaks_again_and_again(
    mongo_server: Server, mongo_database: str, seed: int
) -> None:
    """Counters that several raise: each step that was acknowledged counts once, and no revision is skipped."""
    async with opened(mongo_database) as direct, lines_to(mongo_server, mongo_database, 2) as lines:
        await insert(direct, *(device(f"c{n}", count=0) for n in range(4)))
        for n, line in enumerate(lines):
            line.proxy.cut_at_random(Random(seed * 10 + n), 6000)
        sure, unsure = [0] * 4, [0] * 4

        async def raise_it(store: MongoStore, n: int, other: int) -> None:
            found = await there(store, "acme", "devices", f"c{n}")
            count = found.data()["count"] + 1
            extra = [Insert(device(f"{n}-{other}-{count}"))] if other else []
            said = await outcome(store.write([Replace(found.with_data({"count": count})), *extra]))
            sure[n] += said == "done"
            unsure[n] += said == "unavailable"

        async def many(line: Line, n: int, other: int) -> None:
            for _ in range(6):
                await outcome(raise_it(line.store, n, other))

        await together(many(line, n, at + n % 2) for at, line in enumerate(lines) for n in range(4))
        for line in lines:
            await line.proxy.heal()
        assert sum(line.proxy.cuts for line in lines) > 3
        assert sum(sure) > 8
        for n in range(4):
            found = await there(direct, "acme", "devices", f"c{n}")
            count = found.data()["count"]
            assert count + 1 == found.revision
            assert sure[n] <= count <= sure[n] + unsure[n]


@pytest.fixture
async def cut_world(mongo_server: Server, mongo_database: str) -> Any:
    """An application behind a proxy, and the proxy."""
    async with Cutting(*mongo_server.address) as proxy:
        world = await small_world(MongoStore(proxy.through(mongo_database)))
        yield world, proxy
        await proxy.heal()
        await world.app.stop()


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_create_that_is_repeated_until_it_is_answered(cut_world: tuple[World, Cutting], seed: int) -> None:
    """Under one Idempotency-Key each makes one document; what is refused says when to come back."""
    world, proxy = cut_world
    client = await world.client()
    proxy.cut_at_random(Random(seed), 15_000)
    refused = 0

    async def create(number: int) -> str:
        nonlocal refused
        for _ in range(40):
            made = await client.put(
                f"/accounts/{world.master}/menus",
                {"name": f"Menu {number}", "number": number},
                headers={"idempotency-key": f'"{seed}-{number}"'},
            )
            if made.status == 201:
                return str(made.data["id"])
            assert made.status in (503, 504), made.body
            assert made.status == 504 or int(made.headers["retry-after"]) > 0
            refused += 1
        raise AssertionError(f"no answer in {WAIT} seconds")

    made = await together(create(number) for number in range(12))
    await proxy.heal()
    assert proxy.cuts > 2
    listed = await client.get(f"/accounts/{world.master}/menus?page_size=100")
    assert sorted(made) == sorted(row["id"] for row in listed.data)


async def test_a_listing_that_is_cut_in_the_middle(cut_world: tuple[World, Cutting]) -> None:
    """An export of many pages over a line that breaks has every row once."""
    world, proxy = cut_world
    client = await world.client()
    await world.app.store.write([Insert(document("menus", f"m{n:03}", tenant=world.master)) for n in range(400)])
    proxy.cut_at_random(Random(9), 20_000)
    rows = [row["id"] async for page in pages(client, world.master) for row in page]
    await proxy.heal()
    assert proxy.cuts > 1
    assert [f"m{n:03}" for n in range(400)] == sorted(rows)


async def pages(client: Any, account: str) -> Any:
    """The pages of all menus, each asked for until it is answered."""
    start = ""
    while True:
        answer = await client.get(f"/accounts/{account}/menus?page_size=20{start}")
        if answer.status == 503:
            continue
        yield answer.data
        following = answer.json().get("next_start_key")
        if not following:
            return
        start = f"&start_key={following}"
