"""The page about MongoDB says what was not verified: all that the tests skip, or do not check, without a real one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossbar.settings import MongoSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "crossbar" / "docs" / "mongodb.md").read_text(encoding="utf-8")
# The rig and its own tests, which speak of no test in particular.
RIG = {"fixtures.py", "servers.py", "standin.py", "test_rig.py"}


def told(word: str) -> Iterator[str]:
    """Give what the tests say where they call or are marked with this word, as it is in the summary of a run."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path.name in RIG:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == word:
                assert isinstance(node.args[-1], ast.Constant), f"{path}: the words are to be known beforehand"
                yield str(node.args[-1].value)


def listed(before: str) -> set[str]:
    """Give the points of the list that a sentence of the page leads to."""
    found = re.search(rf"{re.escape(before)}.*?:\n\n((?:- .*\n)+)", PAGE)
    assert found is not None, before
    return {line.removeprefix("- ") for line in found[1].splitlines()}


@pytest.mark.parametrize(
    ("word", "before"),
    [("real_mongodb", "Only a real MongoDB shows"), ("differs", "The stand-in differs")],
)
def test_what_only_a_real_one_shows_is_listed(word: str, before: str) -> None:
    """The list of the page is what the tests say, no more and no less."""
    assert set(told(word)) == listed(before)


def test_every_setting_of_mongodb_has_its_reason() -> None:
    """The table of the page names each key of `[store.mongodb]`."""
    assert set(MongoSettings.__struct_fields__) <= set(re.findall(r"`(\w+)`", PAGE))
