"""Canonical URIs: absolute, aliases replaced by ids, the defaults that took effect in the query."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from ..paths import root_of

if TYPE_CHECKING:
    from ...context import Context

__all__ = ["root_of", "uri_of"]


def uri_of(ctx: Context, path: str, words: Iterable[tuple[str, str]] = ()) -> str:
    """The URI of a path that begins where the host's paths begin, with these words in its query."""
    root = root_of(ctx)
    query = urlencode([*words], quote_via=quote, safe=":,~*")
    return f"{root}{path.removeprefix(ctx.root_path)}" + (f"?{query}" if query else "")
