"""Recordings of calls, each with its sound at `{id}/content`. Recording servers make them, people hear them."""

from crossbar import (
    Answer,
    Attachment,
    Body,
    Context,
    File,
    NotAcceptable,
    Reply,
    Resource,
    blob_of,
    files_of,
    gregorian,
)

CONTENT = Attachment("content", types=("audio/*",), inline=True)
SOUND = ("audio/mpeg", "audio/wav", "audio/ogg", "audio/mp4", "audio/webm")
"""What a client may ask for in the place of the document; it gets the sound as it was stored."""


def begun(ctx: Context, body: Body) -> Body:
    """A new recording that does not say when it began has just begun."""
    if ctx.found is None:
        body.setdefault("start", gregorian(ctx.now))
    return body


def facts_of_the_file(ctx: Context, body: Body) -> Body:
    """Say of which type and size the sound is, whatever the client says."""
    known = files_of(ctx.found, CONTENT).get(CONTENT.name) if ctx.found is not None else None
    return with_facts(body, known["content_type"] if known else None, known["size"] if known else None)


def with_facts(body: Body, content_type: str | None, size: int | None) -> Body:
    """The body with type and bytes of its sound, without them if there is none."""
    rest = {key: value for key, value in body.items() if key not in ("content_type", "content_length")}
    return rest if content_type is None else {**rest, "content_type": content_type, "content_length": size}


class Recordings(Resource):
    """Recordings of an account's calls. Administrators, and the servers that log in as one, write them."""

    name = "recordings"
    provides = (*Resource.provides, *SOUND)
    schema = "recordings"
    summary = (
        *("name", "call_id", "interaction_id", "cdr_id", "direction", "from", "to", "caller_id_name"),
        *("caller_id_number", "callee_id_name", "callee_id_number", "start", "duration", "owner_id", "origin"),
        *("content_type", "content_length"),
    )
    parents = {"users": "owner_id", "extensions": "owner_id"}
    indexes = ("call_id", "interaction_id", "cdr_id")
    operations = ("find", "create", "read", "patch", "delete")
    checks = (begun, facts_of_the_file)
    attachments = (CONTENT,)
    owner = "owner_id"
    admin_only = ("writes",)

    async def find(self, ctx: Context) -> Answer:
        """The recordings of the account, of the user or of the extension."""
        if ctx.media_type in SOUND:
            told = "a list of recordings makes no sound: ask for one of them, or for application/json"
            raise NotAcceptable(told, cause=ctx.accept)
        return await super().find(ctx)

    async def read(self, ctx: Context, id: str) -> Reply | Answer:
        """The recording, or its sound if that is what `Accept` asks for."""
        if ctx.media_type in SOUND:
            return blob_of(ctx.app.store, ctx.document(), CONTENT)
        return await super().read(ctx, id)

    def attached(self, ctx: Context, body: Body, slot: str, file: File | None) -> Body:
        """The recording with the type and the bytes of its sound."""
        return with_facts(body, None, None) if file is None else with_facts(body, file.content_type, file.blob.size)
