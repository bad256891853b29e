"""Canonical URIs: absolute, aliases replaced by ids, the defaults that took effect in the query."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from ...context import Context

_HOST = re.compile(r"[A-Za-z0-9._~-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


def root_of(ctx: Context) -> str:
    """Where the API is, without a slash at the end: what the settings say, else the host that the client has named."""
    told = ctx.app.settings.dialects.url
    if told:
        return told
    host = ctx.header(b"host") or ""
    # NOTE: what is no host name is not repeated to anybody.
    if not _HOST.fullmatch(host):
        return ctx.root_path
    return f"{ctx.scope.get('scheme', 'http')}://{host}{ctx.root_path}"


def uri_of(ctx: Context, path: str, words: Iterable[tuple[str, str]] = ()) -> str:
    """The URI of a path that begins where the host's paths begin, with these words in its query."""
    root = root_of(ctx)
    query = urlencode([*words], quote_via=quote, safe=":,~*")
    return f"{root}{path.removeprefix(ctx.root_path)}" + (f"?{query}" if query else "")
