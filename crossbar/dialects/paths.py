"""Paths and addresses, as dialects take them apart and put them together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote_plus, urlencode

from ..context import Context
from ..target import Noun

_HOST = re.compile(r"[A-Za-z0-9._~-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
TARGET = "!$&'()*+,-./:;=?@_~%"
"""The characters of a path and a query (RFC 3986)."""


def tokens_of(nouns: tuple[Noun, ...]) -> Iterator[str]:
    """The tokens of a path that spells these nouns, encoded."""
    return (quote(token, safe="") for name, args in nouns for token in (name, *args))


def with_words(ctx: Context, words: Mapping[str, str], without: frozenset[str] = frozenset()) -> str:
    """The request's target, from the root of the server, with these words of its query instead of its own.

    Those `without` which it should be, such as tokens, are left out.
    """
    kept = []
    for part in ctx.query_string.decode("latin-1").split("&"):
        name = unquote_plus(part.partition("=")[0])
        if part and name not in words and name not in without:
            kept.append(quote(part, safe=TARGET))
    query = "&".join([*kept, *([urlencode(words)] if words else [])])
    return quote(f"{ctx.root_path}{ctx.path()}", safe=TARGET) + (f"?{query}" if query else "")


def linked(ctx: Context, words: Mapping[str, str], without: frozenset[str], relation: str) -> bytes:
    """The value of `Link` (RFC 8288) that leads to the same target with these words in its query."""
    return f'<{with_words(ctx, words, without)}>; rel="{relation}"'.encode()


def singular(noun: str) -> str:
    """What one document of a noun is called: `devices` as `device`."""
    if noun.endswith("xes"):
        return noun[:-2]
    return f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")


def version_in(prefix: str) -> str | None:
    """The version that a prefix ends with, such as `v1.0` or `ver1.0`; None if it ends with none."""
    last = prefix.rpartition("/")[2]
    number = last.removeprefix("ver").removeprefix("v")
    return last if number != last and number.replace(".", "").isdigit() else None


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


def is_below(raw_path: bytes, begin: bytes) -> bool:
    """Whether a path is a prefix, or goes on below it."""
    return raw_path.startswith(begin) and raw_path[len(begin) : len(begin) + 1] in (b"", b"/")
