"""`crossbar routes`: every verb and path that is answered, in the words of the dialect."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import rich_click as click

from ..app import Crossbar
from ..dialects import Dialect
from ..dialects.paths import singular
from ..dialects.plain import Plain
from ..dispatch import Bound, Place
from ..endpoint import Endpoint
from ..gateway.nouns import RoutedNoun
from ..gateway.routes import Routed, words
from ..gateway.telling import leads_to
from ..routes import SOCKET, UNBOUNDED, VERBS
from ..target import Noun
from .assembly import assemble_unopened, config_option, load_settings
from .output import echo, first_sentence, print_json, print_table

_SHOWN = {SOCKET: "WebSocket"}
_ORDER = (*VERBS, *_SHOWN.values())


class Row(NamedTuple):
    """A verb and a path, and what answers there.

    A route of the gateway has one row for all its verbs, `any` if it takes every one, its name in the place of an
    operation, and no endpoint unless it is a noun.
    """

    verb: str
    path: str
    endpoint: str | None
    operation: str | None
    about: str
    route: str = ""
    host: str = ""

    def as_json(self) -> dict[str, Any]:
        """The row for programs; `route` and `host` only where there are such."""
        return {name: value for name, value in self._asdict().items() if value != "" or name not in ("route", "host")}

    def answered_by(self) -> str:
        """What answers, in one word."""
        return f"route {self.route}" if self.route else f"{self.endpoint}.{self.operation}"


@click.command("routes", short_help="List every verb and path that is answered.")
@click.option("--dialect", metavar="NAME", help="Whose words: crossbar, ringcentral, realm, or that of a plugin.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of objects.")
@config_option
def command(dialect: str | None, as_json: bool, config: str | None) -> None:
    """List every verb and path template that is answered, with endpoint, operation and what it does.

    They are in the words of one dialect: the first that is mounted, which is crossbar, unless another one is asked for.
    Endpoints that are out of order are left out; `crossbar modules` names them. A route of a gateway is one line, with
    its upstream; plain routes, which are in no dialect, come last.

    Examples:
        crossbar routes
        crossbar routes --dialect ringcentral
        crossbar routes --json | python3 -m json.tool

    Exit codes:
        0  they are listed
        2  the settings or options are wrong
    """
    app, _ = assemble_unopened(load_settings(config))
    rows, plain = list(routes(app, _asked(app, dialect))), list(plain_routes(app))
    if as_json:
        print_json([row.as_json() for row in (*rows, *plain)])
        return
    _print(rows)
    if plain:
        echo("\nPlain routes of the gateway, in no dialect:\n")
        _print(plain)


def _print(rows: Sequence[Row]) -> None:
    columns = ("Verb", "Path", "Answered by", "What it does")
    print_table(columns, ((row.verb, row.host + row.path, row.answered_by(), row.about) for row in rows))


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
        if isinstance(entry.endpoint, RoutedNoun):
            yield from _of_noun(entry.endpoint, dialect)
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


def plain_routes(app: Crossbar) -> Iterator[Row]:
    """The routes of the gateway that are no nouns, each once for each of its hosts."""
    for routed in app.gateway.current.routes if app.gateway is not None else ():
        if not routed.noun:
            hosts = words(routed.settings.host) or ("",)
            yield from (_row(routed, routed.settings.path, None)._replace(host=host) for host in hosts)


def _of_noun(noun: RoutedNoun, dialect: Dialect) -> Iterator[Row]:
    """The routes of a noun of the gateway, in the words of a dialect, in the order of the settings."""
    for table in noun.tables.values():
        for routed in table.routes():
            heads = [Noun(name, (_braced(dialect, parameter),)) for name, parameter in routed.heads]
            if len(heads) > 1 and isinstance(dialect, Plain) and dialect.may_begin_with(heads[1].name):
                heads = heads[1:]
            tail = routed.tail.text.strip("/") if routed.tail is not None else ""
            path = dialect.template((*heads, Noun(noun.name, tuple(tail.split("/")) if tail else ())))
            # NOTE: what comes after the noun is a path of the upstream, in which a slash at the end counts.
            yield _row(routed, path.rstrip("/") + "/" * routed.pattern.text.endswith("/") if tail else path, noun.name)


def _row(routed: Routed, path: str, noun: str | None) -> Row:
    said = routed.settings
    conditions = "".join(f", with {name}: {value}" for name, value in said.headers.items())
    verb = " ".join(routed.methods) or "any"
    return Row(verb, path, noun, None, f"{leads_to(routed)}{conditions}", routed.name)


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
