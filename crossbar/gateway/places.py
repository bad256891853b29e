"""Where a route is by its path: at a noun, in every dialect, or at a place of its own beside what the dialects have."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from .. import settings
from ..dialects import Dialect
from ..endpoint import refuse_name
from ..errors import DefinitionError
from ..target import ALIAS, is_version
from .matching import literal_prefix
from .nouns import ACCOUNTS
from .patterns import Pattern
from .routes import RouteFault, words


class Place(NamedTuple):
    """Where a path is: the `noun` that it names, the nouns before it with their parameters, and what comes after it.

    A plain route has no noun.
    """

    noun: str = ""
    heads: tuple[tuple[str, str], ...] = ()
    tail: Pattern | None = None


def place_of(route: settings.Route, pattern: Pattern, modules: Container[str]) -> Place:
    """The noun that a path names below a version, if it has one; RouteFault for a noun that cannot be."""
    parts = pattern.text.removeprefix("/").split("/")
    if not is_version(parts[0]):
        return Place()
    if route.host:
        raise RouteFault("host: a noun answers at every host; leave it out, or begin the path without a version")
    heads: list[tuple[str, str]] = []
    rest = parts[1:]
    while len(rest) >= 2 and rest[0] in modules and _is_parameter(rest[1]):
        heads.append((rest[0], rest[1][1:-1]))
        rest = rest[2:]
    if heads and heads[0][0] != ACCOUNTS:
        raise RouteFault(
            f"path: what belongs to {heads[0][0]} belongs to an account: begin with /v2/accounts/{{account}}"
        )
    if [head for head, _ in heads].count(ACCOUNTS) > 1:
        raise RouteFault("path: one account is enough, since each stands in the path of those below it")
    noun = rest[0] if rest else ""
    if not noun or _is_parameter(noun) or noun == "**":
        raise RouteFault("path: name a noun behind the version, such as /v2/accounts/{account}/invoices/**")
    if noun == ALIAS:
        raise RouteFault(f"path: {ALIAS!r} stands for the caller's own account: write /v2/accounts/{{account}}/...")
    if noun in modules:
        raise RouteFault(
            f"path: the noun {noun!r} is that of a module: choose another one, or switch that off in modules.disabled"
        )
    try:
        refuse_name("path", noun)
    except DefinitionError:
        raise RouteFault(
            f"path: the noun {noun!r} must be lower-case letters, digits and _, 32 at most, with a letter first"
        ) from None
    return Place(noun, tuple(heads), Pattern.parse("/" + "/".join(rest[1:])))


def _is_parameter(part: str) -> bool:
    return part[:1] == "{"


def yields(route: settings.Route, pattern: Pattern, dialects: Sequence[Dialect]) -> bool:
    """Whether paths that a dialect claims are the dialect's, though the route matches them: its prefix says more.

    RouteFault if both say as much.
    """
    if words(route.host):
        return False
    said = [segment for segment in pattern.segments[: literal_prefix(pattern)] if segment is not None]
    found = not said
    for dialect in dialects:
        for prefix in (*getattr(dialect, "prefixes", ()), *getattr(dialect, "outside", ())):
            parts = prefix.strip("/").split("/")
            if parts == said:
                raise RouteFault(f"path: {prefix} is a prefix of the dialect {dialect.name}: choose another one")
            found = found or parts[: len(said)] == said
    return found
