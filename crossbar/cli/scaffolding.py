"""The files of a new module, from its draft and the pieces of text in `scaffold/`."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from string import Template
from typing import Any

import crossbar

from .._version import __version__
from .drafting import Draft
from .literals import WIDTH, literal, quoted

Files = dict[PurePosixPath, str]
"""What is to be written: paths below the folder, and the text of each file."""

FILE = "file"
"""What the attachment of a new module is called, and so the end of its path."""

_CHECKED = ("Body", "Context", "InvalidData")


def module_paths(name: str, *, declared: bool = False) -> tuple[PurePosixPath, PurePosixPath, PurePosixPath]:
    """Where a module, its schema and its test lie in a modules folder."""
    module = PurePosixPath(f"{name}.toml" if declared else f"{name}.py")
    return module, PurePosixPath("schemas", f"{name}.json"), PurePosixPath("tests", f"test_{name}.py")


def module_files(draft: Draft) -> Files:
    """The files of a module in a modules folder."""
    texts = (_module(draft), draft.schema, _tests(draft, "Path(__file__).parents[1]"))
    return dict(zip(module_paths(draft.name, declared=draft.declared), texts, strict=True))


def distribution(name: str) -> str:
    """The name of the package that a noun is installed with, and of the folder that it lies in."""
    return f"crossbar-{'-'.join(filter(None, name.split('_')))}"


def package_files(draft: Draft) -> Files:
    """The files of an installable package with the module in it."""
    facts = _facts(draft)
    outside = PurePosixPath(facts["distribution"])
    inside = outside / "src" / facts["package"]
    module, schema, test = module_paths(draft.name)
    modules = f'Path(__file__).parents[1] / "src" / "{facts["package"]}"'
    return {
        outside / "pyproject.toml": _filled("pyproject.toml", facts),
        outside / "README.md": _filled("README.md", facts),
        inside / "__init__.py": _filled("package.py", facts),
        inside / "py.typed": "",
        inside / module: _module(draft),
        inside / schema: draft.schema,
        outside / test: _tests(draft, modules, package=True),
    }


def _facts(draft: Draft) -> dict[str, str]:
    """What the pieces have in common."""
    words = draft.name.replace("_", " ").strip()
    return {
        "name": draft.name,
        "words": words,
        "title": words.capitalize(),
        "class_name": class_name(draft.name),
        "distribution": distribution(draft.name),
        "package": f"crossbar_{draft.name}",
        "version": __version__,
    }


def class_name(name: str) -> str:
    """The name of the class for a noun: `meeting_rooms` is `MeetingRooms`, and nothing that means something already."""
    camel = "".join(word.capitalize() for word in name.split("_"))
    taken = {*crossbar.__all__, *dir(builtins), "Sequence"}
    return f"{camel}Resource" if camel in taken else camel


# The module.


def _module(draft: Draft) -> str:
    if draft.declared:
        return _declaration(draft)
    slip = draft.with_blank
    wanted: dict[str, Iterable[str]] = {"crossbar": {"Resource", *(_CHECKED if slip is not None else ())}}
    if draft.parents:
        wanted["typing"] = {"ClassVar"}
    check = ""
    if slip is not None:
        value = f'body["{slip.field}"]' if draft.required else f'body.get("{slip.field}", "")'
        check = _filled("check.py", {"field": slip.field, "value": value}) + "\n"
    facts = _facts(draft)
    carrying = "; each document may carry a file" if draft.attachments else ""
    facts |= {
        "about": f"{facts['title']} of an account{carrying}.",
        "about_class": f"{facts['title']} of an account{carrying and f'{carrying} at `{{id}}/{FILE}`'}.",
        "attachments": f'attachments = ("{FILE}",)' if draft.attachments else "",
        "imports": _imports(wanted),
        "check": check,
        "summary": _assigned("summary", draft.summary),
        "parents": _assigned("parents: ClassVar", {noun: field for noun, field, _ in draft.parents}),
        "checks": "checks = (no_outer_blanks,)" if slip is not None else "",
    }
    return _filled("module.py", facts)


def _declaration(draft: Draft) -> str:
    columns = ", ".join(f'"{field}"' for field in draft.summary)
    parents = "\n".join(["", "[parents]", *(f'{noun} = "{field}"' for noun, field, _ in draft.parents)])
    facts = _facts(draft) | {
        "summary": f"summary = [{columns}]" if columns else "",
        "attachments": f'attachments = ["{FILE}"]' if draft.attachments else "",
        "parents": parents if draft.parents else "",
    }
    return _filled("module.toml", facts)


# The test.


def _tests(draft: Draft, modules: str, *, package: bool = False) -> str:
    """The test file; `modules` is the expression for the folder that the module lies in."""
    testing = {"Session"}
    wanted: dict[str, Iterable[str]] = {
        "pathlib": {"Path"},
        "typing": {"Any"},
        "pytest": (),
        "crossbar.testing": testing,
    }
    if draft.attachments:
        testing.add("Response")
    if package:
        testing.add("QUICK")
        wanted |= {"crossbar": {"Settings"}, "msgspec.structs": {"replace"}}
    about = f"A document that keeps to schemas/{draft.name}.json."
    if draft.lacking:
        about = f"A document that keeps to schemas/{draft.name}.json: write one, for none could be made of it."
    facts = _facts(draft) | {
        "imports": _imports(wanted),
        "example": literal(draft.example, len("EXAMPLE: dict[str, Any] = ")),
        "about_example": about,
        "modules": modules,
    }
    return "\n\n".join([_filled("test.py", facts), *_test_functions(draft, facts, package)])


def _test_functions(draft: Draft, facts: dict[str, str], package: bool) -> Iterator[str]:
    if package:
        yield _filled("test_installed.py", facts)
    if draft.lacking:
        yield _filled("test_example.py", facts)
    yield _filled("test_life.py", facts)
    if draft.wrong is not None:
        field, body, code = draft.wrong
        sent = {"wrong": _assigned("wrong: dict[str, Any]", body, empty=True)}
        yield _filled("test_schema.py", facts | sent | {"field": quoted(field), "code": code})
    if draft.with_blank is not None and not draft.declared:
        field, body, _ = draft.with_blank
        slip = literal({field: body[field]}, len("    slip = EXAMPLE | "), 4)
        yield _filled("test_check.py", facts | {"field": field, "slip": slip})
    for noun, field, example in draft.parents:
        if example is not None:
            keys = "".join(f'["{key}"]' for key in field.split("."))
            sent = {"example": _assigned("example: dict[str, Any]", example, empty=True)}
            yield _filled("test_parent.py", facts | sent | {"parent": noun, "keys": keys})
    if draft.attachments:
        yield _filled("test_files.py", facts)


# Pieces of code.


def _assigned(name: str, value: Any, *, empty: bool = False) -> str:
    """A line of a class or a function that gives a value a name; none for an empty value, unless that is wanted."""
    return f"{name} = {literal(value, len(f'    {name} = '), 4)}" if value or empty else ""


def _imports(wanted: Mapping[str, Iterable[str]]) -> str:
    """Imports of names from modules, in the order of formatters: Python's own first; no names for a module itself."""
    own = [module for module in wanted if module.partition(".")[0] in sys.stdlib_module_names]
    others = [module for module in wanted if module not in own]
    blocks = []
    for modules in filter(None, (own, others)):
        ordered = sorted(modules, key=lambda module: (bool(wanted[module]), module))
        blocks.append("\n".join(_import(module, sorted(wanted[module])) for module in ordered))
    return "\n\n".join(blocks)


def _import(module: str, names: list[str]) -> str:
    """One import, on several lines if one is too short."""
    if not names:
        return f"import {module}"
    line = f"from {module} import {', '.join(names)}"
    listed = "".join(f"    {name},\n" for name in names)
    return line if len(line) <= WIDTH else f"from {module} import (\n{listed})"


@cache
def _piece(name: str) -> str:
    return (files(__package__) / "scaffold" / f"{name}.txt").read_text(encoding="utf-8")


def _filled(name: str, facts: Mapping[str, str]) -> str:
    """A piece of text with the facts put into it; a line goes if all that it holds is a `$name` for nothing."""
    lines = [line for line in _piece(name).splitlines(keepends=True) if facts.get(line.strip().removeprefix("$"), line)]
    return Template("".join(lines)).substitute(facts)
