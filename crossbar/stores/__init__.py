"""The store port: documents by (tenant, kind, id), revision-checked writes, keyset listings.

A **document** is one stored thing. Its body is the client's, as JSON that we encoded ourselves; all else is
ours. The tenant is part of the key of every call, so that a read across tenants cannot be written.

Listings are ordered by `key`: the creation time, padded, then the id. It never changes and is unique, so that a
walk over pages sees every document that was there throughout exactly once, whatever else is written meanwhile.

Semantics that every store shares, and that `tests/contract` checks against the memory store:

- `write` is all or nothing; a Replace or Delete that names a revision succeeds only at that revision.
- Deleted documents (soft or not) are gone from `get`, `page` and `find`, and free their unique values.
- A unique field (dotted path) may hold each text, number or boolean once in a tenant; missing and null never clash.
- A document whose `expires` has passed is as good as deleted. That changes no version; caches look at the time.
- An Insert keeps creation time, modification time and revision as they are given, so that importers can set them.
- `version()` has changed before a write is acknowledged to its writer, and at the latest in the turn of the event loop
  after the one in which a write of anybody is visible to `get`; with writes of other processes, `lag` seconds later.
  A store that cannot tell kinds apart changes it for all of them.

A **blob** is bytes that never change: a recording, a photo, a fax. It is written piece by piece before any document
knows of it, and becomes part of one with a `Keep` in the same write as the document that names it:

- A blob that is not kept is as good as not there, and is destroyed some hours after it was begun at the latest.
- A kept blob is complete, and stays for as long as its document does: a Delete with `purge`, and expiry, destroy the
  blobs of a document with it; a soft Delete keeps them aside, and nobody can read them any more.
- Whoever reads a blob while it is destroyed gets all of its bytes, or StoreUnavailable, never fewer bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import orjson
from msgspec import Struct
from msgspec.structs import replace

from ..filters import Filter

Body = dict[str, Any]

BLOB_PIECE = 256 * 1024  # The most bytes that a piece of a blob has when it is read.


class Document(Struct, frozen=True):
    """One stored thing.

    `body` is a compact JSON object that carries its own `id`; `private` is a JSON object that never leaves
    the server. `created`, `modified` and `expires` are Unix seconds. `revision` starts at 1 and grows by one
    with every write.
    """

    tenant: str
    kind: str
    id: str
    body: bytes
    created: int
    modified: int
    revision: int = 1
    private: bytes | None = None
    expires: int | None = None

    @property
    def key(self) -> str:
        """Where the document stands in listings."""
        return listing_key(self.created, self.id)

    @classmethod
    def of(cls, tenant: str, kind: str, id: str, body: Body, now: int, private: Body | None = None) -> Document:
        """A new document with this body, whose id is put into it."""
        encoded = orjson.dumps({"id": id, **body})
        return cls(tenant, kind, id, encoded, now, now, private=orjson.dumps(private) if private else None)

    def data(self) -> Body:
        """The body as a dict of its own, free to be changed."""
        body: Body = orjson.loads(self.body)
        return body

    def secrets(self) -> Body:
        """The private part as a dict of its own, empty if there is none."""
        private: Body = orjson.loads(self.private) if self.private else {}
        return private

    def with_data(self, data: Body) -> Document:
        """The same document with another body, id included; revision and times are the store's to set."""
        return replace(self, body=orjson.dumps({"id": self.id, **data}))

    def with_secrets(self, private: Body) -> Document:
        """The same document with another private part."""
        return replace(self, private=orjson.dumps(private) if private else None)


def listing_key(created: int, id: str = "") -> str:
    """The place in a listing of a document created at that Unix second."""
    return f"{created:012d}{id}"


class Kind(NamedTuple):
    """What a store must know about one kind of document before it can hold any.

    `summary` names the top-level fields that a listing shows beside `id` (None: the whole body); `unique` and
    `indexes` are dotted paths into the body; `private_indexes` are paths into the private part.
    """

    name: str
    summary: tuple[str, ...] | None = None
    unique: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    private_indexes: tuple[str, ...] = ()

    def joined(self, other: Kind) -> Kind:
        """The kind with what another endpoint that shares it needs too."""
        whole = self.summary is None or other.summary is None
        summary = None if whole else _united(self.summary, other.summary)
        lists = (_united(mine, theirs) for mine, theirs in zip(self[2:], other[2:], strict=True))
        return Kind(self.name, summary, *lists)


def merged(kinds: Iterable[Kind]) -> list[Kind]:
    """The kinds, each once, with all that is needed of it."""
    found: dict[str, Kind] = {}
    for kind in kinds:
        found[kind.name] = found[kind.name].joined(kind) if kind.name in found else kind
    return [*found.values()]


def _united(mine: tuple[str, ...] | None, theirs: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(mine or ()), *(theirs or ()))))


class Query(Struct, frozen=True):
    """Which documents of one kind, from where, in which order, and how many.

    `start` is the key of the first document wanted, included; `skip` documents are passed over from there on. Each of
    them costs time, so that whoever lets clients choose how many has a limit for it. `created_from`, `created_to`,
    `modified_from` and `modified_to` are Unix seconds, both ends included, and may lie before 1970. `full` asks for
    whole bodies, not summaries; `lines` for rows that are joined by line feeds. A `walk` is to go on to the end of the
    listing, and nothing of it is worth keeping in a cache.
    """

    tenant: str
    kind: str
    filters: tuple[Filter, ...] = ()
    descending: bool = True
    start: str | None = None
    limit: int = 50
    full: bool = False
    created_from: int | None = None
    created_to: int | None = None
    modified_from: int | None = None
    modified_to: int | None = None
    lines: bool = False
    walk: bool = False
    skip: int = 0


class Rows(Struct, frozen=True):
    """A piece of a listing: `count` JSON documents joined by commas, the first one's key and the next one's.

    `next` is the key of the document that follows the piece, None if there is none. With `lines`, which only who asked
    for it gets, line feeds stand in the place of the commas; JSON that we encoded has no others.
    """

    joined: bytes
    count: int
    first: str | None
    next: str | None
    lines: bool = False

    def parsed(self) -> list[Body]:
        """The documents, decoded."""
        joined = self.joined.replace(b"\n", b",") if self.lines else self.joined
        rows: list[Body] = orjson.loads(b"[" + joined + b"]")
        return rows


class Insert(Struct, frozen=True):
    """Add a document; UniqueConflict if its id or a unique field is taken."""

    document: Document


class Replace(Struct, frozen=True):
    """Write body, private part and expiry of a document that stands at `document.revision`.

    The creation time stays; `modified` becomes now. DocumentMissing or RevisionConflict otherwise.
    """

    document: Document


class Delete(Struct, frozen=True):
    """Take a document out of every listing; `purge` destroys it, otherwise it is kept aside for an operator.

    With `revision` it must stand at that revision. DocumentMissing or RevisionConflict otherwise.
    """

    tenant: str
    kind: str
    id: str
    revision: int | None = None
    purge: bool = False


class Guard(Struct, frozen=True):
    """Go on only if the query finds a document, or finds none; GuardFailed otherwise.

    `told` is the sentence for a client whose request depends on it, who then gets a 409. It is asked when its turn
    comes, in the same all-or-nothing write as the changes around it.
    """

    query: Query
    finds: bool = True
    told: str = ""


class StoredBlob(Struct, frozen=True):
    """Bytes in the store: the id by which they are read, how many they are, and their SHA-256 in hex digits."""

    id: str
    size: int
    sha256: str


class Keep(Struct, frozen=True):
    """Make a finished blob part of a document of the tenant, which an Insert before it in the same write may make.

    DocumentMissing if there is no such document; StoreError if the blob was discarded, was kept before, or was finished
    so long ago that it may be destroyed.
    """

    blob: StoredBlob
    tenant: str
    kind: str
    document: str


class Drop(Struct, frozen=True):
    """Destroy a kept blob of a tenant; one that is not there is no error."""

    tenant: str
    blob: str


Change = Insert | Replace | Delete | Guard | Keep | Drop


class BlobWriter(Protocol):
    """A blob that is being written."""

    async def write(self, piece: bytes) -> None:
        """Take the next piece; StoreUnavailable if there is no room for it."""

    async def finish(self) -> StoredBlob:
        """Make sure that all pieces are as safe as an acknowledged write; none can be added after this."""

    async def discard(self) -> None:
        """Leave nothing of it, unless it was kept; may be called at any time, and again."""


class Store(Protocol):
    """Where documents live. Every method may raise StoreUnavailable."""

    lag: float  # The seconds by which `version()` may be late about writes of other processes.

    async def open(self, kinds: Iterable[Kind]) -> None:
        """Connect, and make ready to hold these kinds; idempotent, and called again when kinds change."""

    async def close(self) -> None:
        """Let go of everything; what was acknowledged is safe."""

    def version(self, *kinds: str) -> int | None:
        """A number that differs once such documents, or any if none is named, were written; None: never cache."""

    async def get(self, tenant: str, kind: str, id: str) -> Document | None:
        """The document, or None."""

    async def page(self, query: Query) -> Rows:
        """Up to `limit` documents of the listing as JSON, and where the next piece begins."""

    async def find(self, query: Query) -> list[Document]:
        """Up to `limit` whole documents of the listing, for code that needs their private parts."""

    async def count(self, query: Query) -> int:
        """How many documents the listing has in all: `start`, `skip` and `limit` do not matter."""

    async def write(self, changes: Sequence[Change]) -> list[Document | None]:
        """Carry out all the changes or none; the documents as they now stand, None for all but Insert and Replace."""

    async def new_blob(self) -> BlobWriter:
        """Begin a blob; nobody can read it before a `Keep` of it is written."""

    def read_blob(self, tenant: str, id: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes of a kept blob from `start` on, `length` of them or all, in pieces of at most 256 KiB.

        BlobMissing, with the first piece, if the tenant keeps no such blob.
        """

    async def health(self) -> str:
        """A short sentence about the store that answers; raises StoreUnavailable if it does not."""
