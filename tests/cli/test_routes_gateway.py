"""`crossbar routes` of a gateway: one row for each route, which a request for it reaches."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from crossbar.cli.routes import Row, plain_routes, routes
from crossbar.explain import explain

from .conftest import Invoke
from .gateway_file import gateway_app, gateway_file

__all__ = ["gateway_file"]


def rows(file: Path, dialect: str) -> list[Row]:
    """The rows of nouns of the gateway, in the words of a dialect."""
    app = gateway_app(file)
    spoken = next(each for each in app.dialects if each.name == dialect)
    return [row for row in routes(app, spoken) if row.route]


def test_nouns_are_listed_by_their_routes(gateway_file: Path) -> None:
    """Verbs, the template of the configuration, the noun, and where it leads."""
    assert {
        ("any", "/v2/accounts/{account}/invoices/**", "invoices", "invoices", "-> billing:/api/{account}/invoices/**"),
        *{
            (
                *("GET PUT", "/v2/accounts/{account}/invoices/{invoice}/paid"),
                *("invoices", "paid", "-> billing:/api/paid/{invoice}"),
            )
        },
        (
            *("GET", "/v2/accounts/{account}/dashboard", "dashboard", "dashboard"),
            "merges invoices: billing:/api/{account}/invoices?limit=3, devices: module:devices",
        ),
        (
            *("any", "/v2/accounts/{account}/users/{user}/papers/{paper}"),
            *("papers", "papers", "-> files:/{account}/{user}/{paper}"),
        ),
        ("any", "/v2/news/**", "news", "news", "-> files:/news/**"),
    } == {(row.verb, row.path, row.endpoint, row.route, row.about) for row in rows(gateway_file, "crossbar")}


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("ringcentral", "/restapi/v1.0/account/{accountId}/invoices/**"),
        ("ringcentral", "/restapi/v1.0/account/{accountId}/user/{userId}/papers/{paper}"),
        ("realm", "/api/ver1.0/client/{client_id}/invoices/**"),
        ("realm", "/api/ver1.0/client/{client_id}/user/{user_id}/papers/{paper}"),
    ],
)
def test_nouns_in_other_words(gateway_file: Path, dialect: str, path: str) -> None:
    """The nouns before it are called as the dialect calls them."""
    assert path in [row.path for row in rows(gateway_file, dialect)]


@pytest.mark.parametrize("dialect", ["crossbar", "ringcentral", "realm"])
def test_every_row_is_reached(gateway_file: Path, dialect: str) -> None:
    """A request for each verb of each row, its parameters filled in, leads to the route that the row names."""
    app = gateway_app(gateway_file)
    found = rows(gateway_file, dialect)
    wrong = []
    for row in found:
        for verb in row.verb.replace("any", "GET POST DELETE").split():
            uri = re.sub(r"\{[^}]*\}", "x1", row.path).replace("**", "a/b")
            told = explain(app, verb, uri)
            route = told.routing.route.name if told.routing is not None else None
            if (told.dialect, told.endpoint, told.operation, route) != (dialect, row.endpoint, None, row.route):
                wrong.append((verb, row.path, told.endpoint, route, told.message))
    assert (5, []) == (len(found), wrong)


def test_every_plain_row_is_reached(gateway_file: Path) -> None:
    """The same for plain routes, with their hosts and the fields that they want."""
    app = gateway_app(gateway_file)
    found = list(plain_routes(app))
    for row in found:
        uri = re.sub(r"\{[^}]*\}", "x1", row.path).replace("**", "a/b")
        headers = {"Host": row.host.replace("*", "www")} if row.host else {}
        told = explain(app, row.verb.replace("any", "POST").split()[0], uri, headers | {"X-Beta": "1"})
        assert told.routing is not None, row
        assert row.route == told.routing.route.name
    assert ["files", "reports", "public", "public"] == [row.route for row in found]


def test_plain_routes_have_a_section(invoke: Invoke, gateway_file: Path) -> None:
    """They come last, with hosts and conditions; as JSON they have no endpoint."""
    told = invoke("routes", "--config", str(gateway_file), "--dialect", "realm").output
    nouns, _, plain = told.partition("\nPlain routes of the gateway, in no dialect:\n\n")
    assert "route invoices" in nouns
    assert "route files" not in nouns
    assert ["any", "/files/**", "route", "files", "->", "files,", "with", "X-Beta:", "1"] == plain.splitlines()[
        0
    ].split()
    assert "files.example.com/{file}" in plain
    listed = json.loads(invoke("routes", "--config", str(gateway_file), "--json").output)
    last = {name: value for name, value in listed[-1].items() if name != "about"}
    expected = {"verb": "any", "path": "/{file}", "endpoint": None, "operation": None, "route": "public"}
    assert expected | {"host": "*.example.org"} == last
    assert all(("route" in row) == (row["operation"] is None) for row in listed)


def test_without_a_gateway_nothing_is_said_of_it(invoke: Invoke) -> None:
    """No section, and no members that say nothing."""
    assert "Plain routes" not in invoke("routes").output
    assert {"verb", "path", "endpoint", "operation", "about"} == set(json.loads(invoke("routes", "--json").output)[0])
