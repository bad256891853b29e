"""Plugins: endpoint modules in a folder, in Python and in TOML; what is wrong with one never takes the others down."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest

from crossbar import Crossbar, Resource
from crossbar.errors import CrossbarError, DefinitionError
from crossbar.plugins import BUNDLED, Folder, Found, bundled_folder, declare, schema_files
from crossbar.settings import Modules
from crossbar.stores.memory import MemoryStore
from crossbar.testing import QUICK, Client, World, small_world

GOOD = """
    from crossbar import Endpoint

    class Phones(Endpoint):
        name = "phones"

        async def find(self, ctx):
            return ["phones"]
"""

BUNDLED_NAMES = [
    *("about", "accounts", "api_auth", "callflows", "cdrs", "devices", "directories", "groups", "lists", "menus"),
    *("schemas", "temporal_rules", "token_auth", "user_auth", "users", "webhooks"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give an empty folder for modules."""
    made = tmp_path / "endpoints"
    made.mkdir()
    return made


def write(folder: Path, name: str, text: str) -> Path:
    """Put a file into the folder."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def only(folder: Path) -> Found:
    """Give the one thing that is found in a folder."""
    [found] = Folder(folder).find()
    return found


async def world_with(folder: Path, *disabled: str) -> tuple[World, Client]:
    """Start an application with the folder's modules, and log in."""
    settings = msgspec.structs.replace(QUICK, modules=Modules(str(folder), disabled))
    world = await small_world(settings=settings)
    return world, await world.client()


# Python files.


def test_a_python_file(folder: Path) -> None:
    """Each endpoint class of a file is found under its noun, with the file as its origin."""
    path = write(folder, "phones.py", GOOD)
    found = only(folder)
    assert ("phones", str(path), "", "Phones") == (
        found.name,
        found.origin,
        found.fault,
        type(found.endpoint).__name__,
    )


def test_several_endpoints_in_a_file(folder: Path) -> None:
    """A file may hold more than one endpoint; nameless bases and imported classes are none."""
    write(
        folder,
        "several.py",
        """
        from crossbar import Endpoint, Resource
        from crossbar.modules.devices import Devices

        class Base(Endpoint):
            async def find(self, ctx):
                return None

        class One(Base):
            name = "one"

        class Two(Base):
            name = "two"
        """,
    )
    assert ["one", "two"] == [found.name for found in Folder(folder).find()]


def test_files_are_found_in_the_order_of_their_names(folder: Path) -> None:
    """The order of a folder is that of its file names, whatever their kind."""
    write(folder, "beta.toml", "")
    write(folder, "alpha.py", GOOD.replace("phones", "alpha"))
    write(folder, "gamma.py", GOOD.replace("phones", "gamma"))
    assert ["alpha", "beta", "gamma"] == [found.name for found in Folder(folder).find()]


@pytest.mark.parametrize("name", ["_private.py", "__init__.py", ".hidden.py", "notes.txt", "README.md", "notes.toml~"])
def test_files_that_are_no_modules(folder: Path, name: str) -> None:
    """Private files, hidden files and other kinds of file are left alone."""
    write(folder, name, "this would fail(")
    assert [] == list(Folder(folder).find())


def test_folders_are_no_modules(folder: Path) -> None:
    """A folder beside the modules is left alone, also one that is called like a module."""
    (folder / "phones.py").mkdir()
    (folder / "schemas").mkdir()
    assert [] == [found.name for found in Folder(folder).find() if not found.fault]


@pytest.mark.parametrize("name", ["Phones.py", "my-phones.toml"])
def test_a_module_that_cannot_be_named_so_is_told(folder: Path, name: str) -> None:
    """A file that looks like a module but has a name that no noun can have is reported, not passed over."""
    path = write(folder, name, GOOD if name.endswith(".py") else "")
    assert [str(path)] == [found.origin for found in Folder(folder).find() if found.fault]


BROKEN = [
    pytest.param("import nowhere_to_be_found\n", 1, "ModuleNotFoundError", id="an import that fails"),
    pytest.param("x = 1\ny = (\n", 2, "SyntaxError", id="a syntax error"),
    pytest.param("\n\n1 / 0\n", 3, "ZeroDivisionError", id="a crash"),
    pytest.param("import sys\nsys.exit('bye')\n", 2, "SystemExit", id="an exit"),
    pytest.param("\ndef f():\n    raise ValueError('no')\n\nf()\n", 3, "ValueError: no", id="a crash further in"),
    pytest.param(
        "from crossbar import Endpoint\n\nclass Phones(Endpoint):\n    name = 'phones'\n    def find(self, ctx): ...\n",
        3,
        "Phones.find must be a method defined with 'async def'",
        id="a class that is not well formed",
    ),
    pytest.param(
        "from crossbar import Endpoint\n\nclass Phones(Endpoint):\n    name = 'phones'\n"
        "    def __init__(self):\n        raise OSError('no line')\n",
        6,
        "OSError: no line",
        id="a constructor that fails",
    ),
]


@pytest.mark.parametrize(("text", "line", "what"), BROKEN)
def test_a_broken_python_file_is_told(folder: Path, text: str, line: int, what: str) -> None:
    """A file that fails is reported with its path, the line in it and what happened."""
    path = write(folder, "phones.py", text)
    found = only(folder)
    assert ("phones", None) == (found.name, found.endpoint)
    assert [f"{path}, line {line}: ", what] == [
        part for part in (f"{path}, line {line}: ", what) if part in found.fault
    ], found.fault


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"x = '\x00'", b"# -*- coding: nonsense -*-\n"], ids=["utf-16", "nul", "?"]
)
def test_a_file_that_is_no_text_is_told(folder: Path, raw: bytes) -> None:
    """A file that cannot even be decoded is reported like any other."""
    (folder / "phones.py").write_bytes(raw)
    found = only(folder)
    assert ("phones", None, True) == (found.name, found.endpoint, found.fault.startswith(str(folder / "phones.py")))


def test_a_broken_file_leaves_no_module_behind(folder: Path) -> None:
    """What was half imported is taken out again."""
    write(folder, "phones.py", "1 / 0\n")
    before = set(sys.modules)
    only(folder)
    assert set() == set(sys.modules) - before


PLACES = ["", "/x", "/x/y/users"]


@pytest.mark.parametrize("verb", ["GET", "PUT", "POST", "PATCH", "DELETE"])
async def test_a_broken_module_answers_503(folder: Path, verb: str) -> None:
    """Every request for the noun of a broken module is a 503 with Retry-After, and the other modules work."""
    write(folder, "phones.py", "1 / 0\n")
    write(folder, "faxes.py", GOOD.replace("phones", "faxes"))
    world, client = await world_with(folder)
    home = f"/accounts/{world.master}"
    broken = [await client.request(verb, f"{home}/phones{place}", {}) for place in PLACES]
    outside = await client.request(verb, "/phones", {})
    working = await client.get(f"{home}/faxes")
    assert [503, 503, 503, 503, 200] == [response.status for response in (*broken, outside, working)]
    assert {"30"} == {response.headers.get("retry-after") for response in broken}


async def test_a_broken_module_shows_strangers_nothing(folder: Path) -> None:
    """Without a token the noun of a broken module is a 401, as any other."""
    write(folder, "phones.py", "1 / 0\n")
    world, _ = await world_with(folder)
    response = await Client(world.app).get(f"/accounts/{world.master}/phones")
    assert 401 == response.status


def test_a_broken_module_is_logged_and_listed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log and the registry say what is wrong with a module and where."""
    path = write(folder, "phones.py", "1 / 0\n")
    with caplog.at_level(logging.ERROR, "crossbar"):
        app = Crossbar(msgspec.structs.replace(QUICK, modules=Modules(str(folder))), store=MemoryStore())
    fault = f"{path}, line 1: ZeroDivisionError: division by zero"
    assert (fault, True) == (app.registry.entries["phones"].fault, fault in caplog.text)


def test_two_folders_with_a_module_of_the_same_name(tmp_path: Path) -> None:
    """Modules of two folders never mix, though they are called alike."""
    paths = [write(tmp_path / name, "phones.py", GOOD) for name in ("one", "two")]
    modules = [sys.modules[type(only(path.parent).endpoint).__module__] for path in paths]
    assert [str(path) for path in paths] == [module.__file__ for module in modules]


# TOML files.

FULL = """
    name = "faxes"
    description = "Faxes, in and out."
    schema = ""
    summary = ["name", "from"]
    unique = ["name"]
    indexes = ["a.b"]

    [parents]
    users = "owner_id"
"""


def test_a_declared_resource(folder: Path) -> None:
    """A TOML file is a resource with the facts that it declares."""
    write(folder, "papers.toml", FULL)
    found = only(folder)
    endpoint = found.endpoint
    assert isinstance(endpoint, Resource), found.fault
    assert ("faxes", ("name", "from"), ("name",), ("a.b",), {"users": "owner_id"}, "Faxes, in and out.") == (
        endpoint.name,
        endpoint.summary,
        endpoint.unique,
        endpoint.indexes,
        endpoint.parents,
        type(endpoint).__doc__,
    )


def test_an_empty_declaration(folder: Path) -> None:
    """A file with nothing in it is a resource called like the file, which takes any JSON object."""
    write(folder, "faxes.toml", "")
    endpoint = only(folder).endpoint
    assert isinstance(endpoint, Resource)
    assert ("faxes", "", None, ()) == (endpoint.name, endpoint.schema, endpoint.summary, endpoint.unique)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("nmae = 'x'", "unknown keys nmae; there are", id="an unknown key"),
        pytest.param("a = 1\nb = 2", "unknown keys a, b; there are", id="two unknown keys"),
        pytest.param("name = 5", "name must be text", id="a name that is a number"),
        pytest.param("name = 'Bad Name'", "must be lower-case letters", id="a name that is no noun"),
        pytest.param("name = ''", "name", id="an empty name"),
        pytest.param("description = 5", "description must be text", id="a description that is a number"),
        pytest.param("schema = ['faxes']", "schema must be text", id="a schema that is a list"),
        pytest.param("summary = 'name'", "summary must be a list of field names", id="a summary that is text"),
        pytest.param("unique = [1]", "unique must be a list of field names", id="a unique field that is a number"),
        pytest.param("indexes = {a = 1}", "indexes must be a list of field names", id="indexes that are a table"),
        pytest.param("parents = ['users']", "parents must be a table", id="parents that are a list"),
        pytest.param("parents = {users = 1}", "parents must be a table", id="a parent without a field"),
        pytest.param("name = \nschema = ''", "line 1", id="no TOML"),
        pytest.param("name = 'a'\nname = 'b'\n\n", "line 2", id="a key twice"),
    ],
)
def test_a_bad_declaration_is_told(folder: Path, text: str, told: str) -> None:
    """A declaration with a fault is reported with its file and the key that is wrong."""
    path = write(folder, "faxes.toml", text)
    found = only(folder)
    assert (None, "faxes") == (found.endpoint, found.name)
    assert [str(path), told] == [part for part in (str(path), told) if part in found.fault], found.fault


def test_a_declaration_that_is_no_text(folder: Path) -> None:
    """A TOML file that is not UTF-8 is reported like any other fault."""
    (folder / "faxes.toml").write_bytes(b"name = '\xff'")
    assert (None, True) == (only(folder).endpoint, only(folder).fault.startswith(str(folder)))


def test_the_keys_of_a_declaration_are_told_whole() -> None:
    """The message about an unknown key lists every key that there is."""
    with pytest.raises(DefinitionError) as error:
        declare({"colour": "red"}, "faxes")
    keys = ("name", "description", "schema", "summary", "unique", "indexes", "parents")
    assert keys == tuple(key for key in keys if key in str(error.value).partition(";")[2])


async def test_a_declared_resource_answers(folder: Path) -> None:
    """A resource without code stores, lists, patches and deletes documents that keep to its schema."""
    write(folder, "faxes.toml", 'schema = "faxes"\nsummary = ["name"]\nunique = ["name"]')
    write(
        folder,
        "schemas/faxes.json",
        '{"type": "object", "required": ["name"], "properties": {"pages": {"default": 1}}}',
    )
    world, client = await world_with(folder)
    home = f"/accounts/{world.master}/faxes"
    created = await client.put(home, {"name": "a", "note": "b"})
    again = await client.put(home, {"name": "a"})
    wrong = await client.put(home, {})
    one = f"{home}/{created.data['id']}"
    patched = await client.patch(one, {"pages": 2, "note": None})
    listed = await client.get(home)
    deleted = await client.delete(one)
    gone = await client.get(one)
    assert [201, 400, 400, 200, 200, 200, 404] == [
        response.status for response in (created, again, wrong, patched, listed, deleted, gone)
    ]
    id = created.data["id"]
    assert ({"id": id, "name": "a", "pages": 2}, [{"id": id, "name": "a"}]) == (patched.data, listed.data)
    assert (["unique"], ["required"]) == (list(again.data["name"]), list(wrong.data["name"]))


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        pytest.param(None, "'faxes'", id="missing"),
        pytest.param("{", "'faxes'", id="no JSON"),
        pytest.param("[]", "'faxes'", id="no object"),
        pytest.param('{"type": "strnig"}', "'faxes'", id="no schema"),
        pytest.param('{"$ref": "crossbar:///schemas/nowhere"}', "nowhere", id="a reference to nothing"),
    ],
)
def test_a_schema_that_cannot_be_used(
    folder: Path, caplog: pytest.LogCaptureFixture, schema: str | None, told: str
) -> None:
    """A resource whose schema is missing or wrong is out of order; the log names both files' part in it."""
    path = write(folder, "faxes.toml", 'schema = "faxes"')
    if schema is not None:
        write(folder, "schemas/faxes.json", schema)
    with caplog.at_level(logging.ERROR, "crossbar"):
        app = Crossbar(msgspec.structs.replace(QUICK, modules=Modules(str(folder))), store=MemoryStore())
    fault = app.registry.entries["faxes"].fault
    assert [str(path), told] == [part for part in (str(path), told) if part in fault and part in caplog.text], fault


async def test_a_schema_that_breaks_a_bundled_module(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A bad schema in the place of a bundled one is told at start-up, and not by a 500 later on."""
    path = write(folder, "schemas/menus.json", "{")
    with caplog.at_level(logging.ERROR, "crossbar"):
        world, client = await world_with(folder)
    told = caplog.text
    response = await client.put(f"/accounts/{world.master}/menus", {"name": "a"})
    assert (True, True) == (str(path) in told, response.status in (201, 503)), response.body


# The folder and the bundled modules together.


def test_schemas_beside_the_modules(folder: Path) -> None:
    """Every JSON file under `schemas` is a schema called like the file."""
    write(folder, "schemas/faxes.json", "{}")
    write(folder, "schemas/endpoint.faxes.json", "{}")
    write(folder, "schemas/notes.txt", "")
    assert ["endpoint.faxes", "faxes"] == list(schema_files(folder))
    assert {} == schema_files(folder / "nowhere")


def test_the_bundled_modules() -> None:
    """Every bundled module loads, and these are their nouns."""
    found = list(Folder(bundled_folder(), BUNDLED).find())
    assert ([], BUNDLED_NAMES) == ([one.fault for one in found if one.fault], sorted(one.name for one in found))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("phones.py", GOOD.replace('"phones"\n', '"devices"\n'), id="a Python file"),
        pytest.param("phones.toml", 'name = "devices"', id="a TOML file"),
        pytest.param("devices.py", "1 / 0", id="a broken file"),
    ],
)
def test_two_modules_of_one_name(folder: Path, caplog: pytest.LogCaptureFixture, name: str, text: str) -> None:
    """If two modules want the same noun the first one keeps it, and the log names both files."""
    path = write(folder, name, text)
    with caplog.at_level(logging.ERROR, "crossbar"):
        app = Crossbar(msgspec.structs.replace(QUICK, modules=Modules(str(folder))), store=MemoryStore())
    bundled = str(bundled_folder() / "devices.py")
    assert (bundled, "") == (app.registry.entries["devices"].origin, app.registry.entries["devices"].fault)
    assert [bundled, str(path), "'devices'"] == [
        part for part in (bundled, str(path), "'devices'") if part in caplog.messages[-1]
    ]


@pytest.mark.parametrize("name", ["account", "v2"])
def test_a_name_that_is_a_word_of_the_path(folder: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """A module that is called like the alias or a version is left out, and the log says so."""
    path = write(folder, "phones.toml", f'name = "{name}"')
    with caplog.at_level(logging.ERROR, "crossbar"):
        app = Crossbar(msgspec.structs.replace(QUICK, modules=Modules(str(folder))), store=MemoryStore())
    assert (False, True) == (name in app.registry.names, str(path) in caplog.text)


async def test_disabled_modules(folder: Path) -> None:
    """A disabled module is not there: bundled or not, broken or not, its noun is a 404."""
    write(folder, "phones.py", "1 / 0")
    write(folder, "faxes.toml", "")
    world, client = await world_with(folder, "phones", "faxes", "menus")
    home = f"/accounts/{world.master}"
    responses = [await client.get(f"{home}/{noun}") for noun in ("phones", "faxes", "menus", "devices")]
    assert [404, 404, 404, 200] == [response.status for response in responses]


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    """A folder that cannot be read is told with the setting that names it."""
    settings = msgspec.structs.replace(QUICK, modules=Modules(str(tmp_path / "nowhere")))
    with pytest.raises(CrossbarError) as error:
        Crossbar(settings, store=MemoryStore())
    parts = ("modules.folder", str(tmp_path / "nowhere"))
    assert parts == tuple(part for part in parts if part in str(error.value))
