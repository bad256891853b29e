"""What a path asks for: an API version and a chain of nouns. Pure; nothing here knows a socket or a store.

The rule is the one that Kazoo's Crossbar made known (Crossbar reference, section 1): split the raw path on
slashes, decode each token once, take the version off, and read from left to right. A token that is the name of
an endpoint opens a noun; every other token is an argument of the noun before it.

    >>> tokenize("/v2/accounts/A/devices/D", {"accounts", "devices"}).nouns
    (Noun(name='accounts', args=('A',)), Noun(name='devices', args=('D',)))
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from .errors import BadRequest

ALIAS = "account"
_new = tuple.__new__
_NONE: Mapping[str, Container[str]] = {}


class Noun(NamedTuple):
    """One endpoint name in the path, with the arguments after it."""

    name: str
    args: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.args)})"


class Target(NamedTuple):
    """What a path asks for: the version word (`"v2"`, None without one) and the nouns in the order of the path."""

    version: str | None
    nouns: tuple[Noun, ...]


def split_path(raw_path: str | bytes) -> list[str]:
    """The tokens of a raw path, each percent-decoded once, without the empty ones at the end.

    `+` stays `+` (RFC 3986, 2.2), `%2F` stays inside its token, and an empty token between two slashes is kept.
    Raises BadRequest if a percent sign is not followed by two hex digits or the bytes are not UTF-8.
    """
    try:
        path = raw_path.decode() if isinstance(raw_path, bytes) else raw_path.encode().decode()
    except UnicodeError:
        raise BadRequest("the path is not UTF-8", word="bad_path") from None
    tokens = path.split("/")
    # NOTE: emptiness is judged before decoding; nothing that is encoded decodes to nothing.
    while tokens and not tokens[-1]:
        tokens.pop()
    if tokens and not tokens[0]:
        del tokens[0]
    return [_decoded(token) for token in tokens] if "%" in path else tokens


PROBES = (b"/livez", b"/readyz")
"""The paths of health checks, which are answered beside the API, whatever the method."""


def is_version(token: str) -> bool:
    """Whether the token is a version: `v` and digits, such as `v2`."""
    return token == "v2" or (token[:1] == "v" and token[1:].isdigit() and token.isascii())


def tokenize(
    raw_path: str | bytes,
    endpoints: Container[str],
    greedy: Container[str] = (),
    literals: Mapping[str, Container[str]] = _NONE,
) -> Target:
    """The target of a raw path (without its query), given the names of the endpoints.

    An endpoint in `greedy` takes every token after its name. `literals` are words that stay with an endpoint right
    after its name, though another endpoint is called so: `vmboxes/messages` is about the boxes. `account`, where a
    chain begins, stands for the caller's own account: it becomes a noun of its own, without arguments, which the
    pipeline turns into `accounts(id)` once the caller is known. A first token that is no endpoint gives no nouns.
    Raises BadRequest as `split_path` does.
    """
    tokens = split_path(raw_path)
    version = None
    if tokens and is_version(tokens[0]):
        version = tokens.pop(0)
    return _new(Target, (version, chain(tokens, endpoints, greedy, literals)))


def chain(
    tokens: list[str],
    endpoints: Container[str],
    greedy: Container[str] = (),
    literals: Mapping[str, Container[str]] = _NONE,
    alias: str | None = ALIAS,
) -> tuple[Noun, ...]:
    """The nouns that tokens without a version spell, empty if the first of them opens none.

    `alias` is the word that stands for the caller's own account, None if there is none.
    """
    # PERF: one pass over the tokens; `_new` skips the keyword handling of a named tuple's constructor.
    nouns: list[Noun] = []
    name = None
    args: list[str] = []
    following = iter(tokens)
    for token in following:
        if token in endpoints or (token == alias and (name is None or name == alias)):
            if name is not None:
                if literals and not args and token in literals.get(name, ()):
                    args.append(token)
                    continue
                nouns.append(_new(Noun, (name, tuple(args))))
            name = token
            args = []
            if token in greedy:
                args.extend(following)
        elif name is None or name == alias:
            return ()
        else:
            args.append(token)
    if name is not None:
        nouns.append(_new(Noun, (name, tuple(args))))
    return tuple(nouns)


_HEX = frozenset("0123456789abcdefABCDEF")


def _decoded(token: str) -> str:
    """The token percent-decoded once, strictly: the standard library lets broken escapes through."""
    escape = token.find("%")
    while escape != -1:
        if not (len(token) > escape + 2 and token[escape + 1] in _HEX and token[escape + 2] in _HEX):
            shown = token[escape : escape + 3]
            raise BadRequest(f"the path holds {shown!r}, which is no percent-encoding", word="bad_path", cause=shown)
        escape = token.find("%", escape + 3)
    try:
        return unquote_to_bytes(token).decode() if "%" in token else token
    except UnicodeDecodeError:
        raise BadRequest("a percent-encoded token of the path is not UTF-8", word="bad_path") from None
