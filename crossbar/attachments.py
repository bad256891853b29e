"""Attachments: the files of a resource's documents, and what answers for them, from one class attribute.

A document's private part names its files; their bytes are blobs of the store, which belong to the document and go with
it. A file that takes the place of another one is written beside it first, so that whoever downloads the old one has it
to its end.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from .conditional import listed, refuse_stale
from .context import Context
from .errors import BadIdentifier, Changed, Conflict, DefinitionError, InvalidData, NotFound, PreconditionFailed
from .incoming import File
from .reply import Blob, Json, Reply
from .routes import Attachment, action
from .stores import Body, Change, Document, Drop, Keep, Replace, Store
from .target import Noun
from .writing import write

if TYPE_CHECKING:
    from .resource import Resource

MOST_FILES = 100
"""Files that one document may have in a slot for many."""
_TRIES = 8
_SLOT = re.compile(r"[a-z][a-z0-9_]{0,31}")
KEY = "attachments"
"""Where a document's private part names its files."""

# What help tells of the actions of a slot, by what each does.
_TELLS = {
    "get": "The {}.",
    "put": "Upload the {}, or another one in its place.",
    "post": "Upload the {}, or another one in its place.",
    "delete": "Delete the {}.",
    "find": "The {} that there are.",
    "add": "Upload another file to the {}.",
    "add_too": "Upload another file to the {}.",
    "get_one": "One file of the {}.",
    "put_one": "Upload a file to the {} under this name, or in the place of the one that has it.",
    "post_one": "Upload a file to the {} under this name, or in the place of the one that has it.",
    "delete_one": "Delete one file of the {}.",
}

Method = Callable[..., Awaitable[Any]]


def define(cls: type[Resource]) -> None:
    """Give a class the actions of its attachments; those that it has written itself stay as they are.

    DefinitionError for a slot whose name cannot stand in a path, or that takes no type.
    """
    for slot in cls.attachments:
        assert isinstance(slot, Attachment)
        if not _SLOT.fullmatch(slot.name):
            raise DefinitionError(
                f"{cls.__name__}.attachments: {slot.name!r} must be lower-case letters, digits and _, 32 at most"
            )
        if not slot.types or slot.most < 0:
            raise DefinitionError(f"{cls.__name__}.attachments: {slot.name!r} takes no file: see its types and most")
        for name, spelling, method in _methods(slot):
            known = getattr(cls, name, None)
            if known is not None and getattr(known, "crossbar_slot", slot) == slot:
                continue
            method.__doc__ = _TELLS[method.__name__].format(slot.name)
            method.__name__ = name
            method.__qualname__ = f"{cls.__qualname__}.{name}"
            method.__dict__["crossbar_slot"] = slot
            setattr(cls, name, action(spelling)(method))


def attach(ctx: Context, resource: Resource, document: Document) -> tuple[Document, tuple[Change, ...]]:
    """A document with the files that came with the request, and the changes that keep them with it."""
    if not ctx.files:
        return document, ()
    changes: list[Change] = []
    for file in ctx.files:
        document, also, _ = _with_file(ctx, resource, document, file)
        changes += also
    return document, tuple(changes)


def blob_of(store: Store, document: Document, slot: Attachment, file: str = "") -> Blob:
    """A document's file as an answer; `file` says which one where there are many. NotFound if it has none."""
    entry = _entry(document, slot, file)
    if entry is None:
        raise _missing(slot, file)
    source = _Stored(store, document.tenant, entry["blob"], entry["size"])
    return Blob(source, entry["content_type"], entry["name"], slot.inline, _tag(entry), entry["modified"])


def files_of(document: Document, slot: Attachment) -> dict[str, Body]:
    """What is known of a document's files in a slot, by the name under which each is found in the path.

    `name`, `content_type`, `size` in bytes, `sha256` in hex digits, and `modified` in Unix seconds.
    """
    kept = document.secrets().get(KEY, {}).get(slot.name, {})
    if slot.many:
        return dict(kept)
    return {slot.name: kept} if kept else {}


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


def _methods(slot: Attachment) -> list[tuple[str, str, Method]]:
    """The actions of a slot: the name of each method, its verb and path, and what it does."""
    name = slot.name

    async def get(self: Resource, ctx: Context, id: str) -> Blob:
        return blob_of(ctx.app.store, ctx.document(), slot)

    async def put(self: Resource, ctx: Context, id: str) -> Reply:
        return await _save(self, ctx, slot)

    async def post(self: Resource, ctx: Context, id: str) -> Reply:
        return await _save(self, ctx, slot)

    async def delete(self: Resource, ctx: Context, id: str) -> Json:
        return await _remove(self, ctx, slot, "")

    if not slot.many:
        each: tuple[Method, ...] = (get, put, post, delete)
        return [(f"{method.__name__}_{name}", f"{method.__name__.upper()} {{id}}/{name}", method) for method in each]

    async def find(self: Resource, ctx: Context, id: str) -> Json:
        return [_shown(file, entry) for file, entry in files_of(ctx.document(), slot).items()]

    async def add(self: Resource, ctx: Context, id: str) -> Reply:
        return await _save(self, ctx, slot)

    async def add_too(self: Resource, ctx: Context, id: str) -> Reply:
        return await _save(self, ctx, slot)

    async def get_one(self: Resource, ctx: Context, id: str, file: str) -> Blob:
        return blob_of(ctx.app.store, ctx.document(), slot, file)

    async def put_one(self: Resource, ctx: Context, id: str, file: str) -> Reply:
        return await _save(self, ctx, slot, file)

    async def post_one(self: Resource, ctx: Context, id: str, file: str) -> Reply:
        return await _save(self, ctx, slot, file)

    async def delete_one(self: Resource, ctx: Context, id: str, file: str) -> Json:
        return await _remove(self, ctx, slot, file)

    one = f"{{id}}/{name}/{{file}}"
    return [
        (f"get_{name}", f"GET {{id}}/{name}", find),
        (f"put_{name}", f"PUT {{id}}/{name}", add),
        (f"post_{name}", f"POST {{id}}/{name}", add_too),
        (f"get_one_{name}", f"GET {one}", get_one),
        (f"put_one_{name}", f"PUT {one}", put_one),
        (f"post_one_{name}", f"POST {one}", post_one),
        (f"delete_one_{name}", f"DELETE {one}", delete_one),
    ]


async def _save(resource: Resource, ctx: Context, slot: Attachment, wanted: str = "") -> Reply:
    """Put the uploaded file into a slot of the document that the path leads to."""
    if not ctx.files:
        raise InvalidData("file", "required", "Field is required but missing: send a file as the body")
    if len(ctx.files) > 1:
        raise InvalidData("file", "maxItems", "there is room for one file here: send one at a time", target=1)
    file = ctx.files[0]
    for _ in range(_TRIES):
        document = ctx.document()
        known = _entry(document, slot, wanted) if wanted or not slot.many else None
        _refuse_stale(ctx, known)
        changed, changes, key = _with_file(ctx, resource, document, file, wanted)
        try:
            await write(ctx, Replace(changed), *changes)
        except Changed:
            await _look_again(resource, ctx, document)
            continue
        entry = _entry(changed, slot, key)
        assert entry is not None
        location: tuple[Noun, ...] = ()
        if slot.many and not wanted:
            *outer, (name, args) = ctx.dialect.localize(ctx.target.nouns, ctx.caller())
            location = (*outer, Noun(name, (*args, key)))
        tag = ((b"etag", f'"{_tag(entry)}"'.encode()),)
        return Reply(_shown(key, entry), 200 if known else 201, tag, location=location)
    raise Changed


async def _remove(resource: Resource, ctx: Context, slot: Attachment, file: str) -> Json:
    """Take a file out of the document that the path leads to."""
    for _ in range(_TRIES):
        document = ctx.document()
        known = _entry(document, slot, file)
        if known is None:
            raise _missing(slot, file)
        _refuse_stale(ctx, known)
        private = document.secrets()
        if slot.many:
            del private[KEY][slot.name][file]
        else:
            del private[KEY][slot.name]
        body = resource.attached(ctx, document.data(), slot.name, None)
        changed = document.with_data(body).with_secrets(private)
        try:
            await write(ctx, Replace(changed), Drop(document.tenant, known["blob"]))
        except Changed:
            await _look_again(resource, ctx, document)
            continue
        return _shown(file or slot.name, known)
    raise Changed


def _with_file(
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
        "modified": ctx.now,
    }
    changes: list[Change] = [Keep(file.blob, document.tenant, document.kind, document.id)]
    if old is not None:
        changes.append(Drop(document.tenant, old["blob"]))
    body = resource.attached(ctx, document.data(), slot.name, file)
    return document.with_data(body).with_secrets(private), changes, key


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


def _entry(document: Document, slot: Attachment, file: str) -> Body | None:
    entry: Body | None = files_of(document, slot).get(file if slot.many else slot.name)
    return entry


def _missing(slot: Attachment, file: str) -> NotFound:
    return BadIdentifier(cause=file) if slot.many else NotFound(f"there is no {slot.name} yet: upload one first")


def _refuse_stale(ctx: Context, entry: Body | None) -> None:
    """Raise PreconditionFailed if `If-Match` or `If-None-Match` says that the file should be another one."""
    if b"if-match" in ctx.headers:
        if entry is None:
            raise PreconditionFailed("there is no file yet for If-Match to match")
        refuse_stale(ctx, _tag(entry))
    if b"if-none-match" in ctx.headers and entry is not None and listed(ctx, b"if-none-match", f'"{_tag(entry)}"'):
        raise PreconditionFailed("there is a file already, which If-None-Match rules out")


async def _look_again(resource: Resource, ctx: Context, document: Document) -> None:
    """Find the document as somebody else has left it meanwhile; their change and ours both count."""
    found = await ctx.app.store.get(document.tenant, document.kind, document.id)
    if found is None or not resource.owned(ctx, found):
        raise BadIdentifier(cause=document.id)
    ctx.found = found


def _tag(entry: Body) -> str:
    """What stands for a file's bytes in `ETag`: the same for the same bytes."""
    return str(entry["sha256"][:32])


def _shown(key: str, entry: Body) -> Body:
    """What a client is told of a file."""
    return {
        "id": key,
        "file_name": entry["name"],
        "content_type": entry["content_type"],
        "content_length": entry["size"],
        "sha256": entry["sha256"],
    }
