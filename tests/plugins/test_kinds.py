"""Kinds of document that come, change and cannot be held, in both stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbar import Document, Endpoint, Insert, Kind
from crossbar.errors import PluginError, StoreUnavailable
from crossbar.testing import Client, make_store

from .tools import Maker, faults, missing, states, with_modules, write

STORES = pytest.mark.parametrize("store", ["memory", "sqlite"])

NOTES = """
    from crossbar import Resource

    class Notes(Resource):
        name = "NAME"
        FACTS
"""


def notes(name: str = "notes", facts: str = "pass") -> str:
    """The text of a module with a resource of these facts."""
    return NOTES.replace("NAME", name).replace("FACTS", facts)


@STORES
async def test_a_new_kind(folder: Path, make: Maker, store: str) -> None:
    """A module that comes while the application runs can store its documents at once, old ones are kept."""
    write(folder, "notes.py", notes())
    client = await make.client(with_modules(folder), store=store)
    first = await client.put("/account/notes", {"a": 1})
    await client.app.changes.refresh([write(folder, "more.py", notes("more"))])
    made = [await client.put(f"/account/{noun}", {"a": 2}) for noun in ("more", "notes")]
    assert [201, 201] == [response.status for response in made]
    assert first.data == (await client.get(f"/account/notes/{first.data['id']}")).data
    assert 2 == len((await client.get("/account/notes")).data)


@STORES
async def test_a_kind_with_other_rules(folder: Path, make: Maker, store: str) -> None:
    """A changed summary and a new unique field hold after the reload, also for what was there before."""
    write(folder, "notes.py", notes())
    client = await make.client(with_modules(folder), store=store)
    await client.put("/account/notes", {"a": 1, "b": 2})
    write(folder, "notes.py", notes(facts='summary, unique = ("a",), ("a",)'))
    await client.app.changes.reload("notes")
    again = await client.put("/account/notes", {"a": 1})
    [row] = (await client.get("/account/notes")).data
    assert (400, {"id", "a"}) == (again.status, {*row})


@STORES
async def test_rules_that_cannot_be_kept(folder: Path, make: Maker, store: str) -> None:
    """A unique field that has values twice already: the old version goes on, with all of its own rules."""
    path = write(folder, "notes.py", notes(facts='summary = ("b",)'))
    client = await make.client(with_modules(folder), store=store)
    for _ in range(2):
        await client.put("/account/notes", {"a": 1, "b": 2})
    write(folder, "notes.py", notes(facts='summary, unique = ("a",), ("a",)'))
    with pytest.raises(PluginError) as error:
        await client.app.changes.reload("notes")
    assert [] == missing(str(error.value), "'a'", "notes", "unique", "the version from before goes on")
    assert {"notes": "previous version"} == states(client.app)
    assert 201 == (await client.put("/account/notes", {"a": 1, "b": 2})).status
    assert [{"id", "b"}] * 3 == [{*row} for row in (await client.get("/account/notes")).data]
    write(folder, "notes.py", notes(facts='summary = ("a",)'))
    assert ["reloaded"] == [outcome.did for outcome in await client.app.changes.refresh([path])]


@STORES
async def test_a_lifespan_that_fails_after_the_kinds(folder: Path, make: Maker, store: str) -> None:
    """If a new version cannot begin, the store keeps to the rules of the old one."""
    write(folder, "notes.py", notes(facts='summary = ("a",)'))
    client = await make.client(with_modules(folder), store=store)
    await client.put("/account/notes", {"a": 1, "b": 2})
    failing = notes(facts='summary = ("b",)') + "\n        def lifespan(self, app):\n            raise LookupError\n"
    write(folder, "notes.py", failing)
    with pytest.raises(PluginError, match="LookupError"):
        await client.app.changes.reload("notes")
    assert [{"id", "a"}] == [{*row} for row in (await client.get("/account/notes")).data]


SHARED = """
    from crossbar import Resource

    class Notes(Resource):
        name = "notes"
        unique = ("a",)

    class Memos(Notes):
        name = "memos"
        kind = "notes"
        FACTS
"""


@STORES
async def test_two_nouns_with_one_kind(folder: Path, make: Maker, store: str) -> None:
    """A resource may say that its documents are those of another noun; both have the same rules."""
    write(folder, "notes.py", SHARED.replace("FACTS", "pass"))
    client = await make.client(with_modules(folder), store=store)
    made = await client.put("/account/memos", {"a": 1})
    again = await client.put("/account/notes", {"a": 1})
    read = await client.get(f"/account/notes/{made.data['id']}")
    assert (201, 400, made.data) == (made.status, again.status, read.data)
    await client.app.changes.stop("notes")
    await client.app.changes.start("notes")
    assert [made.data["id"]] == [row["id"] for row in (await client.get("/account/notes")).data]


@STORES
async def test_two_nouns_that_ask_for_more(folder: Path, make: Maker, store: str) -> None:
    """What one of them needs of the kind holds for all of its documents."""
    write(folder, "notes.py", SHARED.replace("FACTS", 'unique = ("b",)'))
    client = await make.client(with_modules(folder), store=store)
    made = [await client.put(f"/account/{noun}", body) for noun, body in (("notes", {"a": 1, "b": 1}), ("memos", {}))]
    clashes = [await client.put("/account/memos", {"a": 1}), await client.put("/account/notes", {"b": 1})]
    assert ([201, 201], [400, 400]) == ([each.status for each in made], [each.status for each in clashes])


class Twice(Endpoint):
    """An endpoint with a rule that its documents break already."""

    name = "twice"

    def kinds(self) -> tuple[Kind, ...]:
        """Documents with a unique field."""
        return (Kind("twice", unique=("a",)),)


class Once(Twice):
    """An endpoint whose documents are in order."""

    name = "once"

    def kinds(self) -> tuple[Kind, ...]:
        """Documents of a kind of their own."""
        return (Kind("once"),)

    async def find(self, ctx: object) -> int:
        """Answer."""
        return 1


@STORES
@pytest.mark.parametrize("required", [False, True])
async def test_rules_that_cannot_be_kept_at_the_start(make: Maker, tmp_path: Path, store: str, required: bool) -> None:
    """A plugin whose documents the store cannot hold is out of order, with the reason; unless it is required."""
    made = make_store(store, tmp_path)
    await made.open([Kind("twice"), Kind("accounts"), Kind("users")])
    await made.write([Insert(Document.of("t", "twice", id, {"a": 1}, 1)) for id in ("x", "y")])
    settings = with_modules(required=("twice",) if required else ())
    endpoints = [Twice(), Once()]
    if required:
        with pytest.raises(StoreUnavailable, match="'a'"):
            await make.client(settings, store=made, endpoints=endpoints)
        return
    client: Client = await make.client(settings, store=made, endpoints=endpoints)
    assert {"twice": "out of order", "once": "ok"} == states(client.app)
    assert [] == missing(faults(client.app)["twice"], "'a'", "twice", "unique")
    assert [503, 200, 200] == [(await client.get(f"/account/{noun}")).status for noun in ("twice", "once", "devices")]


APART = """
    from crossbar import Resource

    class Notes(Resource):
        name = "notes"
        summary = ("a", "colour")
        indexes = ("colour",)

    class Red(Resource):
        name = "red"
        kind = "notes"
        summary = ("a", "colour")
        only = {"colour": "red"}
"""


@STORES
async def test_some_documents_of_a_kind(folder: Path, make: Maker, store: str) -> None:
    """A resource may have only those of another one's documents that have a value, which its own ones get."""
    write(folder, "notes.py", APART)
    client = await make.client(with_modules(folder), store=store)
    blue = (await client.put("/account/notes", {"a": 1, "colour": "blue"})).data["id"]
    made = await client.put("/account/red", {"a": 2})
    red = made.data["id"]
    assert (201, "red") == (made.status, made.data["colour"])
    assert [red] == [row["id"] for row in (await client.get("/account/red")).data]
    assert {red, blue} == {row["id"] for row in (await client.get("/account/notes")).data}
    for method in ("GET", "POST", "PATCH", "DELETE"):
        assert 404 == (await client.request(method, f"/account/red/{blue}", {} if method != "GET" else None)).status
    for response in (
        await client.put("/account/red", {"colour": "blue"}),
        await client.patch(f"/account/red/{red}", {"colour": "blue"}),
        await client.post(f"/account/red/{red}", {"colour": 5}),
    ):
        assert (400, "enum") == (response.status, *response.data["colour"])
    assert "red" == (await client.patch(f"/account/red/{red}", {"colour": None})).data["colour"]
    assert "red" == (await client.post(f"/account/red/{red}", {"a": 3})).data["colour"]
    assert 200 == (await client.patch(f"/account/notes/{red}", {"colour": "blue"})).status
    assert 404 == (await client.get(f"/account/red/{red}")).status


@pytest.mark.parametrize("only", ['"colour"', "{'colour': 5}"])
async def test_what_sets_documents_apart_is_text(folder: Path, make: Maker, only: str) -> None:
    """Anything else is told when the class is defined."""
    write(folder, "notes.py", notes(facts=f"only = {only}"))
    client = await make.client(with_modules(folder))
    assert [] == missing(faults(client.app)["notes"], "Notes.only", "texts")
