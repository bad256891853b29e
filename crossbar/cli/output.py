"""What commands print: lines, tables and JSON; with rich on a terminal, plain where the output goes on to a program."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import rich_click as click

echo = click.echo

# NOTE: somebody may have left out to encode a password, so that of a mongodb URL reaches up to the last @ of all.
_PASSWORD = re.compile(r"(mongodb(?:\+srv)?://[^@\s:]*:)\S*@|(://[^/@\s:]*:)[^/@\s]*@")
_OPTION = re.compile(r"([?&](?:tlsCertificateKeyFilePassword|proxyPassword|authMechanismProperties)=)[^&\s]*", re.I)


class Failure(click.ClickException):
    """Something that went wrong as it may: one sentence that says what, and the way out."""

    def __init__(self, sentence: str, code: int = 1, faults: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.code = code
        self.faults = tuple(faults)
        """The faults of the settings that are the reason, each by itself."""


def on_terminal() -> bool:
    """Whether people read standard output."""
    return sys.stdout.isatty()


def print_json(value: Any) -> None:
    """Print a value as indented JSON, with colours on a terminal."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if on_terminal():
        from rich.console import Console

        Console(soft_wrap=True).print_json(text)
    else:
        echo(text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns: a table on a terminal, aligned lines without a head elsewhere."""
    if on_terminal():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        Console().print(table)
        return
    lines = [list(row) for row in rows]
    widths = [max((len(line[place]) for line in lines), default=0) for place in range(len(columns))]
    for line in lines:
        echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def first_sentence(thing: object) -> str:
    """The first line of what a class or a method says about itself, inherited if need be."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def shown(text: str) -> str:
    """The text without the passwords of the URLs in it."""
    return _OPTION.sub(r"\1***", _PASSWORD.sub(r"\1\2***@", text))
