"""Listings: pages by their number with a total, and pages by key that tell where the one before them begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import Context, Delete, Document, Insert, Json, Page, Reply, Resource, listing
from crossbar.settings import Paging
from crossbar.stores.memory import MemoryStore
from crossbar.testing import NOW, QUICK, Client, Clock, Response, World, make_store, small_world

ROWS = [f"{n:02}" for n in range(17)]
DEEPEST = 40


class Leaves(Resource):
    """A resource with words of its own for pages: `page` is a number, `backward` asks for the way back."""

    name = "leaves"
    summary = ("n",)
    indexes = ("tree",)
    owner = "owner_id"
    chunked = True

    async def find(self, ctx: Context) -> Any:
        """The page, and beside it what is known of the listing."""
        wanted = ctx.listing()
        number, backward = ctx.query.get("page"), "backward" in ctx.query
        page = replace(wanted.page, number=None if number is None else int(number), backward=backward)
        ctx.listing_asked = replace(wanted, page=page)
        found = await listing(ctx, self.tenant(ctx), self.kind, *self.of_parent(ctx))
        if not isinstance(found, Page):
            return found
        previous = found.previous
        if previous:
            previous = ctx.app.start_keys.seal(previous, ctx.binding(wanted), ctx.started_at)
        return Reply(found, envelope={"total": found.total, "previous": previous})


class Rings(Resource):
    """A resource that finds its rows itself, by key."""

    name = "rings"

    async def find(self, ctx: Context) -> Json:
        """Where it would begin."""
        page = replace(ctx.listing().page, number=int(ctx.query["page"]))
        ctx.listing_asked = replace(ctx.listing(), page=page)
        return {"start": ctx.start()}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="module", params=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Give an application with seventeen leaves in one account, two in a second, and one in another."""
    store = make_store(request.param, tmp_path_factory.mktemp("listings"))
    settings = replace(QUICK, paging=Paging(chunk_size=2, deepest=DEEPEST))
    world = await small_world(store, settings, endpoints=[Leaves(), Rings()])
    leaves = [
        Document.of(world.customer, "leaves", f"leaf{n}", {"n": n, "tree": "ab"[int(n) % 2]}, NOW + int(n) // 2)
        for n in ROWS
    ]
    other = Document.of(world.stranger, "leaves", "leaf", {"n": "other", "tree": "a"}, NOW)
    await world.app.store.write([Insert(each) for each in (*leaves, other)])
    yield world
    await world.app.stop()


@pytest.fixture(scope="module")
async def client(world: World) -> Client:
    """Give a client that is logged in where the leaves are."""
    return await world.client("customer")


async def ask(client: Client, **query: Any) -> Response:
    """Ask for leaves, the oldest first unless the query says otherwise."""
    words = {"ascending": "true", **query}
    return await client.get("/account/leaves", query={name: str(value) for name, value in words.items()})


async def read(client: Client, **query: Any) -> tuple[list[str], int | None, str | None]:
    """Give the rows of a page, the total, and the key of the page before it."""
    response = await ask(client, **query)
    assert 200 == response.status, response.body
    told = response.json()
    return [row["n"] for row in told["data"]], told["total"], told["previous"]


# -- by number ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ascending", ["true", "false"])
@pytest.mark.parametrize("size", [1, 2, 5, 16, 17, 18])
async def test_pages_by_number(client: Client, size: int, ascending: str) -> None:
    """As many pages as the total says show every row once, each page tells the same total, and then nothing is left."""
    rows = ROWS if ascending == "true" else ROWS[::-1]
    pages = -(-17 // size)
    for number in range(1, pages + 2):
        expected = rows[(number - 1) * size : number * size]
        assert (expected, 17, None) == await read(client, page=number, page_size=size, ascending=ascending)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"filter_tree": "b"}, ROWS[1::2]),
        ({"filter_n": "03"}, ["03"]),
        ({"filter_tree": "c"}, []),
        ({"created_from": NOW + 2 + 62_167_219_200}, ROWS[4:]),
        ({"created_to": NOW + 1 + 62_167_219_200, "filter_tree": "a"}, ["00", "02"]),
    ],
)
async def test_a_total_is_that_of_the_filters(client: Client, query: dict[str, Any], expected: list[str]) -> None:
    """What filters and times leave is what is counted, on every page."""
    found = [await read(client, page=number, page_size=3, **query) for number in (1, 2, 3)]
    assert [(expected[n : n + 3], len(expected), None) for n in (0, 3, 6)] == found


async def test_the_first_page_that_ends_the_listing_is_not_counted(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small listings cost nothing more than without a total; others are counted once, until something is written."""
    world.app.registry.worked_out.pop("counts", None)
    asked: list[str] = []
    kind = type(world.app.store)
    real = kind.count

    async def count(self: Any, query: Any) -> int:
        asked.append(query.kind)
        return await real(self, query)

    monkeypatch.setattr(kind, "count", count)
    for query in ({"page": 1}, {"page": 4, "page_size": 5}, {"page": 1, "filter_tree": "c"}, {"page_size": 3}):
        await read(client, **query, is_chunked="false")
    assert [] == asked
    for query in ({"page": 3, "page_size": 5}, {"page": 5, "page_size": 5}):
        await read(client, **query)
    assert ["leaves"] == asked
    elsewhere = Document.of(world.stranger, "leaves", f"late{len(asked)}", {"n": "x"}, NOW)
    await world.app.store.write([Insert(elsewhere)])
    await asyncio.sleep(0)
    await read(client, page=3, page_size=5)
    assert ["leaves", "leaves"] == asked
    rings = Document.of(world.customer, "rings", f"ring{len(asked)}", {"n": "x"}, NOW)
    await world.app.store.write([Insert(rings)])
    await asyncio.sleep(0)
    await read(client, page=3, page_size=5)
    assert ["leaves"] * (2 if isinstance(world.app.store, MemoryStore) else 3) == asked


async def test_a_total_leaves_out_what_has_expired() -> None:
    """Ten seconds later at the latest, although nobody has written anything."""
    clock = Clock(NOW + 100)
    world = await small_world(MemoryStore(clock), QUICK, clock=clock, endpoints=[Leaves()])
    client = await world.client("customer")
    ends = {"leaf2": None, "leaf1": NOW + 105}
    made = [Document.of(world.customer, "leaves", f"{n}-{id}", {"n": id}, NOW) for n in range(5) for id in ends]
    await world.app.store.write([Insert(replace(each, expires=ends[each.id[2:]])) for each in made])
    assert 10 == (await read(client, page=2, page_size=2))[1]
    clock.now += 4
    assert 10 == (await read(client, page=2, page_size=2))[1]
    clock.now += 6
    assert 5 == (await read(client, page=2, page_size=2))[1]
    await world.app.stop()


async def test_a_total_is_never_old(world: World, client: Client) -> None:
    """What is written between two pages is counted with the second, and what is deleted is not."""
    total = (await read(client, page=2, page_size=5, filter_tree="c"))[1] or 0
    made = [Document.of(world.customer, "leaves", f"new{n}", {"n": "new", "tree": "c"}, NOW) for n in range(9)]
    await world.app.store.write([Insert(each) for each in made])
    assert total + 9 == (await read(client, page=2, page_size=5, filter_tree="c"))[1]
    await world.app.store.write([Delete(each.tenant, each.kind, each.id, purge=True) for each in made])
    assert total == (await read(client, page=2, page_size=5, filter_tree="c"))[1]


async def test_a_page_by_number_is_sent_whole(client: Client) -> None:
    """No page by its number is a stream, whatever the endpoint's habit and the client's words."""
    lengths = [
        "content-length" in (await ask(client, page_size=8, **query)).headers
        for query in ({}, {"page": 1}, {"page": 2, "is_chunked": "true"}, {"page": 1, "paginate": "false"})
    ]
    assert [False, True, True, True] == lengths
    assert ROWS[8:16] == (await read(client, page=2, page_size=8, paginate="false"))[0]


async def test_a_start_key_has_no_meaning_beside_a_number(client: Client) -> None:
    """A page is counted from the beginning of the listing."""
    key = (await ask(client, page_size=2, is_chunked="false")).json()["next_start_key"]
    assert (ROWS[:2], 17, None) == await read(client, page=1, page_size=2, start_key=key)


async def test_files_and_numbers(client: Client) -> None:
    """A file has all rows, or those of the page if the client has spoken of pages."""
    files = [
        (await ask(client, accept="csv", **query)).text.split()[1:]
        for query in ({"page": 2}, {"page": 2, "page_size": 3}, {"page": 9, "page_size": 3})
    ]
    assert [[f'"leaf{n}","{n}"' for n in rows] for rows in (ROWS, ROWS[3:6], [])] == files


async def test_fields_of_a_page(client: Client) -> None:
    """Rows that are cut down to some fields are counted all the same."""
    told = (await ask(client, page=4, page_size=5, fields="tree")).json()
    assert ([{"id": "leaf15", "tree": "b"}, {"id": "leaf16", "tree": "a"}], 17) == (told["data"], told["total"])


@pytest.mark.parametrize(
    ("page", "size", "status"),
    [
        pytest.param(1, 1000, 200, id="the first page, however long"),
        pytest.param(5, 10, 200, id="as deep as it goes"),
        pytest.param(6, 10, 400, id="deeper"),
        pytest.param(42, 1, 400, id="deeper, by one"),
        pytest.param(41, 1, 200, id="not deeper, by one"),
        pytest.param(10**30, 1, 400, id="more than a store can count"),
        pytest.param(0, 10, 400, id="no page"),
        pytest.param(-1, 10, 400, id="less than no page"),
    ],
)
async def test_how_far_numbers_lead(client: Client, page: int, size: int, status: int) -> None:
    """A number that would cost too much, or is none, is refused with a word of its own."""
    response = await ask(client, page=page, page_size=size)
    assert status == response.status
    assert status == 200 or response.json()["message"] == "bad_page"


async def test_what_is_told_about_depth(client: Client) -> None:
    """The refusal says how far numbers lead, and the other way."""
    told = (await ask(client, page=6, page_size=10)).json()["data"]["message"]
    assert ("more than 40 rows" in told, "key of the next page" in told) == (True, True)


async def test_users_are_told_the_total_of_their_own(world: World) -> None:
    """Who sees only what belongs to them learns nothing about how much there is of others."""
    app = world.app
    user = Document.of(world.reseller, "users", "ada" * 10, {"username": "ada"}, NOW)
    leaves = [
        Document.of(world.reseller, "leaves", f"l{n}", {"n": n, "owner_id": user.id if n in "135" else "x"}, NOW)
        for n in "123456"
    ]
    await app.store.write([Insert(each) for each in (user, *leaves)])
    account = await app.tenants.account(world.reseller)
    assert account is not None
    client = Client(app, app.tokens.mint(account, user, "cb_user_auth"))
    assert (["1", "3"], 3, None) == await read(client, page=1, page_size=2)
    assert (["5"], 3, None) == await read(client, page=2, page_size=2)
    assert (list("123456"), 6, None) == await read(await world.client("reseller"), page=1)


async def test_listings_without_numbers(client: Client) -> None:
    """An endpoint that only knows keys answers for the first page alone, so that nobody walks in circles."""
    first, second = [await client.get(f"/account/rings?page={number}") for number in (1, 2)]
    assert (200, {"start": None}) == (first.status, first.data)
    assert (400, "bad_page") == (second.status, second.json()["message"])


# -- backward -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [{}, {"ascending": "false"}, {"filter_tree": "b"}, {"created_from": NOW + 62167219203}]
)
@pytest.mark.parametrize("size", [1, 2, 4, 5, 16, 17])
async def test_there_and_back(client: Client, size: int, words: dict[str, Any]) -> None:
    """From the last page, the way back meets the same pages, and ends at the first one."""
    forth: list[list[str]] = []
    key = ""
    while True:
        response = await ask(client, page_size=size, start_key=key, backward="yes", **words)
        told = response.json()
        forth.append([row["n"] for row in told["data"]])
        if "next_start_key" not in told:
            break
        key = told["next_start_key"]
    back = [forth[-1]]
    previous = told["previous"]
    while previous is not None:
        rows, total, previous = await read(client, page_size=size, start_key=previous, backward="yes", **words)
        assert total is None
        back.append(rows)
    assert forth == back[::-1]


async def test_a_page_before_that_would_be_short(client: Client) -> None:
    """Where fewer rows than a page are before, the way back leads to the beginning of the listing."""
    key = (await ask(client, page_size=3, is_chunked="false")).json()["next_start_key"]
    found = [await read(client, page_size=size, start_key=key, backward="yes") for size in (2, 3, 4, 100)]
    assert [True, True, "", ""] == [previous if previous == "" else bool(previous) for _, _, previous in found]
    assert (ROWS[1:3], None) == (await read(client, page_size=2, start_key=found[0][2], backward="yes"))[:2]


async def test_the_first_page_has_none_before_it(client: Client) -> None:
    """Neither without a key, nor with the key of the first row."""
    first = (await ask(client, page_size=3, is_chunked="false")).json()
    found = [await read(client, page_size=3, start_key=key, backward="yes") for key in ("", first["start_key"])]
    assert [(ROWS[:3], None, None)] * 2 == found


async def test_nobody_looks_back_unasked(client: Client) -> None:
    """Without the wish, no page tells."""
    key = (await ask(client, page_size=3, is_chunked="false")).json()["next_start_key"]
    assert (ROWS[3:6], None, None) == await read(client, page_size=3, start_key=key, is_chunked="false")


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_back_from_a_page_that_is_empty_now(store: str, tmp_path: Path) -> None:
    """When the rows of a page have gone meanwhile, the way back leads to the last rows that there are."""
    world = await small_world(make_store(store, tmp_path), QUICK, endpoints=[Leaves()])
    client = await world.client("customer")
    leaves = [Document.of(world.customer, "leaves", f"l{n}", {"n": str(n)}, NOW + n) for n in range(5)]
    await world.app.store.write([Insert(each) for each in leaves])
    key = (await ask(client, page_size=4, is_chunked="false")).json()["next_start_key"]
    await client.delete("/account/leaves/l4")
    rows, _, previous = await read(client, page_size=3, start_key=key, backward="yes")
    assert ([], True) == (rows, bool(previous))
    assert (["1", "2", "3"], None, "") == await read(client, page_size=3, start_key=previous, backward="yes")
    assert ([], None, "") == await read(client, page_size=5, start_key=key, backward="yes")
    for n in range(4):
        await client.delete(f"/account/leaves/l{n}")
    assert ([], None, None) == await read(client, page_size=3, start_key=key, backward="yes")
    await world.app.stop()
