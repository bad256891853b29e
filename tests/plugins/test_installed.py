"""Plugins of installed packages: what an entry point may lead to, and what is told of one that cannot be loaded."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

from crossbar import Resource
from crossbar.errors import SettingsError

from .tools import GOOD, Maker, Packages, app_with, faults, missing, phones, states, with_modules

ENDPOINTS = """
    from crossbar import Endpoint, Resource

    class Base(Endpoint):
        async def find(self, ctx):
            return {"noun": self.name}

    class Rooms(Base):
        name = "rooms"

    class Beds(Base):
        name = "beds"

    class Nameless(Base):
        pass

    def made():
        class Numbered(Base):
            def __init__(self, number):
                self.name = f"numbered{number}"
        return Numbered

    numbered = made()(7)
    several = [Rooms, Beds(), numbered]
    nothing = []
"""


@pytest.mark.parametrize(
    ("value", "nouns"),
    [
        pytest.param("acme:Rooms", {"rooms"}, id="a class"),
        pytest.param("acme:numbered", {"numbered7"}, id="an object"),
        pytest.param("acme:several", {"rooms", "beds", "numbered7"}, id="a list of both"),
        pytest.param("acme", {"rooms", "beds", "numbered7"}, id="a module"),
    ],
)
async def test_endpoints(packages: Packages, make: Maker, value: str, nouns: set[str]) -> None:
    """An entry point leads to a class, an object, some of them, or a module that holds them; all of them answer."""
    packages.install("acme-rooms", {"acme.py": ENDPOINTS}, {"endpoints": {"any": value}}, "2.1")
    client = await make.client()
    assert dict.fromkeys(nouns, "ok") == states(client.app)
    answers = [await client.get(f"/account/{noun}") for noun in sorted(nouns)]
    assert [{"noun": noun} for noun in sorted(nouns)] == [answer.data for answer in answers]


def test_where_it_comes_from(packages: Packages) -> None:
    """The package, its version and the entry point are told."""
    packages.install("acme-rooms", {"acme.py": ENDPOINTS}, {"endpoints": {"rooms": "acme:Rooms"}}, "2.1")
    [plugin] = [plugin for plugin in app_with().plugins.plugins if plugin.name == "rooms"]
    source = plugin.found.source
    assert ("installed", "acme-rooms (acme:Rooms)", "2.1", "acme-rooms") == (
        *(source.kind, source.place, source.version),
        source.package,
    )


async def test_its_schemas(packages: Packages, make: Maker) -> None:
    """A package's schemas lie beside the module that defines the class."""
    text = "from crossbar import Resource\n\nclass Rooms(Resource):\n    name = 'rooms'\n    schema = 'rooms'\n"
    files = {
        "acme/__init__.py": "",
        "acme/rooms.py": text,
        "acme/schemas/rooms.json": '{"properties": {"beds": {"type": "integer"}}}',
    }
    packages.install("acme", files, {"endpoints": {"rooms": "acme.rooms:Rooms"}})
    client = await make.client()
    assert [201, 400] == [(await client.put("/account/rooms", {"beds": beds})).status for beds in (2, "many")]


BROKEN = [
    pytest.param({}, "acme:Rooms", ["ModuleNotFoundError", "'acme'"], id="no such module"),
    pytest.param({"acme.py": "x = 1\n"}, "acme:Rooms", ["AttributeError", "Rooms"], id="no such attribute"),
    pytest.param({"acme.py": "\n1 / 0\n"}, "acme", ["acme.py, line 2: ZeroDivisionError"], id="a crash"),
    pytest.param({"acme.py": "x = (\n"}, "acme", ["acme.py, line 1: SyntaxError"], id="a syntax error"),
    pytest.param({"acme.py": "import nowhere_at_all\n"}, "acme", ["acme.py, line 1", "nowhere_at_all"], id="an import"),
    pytest.param({"acme.py": "raise SystemExit(3)\n"}, "acme", ["acme.py, line 1: SystemExit: 3"], id="an exit"),
    pytest.param({"acme.py": "Rooms = 7\n"}, "acme:Rooms", ["7 is no Endpoint"], id="a number"),
    pytest.param({"acme.py": "Rooms = 'x'\n"}, "acme:Rooms", ["'x' is no Endpoint"], id="text"),
    pytest.param({"acme.py": "Rooms = dict\n"}, "acme:Rooms", ["<class 'dict'> is no Endpoint"], id="another class"),
    pytest.param({"acme.py": "Rooms = [int]\n"}, "acme:Rooms", ["<class 'int'> is no Endpoint"], id="a list of others"),
    pytest.param({"acme.py": ENDPOINTS}, "acme:nothing", ["no endpoint with a name"], id="an empty list"),
    pytest.param({"acme.py": "import json\n"}, "acme", ["no endpoint with a name"], id="a module without any"),
    pytest.param({"acme.py": ENDPOINTS}, "acme:Nameless", ["Nameless", "has no name"], id="no name"),
    pytest.param({"acme.py": ENDPOINTS + "    one = made()\n"}, "acme:one", ["'number'"], id="an argument is missing"),
]


@pytest.mark.parametrize(("files", "value", "told"), BROKEN)
async def test_one_that_cannot_be_loaded(
    packages: Packages, make: Maker, files: dict[str, str], value: str, told: list[str]
) -> None:
    """It is out of order, named with its package and version; its noun answers 503, and the others go on."""
    packages.install("acme-rooms", files, {"endpoints": {"rooms": value}}, "2.1")
    client = await make.client()
    assert {"rooms": "out of order"} == states(client.app)
    assert [] == missing(faults(client.app)["rooms"], f"acme-rooms ({value}), version 2.1: ", *told)
    assert [503, 200] == [(await client.get(f"/account/{noun}")).status for noun in ("rooms", "devices")]


def test_only_those_that_are_wanted(packages: Packages) -> None:
    """`modules.installed = false` leaves out all packages."""
    packages.install("acme", {"acme.py": ENDPOINTS}, {"endpoints": {"rooms": "acme:Rooms"}})
    assert {} == states(app_with(with_modules(installed=False)))
    assert "acme" not in sys.modules


@pytest.mark.parametrize("name", ["rooms", "installed/rooms", "acme-rooms/rooms"])
def test_a_disabled_one_is_not_even_imported(packages: Packages, name: str) -> None:
    """What is disabled runs no code; it may be named with where it comes from."""
    packages.install("acme-rooms", {"acme.py": "raise AssertionError\n"}, {"endpoints": {"rooms": "acme:Rooms"}})
    assert {"rooms": "disabled"} == states(app_with(with_modules("", name)))
    assert "acme" not in sys.modules


def test_one_of_several_is_disabled(packages: Packages) -> None:
    """A noun can be left out that is not called like its entry point."""
    packages.install("acme", {"acme.py": ENDPOINTS}, {"endpoints": {"any": "acme:several"}})
    assert {"rooms": "disabled", "beds": "ok", "numbered7": "ok"} == states(app_with(with_modules("", "rooms")))


def test_disabling_what_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """A name that nothing has is told, with the one that may be meant; it keeps no server from starting."""
    app_with(with_modules("", "webhoks", "bundled/menus"))
    assert ["modules.disabled: there is no plugin 'webhoks'; did you mean 'webhooks'?"] == caplog.messages


def test_a_required_one(packages: Packages) -> None:
    """What is required and does not run keeps the application from being made, and the reason is told."""
    packages.install("acme", {"acme.py": "1 / 0\n"}, {"endpoints": {"rooms": "acme:Rooms"}})
    with pytest.raises(SettingsError) as error:
        app_with(with_modules(required=("rooms", "devices", "nobody")))
    [nobody, rooms] = error.value.faults
    assert "modules.required: 'nobody' is not running" == nobody
    assert [] == missing(rooms, "modules.required: 'rooms' is not running: acme (acme:Rooms)", "ZeroDivisionError")


def test_a_module_of_the_folder_beside_it(packages: Packages, folder: object) -> None:
    """Code of a package may be used by anybody; only what an entry point leads to is an endpoint."""
    packages.install("acme", {"acme.py": dedent(GOOD) + "\nclass More(Phones):\n    name = 'more'\n"}, {})
    assert {} == states(app_with())


def test_resources_that_are_made(packages: Packages) -> None:
    """An object may be of a class that was made elsewhere, such as a resource."""
    text = "from crossbar import Resource\n\nrooms = type('Rooms', (Resource,), {'name': 'rooms'})()\n"
    packages.install("acme", {"acme.py": text + phones(1)}, {"endpoints": {"rooms": "acme:rooms"}})
    assert isinstance(app_with().registry.names["rooms"], Resource)
