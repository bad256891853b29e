"""The port for a store as a whole: what `crossbar export` reads and `crossbar import` writes.

It is an addition to the store port, for operators and not for requests: it looks across tenants, sees what was set
aside, and puts documents back as they were. A store that has it can be moved from and to every other one that has it.

Semantics that every store shares, and that `tests/transfer` checks:

- Bodies and private parts come and go byte for byte: 1 stays 1, and 1.0 stays 1.0.
- A document whose `expires` has passed is not there, be it alive or set aside: no walk gives it, nothing holds it, and
  restoring it does nothing.
- Of several documents set aside that are alike in everything but their blobs, a walk gives one.
- A blob has an id of 32 hexadecimal digits in lower case, which it keeps wherever it goes, as documents name it.
- What is restored is a write like any other: `version()` changes, and running servers see it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol, TypeGuard

from msgspec import Struct

from ..errors import Occupied, StoreError
from . import BlobWriter, Document, Kind, Store, StoredBlob

# The most bytes of bodies and private parts after which a piece of a walk ends, be it as short as one document.
WALK_BYTES = 8 * 1024 * 1024

_BLOB_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Stored(Struct, frozen=True):
    """A document as it lies in a store, with what belongs to it.

    `deleted` is the Unix second in which it was set aside, None if it is alive. `blobs` are all that it keeps, in the
    order of their ids; those of a document set aside were set aside with it.
    """

    document: Document
    deleted: int | None = None
    blobs: tuple[StoredBlob, ...] = ()

    def called(self) -> str:
        """How a message names it."""
        document = self.document
        aside = ", which was deleted" if self.deleted is not None else ""
        return f"{document.kind} {document.id!r} of tenant {document.tenant!r}{aside}"


class Stretch(NamedTuple):
    """A piece of a walk: some documents, and the place where it goes on, None at the end.

    There may be fewer documents than were asked for, even none, before the end.
    """

    documents: list[Stored]
    next: str | None


class WholeStore(Store, Protocol):
    """A store that can be exported and imported. It is opened as ever; every method may raise StoreUnavailable.

    A kind must have been opened before it is walked or restored: `await store.open(await store.kinds())` opens all.
    """

    async def kinds(self) -> list[Kind]:
        """All kinds that the store was ever opened with, each as it was opened last, in the order of their names."""

    async def tally(self, kind: str, tenants: Sequence[str] | None = None) -> int:
        """About how many documents of the kind there are, alive and set aside, of all tenants or of these.

        It is for showing how far something is, and may be off by those that have expired.
        """

    async def walk(self, kind: str, after: str | None, limit: int, tenants: Sequence[str] | None = None) -> Stretch:
        """The next documents of a kind, at most `limit` of them: first those alive, then those set aside.

        `after` is the `next` of the stretch before, None for the first one; what it says is the store's own business,
        and it is good for as long as the store exists, after a restart too. No snapshot is held in between: what is
        there from the beginning of the walk to its end, and is neither changed nor set aside, is given exactly once.

        `tenants` are in order and each once; without it there are those of all tenants.
        """

    async def held(self, some: Sequence[Stored]) -> list[Stored | None]:
        """What the store has in the place of each of these, None where it has nothing.

        In the place of a document alive stands the one alive with its tenant, kind and id, whatever it says; in the
        place of one set aside the one set aside that is the same in everything, its blobs left out of account.
        """

    async def restore(self, some: Sequence[Stored]) -> int:
        """Put documents there exactly as they are, all or none of them; how many were not there before.

        Their times, revision, expiry and private part are kept, and their blobs, which were written with
        `restore_blob` and finished within the last hours, become theirs. One that the store holds in the same state,
        blobs included, is passed over, so that a call whose outcome is unknown can be repeated.

        Occupied if the place of one is taken by another state, or a unique field by another document: nothing is ever
        written over. StoreError if a blob was not written.
        """

    async def restore_blob(self, id: str) -> BlobWriter:
        """Begin a blob that is to have this id; one with the id that was finished and not kept gives way to it.

        StoreError, now or when it is finished, if the id is no id of a blob, or is that of a blob that is kept.
        """

    def read_stored_blob(self, id: str) -> AsyncIterator[bytes]:
        """The bytes of a blob that a document keeps, be it alive or set aside, in pieces of at most 256 KiB.

        BlobMissing, with the first piece, if no document keeps it.
        """


def is_whole(store: Store) -> TypeGuard[WholeStore]:
    """Whether the store has this port."""
    return all(hasattr(store, name) for name in vars(WholeStore) if not name.startswith("_"))


def check_blob_id(id: str) -> None:
    """StoreError unless a blob may have this id."""
    if not _BLOB_ID.fullmatch(id):
        raise StoreError(f"{id!r} is no id of a blob: that has 32 hexadecimal digits in lower case")


def occupied(wanted: Stored, field: str = "id", holder: str | None = None) -> Occupied:
    """The error of a document whose place is taken: by another state of it, or in a unique field by `holder`."""
    document = wanted.document
    if field == "id":
        told = f"the store has {wanted.called()} already, and in another state"
    else:
        told = f"{wanted.called()} has the same {field!r} as {holder!r}, which the store has already"
    return Occupied(told, document.tenant, document.kind, document.id)
