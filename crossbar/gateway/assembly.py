"""The gateway of one configuration: its upstreams, providers and routes, and what is wrong with them, all at once."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from .. import settings
from ..dialects import Dialect
from ..errors import SettingsError
from ..limits.buckets import Table
from .matching import Clash, RouteTable, Rule
from .merging import MODULE
from .nouns import ACCOUNTS, RoutedNoun
from .pool import Target
from .providers import Source, providers_of
from .reading import Known, routed_of
from .routes import Routed, words
from .upstreams import Service


@dataclass(slots=True)
class Gateway:
    """What one configuration has made: `nouns` answer in the dialects, `plain` before and beside them.

    `settings` are those that it was made of; what they share with the ones before goes on as it is.
    """

    settings: settings.Settings
    services: dict[str, Service] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    routes: list[Routed] = field(default_factory=list)
    nouns: dict[str, RoutedNoun] = field(default_factory=dict)
    plain: RouteTable[Routed] | None = None

    async def open(self) -> None:
        """Open every upstream and provider that is not open."""
        for source in self.sources.values():
            await source.open()
        for service in self.services.values():
            await service.open()

    async def close(self) -> None:
        """Close them all."""
        for service in self.services.values():
            await service.close()
        for source in self.sources.values():
            await source.close()

    async def retire(self, successor: Gateway) -> None:
        """Let go of what the successor does not go on with, as soon as no request uses it any more."""
        for name, service in self.services.items():
            if successor.services.get(name) is not service:
                await service.retire()
        for name, source in self.sources.items():
            if successor.sources.get(name) is not source:
                await source.close()


class Surroundings(NamedTuple):
    """What a gateway stands beside: the nouns of local modules, the dialects, the table of counts, and the clock."""

    modules: Container[str]
    dialects: Sequence[Dialect]
    table: Table
    clock: Callable[[], float]


TABLES = ("gateway", "upstream", "provider", "route")
"""The tables of settings that a gateway is made of."""


def gateway_of(said: settings.Settings, around: Surroundings, before: Gateway | None = None) -> Gateway:
    """The gateway that settings describe, among what is around it; SettingsError with everything that is wrong.

    Upstreams and providers of the gateway `before` whose settings are the same go on with their connections, counts
    and keys.
    """
    said = settings.checked(said, TABLES)
    made = Gateway(said)
    faults = [*_services(made, before), *_sources(made, before, around.clock), *_routes(made, around)]
    if faults:
        raise SettingsError(faults)
    return made


def _services(made: Gateway, before: Gateway | None) -> Iterator[str]:
    for name, upstream in made.settings.upstream.items():
        if name == MODULE:
            yield f"upstream.{name}: this is what a merge calls the local modules: choose another name"
        known = before.services.get(name) if before is not None else None
        if known is not None and known.is_as(upstream):
            made.services[name] = known
            continue
        try:
            made.services[name] = Service(name, upstream)
        except SettingsError as error:
            yield from (f"upstream.{name}.{fault}" for fault in error.faults)


def _sources(made: Gateway, before: Gateway | None, clock: Callable[[], float]) -> Iterator[str]:
    said = made.settings.provider
    try:
        made.sources = providers_of(said, clock)
    except SettingsError as error:
        yield from error.faults
        return
    for name, known in (before.sources if before is not None else {}).items():
        if before is not None and name in said and before.settings.provider[name] == said[name]:
            made.sources[name] = known


def _routes(made: Gateway, around: Surroundings) -> Iterator[str]:
    said = made.settings
    broken = said.upstream.keys() - made.services.keys()
    known = Known(made.services, broken, made.sources, said.provider, *around[:3])
    names: set[str] = set()
    for at, route in enumerate(said.route):
        name = route.name or route.path
        key = f"route {name!r}" if route.name else f"route[{at}] ({route.path})"
        if name in names:
            if route.name:
                yield f"{key}: name: another route is called so: choose another name"
            # NOTE: one path may have several routes, by methods or header fields.
            name = f"{name} #{at}"
        names.add(name)
        try:
            made.routes.append(routed_of(name, route, known))
        except SettingsError as error:
            yield from (f"{key}: {fault}" for fault in error.faults)
    if len(made.routes) == len(said.route):
        made.routes = [*_guarded_alike(made.routes)]
        yield from _tables(made)


def _guarded_alike(routes: Sequence[Routed]) -> Iterator[Routed]:
    """The routes, with those that lead to where another route guards something as careful about paths as that one.

    What an open route lets through in a spelling of its own must not be what the guarded one keeps (CVE-2025-66490).
    """
    guarded = {_server(target) for routed in routes if routed.guarded for target in _targets(routed)}
    for routed in routes:
        alike = not routed.guarded and any(_server(target) in guarded for target in _targets(routed))
        yield replace(routed, guarded=True, whole_host=False) if alike else routed


def _targets(routed: Routed) -> Iterator[Target]:
    """Every server that a request of a route may get to, under whatever name of an upstream."""
    parts = routed.merge.parts if routed.merge is not None else ()
    for service in (routed.service, *(part.service for part in parts)):
        if service is not None:
            yield from service.targets


def _server(target: Target) -> tuple[str, int]:
    """Host and port of a target; this machine is one host, whatever it is called."""
    parts = urlsplit(target.origin)
    host = (parts.hostname or "").removesuffix(".")
    with suppress(ValueError):
        address = ip_address(host)
        address = getattr(address, "ipv4_mapped", None) or address
        host = "localhost" if address.is_loopback or address.is_unspecified else str(address)
    return host, parts.port or (443 if target.secure else 80)


def _tables(made: Gateway) -> Iterator[str]:
    """The tables in which routes are found; two of them that cannot be told apart are a fault."""
    faults: list[str] = []
    made.plain = _table([routed for routed in made.routes if not routed.noun], faults)
    for noun in dict.fromkeys(routed.noun for routed in made.routes if routed.noun):
        of = [routed for routed in made.routes if routed.noun == noun]
        if len({bool(routed.heads) for routed in of}) > 1:
            faults.append(f"route: the noun {noun!r} stands below accounts and beside them: give it two names")
            continue
        tables: dict[tuple[str, ...], RouteTable[Routed]] = {}
        for parents in dict.fromkeys(map(_parents, of)):
            table = _table([routed for routed in of if _parents(routed) == parents], faults)
            if table is not None:
                tables[parents] = table
        made.nouns[noun] = RoutedNoun(noun, tables, anywhere=not of[0].heads)
    yield from faults


def _table(routes: Iterable[Routed], faults: list[str]) -> RouteTable[Routed] | None:
    """The table of some routes, None if there are none, or if there is something wrong, which is put to the faults."""
    rules = []
    wrong: list[str] = []
    for routed in routes:
        try:
            rules.append(_rule(routed))
        except ValueError as error:
            wrong.append(str(error))
    try:
        table = RouteTable(rules) if rules else None
    except Clash as clash:
        wrong += clash.faults
    faults += wrong
    return None if wrong else table


def _parents(routed: Routed) -> tuple[str, ...]:
    """The nouns between the account and the noun."""
    return tuple(name for name, _ in routed.heads if name != ACCOUNTS)


def _rule(routed: Routed) -> Rule[Routed]:
    said = routed.settings
    # NOTE: a message about it shows the whole path.
    pattern = routed.pattern if routed.tail is None else replace(routed.tail, text=said.path)
    return Rule(pattern, words(said.host), routed.methods, said.headers, routed, f"route {routed.name!r}")
