"""Messages that callers left in voicemail boxes, each with its sound at `{id}/raw`."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from crossbar import (
    Answer,
    Attachment,
    Body,
    Change,
    Context,
    Delete,
    Document,
    File,
    Filter,
    Guard,
    Insert,
    InvalidData,
    NotFound,
    Query,
    Replace,
    Reply,
    Resource,
    Stream,
    action,
    blob_of,
    copy_files,
    every,
    files_of,
    listing,
    new_id,
    where,
    within,
    write,
)

from .archive import zipped
from .boxes import BOXES, box_called, in_its_box, moved, still_there
from .bulk import each

RAW = Attachment("raw", types=("audio/*",), inline=True)
FOLDERS = ("new", "saved", "deleted")
MOST_COPIES = 100
"""How many copies one request may make: each is a file that is read and written again."""
# What the query of a request that deletes all of a box may say.
_FILTERS = ("filter_", "has_key", "key_missing", "has_value", "value_missing", "created_", "modified_")
_WORDS = frozenset({"accept", "auth_token", "folder", "pretty_print", "should_soft_delete", "verb"})
_BULK = frozenset({"messages", "folder", "source_id", "ui_metadata"})


class Messages(Resource):
    """Voicemail messages: below a box those of that box, below the account all of them."""

    name = "messages"
    schema = "messages"
    summary = (
        *("media_id", "timestamp", "from", "to", "caller_id_number", "caller_id_name", "call_id", "folder", "length"),
        "source_id",
    )
    parents = {BOXES: "source_id"}
    operations = ("find", "create", "read", "replace", "delete")
    checks = (in_its_box,)
    attachments = (RAW,)
    owner = "owner_id"

    async def validate(self, ctx: Context) -> None:
        """Check what is created; a change of what is there may only be a move, which has a schema of its own."""
        if ctx.bound is not None and ctx.bound.route.operation == "create":
            await super().validate(ctx)
        else:
            self._refuse_malformed(ctx)

    async def find(self, ctx: Context) -> Answer:
        """The messages of the box or of the account; `folder` keeps those of one folder."""
        return await listing(ctx, self.tenant(ctx), self.name, *self.of_parent(ctx), *self._of_folder(ctx))

    async def create(self, ctx: Context) -> Reply | Answer:
        """Leave a message in its box, with its sound if that came along."""
        box = ctx.parents.get(BOXES) or await box_called(ctx, ctx.body["source_id"])
        body = {key: value for key, value in ctx.body.items() if value is not None}
        return await self.insert(ctx, body, None, still_there(box))

    def made(self, ctx: Context, body: Body, private: Body | None = None) -> Document:
        """A new message; Kazoo's clients know it as `media_id`."""
        message = super().made(ctx, body, private)
        return message.with_data({**message.data(), "media_id": message.id})

    def attached(self, ctx: Context, body: Body, slot: str, file: File | None) -> Body:
        """The message with the type and the bytes of its sound."""
        facts = (None, None) if file is None else (file.content_type, file.blob.size)
        body |= zip(("content_type", "content_length"), facts, strict=True)
        return {key: value for key, value in body.items() if value is not None}

    # Moving, copying and deleting.

    async def replace(self, ctx: Context, id: str) -> Reply | Answer:
        """Move a message to a folder or a box, or copy it to several boxes."""
        folder, box, copies = await self._wanted(ctx)
        if copies:
            return await self._copied(ctx, [id], folder, copies)
        guards = (still_there(box),) if box is not None else ()
        return await self.store(ctx, moved(ctx.document(), folder, box), *guards)

    @action("POST")
    async def move(self, ctx: Context) -> Answer:
        """Move the messages that `messages` names to a folder or a box, or copy them to several boxes."""
        self._refuse_malformed(ctx)
        folder, box, copies = await self._wanted(ctx)
        ids = ctx.body.get("messages")
        if not ids:
            raise InvalidData("messages", "required", "Field is required but missing: list the ids of messages")
        if copies:
            return await self._copied(ctx, ids, folder, copies)
        guards = (still_there(box),) if box is not None else ()
        return await self._each(ctx, ids, lambda message: Replace(moved(message, folder, box)), guards)

    async def delete(self, ctx: Context, id: str = "") -> Reply | Answer:
        """Delete one message, those that `messages` names, or all of the box that folder and filters leave."""
        if id:
            return await super().delete(ctx, id)
        self._refuse_malformed(ctx)
        ids = ctx.body.get("messages")
        for word in ctx.query.keys() - _WORDS if ids is None else ():
            # NOTE: a misspelt filter would leave all of them.
            if not word.startswith(_FILTERS):
                told = "is not understood here, and without it all messages would go"
                raise InvalidData(word, "additionalProperties", told, value=ctx.query[word])
        if ids is None and BOXES not in ctx.parents:
            told = "Field is required but missing: list the ids, or delete all messages of a box through that box"
            raise InvalidData("messages", "required", told)
        purge = ctx.flag("should_soft_delete") is False

        def gone(message: Document) -> Change:
            return Delete(message.tenant, self.name, message.id, message.revision, purge)

        if ids is not None:
            return await self._each(ctx, ids, gone)
        result: Body = {"succeeded": [], "failed": []}
        async for rows in every(ctx, self.tenant(ctx), self.name, *self.of_parent(ctx), *self._of_folder(ctx)):
            some = await self._each(ctx, [row["id"] for row in rows.parsed()], gone)
            result = {key: result[key] + some[key] for key in result}
        return result

    @action("POST raw", provides=("application/zip",))
    async def archive(self, ctx: Context) -> Reply:
        """The sound of the messages that `messages` names, in one ZIP file."""
        self._refuse_malformed(ctx)
        ids = ctx.body.get("messages")
        if not ids:
            raise InvalidData("messages", "required", "Field is required but missing: list the ids of messages")
        files, lacking = [], []
        for id in dict.fromkeys(ids):
            message = await self._message(ctx, id)
            if message is None or not files_of(message, RAW):
                lacking.append({id: "not_found" if message is None else "no_file"})
            else:
                blob = blob_of(ctx.app.store, message, RAW)
                files.append((f"{id}-{blob.name}", blob))
        if lacking:
            raise NotFound("not all of these messages have sound here", details={"failed": lacking})
        named = (b"content-disposition", b'attachment; filename="messages.zip"')
        return Reply(Stream(zipped(files), "application/zip"), headers=(named,))

    async def _each(
        self, ctx: Context, ids: Iterable[str], change: Callable[[Document], Change], guards: Sequence[Guard] = ()
    ) -> Body:
        """Change messages one by one, many in a write."""
        return await each(ctx, ids, lambda id: self._message(ctx, id), change, guards)

    async def _copied(self, ctx: Context, ids: Sequence[str], folder: str | None, to: list[str]) -> Body:
        """Copy messages with their sound into boxes; `copies` are the ids of the new ones, by the ids of the old."""
        ids, targets = list(dict.fromkeys(ids)), list(dict.fromkeys(to))
        if len(ids) * len(targets) > MOST_COPIES:
            told = f"one request makes {MOST_COPIES} copies at most, not {len(ids) * len(targets)}"
            raise InvalidData("source_id", "maxItems", told, target=MOST_COPIES)
        boxes = [await box_called(ctx, target) for target in targets]
        copies: dict[str, list[str]] = {}
        for id in ids:
            message = await self._message(ctx, id)
            if message is not None:
                copies[id] = [await self._copy(ctx, message, folder, box) for box in boxes]
        failed = [{id: "not_found"} for id in ids if id not in copies]
        return {"succeeded": list(copies), "failed": failed, "copies": copies}

    async def _copy(self, ctx: Context, message: Document, folder: str | None, box: Document) -> str:
        data = moved(message, folder, box).data()
        id = data["id"] = data["media_id"] = new_id()
        copy = Document.of(message.tenant, self.name, id, data, ctx.now)
        copy, files = await copy_files(ctx.app.store, message, copy)
        await write(ctx, Insert(copy), *files, still_there(box))
        return id

    # What is asked for.

    async def _message(self, ctx: Context, id: str) -> Document | None:
        """A message that the path leads to and the caller may see."""
        message = await ctx.app.store.get(self.tenant(ctx), self.name, id)
        box = ctx.parents.get(BOXES)
        elsewhere = message is None or (box is not None and message.data().get("source_id") != box.id)
        return None if message is None or elsewhere or not self.owned(ctx, message) else message

    def _refuse_malformed(self, ctx: Context) -> None:
        """Raise InvalidData if the body does not keep to the schema of changes, or says more than is understood."""
        violations = ctx.app.schemas.compiled("messages.change").check(ctx.body)
        if violations:
            raise InvalidData(violations)
        # NOTE: clients send a whole message back to change its folder; in a list of messages a slip would be grave.
        for key in () if ctx.args else ctx.body.keys() - _BULK:
            told = f"there are {', '.join(sorted(_BULK))} here"
            raise InvalidData(key, "additionalProperties", told, value=ctx.body[key])

    async def _wanted(self, ctx: Context) -> tuple[str | None, Document | None, list[str]]:
        """Where messages are to go: a folder, a box, or boxes that get copies; InvalidData if nothing is said."""
        folder, to = self._folder(ctx), ctx.body.get("source_id")
        if folder is None and to is None:
            told = "Field is required but missing: name a folder, a box to move to, or a list of boxes to copy to"
            raise InvalidData("folder", "required", told)
        if isinstance(to, list):
            return folder, None, to
        return folder, await box_called(ctx, to) if to is not None else None, []

    def _folder(self, ctx: Context) -> str | None:
        """The folder that body or query names; InvalidData if there is none of that name."""
        folder: Any = ctx.body.get("folder") or ctx.word("folder")
        if folder is None:
            return None
        if folder not in FOLDERS:
            told = "Value not found in enumerated list of values"
            raise InvalidData("folder", "enum", told, target=list(FOLDERS), value=folder)
        return str(folder)

    def _of_folder(self, ctx: Context) -> tuple[Filter, ...]:
        folder = self._folder(ctx)
        return () if folder is None else (where("folder", folder),)

    # What happens to the boxes.

    @within("vmboxes.delete")
    async def gone_with_the_box(self, ctx: Context, changes: Sequence[Change]) -> list[Change]:
        """Delete a box's messages together with it; 409 if one comes in at that moment."""
        box = ctx.document()
        purge = any(isinstance(change, Delete) and change.purge for change in changes)
        gone: list[Change] = [
            Delete(message.tenant, self.name, message.id, message.revision, purge)
            async for message in self._of_box(ctx, box)
        ]
        told = "a message has just come into the box: try again"
        return [*gone, Guard(Query(box.tenant, self.name, (where("source_id", box.id),)), finds=False, told=told)]

    @within("vmboxes.replace", "vmboxes.patch")
    async def owned_with_the_box(self, ctx: Context, changes: Sequence[Change]) -> list[Change]:
        """Let a box's messages change hands together with it."""
        before = ctx.document()
        boxes = [change.document for change in changes if isinstance(change, Replace) and change.document.kind == BOXES]
        if not boxes or boxes[0].data().get("owner_id") == before.data().get("owner_id"):
            return []
        return [Replace(moved(message, None, boxes[0])) async for message in self._of_box(ctx, before)]

    async def _of_box(self, ctx: Context, box: Document) -> AsyncIterator[Document]:
        """All messages of a box."""
        start: str | None = None
        while True:
            query = Query(box.tenant, self.name, (where("source_id", box.id),), start=start, limit=501)
            found = await ctx.app.store.find(query)
            for message in found[:500]:
                yield message
            if len(found) <= 500:
                return
            start = found[500].key
