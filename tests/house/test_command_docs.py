"""Every option of every command stands in the page of the command line, in the section of its command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import crossbar
from crossbar.cli.commands import crossbar as commands

PAGE = Path(crossbar.__file__).parent / "docs" / "command-line.md"


def _ends(command: click.Command, name: str = "crossbar") -> Iterator[tuple[str, click.Command]]:
    """The commands that do something, with their names as they are typed."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for each in command.list_commands(context):
        found = command.get_command(context, each)
        assert found is not None
        yield from _ends(found, f"{name} {each}")


@pytest.mark.parametrize(("name", "command"), [pytest.param(*end, id=end[0]) for end in _ends(commands)])
def test_its_options_are_told(name: str, command: click.Command) -> None:
    """A command of a group has its section or stands in that of the group."""
    group = " ".join(name.split()[:2])
    sections = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    told = "\n".join(each for each in sections if re.match(rf"{group}\b", each))
    assert told, f"{PAGE.name} has no section on `{group}`"
    for option in command.params:
        if isinstance(option, click.Option):
            names = [each for each in (*option.opts, *option.secondary_opts) if each.startswith("--")]
            assert any(re.search(rf"{each}\b", told) for each in names), f"{PAGE.name} tells nothing of {name} {names}"
