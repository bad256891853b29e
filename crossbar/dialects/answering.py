"""How dialects without an envelope answer: objects, arrays, nothing, and errors as JSON objects."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from ..errors import InvalidData, InvalidEnvelope, Refusal
from ..events import close
from ..fields import Fields as HeaderFields
from ..negotiation import JSON
from ..reply import Page, Reply, Stream
from ..stores import Document
from .fields import Fields
from .paths import linked, with_words
from .row_files import as_file
from .rules import Times

if TYPE_CHECKING:
    from ..context import Context
    from ..endpoint import Endpoint

TOKENS = frozenset({"access_token", "auth_token"})
"""Words of the query that carry a token; no link repeats them."""


class Answering:
    """The answering half of a dialect; `Plain` is the whole."""

    statuses: Mapping[str, int] = {"create": 201, "delete": 204}
    """The status of an operation where it is not 200."""
    content_type: ClassVar[bytes] = JSON.encode()
    page_word: ClassVar[str] = "page"
    key_word: ClassVar[str] = "start_key"
    times: Times

    def fields_of(self, ctx: Context, endpoint: Endpoint) -> Fields:
        """How the documents of an endpoint are written."""
        raise NotImplementedError

    def fields(self, ctx: Context) -> HeaderFields:
        """`X-Request-ID`, and the standard fields of rate limits."""
        named = (b"x-request-id", ctx.request_id.encode())
        return [named, *ctx.charge.fields()] if ctx.charge is not None else [named]

    def success(self, ctx: Context, reply: Reply) -> None:
        """The answer as it is: an object, an array, nothing, or rows in another media type."""
        answer = reply.answer
        ctx.status = reply.status or self.status(ctx, reply)
        ctx.response_headers.extend(reply.headers)
        if ctx.media_type != JSON and ctx.media_type in ctx.app.renderers:
            as_file(ctx, answer, lambda ctx, key: linked(ctx, self.next_words(ctx, key), TOKENS, "next"))
            return
        if ctx.status == HTTPStatus.NO_CONTENT:
            return
        if answer is None and not reply.envelope:
            return
        ctx.response_headers.append((b"content-type", self.content_type))
        if isinstance(answer, Stream):
            ctx.payload = self._streamed(ctx, answer)
            return
        ctx.payload = orjson.dumps(self.shown(ctx, reply))

    def status(self, ctx: Context, reply: Reply) -> int:
        """The status of an answer that brings none: the operation's, or 204 where there is nothing to say."""
        route = ctx.bound.route if ctx.bound is not None else None
        operation = route.operation if route is not None else None
        if ctx.verb == "DELETE":
            # NOTE: of a file that is gone, its place alone is told, which the client knows.
            is_file = route is not None and route.slot is not None
            says = not is_file and not isinstance(reply.answer, Document) and bool(reply.answer)
            return 200 if says else self.statuses.get("delete", 200)
        if operation is None and reply.answer is None and not reply.envelope:
            return 204
        return self.statuses.get(operation or "", 200)

    def shown(self, ctx: Context, reply: Reply) -> Any:
        """The answer as JSON."""
        answer = reply.answer
        assert ctx.bound is not None, "only what was carried out is shown"
        fields = self.fields_of(ctx, ctx.bound.endpoint)
        if isinstance(answer, Document):
            return self.document(ctx, fields.out(answer.data()), answer)
        if isinstance(answer, Page):
            rows = self.rows(ctx, [fields.out(row) for row in answer.rows.parsed()])
            return self.collection(ctx, rows, answer)
        if isinstance(answer, list):
            return self.collection(ctx, fields.cased(answer), None)
        if isinstance(answer, dict) or answer is None:
            told = {**(answer or {}), **reply.envelope}
            # NOTE: what an action tells is no document; all of its names are the module's.
            return fields.cased(told) if ctx.bound.route.operation is None else fields.out(told)
        return answer

    def document(self, ctx: Context, body: dict[str, Any], document: Document) -> Any:
        """One document, its body in the dialect's names."""
        return body

    def rows(self, ctx: Context, bodies: list[dict[str, Any]]) -> list[Any]:
        """The rows of a listing."""
        return [self.row(ctx, body) for body in bodies]

    def row(self, ctx: Context, body: dict[str, Any]) -> Any:
        """One row of a listing."""
        return body

    def collection(self, ctx: Context, rows: list[Any], page: Page | None) -> Any:
        """A listing; `page` is None for a list that is not cut into pages. What leads on stands in `Link`."""
        if page is not None and page.rows.next is not None:
            words = self.next_words(ctx, page.rows.next)
            ctx.response_headers.append((b"link", linked(ctx, words, TOKENS, "next")))
        return rows

    def next_link(self, ctx: Context, page: Page | None) -> str | None:
        """Where the next page is, from the root of the server; None behind the last one."""
        if page is None or page.rows.next is None:
            return None
        return with_words(ctx, self.next_words(ctx, page.rows.next), TOKENS)

    def next_words(self, ctx: Context, key: str) -> dict[str, str]:
        """The words of the query that lead to the next page: its number where pages have one, else its key."""
        number = ctx.listing().page.number
        if number is not None:
            return {self.page_word: str(number + 1)}
        return {self.key_word: ctx.app.start_keys.seal(key, ctx.binding(ctx.listing()), ctx.started_at)}

    def failure(self, ctx: Context, refusal: Refusal) -> None:
        """The error, in the dialect's form."""
        ctx.status = self.failed(refusal)
        ctx.response_headers = [*refusal.headers, (b"content-type", self.content_type)]
        ctx.payload = orjson.dumps(self.error(ctx, refusal))

    def failed(self, refusal: Refusal) -> int:
        """The status of an error."""
        return refusal.status

    def error(self, ctx: Context, refusal: Refusal) -> Any:
        """An error as JSON."""
        return {"message": self.sentence(ctx, refusal), "status": refusal.word}

    def sentence(self, ctx: Context, refusal: Refusal) -> str:
        """What is wrong, with the fields that break rules in the dialect's names."""
        wrong = self.wrong(ctx, refusal)
        if isinstance(refusal, InvalidEnvelope):
            return "; ".join(violation.message for violation in refusal.violations)
        if refusal.word == "invalid_start_key":
            return f"{self.key_word} is none of this list, or has expired: follow the links of its pages"
        return "; ".join(f"{name}: {message}" for name, message in wrong) if wrong else refusal.message

    def wrong(self, ctx: Context, refusal: Refusal) -> list[tuple[str, str]]:
        """The fields that break rules, each by the dialect's name, with what is wrong with it."""
        if not isinstance(refusal, InvalidData) or isinstance(refusal, InvalidEnvelope):
            return []
        fields = self.fields_of(ctx, ctx.bound.endpoint) if ctx.bound is not None else Fields((), self.times)
        return [(fields.name_of(violation.path), violation.message) for violation in refusal.violations]

    def together(self, ctx: Context, parts: Sequence[Context]) -> None:
        """Nothing: a path names one thing at a time."""

    async def _streamed(self, ctx: Context, stream: Stream) -> AsyncGenerator[bytes]:
        """A listing as one JSON array, piece by piece."""
        assert ctx.bound is not None
        fields = self.fields_of(ctx, ctx.bound.endpoint)
        pieces = stream.rows()
        begun = False
        try:
            async for rows in pieces:
                shown = self.rows(ctx, [fields.out(row) for row in rows.parsed()])
                if shown:
                    yield (b"," if begun else b"[") + orjson.dumps(shown)[1:-1]
                    begun = True
        finally:
            await close(pieces)
        yield b"]" if begun else b"[]"
