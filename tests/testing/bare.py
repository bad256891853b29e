"""A second dialect, and how a client speaks it: bare JSON bodies, and `POST` creates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import orjson

from crossbar import Context, Document, Noun, Page, Refusal, Registry, Reply, Target, tokenize
from crossbar.body import decode_json
from crossbar.dialects.crossbar import CrossbarDialect
from crossbar.stores import Body
from crossbar.testing import Call, CrossbarSpeech, Response


class BareDialect(CrossbarDialect):
    """`/bare/accounts/{id}/devices`: documents as they are, pages with `rows` and `next`, errors with `error`."""

    name: ClassVar[str] = "bare"
    verbs: Mapping[str, str] = {**CrossbarDialect.verbs, "create": "POST"}

    def claims(self, raw_path: bytes) -> bool:
        """Whether the path begins with the dialect's own word."""
        return raw_path.startswith(b"/bare/")

    def target(self, raw_path: bytes, registry: Registry) -> Target:
        """The nouns after that word."""
        return tokenize(raw_path.removeprefix(b"/bare"), registry.names, registry.greedy)

    def path(self, ctx: Context, nouns: tuple[Noun, ...]) -> str:
        """The path of these nouns."""
        return "/".join([ctx.root_path, "bare", *(token for name, args in nouns for token in (name, *args))])

    def read(self, ctx: Context) -> None:
        """The token, which stands in one place only."""
        ctx.token = (ctx.header(b"authorization") or "").removeprefix("Bearer ")

    def data(self, ctx: Context) -> dict[str, Any]:
        """The body as it is."""
        data: dict[str, Any] = decode_json(ctx.raw_body, ctx.app.settings.limits) if ctx.raw_body else {}
        return data

    def success(self, ctx: Context, reply: Reply) -> None:
        """The answer as it is, or the rows of a page and where the next one begins."""
        answer: Any = reply.answer
        ctx.status = 201 if ctx.bound is not None and ctx.bound.route.operation == "create" else 200
        if isinstance(answer, Page):
            key = answer.rows.next
            following = key and ctx.app.start_keys.seal(key, ctx.binding(ctx.listing()), ctx.started_at)
            answer = {"rows": answer.rows.parsed(), "next": following}
        ctx.payload = answer.body if isinstance(answer, Document) else orjson.dumps(answer)

    def failure(self, ctx: Context, refusal: Refusal) -> None:
        """The word of the error, and its sentence."""
        ctx.status = refusal.status
        ctx.payload = orjson.dumps({"error": refusal.word, "told": refusal.message})


class BareSpeech(CrossbarSpeech):
    """How a client speaks it."""

    verbs = BareDialect.verbs

    def body(self, data: Any) -> bytes:
        """The data as it is."""
        return orjson.dumps(data)

    def credentials(self, token: str) -> Mapping[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {token}"}

    def document(self, response: Response) -> Body:
        """The body as it is."""
        document: Body = response.json()
        return document

    def documents(self, response: Response) -> list[Body]:
        """The rows of the page."""
        documents: list[Body] = response.json()["rows"]
        return documents

    def following(self, call: Call, response: Response) -> Call | None:
        """The same request from where the page says that the next one begins."""
        key = response.json()["next"]
        return replace(call, query={**call.query, "start_key": key}) if key else None

    def word(self, response: Response) -> str:
        """The word of the error."""
        word: str = response.json()["error"]
        return word
