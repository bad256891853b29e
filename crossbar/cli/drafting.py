"""What `crossbar new` knows of a module before it writes it: schema, summary, examples, and what they break."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from ..envelope import violations_by_field
from ..registry import Registry
from ..resource import Resource
from ..schema import BASE, Schemas
from ..stores import Body
from .examples import NoExample, example_of, is_private
from .output import Failure
from .schema_reading import Reading, Rules, TooIntricate

_MOST_COLUMNS = 4
_LONGEST = 256
_SECRET = ("password", "credentials", "api_key", "secret", "token")
_PLAIN_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SCALARS = ({"string"}, {"integer"}, {"number"}, {"boolean"})
_NO_FREE_TEXT = ("enum", "const", "pattern", "format")


class Slip(NamedTuple):
    """A field with a value that somebody may send by mistake, and the code of the rule that it breaks."""

    field: str
    body: Body
    code: str = ""


class Parent(NamedTuple):
    """A noun that may come before, the field that carries its id, and a document of it, None if none can be made."""

    noun: str
    field: str
    example: Body | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A module before it is written.

    `declared` is one without code, `attachments` one whose documents carry files. `lacking` says why there is no
    example, empty if there is one. `required` says whether every document has the field of `with_blank`.
    """

    name: str
    schema: str
    summary: tuple[str, ...]
    example: Body
    lacking: str = ""
    wrong: Slip | None = None
    with_blank: Slip | None = None
    required: bool = False
    parents: tuple[Parent, ...] = ()
    declared: bool = False
    attachments: bool = False


def plain_schema(name: str, parents: Sequence[tuple[str, str]]) -> str:
    """The JSON Schema of a module that was given none: a name, a description, and the ids of parents."""
    title = name.replace("_", " ").capitalize()
    properties: Body = {
        "name": {"type": "string", "minLength": 1, "maxLength": 128, "description": "What people call it."},
        "description": {"type": "string", "maxLength": 1024, "description": "What it is for."},
    }
    for noun, field in parents:
        *above, last = field.split(".")
        into = properties
        for key in above:
            into = into.setdefault(key, {"type": "object", "properties": {}})["properties"]
        told = f"The id of the document of {noun} that it belongs to."
        into[last] = {"type": "string", "minLength": 1, "maxLength": 64, "description": told}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": BASE + name,
        "title": title,
        "description": f"A document of {name}.",
        "type": "object",
        "required": ["name"],
        "properties": properties,
    }
    text = orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()
    return text.replace('[\n    "name"\n  ]', '["name"]') + "\n"


def drafted(schemas: Schemas, registry: Registry, name: str, schema: str, parents: Sequence[tuple[str, str]]) -> Draft:
    """The module of that name with this schema, which `schemas` holds by now."""
    rules = _rules_of(schemas, name)
    summary = tuple(_columns(rules))
    try:
        ids = {field for _, field in parents}
        example = example_of(schemas, name, [field for field in summary if field not in ids] or ["name"])
    except NoExample as error:
        return Draft(name, schema, summary, {}, str(error), parents=tuple(_parents(schemas, registry, parents)))
    for noun, field in parents:
        _refuse_unless_allowed(schemas, name, example, noun, field)
    with_blank = next(_blanks(schemas, name, rules, example), None)
    return Draft(
        name,
        schema,
        summary,
        example,
        wrong=next(_wrong(schemas, name, rules, example), None),
        with_blank=with_blank,
        required=with_blank is not None and with_blank.field in rules.get("required", ()),
        parents=tuple(_parents(schemas, registry, parents)),
    )


def _rules_of(schemas: Schemas, name: str) -> Rules:
    """What the schema asks of every document, whichever of its choices one takes; little, if it is too intricate."""
    reading = Reading(schemas, name)
    try:
        rules = reading.rules(reading.root)
        properties = {field: reading.rules(rule) for field, rule in rules.get("properties", {}).items()}
    except TooIntricate:
        return {"properties": {}}
    return rules | {"properties": properties}


def _columns(rules: Rules) -> list[str]:
    """The fields that a listing shows: short scalars, those first that every document has, the name before all."""
    required = rules.get("required", ())
    fields = [field for field, rule in rules["properties"].items() if _is_column(field, rule)]
    return sorted(fields, key=lambda field: (field != "name", field not in required))[:_MOST_COLUMNS]


def _is_column(field: str, rule: Rules) -> bool:
    kinds = {rule["type"]} if isinstance(rule.get("type"), str) else set(rule.get("type", ()))
    readable = _PLAIN_FIELD.fullmatch(field) is not None and not is_private(field)
    secret = rule.get("writeOnly") is True or any(word in field.lower() for word in _SECRET)
    return readable and not secret and kinds - {"null"} in _SCALARS and rule.get("maxLength", 0) <= _LONGEST


def _wrong(schemas: Schemas, name: str, rules: Rules, example: Body) -> Iterator[Slip]:
    """Documents that break the schema, with a field that does: nothing at all, then values of the wrong type."""
    proposals: list[Body] = [{}]
    wrongs: tuple[Any, ...] = ([], {}, 0)
    proposals += [example | {field: value} for field in rules["properties"] for value in wrongs]
    for body in proposals:
        if any(map(is_private, body)):
            continue
        told = violations_by_field(schemas.compiled(name).check(orjson.loads(orjson.dumps(body))))
        for field, broken in told.items():
            if field.isprintable():
                yield Slip(field, body, next(iter(broken)))


def _blanks(schemas: Schemas, name: str, rules: Rules, example: Body) -> Iterator[Slip]:
    """Documents with a blank at the end of a text, which the schema lets through."""
    for field, rule in rules["properties"].items():
        value = example.get(field)
        if rule.get("type") != "string" or not isinstance(value, str) or any(word in rule for word in _NO_FREE_TEXT):
            continue
        if not value or value != value.strip() or not _PLAIN_FIELD.fullmatch(field):
            continue
        body = example | {field: value[:-1] + " "}
        if not schemas.compiled(name).check(orjson.loads(orjson.dumps(body))):
            yield Slip(field, body)


def _refuse_unless_allowed(schemas: Schemas, name: str, example: Body, noun: str, field: str) -> None:
    """Failure if a document of this schema cannot carry the id of its parent."""
    body: Any = orjson.loads(orjson.dumps(example))
    *above, last = field.split(".")
    into = body
    for key in above:
        into = into.setdefault(key, {})
        if not isinstance(into, dict):
            raise Failure(f"--parent {noun}={field}: {key} is no object in the schema; name another field", 2)
    into[last] = "0" * 32
    violations = schemas.compiled(name).check(body)
    if violations:
        told = f"{'.'.join(map(str, violations[0].path))}: {violations[0].message}"
        raise Failure(
            f"--parent {noun}={field}: the schema refuses an id in that field ({told}); "
            "add the field to its properties, or name another one",
            2,
        )


def _parents(schemas: Schemas, registry: Registry, parents: Sequence[tuple[str, str]]) -> Iterator[Parent]:
    """The parents, each with a document of it if one can be made."""
    for noun, field in parents:
        endpoint = registry.names[noun]
        example: Body | None = {"name": "Example"}
        if isinstance(endpoint, Resource) and endpoint.schema:
            try:
                example = example_of(schemas, endpoint.schema)
            except NoExample:
                example = None
        offered = any(route.operation == "create" for route in endpoint.routes)
        # NOTE: a document that needs a parent of its own, such as a message its box, cannot be made by itself.
        needs_parent = example is not None and not example.keys().isdisjoint(endpoint.parents.values())
        yield Parent(noun, field, example if offered and not needs_parent else None)
