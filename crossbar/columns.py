"""The columns of a listing as a table: what a request, a module or a JSON Schema says about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .endpoint import Endpoint
from .pagination import Listing
from .reply import Columns
from .schema import BASE, Schemas

_DEEPEST = 4  # levels of objects whose fields get columns of their own
_MOST = 256


def columns_of(endpoint: Endpoint, schemas: Schemas, wanted: Listing) -> Columns | None:
    """The columns of an endpoint's documents; None if nothing is known of them before they are read.

    Fields that the request names are all that there is, and so are the columns that the module declares. Otherwise
    there are those of the summary, or of the whole schema if documents are shown whole; others may turn up.
    """
    if wanted.fields:
        return Columns(tuple(dict.fromkeys(("id", *(field.replace(".", "_") for field in wanted.fields)))), only=True)
    if endpoint.columns:
        return Columns(endpoint.columns, only=True)
    schema = schemas.document(getattr(endpoint, "schema", "")) or {}
    if isinstance(schema.get("$ref"), str):  # a schema that adds something to another one
        schema = (schemas.document(schema["$ref"].removeprefix(BASE)) or {}) | schema
    summary: tuple[str, ...] | None = getattr(endpoint, "summary", None)
    known = schema.get("properties", {})
    shown = known if summary is None or wanted.full else {name: known.get(name) for name in summary}
    if getattr(endpoint, "kind", endpoint.name) != endpoint.name and known:
        # NOTE: a summary of documents that several endpoints share has fields which these here never have.
        shown = {name: below for name, below in shown.items() if name in known}
    names = dict.fromkeys(("id", *_names(schemas, {"properties": shown}, "", 0)))
    return Columns(tuple(names)[:_MOST]) if len(names) > 1 else None


def _names(schemas: Schemas, schema: Any, prefix: str, depth: int) -> Iterator[str]:
    """The columns of an object's fields, in the order of its schema, without those that are never shown."""
    for name, below in schema["properties"].items():
        if isinstance(below, dict) and below.get("writeOnly") is True:
            continue
        target = below
        if isinstance(below, dict) and isinstance(below.get("$ref"), str):
            target = schemas.document(below["$ref"].removeprefix(BASE))
        if isinstance(target, dict) and isinstance(target.get("properties"), dict) and depth < _DEEPEST:
            yield from _names(schemas, target, f"{prefix}{name}_", depth + 1)
        else:
            yield prefix + name
