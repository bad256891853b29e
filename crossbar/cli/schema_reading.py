"""A JSON Schema read for what it asks: references followed, parts that hold together merged, choices laid open.

It is read well enough to propose values; whether one is right, the validator says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from ..schema import BASE, Schemas

Rules = dict[str, Any]
"""A schema that is an object, without `$ref` and `allOf`."""

NOTHING: Rules = {"enum": []}
"""What no value keeps to."""

_LARGER = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties", "minContains")
_SMALLER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
# What a value can be held against on its own, without the schemas of its parts.
_OWN = frozenset(
    {"type", "enum", "const", "required", "pattern", "format", "multipleOf", "uniqueItems", *_LARGER, *_SMALLER}
)


_MOST_STEPS = 20_000
_DEEPEST = 30


class TooIntricate(Exception):
    """A schema leads into itself, or branches, too often to be read in a second."""

    def __str__(self) -> str:
        return "the schema is too intricate"


class Reading:
    """One schema among others, and the ways into it; TooIntricate if they do not come to an end."""

    def __init__(self, schemas: Schemas, name: str) -> None:
        self._schemas = schemas
        self._steps = 0
        self._documents: dict[str, Any] = {}
        self.root = self._document(name)

    def rules(self, schema: Any, seen: frozenset[str] = frozenset()) -> Rules:
        """What a schema asks for, its references followed and its `allOf` merged; a circle asks for nothing more."""
        self.step()
        if not isinstance(schema, dict):
            return NOTHING if schema is False else {}
        rules = {word: rule for word, rule in schema.items() if word not in ("$ref", "allOf")}
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            seen |= {reference}
            rules = merged(rules, self.rules(self._followed(reference), seen))
        for part in schema.get("allOf", ()):
            rules = merged(rules, self.rules(part, seen))
        return rules

    def branches(self, rules: Rules, depth: int = 0) -> Iterator[Rules]:
        """The rules once for each way of keeping to them, without `oneOf`, `anyOf` and `if`."""
        if depth > _DEEPEST:
            raise TooIntricate
        for word in ("oneOf", "anyOf"):
            if word in rules:
                others = {other: rule for other, rule in rules.items() if other != word}
                for branch in rules[word]:
                    yield from self.branches(merged(others, self.rules(branch)), depth + 1)
                return
        if "if" not in rules:
            yield rules
            return
        others = {word: rule for word, rule in rules.items() if word not in ("if", "then", "else")}
        then = merged(self.rules(rules["if"]), self.rules(rules.get("then", True)))
        for branch in (then, self.rules(rules.get("else", True))):
            yield from self.branches(merged(others, branch), depth + 1)

    def property(self, rules: Rules, name: str) -> Any:
        """The schema of one field of an object."""
        parts = [rules["properties"][name]] if name in rules.get("properties", {}) else []
        parts += [part for pattern, part in rules.get("patternProperties", {}).items() if _matches(pattern, name)]
        if not parts:
            parts = [rules[word] for word in ("additionalProperties", "unevaluatedProperties") if word in rules]
        return parts[0] if len(parts) == 1 else {"allOf": parts}

    def step(self) -> None:
        """Count one step of the reading."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise TooIntricate

    def _followed(self, reference: str) -> Any:
        """The schema that a reference names, None if it cannot be found this way."""
        place, _, pointer = reference.partition("#")
        found = self._document(place.removeprefix(BASE))
        for step in filter(None, unquote(pointer).split("/")):
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                found = found.get(key) if isinstance(found, dict) else None
        return found

    def _document(self, name: str) -> Any:
        """A schema by name, in which every reference says which document it leads into."""
        if name not in self._documents:
            self._documents[name] = _absolute(self._schemas.document(name), name)
        return self._documents[name]


def own_rules(rules: Rules) -> Callable[[Any], bool]:
    """Whether a value keeps to the rules, as far as they speak of the value itself and not of its parts."""
    own = {word: rule for word, rule in rules.items() if word in _OWN}
    return jsonschema_rs.Draft202012Validator(own, validate_formats=True).is_valid


def merged(one: Rules, other: Rules) -> Rules:
    """The rules of both, as one; NOTHING if no type keeps to both."""
    result = {**other, **one}
    for word in one.keys() & other.keys():
        a, b = one[word], other[word]
        if word in _LARGER:
            result[word] = max(a, b)
        elif word in _SMALLER:
            result[word] = min(a, b)
        elif word == "required":
            result[word] = list(dict.fromkeys([*a, *b]))
        elif word == "enum":
            result[word] = [value for value in a if value in b]
        elif word == "type":
            result[word] = _both(a, b)
        elif word in ("properties", "patternProperties", "dependentRequired"):
            result[word] = a | b
            for name in a.keys() & b.keys():
                result[word][name] = (
                    [*a[name], *b[name]] if word == "dependentRequired" else {"allOf": [a[name], b[name]]}
                )
    return result if result.get("type", True) else NOTHING


def _both(one: Any, other: Any) -> list[str]:
    """The types that two schemas allow; every integer is a number."""
    first, second = ([told] if isinstance(told, str) else list(told) for told in (one, other))
    found = [kind for kind in first if kind in second or (kind == "integer" and "number" in second)]
    return found + [kind for kind in second if kind == "integer" and "number" in first and kind not in found]


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return False


def _absolute(schema: Any, name: str) -> Any:
    if isinstance(schema, list):
        return [_absolute(part, name) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {word: _absolute(rule, name) for word, rule in schema.items()}
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        found["$ref"] = BASE + name + reference
    return found
