"""The files of the blobs: a folder beside the database, threads that work in it, and what to tell when they fail.

`<database file>-blobs/<first two digits of the id>/<id>` is one blob, byte for byte. Nobody learns an id before the
file is complete and safe, and a file never changes after that.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ...errors import StoreError, StoreOverdue, StoreUnavailable
from .. import StoredBlob

logger = logging.getLogger(__name__)

# A file that no row names is removed this many seconds after it was last written to.
ORPHAN_AFTER = 24 * 3600
# NOTE: half of that, so that a file which is being swept can never be kept in the same moment.
KEEP_WITHIN = ORPHAN_AFTER // 2

_THREADS = 4
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_FOLDER = re.compile(r"[0-9a-f]{2}", re.ASCII)

# What stands behind a failure, and the way out.
_REMEDIES = {
    errno.ENOENT: "the file is missing; restore it from a backup",
    errno.ENOSPC: "the disk is full; free some space, then try again",
    errno.EDQUOT: "the disk quota is used up; free some space, then try again",
    errno.EFBIG: "no file may be that large; raise the limit of the process (ulimit -f), or use another file system",
    errno.EACCES: "this user may not read or write it; give it the right to do both, in the folder too",
    errno.EPERM: "this user may not read or write it; give it the right to do both, in the folder too",
    errno.EROFS: "the disk is read-only; make it writable",
    errno.EMFILE: "this process has too many files open; raise the limit (ulimit -n)",
    errno.ENFILE: "the system has too many files open; raise the limit (fs.file-max)",
    errno.EIO: "the disk does not read or write as it should; look at the system's log",
}

T = TypeVar("T")


class BlobFiles:
    """The folder of the blobs of one database file, which is made with the first blob.

    `sync` asks for each file to be on the disk before its blob is called finished. Reading and writing have threads of
    their own, so that nobody who reads waits for a disk to sync; one piece of work may take `read_seconds` or
    `write_seconds`.
    """

    def __init__(self, database: Path, *, sync: bool, read_seconds: float, write_seconds: float) -> None:
        self.folder = database.with_name(f"{database.name}-blobs")
        self.sync = sync
        self._database = database
        self._read_seconds = read_seconds
        self._write_seconds = write_seconds
        self._readers = ThreadPoolExecutor(_THREADS, "crossbar-sqlite-blob-reader")
        self._writers = ThreadPoolExecutor(_THREADS, "crossbar-sqlite-blob-writer")
        # NOTE: anywhere, or processes that live for minutes would all look into the same folders.
        self._swept = os.urandom(1).hex()

    def path(self, id: str) -> Path:
        """Where the blob is, or is to be."""
        return self.folder / id[:2] / id

    async def read(self, work: Callable[[], T]) -> T:
        """What the work returns or raises, done in a thread for reading; StoreOverdue if it takes too long."""
        return await self._do(self._readers, work, self._read_seconds)

    async def write(self, work: Callable[[], T]) -> T:
        """What the work returns or raises, done in a thread for writing; StoreOverdue if it takes too long."""
        return await self._do(self._writers, work, self._write_seconds)

    def remove(self, ids: Sequence[str]) -> None:
        """Remove these files, here and now; those that cannot be removed are logged."""
        failures = []
        for id in ids:
            try:
                self.path(id).unlink(missing_ok=True)
            except OSError as error:
                failures.append(self.failed(self.path(id), error))
        if failures:
            logger.warning("%d of %d files could not be removed, the first: %s", len(failures), len(ids), failures[0])

    def remove_soon(self, ids: Sequence[str]) -> None:
        """Remove these files in a thread, without waiting."""
        with suppress(StoreUnavailable):  # Closed: what is left is removed when the file is opened again.
            self._submit(self._writers, lambda: self.remove(ids))

    def check(self, blob: StoredBlob) -> None:
        """StoreError unless the blob was finished within the last hours and is still there."""
        try:
            found = self.path(blob.id).stat() if _ID.fullmatch(blob.id) else None
        except FileNotFoundError:
            found = None
        except OSError as error:
            raise self.failed(self.path(blob.id), error) from error
        if found is None or found.st_size != blob.size:
            raise StoreError(f"blob {blob.id!r} cannot be kept: it was not finished, or was discarded")
        if time.time() - found.st_mtime > KEEP_WITHIN:
            raise StoreError(f"blob {blob.id!r} cannot be kept: it was finished over {KEEP_WITHIN // 3600} hours ago")

    def sweep(self, named: Callable[[str], set[str]]) -> None:
        """Remove the old files that no row names from one of the folders, another each time.

        `named` finds the ids with these two first digits that rows name.
        """
        with suppress(FileNotFoundError):
            folders = sorted(filter(_FOLDER.fullmatch, os.listdir(self.folder)))
            if not folders:
                return
            self._swept = next((name for name in folders if name > self._swept), folders[0])
            before = time.time() - ORPHAN_AFTER
            wanted = named(self._swept)
            with os.scandir(self.folder / self._swept) as found:
                unnamed = [each for each in found if _ID.fullmatch(each.name) and each.name not in wanted]
            self.remove_soon([each.name for each in unnamed if each.stat().st_mtime < before])

    def close(self) -> None:
        """Wait for what the threads are asked to do, and end them."""
        self._readers.shutdown()
        self._writers.shutdown()

    def failed(self, path: Path, error: OSError) -> StoreUnavailable:
        """The error as the store reports it: which file, what is wrong, and the way out."""
        remedy = _REMEDIES.get(error.errno or 0)
        return self.unavailable(path, f"{remedy} ({error.strerror})" if remedy else f"{error.strerror or error}")

    def unavailable(self, path: Path, reason: str) -> StoreUnavailable:
        """The error of a file that cannot be used for this reason."""
        return StoreUnavailable(f"SQLite store {self._database}: blob file {path}: {reason}")

    async def _do(self, pool: ThreadPoolExecutor, work: Callable[[], T], seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(self._submit(pool, work))
        except TimeoutError:
            told = f"SQLite store {self._database}: no answer from the folder {self.folder} within {seconds:g} seconds"
            raise StoreOverdue(f"{told}; its disk does not work, or has too much to do") from None

    def _submit(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> Future[T]:
        try:
            return pool.submit(work)
        except RuntimeError as error:
            raise StoreUnavailable(f"SQLite store {self._database}: it was closed") from error
