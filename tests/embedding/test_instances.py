"""Several applications in one process: nothing of one is seen in another."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from crossbar import Answer, Context, Crossbar, Endpoint, after
from crossbar.settings import Auth, Limits, Modules, Paging, Server, Settings
from crossbar.stores.memory import MemoryStore
from crossbar.testing import Accounts, Client, World, make_store
from crossbar.testing.lifespan import living
from crossbar.testing.world import plant

from .endpoints import made
from .hosts import Host


class Only(Endpoint):
    """An endpoint that one of the applications has, and that knows a word of its own."""

    name = "only"
    anywhere = True

    def __init__(self, word: str) -> None:
        self.word = word

    async def find(self, ctx: Context) -> Answer:
        """The word."""
        return self.word


def client_of(app: Any, place: str, **options: Any) -> Client[Any]:
    """A client of the application at a place."""
    return Client(app, prefix=f"{place}/v2", **options)


async def test_settings_and_endpoints(host: Host) -> None:
    """Each application goes by its own settings, and has its own endpoints."""
    small = Settings(auth=Auth(hash_memory=8), server=Server(node="one"), limits=Limits(segment=32))
    large = Settings(auth=Auth(hash_memory=8), server=Server(node="two"), paging=Paging(page_size=3))
    app = host({"/one": made(Only("first"), settings=small), "/two": made(settings=large)})
    async with living(app):
        one, two = client_of(app, "/one"), client_of(app, "/two")
        assert ["one", "two"] == [(await client.get("/things")).json()["node"] for client in (one, two)]
        assert [200, 404] == [(await client.get("/only")).status for client in (one, two)]
        assert [400, 200] == [(await client.get("/things/" + "x" * 40)).status for client in (one, two)]


async def test_stores(host: Host, tmp_path: Path) -> None:
    """Each application keeps its documents to itself, whatever the sort of its store."""
    app = host({"/one": made(store=MemoryStore()), "/two": made(store=make_store("sqlite", tmp_path)), "/six": made()})
    async with living(app):
        clients = [client_of(app, place) for place in ("/one", "/two", "/six")]
        await asyncio.gather(*[clients[n % 3].create("notes", body={"at": n % 3}) for n in range(30)])
        found = [{note["at"] for note in await client.every("notes")} for client in clients]
        assert ([{0}, {1}, {2}], [10] * 3) == (found, [len(await client.every("notes")) for client in clients])


async def test_tokens(host: Host) -> None:
    """A token of one application is nothing to another one, though the same accounts are in both."""
    apps = [made(bundled=True, authenticators=[]) for _ in range(2)]
    app = host({"/one": apps[0], "/two": apps[1]})
    async with living(app):
        for each in apps:
            await plant(Accounts(each))
        token = await World(apps[0]).token("customer")
        statuses = [
            (await client_of(app, place, token=token).get("/account")).status for place in ("/one", "/two", "/one")
        ]
        assert [200, 401, 200] == statuses


async def test_hooks(host: Host) -> None:
    """A hook of one application does not run in another."""
    seen: list[str] = []

    def listening(name: str) -> Any:
        @after("*")
        async def listen(ctx: Context, reply: Any) -> None:
            seen.append(name)

        return listen

    app = host({"/one": made(hooks=[listening("one")]), "/two": made(hooks=[listening("two")])}, living=False)
    for place in ("/one", "/two", "/two"):
        await client_of(app, place).get("/things")
    assert ["one", "two", "two"] == seen


async def test_the_same_folder_twice(host: Host, folder: Path) -> None:
    """Two applications with the same folder of modules share nothing, not even what stands on its classes."""
    apps = {place: made(modules=folder) for place in ("/one", "/two")}
    app = host(apps, living=False)
    counts = [(await client_of(app, place).get("/counters")).data for place in ("/one", "/one", "/two", "/one")]
    assert [1, 2, 1, 3] == counts
    kinds = {type(each.registry.names["counters"]) for each in apps.values()}
    assert (2, 2) == (len(kinds), len({kind.__module__ for kind in kinds}))


async def test_a_change_in_one(folder: Path) -> None:
    """A module that is stopped in one application goes on in the other one."""
    one, two = made(modules=folder), made(modules=folder)
    for app in (one, two):
        await app.start()
    await one.changes.stop("counters")
    assert [503, 200] == [(await Client(app).get("/counters")).status for app in (one, two)]


@pytest.mark.parametrize("word", ["first", "second"])
async def test_schemas(tmp_path: Path, word: str) -> None:
    """Schemas of the same name are each application's own."""
    apps = []
    for each in ("first", "second"):
        folder = tmp_path / each
        (folder / "schemas").mkdir(parents=True)
        (folder / "words.py").write_text(
            "from crossbar import Resource\n"
            "class Words(Resource):\n    name = 'words'\n    schema = 'words'\n    anywhere = True\n"
        )
        schema = f'{{"type": "object", "required": ["{each}"], "properties": {{"{each}": {{"type": "string"}}}}}}'
        (folder / "schemas" / "words.json").write_text(schema)
        apps.append(made(settings=Settings(auth=Auth(hash_memory=8), modules=Modules(folder=str(folder)))))
    expected = [201, 400] if word == "first" else [400, 201]
    assert expected == [(await Client(app).create("words", body={word: "x"})).status for app in apps]


async def test_one_at_two_places(host: Host) -> None:
    """One application may be mounted at two places, and makes links to the one that it was asked at."""
    app: Crossbar = made()
    served = host({"/one": app, "/two/b": app}, living=False)
    locations = [
        (await client_of(served, place).put("/things", {})).headers["location"] for place in ("/one", "/two/b")
    ]
    assert ["/one/v2/things/%C3%A9%2F1", "/two/b/v2/things/%C3%A9%2F1"] == locations
    await client_of(served, "/one").create("notes", body={"text": "shared"})
    assert ["shared"] == [note["text"] for note in await client_of(served, "/two/b").every("notes")]
