"""Out of an archive into a store: read through first, then restored batch by batch, then asked for again."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import Occupied
from ..keys import SYSTEM
from ..stores import StoredBlob
from ..stores.memory import MemoryStore
from ..stores.whole import WholeStore
from ..tenants import ACCOUNTS
from .archive import Archive, Batch, unreadable
from .checking import check_archive, check_store, damaged_blob
from .incidental import needed
from .manifest import ArchiveError, Manifest, Part
from .marker import Marker
from .patience import Patience
from .progress import Progress, Tell
from .together import ahead, together
from .tree import refuse_namesakes, refuse_unrooted

_AT_ONCE = 4
_PIECE = 1024 * 1024
_FIRST = (SYSTEM.name, ACCOUNTS.name)


class Imported(NamedTuple):
    """What an import led to: the documents of the archive that the store holds, those put there now, and the rest.

    `restored` is None if the store was lost on the way, and nobody knows which of them were there already.
    """

    manifest: Manifest
    documents: int
    restored: int | None
    expired: int
    blobs: int


async def import_archive(
    store: WholeStore,
    folder: Path,
    *,
    open_store: Callable[[], Awaitable[None]],
    clock: Callable[[], float] = time.time,
    tell: Tell = lambda progress: None,
    is_new: bool = False,
    patience: Patience | None = None,
) -> Imported:
    """Put all of an archive into a store, and check that it is there; what the store has besides stays as it is.

    The archive is read through first; `open_store` is called when it is known to be whole. Kinds that the store knows
    then keep what it knows of them. Nothing is ever written over. A store that `is_new`, and would be made by opening
    it, is not made for an archive that an empty one cannot take. A store that is lost once it was there is waited for
    with `patience`. Raises ArchiveError, StoreError, or what the disk says as OSError; the same call then goes on where
    this one ended.
    """
    patience = patience or Patience()
    archive = await asyncio.to_thread(Archive.open, folder)
    try:
        await check_archive(archive, tell, blobs=False)
        if is_new and archive.manifest.account is not None:
            empty = MemoryStore(clock)
            await empty.open([ACCOUNTS])
            await _refuse_misplaced(empty, archive, archive.manifest.account)
        await open_store()
        known = {kind.name: kind for kind in await store.kinds()}
        declared = [part.declared() for part in archive.manifest.kinds]
        await store.open([known.get(kind.name, kind) for kind in (*declared, SYSTEM, ACCOUNTS)])
        if archive.manifest.account is not None:
            await _refuse_misplaced(store, archive, archive.manifest.account)
        work = _Import(store, archive, clock, tell, patience)
        await work.run()
        checked = await check_store(archive, store, clock, tell, patience)
        await patience(work.marker.remove)
        restored = None if patience.tried else work.restored
        return Imported(archive.manifest, checked.documents, restored, checked.expired, checked.blobs)
    finally:
        archive.close()


async def _refuse_misplaced(store: WholeStore, archive: Archive, account: str) -> None:
    """ArchiveError unless the accounts of a tree have a place in the store, with the names that they have."""
    for part in archive.manifest.kinds:
        if part.kind != ACCOUNTS.name:
            continue
        async with aclosing(ahead(archive.read(part))) as batches:
            async for batch in batches:
                for stored in batch.documents:
                    if stored.document.id == account and stored.deleted is None:
                        await refuse_unrooted(store, stored.document)
                await refuse_namesakes(store, batch.documents)


class _Import:
    """An import that is under way."""

    def __init__(
        self, store: WholeStore, archive: Archive, clock: Callable[[], float], tell: Tell, patience: Patience
    ) -> None:
        self._store = store
        self._patience = patience
        self._archive = archive
        self._clock = clock
        self._tell = tell
        self.marker = Marker(store, archive.manifest.id, clock)
        self.restored = 0
        self._bytes = 0
        self._before = 0
        self._total, _ = archive.manifest.total()

    async def run(self) -> None:
        """Restore what is not yet known to be there."""
        await self._patience(self.marker.find)
        self._before = sum(count for _, count in self.marker.places.values())
        # The keys of an installation first: a store that has others is refused before anything else is written.
        place = {name: number for number, name in enumerate(_FIRST)}
        for part in sorted(
            self._archive.manifest.kinds, key=lambda part: (place.get(part.kind, len(place)), part.kind)
        ):
            await self._restore_part(part)

    async def _restore_part(self, part: Part) -> None:
        start, count = self.marker.places.get(part.kind, (0, 0))
        async with aclosing(ahead(self._archive.read(part, start))) as batches:
            async for batch in batches:
                await self._patience(partial(self._restore, batch))
                count += len(batch.documents)
                await self._patience(partial(self.marker.keep, part.kind, batch.end, count))
                self._tell_of(part, batch)

    async def _restore(self, batch: Batch) -> None:
        now = self._clock()
        lasting = [each for each in batch.documents if each.document.expires is None or each.document.expires > now]
        some = await needed(self._store, lasting)
        with_blobs = [stored for stored in some if stored.blobs]
        if with_blobs:
            # NOTE: a batch that was restored before an interruption comes again; its blobs are kept, and stay.
            held = await self._store.held(with_blobs)
            there = {id(stored) for stored, each in zip(with_blobs, held, strict=True) if each == stored}
            missing = [stored for stored in with_blobs if id(stored) not in there]
            await together(self._copy, [blob for stored in missing for blob in stored.blobs], _AT_ONCE)
        try:
            self.restored += await self._store.restore(some)
        except Occupied as occupied:
            raise ArchiveError(_reason(occupied)) from occupied

    async def _copy(self, blob: StoredBlob) -> None:
        """Write a blob of the archive into the store; nothing of one that is damaged stays."""
        path = self._archive.blob_path(blob.id)
        writer = await self._store.restore_blob(blob.id)
        try:
            digest = hashlib.sha256()
            async with aclosing(ahead(_pieces(path))) as pieces:
                async for piece in pieces:
                    digest.update(piece)
                    await writer.write(piece)
            if digest.hexdigest() != blob.sha256:
                raise damaged_blob(path)
            if await writer.finish() != blob:
                raise ArchiveError(f"the blob {blob.id} came into the store as another one: {path} was changed")
        except BaseException:
            await writer.discard()
            raise

    def _tell_of(self, part: Part, batch: Batch) -> None:
        self._bytes += sum([len(line) + 1 for line in batch.lines])
        self._bytes += sum([blob.size for stored in batch.documents for blob in stored.blobs])
        done = sum(count for _, count in self.marker.places.values())
        self._tell(Progress("import", part.kind, done, self._total, self._bytes, self._before))


def _pieces(path: Path) -> Generator[bytes, None, None]:
    try:
        with path.open("rb") as file:
            yield from iter(partial(file.read, _PIECE), b"")
    except OSError as error:
        raise unreadable(path, error) from error


def _reason(occupied: Occupied) -> str:
    """Why an import cannot go on, and what to do."""
    if (occupied.tenant, occupied.kind, occupied.id) == ("", SYSTEM.name, "keys"):
        return (
            "the store has keys of its own, since it was used before: import a whole store into an empty one, or an "
            "account tree (crossbar export --account) into this one"
        )
    return (
        f"{occupied}; nothing is written over: delete one of them, and import again. An export of a store that was "
        "written to meanwhile may hold two states of one thing: stop its servers, and export again"
    )
