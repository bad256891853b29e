"""Modules loaded anew while the application runs: what is live afterwards, and what goes on if it cannot be loaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from crossbar import Context, Endpoint, Json
from crossbar.errors import PluginError
from crossbar.plugins import bundled_folder
from crossbar.testing import Client

from .tools import Maker, Packages, did, faults, missing, phones, states, with_modules, write

PATH = "/account/phones"


async def answer(client: Client, path: str = PATH) -> Any:
    """What a noun answers with: its data, or the status if it is refused."""
    response = await client.get(path)
    return response.data if response.status == 200 else response.status


@pytest.fixture
async def client(folder: Path, make: Maker) -> Client:
    """An application with one module of the folder, which answers with 1."""
    write(folder, "phones.py", phones(1))
    return await make.client(with_modules(folder))


async def test_a_new_version(client: Client, folder: Path) -> None:
    """What the file says by now is live after a reload, and not before."""
    write(folder, "phones.py", phones(2))
    before = await answer(client)
    outcomes = await client.app.changes.reload("phones")
    assert ([("phones", "reloaded")], 1, 2) == (did(outcomes), before, await answer(client))


async def test_the_same_second_and_size(client: Client, folder: Path) -> None:
    """A quick edit is seen, though the file's time and size are the same."""
    path = folder / "phones.py"
    for number in range(2, 6):
        about = path.stat()
        write(folder, "phones.py", phones(number))
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        await client.app.changes.reload("phones")
        assert number == await answer(client)


BROKEN = [
    pytest.param("\nx = (\n", ["line 2: SyntaxError: '(' was never closed"], id="a syntax error"),
    pytest.param("\n\nimport nowhere_at_all\n", ["line 3: ModuleNotFoundError"], id="an import"),
    pytest.param("1 / 0\n", ["line 1: ZeroDivisionError"], id="a crash"),
    pytest.param("raise SystemExit(1)\n", ["line 1: SystemExit: 1"], id="an exit"),
    pytest.param(phones(2).replace("async def", "def"), ["must be a method defined with 'async def'"], id="a class"),
    pytest.param(phones(2).replace('"phones"', '"devices"'), ["two endpoints are called 'devices'"], id="a conflict"),
    pytest.param(phones(2) + "\n    schema = 'nowhere'\n", ["no schema 'nowhere'"], id="a schema"),
    pytest.param(phones(2) + "\n    options = 5\n", ["plugins.phones: options must be"], id="options"),
    pytest.param(phones(2) + phones(3).replace("class Phones", "class More"), ["two endpoints in it are"], id="twice"),
    pytest.param(phones(2, "\ndef kinds(self):\n    1 / 0\n"), ["ZeroDivisionError"], id="kinds"),
    pytest.param(phones(2, "\ndef lifespan(self, app):\n    1 / 0\n"), ["its lifespan failed: Zero"], id="a lifespan"),
    pytest.param(phones(2, "\nasync def lifespan(self, app):\n    yield\n"), ["@asynccontextmanager"], id="no manager"),
    pytest.param(phones(2, "\nasync def lifespan(self, app):\n    1\n"), ["@asynccontextmanager"], id="a coroutine"),
]


@pytest.mark.parametrize(("text", "told"), BROKEN)
async def test_the_previous_version_goes_on(client: Client, folder: Path, text: str, told: list[str]) -> None:
    """Whatever is wrong with the new version is told with its file, and the old one serves; it can be mended."""
    path = write(folder, "phones.py", text)
    with pytest.raises(PluginError) as error:
        await client.app.changes.reload("phones")
    assert [] == missing(str(error.value), str(path), *told, "the version from before goes on")
    assert (1, {"phones": "previous version"}) == (await answer(client), states(client.app))
    assert [] == missing(faults(client.app)["phones"], *told)
    write(folder, "phones.py", phones(9))
    await client.app.changes.reload("phones")
    assert (9, {"phones": "ok"}, {}) == (await answer(client), states(client.app), faults(client.app))


async def test_code_that_is_imported_later(client: Client, folder: Path) -> None:
    """The old version imports what is its own, also after a new one could not be loaded."""
    late = "async def find(self, ctx):\n        from .{} import ANSWER\n        return ANSWER\n"
    text = phones(1).partition("async def")[0]
    write(folder, "rooms/__init__.py", text.replace("phones", "rooms") + late.format("more"))
    write(folder, "rooms/more.py", "ANSWER = 'old'\n")
    await client.app.changes.refresh([folder / "rooms"])
    assert "old" == await answer(client, "/account/rooms")
    write(folder, "rooms/__init__.py", "from . import more\n1 / 0\n")
    write(folder, "rooms/more.py", "ANSWER = 'new'\n")
    with pytest.raises(PluginError):
        await client.app.changes.reload("rooms")
    assert "old" == await answer(client, "/account/rooms")


async def test_a_module_that_was_broken(folder: Path, make: Maker) -> None:
    """A module that could not be loaded at the start is loaded by a reload, or by a start."""
    for name in ("phones", "fares"):
        write(folder, f"{name}.py", "1 / 0\n")
    client = await make.client(with_modules(folder))
    for name in ("phones", "fares"):
        write(folder, f"{name}.py", phones(name).replace('"phones"\n', f'"{name}"\n'))
    await client.app.changes.reload("phones")
    await client.app.changes.start("fares")
    assert ["phones", "fares"] == [await answer(client, f"/account/{name}") for name in ("phones", "fares")]


async def test_another_noun(client: Client, folder: Path) -> None:
    """A file whose class has got another noun answers to that, and no more to the old one."""
    write(folder, "phones.py", phones(2).replace('"phones"', '"rooms"'))
    outcomes = await client.app.changes.reload("phones")
    assert [("rooms", "added"), ("phones", "removed")] == did(outcomes)
    assert [404, 2] == [await answer(client), await answer(client, "/account/rooms")]


async def test_a_helper_file(client: Client, folder: Path) -> None:
    """A reload reads changed helper files, too, and all of them, since they may use each other."""
    write(folder, "_answer.py", "ANSWER = 2\n")
    write(folder, "_shared.py", "from ._answer import ANSWER\n")
    write(folder, "phones.py", "from ._shared import ANSWER\n" + phones("?").replace("'?'", "ANSWER"))
    await client.app.changes.reload("phones")
    write(folder, "_answer.py", "ANSWER = 33\n")
    before = await answer(client)
    await client.app.changes.reload("phones")
    assert [2, 33] == [before, await answer(client)]


async def test_a_schema_comes_along(folder: Path, make: Maker) -> None:
    """A reload reads the module's schema; both are new, or neither is."""
    text = "from crossbar import Resource\n\nclass Phones(Resource):\n    name = 'phones'\n    schema = 'phones'\n"
    write(folder, "phones.py", text)
    write(folder, "schemas/phones.json", '{"required": ["a"]}')
    client = await make.client(with_modules(folder))

    async def accepted() -> list[int]:
        return [(await client.put(PATH, {field: 1})).status for field in ("a", "b")]

    write(folder, "schemas/phones.json", '{"required": ["b"]}')
    write(folder, "phones.py", "1 / 0")
    with pytest.raises(PluginError):
        await client.app.changes.reload("phones")
    assert [201, 400] == await accepted()
    write(folder, "phones.py", text)
    await client.app.changes.reload("phones")
    assert [400, 201] == await accepted()
    write(folder, "schemas/phones.json", "{")
    with pytest.raises(PluginError, match="schemas/phones"):
        await client.app.changes.reload("phones")
    assert [400, 201] == await accepted()


# Who can be loaded anew.


class Own(Endpoint):
    """An endpoint that is given as an object."""

    name = "own"

    async def find(self, ctx: Context) -> Json:
        """Answer."""
        return 1


async def test_what_cannot_be_loaded_anew(make: Maker, packages: Packages) -> None:
    """An object, another sort of plugin, one that is disabled or not there: each is told in its own words."""
    packages.install("acme", {"acme.py": "async def sso(ctx): ...\n"}, {"authenticators": {"sso": "acme:sso"}})
    client = await make.client(with_modules("", "menus"), endpoints=[Own()])
    told = {
        "own": "'own' was given to the application as an object, and cannot be loaded anew",
        "sso": "'sso' is one of the authenticators: they change with a restart only",
        "menus": "'menus' is left out by modules.disabled",
        "devcies": "there is no module 'devcies'; did you mean 'devices'?",
        "zzz": "there is no module 'zzz'; `crossbar modules` lists them",
    }
    for name, words in told.items():
        with pytest.raises(PluginError) as error:
            await client.app.changes.reload(name)
        assert words == str(error.value)
    assert 1 == await answer(client, "/account/own")


async def test_a_bundled_module(make: Maker) -> None:
    """A bundled module is read again from its file, too."""
    client = await make.client()
    before = type(client.app.registry.names["menus"]), type(client.app.registry.names["about"])
    await client.app.changes.reload("about")
    after = type(client.app.registry.names["menus"]), type(client.app.registry.names["about"])
    assert (True, False) == (before[0] is after[0], before[1] is after[1])
    assert sys.modules[after[1].__module__].__file__ == str(bundled_folder() / "about.py")
    assert isinstance(await answer(client, "/about"), dict)


PACKAGE = {
    "acme/__init__.py": "",
    "acme/shared.py": "ANSWER = 1\n",
    "acme/phones.py": "from .shared import ANSWER\n" + phones("?").replace("'?'", "ANSWER"),
    "acme/fares.py": "from .shared import ANSWER\n" + phones("?").replace("'?'", "ANSWER").replace("phones", "fares"),
}
ENTRIES = {"endpoints": {"phones": "acme.phones:Phones", "fares": "acme.fares:Phones"}}


async def test_an_installed_package(packages: Packages, make: Maker) -> None:
    """All of a package's modules are loaded anew together, in the version that is installed by then."""
    packages.install("acme", PACKAGE, ENTRIES)
    client = await make.client()
    packages.install("acme", PACKAGE | {"acme/shared.py": "ANSWER = 22\n"}, ENTRIES, "2.0")
    assert [("fares", "reloaded"), ("phones", "reloaded")] == did(await client.app.changes.reload("fares"))
    assert [22, 22] == [await answer(client, f"/account/{name}") for name in ("phones", "fares")]
    assert {"2.0"} == {
        each.found.source.version for each in client.app.plugins.plugins if each.name in ("phones", "fares")
    }


async def test_an_installed_package_that_is_broken(packages: Packages, make: Maker) -> None:
    """One broken entry point keeps all of the package as it was, and its imported code, too."""
    packages.install("acme", PACKAGE, ENTRIES)
    client = await make.client()
    old = sys.modules["acme.shared"]
    packages.install("acme", PACKAGE | {"acme/shared.py": "ANSWER = 22\n", "acme/fares.py": "1 / 0\n"}, ENTRIES, "2.0")
    with pytest.raises(PluginError, match=r"fares\.py, line 1: ZeroDivisionError"):
        await client.app.changes.reload("phones")
    assert [1, 1] == [await answer(client, f"/account/{name}") for name in ("phones", "fares")]
    assert ({"phones": "previous version", "fares": "previous version"}, True) == (
        states(client.app),
        sys.modules["acme.shared"] is old,
    )


async def test_a_package_that_is_gone(packages: Packages, make: Maker) -> None:
    """After its removal a package's modules are gone with a reload; one entry point less is one noun less."""
    packages.install("acme", PACKAGE, ENTRIES)
    client = await make.client()
    packages.install("acme", {}, {"endpoints": {"phones": "acme.phones:Phones"}}, "3.0")
    assert [("phones", "reloaded"), ("fares", "removed")] == did(await client.app.changes.reload("phones"))
    packages.install("acme", {}, {}, "4.0")
    assert [("phones", "removed")] == did(await client.app.changes.reload("phones"))
    assert [404, 404] == [await answer(client, f"/account/{name}") for name in ("phones", "fares")]
