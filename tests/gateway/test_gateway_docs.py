"""The page about the gateway, held to the settings: every key with its default, and the words of refusals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

import crossbar
from crossbar.gateway import refusals
from crossbar.settings import Jwt, Provider, Route, Timeouts, Upstream

PAGE = (Path(crossbar.__file__).parent / "docs" / "gateway.md").read_text(encoding="utf-8")
TABLES: dict[str, type[msgspec.Struct]] = {
    "`[[route]]`": Route,
    "`[upstream.NAME]`": Upstream,
    "`[provider.NAME]`": Provider,
    "`jwt`": Jwt,
}


def rows(heading: str) -> dict[str, tuple[str, str]]:
    """Give the rows of a table, default and meaning by key; the heading is its first cell."""
    begin = PAGE.index(f"| {heading} | Default |")
    lines = PAGE[begin:].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): (row[1], row[2]) for row in cells}


def told(value: Any) -> str:
    """Give a default as the page has it."""
    if value == {}:
        return "`{}`"
    if value in ("", (), None):
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value)
    return f"`{value}`" if isinstance(value, str) else str(value).lower()


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_told(heading: str) -> None:
    """A table has a row for every key of its settings, in the order of their declaration, and no other."""
    assert list(rows(heading)) == list(TABLES[heading].__struct_fields__)


@pytest.mark.parametrize("heading", TABLES)
def test_the_defaults_are_told(heading: str) -> None:
    """The default in a row is the default of the key, and its meaning is told."""
    for field in msgspec.structs.fields(TABLES[heading]):
        default, meaning = rows(heading)[field.name]
        assert meaning
        if field.required:
            assert default == "required"
        elif field.default_factory is not msgspec.NODEFAULT:
            made = field.default_factory()
            empty = isinstance(made, dict | tuple) and not made
            assert default in ((told(made),) if empty else ("none", "below")), field.name
        else:
            assert default == told(field.default), field.name


def test_the_time_limits_are_told() -> None:
    """The row of `timeout` has the four limits with their defaults."""
    said = rows("`[upstream.NAME]`")["timeout"][1]
    assert [f"`{name}` ({value})" for name, value in msgspec.structs.asdict(Timeouts()).items()] == re.findall(
        r"`\w+` \(\w+\)", said
    )


@pytest.mark.parametrize("cls", [refusals.LoopDetected, refusals.ClientClosed])
def test_refusals_are_told(cls: type[crossbar.Refusal]) -> None:
    """The word of a refusal stands in the table with its status."""
    assert re.search(rf"\| `{cls.word}` \| {cls.status} \|", PAGE)
