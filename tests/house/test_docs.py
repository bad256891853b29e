"""Docs held to the code: every setting, hook, command and error has its place in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec
import pytest

import crossbar
from crossbar import Refusal, Settings, errors
from crossbar.cli.commands import COMMANDS
from crossbar.endpoint import __doc__ as endpoint_doc
from crossbar.routes import OPERATIONS
from crossbar.settings import known_keys
from tests.test_schema import KAZOO

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "crossbar" / "docs"
PAGES = sorted(DOCS.glob("*.md"))
CODE = re.compile(r"`([^`]+)`")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    """Give the text of a page."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def spans(text: str) -> list[str]:
    """Give what a text shows as code within its lines."""
    return CODE.findall(FENCED.sub("", text))


def headings(text: str) -> list[str]:
    """Give the headings of a page, without their marks."""
    return [line.lstrip("#").strip().replace("`", "") for line in text.splitlines() if line.startswith("#")]


def cells(text: str) -> Iterator[list[str]]:
    """Give the rows of the tables in a text, cell by cell."""
    for line in text.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


# Settings.

SETTINGS = {CODE.fullmatch(row[0])[1]: row for row in cells(page("settings")) if CODE.fullmatch(row[0])}  # type: ignore[index]


def test_every_setting_is_explained() -> None:
    """The page of settings has a row for every key, in the order of their declaration, and for no other."""
    assert known_keys() == list(SETTINGS)


@pytest.mark.parametrize("key", known_keys())
def test_the_defaults_that_are_told(key: str) -> None:
    """The default in the row of a setting is its default, and the bounds are its bounds."""
    *tables, name = key.split(".")
    table = reduce(getattr, tables, Settings())
    rule: dict[str, Any] = msgspec.json.schema(type(table))["$defs"][type(table).__name__]["properties"][name]
    default = getattr(table, name)
    _, told, bounds, meaning = SETTINGS[key]
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    if isinstance(default, tuple):
        shown = ", ".join(default)
    assert (shown or "none") == told.replace("`", "")
    assert [str(rule[end]) for end in ("minimum", "maximum") if end in rule] == re.findall(r"\d+", bounds)
    assert meaning


# Hooks.

HOOKS = [span for row in cells(endpoint_doc or "") for span in CODE.findall(row[0])]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_explained(hook: str) -> None:
    """Every hook in the table of `Endpoint` has its place in the page about modules, with its arguments."""
    assert hook in spans(page("modules")) or f"`{hook.partition('(')[0]}" in page("modules")


def test_every_hook_is_there() -> None:
    """The table of `Endpoint` names methods that there are, and nothing else but `@action`."""
    names = [hook.partition("(")[0] for hook in HOOKS if not hook.startswith("@")]
    assert (True, []) == (
        len(names) > 10,
        [name for name in names if not hasattr(crossbar.Endpoint, name) and name not in (*OPERATIONS, "socket")],
    )


# Commands.


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_heading(command: str) -> None:
    """The page of the command line has a heading for each command."""
    assert f"crossbar {command}" in headings(page("command-line"))


def test_no_command_is_told_that_is_not_there() -> None:
    """No heading speaks of a command that is gone."""
    told = [heading.split()[1] for heading in headings(page("command-line")) if heading.startswith("crossbar ")]
    assert set() == set(told) - set(COMMANDS)


# Errors.


def words() -> list[str]:
    """Give every word that an error envelope can carry: those of the classes, and those given where one is raised."""
    found = {
        cls.word
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, Refusal) and cls is not Refusal
    }
    for folder in ("crossbar", "modules"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "word" and isinstance(node.value, ast.Constant):
                    found.add(str(node.value.value))
    return sorted(found)


@pytest.mark.parametrize("word", words())
def test_every_error_is_explained(word: str) -> None:
    """The page of errors has every word that a client can meet."""
    assert word in spans(page("errors"))


@pytest.mark.parametrize(
    "cls",
    [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, Refusal) and cls is not Refusal],
    ids=lambda cls: cls.__name__,
)
def test_every_error_is_told_with_its_status(cls: type[Refusal]) -> None:
    """The row of an error's word has its status."""
    rows = [row for row in cells(page("errors")) if cls.word in CODE.findall(" ".join(row))]
    assert [str(cls.status)] == [row[0] for row in rows]


def test_every_code_is_listed() -> None:
    """The page of errors lists every code that a schema can give to a field."""
    codes = {row[0] for row in KAZOO} | {"required", "additionalProperties", "additionalItems"}
    assert set() == codes - set(spans(page("errors")))


# Examples, links and the changelog.

EXAMPLES = {
    f"{path.name}:{number}": block
    for path in [*PAGES, ROOT / "README.md"]
    for number, block in enumerate(BLOCK.findall(path.read_text(encoding="utf-8")), 1)
}


@pytest.mark.parametrize("block", EXAMPLES.values(), ids=EXAMPLES)
def test_examples_are_python_with_public_names(block: str) -> None:
    """Every example can be parsed, and imports nothing from `crossbar` that is not public."""
    asked = {
        alias.name
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and node.module == "crossbar"
        for alias in node.names
    }
    assert set() == asked - set(crossbar.__all__)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_names_in_the_text_are_public(path: Path) -> None:
    """What the text calls by a class name of ours is public, or a word of somebody else's."""
    others = {"Accept", "Allow", "ETag", "Location", "None", "Range", "True", "False", "Authorization", "Link"}
    others |= {"Connection", "Date", "Forwarded", "Host", "Server", "Via"}
    shown = {span.partition("(")[0] for span in spans(path.read_text(encoding="utf-8"))}
    names = {name for name in shown if re.fullmatch(r"[A-Z][a-z]+([A-Z][a-z]+)*", name)}
    assert set() == names - others - set(crossbar.__all__) - set(vars(errors))


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every link to a file of ours leads to one."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [] == [link for link in links if not (path.parent / link).exists()]


def test_the_changelog_has_this_version() -> None:
    """The newest version of the changelog is the one that the code says it is."""
    newest = re.search(
        r"^## \[?(\d+\.\d+\.\d+[^\s\]]*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert newest is not None
    assert crossbar.__version__ == newest[1]


def test_the_changelog_is_newest_first() -> None:
    """Versions go down from the top."""
    found = re.findall(r"^## \[?(\d+)\.(\d+)\.(\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    versions = [tuple(map(int, numbers)) for numbers in found]
    assert sorted(set(versions), reverse=True) == versions
