"""A shelf of the store in memory: the documents of one kind in one tenant."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

import orjson

from ..filters import field_at
from . import Document, Kind


class Shelf:
    """The documents of one kind in one tenant: by id, in the order of their keys, and by unique values."""

    def __init__(self, kind: Kind) -> None:
        self.unique = kind.unique
        self.documents: dict[str, Document] = {}
        self.keys: list[str] = []
        self.ids: dict[str, str] = {}
        self.holders: dict[tuple[str, bytes], str] = {}

    def put(self, document: Document) -> None:
        """Add a document, in whose way there is none."""
        self.documents[document.id] = document
        self.ids[document.key] = document.id
        insort(self.keys, document.key)
        for value in self._unique_values(document):
            self.holders[value] = document.id

    def take(self, document: Document) -> None:
        """Take out a document that is there."""
        del self.documents[document.id], self.ids[document.key]
        del self.keys[bisect_left(self.keys, document.key)]
        for value in self._unique_values(document):
            del self.holders[value]

    def clashes(self, document: Document) -> Iterator[tuple[str, Document]]:
        """The documents in the way of this one, each with the field; looked up one by one, the id first."""
        if document.id in self.documents:
            yield "id", self.documents[document.id]
        for value in self._unique_values(document):
            if value in self.holders:
                yield value[0], self.documents[self.holders[value]]

    def _unique_values(self, document: Document) -> list[tuple[str, bytes]]:
        if not self.unique:
            return []
        data = document.data()
        found = ((field, field_at(data, tuple(field.split(".")))) for field in self.unique)
        # NOTE: compared as JSON, where true, 1 and 1.0 are three values; null, arrays and objects never clash.
        return [(field, orjson.dumps(value)) for field, value in found if isinstance(value, str | int | float)]
