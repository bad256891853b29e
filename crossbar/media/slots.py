"""Slots: what answers for the attachments that a resource declares: uploads, downloads, lists, deletion."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ..conditional import listed, refuse_stale
from ..context import Context
from ..errors import BadIdentifier, Changed, DefinitionError, InvalidData, PreconditionFailed
from ..reply import Blob, Json, Reply
from ..routes import Attachment, action
from ..stores import Body, Document, Drop, Replace
from ..target import Noun
from ..writing import write
from .attachments import blob_of, entry_of, files_of, missing, tag_of, with_file, without_file
from .disposition import safe_name

if TYPE_CHECKING:
    from ..resource import Resource

_TRIES = 8
_SLOT = re.compile(r"[a-z][a-z0-9_]{0,31}")

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
    if inspect.iscoroutinefunction(cls.attached):
        raise DefinitionError(f"{cls.__name__}.attached must be a plain method, not one defined with 'async def'")
    seen: set[str] = set()
    for slot in cls.attachments:
        assert isinstance(slot, Attachment)
        if slot.name in seen:
            raise DefinitionError(f"{cls.__name__}.attachments: {slot.name!r} stands there twice")
        seen.add(slot.name)
        if not _SLOT.fullmatch(slot.name):
            raise DefinitionError(
                f"{cls.__name__}.attachments: {slot.name!r} must be lower-case letters, digits and _, 32 at most"
            )
        if isinstance(slot.types, str) or not slot.types or not all("/" in each for each in slot.types):
            raise DefinitionError(
                f"{cls.__name__}.attachments: types of {slot.name!r} must be media types, such as ('image/*',)"
            )
        if slot.most < 0:
            raise DefinitionError(f"{cls.__name__}.attachments: most of {slot.name!r} must be a number of bytes")
        for name, spelling, method in _methods(slot):
            known = getattr(cls, name, None)
            if known is not None and getattr(known, "crossbar_slot", slot) == slot:
                continue
            method.__doc__ = _TELLS[method.__name__].format(slot.name)
            method.__name__ = name
            method.__qualname__ = f"{cls.__qualname__}.{name}"
            method.__dict__["crossbar_slot"] = slot
            setattr(cls, name, action(spelling)(method))


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
        return await _save(self, ctx, slot, _fit(file))

    async def post_one(self: Resource, ctx: Context, id: str, file: str) -> Reply:
        return await _save(self, ctx, slot, _fit(file))

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
        known = entry_of(document, slot, wanted) if wanted or not slot.many else None
        _refuse_stale(ctx, known)
        changed, changes, key = with_file(ctx, resource, document, file, wanted)
        try:
            await write(ctx, Replace(changed), *changes)
        except Changed:
            await _look_again(resource, ctx, document)
            continue
        entry = entry_of(changed, slot, key)
        assert entry is not None
        location: tuple[Noun, ...] = ()
        if slot.many and not wanted:
            *outer, (name, args) = ctx.nouns()
            location = (*outer, Noun(name, (*args, key)))
        tag = ((b"etag", f'"{tag_of(entry)}"'.encode()),)
        return Reply(_shown(key, entry), 200 if known else 201, tag, location=location)
    raise Changed


async def _remove(resource: Resource, ctx: Context, slot: Attachment, file: str) -> Json:
    """Take a file out of the document that the path leads to."""
    for _ in range(_TRIES):
        document = ctx.document()
        known = entry_of(document, slot, file)
        if known is None:
            raise missing(slot, file)
        _refuse_stale(ctx, known)
        changed = without_file(ctx, resource, document, slot, file)
        try:
            await write(ctx, Replace(changed), Drop(document.tenant, known["blob"]))
        except Changed:
            await _look_again(resource, ctx, document)
            continue
        return _shown(file or slot.name, known)
    raise Changed


def _fit(file: str) -> str:
    """The name of a file in the path; InvalidData if a client that keeps the file so might write somewhere else."""
    if safe_name(file) != file:
        raise InvalidData("file", "format", "the last part of the path is no name for a file", value=file)
    return file


def _refuse_stale(ctx: Context, entry: Body | None) -> None:
    """Raise PreconditionFailed if `If-Match` or `If-None-Match` says that the file should be another one."""
    if b"if-match" in ctx.headers:
        if entry is None:
            raise PreconditionFailed("there is no file yet for If-Match to match")
        refuse_stale(ctx, tag_of(entry))
    if b"if-none-match" in ctx.headers and entry is not None and listed(ctx, b"if-none-match", f'"{tag_of(entry)}"'):
        raise PreconditionFailed("there is a file already, which If-None-Match rules out")


async def _look_again(resource: Resource, ctx: Context, document: Document) -> None:
    """Find the document as somebody else has left it meanwhile; their change and ours both count."""
    found = await ctx.app.store.get(document.tenant, document.kind, document.id)
    if found is None or not resource.owned(ctx, found):
        raise BadIdentifier(cause=document.id)
    ctx.found = found


def _shown(key: str, entry: Body) -> Body:
    """What a client is told of a file."""
    return {
        "id": key,
        "file_name": entry["name"],
        "content_type": entry["content_type"],
        "content_length": entry["size"],
        "sha256": entry["sha256"],
    }
