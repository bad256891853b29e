"""What strangers meet: the public names, docstrings, the package's contents, and the state of the files."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import crossbar

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "crossbar"
FOLDERS = {"crossbar": PACKAGE, "crossbar.modules": ROOT / "modules", "crossbar.defaults": ROOT / "config"}
EXAMPLES = ROOT / "config" / "examples"  # packages of their own, which are installed by whoever wants them
SOURCES = {
    str(path.relative_to(ROOT)): path
    for folder in FOLDERS.values()
    for path in sorted(folder.rglob("*.py"))
    if "__pycache__" not in path.parts and EXAMPLES not in path.parents
}
MOST_LINES = 300
# The tree of errors is one thing, to be seen in one place; most of its lines are names and sentences.
LONGER = {"crossbar/errors.py": 430}


# Names.


def test_all_is_sorted() -> None:
    """The public names stand in order, each once."""
    assert sorted(set(crossbar.__all__)) == crossbar.__all__


def test_all_is_complete() -> None:
    """What `crossbar` imports for others, for the type checker and when used, is in `__all__`, and nothing else."""
    imported = {
        alias.name
        for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    at_home = {name for names in crossbar._HOMES.values() for name in names}
    assert imported == {*at_home, "__version__"} == set(crossbar.__all__)


def test_importing_the_package_is_light() -> None:
    """`import crossbar` loads no store, no event loop, no command line and no schema engine."""
    script = "import sys, crossbar; crossbar.tokenize('/v2', ()); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert set() == {"asyncio", "jsonschema_rs", "msgspec", "rich", "sqlite3", "uvicorn"} & set(loaded)


@pytest.mark.parametrize("name", crossbar.__all__)
def test_a_public_name_can_be_imported(name: str) -> None:
    """Every public name leads to something."""
    assert hasattr(crossbar, name)


# Docstrings.


def undocumented(tree: ast.AST, prefix: str = "") -> Iterator[str]:
    """Give the public classes, functions and methods of a file that have no docstring."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node, f"{node.name}.")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from undocumented(node, prefix)


@pytest.mark.parametrize("path", SOURCES.values(), ids=SOURCES)
def test_everything_public_is_documented(path: Path) -> None:
    """Every public class, function and method says what you get."""
    assert [] == list(undocumented(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", SOURCES.values(), ids=SOURCES)
def test_a_file_begins_with_what_it_is_for(path: Path) -> None:
    """The first line of every file is the first line of its docstring."""
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert (True, True) == (text.startswith('"""'), bool(docstring))


@pytest.mark.parametrize("path", SOURCES.values(), ids=SOURCES)
def test_a_file_has_one_job(path: Path) -> None:
    """No file is longer than a reader can hold; a longer one has two jobs."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGER.get(str(path.relative_to(ROOT)), MOST_LINES), f"{lines} lines"


# What is installed.


def setup() -> configparser.ConfigParser:
    """Give the configuration of the build."""
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found


def listed(value: str) -> list[str]:
    """Give the lines of a value."""
    return [line.strip() for line in value.splitlines() if line.strip()]


def test_every_package_is_installed() -> None:
    """The list of packages is the tree: each folder with an `__init__.py`, under the name that it is mapped to."""
    there = {
        ".".join([name, *path.parent.relative_to(folder).parts])
        for name, folder in FOLDERS.items()
        for path in folder.rglob("__init__.py")
        if EXAMPLES not in path.parents
    }
    assert sorted(there) == listed(setup()["options"]["packages"])


def test_the_mapping_of_packages() -> None:
    """The folders beside the package are mapped into it."""
    mapped = dict(line.split(" = ") for line in listed(setup()["options"]["package_dir"]))
    assert {name: folder.name for name, folder in FOLDERS.items()} == mapped


def test_every_file_of_data_is_installed() -> None:
    """Every file that is no Python, schemas among them, is matched by a line of the package's data."""
    data = {name: listed(value) for name, value in setup()["options.package_data"].items()}
    missing = []
    for name, folder in FOLDERS.items():
        matched = {path for glob in data[name] for path in folder.glob(glob)}
        there = {
            path
            for path in folder.rglob("*")
            if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts
            if EXAMPLES not in path.parents
        }
        missing += [str(path.relative_to(ROOT)) for path in sorted(there - matched)]
    assert [] == missing


# The state of the files.


@cache
def tracked() -> dict[str, str]:
    """Give the text of every file under version control, by its name; empty where there is none."""
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    texts = {}
    for name in listing.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            data = path.read_bytes()
            if b"\0" not in data:
                texts[name] = data.decode()
    return texts


def lines() -> Iterator[tuple[str, str]]:
    """Give every line of every tracked file, with its place."""
    for name, text in tracked().items():
        for number, line in enumerate(text.split("\n"), 1):
            yield f"{name}:{number}", line


def test_no_paths_of_a_machine() -> None:
    """No file names a place on the machine of whoever wrote it."""
    machine = re.compile(rf"(?<![\w.])/(?:{'|'.join(('home', 'root', 'work', 'Users'))})/")
    assert [] == [place for place, line in lines() if machine.search(line)]


def test_no_blanks_at_the_end() -> None:
    """No line ends with a blank, a tab or a carriage return."""
    assert [] == [place for place, line in lines() if line != line.rstrip(" \t\r")]


def test_every_file_ends_with_a_line_end() -> None:
    """Files that have anything in them end with exactly one line end."""
    assert [] == [name for name, text in tracked().items() if text and (text[-1] != "\n" or text.endswith("\n\n"))]


def test_what_is_made_is_not_tracked() -> None:
    """Nothing that a tool makes is under version control."""
    made = re.compile(
        r"(^|/)(__pycache__|\.venv|\.pytest_cache|\.mypy_cache|\.ruff_cache|\.hypothesis|dist|build)/|\.pyc$"
    )
    assert [] == [name for name in tracked() if made.search(name)]
