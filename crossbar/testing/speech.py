"""Speeches: how a client writes operations in a dialect, and reads what comes back.

A dialect is the server's side of an API convention, a speech the client's. Tests that say `create` and `documents` hold
for every dialect that has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import orjson

from ..dialects.crossbar import CrossbarDialect
from ..stores import Body
from ..target import Noun

if TYPE_CHECKING:
    from .response import Response

Named = str | tuple[str, ...] | Noun
"""A noun as tests write it: `"devices"`, `("devices", id)` or a Noun."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as a dialect writes it: the verb, the encoded path below the client's prefix, and the query.

    The path may also be a whole URI, as answers have it.
    """

    verb: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)


class Speech(Protocol):
    """How a client writes requests in one dialect, and reads the responses."""

    prefix: str
    """Below which path the dialect usually is; clients that are given no prefix begin there."""

    def call(self, operation: str, nouns: tuple[Noun, ...], page_size: int | None) -> Call:
        """The request for an operation; `page_size` is how many rows a page of a listing is to have at most."""

    def body(self, data: Any) -> bytes:
        """The bytes of a request body around `data`."""

    def credentials(self, token: str) -> Mapping[str, str]:
        """The header fields by which a token goes along."""

    def document(self, response: Response) -> Body:
        """The document that a successful response shows."""

    def documents(self, response: Response) -> list[Body]:
        """The documents of a page."""

    def following(self, call: Call, response: Response) -> Call | None:
        """The request for the page after the one that `call` was answered with, None if that was the last."""

    def word(self, response: Response) -> str:
        """The word that names the error of a refusal."""


class CrossbarSpeech:
    """Crossbar's own dialect: `data` in and out, `X-Auth-Token`, paging by `start_key`.

    A speech for a dialect that differs in a few points only is a subclass of this one; `verbs` is the dialect's table.
    """

    prefix: str = "/v2"
    verbs: Mapping[str, str] = CrossbarDialect.verbs

    def call(self, operation: str, nouns: tuple[Noun, ...], page_size: int | None) -> Call:
        """The verb of the dialect's table, the nouns as a path, the page size as a word of the query."""
        path = "".join([f"/{quote(token, safe='')}" for name, args in nouns for token in (name, *args)])
        return Call(self.verbs[operation], path, {} if page_size is None else {"page_size": str(page_size)})

    def body(self, data: Any) -> bytes:
        """An envelope around the data."""
        return orjson.dumps({"data": data})

    def credentials(self, token: str) -> Mapping[str, str]:
        """The field `X-Auth-Token`."""
        return {"x-auth-token": token}

    def document(self, response: Response) -> Body:
        """`data` of the envelope."""
        document: Body = response.json()["data"]
        return document

    def documents(self, response: Response) -> list[Body]:
        """`data` of the envelope."""
        documents: list[Body] = response.json()["data"]
        return documents

    def following(self, call: Call, response: Response) -> Call | None:
        """The same request with `next_start_key` as its `start_key`."""
        key = response.json().get("next_start_key")
        return None if key is None else replace(call, query={**call.query, "start_key": key})

    def word(self, response: Response) -> str:
        """`message` of the envelope."""
        word: str = response.json()["message"]
        return word


CROSSBAR = CrossbarSpeech()


def nouns_of(named: tuple[Named, ...]) -> tuple[Noun, ...]:
    """The nouns that a test names."""
    return tuple([_noun(one) for one in named])


def _noun(named: Named) -> Noun:
    if isinstance(named, Noun):
        return named
    if isinstance(named, str):
        return Noun(named)
    return Noun(named[0], tuple(named[1:]))
