"""`crossbar routes`: every verb and path that is answered, in the words of the dialect."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import rich_click as click

from ..app import Crossbar
from ..dialects import Dialect
from ..dialects.paths import singular
from ..dialects.plain import Plain
from ..dispatch import Bound, Place
from ..endpoint import Endpoint
from ..routes import SOCKET, UNBOUNDED, VERBS
from ..target import Noun
from .assembly import assemble_unopened, config_option, load_settings
from .output import first_sentence, print_json, print_table

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
@click.option("--dialect", metavar="NAME", help="Whose words: crossbar, ringcentral, realm, or that of a plugin.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of objects.")
@config_option
def command(dialect: str | None, as_json: bool, config: str | None) -> None:
    """List every verb and path template that is answered, with endpoint, operation and what it does.

    They are in the words of one dialect: the first that is mounted, which is crossbar, unless another one is asked for.
    Endpoints that are out of order are left out; `crossbar modules` names them.

    Examples:
        crossbar routes
        crossbar routes --dialect ringcentral
        crossbar routes --json | python3 -m json.tool

    Exit codes:
        0  they are listed
        2  the settings or options are wrong
    """
    app, _ = assemble_unopened(load_settings(config))
    rows = list(routes(app, _asked(app, dialect)))
    if as_json:
        print_json([row._asdict() for row in rows])
    else:
        columns = ("Verb", "Path", "Answered by", "What it does")
        print_table(columns, ((row.verb, row.path, f"{row.endpoint}.{row.operation}", row.about) for row in rows))


def _asked(app: Crossbar, name: str | None) -> Dialect:
    """The dialect of that name, the first one for None."""
    found = next((dialect for dialect in app.dialects if name in (None, dialect.name)), None)
    if found is None:
        mounted = ", ".join(dialect.name for dialect in app.dialects) or "none"
        raise click.UsageError(f"{name!r} is no dialect that is mounted; there are {mounted}.")
    return found


def routes(app: Crossbar, dialect: Dialect) -> Iterator[Row]:
    """Every verb and path that the application answers in a dialect, endpoint by endpoint."""
    dispatch = app.registry.dispatch(dialect)
    for entry in app.registry:
        if entry.fault:
            continue
        rows = set()
        for outer in _outer(entry.endpoint, dialect):
            for place in dispatch[entry.name].places():
                for verb, bound in place.verbs.items():
                    if not _repeats(place, bound):
                        path = dialect.template((*outer, _own(entry.endpoint, dialect, place, bound)))
                        verb = _SHOWN.get(verb, verb)
                        rows.add(Row(verb, path, entry.name, bound.route.name, first_sentence(bound.call)))
            if isinstance(dialect, Plain):
                rows |= set(_beside(dialect, entry.endpoint, outer))
        yield from sorted(rows, key=lambda row: (row.path.count("/"), row.path, _ORDER.index(row.verb)))


def _beside(dialect: Plain, endpoint: Endpoint, outer: tuple[Noun, ...]) -> Iterator[Row]:
    """What the dialect itself answers behind the id of a document, out of what the endpoint reads."""
    for word in dialect.beside(endpoint.name):
        path = dialect.template((*outer, Noun(endpoint.name, ("{id}", word))))
        yield Row("GET", path, endpoint.name, "read", first_sentence(getattr(endpoint, "read", None)))


def _outer(endpoint: Endpoint, dialect: Dialect) -> Iterator[tuple[Noun, ...]]:
    """What comes before the endpoint's noun: nothing, its tenant, or a document that it hangs under."""
    if endpoint.anywhere:
        yield ()
        return
    account = Noun("accounts", (_braced(dialect, "account_id"),))
    yield (account,)
    for parent in endpoint.parents:
        found = Noun(parent, (_braced(dialect, f"{singular(parent)}_id"),))
        yield (found,) if isinstance(dialect, Plain) and dialect.may_begin_with(parent) else (account, found)


def _own(endpoint: Endpoint, dialect: Dialect, place: Place, bound: Bound) -> Noun:
    """The endpoint's noun and what comes after it; a parameter is called as in the method."""
    names = list(inspect.signature(bound.call).parameters)[2 if bound.route.verb == SOCKET else 1 :]
    if endpoint.tenants and names:
        names[0] = _braced(dialect, "account_id")[1:-1]
    parts: Sequence[str] = [
        part or f"{{{names[min(place.pattern[:at].count(None), len(names) - 1)]}}}"
        for at, part in enumerate(place.pattern)
    ]
    if bound.route.most >= UNBOUNDED:
        parts = [*parts[: bound.route.least], f"{{{names[-1]}...}}"]
    return Noun(endpoint.name, tuple(parts))


def _braced(dialect: Dialect, name: str) -> str:
    """The parameter with the id of a document; who has words of their own for nouns has them for ids as well."""
    return "{id}" if isinstance(dialect, Plain) else f"{{{name}}}"


def _repeats(place: Place, bound: Bound) -> bool:
    """Whether this is one of the depths of an operation that takes any number of arguments, but for the first."""
    return bound.route.most >= UNBOUNDED and len(place.pattern) != bound.route.least
