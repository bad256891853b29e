"""Media of an account: greetings, prompts and music on hold, each with its sound at `{id}/raw`."""

import json
from collections import Counter
from collections.abc import AsyncIterator

from crossbar import (
    Answer,
    Attachment,
    Body,
    Context,
    File,
    Filter,
    Json,
    Page,
    Resource,
    Rows,
    Stream,
    action,
    every,
    files_of,
    listing,
    where,
)

RAW = Attachment(
    "raw",
    types=("audio/*", "video/mp4", "video/mpeg", "video/ogg", "video/quicktime", "video/webm"),
    inline=True,
)
MISSING = "missing"
"""What stands for the language of media that have none."""


def normal_language(ctx: Context, body: Body) -> Body:
    """Write a language in lower case and with hyphens, so that `en_US` and `en-us` are one."""
    if isinstance(body.get("language"), str):
        body["language"] = spelled(body["language"])
    return body


def facts_of_the_file(ctx: Context, body: Body) -> Body:
    """Say of which type and size the file is, whatever the client says."""
    known = files_of(ctx.found, RAW).get(RAW.name) if ctx.found is not None else None
    return with_facts(body, known["content_type"] if known else None, known["size"] if known else None)


def with_facts(body: Body, content_type: str | None, size: int | None) -> Body:
    """The body with type and bytes of its file, without them if there is none."""
    rest = {key: value for key, value in body.items() if key not in ("content_type", "content_length")}
    return rest if content_type is None else {**rest, "content_type": content_type, "content_length": size}


def spelled(language: str) -> str:
    """The one way to write a language."""
    return language.strip().lower().replace("_", "-")


class Media(Resource):
    """What callers hear: prompts in several languages, greetings, music on hold."""

    name = "media"
    schema = "media"
    summary = ("name", "language", "prompt_id", "media_source", "content_type", "content_length", "streamable")
    indexes = ("language", "prompt_id")
    checks = (normal_language, facts_of_the_file)
    attachments = (RAW,)
    admin_only = ("writes",)

    async def validate(self, ctx: Context) -> None:
        """Check a document; a sound that is posted to it without one leaves it as it is, which is Kazoo's way."""
        if ctx.files and ctx.found is not None and not ctx.body:
            ctx.body = ctx.found.data()
        await super().validate(ctx)

    def attached(self, ctx: Context, body: Body, slot: str, file: File | None) -> Body:
        """The document with the type and the bytes of its sound, which no machine has spoken any more."""
        if file is None:
            return with_facts(body, None, None)
        if body.get("media_source") == "tts":
            body["media_source"] = "upload"
        return with_facts(body, file.content_type, file.blob.size)

    @action("GET languages", provides=("application/json",))
    async def languages(self, ctx: Context) -> Json:
        """How many media there are in each language."""
        return await self._counts(ctx, "language")

    @action("GET languages/{language}", provides=("application/json",))
    async def in_language(self, ctx: Context, language: str) -> Answer:
        """The ids of the media in a language, of those without one for `missing`."""
        if language == MISSING:
            return await self._ids(ctx, Filter("key_missing", ("language",)))
        return await self._ids(ctx, where("language", spelled(language)))

    @action("GET prompts", provides=("application/json",))
    async def prompts(self, ctx: Context) -> Json:
        """How many translations there are of each prompt."""
        return await self._counts(ctx, "prompt_id")

    @action("GET prompts/{prompt_id}", provides=("application/json",))
    async def translations(self, ctx: Context, prompt_id: str) -> Answer:
        """The ids of the translations of a prompt."""
        return await self._ids(ctx, where("prompt_id", prompt_id))

    async def _counts(self, ctx: Context, field: str) -> Json:
        """How often each value of a field occurs, in the list of one object that Kazoo answers with."""
        counts: Counter[str] = Counter()
        async for rows in every(ctx, self.tenant(ctx), self.name):
            counts.update(str(row.get(field) or MISSING) for row in rows.parsed())
        if field == "prompt_id":
            del counts[MISSING]
        return [dict(sorted(counts.items()))]

    async def _ids(self, ctx: Context, filter: Filter) -> Answer:
        """The ids of the media that a filter keeps, page by page."""
        found = await listing(ctx, self.tenant(ctx), self.name, filter)
        if isinstance(found, Stream):
            return Stream(_each_as_ids(found.rows()))
        assert isinstance(found, Page)
        return Page(_as_ids(found.rows), total=found.total, previous=found.previous)


async def _each_as_ids(pieces: AsyncIterator[Rows]) -> AsyncIterator[Rows]:
    async for rows in pieces:
        yield _as_ids(rows)


def _as_ids(rows: Rows) -> Rows:
    ids = json.dumps([row["id"] for row in rows.parsed()])
    return Rows(ids[1:-1].encode(), rows.count, rows.first, rows.next)
