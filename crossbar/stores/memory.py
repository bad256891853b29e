"""Documents in memory: the store that the others are compared with, and a trial run without a file."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import islice

import orjson
from msgspec.structs import replace

from ..errors import BlobMissing, DocumentMissing, GuardFailed, RevisionConflict, StoreUnavailable, UniqueConflict
from ..filters import matches
from . import (
    BLOB_PIECE,
    Change,
    Delete,
    Document,
    Drop,
    Guard,
    Insert,
    Keep,
    Kind,
    Query,
    Replace,
    Rows,
    listing_key,
)
from .memory_blobs import MemoryBlobs, MemoryBlobWriter, Undo
from .memory_shelf import Shelf
from .memory_whole import MemoryWhole
from .versions import Versions, kinds_of
from .whole import Stored


class MemoryStore(MemoryWhole):
    """Keeps documents while the object lives; each rule of the port stands here in its plainest form.

    An inserted document is kept as it is given, with its times and its revision. `clock` gives Unix seconds.
    """

    lag = 0.0

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kinds: dict[str, Kind] = {}
        self._shelves: dict[tuple[str, str], Shelf] = {}
        self._aside: list[Stored] = []
        self._blobs = MemoryBlobs(clock)
        self._versions = Versions()

    async def open(self, kinds: Iterable[Kind]) -> None:
        """Make ready to hold these kinds; StoreUnavailable if values clash in a field that is now unique."""
        for kind in kinds:
            shelves = {key: Shelf(kind) for key in self._shelves if key[1] == kind.name}
            for key, shelf in shelves.items():
                for document in filter(self._live, self._shelves[key].documents.values()):
                    for field, other in shelf.clashes(document):
                        raise StoreUnavailable(
                            f"memory: {field!r} of {kind.name!r} cannot become unique: {other.id!r} and "
                            f"{document.id!r} of tenant {document.tenant!r} have the same value; "
                            f"change one of them, or take the field out of `unique`"
                        )
                    shelf.put(document)
            self._shelves.update(shelves)
            self._kinds[kind.name] = kind

    async def close(self) -> None:
        """Do nothing: the documents live as long as the object."""

    def version(self, *kinds: str) -> int | None:
        """How many writes there were so far, in all or to documents of these kinds."""
        return self._versions.of(kinds)

    async def get(self, tenant: str, kind: str, id: str) -> Document | None:
        """The document, or None."""
        document = self._shelf(tenant, kind).documents.get(id)
        return document if document and self._live(document) else None

    async def page(self, query: Query) -> Rows:
        """Up to `limit` documents of the listing as JSON, and where the next piece begins."""
        found = list(islice(self._listing(query), query.skip, query.skip + query.limit + 1))
        rows, following = found[: query.limit], found[query.limit :]
        summary = None if query.full else self._kinds[query.kind].summary
        return Rows(
            joined=(b"\n" if query.lines else b",").join(_summarized(row, summary) for row in rows),
            count=len(rows),
            first=rows[0].key if rows else None,
            next=following[0].key if following else None,
            lines=query.lines,
        )

    async def find(self, query: Query) -> list[Document]:
        """Up to `limit` whole documents of the listing."""
        return list(islice(self._listing(query), query.skip, query.skip + query.limit))

    async def count(self, query: Query) -> int:
        """How many documents the listing has in all: `start`, `skip` and `limit` do not matter."""
        return sum(1 for _ in self._listing(replace(query, start=None)))

    async def write(self, changes: Sequence[Change]) -> list[Document | None]:
        """Carry out all the changes or none; the documents as they now stand, None for all but Insert and Replace."""
        undo: Undo = []
        try:
            done = [self._carry_out(change, undo) for change in changes]
        except BaseException:
            for step in reversed(undo):
                step()
            raise
        self._versions.wrote(kinds_of(changes))
        return done

    async def load(self, documents: Iterable[Document]) -> int:
        """Insert many documents and say how many; those before one that clashes stay."""
        count = 0
        for document in documents:
            await self.write([Insert(document)])
            count += 1
        return count

    async def new_blob(self) -> MemoryBlobWriter:
        """Begin a blob."""
        return self._blobs.new()

    async def read_blob(self, tenant: str, id: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes of a kept blob from `start` on, `length` of them or all; BlobMissing with the first piece."""
        kept = self._blobs.get(tenant, id)
        if kept is None or await self.get(*kept.owner) is None:
            raise BlobMissing(tenant, id)
        end = len(kept.content) if length is None else min(start + length, len(kept.content))
        for place in range(start, end, BLOB_PIECE):
            yield kept.content[place : min(place + BLOB_PIECE, end)]

    async def health(self) -> str:
        """How many documents are held."""
        return f"memory, {sum(len(shelf.documents) for shelf in self._shelves.values())} documents"

    # -- reading --------------------------------------------------------------------------------------------

    def _shelf(self, tenant: str, kind: str) -> Shelf:
        if kind not in self._kinds:
            raise StoreUnavailable(f"memory: the kind {kind!r} was not opened; name it in open()")
        return self._shelves.get((tenant, kind)) or Shelf(self._kinds[kind])

    def _live(self, document: Document) -> bool:
        return document.expires is None or document.expires > self._clock()

    def _listing(self, query: Query) -> Iterator[Document]:
        shelf = self._shelf(query.tenant, query.kind)
        low, high = 0, len(shelf.keys)
        if query.created_from is not None:
            low = bisect_left(shelf.keys, listing_key(query.created_from))
        if query.created_to is not None:
            high = bisect_left(shelf.keys, listing_key(query.created_to + 1))
        if query.start is not None and query.descending:
            high = min(high, bisect_right(shelf.keys, query.start))
        elif query.start is not None:
            low = max(low, bisect_left(shelf.keys, query.start))
        places = range(low, high)
        for place in reversed(places) if query.descending else places:
            document = shelf.documents[shelf.ids[shelf.keys[place]]]
            if self._live(document) and _keeps(query, document):
                yield document

    # -- writing --------------------------------------------------------------------------------------------

    def _carry_out(self, change: Change, undo: Undo) -> Document | None:
        match change:
            case Guard(query, finds):
                if finds != any(True for _ in islice(self._listing(query), query.skip, None)):
                    raise GuardFailed(change)
                return None
            case Insert(document):
                self._put(document, undo)
                return document
            case Replace(document):
                current = self._current(document.tenant, document.kind, document.id, document.revision)
                revised = replace(
                    document, created=current.created, modified=int(self._clock()), revision=current.revision + 1
                )
                self._take(current, undo)
                self._put(revised, undo)
                return revised
            case Delete(tenant, kind, id, revision, purge):
                current = self._current(tenant, kind, id, revision)
                stored = Stored(current, int(self._clock()), self._blobs.of(current))
                self._take(current, undo)
                self._blobs.leave(current, undo, aside=not purge)
                if not purge:
                    self._aside.append(stored)
                    undo.append(lambda: self._aside.remove(stored))
                return None
            case Keep(_, tenant, kind, document_id):
                self._current(tenant, kind, document_id, None)
                self._blobs.keep(change, undo)
                return None
            case Drop():
                self._blobs.drop(change, undo)
                return None

    def _current(self, tenant: str, kind: str, id: str, revision: int | None) -> Document:
        """The document that a change is made for, at the revision that it is made for."""
        document = self._shelf(tenant, kind).documents.get(id)
        if document is None or not self._live(document):
            raise DocumentMissing(tenant, kind, id)
        if revision is not None and document.revision != revision:
            raise RevisionConflict(kind, id, revision, document.revision)
        return document

    def _put(self, document: Document, undo: Undo) -> None:
        shelf = self._shelf(document.tenant, document.kind)
        for field, other in shelf.clashes(document):
            if self._live(other):
                raise UniqueConflict(document.kind, field)
            self._take(other, undo)
            self._blobs.leave(other, undo, aside=False)
        self._shelves[document.tenant, document.kind] = shelf
        shelf.put(document)
        undo.append(lambda: shelf.take(document))

    def _take(self, document: Document, undo: Undo) -> None:
        shelf = self._shelf(document.tenant, document.kind)
        shelf.take(document)
        undo.append(lambda: shelf.put(document))


def _keeps(query: Query, document: Document) -> bool:
    if query.modified_from is not None and document.modified < query.modified_from:
        return False
    if query.modified_to is not None and document.modified > query.modified_to:
        return False
    if not query.filters:
        return True
    data, secrets = document.data(), document.secrets()
    return all(matches(filter, secrets if filter.private else data) for filter in query.filters)


def _summarized(document: Document, summary: tuple[str, ...] | None) -> bytes:
    if summary is None:
        return document.body
    data = document.data()
    return orjson.dumps({"id": document.id} | {field: data[field] for field in summary if field in data})
