"""Blobs in memory: bytes in dicts, each rule of the port in its plainest form."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from uuid import uuid4

from msgspec import Struct

from ..errors import StoreError
from . import Document, Drop, Keep, StoredBlob

Undo = list[Callable[[], None]]

# How many seconds after its beginning a blob that was not kept is destroyed.
WAITS = 24 * 3600


class Waiting(Struct, frozen=True):
    """A finished blob that no document has yet; `begun` is in Unix seconds."""

    blob: StoredBlob
    content: bytes
    begun: float


class Kept(Struct, frozen=True):
    """A blob of a document, which is named by tenant, kind and id."""

    blob: StoredBlob
    owner: tuple[str, str, str]
    content: bytes


class MemoryBlobs:
    """The blobs of a store in memory; each change appends to `undo` what takes it back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: dict[str, Waiting] = {}
        self._kept: dict[str, Kept] = {}
        self._owned: dict[tuple[str, str, str], list[Kept]] = {}
        self._aside: dict[str, Kept] = {}

    def new(self, id: str | None = None) -> MemoryBlobWriter:
        """Begin a blob, with this id if it is one that had it before; what was begun a day ago and not kept goes."""
        now = self._clock()
        for old in [old for old, waiting in self._waiting.items() if now - waiting.begun >= WAITS]:
            del self._waiting[old]
        return MemoryBlobWriter(self._waiting, now, id)

    def get(self, tenant: str, id: str) -> Kept | None:
        """The blob if this tenant keeps it."""
        kept = self._kept.get(id)
        return kept if kept and kept.owner[0] == tenant else None

    def keep(self, change: Keep, undo: Undo) -> None:
        """Make a blob part of a document; StoreError if it does not wait for one."""
        kept = self._awaited(change, undo)
        self._put(kept)
        undo.append(lambda: self._take(kept))

    def keep_aside(self, change: Keep, undo: Undo) -> None:
        """Make a blob part of a document that was set aside; StoreError if it does not wait for one."""
        kept = self._awaited(change, undo)
        self._aside[change.blob.id] = kept
        undo.append(lambda: self._unset(kept))

    def of(self, document: Document) -> tuple[StoredBlob, ...]:
        """The blobs that a document keeps, in the order of their ids."""
        owned = self._owned.get((document.tenant, document.kind, document.id), ())
        return tuple(sorted((kept.blob for kept in owned), key=lambda blob: blob.id))

    def stored(self, id: str) -> Kept | None:
        """The blob if any document keeps it, be it alive or set aside."""
        return self._kept.get(id) or self._aside.get(id)

    def drop(self, change: Drop, undo: Undo) -> None:
        """Destroy a blob that the tenant keeps."""
        kept = self.get(change.tenant, change.blob)
        if kept is not None:
            self._take(kept)
            undo.append(lambda: self._put(kept))

    def leave(self, document: Document, undo: Undo, *, aside: bool) -> None:
        """Destroy the blobs of a document that goes, or keep them aside with it."""
        owned = self._owned.get((document.tenant, document.kind, document.id))
        for kept in list(owned or ()):
            self._take(kept)
            undo.append(partial(self._put, kept))
            if aside:
                self._aside[kept.blob.id] = kept
                undo.append(partial(self._unset, kept))

    def _awaited(self, change: Keep, undo: Undo) -> Kept:
        id = change.blob.id
        waiting = self._waiting.get(id)
        if waiting is None or waiting.blob != change.blob or self._clock() - waiting.begun >= WAITS:
            raise StoreError(f"blob {id!r} cannot be kept: it was not finished, was discarded, or is kept already")
        del self._waiting[id]
        undo.append(lambda: self._waiting.__setitem__(id, waiting))
        return Kept(change.blob, (change.tenant, change.kind, change.document), waiting.content)

    def _unset(self, kept: Kept) -> None:
        del self._aside[kept.blob.id]

    def _put(self, kept: Kept) -> None:
        self._kept[kept.blob.id] = kept
        self._owned.setdefault(kept.owner, []).append(kept)

    def _take(self, kept: Kept) -> None:
        del self._kept[kept.blob.id]
        self._owned[kept.owner].remove(kept)
        if not self._owned[kept.owner]:
            del self._owned[kept.owner]


class MemoryBlobWriter:
    """Collects the pieces of a blob; what is finished goes to `waiting`."""

    def __init__(self, waiting: dict[str, Waiting], begun: float, id: str | None = None) -> None:
        self._waiting = waiting
        self._begun = begun
        self._id = id or uuid4().hex
        self._pieces: list[bytes] | None = []
        self._blob: StoredBlob | None = None

    async def write(self, piece: bytes) -> None:
        """Take the next piece; StoreError after the end."""
        if self._pieces is None:
            raise StoreError("a blob that was finished or discarded takes no more")
        self._pieces.append(bytes(piece))

    async def finish(self) -> StoredBlob:
        """The blob that the pieces make; the same one when asked again."""
        if self._blob is not None:
            return self._blob
        if self._pieces is None:
            raise StoreError("a blob that was discarded cannot be finished")
        content, self._pieces = b"".join(self._pieces), None
        self._blob = StoredBlob(self._id, len(content), hashlib.sha256(content).hexdigest())
        self._waiting[self._blob.id] = Waiting(self._blob, content, self._begun)
        return self._blob

    async def discard(self) -> None:
        """Forget the pieces, unless a document has them."""
        self._pieces = None
        blob, self._blob = self._blob, None
        if blob is not None:
            self._waiting.pop(blob.id, None)
