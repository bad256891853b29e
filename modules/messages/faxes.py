"""Faxes of an account: those to send, those sent and those received, each with its documents at `{id}/attachments`."""

from crossbar import (
    Answer,
    BadIdentifier,
    Blob,
    Body,
    Context,
    File,
    Insert,
    Json,
    NotFound,
    Noun,
    Reply,
    action,
    blob_of,
    copy_files,
    created,
    drop_files,
    files_of,
    listing,
    where,
    write,
)

from .places import READ, UNREAD
from .stored import DOCUMENTS, FAX, INBOUND, OUTBOUND, PEOPLE, Stored, without_box
from .texts import numbers_of, sender_of

INBOX, INCOMING, OUTBOX, OUTGOING = "inbox", "incoming", "outbox", "outgoing"
FILE = ("*/*",)
_NUMBERS = {"from": "from_number", "to": "to_number"}
"""What all messages call the two numbers of a fax, and what Kazoo calls them."""
_OF_AN_ATTEMPT = frozenset({"id", "folder", "status", "attempts", "tx_result", "read_status", *_NUMBERS})


def with_status(ctx: Context, body: Body) -> Body:
    """A fax that is to be sent waits for a document if it has neither an address nor a file."""
    if body["folder"] != OUTGOING or body.get("status", WAITS) not in (WAITS, READY):
        return body
    has_files = bool(ctx.files) or (ctx.found is not None and bool(files_of(ctx.found, DOCUMENTS)))
    ready = has_files or bool(body.get("document", {}).get("url"))
    return {**body, "status": READY if ready else WAITS}


READY, WAITS = "pending", "attaching files"


def as_a_message(ctx: Context, body: Body) -> Body:
    """A fax says whence, whereto and whether it was read as every message does; what is sent was read."""
    inward = body["folder"] in (INBOX, INCOMING)
    before = ctx.found.data() if ctx.found is not None else {}
    return {
        **without_box(body),
        **{name: body[field] for name, field in _NUMBERS.items()},
        "direction": INBOUND if inward else OUTBOUND,
        "read_status": body.get("read_status") or before.get("read_status") or (UNREAD if inward else READ),
    }


def in_kazoos_words(body: Body, before: Body) -> Body:
    """The body with the numbers under Kazoo's names, which win unless only the other name's number has changed."""
    for name, field in _NUMBERS.items():
        if name in body and (field not in body or body[field] == before.get(field)):
            body[field] = body[name]
    return body


class Faxes(Stored):
    """Faxes. Whoever sends and receives them moves them from folder to folder with PATCH."""

    name = "faxes"
    kind = "messages"
    only = {"type": FAX}
    schema = "faxes"
    parents = PEOPLE
    checks = (with_status, as_a_message)
    attachments = (DOCUMENTS,)

    async def validate(self, ctx: Context) -> None:
        """Check a fax, whose numbers may be called as those of all messages are."""
        ctx.body = in_kazoos_words(ctx.body, ctx.found.data() if ctx.found is not None else {})
        if ctx.found is None:
            await _from_its_sender(ctx, ctx.body)
        await super().validate(ctx)

    def attached(self, ctx: Context, body: Body, slot: str, file: File | None) -> Body:
        """A fax that waited for a document can be sent when it has one."""
        return {**body, "status": READY} if file is not None and body.get("status") == WAITS else body

    # By folder, as Kazoo has it.

    @action("PUT outgoing", files=True)
    async def send(self, ctx: Context) -> Reply | Answer:
        """Send a fax: the same as PUT without `outgoing`."""
        await self.validate(ctx)
        fax = await self.insert(ctx, ctx.body)
        return created(fax, *_at(ctx, fax.id))

    @action("GET outgoing")
    async def outgoing(self, ctx: Context) -> Answer:
        """The faxes that are to be sent."""
        return await self._of(ctx, OUTGOING)

    @action("GET outgoing/{id}")
    async def read_outgoing(self, ctx: Context, id: str) -> Answer:
        """A fax that is to be sent."""
        return await self._in(ctx, OUTGOING, id)

    @action("GET incoming")
    async def incoming(self, ctx: Context) -> Answer:
        """The faxes that are being received."""
        return await self._of(ctx, INCOMING)

    @action("GET incoming/{id}")
    async def read_incoming(self, ctx: Context, id: str) -> Answer:
        """A fax that is being received."""
        return await self._in(ctx, INCOMING, id)

    @action("GET outbox")
    async def outbox(self, ctx: Context) -> Answer:
        """The faxes that were sent, or could not be."""
        return await self._of(ctx, OUTBOX)

    @action("GET outbox/{id}")
    async def read_outbox(self, ctx: Context, id: str) -> Answer:
        """A fax that was sent."""
        return await self._in(ctx, OUTBOX, id)

    @action("PUT outbox/{id}")
    async def resubmit(self, ctx: Context, id: str) -> Reply:
        """Send a fax once more, with the changes that the body names."""
        return await self._again(ctx, OUTBOX, id)

    @action("DELETE outbox/{id}")
    async def delete_outbox(self, ctx: Context, id: str) -> Reply | Answer:
        """Take away a fax that was sent."""
        await self._in(ctx, OUTBOX, id)
        return await self.delete(ctx, id)

    @action("GET outbox/{id}/attachment", provides=FILE)
    async def get_sent(self, ctx: Context, id: str) -> Blob:
        """The document that was sent, the first one if there are several."""
        return await self._document(ctx, OUTBOX, id)

    @action("DELETE outbox/{id}/attachment")
    async def delete_sent(self, ctx: Context, id: str) -> Answer:
        """Take away the documents of a fax that was sent, and keep the fax."""
        return await self._without_documents(ctx, OUTBOX, id)

    @action("GET inbox")
    async def inbox(self, ctx: Context) -> Answer:
        """The faxes that were received."""
        return await self._of(ctx, INBOX)

    @action("GET inbox/{id}")
    async def read_inbox(self, ctx: Context, id: str) -> Answer:
        """A fax that was received."""
        return await self._in(ctx, INBOX, id)

    @action("PUT inbox/{id}")
    async def forward(self, ctx: Context, id: str) -> Reply:
        """Send a fax that was received on, to the `to_number` in the body."""
        return await self._again(ctx, INBOX, id)

    @action("DELETE inbox/{id}")
    async def delete_inbox(self, ctx: Context, id: str) -> Reply | Answer:
        """Take away a fax that was received."""
        await self._in(ctx, INBOX, id)
        return await self.delete(ctx, id)

    @action("GET inbox/{id}/attachment", provides=FILE)
    async def get_received(self, ctx: Context, id: str) -> Blob:
        """The document that was received, the first one if there are several."""
        return await self._document(ctx, INBOX, id)

    @action("DELETE inbox/{id}/attachment")
    async def delete_received(self, ctx: Context, id: str) -> Answer:
        """Take away the documents of a fax that was received, and keep the fax."""
        return await self._without_documents(ctx, INBOX, id)

    async def _of(self, ctx: Context, folder: str) -> Answer:
        """The faxes of a folder."""
        return await listing(ctx, self.tenant(ctx), self.kind, *self.of_parent(ctx), where("folder", folder))

    async def _in(self, ctx: Context, folder: str, id: str) -> Answer:
        """The fax of that id in a folder, which is `ctx.found` from then on."""
        await self.resolve(ctx, id)
        fax = ctx.document()
        if fax.data().get("folder") != folder or not self.owned(ctx, fax):
            raise BadIdentifier(cause=id)
        return fax

    async def _document(self, ctx: Context, folder: str, id: str) -> Blob:
        await self._in(ctx, folder, id)
        file = next(iter(files_of(ctx.document(), DOCUMENTS)), None)
        if file is None:
            raise NotFound("the fax has no document")
        return blob_of(ctx.app.store, ctx.document(), DOCUMENTS, file)

    async def _without_documents(self, ctx: Context, folder: str, id: str) -> Json:
        await self._in(ctx, folder, id)
        files = list(files_of(ctx.document(), DOCUMENTS))
        fax, changes = drop_files(ctx.document(), DOCUMENTS)
        if not changes:
            raise NotFound("the fax has no document")
        await self.store(ctx, fax, *changes)
        return [{"id": file} for file in files]

    async def _again(self, ctx: Context, folder: str, id: str) -> Reply:
        """A new fax to send, with the documents of one that is there."""
        await self._in(ctx, folder, id)
        source = ctx.document()
        before = {key: value for key, value in source.data().items() if key not in _OF_AN_ATTEMPT}
        if folder == INBOX:
            # NOTE: who sent it to us becomes nobody's sender: it goes out from the number that it came in at.
            before["from_number"], before["to_number"] = before.get("to_number"), None
            before = {key: value for key, value in before.items() if value is not None}
        wanted = in_kazoos_words(ctx.body, source.data())
        wanted = {key: value for key, value in wanted.items() if key not in _NUMBERS}
        ctx.body = {**before, **wanted, "folder": OUTGOING, "read_status": READ}
        await self.validate(ctx)
        fax, files = await copy_files(ctx.app.store, source, self.made(ctx, ctx.body))
        await write(ctx, Insert(fax), *files)
        return created(fax, *_at(ctx, fax.id))


async def _from_its_sender(ctx: Context, body: Body) -> None:
    """Let a fax that is to be sent, and names no number, go out from the one of its sender, if they have one."""
    named = body.get("owner_id")
    if "from_number" in body or body.get("folder", OUTGOING) != OUTGOING or not isinstance(named, str | None):
        return
    number = next(numbers_of(await sender_of(ctx, {"owner_id": named, "direction": OUTBOUND})), None)
    if number is not None:
        body["from_number"] = number


def _at(ctx: Context, id: str) -> tuple[Noun, ...]:
    """Where a new fax is, whichever of its paths it was made by."""
    *outer, (last, _) = ctx.resolved
    return (*(Noun(each.name, args) for each, args in outer), Noun(last.name, (id,)))
