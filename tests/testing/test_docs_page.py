"""The page about testing: its examples are run as they stand there, all together, as their reader would."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import crossbar.testing
from crossbar.testing import Client, Response, Session, plugin

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "crossbar" / "docs" / "testing.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


def test_every_example_is_a_file() -> None:
    """Every example begins with its file's name, so that none is passed over here."""
    assert (PAGE.count("```python"), True) == (len(FILES), len(FILES) > 5)


def test_the_examples_run(tmp_path: Path) -> None:
    """The examples, put into one folder, are modules that load and tests that pass."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    tests = [text for name, text in FILES.items() if name.startswith("test_")]
    count = sum(getattr(node, "name", "").startswith("test_") for text in tests for node in ast.walk(ast.parse(text)))
    plugins = ("-p", "anyio", "-p", "crossbar.testing.plugin", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-o", "anyio_mode=auto", *plugins],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"{count} passed" in done.stdout, done.stdout + done.stderr


def rows(heading: str) -> list[str]:
    """Give the first cells of the table under a heading."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]


def test_every_fixture_is_explained() -> None:
    """The table of fixtures has each of them, and no other."""
    fixtures = {name for name in vars(plugin) if name.startswith("crossbar_")}
    assert fixtures == {cell.strip(" `") for cell in rows("With pytest")}


@pytest.mark.parametrize("kind", [Client, Session])
def test_every_method_is_explained(kind: type[object]) -> None:
    """The table of methods has everything that a client can be asked, with or without `await`."""
    told = set(re.findall(r"`(\w+)[(`]", " ".join(rows("What a client can do"))))
    there = {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}
    assert there - {"operate", "run"} == told


def test_what_a_response_has_is_explained() -> None:
    """Every attribute of a response that is of use to a test is named."""
    told = PAGE.partition("A response has")[2].partition("\n\n")[0]
    there = {name for name in dir(Response) if not name.startswith("_")} - {"of", "fields", "speech", "unless_refused"}
    assert there == set(re.findall(r"`(\w+)[(`]", told))


def test_names_are_public() -> None:
    """What the page calls by a name of `crossbar.testing` is public there."""
    named = set(re.findall(r"from crossbar\.testing import (.*)", PAGE))
    asked = {name for line in named for name in line.split(", ")} | set(re.findall(r"crossbar\.testing\.(\w+)", PAGE))
    assert set() == asked - set(crossbar.testing.__all__)
