"""What is said of wrong settings of a gateway: every key, what would be right, and nothing that is secret."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from crossbar.errors import SettingsError
from crossbar.settings import (
    FieldRules,
    Gateway,
    Jwt,
    Key,
    Provider,
    Route,
    RouteCors,
    Timeouts,
    Tls,
    Upstream,
    load,
)
from crossbar.settings.faults import likeness
from crossbar.settings.shape import node_at, nodes, shape

UPSTREAM = '[upstream.billing]\ntargets = ["http://127.0.0.1:9001"]\n'
PROVIDER = "[provider.staff]\n"
ROUTE = '[[route]]\nname = "invoices"\npath = "/invoices/**"\nto = "billing:/**"\n'


def faults_of(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    """The faults of a file, without where they come from."""
    file = tmp_path / "gateway.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load(file, environment)
    return [fault.replace(f"from {file}", "from the file") for fault in error.value.faults]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            f"{UPSTREAM}health = '5s'",
            'upstream.billing.health: \'5s\' is not like "GET /readyz every 5s" or "HEAD / every 10s within 1s"',
            id="a-check",
        ),
        pytest.param(f"{UPSTREAM}keep = 'x'", 'upstream.billing.keep: \'x\' is not like "500ms" or "10s"', id="a-time"),
        pytest.param(
            f"{UPSTREAM}keep = 5",
            'upstream.billing.keep: 5 is not of type "string"; write something like "500ms"',
            id="a-number-for-a-time",
        ),
        pytest.param(
            f"{UPSTREAM}timeout = {{ total = 2.5 }}",
            'upstream.billing.timeout.total: a float is not of type "string"',
            id="a-float-for-a-time",
        ),
        pytest.param(
            f"{UPSTREAM}identity = 'sined'",
            "upstream.billing.identity: must be one of off, plain, signed; did you mean 'signed'?",
            id="a-word",
        ),
        pytest.param(
            f"{UPSTREAM}helth = ''",
            "upstream.billing.helth: no such setting; did you mean 'health'?",
            id="a-key-of-an-upstream",
        ),
        pytest.param(
            f"{UPSTREAM}timeout = {{ conect = '1s' }}",
            "upstream.billing.timeout.conect: no such setting; did you mean 'connect'?",
            id="a-key-below-an-upstream",
        ),
        pytest.param(
            "[upstream.billing]\ntargets = []",
            'upstream.billing.targets: is empty; write something like "http://10.0.0.11:9000"',
            id="no-target",
        ),
        pytest.param("[upstream.billing]", "upstream.billing.targets: is missing", id="targets-are-missing"),
        pytest.param(
            '[upstream.Billing]\ntargets = ["http://127.0.0.1"]',
            'upstream.Billing: the name \'Billing\' is not like "billing" or "staff-2"',
            id="a-name",
        ),
        pytest.param(
            f"{PROVIDER}jwt = {{ issuer = 'https://x', isuer = '' }}",
            "provider.staff.jwt.isuer: no such setting; did you mean 'issuer'?",
            id="a-key-of-what-may-be-left-out",
        ),
        pytest.param(
            f"{PROVIDER}jwt = {{ issuer = 'https://x', algorithms = ['RS25'] }}",
            "provider.staff.jwt.algorithms.0: must be one of ES256, ES384",
            id="a-word-in-a-list",
        ),
        pytest.param(
            f"{PROVIDER}keys = [{{ id = 'a' }}]", "provider.staff.keys.0.sha256: is missing", id="a-key-without-hash"
        ),
        pytest.param(
            f"{PROVIDER}keys = [{{ id = 'a', sha256 = '{'0' * 64}', claims = {{ since = 2026-01-01 }} }}]",
            'provider.staff.keys.0.claims.since: a date is not of type "string"',
            id="a-date-in-claims",
        ),
        pytest.param(
            f"{ROUTE}pth = '/x'",
            "route.0.pth: no such setting; did you mean 'path'? (route 'invoices', from the file)",
            id="a-key-of-a-route",
        ),
        pytest.param(
            f"{ROUTE}timeout = {{ conect = '1s' }}",
            "route.0.timeout.conect: no such setting; did you mean 'connect'?",
            id="a-key-of-a-table-of-words",
        ),
        pytest.param(
            f"{ROUTE}limit = '100/min per consumer'",
            'route.0.limit: \'100/min per consumer\' is not of type "array"; write ["100/min per consumer"]',
            id="text-for-a-list",
        ),
        pytest.param(
            f"{ROUTE}limit = ['100/minute per consumer']",
            "route.0.limit.0: '100/minute per consumer' is not like \"100/min per consumer\"",
            id="a-limit",
        ),
        pytest.param(f"{ROUTE}host = 3", 'route.0.host: 3 is not of type "array" or "string"', id="one-of-two-types"),
        pytest.param(f"{ROUTE}auth = [1]", 'route.0.auth.0: 1 is not of type "string"', id="a-member-of-one-of-two"),
        pytest.param(f"{ROUTE}auth = [1.5]", 'route.0.auth.0: a float is not of type "string"', id="a-float-in-a-list"),
        pytest.param(
            f"{ROUTE}cors = {{ origins = ['https://x'], max_age = 5.0 }}",
            'route.0.cors.max_age: a float is not of type "integer"',
            id="a-float-for-an-integer",
        ),
        pytest.param(
            f'{ROUTE}headers = {{ "a_b" = "x" }}', "route.0.headers.a_b: the name 'a_b' is not like", id="a-field"
        ),
        pytest.param("[route]\npath = '/'", 'route: a table is not of type "array"; write [[route]]', id="one-bracket"),
        pytest.param("route = 'x'", "route: 'x' is not of type \"array\" (", id="text-for-a-list-of-tables"),
        pytest.param(
            "[[upstream]]\nname = 'x'",
            'upstream: a list is not of type "object"; write [upstream.NAME]',
            id="two-brackets",
        ),
    ],
)
def test_a_fault(tmp_path: Path, text: str, told: str) -> None:
    """The fault is told by its key, with what is expected or meant, and alone."""
    [fault] = faults_of(tmp_path, text)
    assert fault.startswith(told)
    assert fault.endswith("from the file)")


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """Faults of several tables and lists, each with its own key."""
    text = f"{UPSTREAM}keep = 'x'\nhead = '1'\n{PROVIDER}header = 'a b'\n{ROUTE}body = '1MB'\n[[route]]\nto = 3\n"
    keys = [fault.partition(":")[0] for fault in faults_of(tmp_path, text)]
    assert keys == [
        *("provider.staff.header", "route.0.body", "route.1.path", "route.1.to"),
        *("upstream.billing.head", "upstream.billing.keep"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PROVIDER + "keys = [{ id = 'a', sha256 = 'cb_plain-key' }]", id="a-key-for-its-hash"),
        pytest.param(PROVIDER + "keys = [{ id = 'a', sha256 = ['cb_plain-key'] }]", id="a-list-for-a-hash"),
        pytest.param(PROVIDER + "keys = [{ id = 'a', sha256 = 12345678 }]", id="a-number-for-a-hash"),
        pytest.param(UPSTREAM + "secret = ['cb_plain-key']", id="a-list-for-a-secret"),
        pytest.param(UPSTREAM + "secret = 12345678", id="a-number-for-a-secret"),
    ],
)
def test_secrets_are_not_repeated(tmp_path: Path, text: str) -> None:
    """A key that stands where its hash should be, and a secret of a wrong type, do not get onto a screen."""
    [fault] = faults_of(tmp_path, text)
    assert fault.startswith(("provider.staff.keys.0.sha256: what stands here is not", "upstream.billing.secret: "))
    assert "plain-key" not in fault
    assert "12345678" not in fault


def test_a_variable_for_a_text_is_taken_as_it_stands() -> None:
    """What looks like a number is a text where the setting is one, also in a table with a name of one's own."""
    environment = {
        "CROSSBAR__UPSTREAM__BILLING__TARGETS": '["http://127.0.0.1"]',
        "CROSSBAR__UPSTREAM__BILLING__KEEP": "0",
        "CROSSBAR__UPSTREAM__BILLING__TIMEOUT__IDLE": "0",
        "CROSSBAR__UPSTREAM__BILLING__CONCURRENCY": "7",
        "CROSSBAR__PROVIDER__STAFF__JWT__ISSUER": "5",
        "CROSSBAR__PROVIDER__STAFF__JWT__AUDIENCE": '["a", "b"]',
    }
    loaded = load(None, environment)
    upstream, jwt = loaded.upstream["billing"], loaded.provider["staff"].jwt
    assert ("0", "0", 7, ("http://127.0.0.1",)) == (
        upstream.keep,
        upstream.timeout.idle,
        upstream.concurrency,
        upstream.targets,
    )
    assert jwt is not None
    assert ("5", ("a", "b")) == (jwt.issuer, jwt.audience)


def test_a_fault_names_the_variable_that_it_comes_from() -> None:
    """The source of a value deep inside is found."""
    with pytest.raises(SettingsError) as error:
        load(None, {"CROSSBAR__UPSTREAM__B__TARGETS": '["ftp:x"]'})
    [fault] = error.value.faults
    assert fault.startswith("upstream.b.targets.0: 'ftp:x' is not like")
    assert fault.endswith("(from CROSSBAR__UPSTREAM__B__TARGETS)")


def test_what_plugins_have_is_theirs_to_check(tmp_path: Path) -> None:
    """Dates and floats may stand there."""
    file = tmp_path / "gateway.toml"
    file.write_text("[plugins.x]\nday = 2026-01-02\nshare = 0.5\n")
    assert {"day": date(2026, 1, 2), "share": 0.5} == load(file).plugins["x"]


def test_floats_may_stand_in_claims(tmp_path: Path) -> None:
    """What anybody may write as they like can have any number in it."""
    file = tmp_path / "gateway.toml"
    file.write_text(f"{PROVIDER}keys = [{{ id = 'a', sha256 = '{'0' * 64}', claims = {{ share = [0.5] }} }}]")
    assert {"share": [0.5]} == load(file).provider["staff"].keys[0].claims


def _patterns() -> list[str]:
    """The patterns in the tables of the gateway."""
    tables = (Gateway, Upstream, Provider, Jwt, Key, Route, RouteCors, FieldRules, Timeouts, Tls)
    declared = [node for table in tables for node in nodes(shape()["$defs"][table.__name__])]
    return sorted({node["pattern"] for node in declared if "pattern" in node})


@pytest.mark.parametrize("pattern", _patterns())
def test_no_pattern_is_ever_told(pattern: str) -> None:
    """Each has examples, which are like it, or a description."""
    assert pattern not in likeness(pattern)
    for node in nodes(shape()):
        if node.get("pattern") == pattern:
            assert all(re.search(pattern, example) for example in node.get("examples", ()))


# The schema that editors get.


@pytest.mark.parametrize("name", ["crossbar.toml", "gateway.toml"])
def test_the_schema_takes_the_files_that_are_shipped(name: str) -> None:
    """What loads is right by the schema, and what does not is wrong by it."""
    path = Path(__file__).parents[2] / "config" / name
    told: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    validator = jsonschema_rs.Draft202012Validator(shape(), offline=True)
    assert validator.is_valid(told)
    assert not validator.is_valid(told | {"sever": {}})


def test_the_schema_has_no_null() -> None:
    """TOML has none, so that nothing is offered that nobody can write."""
    assert [] == [node for node in nodes(shape()) if {"type": "null"} in node.get("anyOf", ())]
    assert [] == [node for node in nodes(shape()) if "default" in node and node["default"] is None]


@pytest.mark.parametrize(
    ("path", "type"),
    [
        (("server", "port"), "integer"),
        (("upstream", "any", "timeout", "idle"), "string"),
        (("provider", "any", "jwt", "issuer"), "string"),
        (("provider", "any", "keys", 3, "claims"), "object"),
        (("route", 3, "cors", "origins", 0), "string"),
    ],
)
def test_what_is_declared_at_a_place(path: tuple[str | int, ...], type: str) -> None:
    """Names of one's own and places in lists lead on."""
    node = node_at(path)
    assert node is not None
    assert type == node["type"]


@pytest.mark.parametrize("path", [("x",), ("server", "x"), ("server", "port", "x"), ("upstream", "any", "x", "y")])
def test_nothing_is_declared_there(path: tuple[str, ...]) -> None:
    """None says so."""
    assert node_at(path) is None
