"""Endpoint modules in a folder: which files are modules, and what is found in them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crossbar.errors import CrossbarError
from crossbar.plugins import Folder, schema_files

from .tools import GOOD, app_with, only, with_modules, write


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
    for name in ("phones.py", "schemas", "assets", "fares.toml"):
        (folder / name).mkdir()
    assert [] == list(Folder(folder).find())


@pytest.mark.parametrize("name", ["Phones.py", "my-phones.toml"])
def test_a_module_that_cannot_be_named_so_is_told(folder: Path, name: str) -> None:
    """A file that looks like a module but has a name that no noun can have is reported, not passed over."""
    path = write(folder, name, GOOD if name.endswith(".py") else "")
    assert [str(path)] == [found.origin for found in Folder(folder).find() if found.fault]


def test_two_folders_with_a_module_of_the_same_name(tmp_path: Path) -> None:
    """Modules of two folders never mix, though they are called alike."""
    paths = [write(tmp_path / name, "phones.py", GOOD) for name in ("one", "two")]
    modules = [sys.modules[type(only(path.parent).endpoint).__module__] for path in paths]
    assert [str(path) for path in paths] == [module.__file__ for module in modules]


def test_schemas_beside_the_modules(folder: Path) -> None:
    """Every JSON file under `schemas` is a schema called like the file."""
    write(folder, "schemas/fares.json", "{}")
    write(folder, "schemas/endpoint.fares.json", "{}")
    write(folder, "schemas/notes.txt", "")
    assert ["endpoint.fares", "fares"] == list(schema_files(folder))
    assert {} == schema_files(folder / "nowhere")


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    """A folder that cannot be read is told with the setting that names it."""
    with pytest.raises(CrossbarError) as error:
        app_with(with_modules(tmp_path / "nowhere"))
    parts = ("modules.folder", str(tmp_path / "nowhere"))
    assert parts == tuple(part for part in parts if part in str(error.value))
