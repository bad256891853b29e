"""What the store tests are told with: a kind, documents of it, a clock that stands still, and short questions."""

from __future__ import annotations

from typing import Any

import orjson

from crossbar.filters import Filter
from crossbar.stores import Delete, Document, Insert, Kind, Query, Replace, Rows, Store
from crossbar.stores.memory import MemoryStore
from crossbar.stores.mongo import MongoStore
from crossbar.stores.sqlite import SqliteStore

NOW = 1_700_000_000

DEVICES = Kind(
    "devices",
    summary=("name", "mac"),
    unique=("mac", "sip.username"),
    indexes=("owner_id", "sip.realm"),
    private_indexes=("token",),
)
NOTES = Kind("notes")
KINDS = (DEVICES, NOTES)

LoadingStore = MemoryStore | MongoStore | SqliteStore


class Clock:
    """Unix seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return float(self.now)


def device(id: str, created: int = NOW, *, tenant: str = "acme", **body: Any) -> Document:
    """A document of the kind `devices` with these fields; `private`, `expires` and `revision` are not fields."""
    return document("devices", id, created, tenant=tenant, **body)


def document(kind: str, id: str, created: int = NOW, *, tenant: str = "acme", **body: Any) -> Document:
    """A document of that kind with these fields; `private`, `expires` and `revision` are not fields."""
    private, expires, revision = body.pop("private", None), body.pop("expires", None), body.pop("revision", 1)
    return Document(
        tenant=tenant,
        kind=kind,
        id=id,
        body=orjson.dumps({"id": id, **body}),
        created=created,
        modified=created,
        revision=revision,
        private=None if private is None else orjson.dumps(private),
        expires=expires,
    )


def devices(**query: Any) -> Query:
    """A query for the devices of `acme`."""
    return Query(query.pop("tenant", "acme"), "devices", **query)


async def insert(store: Store, *documents: Document) -> None:
    """Insert all of these in one write."""
    await store.write([Insert(each) for each in documents])


async def replace(store: Store, document: Document, **body: Any) -> Document:
    """Write another body for a document at its revision."""
    (revised,) = await store.write([Replace(document.with_data({"id": document.id, **body}))])
    assert revised is not None
    return revised


async def delete(store: Store, id: str, *, kind: str = "devices", revision: int | None = None) -> None:
    """Delete a document of `acme`."""
    await store.write([Delete("acme", kind, id, revision)])


def ids(rows: Rows) -> list[str]:
    """The ids of the documents of a page."""
    return [row["id"] for row in rows.parsed()]


async def kept(store: Store, *filters: Filter, **query: Any) -> list[str]:
    """The ids of the devices that the filters keep, oldest first."""
    return ids(await store.page(devices(filters=filters, descending=False, **query)))
