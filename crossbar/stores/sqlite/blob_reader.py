"""Reading a blob: some of its pieces at a time, in a thread, from a file that is opened once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from io import FileIO
from threading import Lock

from ...errors import StoreUnavailable
from .. import BLOB_PIECE
from .blob_files import BlobFiles

# PERF: the hop to a thread costs as much as reading 256 KiB that the system has in memory.
AHEAD = 4 * BLOB_PIECE
# PERF: what is that small costs less than the hop, as a document does.
INLINE = 64 * 1024


async def read_pieces(files: BlobFiles, id: str, size: int, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes from `start` to `end` of the blob, which has `size` bytes, in pieces.

    FileNotFoundError if there is no file; StoreUnavailable if it has another size or cannot be read.
    """
    # NOTE: an open file can be read to its end although it is removed meanwhile.
    with closing(_OpenBlob(files, id, size)) as blob:
        for place in range(start, end, AHEAD):
            read = partial(blob.read, place, min(place + AHEAD, end))
            for piece in read() if end - start <= INLINE else await files.read(read):
                yield piece


class _OpenBlob:
    """The file of a blob, opened with the first read. It may be closed while a thread is still reading."""

    def __init__(self, files: BlobFiles, id: str, size: int) -> None:
        self._files = files
        self._path = files.path(id)
        self._size = size
        self._file: FileIO | None = None
        self._closed = False
        self._busy = Lock()

    def read(self, start: int, end: int) -> list[bytes]:
        """The pieces between these two places; none once the file is closed."""
        try:
            with self._busy:
                return [] if self._closed else self._read(start, end)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._files.failed(self._path, error) from error
        finally:
            if self._closed:
                self.close()

    def close(self) -> None:
        """Close the file, now or when the thread that reads it is done."""
        self._closed = True
        if self._busy.acquire(blocking=False):
            if self._file is not None:
                self._file.close()
            self._busy.release()

    def _read(self, start: int, end: int) -> list[bytes]:
        if self._file is None:
            self._file = FileIO(self._path)
            size = os.fstat(self._file.fileno()).st_size
            if size != self._size:
                raise self._damaged(size)
        pieces = []
        while start < end:
            piece = os.pread(self._file.fileno(), min(BLOB_PIECE, end - start), start)
            if not piece:
                raise self._damaged(start)
            pieces.append(piece)
            start += len(piece)
        return pieces

    def _damaged(self, size: int) -> StoreUnavailable:
        return StoreUnavailable(
            f"blob file {self._path}: it has {size} bytes where {self._size} were written; restore it from a backup"
        )
