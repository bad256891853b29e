"""The document of the store in which the settings are that all processes share: read, put and taken out."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from .errors import StoreUnavailable
from .keys import SYSTEM
from .stores import Delete, Document, Insert, Replace, Store

_ID = "settings"
_TEXT = "toml"


class Stored(NamedTuple):
    """Settings as somebody has put them: the text of a TOML file, its revision, and the Unix second of that."""

    text: str
    revision: int
    modified: int

    @classmethod
    def of(cls, document: Document) -> Stored:
        """What a document holds; StoreUnavailable if it is none of ours."""
        text = document.secrets().get(_TEXT)
        if not isinstance(text, str):
            raise StoreUnavailable(f"the {SYSTEM.name} document {_ID!r} of the store holds no settings: delete it")
        return cls(text, document.revision, document.modified)


async def stored_in(store: Store) -> Stored | None:
    """The settings in a store, None if there are none."""
    document = await store.get("", SYSTEM.name, _ID)
    return Stored.of(document) if document is not None else None


async def put_into(store: Store, text: str, before: Stored | None, now: int) -> Stored:
    """Keep settings in the place of those that were read before.

    UniqueConflict, RevisionConflict or DocumentMissing if somebody else has changed them since.
    """
    # NOTE: the text may hold secrets, and the private part is what no API shows.
    document = Document.of("", SYSTEM.name, _ID, {}, now, {_TEXT: text})
    if before is None:
        [written] = await store.write([Insert(document)])
    else:
        [written] = await store.write([Replace(replace(document, revision=before.revision))])
    assert written is not None
    return Stored.of(written)


async def take_out(store: Store, before: Stored) -> None:
    """Destroy the settings that were read before; RevisionConflict or DocumentMissing if there are others by now."""
    await store.write([Delete("", SYSTEM.name, _ID, before.revision, purge=True)])
