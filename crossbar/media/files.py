"""The files of documents, for modules that do more with them than take them in: copying them, taking them away."""

from __future__ import annotations

from typing import Any

from ..routes import Attachment
from ..stores import Change, Document, Drop, Keep, Store, StoredBlob
from .attachments import KEY, files_of


async def copy_files(store: Store, source: Document, copy: Document) -> tuple[Document, tuple[Change, ...]]:
    """`copy` with all the files of `source`, and the changes that keep them; write both together.

    The bytes are copied piece by piece. BlobMissing if `source` is destroyed meanwhile. The store clears away copies
    that nobody keeps.
    """
    changes: list[Change] = []

    async def copied(entry: dict[str, Any]) -> dict[str, Any]:
        blob = await store.new_blob()
        async for piece in store.read_blob(source.tenant, entry["blob"], 0, entry["size"]):
            await blob.write(piece)
        stored = await blob.finish()
        changes.append(Keep(stored, copy.tenant, copy.kind, copy.id))
        return {**entry, "blob": stored.id}

    slots: dict[str, Any] = {}
    for name, kept in source.secrets().get(KEY, {}).items():
        if isinstance(kept.get("blob"), str):
            slots[name] = await copied(kept)
        else:
            slots[name] = {file: await copied(entry) for file, entry in kept.items()}
    if not changes:
        return copy, ()
    return copy.with_secrets({**copy.secrets(), KEY: slots}), tuple(changes)


def drop_files(document: Document, slot: Attachment) -> tuple[Document, tuple[Change, ...]]:
    """The document without its files in a slot, and the changes that destroy them; write both together."""
    changes = tuple([Drop(document.tenant, entry["blob"]) for entry in files_of(document, slot).values()])
    if not changes:
        return document, ()
    private = document.secrets()
    del private[KEY][slot.name]
    return document.with_secrets(private), changes


def keep_file(
    document: Document, slot: Attachment, blob: StoredBlob, *, name: str, content_type: str, modified: int
) -> tuple[Document, Keep]:
    """The document with a file that is in the store already, and the change that keeps it; write both together.

    For importers: requests bring their files by themselves. `name` is also the file's name in the path where a slot has
    many, and `modified` is in Unix seconds.
    """
    entry = {
        "blob": blob.id,
        "name": name,
        "content_type": content_type,
        "size": blob.size,
        "sha256": blob.sha256,
        "modified": modified,
    }
    private = document.secrets()
    slots = private.setdefault(KEY, {})
    if slot.many:
        slots.setdefault(slot.name, {})[name] = entry
    else:
        slots[slot.name] = entry
    return document.with_secrets(private), Keep(blob, document.tenant, document.kind, document.id)
