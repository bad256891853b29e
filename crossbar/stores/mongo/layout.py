"""How documents lie in MongoDB: a collection for each kind, the records in it, and its indexes.

A record keeps body and private part as JSON text, exactly as they were written: BSON has no number above 2**63 and no
NUL in a key. Beside them stands what is asked for. Names of fields and collections never come from a client.

The unique index `id` begins with the tenant, so that it can serve as the key that a sharded collection is divided by.
What is set aside has the id of its removal in `deleted`, in the place of False, and so frees its id and its unique
values. `ttl` is some minutes behind `until`: what counts is always `until`, by the clock of who asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson
from bson import ObjectId

from ...errors import StoreUnavailable
from ...filters import Path, field_at
from .. import Document, Kind
from ..kinds import checked
from .marks import ALL, fields_of, has_more, marks_of

LAYOUT = 1
NEVER = 2**63 - 1
"""The `until` of a document that does not expire."""
TTL_GRACE = 300
"""Seconds that an expired document may lie about; clocks of machines differ by less."""
PREFIX = "d_"
"""What the names of the collections of documents begin with."""

_LONGEST_UNIQUE = 256

# What only documents that are alive are found by.
_OF_LIVE = ("unique", "ttl", "fields", "marks", "wide", "summary")

Record = dict[str, Any]


class Index(NamedTuple):
    """One index: its name, its fields with their directions, and what else is said of it."""

    name: str
    keys: tuple[tuple[str, int], ...]
    options: Mapping[str, Any] = {}


class Shelf:
    """The collection of one kind: its name, its indexes, and how its records are made. Names are checked before use."""

    def __init__(self, kind: Kind) -> None:
        self.kind = checked(kind)
        self.collection = f"{PREFIX}{kind.name}"
        self.unique = {dotted: _path(dotted) for dotted in kind.unique}
        self.declared = {(False, _path(dotted)) for dotted in kind.indexes}
        self.declared |= {(True, _path(dotted)) for dotted in kind.private_indexes}
        self._paths = tuple(_path(dotted) for dotted in kind.indexes)
        self._private_paths = tuple(_path(dotted) for dotted in kind.private_indexes)

    @cached_property
    def fingerprint(self) -> str:
        """What the records and indexes were made for; a stored one that differs means there is something to do."""
        return blake2b(orjson.dumps([LAYOUT, *self.kind]), digest_size=12).hexdigest()

    def record(self, document: Document, clock_now: float) -> Record:
        """The document as a new record; `clock_now` is the Unix time by which its expiry is meant."""
        return {
            "tenant": document.tenant,
            "id": document.id,
            "deleted": False,
            "blobs": False,
            "key": document.key,
            "created": document.created,
            **self.content(document, document.modified, document.revision, clock_now),
        }

    def content(self, document: Document, modified: int, revision: int, clock_now: float) -> Record:
        """What a write changes of a record. What is None is to be taken out."""
        private = document.private
        return {
            "modified": modified,
            "revision": revision,
            **expiry(document.expires, clock_now),
            "body": document.body.decode(),
            "private": private.decode() if private else "",
            **self.derived(document.id, document.body, private),
        }

    def derived(self, id: str, body: bytes, private: bytes | None) -> Record:
        """What follows from a document: its summary, and what it is found by. What is None is to be taken out."""
        data = orjson.loads(body)
        secrets = orjson.loads(private) if private else {}
        marks = marks_of(data, secrets)
        fields = fields_of(data, secrets, self._paths, self._private_paths) if self.declared else None
        return {
            "summary": self._summary(id, data),
            "unique": dict(self._unique_values(data)) or None,
            "fields": fields,
            "marks": marks,
            "wide": True if marks == [ALL] or has_more(fields or ()) else None,
        }

    def unique_values(self, document: Document) -> dict[str, str]:
        """The unique fields that the document fills, by their dotted paths, each with what stands for its value."""
        return self.unique_in(document.body)

    def unique_in(self, body: bytes | str) -> dict[str, str]:
        """The unique fields that a body fills, by their dotted paths, each with what stands for its value."""
        data = orjson.loads(body) if self.unique else None
        return {dotted: literal for dotted, _, literal in self._unique(data)}

    def indexes(self) -> list[Index]:
        """The indexes that the collection needs."""
        found = [
            Index("id", (("tenant", 1), ("id", 1), ("deleted", 1)), {"unique": True}),
            Index("page", (("tenant", 1), ("deleted", 1), ("key", 1), ("until", 1))),
            Index(
                "ttl",
                (("ttl", 1),),
                {"expireAfterSeconds": 0, "partialFilterExpression": {"deleted": False, "blobs": False}},
            ),
            Index("expired", (("until", 1),), {"partialFilterExpression": {"deleted": False, "blobs": True}}),
            Index("removed", (("removed", 1), ("_id", 1)), {"partialFilterExpression": {"removed": {"$exists": True}}}),
        ]
        if self.declared:
            found.append(Index("fields", (("tenant", 1), ("deleted", 1), ("fields", 1), ("key", 1))))
        for dotted in self.unique:
            field = unique_field(dotted)
            only = {"unique": True, "partialFilterExpression": {field: {"$exists": True}}}
            found.append(Index(f"unique {dotted}", (("tenant", 1), (field, 1)), only))
        return found

    @property
    def shard_key(self) -> dict[str, int]:
        """By what a sharded cluster can divide the collection.

        A unique index must begin with the whole key, so that only kinds without unique fields can be divided within a
        tenant (stores.md, 4.3).
        """
        return {"tenant": 1} if self.unique else {"tenant": 1, "id": 1}

    def document(self, tenant: str, record: Mapping[str, Any]) -> Document:
        """The document that a record holds."""
        until, private = record["until"], record["private"]
        return Document(
            tenant,
            self.kind.name,
            record["id"],
            record["body"].encode(),
            record["created"],
            record["modified"],
            record["revision"],
            private.encode() if private else None,
            None if until == NEVER else until,
        )

    def _summary(self, id: str, data: dict[str, Any]) -> str | None:
        if self.kind.summary is None:
            return None
        shown = {"id": id} | {field: data[field] for field in self.kind.summary if field in data}
        return orjson.dumps(shown).decode()

    def _unique_values(self, data: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for _, name, literal in self._unique(data):
            yield name, literal

    def _unique(self, data: Any) -> Iterator[tuple[str, str, str]]:
        for dotted, path in self.unique.items():
            value = field_at(data, path)
            # NOTE: compared as JSON, where true, 1 and 1.0 are three values; null, arrays and objects never clash.
            if isinstance(value, str | int | float):
                yield dotted, _field_name(dotted), unique_value(orjson.dumps(value).decode())


class Shelves(dict[str, Shelf]):
    """The shelves by the names of their kinds."""

    def __missing__(self, kind: str) -> Shelf:
        raise StoreUnavailable(f"MongoDB store: the kind {kind!r} was not opened; name it in open()")


def expiry(expires: int | None, clock_now: float) -> Record:
    """The fields that say until when a record counts, and when the server may remove it."""
    if expires is None:
        return {"until": NEVER, "ttl": None}
    # NOTE: the server goes by its own time of day, which the clock of an application need not show.
    left = min(max(expires - clock_now, 0), 10**10) + TTL_GRACE
    return {"until": expires, "ttl": datetime.now(UTC) + timedelta(seconds=left)}


def live(tenant: str, id: str, now: int) -> Record:
    """The condition for one document that is alive."""
    return {"tenant": tenant, "id": id, "deleted": False, "until": {"$gt": now}}


def record_aside(record: Record, removed: int) -> Record:
    """A new record as one that was set aside at that Unix second."""
    kept = {name: value for name, value in record.items() if name not in _OF_LIVE}
    return kept | {"deleted": ObjectId(), "removed": removed}


def set_aside(now: int) -> Record:
    """The update that takes a record out of everything but an operator's sight."""
    return {"$set": {"deleted": ObjectId(), "removed": now}, "$unset": dict.fromkeys(_OF_LIVE, "")}


def changed(content: Record) -> Record:
    """The update that writes this content."""
    update: Record = {"$set": {name: value for name, value in content.items() if value is not None}}
    gone = {name: "" for name, value in content.items() if value is None}
    return update | {"$unset": gone} if gone else update


def inserted(record: Record) -> Record:
    """The record without what it lacks, and with an id of its own, by which a repeated insert is known."""
    return {"_id": ObjectId(), **{name: value for name, value in record.items() if value is not None}}


def unique_value(literal: str) -> str:
    """What stands for the value with this literal in a unique field."""
    if len(literal) <= _LONGEST_UNIQUE:
        return literal
    return f"#{blake2b(literal.encode(), digest_size=32).hexdigest()}"


def unique_field(dotted: str) -> str:
    """The field that holds the value of a unique path."""
    return f"unique.{_field_name(dotted)}"


def _field_name(dotted: str) -> str:
    return dotted.replace(".", "/")


def _path(dotted: str) -> Path:
    return tuple(dotted.split("."))
