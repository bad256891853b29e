"""JSON Schema: Kazoo's codes and sentences, all faults at once, defaults and leniency."""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.envelope import violations_by_field
from crossbar.errors import SchemaError, Violation
from crossbar.schema import Schemas


def compiled(schema: Any, **others: Any) -> Any:
    """Give a schema ready for use, beside others that it may refer to."""
    documents = {"tested": schema, **others}
    return Schemas({name: partial(orjson.dumps, body) for name, body in documents.items()}).compiled("tested")


def told(schema: Any, body: dict[str, Any], *, plain: bool = False) -> dict[str, Any]:
    """Give what clients read of a body's faults."""
    return violations_by_field(compiled(schema).check(body), plain=plain)


def of_field(rule: Any, value: Any) -> dict[str, Any]:
    """Give the faults of one field under one rule."""
    return told({"type": "object", "properties": {"f": rule}}, {"f": value})


NONE = object()
KAZOO: list[tuple[str, Any, Any, str, object]] = [
    ("type", {"type": "string"}, 5, "Value did not match type(s): string", "string"),
    ("enum", {"enum": ["a", "b"]}, "c", "Value not found in enumerated list of values", ["a", "b"]),
    ("minLength", {"minLength": 3}, "é", "String must be at least 3 characters", 3),
    ("maxLength", {"maxLength": 1}, "éé", "String must not be more than 1 characters", 1),
    ("minimum", {"minimum": 3}, 2, "Value must be at least 3", 3),
    ("minimum", {"exclusiveMinimum": 3}, 3, "Value must be", 3),
    ("maximum", {"maximum": 3}, 4, "Value must be at most 3", 3),
    ("maximum", {"exclusiveMaximum": 3}, 3, "Value must be", 3),
    ("minItems", {"minItems": 2}, [1], "The list must have at least 2 items", 2),
    ("maxItems", {"maxItems": 1}, [1, 2], "The list is more than 1 items", 1),
    ("minProperties", {"minProperties": 2}, {"a": 1}, "The object must have at least 2 keys", 2),
    ("uniqueItems", {"uniqueItems": True}, [1, 1], "List of items is not unique", NONE),
    ("pattern", {"pattern": "^a$"}, "b", "Failed to match pattern '^a$'", "^a$"),
    ("pattern", {"pattern": "^a'$"}, "b", "Failed to match pattern '^a'$'", "^a'$"),
    ("dependencies", {"dependentRequired": {"a": ["b"]}}, {"a": 1}, "Dependencies were not validated", NONE),
    ("divisibleBy", {"multipleOf": 5}, 3, "Value not divisible by 5", 5),
    ("disallow", {"not": {"type": "string"}}, "a", "Value is disallowed by", NONE),
    ("wrong_format", {"format": "email"}, "a", "Field is not in the correct format", NONE),
    ("not_one_schema_valid", {"oneOf": [{"type": "string"}, {"type": "null"}]}, 5, "", NONE),
    ("more_than_one_schema_valid", {"oneOf": [{"minimum": 1}, {"maximum": 9}]}, 5, "", NONE),
    ("any_schemas_not_valid", {"anyOf": [{"type": "string"}, {"type": "null"}]}, 5, "", NONE),
]


@pytest.mark.parametrize(
    ("code", "rule", "value", "message", "target"), KAZOO, ids=[orjson.dumps(row[1]).decode() for row in KAZOO]
)
def test_codes(code: str, rule: Any, value: Any, message: str, target: object) -> None:
    """Each keyword becomes Kazoo's code under the field, its sentence, and the facts that the code table lists."""
    found = of_field(rule, value)
    assert {"f": [code]} == {name: list(codes) for name, codes in found.items()}
    entry = found["f"][code]
    expected = {"message": message, "value": value}
    if target is not NONE:
        expected["target"] = target
    if code in ("minLength", "maxLength"):
        expected["cause"] = value
    entry["message"] = entry["message"][: len(message)]
    assert expected == {key: entry[key] for key in expected if key in entry}


@pytest.mark.parametrize(
    ("rule", "value", "field", "code", "what"),
    [
        (
            {"properties": {"b": {}}, "additionalProperties": False},
            {"a": 1},
            "f.a",
            "additionalProperties",
            "properties",
        ),
        ({"additionalProperties": False}, {"a": 1}, "f.a", "additionalProperties", "properties"),
        ({"prefixItems": [{}], "items": False}, [2, 1], "f.1", "additionalItems", "items"),
    ],
    ids=["fields", "any field", "items"],
)
def test_what_is_too_much(rule: Any, value: Any, field: str, code: str, what: str) -> None:
    """A surplus field or item is told at its own place, with its value."""
    message = f"Strict checking of data is enabled; only include schema-defined {what}"
    assert {field: {code: {"message": message, "value": 1}}} == of_field(rule, value)


def test_required() -> None:
    """A missing field is told under the path at which it should stand, at any depth."""
    schema = {
        "required": ["a"],
        "properties": {"b": {"required": ["c"], "properties": {}}, "d": {"items": {"required": ["e"]}}},
    }
    found = told(schema, {"b": {}, "d": [{"e": 1}, {}]})
    assert {"a": ["required"], "b.c": ["required"], "d.1.e": ["required"]} == {
        name: list(found[name]) for name in found
    }
    assert "Field is required but missing" == found["b.c"]["required"]["message"]


def test_the_sample_of_the_documentation() -> None:
    """The shape is that of Kazoo's documentation: field, code, then message, target, cause and value."""
    sentence = "String must be at least 1 characters"
    assert {"name": {"minLength": {"message": sentence, "target": 1, "cause": "", "value": ""}}} == told(
        {"properties": {"name": {"minLength": 1}}}, {"name": ""}
    )


def test_version_1_is_plain() -> None:
    """In version 1 a field has codes with sentences, and nothing else."""
    schema = {"required": ["a"], "properties": {"b": {"maxLength": 1, "pattern": "^x"}}}
    assert {
        "a": {"required": "Field is required but missing"},
        "b": {"maxLength": "String must not be more than 1 characters", "pattern": "Failed to match pattern '^x'"},
    } == told(schema, {"b": "yy"}, plain=True)


def test_all_faults_at_once() -> None:
    """Every fault of every field is told in one answer, several codes of one field side by side."""
    schema = {
        "required": ["a", "b"],
        "additionalProperties": False,
        "properties": {
            "a": {},
            "b": {},
            "c": {"type": "string", "minLength": 3, "pattern": "^x"},
            "d": {"type": "array", "items": {"type": "object", "required": ["e"]}, "minItems": 3},
        },
    }
    found = told(schema, {"c": "y", "d": [{}, 5], "z": 1, "y": 2})
    assert {
        "a": ["required"],
        "b": ["required"],
        "c": ["minLength", "pattern"],
        "d": ["minItems"],
        "d.0.e": ["required"],
        "d.1": ["type"],
        "y": ["additionalProperties"],
        "z": ["additionalProperties"],
    } == {name: sorted(codes) for name, codes in found.items()}


def test_names_with_dots() -> None:
    """A dot inside a key is written %2E, so that a path can be taken apart again."""
    schema = {"properties": {"a.b": {"properties": {"c": {"type": "null"}}}}}
    assert ["a%2Eb.c"] == list(told(schema, {"a.b": {"c": 1}}))


@pytest.mark.parametrize("name", ["password", "credentials", "api_key", "secret"])
def test_secrets_are_not_repeated(name: str) -> None:
    """What is wrong with a secret is told without the secret."""
    for rule in ({"minLength": 9}, {"pattern": "^[0-9]+$"}, {"enum": ["a"]}, {"type": "integer"}):
        assert "hunter2" not in repr(told({"properties": {name: rule}}, {name: "hunter2"}))


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        pytest.param({"type": "integer"}, "5", 5, id="a whole number"),
        pytest.param({"type": "integer"}, "-5", -5, id="a negative one"),
        pytest.param({"type": "integer"}, "0", 0, id="zero"),
        pytest.param({"type": ["integer", "null"]}, "7", 7, id="one of two types"),
        pytest.param({"type": "number"}, "5", 5, id="a number"),
        pytest.param({"type": "number"}, "5.5", 5.5, id="a fraction"),
        pytest.param({"type": "number"}, "-1e3", -1000.0, id="an exponent"),
        pytest.param({"type": "boolean"}, "true", True, id="true"),
        pytest.param({"type": "boolean"}, "false", False, id="false"),
        pytest.param({"type": "array", "items": {"type": "integer"}}, ["1", 2, "3"], [1, 2, 3], id="in a list"),
        pytest.param({"properties": {"a": {"type": "boolean"}}}, {"a": "true"}, {"a": True}, id="in an object"),
        pytest.param({"type": ["string", "integer"]}, "5", "5", id="text that may be text"),
        pytest.param({}, "5", "5", id="text without a rule"),
    ],
)
def test_text_is_converted(rule: Any, text: Any, expected: Any) -> None:
    """Text that stands where a number or a boolean belongs is converted, as Kazoo's clients expect."""
    body = {"f": text}
    assert ([], {"f": expected}) == (compiled({"properties": {"f": rule}}).check(body), body)
    assert type(expected) is type(body["f"])


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        *(
            (kind, text)
            for kind in ("integer", "number")
            for text in ("", " ", "five", "5 apples", " 5", "5 ", "+5", "5_0")
        ),
        *(
            (kind, text)
            for kind in ("integer", "number")
            for text in ("0x5", "\u0665", "nan", "Infinity", "-", "null", "1" * 30)
        ),
        *(("integer", text) for text in ("5.0", "5.5", "1e3")),
        *(("number", text) for text in ("1e999", ".5", "5.", "[5]", "true")),
        *(("boolean", text) for text in ("True", "TRUE", "yes", "1", "0", "", " true")),
        *((kind, text) for kind in ("null", "object", "array") for text in ("null", "{}", "[]")),
    ],
)
def test_other_text_is_not(rule: str, text: str) -> None:
    """Text that is not exactly the number or boolean stays as it is, and is a fault."""
    body = {"f": text}
    violations = compiled({"properties": {"f": {"type": rule}}}).check(body)
    assert (["type"], {"f": text}) == ([violation.code for violation in violations], body)


def test_what_was_converted_is_checked_again() -> None:
    """A number out of text must keep the other rules, and the fault shows the number."""
    found = of_field({"type": "integer", "minimum": 10}, "5")
    assert {"f": {"minimum": {"message": "Value must be at least 10", "target": 10, "value": 5}}} == found


def test_only_what_is_wrong_is_converted() -> None:
    """One field that cannot be converted does not keep others from it."""
    body = {"a": "5", "b": "x"}
    found = compiled({"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}).check(body)
    assert ([("b",)], {"a": 5, "b": "x"}) == ([violation.path for violation in found], body)


NESTED = {
    "properties": {
        "a": {"default": 1},
        "b": {"type": "object", "default": {}, "properties": {"c": {"default": [1]}}},
        "d": {"type": "object", "properties": {"e": {"default": "x"}}},
        "f": {"type": "array", "items": {"properties": {"g": {"default": False}}}},
        "h": {"default": None},
    }
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, {"a": 1, "b": {"c": [1]}, "h": None}, id="an empty document"),
        pytest.param({"a": None}, {"a": None, "b": {"c": [1]}, "h": None}, id="null is a value"),
        pytest.param({"a": 2, "b": {"c": 3}, "h": 4}, {"a": 2, "b": {"c": 3}, "h": 4}, id="nothing is overwritten"),
        pytest.param({"b": {}}, {"a": 1, "b": {"c": [1]}, "h": None}, id="inside an empty object"),
        pytest.param({"d": {}}, {"a": 1, "b": {"c": [1]}, "d": {"e": "x"}, "h": None}, id="an object that is there"),
        pytest.param(
            {"f": [{}, {"g": 1}, 5]},
            {"a": 1, "b": {"c": [1]}, "f": [{"g": False}, {"g": 1}, 5], "h": None},
            id="in a list",
        ),
        pytest.param({"b": 5, "d": "x"}, {"a": 1, "b": 5, "d": "x", "h": None}, id="not inside what is no object"),
    ],
)
def test_defaults(body: dict[str, Any], expected: dict[str, Any]) -> None:
    """Defaults are filled in at every depth that is there, and never over a value."""
    compiled(NESTED).check(body)
    assert expected == body


def test_defaults_inside_a_referenced_schema() -> None:
    """The defaults of a schema that another one refers to are filled in as well."""
    schema = {
        "properties": {"a": {"$ref": "crossbar:///schemas/other"}, "b": {"$ref": "#/$defs/here"}},
        "$defs": {"here": {"properties": {"y": {"default": 2}}}},
    }
    body: dict[str, Any] = {"a": {}, "b": {}}
    assert [] == compiled(schema, other={"properties": {"x": {"default": 1}}}).check(body)
    assert {"a": {"x": 1}, "b": {"y": 2}} == body


def test_defaults_are_not_shared() -> None:
    """Each document gets a default of its own."""
    schema = compiled(NESTED)
    one: dict[str, Any] = {}
    two: dict[str, Any] = {}
    schema.check(one)
    one["b"]["c"].append(2)
    schema.check(two)
    assert {"c": [1]} == two["b"]


def test_defaults_are_checked_like_values() -> None:
    """A default satisfies `required`."""
    assert [] == compiled({"required": ["a"], "properties": {"a": {"default": 1}}}).check({})


def test_surplus_fields_stay() -> None:
    """Fields that a schema does not know are stored, unless it forbids them."""
    body = {"unknown": {"to": ["us"]}}
    assert ([], {"unknown": {"to": ["us"]}}) == (compiled({"properties": {"a": {}}}).check(body), body)


def test_references_lead_to_other_schemas() -> None:
    """A reference by name is followed, and faults in it are told at their place."""
    schema = compiled({"properties": {"a": {"$ref": "crossbar:///schemas/other"}}}, other={"required": ["x"]})
    assert [("a", "x")] == [violation.path for violation in schema.check({"a": {}})]


@pytest.mark.timeout(30)
def test_references_in_a_circle_end() -> None:
    """A schema that is nothing but references to itself asks for nothing, and is not followed for ever."""
    schemas = Schemas(
        {"circle": lambda: b'{"$defs": {"x": {"$ref": "#/$defs/x"}}, "properties": {"a": {"$ref": "#/$defs/x"}}}'}
    )
    assert [] == schemas.compiled("circle").check({"b": 1})


def test_an_empty_key_on_the_way() -> None:
    """What is wrong below an empty key is told with its place, as with any other key."""
    schemas = Schemas({"lists": lambda: b'{"additionalProperties": {"type": "array", "items": false}}'})
    assert [("", 0)] == [violation.path for violation in schemas.compiled("lists").check({"": [1]})]


def test_a_schema_may_refer_to_itself() -> None:
    """A tree of any depth is checked to its leaves."""
    schema = compiled({"properties": {"child": {"$ref": "#"}, "name": {"type": "string"}}})
    assert [("child", "child", "name")] == [v.path for v in schema.check({"child": {"child": {"name": 5}}})]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(b'{"type": "strnig"}', "strnig", id="an unknown type"),
        pytest.param(b'{"minLength": "3"}', "3", id="text for a number"),
        pytest.param(b'{"pattern": "("}', "(", id="a pattern that is none"),
        pytest.param(b"{", "", id="no JSON"),
        pytest.param(b"[]", "no JSON object", id="no object"),
        pytest.param(b'{"$ref": "crossbar:///schemas/nowhere"}', "nowhere", id="a reference to nothing"),
        pytest.param(b'{"$ref": "https://example.com/x.json"}', "example.com", id="a reference to the network"),
        pytest.param(b'{"$ref": "file:///etc/passwd"}', "passwd", id="a reference to a file"),
    ],
)
def test_a_schema_that_is_none(source: bytes, reason: str) -> None:
    """A schema that cannot be used is told with its name and what is wrong, and nothing is fetched."""
    with pytest.raises(SchemaError) as error:
        Schemas({"tested": lambda: source}).compiled("tested")
    assert (True, True) == ("'tested'" in str(error.value), reason in str(error.value)), error.value


def test_a_schema_that_is_missing() -> None:
    """A name without a schema is told; as a document it is nothing."""
    schemas = Schemas({})
    with pytest.raises(SchemaError, match="no schema 'x'"):
        schemas.compiled("x")
    assert (None, []) == (schemas.document("x"), schemas.names())


def test_a_newer_schema_takes_the_place() -> None:
    """A schema that is added again is compiled anew, and so are those that refer to it."""
    schemas = Schemas({"a": lambda: b'{"$ref": "crossbar:///schemas/b"}', "b": lambda: b'{"required": ["x"]}'})
    before = len(schemas.compiled("a").check({}))
    schemas.add("b", lambda: b"{}")
    assert (1, 0) == (before, len(schemas.compiled("a").check({})))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdefgh"), inner, max_size=4),
    max_leaves=8,
)
EVERYTHING = {
    "type": "object",
    "required": ["a"],
    "additionalProperties": False,
    "properties": {
        "a": {"type": "string", "minLength": 2, "pattern": "^x", "format": "email"},
        "b": {"type": ["integer", "boolean"], "minimum": 5, "multipleOf": 3, "default": 9},
        "c": {"type": "array", "items": {"type": "object", "properties": {"d": {"type": "number", "default": 1}}}},
        "d": {"oneOf": [{"type": "string"}, {"minLength": 1}], "not": {"type": "null"}},
        "e": {"minProperties": 1, "propertyNames": {"pattern": "^a"}, "dependentRequired": {"a": ["b"]}},
        "f": {"prefixItems": [{"type": "integer"}], "items": False},
    },
}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefg"), JSON, max_size=6))
def test_any_document_is_answered(body: dict[str, Any]) -> None:
    """Whatever the document, its faults can be written down as JSON, and a document without faults has none again."""
    schema = compiled(EVERYTHING)
    violations: list[Violation] = schema.check(body)
    assert orjson.dumps(violations_by_field(violations))
    assert bool(violations) is bool(schema.check(body))
