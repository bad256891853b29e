"""The defaults of a JSON Schema, compiled into functions that put them into a document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

Json = Any
Filler = Callable[[Json], None]


class Defaults:
    """Makes functions that put a schema's defaults into a value, following `$ref` as the validator does."""

    def __init__(self, document: dict[str, Json], retrieve: Callable[[str], Json]) -> None:
        self._retrieve = retrieve
        self._made: dict[int, list[Filler]] = {}
        self._root = document

    def filler(self, schema: Json, root: Json = None) -> Filler | None:
        """A function for one schema, None if there is nothing to fill in; a schema may contain itself."""
        root = self._root if root is None else root
        followed: set[int] = set()
        while isinstance(schema, dict) and "$ref" in schema:
            schema, root = self._followed(schema["$ref"], root)
            if id(schema) in followed:  # references in a circle ask for nothing
                return None
            followed.add(id(schema))
        if not isinstance(schema, dict):
            return None
        if id(schema) in self._made:
            made = self._made[id(schema)]
            return lambda value: made[0](value) if made else None
        made = self._made[id(schema)] = []
        rules = {name: rule for name, rule in schema.get("properties", {}).items() if isinstance(rule, dict)}
        defaults = [(name, orjson.dumps(rule["default"])) for name, rule in rules.items() if "default" in rule]
        nested = [(name, inner) for name, rule in rules.items() if (inner := self.filler(rule, root)) is not None]
        each = [self.filler(schema.get(keyword), root) for keyword in ("items", "additionalProperties")]
        if not defaults and not nested and not any(each):
            return None
        made.append(_filling(defaults, nested, frozenset(rules), *each))
        return made[0]

    def _followed(self, reference: str, root: Json) -> tuple[Json, Json]:
        """The schema that a reference names, and the document that it stands in."""
        place, _, pointer = reference.partition("#")
        document = self._retrieve(place) if place else root
        found = document
        for step in filter(None, pointer.split("/")):
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found, document


def _filling(
    defaults: list[tuple[str, bytes]],
    nested: list[tuple[str, Filler]],
    known: frozenset[str],
    each_item: Filler | None,
    each_value: Filler | None,
) -> Filler:
    """A function that fills in defaults, then goes into the fields, items and other values that have some."""

    def fill(value: Json) -> None:
        if isinstance(value, dict):
            for name, default in defaults:
                if name not in value:
                    value[name] = orjson.loads(default)
            for name, inner in nested:
                if name in value:
                    inner(value[name])
            if each_value is not None:
                for name, item in value.items():
                    if name not in known:
                        each_value(item)
        elif isinstance(value, list) and each_item is not None:
            for item in value:
                each_item(item)

    return fill
