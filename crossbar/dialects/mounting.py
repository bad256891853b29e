"""Which dialects an application speaks: the bundled ones that its settings name, then those of plugins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..target import PROBES, is_version
from . import Dialect

if TYPE_CHECKING:
    from ..settings import Dialects

BUNDLED = ("crossbar", "ringcentral", "realm")
PROBED = tuple(path[1:] for path in PROBES)


def mounted(settings: Dialects) -> tuple[Dialect, ...]:
    """The bundled dialects that are mounted, in the order in which they are asked whether a path is theirs.

    SettingsError for words that are not well formed.
    """
    found: list[Dialect] = []
    # PERF: a dialect that nobody speaks is not imported.
    for name in dict.fromkeys(settings.mounted):
        if name == "crossbar":
            from .crossbar import CrossbarDialect

            found.append(CrossbarDialect())
        elif name == "ringcentral":
            from .ringcentral import RingCentralDialect

            found.append(RingCentralDialect(settings.ringcentral))
        else:
            from .realm import RealmDialect

            found.append(RealmDialect(settings.realm))
    return tuple(found)


def side_by_side(dialects: Sequence[Dialect]) -> tuple[Dialect, ...]:
    """All the dialects, if each of them is asked for every path that it claims; SettingsError otherwise.

    A dialect of somebody's own need not say below which prefixes it is; nothing is then known of it.
    """
    if not dialects:
        told = f"no dialect is mounted, and no plugin brings one: name one of {', '.join(BUNDLED)}"
        raise SettingsError([f"dialects.mounted: {told}"])
    faults = [f"{_key(each, prefix)}: {told}" for each in dialects for prefix, told in _alone(each, dialects)]
    for one, other in combinations(dialects, 2):
        faults += _between(one, other)
    if faults:
        raise SettingsError(list(dict.fromkeys(faults)))
    return tuple(dialects)


def _alone(dialect: Dialect, dialects: Sequence[Dialect]) -> Iterator[tuple[str, str]]:
    """The prefixes of one dialect that cannot be had, or hide one another, and why."""
    versions = next((each.name for each in dialects if each.name == BUNDLED[0] and each is not dialect), None)
    for prefix in (*_prefixes(dialect), *_outside(dialect)):
        first = prefix[1:].partition("/")[0]
        if first.encode() in PROBED:
            yield prefix, f"/{first} is where servers are asked whether they are alive: choose another one"
        elif versions is not None and is_version(first):
            yield prefix, f"paths that begin with /{first} are those of {versions}: choose another one"
    for own in _outside(dialect):
        hidden = next((prefix for prefix in _prefixes(dialect) if _is_at_or_below(prefix, own)), None)
        if hidden is not None:
            yield own, f"{hidden}, which is a prefix of {dialect.name}, could not be reached: choose another one"


def _between(first: Dialect, later: Dialect) -> Iterator[str]:
    """What is wrong with the prefixes of two dialects, of which one is asked first."""
    for one in (*_prefixes(first), *_outside(first)):
        for other in (*_prefixes(later), *_outside(later)):
            if one == other:
                yield f"{_key(later, other)}: {other} is a prefix of {first.name}: choose another one"
            elif _is_at_or_below(other, one):
                yield f"{_key(later, other)}: {other} lies below {one}, a prefix of {first.name}: choose another one"
            elif _is_at_or_below(one, other) and {one, other} & {*_outside(first), *_outside(later)}:
                yield f"{_key(later, other)}: {one}, a prefix of {first.name}, lies below {other}: choose another one"


def _prefixes(dialect: Dialect) -> tuple[str, ...]:
    return tuple(getattr(dialect, "prefixes", ()))


def _outside(dialect: Dialect) -> tuple[str, ...]:
    """Paths of a dialect that are not below its prefixes."""
    return tuple(getattr(dialect, "outside", ()))


def _is_at_or_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _key(dialect: Dialect, prefix: str) -> str:
    """What has to be changed so that a dialect is elsewhere."""
    if dialect.name not in BUNDLED:
        return f"the dialect {dialect.name}"
    return f"dialects.{dialect.name}.{'oauth' if prefix in _outside(dialect) else 'prefixes'}"
