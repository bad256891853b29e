"""Voicemail by itself: the messages that were left for somebody, whichever box they are in, each with its sound.

They are left, moved and copied at `messages`; here they are listed, heard, marked and deleted.
"""

from crossbar import Answer, Blob, Context, Document, Filter, NotAcceptable, Reply, action, blob_of, where

from .stored import PEOPLE, RAW, VOICEMAIL, Stored, type_of
from .wishes import Wish, refuse_other_changes

SOUND = ("audio/mpeg", "audio/wav", "audio/ogg", "audio/mp4", "audio/webm")
"""What a client may ask for in the place of the message; it gets the sound as it was stored."""


class Voicemails(Stored):
    """The voicemail of the account, of a user or of an extension."""

    name = "voicemails"
    kind = "messages"
    provides = (*Stored.provides, *SOUND)
    schema = "messages"
    parents = PEOPLE
    operations = ("find", "read", "patch", "delete")

    async def load(self, ctx: Context, id: str) -> Document | None:
        """The message, if it is voicemail."""
        message = await super().load(ctx, id)
        return message if message is not None and type_of(message) == VOICEMAIL else None

    def of_parent(self, ctx: Context) -> list[Filter]:
        """Filters that keep the voicemail of whom the path names."""
        return [*super().of_parent(ctx), where("type", VOICEMAIL)]

    async def validate(self, ctx: Context) -> None:
        """Of a message that is there, only the place changes."""
        if ctx.bound is not None and ctx.bound.route.operation == "patch":
            refuse_other_changes(ctx)

    async def find(self, ctx: Context) -> Answer:
        """The voicemail of the account, of the user or of the extension."""
        if ctx.media_type in SOUND:
            told = "a list of messages makes no sound: ask for one of them, or for application/json"
            raise NotAcceptable(told, cause=ctx.accept)
        return await super().find(ctx)

    async def read(self, ctx: Context, id: str) -> Reply | Answer:
        """The message, or its sound if that is what `Accept` asks for."""
        if ctx.media_type in SOUND:
            return blob_of(ctx.app.store, ctx.document(), RAW)
        return await super().read(ctx, id)

    async def patch(self, ctx: Context, id: str) -> Reply | Answer:
        """Move a message to a folder, or say whether it was heard."""
        message = ctx.document()
        if not ctx.body:
            return message
        wish = Wish(ctx.body.get("folder"), ctx.body.get("read_status"), None, [])
        return await self.store(ctx, wish.come_true(message))

    @action("GET {id}/content", provides=("*/*",))
    async def content(self, ctx: Context, id: str) -> Blob:
        """The sound of a message."""
        return blob_of(ctx.app.store, ctx.document(), RAW)
