"""What an archive says of itself: `manifest.json`, which is written anew, all or nothing, each time it changes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
from msgspec import Struct, field

from ..errors import CrossbarError
from ..stores import Kind
from .lines import Sum

FORMAT = 1
NAME = "manifest.json"

_KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)


class ArchiveError(CrossbarError):
    """An archive cannot be written or believed, or does not fit the store; the message says why and the way out."""


class Part(Struct):
    """The documents of one kind: what a store must know of it, what was written, and how far the export is.

    `next` is the place of the store's walk that comes next, and `done` says that there is none.
    """

    kind: str
    summary: tuple[str, ...] | None
    unique: tuple[str, ...]
    indexes: tuple[str, ...]
    private_indexes: tuple[str, ...]
    sum: Sum = field(default_factory=Sum)
    next: str | None = None
    done: bool = False

    @classmethod
    def of(cls, kind: Kind) -> Part:
        """The part of a kind, empty; ArchiveError if its name is no name of a file."""
        part = cls(*kind)
        part.check()
        return part

    def declared(self) -> Kind:
        """The kind as it was where the documents come from."""
        return Kind(self.kind, self.summary, self.unique, self.indexes, self.private_indexes)

    def check(self) -> None:
        """ArchiveError unless the kind's name can be that of a file."""
        if not _KIND.fullmatch(self.kind):
            raise ArchiveError(f"the kind {self.kind!r} cannot be archived: a name is made of letters, digits, _ and -")


class Manifest(Struct):
    """What an archive holds. One without `finished` is incomplete; both times are Unix seconds.

    `source` tells the store that it was made of from others, `account` is the top of an account tree, None for a whole
    store, and `id` is the archive's own.
    """

    format: int
    crossbar: str
    id: str
    source: str
    account: str | None
    began: int
    finished: int | None = None
    kinds: list[Part] = field(default_factory=list)

    def total(self) -> tuple[int, int]:
        """How many documents and blobs there are of all kinds."""
        return sum(part.sum.documents for part in self.kinds), sum(part.sum.blobs for part in self.kinds)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of the archive in the folder, None if there is none; ArchiveError if it cannot be used."""
    path = folder / NAME
    try:
        told = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror}; name a folder that you may read") from error
    try:
        found = msgspec.json.decode(told)
        written = found.get("format") if isinstance(found, dict) else None
        if isinstance(written, int) and written != FORMAT:
            raise ArchiveError(
                f"{path}: the archive has format {written}, and this Crossbar reads {FORMAT}: use another"
            )
        manifest = msgspec.convert(found, Manifest)
    except msgspec.MsgspecError as error:
        raise ArchiveError(f"{path}: damaged, or no manifest of an archive ({error}); copy the archive anew") from error
    for part in manifest.kinds:
        part.check()
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest in the place of the one before, and make sure that it is on the disk."""
    new = folder / f"{NAME}.new"
    with open(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / NAME)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make sure that the names in the folder are on the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
