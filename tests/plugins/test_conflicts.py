"""Two plugins that want the same: one of them gets it, and the message names both, their places and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbar import Crossbar, Endpoint, Kind
from crossbar.errors import RegistrationError
from crossbar.plugins import bundled_folder
from crossbar.settings import StoreSettings
from crossbar.testing import QUICK

from .test_sorts import HELP
from .tools import GOOD, Maker, Packages, app_with, faults, missing, phones, states, with_modules, write

DEVICES = GOOD.replace('"phones"\n', '"devices"\n')


class Own(Endpoint):
    """An endpoint that is given as an object."""

    name = "devices"

    async def find(self, ctx: object) -> list[str]:
        """Answer for itself."""
        return ["own"]


def test_with_a_bundled_one(packages: Packages) -> None:
    """A package does not push out what is bundled; either of them can be left out."""
    packages.install("acme", {"acme.py": DEVICES}, {"endpoints": {"devices": "acme:Phones"}}, "2.1")
    app = app_with()
    bundled = str(bundled_folder() / "devices.py")
    way_out = 'rename one of them, or leave one out: modules.disabled = ["bundled/devices"]'
    told = (
        f"two endpoints are called 'devices': one from {bundled}, one from acme (acme:Phones), version 2.1; {way_out}"
    )
    assert (told, bundled) == (faults(app)["devices"], app.registry.entries["devices"].origin)


@pytest.mark.parametrize(
    ("disabled", "origin"), [("bundled/devices", "acme"), ("installed/devices", "devices.py"), ("acme/devices", ".py")]
)
def test_the_way_out(packages: Packages, disabled: str, origin: str) -> None:
    """What the message proposes is enough."""
    packages.install("acme", {"acme.py": DEVICES}, {"endpoints": {"devices": "acme:Phones"}})
    app = app_with(with_modules("", disabled))
    assert ({}, []) == (faults(app), missing(app.registry.entries["devices"].origin, origin))


def test_between_two_packages(packages: Packages) -> None:
    """Of two packages the one that comes first in the alphabet wins, and each can be left out by its name."""
    for name in ("acme", "bolt"):
        packages.install(f"{name}-phones", {f"{name}.py": GOOD}, {"endpoints": {"phones": f"{name}:Phones"}})
    fault = faults(app_with())["phones"]
    assert [] == missing(fault, "acme-phones (acme", "bolt-phones (bolt", 'modules.disabled = ["acme-phones/phones"]')
    app = app_with(with_modules("", "acme-phones/phones"))
    assert ({}, "bolt-phones (bolt:Phones), version 1.0") == (faults(app), app.registry.entries["phones"].origin)


def test_between_a_package_and_the_folder(packages: Packages, folder: Path) -> None:
    """A package is there before the folder."""
    packages.install("acme", {"acme.py": GOOD}, {"endpoints": {"phones": "acme:Phones"}})
    path = write(folder, "phones.py", GOOD)
    app = app_with(with_modules(folder))
    assert [] == missing(faults(app)["phones"], "one from acme", f"one from {path}", '["acme/phones"]')


def test_between_two_files(folder: Path) -> None:
    """Two files of a folder can only be told apart by renaming one."""
    paths = [write(folder, name, GOOD) for name in ("a.py", "b.py")]
    [fault] = faults(app_with(with_modules(folder))).values()
    told = f"two endpoints are called 'phones': one from {paths[0]}, one from {paths[1]}; rename one of them"
    assert told == fault


async def test_within_a_file(folder: Path, make: Maker) -> None:
    """Of two classes of one noun in a file, the first one has it."""
    path = write(folder, "phones.py", phones(1) + phones(2).replace("class Phones", "class Others"))
    client = await make.client(with_modules(folder))
    assert 1 == (await client.get("/account/phones")).data
    told = f"two endpoints are called 'phones': one from {path}, one from {path}; rename one of them"
    assert {"phones": told} == faults(client.app)


def test_with_an_object() -> None:
    """Whoever gives an object whose noun is taken is told at once."""
    with pytest.raises(RegistrationError) as error:
        app_with(endpoints=[Own()])
    told = (str(bundled_folder() / "devices.py"), __name__, 'modules.disabled = ["bundled/devices"]')
    assert [] == missing(str(error.value), *told)
    assert {"devices": "ok"} == states(app_with(with_modules("", "bundled/devices"), endpoints=[Own]))


def test_one_object_twice() -> None:
    """The same noun twice in the list is refused, too."""
    with pytest.raises(RegistrationError, match="two endpoints are called 'devices'"):
        app_with(endpoints=[Own(), Own()], bundled=False)


def test_a_broken_one_and_a_conflict(packages: Packages) -> None:
    """Of one that could not be loaded and whose name is taken, both are told."""
    packages.install("acme", {"acme.py": "1 / 0\n"}, {"endpoints": {"devices": "acme:Phones"}})
    assert [] == missing(faults(app_with())["devices"], "ZeroDivisionError", "two endpoints are called 'devices'")


# What else only one can have.


@pytest.mark.parametrize(
    ("socket", "thing", "told"),
    [
        pytest.param("renderers", "_renderer('a/b')", "two renderers, 'one' and 'two', are for a/b: one", id="a type"),
        pytest.param("dialects", "_dialect()", "two dialects, 'one' and 'two', are for odd: one", id="a dialect"),
    ],
)
def test_names_of_other_sorts(packages: Packages, socket: str, thing: str, told: str) -> None:
    """A media type or the name of a dialect belongs to one plugin, whatever their entry points are called."""
    packages.install("acme", {"acme.py": HELP + thing + "\n"}, {socket: {"one": "acme:thing"}})
    packages.install("bolt", {"bolt.py": HELP + thing + "\n"}, {socket: {"two": "bolt:thing"}})
    fault = faults(app_with())["two"]
    assert [] == missing(fault, told, "acme (acme:thing)", "bolt (bolt:thing)", 'modules.disabled = ["acme/one"]')


def test_the_scheme_of_a_store(packages: Packages) -> None:
    """No package can put its own store in the place of SQLite's."""
    text = "def store(url, clock):\n    raise AssertionError('asked')\n"
    packages.install("acme", {"acme.py": text}, {"stores": {"memory": "acme:store"}})
    app = Crossbar(QUICK.__class__(store=StoreSettings("memory:")))
    assert ("MemoryStore", True) == (type(app.store).__name__, "a store of Crossbar's own" in faults(app)["memory"])


def test_authenticators_of_one_name(packages: Packages) -> None:
    """Settings and `modules.disabled` go by names, so two packages cannot have the same."""
    text = "async def sso(ctx): ...\n"
    for name in ("acme", "bolt"):
        packages.install(name, {f"{name}.py": text}, {"authenticators": {"sso": f"{name}:sso"}})
    assert [] == missing(faults(app_with())["sso"], "two authenticators are called 'sso'", '["acme/sso"]')


def test_schemas_of_one_name(packages: Packages) -> None:
    """A package's schema does not silently take the place of another one."""
    text = phones(1).replace("Endpoint", "Resource") + "\n    schema = 'users'\n"
    files = {"acme/__init__.py": "", "acme/phones.py": text, "acme/schemas/users.json": "{}"}
    packages.install("acme", files, {"endpoints": {"phones": "acme.phones:Phones"}})
    theirs, ours = packages.site / "acme/schemas/users.json", bundled_folder() / "schemas/users.json"
    told = f"two schemas are called 'users': {ours} and {theirs}; rename one of them"
    assert told == faults(app_with())["phones"]


def test_a_schema_of_the_folder_counts_more(packages: Packages, folder: Path) -> None:
    """The operator's own schema takes the place of a package's, or of a bundled one."""
    text = phones(1).replace("Endpoint", "Resource") + "\n    schema = 'phones'\n"
    files = {"acme/__init__.py": "", "acme/phones.py": text, "acme/schemas/phones.json": '{"title": "theirs"}'}
    packages.install("acme", files, {"endpoints": {"phones": "acme.phones:Phones"}})
    for name in ("phones", "menus"):
        write(folder, f"schemas/{name}.json", '{"title": "own"}')
    app = app_with(with_modules(folder))
    titles = [(app.schemas.document(name) or {}).get("title") for name in ("phones", "menus")]
    assert ({}, ["own", "own"]) == (faults(app), titles)


class Kept(Own):
    """An endpoint that keeps documents of a kind that another one keeps."""

    name = "kept"

    def kinds(self) -> tuple[Kind, ...]:
        """The kind of the bundled devices, with a rule of its own."""
        return (Kind("devices", unique=("name",)),)


class Secretive(Kept):
    """An endpoint that keeps documents where Crossbar keeps its keys."""

    name = "secretive"

    def kinds(self) -> tuple[Kind, ...]:
        """The kind in which the signing key is."""
        return (Kind("system"),)


class Failing(Kept):
    """An endpoint that does not know what it keeps."""

    name = "failing"

    def kinds(self) -> tuple[Kind, ...]:
        """Fail."""
        raise LookupError("which kinds?")


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        pytest.param(Kept, "two endpoints keep documents of the kind 'devices'", id="another's kind"),
        pytest.param(Secretive, "Crossbar itself keeps documents of the kind 'system'", id="Crossbar's own"),
        pytest.param(Failing, "LookupError: which kinds?", id="a method that fails"),
    ],
)
async def test_kinds_of_documents(make: Maker, endpoint: type[Endpoint], told: str) -> None:
    """Nobody changes the rules of documents that are another's; what cannot say what it keeps is out of order."""
    client = await make.client(endpoints=[endpoint()])
    assert [] == missing(faults(client.app)[endpoint.name], told, __name__)
    answers = [(await client.get(f"/account/{noun}")).status for noun in (endpoint.name, "devices")]
    assert [503, 200] == answers
