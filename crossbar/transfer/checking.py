"""Whether an archive is what was exported, and a store holds what is in it: by counts, digests and blobs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import BlobMissing, StoreError
from ..stores import BLOB_PIECE, StoredBlob
from ..stores.whole import Stored, WholeStore
from .archive import Archive, Batch, unreadable
from .incidental import is_incidental
from .lines import Sum, line_of
from .manifest import ArchiveError, Part
from .patience import Patience
from .progress import Progress, Tell
from .together import ahead, together

_AT_ONCE = 4
_NAMED = 5
_GRACE = 2  # seconds by which the clocks of a store and of this process may differ


async def check_archive(archive: Archive, tell: Tell, *, blobs: bool) -> None:
    """Read all of an archive; ArchiveError unless it is what the manifest says.

    With `blobs` they are read too, else only looked at for their sizes.
    """
    judge = _read_blob if blobs else _look_at_blob
    meter = _Meter(archive, tell, "check")
    for part in archive.manifest.kinds:
        found = Sum()
        async with aclosing(ahead(_summed(archive, part, found, judge))) as batches:
            async for batch in batches:
                meter.passed(part, batch)
        if found != part.sum:
            raise archive.damaged(part, found)


def _summed(
    archive: Archive, part: Part, found: Sum, judge: Callable[[Path, StoredBlob], None]
) -> Generator[Batch, None, None]:
    """The batches of a part, once they are added up and their blobs were judged; it runs in a thread."""
    for batch in archive.read(part):
        for stored, line in zip(batch.documents, batch.lines, strict=True):
            found.add(stored, line)
            for blob in stored.blobs:
                judge(archive.blob_path(blob.id), blob)
        yield batch


def _look_at_blob(path: Path, blob: StoredBlob) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error
    if size != blob.size:
        raise ArchiveError(f"{path} has {size:,} bytes, and {blob.size:,} were exported; copy the archive anew")


def _read_blob(path: Path, blob: StoredBlob) -> None:
    _look_at_blob(path, blob)
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(4 * BLOB_PIECE):
                digest.update(piece)
    except OSError as error:
        raise unreadable(path, error) from error
    if digest.hexdigest() != blob.sha256:
        raise damaged_blob(path)


def damaged_blob(path: Path) -> ArchiveError:
    """The error of a blob in an archive whose bytes are not those that were exported."""
    return ArchiveError(f"{path} is damaged: its bytes are not those that were exported; copy the archive anew")


class Checked(NamedTuple):
    """What a store holds of an archive: the documents as they were, and those that have expired since."""

    documents: int
    expired: int
    blobs: int


async def check_store(
    archive: Archive, store: WholeStore, now: Callable[[], float], tell: Tell, patience: Patience
) -> Checked:
    """Ask the store for every document of an archive, and read every blob back; `patience` waits for it.

    ArchiveError unless all are there in the state in which they were exported: counts and digests of what the store
    gives are those of the manifest.
    """
    checked = Checked(0, 0, 0)
    differing: list[str] = []
    count = 0
    meter = _Meter(archive, tell, "check")
    for part in archive.manifest.kinds:
        found = Sum()
        async with aclosing(ahead(archive.read(part))) as batches:
            async for batch in batches:
                held = await patience(partial(store.held, batch.documents))
                expired = [each is None and _has_expired(stored, now()) for stored, each in _pairs(batch, held)]
                for stored, each, gone in zip(batch.documents, held, expired, strict=True):
                    passed = gone or (each is not None and is_incidental(stored))
                    if passed:
                        found.add(stored, line_of(stored))
                    elif each is not None:
                        found.add(each, line_of(each))
                    if each != stored and not passed:
                        count += 1
                        differing += [stored.called()] * (len(differing) < _NAMED)
                kept = [blob for each in held if each is not None for blob in each.blobs]
                await _check_blobs(store, kept, patience)
                checked = Checked(
                    checked.documents + len(held) - sum(expired),
                    checked.expired + sum(expired),
                    checked.blobs + len(kept),
                )
                meter.passed(part, batch)
        if found != part.sum and not count:
            raise archive.damaged(part, found)
    if count:
        raise ArchiveError(
            f"the store does not hold what is in the archive: {count:,} documents are missing or in another state, "
            f"such as {'; '.join(differing)}. If they were changed since they were imported, nothing is lost"
        )
    return checked


def _pairs(batch: Batch, held: list[Stored | None]) -> Iterable[tuple[Stored, Stored | None]]:
    return zip(batch.documents, held, strict=True)


def _has_expired(stored: Stored, now: float) -> bool:
    expires = stored.document.expires
    return expires is not None and expires <= now + _GRACE


async def _check_blobs(store: WholeStore, blobs: list[StoredBlob], patience: Patience) -> None:
    async def read(blob: StoredBlob) -> None:
        digest = hashlib.sha256()
        try:
            async for piece in store.read_stored_blob(blob.id):
                digest.update(piece)
        except BlobMissing:
            return  # Its document was deleted since it was asked for.
        if digest.hexdigest() != blob.sha256:
            raise StoreError(f"blob {blob.id}: the store gives other bytes than those that were written into it")

    await together(lambda blob: patience(partial(read, blob)), blobs, _AT_ONCE)


class _Meter:
    """Tells how far a walk through an archive is."""

    def __init__(self, archive: Archive, tell: Tell, doing: str) -> None:
        self._tell = tell
        self._doing = doing
        self._total, _ = archive.manifest.total()
        self._documents = 0
        self._bytes = 0

    def passed(self, part: Part, batch: Batch) -> None:
        """Count a batch."""
        self._documents += len(batch.documents)
        self._bytes += sum([len(line) + 1 for line in batch.lines])
        self._bytes += sum([blob.size for stored in batch.documents for blob in stored.blobs])
        self._tell(Progress(self._doing, part.kind, self._documents, self._total, self._bytes))
