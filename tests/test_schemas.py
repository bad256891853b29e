"""The bundled schemas and the resources that are declared without code."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from crossbar.schema import BASE, Schemas

MODULES = Path(__file__).parents[1] / "modules"
FILES = {path.stem: path for path in sorted((MODULES / "schemas").glob("*.json"))}
DECLARED = sorted(MODULES.glob("*.toml"))
SCHEMAS = Schemas({name: path.read_bytes for name, path in FILES.items()})

SHARED = {
    *("call_forward", "call_recording", "call_restriction", "caller_id"),
    *("callflows.action", "endpoint.media", "music_on_hold", "ringtones", "token_restrictions.rules"),
}
NOUNS = {
    *("accounts", "users", "devices", "callflows", "cdrs", "groups", "menus", "lists"),
    *("temporal_rules", "directories", "webhooks", "user_auth", "api_auth", "token_restrictions"),
}

HEX = "0123456789abcdef"
CALL = {"id": "203001-1", "call_id": "1", "interaction_id": "64060000000-0a1b2c3d", "timestamp": 64060000000}

GOOD: list[tuple[str, dict[str, Any]]] = [
    ("accounts", {"name": "Acme"}),
    ("accounts", {"name": "Acme", "realm": "acme.example.com", "caller_id": {"external": {"number": "+12025550100"}}}),
    ("accounts", {"name": "Acme", "timezone": "UTC", "language": "de", "unknown": {"to": "us"}}),
    ("users", {"first_name": "Ada", "last_name": "Byron"}),
    ("users", {"first_name": "Ada", "last_name": "Byron", "username": "ada+b@example.com", "priv_level": "admin"}),
    ("users", {"first_name": "Ada", "last_name": "Byron", "call_forward": {"enabled": True, "number": "+12025550100"}}),
    ("devices", {"name": "Hall", "mac_address": "02:00:5e:00:53:0A"}),
    ("devices", {"name": "Hall", "mac_address": "02005E00530a", "sip": {"username": "user_1", "expire_seconds": "60"}}),
    ("devices", {"name": "Hall", "media": {"audio": {"codecs": ["OPUS"]}, "bypass_media": "auto"}}),
    ("callflows", {"flow": {"module": "hangup"}}),
    ("callflows", {"flow": {"module": "user", "data": {}, "children": {"_": {"module": "hangup", "data": {}}}}}),
    ("callflows.action", {"module": "hangup"}),
    ("cdrs", {**CALL, "direction": "inbound"}),
    ("groups", {"name": "Sales", "endpoints": {"a1": {"type": "user", "weight": 1}}}),
    ("menus", {"name": "Main", "media": {"greeting": "welcome", "exit_media": False}}),
    ("lists", {"name": "Friends", "entries": {"a1": {"number": "+12025550100"}}}),
    ("temporal_rules", {"name": "Open", "cycle": "weekly", "wdays": ["monday", "wensday"]}),
    ("directories", {"name": "Staff", "users": ["a1"], "sort_by": "first_name"}),
    ("webhooks", {"name": "Tell", "hook": "channel_create", "uri": "https://hooks.example.com/a?b=c"}),
    ("user_auth", {"credentials": HEX * 2, "account_name": "demo"}),
    ("user_auth", {"credentials": (HEX * 3)[:40].upper(), "method": "sha", "realm": "demo.example.com"}),
    ("api_auth", {"api_key": HEX * 4}),
    ("token_restrictions", {"restrictions": {"_": {"user": {"about": [{"rules": {"/": ["get", "_"]}}]}}}}),
    ("token_restrictions.rules", {"_": [{"allowed_accounts": ["{AUTH_ACCOUNT_ID}"], "rules": {"a/*/#": ["GeT"]}}]}),
]

BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("accounts", {}, "name", "required"),
    ("accounts", {"name": ""}, "name", "minLength"),
    ("accounts", {"name": "x" * 129}, "name", "maxLength"),
    ("accounts", {"name": "Acme", "realm": "no blanks here"}, "realm", "pattern"),
    (
        "accounts",
        {"name": "Acme", "caller_id": {"external": {"name": "x" * 36}}},
        "caller_id.external.name",
        "maxLength",
    ),
    ("users", {"first_name": "Ada"}, "last_name", "required"),
    ("users", {"first_name": "Ada", "last_name": "Byron", "username": "a b"}, "username", "pattern"),
    ("users", {"first_name": "Ada", "last_name": "Byron", "priv_level": "root"}, "priv_level", "enum"),
    ("users", {"first_name": "Ada", "last_name": "Byron", "password": "short"}, "password", "minLength"),
    ("users", {"first_name": "Ada", "last_name": "Byron", "email": "nobody"}, "email", "wrong_format"),
    ("devices", {"name": "Hall", "mac_address": "02:00:5e"}, "mac_address", "pattern"),
    ("devices", {"name": "Hall", "device_type": "toaster"}, "device_type", "enum"),
    ("devices", {"name": "Hall", "sip": {"password": "1234"}}, "sip.password", "minLength"),
    ("devices", {"name": "Hall", "enabled": "maybe"}, "enabled", "type"),
    ("devices", {"name": "Hall", "media": {"audio": {"codecs": ["MP3"]}}}, "media.audio.codecs.0", "enum"),
    ("callflows", {"numbers": ["1"]}, "flow", "required"),
    ("callflows", {"flow": "hangup"}, "flow", "type"),
    ("callflows", {"flow": {"data": {}}}, "flow.module", "required"),
    ("callflows", {"flow": {"module": "menu", "children": {"1": {"module": 1}}}}, "flow.children.1.module", "type"),
    ("callflows", {"flow": {"module": "x"}, "numbers": [""]}, "numbers.0", "minLength"),
    ("callflows.action", {}, "module", "required"),
    ("cdrs", {**CALL, "direction": "sideways"}, "direction", "enum"),
    ("groups", {"name": "Sales", "endpoints": {"a1": {"type": "robot"}}}, "endpoints.a1.type", "enum"),
    ("menus", {"name": "Main", "retries": 11}, "retries", "maximum"),
    ("lists", {"name": "Friends", "description": ""}, "description", "minLength"),
    ("temporal_rules", {"name": "Open", "cycle": "hourly"}, "cycle", "enum"),
    ("temporal_rules", {"name": "Open", "cycle": "yearly", "days": [32]}, "days.0", "maximum"),
    ("directories", {"name": "Staff", "sort_by": "age"}, "sort_by", "enum"),
    ("webhooks", {"name": "Tell", "hook": "all", "uri": "ftp://example.com/"}, "uri", "pattern"),
    ("webhooks", {"name": "Tell", "uri": "https://example.com/"}, "hook", "required"),
    ("user_auth", {"account_name": "demo"}, "credentials", "required"),
    ("user_auth", {"credentials": "admin:crossbar"}, "credentials", "pattern"),
    ("user_auth", {"credentials": HEX * 2, "method": "md4"}, "method", "enum"),
    ("api_auth", {"api_key": HEX}, "api_key", "minLength"),
    ("token_restrictions", {}, "restrictions", "required"),
    ("token_restrictions", {"restrictions": {"_": {"owner": {}}}}, "restrictions._", "patternProperties"),
    ("token_restrictions.rules", {"_": [{"rules": {"/": ["TRACE"]}}]}, "_.0.rules./.0", "pattern"),
    (
        "token_restrictions.rules",
        {"_": [{"rules": {}, "allowed_account": ["a"]}]},
        "_.0.allowed_account",
        "additionalProperties",
    ),
]


def document(name: str) -> dict[str, Any]:
    """The schema as JSON."""
    found = SCHEMAS.document(name)
    assert found is not None
    return found


def properties(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema at any depth, with the path that leads to it."""
    if not isinstance(schema, dict):
        return
    for name, rule in schema.get("properties", {}).items():
        yield f"{path}.{name}", rule
        yield from properties(rule, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        yield from properties(schema.get(inner), f"{path}[]")
    for name, rule in schema.get("$defs", {}).items():
        yield from properties(rule, f"{path}#{name}")


def references(schema: Any) -> Iterator[str]:
    """Every `$ref` in a schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for rule in schema.values():
            yield from references(rule)


def test_there_is_a_schema_for_each_noun() -> None:
    """Each noun has its schema, and beside them are only the parts that they share."""
    assert set(FILES) >= NOUNS | SHARED


@pytest.mark.parametrize("name", FILES)
def test_a_schema_compiles_and_says_what_it_is(name: str) -> None:
    """Draft, id, title and a sentence are there, and the validator accepts it without looking elsewhere."""
    schema = document(name)
    SCHEMAS.compiled(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == BASE + name
    assert schema["title"]
    assert schema["description"].endswith(".")
    assert schema["type"] == "object"


@pytest.mark.parametrize("name", FILES)
def test_every_property_is_described(name: str) -> None:
    """Documentation, console and OpenAPI have something to say about each field."""
    assert [path for path, rule in properties(document(name)) if not rule.get("description", "").endswith(".")] == []


@pytest.mark.parametrize("name", FILES)
def test_references_lead_to_schemas_of_ours(name: str) -> None:
    """A schema points into itself or to a file beside it, by its name."""
    elsewhere = {ref for ref in references(document(name)) if not ref.startswith("#")}
    assert elsewhere <= {BASE + file for file in FILES}


@pytest.mark.parametrize("name", FILES)
def test_defaults_keep_to_their_own_rule(name: str) -> None:
    """What is filled in is valid."""
    for path, rule in properties(document(name)):
        if "default" in rule and "$ref" not in rule:
            assert jsonschema_rs.Draft202012Validator(rule).is_valid(rule["default"]), path


@pytest.mark.parametrize("name", FILES)
def test_required_fields_are_declared(name: str) -> None:
    """A field that must be there is one that the schema describes."""
    schema = document(name)
    assert set(schema.get("required", [])) <= set(schema.get("properties", {}))


@pytest.mark.parametrize(("name", "body"), GOOD, ids=[f"{name}-{place}" for place, (name, _) in enumerate(GOOD)])
def test_good_documents_pass(name: str, body: dict[str, Any]) -> None:
    """What Kazoo's clients send is accepted."""
    assert SCHEMAS.compiled(name).check(body) == []


@pytest.mark.parametrize(
    ("name", "body", "field", "code"), BAD, ids=[f"{name}-{field}-{code}" for name, _, field, code in BAD]
)
def test_bad_documents_are_refused(name: str, body: dict[str, Any], field: str, code: str) -> None:
    """The one thing that is wrong is named by its field and its rule."""
    found = SCHEMAS.compiled(name).check(body)
    assert [(".".join(map(str, violation.path)), violation.code) for violation in found] == [(field, code)]


def test_each_schema_has_a_good_and_a_bad_document() -> None:
    """The two tables above leave no noun out."""
    assert {name for name, _ in GOOD} >= NOUNS
    assert {name for name, *_ in BAD} >= NOUNS


def test_defaults_are_filled_in() -> None:
    """A device that says only its name is stored with what Kazoo would add."""
    body: dict[str, Any] = {"name": "Hall"}
    assert SCHEMAS.compiled("devices").check(body) == []
    assert body["enabled"] is True
    assert body["sip"] == {"method": "password", "invite_format": "contact", "expire_seconds": 300}


@pytest.mark.parametrize("path", DECLARED, ids=lambda path: path.stem)
def test_a_declared_resource_fits_its_schema(path: Path) -> None:
    """The file is named like the noun, and the fields that it names are in its schema."""
    declared = tomllib.loads(path.read_text(encoding="utf-8"))
    assert declared["name"] == path.stem
    assert declared["description"].endswith(".")
    described = document(declared["schema"])["properties"]
    fields = {*declared["summary"], *declared["unique"], *declared.get("parents", {}).values()}
    assert {field.partition(".")[0] for field in fields} <= set(described)


def test_five_resources_need_no_code() -> None:
    """These nouns are answered by a declaration alone."""
    names = {path.stem for path in DECLARED}
    assert {"groups", "menus", "lists", "temporal_rules", "directories"} == names


def test_schemas_are_written_by_hand_and_stay_readable() -> None:
    """UTF-8, two blanks a level, no long lines, one line break at the end."""
    for path in FILES.values():
        text = path.read_text(encoding="utf-8")
        assert text.endswith("}\n"), path
        assert not text.endswith("\n\n"), path
        assert max(map(len, text.splitlines())) <= 120, path
        assert orjson.loads(text), path
