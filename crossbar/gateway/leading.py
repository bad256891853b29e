"""Where a route leads, out of its settings: to an upstream, or to the calls that are merged."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from difflib import get_close_matches
from functools import partial

from .. import settings
from ..target import is_version
from .merging import MODULE, Merge, merge_of
from .patterns import Pattern, Rewrite
from .routes import RouteFault, compiled
from .upstreams import Service


def leads_to(
    route: settings.Route,
    pattern: Pattern | None,
    services: Mapping[str, Service],
    broken: Container[str],
    modules: Container[str],
) -> tuple[Service | None, Rewrite | None, Merge | None] | None:
    """The upstream, and the path there, or the calls that are merged; None if that hangs on what has other faults.

    RouteFault for what leads nowhere. `broken` are upstreams with faults of their own, `modules` the nouns of modules.
    """
    if bool(route.to) == bool(route.merge):
        raise RouteFault('to: say where it leads: to = "UPSTREAM:/path", or merge = { NAME = "UPSTREAM:/path" }')
    if route.merge:
        if pattern is None or any(text.partition(":")[0] in broken for text in route.merge.values()):
            return None
        if pattern.rest:
            raise RouteFault("path: what is merged is at one place: leave out the **")
        for name, text in route.merge.items():
            _refuse_module(name, text, modules)
        try:
            return None, None, merge_of(route, pattern, services)
        except ValueError as error:
            raise RouteFault(str(error)) from None
    name, colon, path = route.to.partition(":")
    if name not in services and name not in broken:
        raise RouteFault(f"to: there is no upstream {name!r}; {meant(name, [*services])}")
    if colon and not path:
        raise RouteFault(f'to: {route.to!r} names no path: write "{name}" for the same one, or "{name}:/path"')
    rewrite = None
    if path and pattern is not None:
        rewrite = compiled("to", partial(Rewrite.parse, path, pattern.parameters, pattern.rest))
    service = services.get(name)
    return (service, rewrite, None) if service is not None and pattern is not None else None


def meant(name: str, there: Sequence[str]) -> str:
    """Which of those that there are may have been meant, or which there are."""
    near = get_close_matches(name, there, 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(there) or 'none'}"


def _refuse_module(name: str, text: str, modules: Container[str]) -> None:
    """Raise RouteFault for a part of a merge that asks a module which is not there."""
    where, _, path = text.partition(":")
    noun = path.partition("?")[0].strip("/").partition("/")[0]
    if where == MODULE and not is_version(noun) and noun not in modules:
        raise RouteFault(f"merge.{name}: there is no module {noun!r}")
