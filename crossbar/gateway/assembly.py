"""The gateway of one configuration: its upstreams, providers and routes, and what is wrong with them, all at once."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from .. import settings
from ..dialects import Dialect
from ..errors import SettingsError
from ..limits.buckets import Table
from ..target import is_version
from .forwarding import Rules
from .matching import Clash, RouteTable, Rule, literal_prefix
from .merging import merge_of
from .nouns import ACCOUNTS, RoutedNoun
from .outgoing import dropper_of
from .patterns import Pattern, Rewrite
from .problems import PROBLEM
from .providers import Source, providers_of
from .retries import Retry
from .routes import (
    Routed,
    RouteFault,
    access_of,
    body_limit,
    compiled,
    cors_for,
    times_of,
    words,
)
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


def gateway_of(said: settings.Settings, around: Surroundings, before: Gateway | None = None) -> Gateway:
    """The gateway that settings describe, among what is around it; SettingsError with everything that is wrong.

    Upstreams and providers of the gateway `before` whose settings are the same go on with their connections, counts
    and keys.
    """
    made = Gateway(said)
    faults = [*_services(made, before), *_sources(made, before, around.clock)]
    if not faults:
        faults = [*_routes(made, around)]
    if faults:
        raise SettingsError(faults)
    return made


def _services(made: Gateway, before: Gateway | None) -> Iterator[str]:
    for name, upstream in made.settings.upstream.items():
        known = before.services.get(name) if before is not None else None
        if known is not None and known.settings == upstream:
            made.services[name] = known
            continue
        try:
            made.services[name] = Service(name, upstream)
        except ValueError as error:
            yield f"upstream.{name}.{error}"


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
    names: set[str] = set()
    for at, route in enumerate(made.settings.route):
        name = route.name or route.path
        key = f"route {name!r}" if route.name else f"route[{at}] ({route.path})"
        if name in names:
            name = f"{name} #{at}"
        names.add(name)
        try:
            made.routes.append(_routed(name, route, made, around))
        except RouteFault as error:
            yield f"{key}: {error}"
        except SettingsError as error:
            yield from (f"{key}: {fault}" for fault in error.faults)
    if len(made.routes) == len(made.settings.route):
        made.routes = [*_guarded_alike(made.routes)]
        yield from _tables(made)


def _guarded_alike(routes: Sequence[Routed]) -> Iterator[Routed]:
    """The routes, with those that lead to a service which another route guards as careful about paths as that one.

    What an open route lets through in a spelling of its own must not be what the guarded one keeps (CVE-2025-66490).
    """
    guarded = {id(routed.service) for routed in routes if routed.guarded and routed.service is not None}
    for routed in routes:
        alike = routed.service is not None and id(routed.service) in guarded
        yield replace(routed, guarded=True, whole_host=False) if alike and not routed.guarded else routed


def _tables(made: Gateway) -> Iterator[str]:
    """The tables in which routes are found; two of them that cannot be told apart are a fault."""
    plain = [routed for routed in made.routes if not routed.noun]
    if plain:
        try:
            made.plain = RouteTable(_rule(routed, routed.pattern) for routed in plain)
        except ValueError as error:
            yield from error.faults if isinstance(error, Clash) else (str(error),)
    for noun in dict.fromkeys(routed.noun for routed in made.routes if routed.noun):
        of = [routed for routed in made.routes if routed.noun == noun]
        if len({bool(routed.heads) for routed in of}) > 1:
            yield f"route: the noun {noun!r} stands below accounts and beside them: give it two names"
            continue
        rules: dict[tuple[str, ...], list[Rule[Routed]]] = {}
        try:
            for routed in of:
                if routed.tail is not None:
                    parents = tuple(name for name, _ in routed.heads if name != ACCOUNTS)
                    rules.setdefault(parents, []).append(_rule(routed, routed.tail))
            found = {parents: RouteTable(those) for parents, those in rules.items()}
        except ValueError as error:
            yield from error.faults if isinstance(error, Clash) else (str(error),)
        else:
            made.nouns[noun] = RoutedNoun(noun, found, anywhere=not of[0].heads)


def _rule(routed: Routed, pattern: Pattern) -> Rule[Routed]:
    said = routed.settings
    label = f"route {routed.name!r}"
    return Rule(pattern, words(said.host), said.methods, said.headers, routed, label)


def _routed(name: str, route: settings.Route, made: Gateway, around: Surroundings) -> Routed:
    pattern: Pattern = compiled("path", lambda: Pattern.parse(route.path))
    noun, heads, tail = _as_noun(route, pattern, around.modules)
    forms = [PROBLEM, *(dialect.name for dialect in around.dialects)]
    if route.form not in forms:
        raise RouteFault(f"form: {route.form!r} is no form of errors; there are {', '.join(forms)}")
    access = access_of(name, route, made.sources, made.settings.provider, pattern.parameters)
    if access.anybody and any(head == ACCOUNTS for head, _ in heads):
        raise RouteFault('auth: whoever enters an account must be known, so "none" cannot stand here')
    service, rewrite, merge = _leads_to(route, pattern, made)
    timeout = service.timeout if service is not None else settings.Timeouts()
    retry = compiled("retry", lambda: Retry.parse(route.retry)) if route.retry else None
    is_guarded = not access.anybody or access.policy is not None
    return Routed(
        name=name,
        settings=route,
        pattern=pattern,
        noun=noun,
        heads=heads,
        tail=tail,
        access=access,
        table=around.table,
        service=service,
        rewrite=rewrite,
        merge=merge,
        times=times_of(route, timeout),
        retry=retry or (service.retry if service is not None else Retry.parse("never")),
        body=body_limit(route),
        cors=cors_for(route),
        request=compiled("request", lambda: Rules(route.request)),
        response=compiled("response", lambda: Rules(route.response)),
        dropper=dropper_of(access.drops if route.token == "drop" else frozenset()),
        opens=route.envelope != "off",
        guarded=is_guarded,
        whole_host=not is_guarded and pattern.rest and not pattern.segments and rewrite is None,
        yields=not noun and _yields(route, pattern, around.dialects),
    )


def _as_noun(
    route: settings.Route, pattern: Pattern, modules: Container[str]
) -> tuple[str, tuple[tuple[str, str], ...], Pattern | None]:
    """The noun that a path names below a version, the nouns before it with their parameters, and what comes after it.

    Nothing for a path without a version, which is a plain route.
    """
    parts = pattern.text.removeprefix("/").split("/")
    if not is_version(parts[0]):
        return "", (), None
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
    noun = rest[0] if rest else ""
    if not noun or _is_parameter(noun) or noun == "**":
        raise RouteFault("path: name a noun behind the version, such as /v2/accounts/{account}/invoices/**")
    if noun in modules:
        raise RouteFault(
            f"path: the noun {noun!r} is that of a module: choose another one, or switch that off in modules.disabled"
        )
    tail = "/" + "/".join(rest[1:]) if rest[1:] else "/"
    return noun, tuple(heads), Pattern.parse(tail)


def _is_parameter(part: str) -> bool:
    return part[:1] == "{"


def _yields(route: settings.Route, pattern: Pattern, dialects: Sequence[Dialect]) -> bool:
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
            if parts == said and (pattern.rest or pattern.parameters):
                raise RouteFault(f"path: {prefix} is a prefix of the dialect {dialect.name}: choose another one")
            found = found or parts[: len(said)] == said
    return found


def _leads_to(route: settings.Route, pattern: Pattern, made: Gateway) -> tuple[Service | None, Rewrite | None, Any]:
    """The upstream, and the path there, or the calls that are merged."""
    if bool(route.to) == bool(route.merge):
        raise RouteFault('to: say where it leads: to = "UPSTREAM:/path", or merge = { NAME = "UPSTREAM:/path" }')
    if route.merge:
        if pattern.rest:
            raise RouteFault("path: what is merged is at one place: leave out the **")
        return None, None, merge_of(route, pattern, made.services)
    service, rewrite = leads_to("to", route.to, made.services, pattern.parameters, rest=pattern.rest)
    return service, rewrite, None


def leads_to(
    key: str, text: str, services: Mapping[str, Service], parameters: Sequence[str], *, rest: bool
) -> tuple[Service, Rewrite | None]:
    """The upstream that a text names, and the path there; None for the path as it comes."""
    name, _, path = text.partition(":")
    service = services.get(name)
    if service is None:
        raise RouteFault(f"{key}: there is no upstream {name!r}; there are {', '.join(services) or 'none'}")
    return service, compiled(key, lambda: Rewrite.parse(path, parameters, rest)) if path else None
