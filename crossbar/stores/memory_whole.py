"""The store in memory as a whole: the rules of the port for moving stores, in their plainest form."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice

import orjson

from ..errors import BlobMissing, StoreError
from . import BLOB_PIECE, Document, Keep, Kind
from .memory_blobs import MemoryBlobs, MemoryBlobWriter, Undo
from .memory_shelf import Shelf
from .versions import Versions
from .whole import Stored, Stretch, check_blob_id, occupied


class MemoryWhole:
    """What `MemoryStore` can do with all of its documents at once."""

    _clock: Callable[[], float]
    _kinds: dict[str, Kind]
    _shelves: dict[tuple[str, str], Shelf]
    _aside: list[Stored]
    _blobs: MemoryBlobs
    _versions: Versions

    async def kinds(self) -> list[Kind]:
        """All kinds that were opened, in the order of their names."""
        return [self._kinds[name] for name in sorted(self._kinds)]

    async def tally(self, kind: str, tenants: Sequence[str] | None = None) -> int:
        """How many documents of the kind there are, alive and set aside, of all tenants or of these."""
        alive = sum(len(self._shelf(tenant, kind).documents) for tenant in self._tenants(kind, tenants))
        return alive + sum(1 for _ in self._set_aside(kind, 0, tenants))

    async def walk(self, kind: str, after: str | None, limit: int, tenants: Sequence[str] | None = None) -> Stretch:
        """The next documents of a kind: those alive by tenant and key, then those set aside as they came."""
        tenant, key, passed = orjson.loads(after) if after is not None else ("", "", 0)
        if not passed:
            alive = list(islice(self._alive(kind, tenant, key, tenants), limit))
            if len(alive) == limit:
                last = alive[-1].document
                return Stretch(alive, orjson.dumps([last.tenant, last.key, 0]).decode())
            return Stretch(alive, orjson.dumps(["", "", 1]).decode())
        aside = list(islice(self._set_aside(kind, passed - 1, tenants), limit))
        following = orjson.dumps(["", "", aside[-1][0] + 2]).decode() if len(aside) == limit else None
        return Stretch([stored for _, stored in aside], following)

    async def held(self, some: Sequence[Stored]) -> list[Stored | None]:
        """What is in the place of each of these."""
        return [self._held(stored) for stored in some]

    async def restore(self, some: Sequence[Stored]) -> int:
        """Put documents there exactly as they are; how many were not there before."""
        undo: Undo = []
        try:
            restored = sum([self._restore(stored, undo) for stored in some])
        except BaseException:
            for step in reversed(undo):
                step()
            raise
        self._versions.wrote({stored.document.kind for stored in some})
        return restored

    async def restore_blob(self, id: str) -> MemoryBlobWriter:
        """Begin a blob that is to have this id."""
        check_blob_id(id)
        if self._blobs.stored(id) is not None:
            raise StoreError(f"blob {id!r} cannot be written: a document keeps it already")
        return self._blobs.new(id)

    async def read_stored_blob(self, id: str) -> AsyncIterator[bytes]:
        """The bytes of a blob that a document keeps, be it alive or set aside."""
        kept = self._blobs.stored(id)
        if kept is None:
            raise BlobMissing("", id)
        for place in range(0, len(kept.content), BLOB_PIECE):
            yield kept.content[place : place + BLOB_PIECE]

    # -- what is behind -------------------------------------------------------------------------------------

    def _shelf(self, tenant: str, kind: str) -> Shelf:
        raise NotImplementedError

    def _live(self, document: Document) -> bool:
        raise NotImplementedError

    def _put(self, document: Document, undo: Undo) -> None:
        raise NotImplementedError

    def _tenants(self, kind: str, tenants: Sequence[str] | None) -> list[str]:
        """The tenants that are asked for and have documents of the kind, in order."""
        found = sorted(tenant for tenant, name in self._shelves if name == kind)
        return found if tenants is None else [tenant for tenant in found if tenant in set(tenants)]

    def _alive(self, kind: str, tenant: str, key: str, tenants: Sequence[str] | None) -> Iterator[Stored]:
        self._shelf("", kind)  # StoreUnavailable, if it was not opened
        for each in self._tenants(kind, tenants):
            shelf = self._shelf(each, kind)
            start = 0 if each > tenant else bisect_right(shelf.keys, key) if each == tenant else len(shelf.keys)
            for place in shelf.keys[start:]:
                document = shelf.documents[shelf.ids[place]]
                if self._live(document):
                    yield Stored(document, None, self._blobs.of(document))

    def _set_aside(self, kind: str, start: int, tenants: Sequence[str] | None) -> Iterator[tuple[int, Stored]]:
        """Those set aside from a place of the list on, each with its place; of several that are alike the first."""
        for place, stored in enumerate(self._aside[start:], start):
            document = stored.document
            wanted = document.kind == kind and (tenants is None or document.tenant in tenants)
            if wanted and self._live(document) and self._held(stored) is stored:
                yield place, stored

    def _held(self, stored: Stored) -> Stored | None:
        document = stored.document
        if stored.deleted is None:
            found = self._shelf(document.tenant, document.kind).documents.get(document.id)
            return Stored(found, None, self._blobs.of(found)) if found is not None and self._live(found) else None
        alike = (each for each in self._aside if each.document == document and each.deleted == stored.deleted)
        return next(alike, None) if self._live(document) else None

    def _restore(self, stored: Stored, undo: Undo) -> bool:
        """Put a document there; False if it is there, or has expired."""
        document = stored.document
        held = self._held(stored)
        if held == stored or not self._live(document):
            return False
        if held is not None:
            raise occupied(stored)
        kept = [Keep(blob, document.tenant, document.kind, document.id) for blob in stored.blobs]
        if stored.deleted is None:
            for field, other in self._shelf(document.tenant, document.kind).clashes(document):
                if self._live(other):
                    raise occupied(stored, field, other.id)
            self._put(document, undo)
            for keep in kept:
                self._blobs.keep(keep, undo)
        else:
            self._aside.append(stored)
            undo.append(lambda: self._aside.remove(stored))
            for keep in kept:
                self._blobs.keep_aside(keep, undo)
        return True
