"""Resource: an endpoint whose documents live in a store, by declaration."""

from __future__ import annotations

import inspect
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from .body import refuse_excess
from .context import Context
from .endpoint import Endpoint
from .errors import BadIdentifier, DefinitionError, InvalidData, Violation
from .filters import Filter, field_at, put_at, where
from .listings import listing
from .media.attachments import attach, shown_files
from .media.incoming import File
from .media.slots import define
from .reply import Answer, Reply
from .roles import kept_fields, own, owned
from .routes import Attachment
from .stores import Body, Change, Delete, Document, Insert, Kind, Replace
from .writing import write

Check = Callable[[Context, Body], Body | Awaitable[Body]]


def new_id() -> str:
    """A new document id: 32 hex digits that grow with time, 80 bits of them random."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def merged(document: Any, patch: Any) -> Any:
    """The document with the patch applied: objects merge, null removes at any depth, all else replaces (RFC 7396).

    As with Kazoo, and unlike in the RFC, an empty object in the patch empties the one that it meets.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value) if value != {} else {}
    return result


class Resource(Endpoint):
    """Documents of one kind in the tenant that the path leads into. Say what is true about them; the rest is here."""

    provides: ClassVar[tuple[str, ...]] = ("application/json", "text/csv", "application/x-ndjson")
    kind: ClassVar[str] = ""
    """The kind of its documents in the store, which several resources may share; that of its name unless it is set."""
    only: ClassVar[Mapping[str, str]] = {}
    """Top-level fields whose values set its documents apart from others of the kind; new ones get them."""
    schema: ClassVar[str] = ""
    """The name of the JSON Schema that a document keeps to; empty for any JSON object."""
    summary: ClassVar[tuple[str, ...] | None] = None
    """The top-level fields that a listing shows beside the id, None for all."""
    unique: ClassVar[tuple[str, ...]] = ()
    """Fields whose value may occur once in a tenant, as dotted paths."""
    indexes: ClassVar[tuple[str, ...]] = ()
    """Fields by which modules look documents up, as dotted paths; those of `parents` are added."""
    private_indexes: ClassVar[tuple[str, ...]] = ()
    """The same for fields of the private part."""
    files_in: ClassVar[str] = ""
    """The top-level field in which each document lists its files, whatever clients send; empty for none."""
    checks: ClassVar[tuple[Check, ...]] = ()
    """Functions `(ctx, body) -> body`, folded over a valid body from left to right; each may refuse or change it."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if not isinstance(cls.attachments, tuple) or isinstance(cls.attachments, Attachment):
            raise DefinitionError(f"{cls.__name__}.attachments must be a tuple, such as ('photo',)")
        cls.attachments = tuple(Attachment(each) if isinstance(each, str) else each for each in cls.attachments)
        if not isinstance(cls.only, Mapping) or not all(isinstance(value, str) for value in cls.only.values()):
            raise DefinitionError(f"{cls.__name__}.only must give texts by the names of fields, such as type = 'fax'")
        if "kind" not in cls.__dict__ and "name" in cls.__dict__:
            cls.kind = cls.name
        define(cls)
        super().__init_subclass__(**kwargs)

    def kinds(self) -> tuple[Kind, ...]:
        """The one kind of its documents."""
        owner = (self.owner,) if self.owner else ()
        indexes = tuple(dict.fromkeys((*self.indexes, *self.only, *self.parents.values(), *owner)))
        return (Kind(self.kind, self.summary, self.unique, indexes, self.private_indexes),)

    def tenant(self, ctx: Context) -> str:
        """The tenant whose documents these are; outside of any, what an `anywhere` resource keeps belongs to nobody."""
        return "" if self.anywhere and ctx.tenant is None else ctx.home()

    async def resolve(self, ctx: Context, id: str) -> None:
        """Load the document into `ctx.found`, if it is the caller's to see, and carries the id of each parent."""
        ctx.found = await self.load(ctx, id)
        if ctx.found is None:
            raise BadIdentifier(cause=id)

    async def load(self, ctx: Context, id: str) -> Document | None:
        """The document with this id, if the path leads to it and it is the caller's to see; else None."""
        document = await ctx.app.store.get(self.tenant(ctx), self.kind, id)
        if document is None or not self._related(ctx, document) or (self.owner and not self.owned(ctx, document)):
            return None
        return document

    async def validate(self, ctx: Context) -> None:
        """Merge a patch into what was found, fill in defaults, check schema and rules, and keep the result."""
        body = ctx.body
        if ctx.bound is not None and ctx.bound.route.operation == "patch":
            body = merged(ctx.document().data(), body)
            refuse_excess(body, ctx.app.settings.limits)
        if ctx.found is None:
            self._refuse_reserved(ctx, body.get("id"))
        for noun, field in self._parents_in(ctx):
            put_at(body, tuple(field.split(".")), ctx.parents[noun].id)
        for path, value in kept_fields(ctx, self, body):
            put_at(body, path, value)
        body.pop("id", None)
        self._refuse_others(body)
        body |= self.only
        if self.files_in:
            body[self.files_in] = shown_files(ctx.found)
        violations: list[Violation] = []
        if self.schema:
            violations = ctx.app.schemas.compiled(self.schema).check(body)
        if not violations:
            for check in self.checks:
                try:
                    checked = check(ctx, body)
                    body = await checked if inspect.isawaitable(checked) else checked
                except InvalidData as refusal:
                    violations += refusal.violations
        if violations:
            raise InvalidData(violations)
        ctx.body = body

    async def find(self, ctx: Context) -> Answer:
        """The documents of the tenant, those of the parent if the path names one."""
        return await listing(ctx, self.tenant(ctx), self.kind, *self.of_parent(ctx))

    async def create(self, ctx: Context) -> Reply | Answer:
        """Store the body as a new document."""
        return await self.insert(ctx, ctx.body)

    async def read(self, ctx: Context, id: str) -> Reply | Answer:
        """The document that was found."""
        return ctx.document()

    async def replace(self, ctx: Context, id: str) -> Reply | Answer:
        """Put the body in the place of the document's."""
        return await self.store(ctx, ctx.document().with_data(ctx.body))

    async def patch(self, ctx: Context, id: str) -> Reply | Answer:
        """Store the merged document."""
        return await self.replace(ctx, id)

    async def delete(self, ctx: Context, id: str) -> Reply | Answer:
        """Take the document away; `should_soft_delete=false` destroys it."""
        found = ctx.document()
        purge = ctx.flag("should_soft_delete") is False
        await write(ctx, Delete(found.tenant, found.kind, id, found.revision, purge))
        return Reply(found, deleted=True)

    async def insert(self, ctx: Context, body: Body, private: Body | None = None, *also: Change) -> Document:
        """Store a new document under a new id, together with other changes, and return it."""
        document, changes = attach(ctx, self, self.made(ctx, body, private))
        return (await write(ctx, Insert(document), *changes, *also))[0] or document

    def made(self, ctx: Context, body: Body, private: Body | None = None) -> Document:
        """A new document of this resource, with an id of its own, not yet stored."""
        return Document.of(self.tenant(ctx), self.kind, new_id(), {**body, **self.only}, ctx.now, private)

    async def store(self, ctx: Context, document: Document, *also: Change) -> Document:
        """Write a document that stands at its revision, together with other changes, and return it as it now is."""
        document, changes = attach(ctx, self, document)
        return (await write(ctx, Replace(document), *changes, *also))[0] or document

    def attached(self, ctx: Context, body: Body, slot: str, file: File | None) -> Body:
        """The body of a document as it is to be when a file was put into a slot, or was taken out (None)."""
        return body

    def of_parent(self, ctx: Context) -> list[Filter]:
        """Filters that keep the documents of the parents that the path names, and of those what `only` says."""
        filters = [where(field, ctx.parents[noun].id) for noun, field in self._parents_in(ctx)]
        return [*filters, *(where(field, value) for field, value in self.only.items())]

    def of_caller(self, ctx: Context) -> tuple[Filter, ...]:
        """Filters that keep the documents that the caller may see; none for an administrator, who sees all."""
        return own(ctx, self.owner)

    def owned(self, ctx: Context, document: Document) -> bool:
        """Whether the caller may see a document of this kind, for modules that load some by themselves."""
        return owned(ctx, self.owner, document)

    def _parents_in(self, ctx: Context) -> list[tuple[str, str]]:
        """The parents that the path names, each with the field that carries its id."""
        # NOTE: users go by the name of extensions too, and are the parent once.
        named = {field: noun for noun, field in self.parents.items() if noun in ctx.parents}
        return [(noun, field) for field, noun in named.items()]

    def _related(self, ctx: Context, document: Document) -> bool:
        """Whether a document carries the id of every parent that the path names, and the values of `only`."""
        parents = self._parents_in(ctx) if ctx.parents else []
        if not parents and not self.only:
            return True
        data = document.data()
        return all(data.get(field) == value for field, value in self.only.items()) and all(
            field_at(data, tuple(field.split("."))) == ctx.parents[noun].id for noun, field in parents
        )

    def _refuse_others(self, body: Body) -> None:
        """Refuse a document that says it is one of those that another resource has."""
        for field, value in self.only.items():
            if body.get(field) not in (None, value):
                told = f"documents of {self.name} have {value!r} here: leave it out"
                raise InvalidData(field, "enum", told, target=[value], value=body[field])

    def _refuse_reserved(self, ctx: Context, id: Any) -> None:
        """Refuse an id that no path could reach, because it would be read as the name of an endpoint."""
        if isinstance(id, str) and id in ctx.registry.names:
            raise InvalidData("id", "forbidden", "an id cannot be the name of an endpoint", value=id)
