"""Secrets taken out of text: by the look of them, by the name before them, and by what the present request carries.

A log is read by more people than a request is meant for. What goes there passes `redacted` first, so that a token
which an exception quotes is not kept in a file (ASVS 5.0, 16.2.5).
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from json import dumps
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote
from weakref import ref

HIDDEN = "***"
SHORTEST = 4
"""Characters below which a value is not looked for: it would be found everywhere, and hides nothing."""
_DEEPEST = 32


Scope = MutableMapping[str, Any]


class Carrier(Protocol):
    """A request as far as it can carry secrets."""

    scope: Scope
    token: str | None
    envelope: dict[str, Any]


_PRESENT: ContextVar[tuple[Scope, ref[Carrier]] | None] = ContextVar("crossbar_request", default=None)

_NAMES = (
    r"(?:auth|access|refresh|id|session|api|csrf|bearer)[_-]?token|x-auth-token|token|jwt|(?:api|private|secret)[_-]?key"
    r"|authorization|cookie|credentials?|passw(?:or)?d|passwd|pwd|pass[_-]?phrase|secret|pin|pvt_\w+|identity_sig"
)
_NAMED = re.compile(rf"(?:[\w-]{{0,64}}[_-])?(?:{_NAMES})", re.IGNORECASE)
# A quoted string, with what is escaped in it; an object or a list; or all up to where a value ends without quotes.
_QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?"
_NESTED = r"\{[^{}\n]*\}?|\[[^\[\]\n]*\]?"
_PAIR = re.compile(
    rf"(?<![A-Za-z0-9])({_NAMES})"
    rf"(\\?[\"']\s{{0,8}}[:=,]\s{{0,8}}|\s{{0,8}}(?:=>|[:=])\s{{0,8}})"
    rf"(\\?[bru]{{0,2}}(?:{_QUOTED})|{_NESTED}|(?:(?:bearer|basic|digest|token)\s+)?[^\s\"'&,;)\]}}<>]+)",
    re.IGNORECASE,
)
# NOTE: words of a sentence may stand there as well; what is secret has a digit in it, or the padding of base64.
_SCHEME = re.compile(r"\b(bearer|basic)(\s{1,8})(?=[A-Za-z+/._~-]{0,512}[0-9=])[A-Za-z0-9+/=._~-]{4,}", re.IGNORECASE)
# A JWT, or a key as `crossbar key` makes them.
_TOKEN = re.compile(r"\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]+){1,4}|\bcb_[A-Za-z0-9_-]{43}")
_USERINFO = re.compile(r"(://[^/@\s:]{0,256}:)[^/@\s]{1,256}@")


def redacted(text: str, values: Iterable[str] = ()) -> str:
    """The text with `***` in the place of secrets.

    Those are the `values`, however they are quoted or encoded; what stands after a name such as `auth_token`,
    `password` or `Authorization`; what looks like a JWT or an API key of ours; and the passwords of URLs.
    """
    for value in values:
        for spelled in _spellings(value):
            if spelled in text:
                text = text.replace(spelled, HIDDEN)
    text = _TOKEN.sub(HIDDEN, text)
    text = _PAIR.sub(rf"\1\2{HIDDEN}", text)
    text = _SCHEME.sub(rf"\1\2{HIDDEN}", text)
    return _USERINFO.sub(rf"\1{HIDDEN}@", text)


def secrets_of(request: Carrier) -> list[str]:
    """The secret values that a request carries, the longest first: those of its headers, its query and its body."""
    return _ordered([*_of_scope(request.scope), request.token or "", *_within(request.envelope)])


def _ordered(values: Iterable[str]) -> list[str]:
    """Each once, the longest first, so that nothing is left of one that another is part of."""
    return sorted({value for value in values if len(value) >= SHORTEST}, key=len, reverse=True)


def _of_scope(scope: Scope) -> Iterator[str]:
    """The secrets in header fields and query."""
    # NOTE: as they came, for a field may stand there twice.
    for name, value in scope["headers"]:
        if _NAMED.fullmatch(name.decode("latin-1")):
            yield from _of_field(value.decode("latin-1").strip())
    for word, text in parse_qsl(scope.get("query_string", b"").decode("latin-1")):
        if _NAMED.fullmatch(word):
            yield text


def work_for(request: Carrier) -> None:
    """Let the present task, and the tasks and threads that it starts from now on, work for a request."""
    # NOTE: those may live for long, so they hold only what is small; what a body holds is known while the request is.
    _PRESENT.set((request.scope, ref(request)))


def of_present() -> list[str]:
    """The secret values of the request that is worked for just now, none if there is no request."""
    present = _PRESENT.get()
    if present is None:
        return []
    request = present[1]()
    return secrets_of(request) if request is not None else _ordered(_of_scope(present[0]))


def _of_field(value: str) -> Iterator[str]:
    """The secrets in a header field: as it stands, without its scheme, and what Basic and cookies hold."""
    yield value
    scheme, _, rest = value.partition(" ")
    if rest:
        yield rest.strip()
    if scheme.lower() == "basic":
        try:
            plain = b64decode(rest.strip(), validate=True).decode()
        except ValueError:
            return
        yield plain
        yield plain.partition(":")[2]
    for part in value.split(";"):
        yield part.partition("=")[2].strip()


def _within(value: Any, *, secret: bool = False, depth: int = 0) -> Iterator[str]:
    """The text below the keys that name secrets, in what a body holds."""
    if isinstance(value, str):
        if secret:
            yield value
    elif depth >= _DEEPEST:
        return
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _within(item, secret=secret or bool(_NAMED.fullmatch(key)), depth=depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _within(item, secret=secret, depth=depth + 1)
    elif secret and type(value) is int:
        yield str(value)


def _spellings(value: str) -> set[str]:
    """How a value may stand in a text: as it is, as Python, JSON and a URL write it."""
    return {value, repr(value)[1:-1], ascii(value)[1:-1], dumps(value)[1:-1], quote(value), quote(value, safe="")}
