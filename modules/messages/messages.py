"""The noun `messages`: all that there is in the message store; voicemail is also left and moved here."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from crossbar import (
    Answer,
    BadIdentifier,
    Blob,
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
    Json,
    NotFound,
    Query,
    Replace,
    Reply,
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
from .boxes import BOXES, box_called, in_box, in_its_box, refuse_others, still_there
from .bulk import INVALID, each
from .stored import INBOUND, PEOPLE, RAW, SLOTS, VOICEMAIL, Stored, file_in, is_user, required, type_of
from .texts import written
from .wishes import Wish, folder_of, ids_of, refuse_malformed, refuse_other_changes, wish_of

MOST_COPIES = 100
"""How many copies one request may make: each is a file that is read and written again."""
# What the query of a request that deletes all of a box may say.
_FILTERS = ("filter_", "has_key", "key_missing", "has_value", "value_missing", "created_", "modified_")
_WORDS = frozenset({"accept", "auth_token", "folder", "pretty_print", "should_soft_delete", "verb"})
_ELSEWHERE = {"sms": "sms", "fax": "faxes"}


async def of_its_type(ctx: Context, body: Body) -> Body:
    """What is put down here is voicemail, or a pager message, which only administrators put down."""
    kind = body.setdefault("type", VOICEMAIL)
    if kind == VOICEMAIL:
        return await in_its_box(ctx, body)
    if kind in _ELSEWHERE or BOXES in ctx.parents:
        told = f"a message of this type is made at {_ELSEWHERE.get(kind, 'messages, outside of a box')}"
        raise InvalidData("type", "enum", told, target=[VOICEMAIL], value=kind)
    if is_user(ctx):
        raise InvalidData("type", "forbidden", "only administrators of the account may put this down", value=kind)
    for field in ("from", "to", "text"):
        if not body.get(field):
            raise required(field, "say who writes what to whom")
    if body.get("source_id") is not None:
        raise InvalidData("source_id", "forbidden", "only voicemail is in a box", value=body["source_id"])
    body.setdefault("direction", INBOUND)
    return written(ctx, body)


class Messages(Stored):
    """Messages of all types: below the account, below whom they belong to, and voicemail below its box."""

    name = "messages"
    schema = "messages"
    parents = {BOXES: "source_id", **PEOPLE}
    checks = (of_its_type,)
    attachments = (RAW,)

    async def resolve(self, ctx: Context, id: str) -> None:
        """Load the message into `ctx.found`; only voicemail has the sound that `raw` is."""
        await super().resolve(ctx, id)
        about_raw = ctx.bound is not None and ctx.bound.route.slot is not None
        if about_raw and type_of(ctx.document()) != VOICEMAIL:
            raise NotFound("only voicemail has a sound: files of other messages are at content")

    async def validate(self, ctx: Context) -> None:
        """Check what is created; of what is there only the place changes, which has a schema of its own."""
        operation = ctx.bound.route.operation if ctx.bound is not None else None
        if operation == "create":
            await super().validate(ctx)
        elif operation == "patch":
            refuse_other_changes(ctx)
        else:
            refuse_malformed(ctx)

    async def find(self, ctx: Context) -> Answer:
        """The messages of the box, the person or the account; `folder` keeps those of one folder."""
        return await listing(ctx, self.tenant(ctx), self.kind, *self.of_parent(ctx), *self._of_folder(ctx))

    async def create(self, ctx: Context) -> Reply | Answer:
        """Leave a message in its box, with its sound if that came along."""
        body = {key: value for key, value in ctx.body.items() if value is not None}
        if body["type"] != VOICEMAIL:
            return await self.insert(ctx, body)
        box = ctx.parents.get(BOXES) or await box_called(ctx, body["source_id"])
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

    # The files of any message.

    @action("GET {id}/content")
    async def content(self, ctx: Context, id: str) -> Json:
        """The files of a message, of whichever type it is."""
        files: Json = ctx.document().data().get(self.files_in, [])
        return files

    @action("GET {id}/content/{file}", provides=("*/*",))
    async def get_content(self, ctx: Context, id: str, file: str) -> Blob:
        """One file of a message."""
        slot = file_in(ctx.document(), file)
        if slot is None:
            raise BadIdentifier(cause=file)
        return blob_of(ctx.app.store, ctx.document(), slot, file)

    # Moving, copying and deleting.

    async def replace(self, ctx: Context, id: str) -> Reply | Answer:
        """Move a message to a folder or a box, or copy it to several boxes."""
        wish = await wish_of(ctx)
        if wish.copies:
            refuse_others(ctx.document())
            return await self._copied(ctx, [id], wish)
        return await self.store(ctx, wish.come_true(ctx.document()), *_guards(wish))

    async def patch(self, ctx: Context, id: str) -> Reply | Answer:
        """Move a message to a folder, or say whether it was read."""
        message = ctx.document()
        if not ctx.body:
            return message
        wish = Wish(ctx.body.get("folder"), ctx.body.get("read_status"), None, [])
        return await self.store(ctx, wish.come_true(message))

    @action("POST")
    async def move(self, ctx: Context) -> Answer:
        """Move the messages that `messages` names to a folder or a box, or copy them to several boxes."""
        refuse_malformed(ctx)
        wish = await wish_of(ctx)
        ids = ids_of(ctx)
        if wish.copies:
            return await self._copied(ctx, ids, wish)
        return await self._each(ctx, ids, lambda message: Replace(wish.come_true(message)), _guards(wish))

    async def delete(self, ctx: Context, id: str = "") -> Reply | Answer:
        """Delete one message, those that `messages` names, or all of the box that folder and filters leave."""
        if id:
            return await super().delete(ctx, id)
        refuse_malformed(ctx)
        ids = ctx.body.get("messages")
        for word in ctx.query.keys() - _WORDS if ids is None else ():
            # NOTE: a misspelt filter would leave all of them.
            if not word.startswith(_FILTERS):
                told = "is not understood here, and without it all messages would go"
                raise InvalidData(word, "additionalProperties", told, value=ctx.query[word])
        if ids is None and BOXES not in ctx.parents:
            raise required("messages", "list the ids, or delete all messages of a box through that box")
        purge = ctx.flag("should_soft_delete") is False

        def gone(message: Document) -> Change:
            return Delete(message.tenant, message.kind, message.id, message.revision, purge)

        if ids is not None:
            return await self._each(ctx, ids, gone)
        result: Body = {"succeeded": [], "failed": []}
        async for rows in every(ctx, self.tenant(ctx), self.kind, *self.of_parent(ctx), *self._of_folder(ctx)):
            some = await self._each(ctx, [row["id"] for row in rows.parsed()], gone)
            result = {key: result[key] + some[key] for key in result}
        return result

    @action("POST raw", provides=("application/zip",))
    async def archive(self, ctx: Context) -> Reply:
        """The files of the messages that `messages` names, in one ZIP file."""
        refuse_malformed(ctx)
        files, lacking = [], []
        for id in dict.fromkeys(ids_of(ctx)):
            message = await self.load(ctx, id)
            slot = SLOTS.get(type_of(message)) if message is not None else None
            found = files_of(message, slot) if message is not None and slot is not None else {}
            if message is None or slot is None or not found:
                lacking.append({id: "not_found" if message is None else "no_file"})
                continue
            for file in found:
                blob = blob_of(ctx.app.store, message, slot, file)
                files.append((f"{id}-{file if slot.many else blob.name}", blob))
        if lacking:
            raise NotFound("not all of these messages have files here", details={"failed": lacking})
        named = (b"content-disposition", b'attachment; filename="messages.zip"')
        return Reply(Stream(zipped(files), "application/zip"), headers=(named,))

    async def _each(
        self, ctx: Context, ids: Iterable[str], change: Callable[[Document], Change], guards: Sequence[Guard] = ()
    ) -> Body:
        """Change messages one by one, many in a write."""
        return await each(ctx, ids, lambda id: self.load(ctx, id), change, guards)

    async def _copied(self, ctx: Context, ids: Sequence[str], wish: Wish) -> Body:
        """Copy messages with their sound into boxes; `copies` are the ids of the new ones, by the ids of the old."""
        ids, targets = list(dict.fromkeys(ids)), list(dict.fromkeys(wish.copies))
        if len(ids) * len(targets) > MOST_COPIES:
            told = f"one request makes {MOST_COPIES} copies at most, not {len(ids) * len(targets)}"
            raise InvalidData("source_id", "maxItems", told, target=MOST_COPIES)
        boxes = [await box_called(ctx, target) for target in targets]
        copies: dict[str, list[str]] = {}
        failed: list[Body] = []
        for id in ids:
            message = await self.load(ctx, id)
            if message is None or type_of(message) != VOICEMAIL:
                failed.append({id: "not_found" if message is None else INVALID})
            else:
                copies[id] = [await self._copy(ctx, message, wish._replace(box=box)) for box in boxes]
        return {"succeeded": list(copies), "failed": failed, "copies": copies}

    async def _copy(self, ctx: Context, message: Document, wish: Wish) -> str:
        assert wish.box is not None
        data = wish.come_true(message).data()
        id = data["id"] = data["media_id"] = new_id()
        copy = Document.of(message.tenant, message.kind, id, data, ctx.now)
        copy, files = await copy_files(ctx.app.store, message, copy)
        await write(ctx, Insert(copy), *files, still_there(wish.box))
        return id

    def _of_folder(self, ctx: Context) -> tuple[Filter, ...]:
        folder = folder_of(ctx)
        return () if folder is None else (where("folder", folder),)

    # What happens to the boxes.

    @within("vmboxes.delete")
    async def gone_with_the_box(self, ctx: Context, changes: Sequence[Change]) -> list[Change]:
        """Delete a box's messages together with it; 409 if one comes in at that moment."""
        box = ctx.document()
        purge = any(isinstance(change, Delete) and change.purge for change in changes)
        gone: list[Change] = [
            Delete(message.tenant, message.kind, message.id, message.revision, purge)
            async for message in self._of_box(ctx, box)
        ]
        told = "a message has just come into the box: try again"
        return [*gone, Guard(Query(box.tenant, self.kind, (where("source_id", box.id),)), finds=False, told=told)]

    @within("vmboxes.replace", "vmboxes.patch")
    async def owned_with_the_box(self, ctx: Context, changes: Sequence[Change]) -> list[Change]:
        """Let a box's messages change hands together with it."""
        before = ctx.document()
        boxes = [change.document for change in changes if isinstance(change, Replace) and change.document.kind == BOXES]
        if not boxes or boxes[0].data().get("owner_id") == before.data().get("owner_id"):
            return []
        return [Replace(in_box(message, boxes[0])) async for message in self._of_box(ctx, before)]

    async def _of_box(self, ctx: Context, box: Document) -> AsyncIterator[Document]:
        """All messages of a box."""
        start: str | None = None
        while True:
            query = Query(box.tenant, self.kind, (where("source_id", box.id),), start=start, limit=501)
            found = await ctx.app.store.find(query)
            for message in found[:500]:
                yield message
            if len(found) <= 500:
                return
            start = found[500].key


def _guards(wish: Wish) -> tuple[Guard, ...]:
    """What makes sure that the box that messages are moved to stays there."""
    return (still_there(wish.box),) if wish.box is not None else ()
