"""Reading a blob: some of its pieces at a time, in a thread, from a file that is opened once."""

from __future__ import annotations

import os
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


class BlobReader:
    """The file of a blob, opened with the first read. It may be closed while a thread is still reading.

    Once it is open it can be read to its end although it is removed meanwhile.
    """

    def __init__(self, files: BlobFiles, id: str, size: int) -> None:
        self._files = files
        self._path = files.path(id)
        self._size = size
        self._file: FileIO | None = None
        self._closed = False
        self._busy = Lock()

    async def read(self, start: int, end: int) -> list[bytes]:
        """The bytes between these two places, in pieces.

        FileNotFoundError if there is no file; StoreUnavailable if it has another size, or cannot be read.
        """
        if end - start <= INLINE:
            return self._read(start, end)
        return await self._files.read(partial(self._read, start, end))

    def close(self) -> None:
        """Close the file, now or when the thread that reads it is done."""
        self._closed = True
        if self._busy.acquire(blocking=False):
            if self._file is not None:
                self._file.close()
            self._busy.release()

    def _read(self, start: int, end: int) -> list[bytes]:
        try:
            with self._busy:
                return [] if self._closed else self._pieces(start, end)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._files.failed(self._path, error) from error
        finally:
            if self._closed:
                self.close()

    def _pieces(self, start: int, end: int) -> list[bytes]:
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
        return self._files.unavailable(
            self._path, f"it has {size} bytes where {self._size} were written; restore it from a backup"
        )
