"""Resources declared in TOML, and the schemas of those and others."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from crossbar import Attachment, Resource
from crossbar.errors import DefinitionError
from crossbar.plugins import declare

from .tools import app_with, only, with_modules, world_with, write

FULL = """
    name = "fares"
    description = "Fares, in and out."
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
    assert ("fares", ("name", "from"), ("name",), ("a.b",), {"users": "owner_id"}, "Fares, in and out.") == (
        endpoint.name,
        endpoint.summary,
        endpoint.unique,
        endpoint.indexes,
        endpoint.parents,
        type(endpoint).__doc__,
    )


def test_an_empty_declaration(folder: Path) -> None:
    """A file with nothing in it is a resource called like the file, which takes any JSON object."""
    write(folder, "fares.toml", "")
    endpoint = only(folder).endpoint
    assert isinstance(endpoint, Resource)
    assert ("fares", "", None, ()) == (endpoint.name, endpoint.schema, endpoint.summary, endpoint.unique)


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        pytest.param('attachments = ["plan", "photo"]', (Attachment("plan"), Attachment("photo")), id="names"),
        pytest.param("attachments = []", (), id="none"),
        pytest.param(
            '[attachments.plan]\ntypes = ["image/*"]\nmost = 9\nmany = true\ninline = true\n[attachments.photo]\n',
            (Attachment("plan", ("image/*",), 9, many=True, inline=True), Attachment("photo")),
            id="tables",
        ),
    ],
)
def test_declared_attachments(folder: Path, text: str, slots: tuple[Attachment, ...]) -> None:
    """Files are declared by name, or with all that an `Attachment` says."""
    write(folder, "papers.toml", text)
    found = only(folder)
    assert isinstance(found.endpoint, Resource), found.fault
    assert slots == found.endpoint.attachments
    assert {f"put_{slot.name}" for slot in slots} <= {route.name for route in found.endpoint.routes}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("nmae = 'x'", "unknown keys nmae; there are", id="an unknown key"),
        pytest.param("a = 1\nb = 2", "unknown keys a, b; there are", id="two unknown keys"),
        pytest.param("name = 5", "name must be text", id="a name that is a number"),
        pytest.param("name = 'Bad Name'", "must be lower-case letters", id="a name that is no noun"),
        pytest.param("name = ''", "name", id="an empty name"),
        pytest.param("description = 5", "description must be text", id="a description that is a number"),
        pytest.param("schema = ['fares']", "schema must be text", id="a schema that is a list"),
        pytest.param("summary = 'name'", "summary must be a list of field names", id="a summary that is text"),
        pytest.param("unique = [1]", "unique must be a list of field names", id="a unique field that is a number"),
        pytest.param("indexes = {a = 1}", "indexes must be a list of field names", id="indexes that are a table"),
        pytest.param("attachments = 'photo'", "attachments must be a list of names", id="attachments that are text"),
        pytest.param("attachments = [1]", "attachments must be a list of", id="an attachment that is a number"),
        pytest.param("attachments = ['A b']", "must be lower-case letters", id="an attachment that is no word"),
        pytest.param("[attachments]\nphoto = 1", "attachments.photo must be a table", id="an attachment that is none"),
        pytest.param("[attachments.a]\nsize = 1", "types, most, many, inline", id="an unknown key of an attachment"),
        pytest.param("[attachments.a]\nmost = true", "most must be a number", id="a size that is no number"),
        pytest.param("[attachments.a]\nmost = -1", "must be a number of bytes", id="a size below nothing"),
        pytest.param("[attachments.a]\nmany = 1", "many must be true or false", id="many that is a number"),
        pytest.param("[attachments.a]\ntypes = 'x/y'", "types must be a list", id="types that are text"),
        pytest.param("[attachments.a]\ntypes = []", "must be media types", id="no types at all"),
        pytest.param("parents = ['users']", "parents must be a table", id="parents that are a list"),
        pytest.param("parents = {users = 1}", "parents must be a table", id="a parent without a field"),
        pytest.param("name = \nschema = ''", "line 1", id="no TOML"),
        pytest.param("name = 'a'\nname = 'b'\n\n", "line 2", id="a key twice"),
    ],
)
def test_a_bad_declaration_is_told(folder: Path, text: str, told: str) -> None:
    """A declaration with a fault is reported with its file and the key that is wrong."""
    path = write(folder, "fares.toml", text)
    found = only(folder)
    assert (None, "fares") == (found.endpoint, found.name)
    assert [str(path), told] == [part for part in (str(path), told) if part in found.fault], found.fault


def test_a_declaration_that_is_no_text(folder: Path) -> None:
    """A TOML file that is not UTF-8 is reported like any other fault."""
    (folder / "fares.toml").write_bytes(b"name = '\xff'")
    assert (None, True) == (only(folder).endpoint, only(folder).fault.startswith(str(folder)))


def test_the_keys_of_a_declaration_are_told_whole() -> None:
    """The message about an unknown key lists every key that there is."""
    with pytest.raises(DefinitionError) as error:
        declare({"colour": "red"}, "fares")
    keys = ("name", "description", "schema", "summary", "unique", "indexes", "parents")
    assert keys == tuple(key for key in keys if key in str(error.value).partition(";")[2])


async def test_a_declared_resource_answers(folder: Path) -> None:
    """A resource without code stores, lists, patches and deletes documents that keep to its schema."""
    write(folder, "fares.toml", 'schema = "fares"\nsummary = ["name"]\nunique = ["name"]')
    write(
        folder,
        "schemas/fares.json",
        '{"type": "object", "required": ["name"], "properties": {"pages": {"default": 1}}}',
    )
    world, client = await world_with(folder)
    home = f"/accounts/{world.master}/fares"
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
        pytest.param(None, "'fares'", id="missing"),
        pytest.param("{", "'fares'", id="no JSON"),
        pytest.param("[]", "'fares'", id="no object"),
        pytest.param('{"type": "strnig"}', "'fares'", id="no schema"),
        pytest.param('{"$ref": "crossbar:///schemas/nowhere"}', "nowhere", id="a reference to nothing"),
    ],
)
def test_a_schema_that_cannot_be_used(
    folder: Path, caplog: pytest.LogCaptureFixture, schema: str | None, told: str
) -> None:
    """A resource whose schema is missing or wrong is out of order; the log names both files' part in it."""
    path = write(folder, "fares.toml", 'schema = "fares"')
    if schema is not None:
        write(folder, "schemas/fares.json", schema)
    with caplog.at_level(logging.ERROR, "crossbar"):
        app = app_with(with_modules(folder))
    fault = app.registry.entries["fares"].fault
    assert [str(path), told] == [part for part in (str(path), told) if part in fault and part in caplog.text], fault


async def test_a_schema_that_breaks_a_bundled_module(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A bad schema in the place of a bundled one is told at start-up, and not by a 500 later on."""
    path = write(folder, "schemas/menus.json", "{")
    with caplog.at_level(logging.ERROR, "crossbar"):
        world, client = await world_with(folder)
    told = caplog.text
    response = await client.put(f"/accounts/{world.master}/menus", {"name": "a"})
    assert (True, True) == (str(path) in told, response.status in (201, 503)), response.body
