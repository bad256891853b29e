"""`crossbar routes`: every verb and path that is answered, in the words of the dialect."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import NamedTuple

import rich_click as click

from ..app import Crossbar
from ..dialects import Dialect
from ..dispatch import Bound, Place
from ..endpoint import Endpoint
from ..routes import SOCKET, UNBOUNDED, VERBS
from .assembly import assemble_unopened, config_option, load_settings
from .output import first_sentence, print_json, print_table

TENANT = "/accounts/{account_id}"
_SHOWN = {SOCKET: "WebSocket"}
_ORDER = (*VERBS, *_SHOWN.values())


class Row(NamedTuple):
    """One verb and path, and what answers it."""

    verb: str
    path: str
    endpoint: str
    operation: str
    about: str


@click.command("routes", short_help="List every verb and path that is answered.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of objects.")
@config_option
def command(as_json: bool, config: str | None) -> None:
    """List every verb and path template that is answered, with endpoint, operation and what it does.

    Endpoints that are out of order are left out; `crossbar modules` names them.

    Examples:
        crossbar routes
        crossbar routes --json | python3 -m json.tool

    Exit codes:
        0  they are listed
        2  the settings or options are wrong
    """
    app, _ = assemble_unopened(load_settings(config))
    rows = [row for dialect in app.dialects for row in routes(app, dialect)]
    if as_json:
        print_json([row._asdict() for row in rows])
    else:
        columns = ("Verb", "Path", "Answered by", "What it does")
        print_table(columns, ((row.verb, row.path, f"{row.endpoint}.{row.operation}", row.about) for row in rows))


def routes(app: Crossbar, dialect: Dialect) -> Iterator[Row]:
    """Every verb and path that the application answers in a dialect, endpoint by endpoint."""
    dispatch = app.registry.dispatch(dialect)
    for entry in app.registry:
        if entry.fault:
            continue
        rows = set()
        for prefix in _prefixes(entry.endpoint):
            for place in dispatch[entry.name].places():
                for verb, bound in place.verbs.items():
                    if not _repeats(place, bound):
                        path = f"/v2{prefix}/{_below(entry.endpoint, place, bound)}"
                        verb = _SHOWN.get(verb, verb)
                        rows.add(Row(verb, path, entry.name, bound.route.name, first_sentence(bound.call)))
        yield from sorted(rows, key=lambda row: (row.path.count("/"), row.path, _ORDER.index(row.verb)))


def _prefixes(endpoint: Endpoint) -> Iterator[str]:
    """What comes before the endpoint's name: nothing, its tenant, or a document that it hangs under."""
    if endpoint.anywhere:
        yield ""
        return
    yield TENANT
    for parent in endpoint.parents:
        yield f"{TENANT}/{parent}/{{{_singular(parent)}_id}}"


def _below(endpoint: Endpoint, place: Place, bound: Bound) -> str:
    """The endpoint's name and what comes after it; a parameter is called as in the method."""
    names = list(inspect.signature(bound.call).parameters)[2 if bound.route.verb == SOCKET else 1 :]
    if endpoint.tenants and names:
        names[0] = "account_id"
    parts = [
        part or f"{{{names[min(place.pattern[:at].count(None), len(names) - 1)]}}}"
        for at, part in enumerate(place.pattern)
    ]
    if bound.route.most >= UNBOUNDED:
        parts = [*parts[: bound.route.least], f"{{{names[-1]}...}}"]
    return "/".join([endpoint.name, *parts])


def _repeats(place: Place, bound: Bound) -> bool:
    """Whether this is one of the depths of an operation that takes any number of arguments, but for the first."""
    return bound.route.most >= UNBOUNDED and len(place.pattern) != bound.route.least


def _singular(noun: str) -> str:
    if noun.endswith("xes"):
        return noun[:-2]
    return f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")
