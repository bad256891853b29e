"""Out of a store into an archive: kind by kind, the next documents fetched while the ones before are written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

from ..errors import BlobMissing
from ..keys import SYSTEM
from ..stores import StoredBlob
from ..stores.whole import Stored, Stretch, WholeStore
from ..tenants import ACCOUNTS
from .archive import BATCH, Archive
from .blob_file import BlobFile
from .checking import check_archive
from .manifest import ArchiveError, Manifest, Part
from .marker import MARK
from .patience import Patience
from .progress import Progress, Tell
from .together import together
from .tree import FOUND_BY, is_taken, is_within, refuse_unknown

_CHECKPOINT = 1.0  # seconds
_AT_ONCE = 4
_TRIES = 10


async def export_store(
    store: WholeStore,
    folder: Path,
    *,
    account: str | None = None,
    source: str = "",
    clock: Callable[[], float] = time.time,
    tell: Tell = lambda progress: None,
    patience: Patience | None = None,
) -> Manifest:
    """Write all of an open store, or the tree of one account, into an archive, and read it back to check it.

    It goes on with an archive in the folder that was begun alike: `source` tells this store from others. A store that
    is lost once it was there is waited for with `patience`. Raises ArchiveError, StoreError, or what the disk says as
    OSError; the same call then goes on where this one ended.
    """
    kinds = await store.kinds()
    if not kinds:
        raise ArchiveError("the store holds nothing: name the one that is to be exported")
    await store.open(kinds)
    if account is not None:
        await refuse_unknown(store, account)
    archive = await asyncio.to_thread(Archive.begin, folder, source, account, int(clock()))
    try:
        known = {part.kind for part in archive.manifest.kinds}
        archive.manifest.kinds += [Part.of(kind) for kind in kinds if kind.name not in known]
        await _Export(store, archive, tell, patience or Patience()).run()
        await check_archive(archive, tell, blobs=True)
        archive.manifest.finished = int(clock())
        await asyncio.to_thread(archive.checkpoint)
        return archive.manifest
    finally:
        archive.close()


class _Export:
    """An export that is under way."""

    def __init__(self, store: WholeStore, archive: Archive, tell: Tell, patience: Patience) -> None:
        self._store = store
        self._patience = patience
        self._archive = archive
        self._account = archive.manifest.account
        self._tell = tell
        self._accounts: frozenset[str] = frozenset()
        self._checked = time.monotonic()
        self._before = archive.manifest.total()[0]
        self._total = 0

    async def run(self) -> None:
        """Write what is not written yet."""
        # NOTE: those of a tree come first, since they say whose documents are wanted.
        parts = sorted(self._archive.manifest.kinds, key=lambda part: (part.kind != ACCOUNTS.name, part.kind))
        if self._account is None:
            self._total = sum([await self._tally(part.kind) for part in parts])
        for part in parts:
            if not part.done:
                await self._write(part)
            if part.kind == ACCOUNTS.name and self._account is not None:
                self._accounts = await asyncio.to_thread(self._written_accounts, part)
                tenants = sorted(self._accounts)
                others = [each for each in parts if each.kind != ACCOUNTS.name]
                self._total = len(self._accounts) + sum([await self._tally(e.kind, tenants) for e in others])

    async def _tally(self, kind: str, tenants: list[str] | None = None) -> int:
        return await self._patience(partial(self._store.tally, kind, tenants))

    async def _write(self, part: Part) -> None:
        async with aclosing(self._stretches(part)) as stretches:
            async for stretch in stretches:
                wanted = [stored for stored in stretch.documents if self._wants(stored)]
                taken = [stored for stored in await self._with_blobs(wanted) if stored is not None]
                await asyncio.to_thread(self._archive.add, part, taken, stretch.next)
                if part.done or time.monotonic() - self._checked >= _CHECKPOINT:
                    await asyncio.to_thread(self._archive.checkpoint)
                    self._checked = time.monotonic()
                self._tell_of(part)

    async def _stretches(self, part: Part) -> AsyncGenerator[Stretch, None]:
        """What the store has of a kind from where the part ends, each stretch fetched ahead of its turn."""
        fetching = self._fetch(part, part.next)
        try:
            while True:
                stretch = await fetching
                if stretch.next is None:
                    yield stretch
                    return
                fetching = self._fetch(part, stretch.next)
                yield stretch
        finally:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)

    def _fetch(self, part: Part, after: str | None) -> asyncio.Task[Stretch]:
        walk = partial(self._store.walk, part.kind, after, BATCH, self._tenants(part.kind))
        return asyncio.ensure_future(self._patience(walk))

    def _tenants(self, kind: str) -> list[str] | None:
        if self._account is None:
            return None
        if kind == ACCOUNTS.name:
            return [""]
        return [""] * (kind in FOUND_BY) + sorted(self._accounts)

    def _wants(self, stored: Stored) -> bool:
        document = stored.document
        if self._account is None:
            return document.kind != SYSTEM.name or not document.id.startswith(MARK)
        if document.kind == ACCOUNTS.name:
            return is_within(stored, self._account)
        return is_taken(stored, self._accounts)

    def _written_accounts(self, part: Part) -> frozenset[str]:
        """The ids of the accounts in the archive, so that an export that goes on means the same ones."""
        batches = self._archive.read(part)
        return frozenset(stored.document.id for batch in batches for stored in batch.documents)

    def _tell_of(self, part: Part) -> None:
        sums = [each.sum for each in self._archive.manifest.kinds]
        documents = sum(each.documents for each in sums)
        size = sum(each.size + each.blob_bytes for each in sums)
        self._tell(Progress("export", part.kind, documents, self._total, size, self._before))

    # -- blobs ----------------------------------------------------------------------------------------------

    async def _with_blobs(self, some: list[Stored]) -> list[Stored | None]:
        """The documents, whose blobs are in the archive now; None for one that went away meanwhile."""
        if not any(stored.blobs for stored in some):
            return [*some]
        return await together(self._with_its_blobs, some, _AT_ONCE)

    async def _with_its_blobs(self, stored: Stored) -> Stored | None:
        for _ in range(_TRIES):
            try:
                for blob in stored.blobs:
                    await self._patience(partial(self._copy, stored, blob))
                return stored
            except BlobMissing as missing:
                # It was changed or deleted since it was fetched: what it is now counts.
                (now,) = await self._patience(partial(self._store.held, [stored]))
                if now is None:
                    return None
                if now == stored:
                    raise ArchiveError(
                        f"{stored.called()} has a blob that the store does not have: {missing}"
                    ) from None
                stored = now
        raise ArchiveError(f"{stored.called()} is changed too often to be exported: try again later")

    async def _copy(self, stored: Stored, blob: StoredBlob) -> None:
        path = await asyncio.to_thread(self._archive.make_blob_folder, blob.id)
        if await asyncio.to_thread(_has_size, path, blob.size):
            return  # of a run that was interrupted; the check at the end reads it
        writer = BlobFile(path)
        try:
            async for piece in self._store.read_stored_blob(blob.id):
                if writer.take(piece):
                    await asyncio.to_thread(writer.flush)
            if not await asyncio.to_thread(writer.finish, blob):
                raise ArchiveError(
                    f"the blob {blob.id} of {stored.called()} is damaged in the store, which gives other bytes than "
                    "those that were written into it: restore it from a backup, or delete the document"
                )
        finally:
            writer.close()


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False
