"""Models: rules written down a second time, in another style, to hold the real code against."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

Chain = list[tuple[str, tuple[str, ...]]]

BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
VERSION = re.compile(r"v[0-9]+", re.ASCII)


class Malformed(Exception):
    """The path cannot be read at all."""


def parse(path: str | bytes, endpoints: AbstractSet[str], greedy: AbstractSet[str]) -> tuple[str | None, Chain]:
    """The version and the chain of a raw path, after the steps of the Crossbar reference, section 1.1."""
    raw = path.encode("utf-8", "surrogatepass") if isinstance(path, str) else path
    pieces = raw.split(b"/")
    while pieces[-1:] == [b""]:
        pieces = pieces[:-1]
    if pieces[:1] == [b""]:
        pieces = pieces[1:]
    match [decoded(piece) for piece in pieces]:
        case [first, *rest] if VERSION.fullmatch(first):
            return first, chain(rest, endpoints, greedy) or []
        case tokens:
            return None, chain(tokens, endpoints, greedy) or []


def decoded(piece: bytes) -> str:
    """One token, percent-decoded once; Malformed if an escape is broken or the result is not UTF-8."""
    if BROKEN_ESCAPE.search(piece):
        raise Malformed
    try:
        return ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), piece).decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed from None


def chain(tokens: list[str], endpoints: AbstractSet[str], greedy: AbstractSet[str]) -> Chain | None:
    """The nouns that the tokens spell, None as soon as one of them stands where only an endpoint may."""
    match tokens:
        case []:
            return []
        case [name, *rest] if name in endpoints & greedy:
            return [(name, tuple(rest))]
        case ["account", *rest]:
            return joined(("account", ()), chain(rest, endpoints, greedy))
        case [name, *rest] if name in endpoints:
            taken = arguments(rest, endpoints)
            return joined((name, taken), chain(rest[len(taken) :], endpoints, greedy))
        case _:
            return None


def joined(noun: tuple[str, tuple[str, ...]], rest: Chain | None) -> Chain | None:
    """The noun before the rest, if there is a rest."""
    return None if rest is None else [noun, *rest]


def arguments(tokens: list[str], endpoints: AbstractSet[str]) -> tuple[str, ...]:
    """The tokens up to the next one that is an endpoint."""
    match tokens:
        case [first, *rest] if first not in endpoints:
            return (first, *arguments(rest, endpoints))
        case _:
            return ()
