"""Writing a blob: pieces are collected, then written and hashed in a thread."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from io import FileIO
from pathlib import Path
from threading import Lock
from uuid import uuid4

from ...errors import StoreError, StoreOverdue, StoreUnavailable
from .. import StoredBlob
from .blob_files import BlobFiles

logger = logging.getLogger(__name__)

# PERF: one hop to a thread for this many bytes.
COLLECT = 1024 * 1024
# PERF: as much as this may wait to be on the disk, or finishing 1 GiB would take many seconds.
SYNC_EVERY = 64 * 1024 * 1024


class SqliteBlobWriter:
    """A blob on its way into a file of its own; `is_kept` tells of an id whether it was kept.

    It gets an id of its own, or at the end the `id` that it is to have.
    """

    def __init__(self, files: BlobFiles, is_kept: Callable[[str], Awaitable[bool]], id: str | None = None) -> None:
        self._files = files
        self._is_kept = is_kept
        self._file = _File(files, id)
        self._collected = bytearray()
        self._open = True
        self._begun = False
        self._blob: StoredBlob | None = None

    async def write(self, piece: bytes) -> None:
        """Take the next piece; StoreError after the end, StoreUnavailable if it cannot be written."""
        self._check("takes no more")
        if len(self._collected) + len(piece) < COLLECT:
            self._collected += piece
            return
        collected, self._collected = self._collected, bytearray()
        self._open, self._begun = False, True
        await self._files.write(partial(self._file.append, collected, piece))
        self._open = True

    async def finish(self) -> StoredBlob:
        """The blob, whose file is complete and as safe as a commit; the same one when asked again."""
        if self._blob is None:
            self._check("cannot be finished")
            self._open, self._begun = False, True
            self._blob = await self._files.write(partial(self._file.finish, self._collected))
        return self._blob

    async def discard(self) -> None:
        """Remove the file, unless the blob was kept; one that cannot be removed now is swept a day later."""
        self._open = False
        begun, self._begun = self._begun, False
        if begun:
            # NOTE: asyncio.wait leaves the task alone when the caller is cancelled, which is when most are discarded.
            await asyncio.wait([asyncio.create_task(self._remove())])

    async def _remove(self) -> None:
        blob, self._blob = self._blob, None
        try:
            if blob is not None and await self._is_kept(blob.id):
                return
            try:
                await self._files.write(self._file.remove)
            except StoreUnavailable:
                self._file.remove()  # The store was closed, and its threads have ended.
        except (StoreUnavailable, StoreOverdue) as error:
            logger.warning("a discarded blob is left until it is swept: %s", error)

    def _check(self, otherwise: str) -> None:
        # NOTE: closed while a thread writes, so that it stays closed if that fails or its caller is cancelled.
        if not self._open:
            raise StoreError(f"a blob that was finished or discarded, or could not be written, {otherwise}")


class _File:
    """The file that a blob is written to; its methods run in threads, one at a time."""

    def __init__(self, files: BlobFiles, wanted: str | None = None) -> None:
        self._files = files
        # NOTE: what is to have a certain id gets it when it is complete, so that a file of that name is never half.
        self._wanted = wanted
        self._id = uuid4().hex
        self._path = files.path(self._id)
        self._file: FileIO | None = None
        self._hash = hashlib.sha256()
        self._size = 0
        self._synced = 0
        self._removed = False
        self._busy = Lock()

    def append(self, *pieces: bytes | bytearray) -> None:
        """Write these pieces to the end of the file, which is made with the first."""
        with self._busy:
            try:
                self._append(pieces)
            except OSError as error:
                raise self._files.failed(self._path, error) from error

    def finish(self, last: bytes | bytearray) -> StoredBlob:
        """Write the last piece, and close the file once it is on the disk."""
        with self._busy:
            try:
                file = self._append([last])
                if self._files.sync:
                    os.fsync(file.fileno())
                file.close()
                if self._wanted is not None:
                    self._rename(self._wanted)
                if self._files.sync:
                    _sync_folder(self._path.parent)
            except OSError as error:
                raise self._files.failed(self._path, error) from error
            return StoredBlob(self._id, self._size, self._hash.hexdigest())

    def remove(self) -> None:
        """Close and remove the file, finished or not, made or not."""
        with self._busy:
            self._removed = True
            if self._file is not None:
                self._file.close()
                self._files.remove([self._id])

    def _append(self, pieces: Sequence[bytes | bytearray]) -> FileIO:
        if self._removed:
            raise StoreError("the blob was discarded while it was written")
        if self._file is None:
            self._file = self._make()
        for piece in pieces:
            view = memoryview(piece)
            self._hash.update(view)
            self._size += len(view)
            while view:
                view = view[self._file.write(view) :]
        if self._files.sync and self._size - self._synced >= SYNC_EVERY:
            os.fdatasync(self._file.fileno())
            self._synced = self._size
        return self._file

    def _make(self) -> FileIO:
        """The new file, in folders that are made where they are missing; nobody else may look into any of them."""
        with suppress(FileNotFoundError):
            return FileIO(self._path, "x", opener=_open_private)
        self._make_folders(self._path)
        return FileIO(self._path, "x", opener=_open_private)

    def _rename(self, id: str) -> None:
        path = self._files.path(id)
        self._make_folders(path)
        self._path.rename(path)
        self._id, self._path = id, path

    def _make_folders(self, path: Path) -> None:
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(0o700, exist_ok=True)
            if self._files.sync:
                _sync_folder(folder.parent)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    """Make sure that the names in the folder are on the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
