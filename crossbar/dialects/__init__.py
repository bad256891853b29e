"""The dialect port: how one API convention is written on the wire.

A dialect is a verb-to-operation table and a handful of short methods. Endpoint modules never see it. Whoever writes one
begins with a subclass of `Plain`, which has what most REST APIs have in common.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ..fields import Fields
from ..target import Noun, Target

if TYPE_CHECKING:
    from ..context import Context
    from ..endpoint import Endpoint
    from ..errors import Refusal
    from ..pagination import Listing
    from ..registry import Registry
    from ..reply import Reply
    from ..routes import Route


class Dialect(Protocol):
    """How one API convention is written on the wire."""

    name: ClassVar[str]
    verbs: Mapping[str, str]
    """The HTTP verb of each operation, empty for one that the dialect does not offer.

    Of two operations with one verb, the first that an endpoint has answers.
    """
    also: Mapping[str, tuple[str, ...]]
    """Further verbs of an operation, for those that have some."""

    def claims(self, raw_path: bytes) -> bool:
        """Whether a path, below the application's mount point, is written in this dialect."""

    def target(self, raw_path: bytes, registry: Registry) -> Target:
        """What the path asks for; BadRequest if it is malformed, NotFound if it is no API path."""

    def localize(self, ctx: Context, nouns: tuple[Noun, ...]) -> tuple[Noun, ...]:
        """The nouns with every alias replaced by what it means for this caller, as far as no store must be asked."""

    def look_up(self, ctx: Context, nouns: tuple[Noun, ...]) -> Awaitable[tuple[Noun, ...]] | None:
        """The nouns with the aliases replaced that only the store knows; None if there are none of these."""

    def path(self, ctx: Context, nouns: tuple[Noun, ...]) -> str:
        """The path, from the root of the server, that these nouns have in this dialect."""

    def template(self, nouns: tuple[Noun, ...]) -> str:
        """The same below the mount point and without a request, for lists of what there is."""

    def word(self, noun: str) -> str:
        """What it calls a noun."""

    def refuse_repeated(self, words: list[tuple[str, str]]) -> None:
        """Raise BadRequest if a query word is repeated that may stand only once."""

    def read(self, ctx: Context) -> None:
        """Read the verb, the token, the accepted media type and the envelope out of headers, query and body."""

    def ids_in(self, argument: str) -> Sequence[str]:
        """The ids that an argument of the path stands for: itself, unless several can be written in one."""

    def reads(self, media_type: str) -> bool:
        """Whether a body of this type is one that `data` understands."""

    def take(self, ctx: Context, raw: bytes) -> None:
        """Take the JSON part of an upload as the request's body; the verb and the caller are settled by then."""

    def named(self, ctx: Context, fields: dict[str, Any]) -> dict[str, Any]:
        """The text fields of an upload, in neutral names."""

    def data(self, ctx: Context) -> dict[str, Any]:
        """The object that an operation works on, out of the request body."""

    def listing(self, ctx: Context) -> Listing:
        """The paging, filter and field words of the request in neutral terms."""

    def group(self, endpoint: Endpoint, route: Route) -> str:
        """The group of requests with which one is counted."""

    def success(self, ctx: Context, reply: Reply) -> None:
        """Put status, headers and payload of an answer into the context."""

    def failure(self, ctx: Context, refusal: Refusal) -> None:
        """Put status, headers and payload of an error into the context."""

    def together(self, ctx: Context, parts: Sequence[Context]) -> None:
        """Put the answers to the parts of a request for several things into its context as one."""

    def fields(self, ctx: Context) -> Fields:
        """The header fields that every response has: the request's id, and what is left in its bucket."""


__all__ = ["Dialect", "choose"]


def choose(dialects: Sequence[Dialect], raw_path: bytes) -> Dialect:
    """The dialect that a path is written in; the first one if none claims it, to word the refusal."""
    if len(dialects) == 1:
        return dialects[0]
    for dialect in dialects:
        if dialect.claims(raw_path):
            return dialect
    return dialects[0]
