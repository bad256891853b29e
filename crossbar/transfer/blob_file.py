"""A blob on its way into an archive: it gets its name when all of its bytes are there, and the right ones."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from ..stores import StoredBlob

_COLLECT = 1024 * 1024


class BlobFile:
    """The file of a blob, which is written beside its place first. `flush` and `finish` wait for the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_suffix(".new")
        self._file = os.open(self._new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        self._digest = sha256()
        self._size = 0
        self._collected = bytearray()

    def take(self, piece: bytes) -> bool:
        """Take the next piece; whether so much has come together that it is to be flushed."""
        self._collected += piece
        return len(self._collected) >= _COLLECT

    def flush(self) -> None:
        """Write what has come together."""
        self._digest.update(self._collected)
        self._size += len(self._collected)
        with memoryview(self._collected) as view:
            written = 0
            while written < len(view):
                written += os.write(self._file, view[written:])
        self._collected.clear()

    def finish(self, blob: StoredBlob) -> bool:
        """Write the rest, make sure that it is on the disk, and give it its name; False if it is another blob."""
        self.flush()
        if (self._size, self._digest.hexdigest()) != (blob.size, blob.sha256):
            return False
        os.fsync(self._file)
        self._new.rename(self._path)
        return True

    def close(self) -> None:
        """Let it go, and leave nothing of it unless it was finished."""
        os.close(self._file)
        with suppress(FileNotFoundError):
            self._new.unlink()
