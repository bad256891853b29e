"""A fourth dialect, as somebody writes one who installs Crossbar: the conventions of JSON:API (https://jsonapi.org)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from crossbar import BadRequest, Conflict, Context, Document, Forbidden, Page, Plain, Refusal, Reply, Words

STATES = {"name": "state", "values": {"true": "on", "false": "off"}}
WORDS = Words.of(
    {
        "nouns": {"phones": "devices", "people": "users"},
        "fields": {"devices": {"mac_address": "mac", "enabled": STATES}},
    }
)


class JsonApi(Plain):
    """Resource objects with `type`, `id` and `attributes`, in `data`; `links.next`; errors in an array."""

    name: ClassVar[str] = "json_api"
    content_type: ClassVar[bytes] = b"application/vnd.api+json"
    verbs: Mapping[str, str] = {
        **{"find": "GET", "create": "POST", "read": "GET", "patch": "PATCH", "replace": "", "delete": "DELETE"},
    }
    page_word: ClassVar[str] = "page[number]"
    size_words: ClassVar[tuple[str, ...]] = ("page[size]",)
    key_word: ClassVar[str] = "page[after]"
    control: ClassVar[frozenset[str]] = frozenset({"sort", "include"})

    def __init__(self) -> None:
        super().__init__(["/jsonapi"], WORDS)

    # The request.

    def read(self, ctx: Context) -> None:
        """The token and the accepted media type; a server must not pass over what it cannot do."""
        super().read(ctx)
        for word in self.control & ctx.query.keys():
            raise BadRequest(f"{word} is not offered here", word="bad_parameter", cause=word)

    def filter_word(self, word: str) -> str | None:
        """The name in `filter[name]`."""
        return word[7:-1] if word.startswith("filter[") and word.endswith("]") else None

    def named(self, ctx: Context, fields: dict[str, Any]) -> dict[str, Any]:
        """The attributes of the resource object, whose type and id are those of the path."""
        resource = fields.get("data")
        attributes = resource.get("attributes", {}) if isinstance(resource, dict) else None
        if not isinstance(resource, dict) or not isinstance(attributes, dict):
            raise BadRequest('send {"data": {"type": ..., "attributes": {...}}}')
        if resource.get("type") != self.type(ctx):
            raise Conflict(f"the type of what is here is {self.type(ctx)}", cause=resource.get("type"))
        if ctx.found is None and "id" in resource:
            raise Forbidden("ids are made by the server: leave it out")
        if ctx.found is not None and resource.get("id") != ctx.found.id:
            raise Conflict(f"the id of what is here is {ctx.found.id}", cause=resource.get("id"))
        return super().named(ctx, attributes)

    def type(self, ctx: Context) -> str:
        """The type of the documents that the request is about."""
        assert ctx.bound is not None
        return self.word(ctx.bound.endpoint.name)

    # The answer.

    def shown(self, ctx: Context, reply: Reply) -> Any:
        """Documents in `data`; what is none, such as the outcome of an action, in `meta`."""
        shown = super().shown(ctx, reply)
        return shown if isinstance(reply.answer, Document | Page | list) else {"meta": shown}

    def document(self, ctx: Context, body: dict[str, Any], document: Document) -> Any:
        """One document."""
        return {"data": self.row(ctx, body)}

    def row(self, ctx: Context, body: dict[str, Any]) -> Any:
        """The resource object of a document."""
        return {"type": self.type(ctx), "id": body.pop("id", None), "attributes": body}

    def collection(self, ctx: Context, rows: list[Any], page: Page | None) -> Any:
        """The rows, and where the next ones are."""
        told: dict[str, Any] = {"data": rows, "links": {"next": self.next_link(ctx, page)}}
        if page is not None and page.total is not None:
            told["meta"] = {"total": page.total}
        return told

    def error(self, ctx: Context, refusal: Refusal) -> Any:
        """An error object for each field that is wrong, or one for the request."""
        told = {"status": str(self.failed(refusal)), "code": refusal.word}
        wrong = [
            {**told, "detail": message, "source": {"pointer": f"/data/attributes/{name.replace('.', '/')}"}}
            for name, message in self.wrong(ctx, refusal)
        ]
        source = {"source": {"parameter": refusal.cause}} if refusal.word == "bad_parameter" else {}
        return {"errors": wrong or [{**told, "detail": refusal.message, **source}]}
