"""A document as a line of JSON, byte for byte what the store has, and sums of lines that do not depend on their order.

The line is also the form of which digests are made: its fields in a fixed order, without blanks, blobs by their ids.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec
import orjson
from msgspec import Raw, Struct

from ..stores import Document, StoredBlob
from ..stores.whole import Stored

_MODULUS = 2**256


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    tenant: str
    id: str
    created: int
    modified: int
    revision: int
    expires: int | None
    deleted: int | None
    blobs: tuple[StoredBlob, ...]
    body: Raw
    private: Raw


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


def line_of(stored: Stored) -> bytes:
    """The document as a line, without the line feed at its end."""
    document = stored.document
    line = _Line(
        *(document.kind, document.tenant, document.id, document.created, document.modified, document.revision),
        *(document.expires, stored.deleted, stored.blobs),
        body=_raw(document.body),
        private=Raw(b"null") if document.private is None else _raw(document.private),
    )
    return _encoder.encode(line)


def stored_of(line: bytes) -> Stored:
    """The document of a line; ValueError if it is none."""
    found = _decoder.decode(line)
    private = None if bytes(found.private) == b"null" else _text(found.private)
    document = Document(
        *(found.tenant, found.kind, found.id, _text(found.body), found.created, found.modified, found.revision),
        private=private,
        expires=found.expires,
    )
    return Stored(document, found.deleted, found.blobs)


def _raw(text: bytes) -> Raw:
    """A body as it stands in a line: itself, or as a JSON string what would not come back as it is, or break the line.

    A store may have been filled by somebody who put line feeds between the fields.
    """
    if text[:1] == b"{" and text[-1:] == b"}" and b"\n" not in text:
        return Raw(text)
    return Raw(orjson.dumps(text.decode()))


def _text(raw: Raw) -> bytes:
    held = bytes(raw)
    if held[:1] == b"{":
        return held
    text: str = msgspec.json.decode(held, type=str)
    return text.encode()


class Sum(Struct):
    """How many documents there are, how many of them were set aside, and the digest of all of their lines.

    The digest is the sum of the SHA-256 of each line, modulo 2**256: it is the same in whatever order they come, and
    parts can be added up. `size` is in bytes, those of the lines with their line feeds; `blobs` and
    `blob_bytes` are those that belong to them.
    """

    documents: int = 0
    set_aside: int = 0
    size: int = 0
    digest: str = f"{0:064x}"
    blobs: int = 0
    blob_bytes: int = 0

    def add(self, stored: Stored, line: bytes) -> None:
        """Count one more document, whose line this is."""
        self.documents += 1
        self.set_aside += stored.deleted is not None
        self.size += len(line) + 1
        self.digest = f"{(int(self.digest, 16) + int.from_bytes(sha256(line).digest())) % _MODULUS:064x}"
        self.blobs += len(stored.blobs)
        self.blob_bytes += sum([blob.size for blob in stored.blobs])
