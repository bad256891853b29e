"""Attachments: the files of a resource's documents; `slots` has what answers for them.

A document's private part names its files; their bytes are blobs of the store, which belong to the document and go with
it. A file that takes the place of another one is written beside it first, so that whoever downloads the old one has it
to its end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import TYPE_CHECKING, Any

from ..context import Context
from ..errors import BadIdentifier, Conflict, NotFound
from ..reply import Blob
from ..routes import Attachment
from ..stores import Body, Change, Document, Drop, Keep, Store
from .incoming import File

if TYPE_CHECKING:
    from ..resource import Resource

MOST_FILES = 100
"""Files that one document may have in a slot for many."""
KEY = "attachments"
"""Where a document's private part names its files."""


def attach(ctx: Context, resource: Resource, document: Document) -> tuple[Document, tuple[Change, ...]]:
    """A document with the files that came with the request, and the changes that keep them with it."""
    if not ctx.files:
        return _listed(resource, document), ()
    changes: list[Change] = []
    for file in ctx.files:
        document, also, _ = with_file(ctx, resource, document, file)
        changes += also
    return document, tuple(changes)


def blob_of(store: Store, document: Document, slot: Attachment, file: str = "") -> Blob:
    """A document's file as an answer; `file` says which one where there are many. NotFound if it has none."""
    entry = entry_of(document, slot, file)
    if entry is None:
        raise missing(slot, file)
    source = _Stored(store, document.tenant, entry["blob"], entry["size"])
    return Blob(source, entry["content_type"], entry["name"], slot.inline, tag_of(entry), entry["modified"])


def files_of(document: Document, slot: Attachment) -> dict[str, Body]:
    """What is known of a document's files in a slot, by the name under which each is found in the path.

    `name`, `content_type`, `size` in bytes, `sha256` in hex digits, and `modified` in Unix seconds.
    """
    kept = document.secrets().get(KEY, {}).get(slot.name, {})
    if slot.many:
        return dict(kept)
    return {slot.name: kept} if kept else {}


def shown_files(document: Document | None) -> list[Body]:
    """What a client is told of all files of a document, in whichever slots they are; none without a document.

    `id` is what stands for the file in the path, `name` how it is called; `content_type`, and `size` in bytes.
    """
    slots: dict[str, Body] = document.secrets().get(KEY, {}) if document is not None else {}
    files: list[tuple[str, Body]] = []
    for name, kept in slots.items():
        files += [(name, kept)] if isinstance(kept.get("blob"), str) else kept.items()
    facts = ("content_type", "size", "name")
    return [{"id": file, **{fact: entry[fact] for fact in facts}} for file, entry in files]


class _Stored:
    """The bytes of a blob in the store."""

    def __init__(self, store: Store, tenant: str, id: str, size: int) -> None:
        self._store = store
        self._tenant = tenant
        self._id = id
        self.size: int = size

    def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        """The `length` bytes from `start` on."""
        return self._store.read_blob(self._tenant, self._id, start, length)


def with_file(
    ctx: Context, resource: Resource, document: Document, file: File, wanted: str = ""
) -> tuple[Document, list[Change], str]:
    """The document with a file in its slot, the changes that keep it and drop what was there, and its key."""
    slot = file.slot
    private = document.secrets()
    slots = private.setdefault(KEY, {})
    key = slot.name
    if slot.many:
        slots = slots.setdefault(slot.name, {})
        key = wanted or _free(file.name, slots, ctx)
        if key not in slots and len(slots) >= MOST_FILES:
            raise Conflict(f"the document has {MOST_FILES} files already: delete one of them first")
    old = slots.get(key)
    slots[key] = {
        "blob": file.blob.id,
        "name": file.name,
        "content_type": file.content_type,
        "size": file.blob.size,
        "sha256": file.blob.sha256,
        # NOTE: two files of one second would look the same to `If-Range` with a date (RFC 9110, 8.8.2.2).
        "modified": ctx.now if old is None else max(ctx.now, old["modified"] + 1),
    }
    changes: list[Change] = [Keep(file.blob, document.tenant, document.kind, document.id)]
    if old is not None:
        changes.append(Drop(document.tenant, old["blob"]))
    body = resource.attached(ctx, document.data(), slot.name, file)
    return _listed(resource, document.with_data(body).with_secrets(private)), changes, key


def without_file(ctx: Context, resource: Resource, document: Document, slot: Attachment, file: str) -> Document:
    """The document without a file that it has; dropping its blob is the caller's to do."""
    private = document.secrets()
    if slot.many:
        del private[KEY][slot.name][file]
    else:
        del private[KEY][slot.name]
    body = resource.attached(ctx, document.data(), slot.name, None)
    return _listed(resource, document.with_data(body).with_secrets(private))


def _listed(resource: Resource, document: Document) -> Document:
    """The document with the list of its files, if it has one."""
    if not resource.files_in:
        return document
    data, files = document.data(), shown_files(document)
    return document if data.get(resource.files_in) == files else document.with_data({**data, resource.files_in: files})


def _free(name: str, taken: dict[str, Any], ctx: Context) -> str:
    """The name under which a new file is found in the path: its own, or with a number where that is taken."""
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    names = (f"{stem}-{number}{dot}{ending}" for number in count(2))
    # NOTE: a name that is an endpoint's would begin a new noun, and no path could reach the file.
    while name in taken or name in ctx.registry.names:
        name = next(names)
    return name


def entry_of(document: Document, slot: Attachment, file: str = "") -> Body | None:
    """What is known of one file, as `files_of` has it, None if it is not there."""
    entry: Body | None = files_of(document, slot).get(file if slot.many else slot.name)
    return entry


def missing(slot: Attachment, file: str) -> NotFound:
    """The refusal of a file that is not there."""
    return BadIdentifier(cause=file) if slot.many else NotFound(f"there is no {slot.name} yet: upload one first")


def tag_of(entry: Body) -> str:
    """What stands for a file's bytes in `ETag`: the same for the same bytes."""
    return str(entry["sha256"][:32])
