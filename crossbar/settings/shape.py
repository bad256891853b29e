"""The shape of the settings as a JSON Schema: what stands where. For messages, for the environment, and for editors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec

from .gateway import Timeouts
from .tables import Settings

Node = dict[str, Any]
"""A schema within the schema."""


@cache
def shape() -> Node:
    """The JSON Schema (draft 2020-12) of a settings file; not to be changed."""
    made = msgspec.json.schema(Settings)
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Settings of Crossbar", **made}
    # NOTE: the names that a table with keys of its own kind may have are not in what msgspec makes of it.
    made["$defs"]["Route"]["properties"]["timeout"]["propertyNames"] = {"enum": [*Timeouts.__struct_fields__]}
    for node in nodes(made):
        _without_null(node)
    return made


def node_at(path: Sequence[str | int]) -> Node | None:
    """What is declared at a place of the settings, such as `upstream`, `billing`, `timeout`; None if that is nothing.

    Of a setting that can be one of several things, it is the one that goes on.
    """
    node: Node | None = resolved(shape())
    for key in path:
        if node is None:
            return None
        found = [below for each in alternatives(node) if (below := _below(each, key)) is not None]
        node = found[0] if found else None
    return node


def alternatives(node: Node) -> list[Node]:
    """The schemas of which a value must have one."""
    return [resolved(each) for each in node.get("anyOf", [node])]


def resolved(node: Node) -> Node:
    """The schema that a reference names, or the schema itself."""
    reference: str = node.get("$ref", "")
    return shape()["$defs"][reference.rpartition("/")[2]] if reference else node


def types_of(node: Node) -> set[str]:
    """The types of JSON that a value may have; empty for any."""
    return {_type_of(each) for each in alternatives(node)} - {""}


def nodes(of: Any) -> Iterator[Node]:
    """Every schema within a schema, and that itself."""
    if isinstance(of, dict):
        yield of
        for value in of.values():
            yield from nodes(value)
    elif isinstance(of, list):
        for value in of:
            yield from nodes(value)


def _type_of(node: Node) -> str:
    return str(node.get("type", "string" if "enum" in node else ""))


def _below(node: Node, key: str | int) -> Node | None:
    """The schema of one member of a table or a list, also of one in which anything may stand."""
    if not node.keys() & {"type", "enum"}:
        return {}
    if node.get("type") == "array":
        return resolved(node.get("items", {}))
    if node.get("type") != "object":
        return None
    others = node.get("additionalProperties", {})
    found = node.get("properties", {}).get(key, others if isinstance(others, dict) else None)
    return resolved(found) if found is not None else None


def _without_null(node: Node) -> None:
    """Take `null`, which TOML does not have, out of the alternatives; a single one that is left needs no list."""
    found = [each for each in node.get("anyOf", ()) if each != {"type": "null"}]
    if len(found) == 1:
        del node["anyOf"]
        node.pop("default", None)
        node.update(found[0])
    elif found:
        node["anyOf"] = found
