"""JSON Schema (draft 2020-12) to violations keyed by field and rule, with defaults and Kazoo's leniency.

Defaults are filled in first, also inside objects and lists that are there. `jsonschema-rs` finds every violation;
a table turns its keywords into Kazoo's codes and sentences (Crossbar reference, section 9). Text that stands
where a number or a boolean belongs is converted, as Kazoo's clients expect, and the document checked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jsonschema_rs
import orjson

from .errors import SchemaError, Violation
from .schema_defaults import Defaults

Json = Any
BASE = "crossbar:///schemas/"
_HIDDEN = frozenset({"password", "credentials", "api_key", "secret"})


class Schemas:
    """Schemas by name, each compiled when it is first used."""

    def __init__(self, sources: Mapping[str, Callable[[], bytes]]) -> None:
        self._sources = dict(sources)
        self._origins: dict[str, str] = {}
        self._documents: dict[str, dict[str, Json]] = {}
        self._compiled: dict[str, Schema] = {}

    def names(self) -> list[str]:
        """The names of all schemas, sorted."""
        return sorted(self._sources)

    def add(self, name: str, source: Callable[[], bytes], origin: str = "") -> None:
        """Add a schema, or put a newer one in the place of an old one; `origin` says where it stands."""
        self._sources[name] = source
        self._origins[name] = f" ({origin})" if origin else ""
        self._documents.pop(name, None)
        self._compiled.clear()

    def discard(self, name: str) -> None:
        """Take a schema out, if it is there."""
        for known in (self._sources, self._origins, self._documents):
            known.pop(name, None)
        self._compiled.clear()

    def origin(self, name: str) -> str:
        """Where a schema stands, empty if there is none or nobody said."""
        return self._origins.get(name, "").strip(" ()")

    def copy(self) -> Schemas:
        """Another set of the same schemas, to try out changes on."""
        made = Schemas(self._sources)
        made._origins = dict(self._origins)
        made._documents = dict(self._documents)
        return made

    def document(self, name: str) -> dict[str, Json] | None:
        """The schema as JSON, None if there is none of that name; SchemaError if it is no JSON object."""
        if name not in self._documents:
            if name not in self._sources:
                return None
            try:
                found = orjson.loads(self._sources[name]())
            except (OSError, orjson.JSONDecodeError) as error:
                raise SchemaError(f"schema {name!r}{self._origins.get(name, '')}: {error}") from None
            if not isinstance(found, dict):
                raise SchemaError(f"schema {name!r} is no JSON object")
            self._documents[name] = found
        return self._documents[name]

    def compiled(self, name: str) -> Schema:
        """The schema ready for use; SchemaError if it is missing or not valid as a schema."""
        schema = self._compiled.get(name)
        if schema is None:
            document = self.document(name)
            if document is None:
                raise SchemaError(f"there is no schema {name!r}")
            schema = self._compiled[name] = Schema(name, document, self._retrieve)
        return schema

    def _retrieve(self, uri: str) -> Json:
        document = self.document(uri.removeprefix(BASE))
        if document is None:
            raise SchemaError(f"$ref to {uri!r}, which is no schema here")
        return document


class Schema:
    """One schema, compiled: `check` says what is wrong with a document and makes it right where that is allowed."""

    def __init__(self, name: str, document: dict[str, Json], retrieve: Callable[[str], Json]) -> None:
        self.name = name
        self.document = document
        self._retrieve = retrieve
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                document, retriever=retrieve, base_uri=BASE + name, validate_formats=True
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise SchemaError(f"schema {name!r}: {str(error).splitlines()[0]}") from None
        self._fill = Defaults(document, retrieve).filler(document)

    def check(self, body: dict[str, Json]) -> list[Violation]:
        """Every violation in the body, which is changed in place: defaults filled in, text converted."""
        if self._fill is not None:
            self._fill(body)
        errors = list(self._validator.iter_errors(body))
        if errors and _convert(body, errors):
            errors = list(self._validator.iter_errors(body))
        return [violation for error in errors for violation in _violations(error, body)]


_STRICT = "Strict checking of data is enabled; only include schema-defined {}"

# Keyword of JSON Schema -> Kazoo's code and its sentence, filled with the rule's target.
_SENTENCES: dict[str, tuple[str, str]] = {
    "type": ("type", "Value did not match type(s): {target}"),
    "enum": ("enum", "Value not found in enumerated list of values: {target}"),
    "const": ("enum", "Value must be {target}"),
    "minLength": ("minLength", "String must be at least {target} characters"),
    "maxLength": ("maxLength", "String must not be more than {target} characters"),
    "minimum": ("minimum", "Value must be at least {target}"),
    "maximum": ("maximum", "Value must be at most {target}"),
    "exclusiveMinimum": ("minimum", "Value must be more than {target}"),
    "exclusiveMaximum": ("maximum", "Value must be less than {target}"),
    "minItems": ("minItems", "The list must have at least {target} items"),
    "maxItems": ("maxItems", "The list is more than {target} items"),
    "minProperties": ("minProperties", "The object must have at least {target} keys"),
    "maxProperties": ("maxProperties", "The object must not have more than {target} keys"),
    "uniqueItems": ("uniqueItems", "List of items is not unique"),
    "additionalItems": ("additionalItems", _STRICT.format("items")),
    "unevaluatedItems": ("additionalItems", _STRICT.format("items")),
    "pattern": ("pattern", "Failed to match pattern '{target}'"),
    "dependentRequired": ("dependencies", "Dependencies were not validated"),
    "multipleOf": ("divisibleBy", "Value not divisible by {target}"),
    "not": ("disallow", "Value is disallowed by the schema"),
    "format": ("wrong_format", "Field is not in the correct format: {target}"),
    "oneOf": ("not_one_schema_valid", "Value matches none of the forms that the schema allows"),
    "oneOfSeveral": ("more_than_one_schema_valid", "Value matches more than one of the forms allowed"),
    "anyOf": ("any_schemas_not_valid", "Value matches none of the forms that the schema allows"),
    "falseSchema": ("additionalProperties", "The schema does not allow this field"),
    "propertyNames": ("patternProperties", "A key of the object is not allowed by the schema"),
}
_TARGETS = ("limit", "types", "options", "pattern", "format", "multiple_of", "expected_value")


def _violations(error: Any, body: Json) -> Iterable[Violation]:
    """The violations that one error of the validator stands for: one, or one for each surplus field."""
    path, value = _located(body, error.instance_path)
    details = error.kind.as_dict()
    keyword = _keyword(error, details)
    if keyword == "required":
        yield Violation((*path, details["property"]), "required", "Field is required but missing")
    elif keyword in ("additionalProperties", "unevaluatedProperties"):
        # NOTE: where no field is allowed at all, the validator does not list those that are there.
        for name in details.get("unexpected", list(value)):
            yield Violation((*path, name), "additionalProperties", _STRICT.format("properties"), value=value[name])
    else:
        code, sentence = _SENTENCES.get(keyword, (keyword, "failed to validate"))
        target: Json = next((details[key] for key in _TARGETS if key in details), None)
        if keyword == "type" and len(target) == 1:
            target = target[0]
        shown = None if path and path[-1] in _HIDDEN else value
        cause = shown if keyword in ("minLength", "maxLength") else None
        yield Violation(path, code, sentence.format(target=_readable(target)), target, cause, shown)


def _keyword(error: Any, details: dict[str, Json]) -> str:
    """The keyword that a document breaks, where the validator's own name for it tells too little."""
    name: str = error.kind.name
    rules = error.schema_path
    if name == "required" and "dependentRequired" in rules[-2:]:
        return "dependentRequired"
    if name == "oneOf" and not all(details["context"]):
        return "oneOfSeveral"
    if name == "falseSchema" and rules and rules[-1] in ("additionalProperties", "items"):
        return str(rules[-1]).replace("items", "additionalItems")
    return name


def _readable(target: Any) -> Any:
    return ", ".join(str(item) for item in target) if isinstance(target, list) else target


def _located(body: Json, steps: Iterable[str | int]) -> tuple[tuple[str | int, ...], Json]:
    """The path of an error and the value at its end.

    The validator's own path is not exact: it gives a key such as `"01"` as the number 1, and leaves an empty key out.
    """
    path: list[str | int] = []
    for step in steps:
        while isinstance(body, dict) and _key(body, step) == "" != step:
            path.append("")
            body = body[""]
        if isinstance(body, dict):
            step = _key(body, step)
        path.append(step)
        body = body[step]
    return tuple(path), body


def _key(body: dict[str, Json], step: str | int) -> str:
    """The key that a step of the validator's path stands for; an empty one if the step is for what is below that."""
    if str(step) in body:
        return str(step)
    return next((key for key in body if isinstance(step, int) and key.isdecimal() and int(key) == step), "")


def _convert(body: Json, errors: Iterable[Any]) -> bool:
    """Whether any text was turned into the number or boolean that its place wants."""
    changed = False
    for error in errors:
        if error.kind.name != "type" or not error.instance_path:
            continue
        path, value = _located(body, error.instance_path)
        _, holder = _located(body, path[:-1])
        for wanted in error.kind.as_dict()["types"] if isinstance(value, str) else ():
            converted = _CONVERT[wanted](value) if wanted in _CONVERT else None
            if converted is not None:
                holder[path[-1]] = converted
                changed = True
                break
    return changed


def _integer(text: str) -> int | None:
    digits = text[1:] if text[:1] == "-" else text
    if digits.isascii() and digits.isdigit() and len(digits) <= 18:
        return int(text)
    return None


def _number(text: str) -> float | None:
    # NOTE: float() takes "nan", "1_0" and blanks, none of which is a JSON number.
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    # A blank around it is no part of a number, though JSON allows it around a value.
    return found if type(found) in (int, float) and abs(found) < 2**63 and text == text.strip() else None


_CONVERT: dict[str, Callable[[str], Json]] = {
    "integer": _integer,
    "number": _number,
    "boolean": lambda text: {"true": True, "false": False}.get(text),
}
