"""A ZIP file of many attachments, made while it is sent: nothing of it is held but the present piece."""

import time
import zipfile
from collections.abc import AsyncIterator, Iterable

from crossbar import Blob

_FIRST_YEAR = 1980  # a ZIP file knows no earlier one


class _Outlet:
    """What the archive is written to; it cannot be wound back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes, /) -> int:
        """Keep what comes until it is taken."""
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Do nothing: what was written is there."""

    def close(self) -> None:
        """Do nothing: it is not the archive's."""

    def taken(self) -> bytes:
        """What has come since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


async def zipped(files: Iterable[tuple[str, Blob]]) -> AsyncIterator[bytes]:
    """The bytes of a ZIP file with these files in it, by their names; sound does not get smaller, so it is stored."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
        for name, blob in files:
            moment = time.gmtime(blob.modified or 0)
            info = zipfile.ZipInfo(name, moment[:6] if moment.tm_year >= _FIRST_YEAR else (_FIRST_YEAR, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            content = blob.content
            info.file_size = len(content) if isinstance(content, bytes) else content.size
            with archive.open(info, "w") as entry:
                if isinstance(content, bytes):
                    entry.write(content)
                else:
                    async for piece in content.read(0, content.size):
                        entry.write(piece)
                        yield outlet.taken()
            yield outlet.taken()
    yield outlet.taken()
