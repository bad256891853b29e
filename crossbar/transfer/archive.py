"""The files of an archive: `documents/<kind>.ndjson`, `blobs/<first two digits>/<id>`, and the manifest.

What the manifest counts is on the disk: files are synced before it is written, so that after a crash everything beyond
what it counts is cut off, and done again. A blob has its name only when it is complete.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

from .._version import __version__
from ..stores.whole import Stored, check_blob_id
from .lines import Sum, line_of, stored_of
from .manifest import FORMAT, NAME, ArchiveError, Manifest, Part, read_manifest, sync_folder, write_manifest

BATCH = 500
_BATCH_BYTES = 8 * 1024 * 1024
# A blob must be kept within hours of being written, so that a batch of large ones is small.
_BATCH_BLOBS = 256 * 1024 * 1024


class Batch(NamedTuple):
    """Some documents of a part with their lines, and the place in its file where the next ones begin."""

    documents: list[Stored]
    lines: list[bytes]
    end: int


class Archive:
    """An archive in a folder that this process has for itself, or shares with others that read; `close` lets it go."""

    def __init__(self, folder: Path, manifest: Manifest, lock: int) -> None:
        self.folder = folder
        self.manifest = manifest
        self._lock = lock
        self._file: tuple[str, int] | None = None
        self._unsynced: set[Path] = set()

    @classmethod
    def begin(cls, folder: Path, source: str, account: str | None, now: int) -> Archive:
        """A new archive, in a folder that is made or empty, or the one there that was begun alike and not finished."""
        try:
            folder.mkdir(0o700, exist_ok=True)
            lock = _locked(folder, fcntl.LOCK_EX)
        except OSError as error:
            raise ArchiveError(f"{folder}: {error.strerror}; name a folder that can be made, or an empty one") from None
        try:
            manifest = read_manifest(folder)
            if manifest is not None:
                _refuse_other(folder, manifest, source, account)
            elif set(os.listdir(folder)) - {f"{NAME}.new"}:
                raise ArchiveError(f"{folder} is not empty, and holds no archive: name another folder")
            else:
                folder.chmod(0o700)
                manifest = Manifest(FORMAT, __version__, uuid.uuid4().hex, source, account, now)
                write_manifest(folder, manifest)
            archive = cls(folder, manifest, lock)
            archive._cut()
            return archive
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def open(cls, folder: Path) -> Archive:
        """A complete archive, for reading; ArchiveError if there is none."""
        manifest = read_manifest(folder)
        if manifest is None:
            raise ArchiveError(f"{folder} holds no archive: there is no {NAME}; name the folder of an export")
        if manifest.finished is None:
            raise ArchiveError(
                f"the archive {folder} is incomplete: run its export again, which goes on where it ended"
            )
        return cls(folder, manifest, _locked(folder, fcntl.LOCK_SH))

    def close(self) -> None:
        """Let the folder go."""
        if self._file is not None:
            os.close(self._file[1])
        os.close(self._lock)

    def path_of(self, part: Part) -> Path:
        """The file of the documents of a kind."""
        return self.folder / "documents" / f"{part.kind}.ndjson"

    def blob_path(self, id: str) -> Path:
        """The file of a blob; StoreError if that is no id of one."""
        check_blob_id(id)
        return self.folder / "blobs" / id[:2] / id

    # -- writing --------------------------------------------------------------------------------------------

    def add(self, part: Part, documents: list[Stored], following: str | None) -> None:
        """Write more documents of a part, after which its walk goes on at `following`, None if it is done."""
        lines = [line_of(stored) for stored in documents]
        file = self._opened(part)
        for stored, line in zip(documents, lines, strict=True):
            part.sum.add(stored, line)
        view = memoryview(b"".join([line + b"\n" for line in lines]))
        while view:
            view = view[os.write(file, view) :]
        part.next, part.done = following, following is None

    def make_blob_folder(self, id: str) -> Path:
        """The file that a blob is to have, in a folder that is there; its name is safe after the next `checkpoint`."""
        path = self.blob_path(id)
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(0o700, exist_ok=True)
            self._unsynced.add(folder.parent)
        self._unsynced.add(path.parent)
        return path

    def checkpoint(self) -> None:
        """Make sure that all that was added is on the disk, and write down how far the export is."""
        unsynced, self._unsynced = self._unsynced, set()
        for folder in sorted(unsynced):
            sync_folder(folder)
        if self._file is not None:
            os.fsync(self._file[1])
        write_manifest(self.folder, self.manifest)

    def _opened(self, part: Part) -> int:
        if self._file is not None and self._file[0] == part.kind:
            return self._file[1]
        if self._file is not None:
            os.fsync(self._file[1])
            os.close(self._file[1])
        path = self.path_of(part)
        path.parent.mkdir(0o700, exist_ok=True)
        self._unsynced |= {path.parent, path.parent.parent}
        self._file = part.kind, os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        return self._file[1]

    def _cut(self) -> None:
        """Cut off what the manifest does not count, and take away blobs that are not complete."""
        for unfinished in self.folder.glob("blobs/*/*.new"):
            unfinished.unlink()
        for part in self.manifest.kinds:
            path = self.path_of(part)
            size = path.stat().st_size if path.exists() else 0
            if size < part.sum.size:
                raise ArchiveError(f"{path} is shorter than {NAME} says: it was changed; export into another folder")
            if size > part.sum.size:
                os.truncate(path, part.sum.size)

    # -- reading --------------------------------------------------------------------------------------------

    def read(self, part: Part, start: int = 0) -> Generator[Batch, None, None]:
        """The documents of a part from a place in its file on, some at a time; ArchiveError at a line that is none."""
        path = self.path_of(part)
        if not part.sum.documents:
            return
        documents: list[Stored] = []
        lines: list[bytes] = []
        size, blobs = 0, 0
        try:
            with path.open("rb") as file:
                file.seek(start)
                for line in file:
                    start += len(line)
                    stored = self._parsed(part, path, line)
                    documents.append(stored)
                    lines.append(line[:-1])
                    size, blobs = size + len(line), blobs + sum([blob.size for blob in stored.blobs])
                    if len(lines) == BATCH or size >= _BATCH_BYTES or blobs >= _BATCH_BLOBS:
                        yield Batch(documents, lines, start)
                        documents, lines, size, blobs = [], [], 0, 0
        except OSError as error:
            raise unreadable(path, error) from error
        if lines:
            yield Batch(documents, lines, start)

    def damaged(self, part: Part, found: Sum) -> ArchiveError:
        """The error of a part whose file is not what was written."""
        told = f"{found.documents:,} documents with the digest {found.digest[:16]}..."
        wanted = f"{part.sum.documents:,} with {part.sum.digest[:16]}..."
        return ArchiveError(
            f"{self.path_of(part)} is not what was exported: it has {told}, and {NAME} says {wanted}; "
            "copy the archive anew, or export again"
        )

    def _parsed(self, part: Part, path: Path, line: bytes) -> Stored:
        try:
            # NOTE: of a line that was cut off this takes the last byte, too, so that it is none.
            stored = stored_of(line[:-1])
        except ValueError:
            stored = None
        if stored is None or stored.document.kind != part.kind:
            raise ArchiveError(f"{path}: a line is damaged or cut off: {line[:60]!r}...; copy the archive anew")
        return stored


def unreadable(path: Path, error: OSError) -> ArchiveError:
    """The error of a file of an archive that is not there, or cannot be read."""
    if isinstance(error, FileNotFoundError):
        return ArchiveError(f"{path} is missing, and was exported; copy the archive anew")
    return ArchiveError(f"{path} cannot be read: {error.strerror}; let this user read it, or copy the archive anew")


def _locked(folder: Path, how: int) -> int:
    """The folder, opened and locked; ArchiveError if another process is at work in it."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        raise ArchiveError(f"another process is at work in {folder}: wait for it, or name another folder") from None
    except OSError:
        pass  # A file system without locks cannot tell, so that it is up to the operator.
    return opened


def _refuse_other(folder: Path, manifest: Manifest, source: str, account: str | None) -> None:
    """ArchiveError unless an export of this goes on with this archive."""
    if manifest.finished is not None:
        raise ArchiveError(f"the archive {folder} is complete: to export again, name another folder")
    if manifest.source != source:
        raise ArchiveError(f"the archive {folder} was begun from another store: name that one, or another folder")
    if manifest.account != account:
        begun = "the whole store" if manifest.account is None else f"the account {manifest.account}"
        raise ArchiveError(f"the archive {folder} was begun for {begun}: ask for the same, or name another folder")
