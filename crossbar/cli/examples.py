"""A document that keeps to a JSON Schema, made from the schema itself: for the test that `crossbar new` writes.

Values are proposed, the likeliest first: examples, defaults and lists of values that the schema gives, then the
plainest thing that keeps to its bounds. Only the validator says what is good; a schema to which nothing that was
proposed keeps has no example here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import orjson

from ..body import decode_json
from ..errors import InvalidEnvelope, Violation
from ..schema import Schemas
from ..settings import Limits
from ..stores import Body
from .matching import matched_by
from .schema_reading import Reading, Rules, TooIntricate, own_rules

_TRIED = 150
_DEPTHS = (1, 2, 5, 12)
_MOST = 2_000
_WORD = "Example"
_TYPES = ("string", "integer", "boolean", "object", "array", "null")
# What tells the type where a schema does not.
_TELLING = {
    "object": ("properties", "required", "minProperties", "patternProperties", "propertyNames", "dependentRequired"),
    "array": ("items", "prefixItems", "minItems", "contains", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "ada@example.com",
    "idn-email": "ada@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri-reference": "https://example.com/",
    "uri-template": "https://example.com/{id}",
    "iri": "https://example.com/",
    "iri-reference": "https://example.com/",
    "uuid": "0b8d9c4e-1f2a-4b3c-8d5e-6f7a8b9c0d1e",
    "json-pointer": "/example",
    "relative-json-pointer": "0/example",
    "regex": "^example$",
}


class NoExample(Exception):
    """Nothing that was proposed keeps to the schema; the message says what the first proposal breaks."""


def is_private(field: str) -> bool:
    """Whether a top-level field of that name is no client's to write, so that no document can have it."""
    return field == "id" or field.startswith(("_", "pvt_"))


def example_of(schemas: Schemas, name: str, fields: Sequence[str] = ()) -> Body:
    """A document that keeps to the schema of that name, with what it requires and these fields if that can be.

    It is as a server would store it: sent again, it comes back the same. NoExample if there is none.
    """
    try:
        return _first_valid(schemas, name, _proposals(schemas, name, fields))
    except TooIntricate as error:
        raise NoExample(str(error)) from None


def _first_valid(schemas: Schemas, name: str, proposals: Iterator[Body]) -> Body:
    schema = schemas.compiled(name)
    why = ""
    for proposal in proposals:
        try:
            stored = _as_received(proposal)
            violations: Sequence[Violation] = schema.check(stored)
        except InvalidEnvelope as error:
            violations = error.violations
        if not violations:
            return {field: stored[field] for field in proposal if field in stored}
        why = why or _told(violations[0])
    raise NoExample(why or "no object could be made")


def _told(violation: Violation) -> str:
    """What is wrong with a proposal, in words."""
    if violation.path and is_private(str(violation.path[0])):
        return f"{violation.path[0]} is not for clients to write, so no document can have it"
    return f"{'.'.join(map(str, violation.path)) or 'the document'}: {violation.message}"


def _proposals(schemas: Schemas, name: str, fields: Sequence[str]) -> Iterator[Body]:
    reading = Reading(schemas, name)
    # A schema that may contain itself has a flat example too: it is found before a deep one.
    for deepest in _DEPTHS:
        for wanted in dict.fromkeys((tuple(fields), ())):
            values = _Maker(reading, deepest).values(reading.root, wanted)
            yield from islice((value for value in values if isinstance(value, dict)), _TRIED)


def _as_received(proposal: Body) -> Body:
    """The document as it comes out of a request that sends it; InvalidEnvelope if it would be refused."""
    sent = {field: value for field, value in proposal.items() if not is_private(field)}
    try:
        received: Body = decode_json(orjson.dumps(sent), Limits())
    except TypeError as error:
        raise InvalidEnvelope("data", "json", f"the example is no JSON: {error}") from None
    return received


class _Maker:
    """Proposes values for schemas, the plainest first."""

    def __init__(self, reading: Reading, deepest: int) -> None:
        self._reading = reading
        self._deepest = deepest

    def values(self, schema: Any, fields: Sequence[str] = (), depth: int = 0) -> Iterator[Any]:
        """Values for a schema; an object has what is required, and the fields asked for."""
        if depth > self._deepest:
            return
        for rules in self._reading.branches(self._reading.rules(schema)):
            self._reading.step()
            yield from filter(own_rules(rules), self._proposed(rules, fields, depth))

    def _proposed(self, rules: Rules, fields: Sequence[str], depth: int) -> Iterator[Any]:
        if "const" in rules:
            yield rules["const"]
        elif "enum" in rules:
            yield from rules["enum"]
        else:
            yield from rules.get("examples", ())
            if "default" in rules:
                yield rules["default"]
            for kind in _kinds(rules):
                yield from self._of_kind(kind, rules, fields, depth)

    def _of_kind(self, kind: str, rules: Rules, fields: Sequence[str], depth: int) -> Iterator[Any]:
        if kind == "object":
            yield from self._objects(rules, fields, depth)
        elif kind == "array":
            yield from self._lists(rules, depth)
        elif kind == "string":
            yield from _texts(rules)
        elif kind in ("integer", "number"):
            yield from _numbers(rules)
        else:
            yield from (True, False) if kind == "boolean" else (None,)

    def _objects(self, rules: Rules, fields: Sequence[str], depth: int) -> Iterator[Body]:
        required = rules.get("required", [])
        proposed = {
            name: list(islice(self.values(self._reading.property(rules, name), (), depth + 1), 6))
            for name in self._wanted(rules, [*required, *fields])
        }
        if not all(proposed[name] for name in required):
            return
        first = {name: values[0] for name, values in proposed.items() if values}
        yield first
        # What one field says may rule out what another one does: change them one at a time, then all together.
        for name, values in proposed.items():
            yield from (first | {name: value} for value in values[1:])
        for place in range(1, 3):
            yield {name: values[min(place, len(values) - 1)] for name, values in proposed.items() if values}

    def _wanted(self, rules: Rules, names: Sequence[str]) -> list[str]:
        """The fields that an object gets: these, those that they depend on, and as many more as it must have."""
        wanted = list(dict.fromkeys(names))
        least = _count(rules, "minProperties")
        wanted += [name for name in rules.get("properties", {}) if name not in wanted][: max(0, least - len(wanted))]
        for name in wanted:
            wanted += [more for more in rules.get("dependentRequired", {}).get(name, ()) if more not in wanted]
        return wanted + list(islice(self._spare_names(rules, wanted), max(0, least - len(wanted))))

    def _spare_names(self, rules: Rules, wanted: Sequence[str]) -> Iterator[str]:
        """Names for fields that the schema does not list, where it wants more than it lists."""
        for pattern in rules.get("patternProperties", {}):
            for longer in range(50):
                name = matched_by(pattern, longer)
                if name is not None and name not in wanted:
                    yield name
        named = _texts(self._reading.rules(rules.get("propertyNames", True)))
        yield from (name for name in islice(named, 50) if name not in wanted)
        yield from (f"field_{number}" for number in range(1, 1001))

    def _lists(self, rules: Rules, depth: int) -> Iterator[list[Any]]:
        least = _count(rules, "minItems")
        heads = rules.get("prefixItems", [])
        needed = max(least, _count(rules, "minContains", 1)) if "contains" in rules else least
        contained = list(islice(self.values(rules.get("contains", False), (), depth + 1), max(needed, 6)))
        items = list(islice(self.values(rules.get("items", True), (), depth + 1), max(least, 6)))
        begun = [next(self.values(head, (), depth + 1), None) for head in heads[:least]]
        rest = max(0, needed - len(begun))
        if rest and not (items or contained):
            return
        for pool in filter(None, (contained, items)):
            yield begun + (pool[:rest] if len(pool) >= rest else [pool[place % len(pool)] for place in range(rest)])
            yield begun + [pool[0]] * rest
        if not rest:
            yield begun
        if not least and items:
            yield [items[0]]


def _kinds(rules: Rules) -> Iterable[str]:
    """The types that a schema allows, or those that its rules speak of, or all."""
    told = rules.get("type")
    if told is not None:
        return [told] if isinstance(told, str) else list(told)
    spoken_of = [kind for kind, words in _TELLING.items() if any(word in rules for word in words)]
    return spoken_of + [kind for kind in _TYPES if kind not in spoken_of]


def _count(rules: Rules, word: str, default: int = 0) -> int:
    """A number of things in a schema, which may spell it `2.0`; a bound for those that no example should reach."""
    return min(int(rules.get(word, default)), _MOST)


def _texts(rules: Rules) -> Iterator[str]:
    """Texts of the right length; those that keep to the pattern or the format first."""
    least, most = _count(rules, "minLength"), rules.get("maxLength", math.inf)
    if rules.get("format") in _FORMATS:
        yield _FORMATS[rules["format"]]
    if "pattern" in rules:
        for longer in (*range(12), _repetitions(rules["pattern"], least)):
            text = matched_by(rules["pattern"], longer)
            if text is not None and least <= len(text) <= most:
                yield text
    for number in range(50):
        word = _WORD if not number else f"{_WORD} {number + 1}"
        padded = word + "e" * (least - len(word))
        yield padded if len(padded) <= most else (str(number) if number else _WORD)[: int(most)]


def _repetitions(pattern: str, length: int) -> int:
    """How many more repetitions make the text of a pattern about as long as this."""
    short, longer = (len(matched_by(pattern, times) or "") for times in (0, 1))
    return math.ceil((length - short) / (longer - short)) if longer > short and length > short else 0


def _numbers(rules: Rules) -> Iterator[int | float]:
    """Numbers within the bounds, whole ones first."""
    low = max([rules[word] for word in ("minimum", "exclusiveMinimum") if word in rules], default=-math.inf)
    high = min([rules[word] for word in ("maximum", "exclusiveMaximum") if word in rules], default=math.inf)
    step = rules.get("multipleOf", 1)
    start = low if low > 1 or high < 1 else 1
    start = start if math.isfinite(start) else high
    if not math.isfinite(start / step):
        return
    first = math.ceil(start / step)
    for number in (first, first + 1, first - 1, 0, *range(first + 2, first + 50)):
        value = number * step
        if low <= value <= high:
            yield value
    if math.isfinite(low) and math.isfinite(high):
        yield (low + high) / 2
    yield from (bound for bound in (low, high) if math.isfinite(bound))
