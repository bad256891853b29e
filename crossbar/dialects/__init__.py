"""The dialect port: how one API convention is written on the wire.

A dialect is a verb-to-operation table and a handful of short methods. Endpoint modules never see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ..target import Noun, Target

if TYPE_CHECKING:
    from ..auth import Principal
    from ..context import Context
    from ..errors import Refusal
    from ..pagination import Listing
    from ..registry import Registry
    from ..reply import Reply


class Dialect(Protocol):
    """How one API convention is written on the wire."""

    name: ClassVar[str]
    verbs: ClassVar[Mapping[str, str]]
    """The HTTP verb of each operation."""

    def claims(self, raw_path: bytes) -> bool:
        """Whether a path, below the application's mount point, is written in this dialect."""

    def target(self, raw_path: bytes, registry: Registry) -> Target:
        """What the path asks for; BadRequest if it is malformed, NotFound if it is no API path."""

    def localize(self, nouns: tuple[Noun, ...], principal: Principal) -> tuple[Noun, ...]:
        """The nouns with every alias replaced by what it means for this caller."""

    def path(self, ctx: Context, nouns: tuple[Noun, ...]) -> str:
        """The path, from the root of the server, that these nouns have in this dialect."""

    def refuse_repeated(self, words: list[tuple[str, str]]) -> None:
        """Raise BadRequest if a query word is repeated that may stand only once."""

    def read(self, ctx: Context) -> None:
        """Read the verb, the token, the accepted media type and the envelope out of headers, query and body."""

    def take(self, ctx: Context, raw: bytes) -> None:
        """Take the JSON part of an upload as the request's body; the verb and the caller are settled by then."""

    def data(self, ctx: Context) -> dict[str, Any]:
        """The object that an operation works on, out of the request body."""

    def listing(self, ctx: Context) -> Listing:
        """The paging, filter and field words of the request in neutral terms."""

    def success(self, ctx: Context, reply: Reply) -> None:
        """Put status, headers and payload of an answer into the context."""

    def failure(self, ctx: Context, refusal: Refusal) -> None:
        """Put status, headers and payload of an error into the context."""


__all__ = ["Dialect", "choose"]


def choose(dialects: Sequence[Dialect], raw_path: bytes) -> Dialect:
    """The dialect that a path is written in; the first one if none claims it, to word the refusal."""
    if len(dialects) == 1:
        return dialects[0]
    for dialect in dialects:
        if dialect.claims(raw_path):
            return dialect
    return dialects[0]
