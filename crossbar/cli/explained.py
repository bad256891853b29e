"""An explanation in words, as lines and tables that a command prints, be it of this process or of a running server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..app import Crossbar
from ..dialects.crossbar import CrossbarDialect
from ..explain import Explanation, explain
from ..gateway.judging import Asker
from .output import echo, print_table
from .reading import reading_steps
from .routed import matching
from .walk import findings, parsing_steps

Told = dict[str, Any]
"""An explanation that can be sent: `json` for programs, and for people `steps`, `stages`, `facts` and `lines`."""


def explained(app: Crossbar, asked: Told, *, live: bool = False) -> Told:
    """What the application would do with a request: its `method`, `uri`, `headers`, and whom it is assumed to be `as`.

    ValueError for fields that no request has, and for an `as` that is nobody.
    """
    who = Asker.parse(asked["as"]) if asked["as"] else None
    found = explain(app, asked["method"], asked["uri"], asked["headers"], asker=who, live=live)
    return {
        "json": found.as_json(),
        "steps": [(says, facts) for says, facts in _steps(found)],
        "stages": [tuple(each) for each in findings(found)] if found.stages else [],
        "facts": [*found.routing.facts()] if found.routing is not None else [],
        "lines": [*_lines(found)],
    }


def _steps(found: Explanation) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """How the URI is read: for Crossbar's dialect in the form of Kazoo's documentation."""
    if not found.stages:
        return
    if found.dialect:
        own = isinstance(found.context.dialect, CrossbarDialect)
        yield from (parsing_steps if own else reading_steps)(found)
    if found.routing is not None:
        yield matching(found.routing)


def _lines(found: Explanation) -> Iterator[str]:
    """What it comes to: a status, and what answers."""
    for part in found.parts:
        yield f"{part.status}  {part.method} {part.uri}"
    subject = found.message
    if found.operation:
        subject = f"{found.endpoint}.{found.operation}"
    elif found.routing is not None and not found.message:
        subject = f"route {found.routing.route.name}"
    yield f"{found.status}  {found.method} {found.uri}  {subject or ''}".rstrip()


def print_explained(told: Told) -> None:
    """Print an explanation: the steps, the stages, what is known of the route, and what it comes to."""
    if not told["stages"]:
        echo("  It is a health check, which is answered beside all dialects, whoever asks.\n")
    else:
        for number, (says, facts) in enumerate(told["steps"], 1):
            echo(f"  {number}. {says}")
            for name, fact in facts:
                echo(f"    • {name}: {fact}")
        echo()
        print_table(("Stage", "Asks", "Finds"), told["stages"])
        echo()
    if told["facts"]:
        print_table(("", ""), told["facts"])
        echo()
    for line in told["lines"]:
        echo(line)
