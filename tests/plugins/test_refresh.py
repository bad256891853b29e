"""A folder of modules that changes while the application runs: files that come, change and go."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from crossbar.plugins import bundled_folder
from crossbar.testing import Client

from .tools import GOOD, Maker, did, faults, missing, phones, states, with_modules, write


async def answer(client: Client, noun: str = "phones") -> Any:
    """What a noun answers with: its data, or the status if it is refused."""
    response = await client.get(f"/account/{noun}")
    return response.data if response.status == 200 else response.status


@pytest.fixture
async def client(folder: Path, make: Maker) -> Client:
    """An application with one module of the folder, which answers with 1."""
    write(folder, "phones.py", phones(1))
    return await make.client(with_modules(folder))


def noun(name: str, value: object) -> str:
    """The text of a module whose noun is this."""
    return phones(value).replace('"phones"', f'"{name}"')


async def test_files_come_change_and_go(client: Client, folder: Path) -> None:
    """A new file is added, a changed one loaded anew, a removed one taken out; others are left alone."""
    other = client.app.registry.names["devices"]
    changed = [write(folder, "phones.py", phones(2)), write(folder, "fares.toml", "")]
    assert [("fares", "added"), ("phones", "reloaded")] == did(await client.app.changes.refresh(changed))
    assert [2, []] == [await answer(client), await answer(client, "fares")]
    for path in changed:
        path.unlink()
    assert [("fares", "removed"), ("phones", "removed")] == did(await client.app.changes.refresh(changed))
    assert [404, 404] == [await answer(client), await answer(client, "fares")]
    assert other is client.app.registry.names["devices"]


async def test_a_package_comes_and_goes(client: Client, folder: Path) -> None:
    """A change anywhere inside of a package concerns all of it."""
    write(folder, "rooms/__init__.py", "from .deep.down import Phones\n")
    deep = write(folder, "rooms/deep/down.py", noun("rooms", 1))
    assert [("rooms", "added")] == did(await client.app.changes.refresh([deep]))
    write(folder, "rooms/deep/down.py", noun("rooms", 2))
    assert [("rooms", "reloaded")] == did(await client.app.changes.refresh([deep]))
    assert 2 == await answer(client, "rooms")
    shutil.rmtree(folder / "rooms")
    assert [("rooms", "removed")] == did(await client.app.changes.refresh([deep]))


async def test_a_declaration_changes(client: Client, folder: Path) -> None:
    """A changed TOML file is live; a wrong one is told, and the one from before goes on."""
    path = write(folder, "fares.toml", "summary = ['name']")
    await client.app.changes.refresh([path])
    await client.put("/account/fares", {"name": "a", "more": "b"})
    write(folder, "fares.toml", "sumary = []")
    [outcome] = await client.app.changes.refresh([path])
    assert [] == missing(outcome.why, str(path), "unknown keys sumary")
    assert [{"name"}] == [{*row} - {"id"} for row in await answer(client, "fares")]
    write(folder, "fares.toml", "")
    await client.app.changes.refresh([path])
    assert [{"name", "more"}] == [{*row} - {"id"} for row in await answer(client, "fares")]


async def test_a_helper_file_concerns_all(client: Client, folder: Path) -> None:
    """After a change in a helper file, or in what that imports, all Python modules are loaded anew."""
    write(folder, "_answer.py", "ANSWER = 1\n")
    helper = write(folder, "_shared/__init__.py", "from .._answer import ANSWER\n")
    for name in ("phones", "fares"):
        write(folder, f"{name}.py", "from ._shared import ANSWER\n" + noun(name, "?").replace("'?'", "ANSWER"))
    write(folder, "menus2.toml", "")
    await client.app.changes.refresh([folder / "phones.py", folder / "fares.py", folder / "menus2.toml"])
    path = write(folder, "_answer.py", "ANSWER = 22\n")
    outcomes = await client.app.changes.refresh([path])
    assert [("fares", "reloaded"), ("phones", "reloaded")] == did(outcomes)
    assert [22, 22] == [await answer(client, name) for name in ("phones", "fares")]
    write(folder, "_shared/__init__.py", "1 / 0\n")
    outcomes = await client.app.changes.refresh([helper])
    assert [("fares", "failed"), ("phones", "failed")] == did(outcomes)
    assert [] == missing(outcomes[0].why, "ZeroDivisionError", "fares.py, line 1")
    assert [22, 22] == [await answer(client, name) for name in ("phones", "fares")]


async def test_a_change_that_breaks_one_of_two(client: Client, folder: Path) -> None:
    """What is wrong with one file keeps no other from being loaded."""
    changed = [write(folder, "phones.py", "1 / 0"), write(folder, "fares.py", noun("fares", 5))]
    assert [("fares", "added"), ("phones", "failed")] == did(await client.app.changes.refresh(changed))
    assert [1, 5] == [await answer(client), await answer(client, "fares")]


async def test_a_new_file_that_is_broken(client: Client, folder: Path) -> None:
    """Its noun answers 503 until it is mended."""
    path = write(folder, "fares.py", "1 / 0")
    [outcome] = await client.app.changes.refresh([path])
    assert ("fares", "failed", f"{path}, line 1: ZeroDivisionError: division by zero") == outcome
    assert (503, "out of order") == (await answer(client, "fares"), states(client.app)["fares"])
    write(folder, "fares.py", noun("fares", 5))
    await client.app.changes.refresh([path])
    assert (5, {}) == (await answer(client, "fares"), faults(client.app))


async def test_a_noun_that_becomes_free(folder: Path, make: Maker) -> None:
    """When the file goes that had a noun, another one that wanted it gets it."""
    first = write(folder, "a.py", phones("a"))
    write(folder, "b.py", phones("b"))
    client = await make.client(with_modules(folder))
    before = await answer(client)
    first.unlink()
    await client.app.changes.refresh([first])
    assert ("a", "b", {}) == (before, await answer(client), faults(client.app))


async def test_a_noun_moves_to_another_file(client: Client, folder: Path) -> None:
    """A file that is renamed keeps its noun, whatever the order in which the changes are seen."""
    for old, new in (("phones.py", "a.py"), ("a.py", "z.py")):
        (folder / old).rename(folder / new)
        await client.app.changes.refresh([folder / old, folder / new])
        assert (1, {}) == (await answer(client), faults(client.app))


# Schemas.


@pytest.fixture
async def strict(folder: Path, make: Maker) -> Client:
    """An application with a module that has a schema, to which another one refers."""
    for name in ("fares", "rooms"):
        write(folder, f"{name}.toml", f"schema = '{name}'")
    write(folder, "schemas/fares.json", '{"$ref": "crossbar:///schemas/common"}')
    write(folder, "schemas/rooms.json", '{"required": ["room"]}')
    write(folder, "schemas/common.json", '{"required": ["a"]}')
    return await make.client(with_modules(folder))


async def takes(client: Client, field: str, path: str = "/account/fares") -> bool:
    """Whether a document with this field keeps to the schema."""
    return (await client.put(path, {field: 1})).status == 201


async def test_a_schema_changes(strict: Client, folder: Path) -> None:
    """A changed schema is live, also where others refer to it, and without loading a module anew."""
    path = write(folder, "schemas/common.json", '{"required": ["b"]}')
    assert [("schemas/common", "reloaded")] == did(await strict.app.changes.refresh([path]))
    assert [False, True] == [await takes(strict, field) for field in "ab"]


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "strnig"}', '{"$ref": "crossbar:///schemas/nowhere"}', None])
async def test_a_schema_that_is_broken(strict: Client, folder: Path, text: str | None) -> None:
    """A schema that cannot be used, or by which another one could not be, is told, and the old one goes on."""
    path = folder / "schemas" / "common.json"
    path.unlink()
    if text is not None:
        write(folder, "schemas/common.json", text)
    [outcome] = await strict.app.changes.refresh([path])
    assert ("schemas/common", "failed") == outcome[:2]
    assert [] == missing(outcome.why, "common" if text != '{"$ref": "crossbar:///schemas/nowhere"}' else "nowhere")
    assert [True, False] == [await takes(strict, field) for field in "ab"]


async def test_a_schema_that_was_missing(client: Client, folder: Path) -> None:
    """A module that waits for its schema is in order as soon as that is there."""
    path = write(folder, "fares.toml", "schema = 'fares'")
    [failed] = await client.app.changes.refresh([path])
    schema = write(folder, "schemas/fares.json", "{}")
    outcomes = await client.app.changes.refresh([schema])
    assert "failed" == failed.did
    assert [("schemas/fares", "added"), ("fares", "reloaded")] == did(outcomes)
    assert [] == await answer(client, "fares")


async def test_a_schema_in_the_place_of_a_bundled_one(client: Client, folder: Path) -> None:
    """The folder's schema counts while it is there, and the bundled one again when it is gone."""
    path = write(folder, "schemas/menus.json", '{"required": ["own"]}')
    await client.app.changes.refresh([path])
    own = [await takes(client, field, "/account/menus") for field in ("own", "name")]
    path.unlink()
    assert [("schemas/menus", "reloaded")] == did(await client.app.changes.refresh([path]))
    assert ([True, False], True) == (own, (await client.put("/account/menus", {"name": "a"})).status == 201)
    assert str(bundled_folder() / "schemas" / "menus.json") == client.app.schemas.origin("menus")


async def test_a_schema_that_nobody_uses(client: Client, folder: Path) -> None:
    """A schema that is gone and that no other needs is taken out."""
    path = write(folder, "schemas/extra.json", "{}")
    added = await client.app.changes.refresh([path])
    path.unlink()
    removed = await client.app.changes.refresh([path])
    assert [("schemas/extra", "added"), ("schemas/extra", "removed")] == did([*added, *removed])
    assert "extra" not in client.app.schemas.names()


# What is no change.


@pytest.mark.parametrize(
    "name",
    [
        *("__pycache__/phones.cpython-311.pyc", ".phones.py.swp", "phones.py~", "notes.txt", "test_phones.py"),
        *("conftest.py", "rooms/__pycache__/x.pyc", "rooms/.hidden", "assets/logo.png"),
    ],
)
async def test_what_concerns_nobody(client: Client, folder: Path, name: str) -> None:
    """Compiled code, what editors leave, tests and other files bring nothing about."""
    write(folder, "rooms/__init__.py", noun("rooms", 1))
    await client.app.changes.refresh([folder / "rooms"])
    assert [] == await client.app.changes.refresh([write(folder, name, "1 / 0")])


async def test_what_lies_elsewhere(client: Client, tmp_path: Path) -> None:
    """Changes outside of the folders bring nothing about."""
    assert [] == await client.app.changes.refresh([write(tmp_path, "phones.py", GOOD), Path("/nowhere/x.py")])


async def test_a_folder_that_is_gone(client: Client, folder: Path) -> None:
    """If the folder cannot be read any more that is told, and what it held goes on."""
    shutil.move(folder, folder.parent / "away")
    [outcome] = await client.app.changes.refresh([folder / "phones.py"])
    assert ((str(folder), "failed"), 1) == (outcome[:2], await answer(client))


async def test_a_disabled_module(folder: Path, make: Maker) -> None:
    """A module that is left out by the settings stays out, whatever its file says."""
    path = write(folder, "phones.py", phones(1))
    client = await make.client(with_modules(folder, "phones"))
    write(folder, "phones.py", phones(2))
    await client.app.changes.refresh([path])
    assert (404, {"phones": "disabled"}) == (await answer(client), states(client.app))


async def test_a_required_module(folder: Path, make: Maker) -> None:
    """A module that is required is not taken out because its file is gone."""
    path = write(folder, "phones.py", phones(1))
    client = await make.client(with_modules(folder, required=("phones",)))
    path.unlink()
    [outcome] = await client.app.changes.refresh([path])
    assert ("failed", 1) == (outcome.did, await answer(client))
    assert "'phones' is in modules.required" in outcome.why
