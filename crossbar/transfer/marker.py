"""How far an import is: a document in the store itself.

So it is lost together with what was imported, and never says more than is true.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from ..errors import DocumentMissing, RevisionConflict, UniqueConflict
from ..keys import SYSTEM
from ..stores import Delete, Document, Insert, Query, Replace, Store
from .manifest import ArchiveError

MARK = "import-"
"""What its id begins with; the id of the archive follows. It is never exported."""

_EVERY = 1.0  # seconds
_FORGET = 30 * 24 * 3600


class Marker:
    """What is known to be in a store of an archive with this id: of each kind the place in its file, and how many."""

    def __init__(self, store: Store, archive: str, clock: Callable[[], float]) -> None:
        self._store = store
        self._id = MARK + archive
        self._clock = clock
        self._document: Document | None = None
        self._kept = time.monotonic()
        # What is being written, until it is known whether it was.
        self._tried: dict[str, list[int]] | None = None
        self.places: dict[str, tuple[int, int]] = {}

    async def find(self) -> None:
        """Learn what an import that was interrupted has left."""
        self._document = await self._store.get("", SYSTEM.name, self._id)
        if self._document is not None:
            self.places = {kind: (place, count) for kind, (place, count) in self._document.data()["places"].items()}

    async def keep(self, kind: str, place: int, count: int) -> None:
        """Note that so many documents of a kind, up to a place in its file, are there.

        It is written down the first time, so that every server tells of an import that is not finished, and then now
        and again. A StoreError may come although it was written down: it may be noted again.

        ArchiveError if another process imports the same archive.
        """
        self.places[kind] = place, count
        if self._document is not None and self._tried is None and time.monotonic() - self._kept < _EVERY:
            return
        if self._tried is not None:
            await self._look()
        now = int(self._clock())
        body = {"places": self.places}
        self._tried = {name: [*each] for name, each in self.places.items()}
        try:
            if self._document is None:
                document = replace(Document.of("", SYSTEM.name, self._id, body, now), expires=now + _FORGET)
                (self._document,) = await self._store.write([Insert(document)])
            else:
                document = replace(self._document.with_data(body), expires=now + _FORGET)
                (self._document,) = await self._store.write([Replace(document)])
        except (UniqueConflict, RevisionConflict, DocumentMissing):
            raise _another() from None
        self._tried = None
        self._kept = time.monotonic()

    async def _look(self) -> None:
        """Learn whether what was tried last was written: ArchiveError if something else was."""
        found, before = await self._store.get("", SYSTEM.name, self._id), self._document
        if (found and found.revision) != (before and before.revision) and (
            found is None or found.data()["places"] != self._tried
        ):
            raise _another()
        self._document = found

    async def remove(self) -> None:
        """Take it away, now that all is there."""
        if self._document is None:
            return
        with suppress(DocumentMissing):  # Another process was done with the same a moment before.
            await self._store.write([Delete("", SYSTEM.name, self._id, purge=True)])


def _another() -> ArchiveError:
    return ArchiveError("another process imports this archive into the same store: wait for it")


async def unfinished(store: Store) -> list[str]:
    """The ids of the archives whose import into an open store has begun and not ended."""
    found: list[str] = []
    start: str | None = None
    while True:
        rows = await store.page(Query("", SYSTEM.name, start=start, limit=100, walk=True))
        found += [each["id"].removeprefix(MARK) for each in rows.parsed() if each["id"].startswith(MARK)]
        if rows.next is None:
            return sorted(found)
        start = rows.next
