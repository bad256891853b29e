"""Voicemail boxes of an account: where callers leave what `messages` holds."""

from collections import Counter
from collections.abc import AsyncIterator

from crossbar import (
    Answer,
    Body,
    Change,
    Context,
    Document,
    NotFound,
    Page,
    Query,
    Resource,
    Rows,
    Stream,
    action,
    listing,
    where,
)

MESSAGES = "messages"
"""The noun, and the kind of document, of what is left in the boxes."""
FOLDERS = ("new", "saved", "deleted")


def with_pin(document: Document) -> Document:
    """The box with its PIN, as its own page shows it."""
    pin = document.secrets().get("pin")
    return document if pin is None else document.with_data({**document.data(), "pin": pin})


def without_pin(document: Document) -> Document:
    """The box as it is stored: its PIN is in the private part, where no listing, filter or event comes by it."""
    data, private = document.data(), document.secrets()
    private.pop("pin", None)
    if "pin" in data:
        private["pin"] = data.pop("pin")
    return document.with_data(data).with_secrets(private)


class Vmboxes(Resource):
    """Voicemail boxes. A box shows its PIN, listings never do."""

    name = "vmboxes"
    schema = "vmboxes"
    summary = ("name", "mailbox", "owner_id")
    parents = {"users": "owner_id", "extensions": "owner_id"}
    unique = ("mailbox",)
    indexes = ("id",)  # a new message looks whether its box is still there
    owner = "owner_id"
    admin_only = ("create", "delete")

    async def resolve(self, ctx: Context, id: str) -> None:
        """Load the box, with its PIN, into `ctx.found`."""
        await super().resolve(ctx, id)
        ctx.found = with_pin(ctx.document())

    def made(self, ctx: Context, body: Body, private: Body | None = None) -> Document:
        """A new box, its PIN in the private part."""
        return without_pin(super().made(ctx, body, private))

    async def insert(self, ctx: Context, body: Body, private: Body | None = None, *also: Change) -> Document:
        """Store a new box, and return it with its PIN."""
        return with_pin(await super().insert(ctx, body, private, *also))

    async def store(self, ctx: Context, document: Document, *also: Change) -> Document:
        """Write a box, and return it with its PIN."""
        return with_pin(await super().store(ctx, without_pin(document), *also))

    @action("GET messages")
    async def overview(self, ctx: Context) -> Answer:
        """The boxes, each with how many messages there are in it and in which folders."""
        if MESSAGES not in ctx.registry.names:
            raise NotFound("no module keeps messages here")
        boxes = await listing(ctx, self.tenant(ctx), self.name, *self.of_parent(ctx))
        if isinstance(boxes, Stream):
            return Stream(self._each_counted(ctx, boxes.rows()))
        assert isinstance(boxes, Page)
        return Page(await self._counted(ctx, boxes.rows), total=boxes.total, previous=boxes.previous)

    async def _each_counted(self, ctx: Context, pieces: AsyncIterator[Rows]) -> AsyncIterator[Rows]:
        async for rows in pieces:
            yield await self._counted(ctx, rows)

    async def _counted(self, ctx: Context, rows: Rows) -> Rows:
        """The boxes of some rows with their counts."""
        boxes = rows.parsed()
        for box in boxes:
            counts = await self._folders(ctx, box["id"])
            box |= {"messages": counts.total(), **{folder: counts[folder] for folder in FOLDERS}}
        return Page.of(boxes, rows.next, rows.first).rows

    async def _folders(self, ctx: Context, box: str) -> Counter[str]:
        """How many messages each folder of a box holds."""
        counts: Counter[str] = Counter()
        start: str | None = None
        while True:
            query = Query(self.tenant(ctx), MESSAGES, (where("source_id", box),), start=start, limit=1_000)
            found = await ctx.app.store.page(query)
            counts.update(str(message.get("folder")) for message in found.parsed())
            if found.next is None:
                return counts
            start = found.next
