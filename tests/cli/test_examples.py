"""Documents and texts that are made from schemas and patterns, for the tests that `crossbar new` writes."""

from __future__ import annotations

import ast
import re
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossbar import Registry
from crossbar.cli.drafting import drafted
from crossbar.cli.examples import NoExample, example_of
from crossbar.cli.literals import literal
from crossbar.cli.matching import matched_by
from crossbar.cli.scaffolding import module_files
from crossbar.errors import SchemaError
from crossbar.schema import Schemas


def schemas_with(schema: Any, **others: Any) -> Schemas:
    """Give schemas of which one is called `things`."""
    return Schemas({name: lambda one=one: orjson.dumps(one) for name, one in ({"things": schema} | others).items()})  # type: ignore[misc]


def thing(**properties: Any) -> dict[str, Any]:
    """Give the schema of an object that must have these properties."""
    return {"type": "object", "required": list(properties), "properties": properties}


# Patterns.


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param(r"^[0-9a-f]{12}$", "aaaaaaaaaaaa", id="class"),
        pytest.param(r"^\+?[1-9]\d{1,14}$", "11", id="least"),
        pytest.param(r"^(north|south)-\d+$", "north-1", id="alternatives"),
        pytest.param(r"^(?:[0-9A-F]{2}:){5}[0-9A-F]{2}$", "11:11:11:11:11:11", id="group"),
        pytest.param(r"^(?<year>\d{4})-(?P<month>\d\d)$", "1111-11", id="named"),
        pytest.param(r"^[\w.-]+@[\w-]+\.[a-z]{2,}$", "a@a.aa", id="escapes"),
        pytest.param(r"^[^\d\s]\D\S\W$", "aaa-", id="negated"),
        pytest.param(r"[\]\-]", "-", id="escaped-in-class"),
        pytest.param(r"é\x41", "éA", id="hex"),
        pytest.param(r"^\p{Lu}\p{L}*$", "A", id="property"),
        pytest.param(r"a*?b", "b", id="lazy"),
        pytest.param("", "", id="empty"),
        pytest.param(r"(?=a)b", None, id="ahead"),
        pytest.param(r"(a)\1", None, id="back"),
        pytest.param(r"\bx", None, id="boundary"),
        pytest.param(r"\ud800", None, id="half-a-pair"),
        *(
            pytest.param(broken, None, id=broken)
            for broken in ("a{", "[", "(", "*", "a)", "[]", "\\", "a{99999}{9999}")
        ),
    ],
)
def test_what_a_pattern_matches(pattern: str, expected: str | None) -> None:
    """The plainest text that matches, or None for what is beyond the reader."""
    assert expected == matched_by(pattern)


@given(st.from_regex(r"(\[[a-c0-3]+\]|\([a-c]\|[x-z]\)|[a-z0-9]|\\d|\\w)([*+?]|\{[1-3]\}|\{1,3\})?", fullmatch=True))
def test_a_text_matches_its_pattern(pattern: str) -> None:
    """What is made of a pattern, with however many repetitions, is matched by it."""
    for longer in range(4):
        text = matched_by(pattern, longer)
        assert text is not None
        assert re.search(pattern, text)


# Documents.


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param({}, {}, id="anything"),
        pytest.param(thing(a={"type": "string"}), {"a": "Example"}, id="text"),
        pytest.param(thing(a={"type": "string", "maxLength": 3}), {"a": "Exa"}, id="short-text"),
        pytest.param(thing(a={"type": "string", "minLength": 9}), {"a": "Exampleee"}, id="long-text"),
        pytest.param(
            thing(a={"type": "string", "pattern": "^[0-9]+$", "minLength": 70}), {"a": "1" * 70}, id="pattern"
        ),
        pytest.param(thing(a={"type": "string", "format": "email"}), {"a": "ada@example.com"}, id="format"),
        pytest.param(thing(a={"type": "string", "examples": ["Blue"]}), {"a": "Blue"}, id="example"),
        pytest.param(thing(a={"examples": [1], "type": "string"}), {"a": "Example"}, id="wrong-example"),
        pytest.param(thing(a={"default": 7}), {"a": 7}, id="default"),
        pytest.param(thing(a={"enum": ["x", "y"]}), {"a": "x"}, id="enum"),
        pytest.param(thing(a={"const": None}), {"a": None}, id="const"),
        pytest.param(thing(a={"type": "integer", "minimum": 10, "maximum": 12}), {"a": 10}, id="bounds"),
        pytest.param(thing(a={"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}), {"a": 0.25}, id="between"),
        pytest.param(thing(a={"type": "integer", "minimum": 10, "multipleOf": 7}), {"a": 14}, id="multiple"),
        pytest.param(thing(a={"type": ["null", "boolean"]}), {"a": None}, id="types"),
        pytest.param(thing(a={"type": "array", "items": {"type": "integer"}, "minItems": 2}), {"a": [1, 2]}, id="list"),
        pytest.param(
            thing(a={"type": "array", "prefixItems": [{"const": "x"}], "contains": {"const": 3}, "minItems": 2}),
            {"a": ["x", 3]},
            id="contains",
        ),
        pytest.param(thing(a=thing(b={"type": "boolean"})), {"a": {"b": True}}, id="nested"),
        pytest.param(
            {"minProperties": 2, "propertyNames": {"maxLength": 3}}, {"Exa": "Example", "1": "Example"}, id="few"
        ),
        pytest.param({"required": ["a"], "additionalProperties": {"const": 5}}, {"a": 5}, id="additional"),
        pytest.param({"required": ["x-a"], "patternProperties": {"^x-": {"const": 6}}}, {"x-a": 6}, id="by-pattern"),
        pytest.param(
            thing(a={}) | {"dependentRequired": {"a": ["b"]}, "properties": {"a": {"const": 1}, "b": {"const": 2}}},
            {"a": 1, "b": 2},
            id="dependent",
        ),
        pytest.param(
            {"allOf": [thing(a={"minLength": 9}), thing(a={"type": "string"})]}, {"a": "Exampleee"}, id="all-of"
        ),
        pytest.param({"oneOf": [thing(a=False), thing(b={"const": 1})]}, {"b": 1}, id="one-of"),
        pytest.param(
            thing(a={"enum": ["x", "y"]}) | {"if": thing(a={"const": "x"}), "then": thing(b={"const": 1})},
            {"a": "x", "b": 1},
            id="if",
        ),
        pytest.param({"$defs": {"a": {"const": 4}}, **thing(a={"$ref": "#/$defs/a"})}, {"a": 4}, id="reference"),
        pytest.param(thing(a={"$ref": "others#/properties/b"}), {"a": 8}, id="reference-elsewhere"),
        pytest.param(thing(a={"anyOf": [{"$ref": "#"}, {"const": 1}]}), {"a": 1}, id="circle"),
        pytest.param(
            thing(a=thing(a=thing(a=thing(a=thing(a={}))))), {"a": {"a": {"a": {"a": {"a": "Example"}}}}}, id="deep"
        ),
    ],
)
def test_the_example_of_a_schema(schema: Any, expected: dict[str, Any]) -> None:
    """It has what is required, made of what the schema says."""
    assert expected == example_of(schemas_with(schema, others=thing(b={"const": 8})), "things")


def test_wanted_fields_are_added_where_they_can_be() -> None:
    """What a listing shows is in the example; what no value keeps to is left out."""
    schema = {"properties": {"a": {"type": "string"}, "b": False}}
    assert {"a": "Example"} == example_of(schemas_with(schema), "things", ["a", "b"])


def test_defaults_are_as_they_are_stored() -> None:
    """The example has what the server fills in below its fields, so that it comes back as it was sent."""
    schema = thing(a={"type": "object", "properties": {"b": {"default": 1}}}) | {"default": {"a": {}}}
    assert {"a": {"b": 1}} == example_of(schemas_with(schema), "things")


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        pytest.param({"type": "array"}, "no object could be made", id="list"),
        pytest.param(thing(a=False), "no object could be made", id="nothing"),
        pytest.param(thing(id={"type": "string"}), "id is not for clients to write", id="id"),
        pytest.param(thing(pvt_a={}), "pvt_a is not for clients to write", id="private"),
        pytest.param(thing(a={"type": "string", "pattern": "(?=q)"}), "no object could be made", id="pattern"),
        pytest.param(thing(a={"not": {}}), "a: Value is disallowed by the schema", id="not"),
        pytest.param(
            {"anyOf": [{"$ref": "#"}, {"$ref": "#"}], "oneOf": [{"$ref": "#"}] * 3, "not": {}}, "intricate", id="maze"
        ),
    ],
)
def test_a_schema_without_an_example(schema: Any, why: str) -> None:
    """The reason names the field and the rule, or says that no object can be made at all."""
    with pytest.raises(NoExample, match=why):
        example_of(schemas_with(schema), "things")


NAMES = st.sampled_from(["name", "id", "a", "b", "_x", "weird name", "q\"uo'te", "é", "a.b", "password", ""])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=4)
NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS
TYPES = ["string", "integer", "number", "boolean", "null", "object", "array", ["string", "null"]]
PATTERNS = ["^[0-9a-f]{12}$", "^\\+?[1-9]\\d{1,14}$", "^(a|b)+$", "x", "^\\S+$", "(?=a)", "[^\\d]"]
FORMATS = ["email", "date", "date-time", "uuid", "ipv4", "uri", "hostname", "regex", "nonsense"]


def some(always: Any = None, /, **sometimes: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Give objects with some keys always, and any of the others."""
    return st.fixed_dictionaries({key: st.just(value) for key, value in (always or {}).items()}, optional=sometimes)


LEAVES = st.one_of(
    st.booleans(),
    some(type=st.sampled_from(TYPES)),
    some(
        {"type": "string"},
        minLength=st.integers(0, 30),
        maxLength=st.integers(0, 40),
        pattern=st.sampled_from(PATTERNS),
        format=st.sampled_from(FORMATS),
    ),
    some(
        {"type": "number"},
        minimum=NUMBERS,
        maximum=NUMBERS,
        exclusiveMaximum=st.integers(-100, 100),
        multipleOf=st.sampled_from([1, 2, 0.5, 0.01, 7]),
    ),
    some(enum=st.lists(SCALARS, min_size=1, max_size=3), default=SCALARS, examples=st.lists(SCALARS, max_size=2)),
    some(const=SCALARS),
    st.sampled_from(
        [{"$ref": "#/$defs/x"}, {"$ref": "others"}, {"type": "object", "properties": {"a": {"$ref": "#"}}}]
    ),
)


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give schemas that hold others."""
    several = st.lists(inner, min_size=1, max_size=3)
    objects = some(
        {"type": "object"},
        properties=st.dictionaries(NAMES, inner, max_size=4),
        required=st.lists(NAMES, max_size=3, unique=True),
        minProperties=st.integers(0, 4),
        maxProperties=st.integers(0, 5),
        additionalProperties=inner,
        patternProperties=st.dictionaries(st.sampled_from(["^x-", "^[a-c]$", "e"]), inner, max_size=2),
        propertyNames=st.just({"maxLength": 6}),
        dependentRequired=st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2),
    )
    lists = some(
        {"type": "array"},
        items=inner,
        prefixItems=several,
        minItems=st.integers(0, 4),
        uniqueItems=st.booleans(),
        contains=inner,
    )
    choices = some(**{"allOf": several, "anyOf": several, "oneOf": several, "not": inner, "if": inner, "then": inner})
    return st.one_of(objects, lists, choices)


SCHEMAS = st.recursive(LEAVES, larger, max_leaves=10)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(larger(SCHEMAS), SCHEMAS)
def test_the_example_is_valid_or_the_draft_says_why_not(schema: dict[str, Any], other: Any) -> None:
    """Whatever the schema: what the written test sends is valid and comes back the same, or it asks the author."""
    schema = {"$defs": {"x": other}, **schema}
    schemas = schemas_with(schema, others={"const": 8})
    try:
        compiled = schemas.compiled("things")
    except SchemaError:
        return
    draft = drafted(schemas, Registry(), "things", orjson.dumps(schema).decode(), [])
    files = {path.name: text for path, text in module_files(draft).items()}
    tree = ast.parse(files["test_things.py"])
    ast.parse(files["things.py"])
    example = next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.AnnAssign) and node.value)
    assert draft.example == example
    assert bool(draft.lacking) == ("def test_there_is_an_example" in files["test_things.py"])
    if not draft.lacking:
        stored = orjson.loads(orjson.dumps(example))
        assert [] == compiled.check(stored)
        assert example == {field: stored[field] for field in example}
    if draft.wrong is not None:
        violations = compiled.check(orjson.loads(orjson.dumps(draft.wrong.body)))
        assert draft.wrong.code in {violation.code for violation in violations}
    if draft.with_blank is not None:
        assert [] == compiled.check(orjson.loads(orjson.dumps(draft.with_blank.body)))


# Literals.

VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=30), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.integers(0, 80), st.sampled_from([0, 4, 8]))
def test_a_literal_is_the_value(value: Any, column: int, indent: int) -> None:
    """Python reads back what was written, wherever it stands."""
    assert value == ast.literal_eval(literal(value, column, indent))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(("a",), '("a",)', id="one"),
        pytest.param('say "a"', "'say \"a\"'", id="double-quotes"),
        pytest.param("it's", '"it\'s"', id="single-quotes"),
        pytest.param("\"'", '"\\"\'"', id="both"),
        pytest.param(
            {"a": ["x" * 90, True]}, '{\n    "a": [\n        "' + "x" * 90 + '",\n        True,\n    ],\n}', id="long"
        ),
    ],
)
def test_literals_are_laid_out_as_formatters_do(value: Any, expected: str) -> None:
    """Double quotes where they need no more escapes, one line where it fits, else a line for each part."""
    assert expected == literal(value)
