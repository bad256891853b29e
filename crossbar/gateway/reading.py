"""A route out of its settings: what it matches, who may use it and where it leads, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple, TypeVar

from .. import settings
from ..cors import Cors
from ..dialects import Dialect
from ..endpoint import refuse_name
from ..errors import DefinitionError, SettingsError
from ..limits.buckets import Table
from ..settings.gateway import size
from ..target import ALIAS, is_version
from .access import NOBODY, OWN, Access
from .forwarding import Rules
from .matching import literal_prefix
from .merging import MODULE, merge_of
from .nouns import ACCOUNTS
from .outgoing import dropper_of
from .patterns import Pattern, Rewrite
from .policy import Policy, compile_policy
from .problems import PROBLEM
from .providers import Source
from .quotas import limits_of
from .retries import Retry
from .routes import Routed, RouteFault, compiled, times_of, words
from .upstreams import Service

T = TypeVar("T")

NEVER = ("CONNECT", "TRACE")
"""Methods that are taken at no route: no tunnels here, and nothing that shows what was added on the way."""
OF_NOUNS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
"""The methods that go on at a noun; OPTIONS is answered here."""


class Known(NamedTuple):
    """What a route can name: upstreams, also those `broken` ones that have faults of their own, and providers.

    `modules` are the nouns of local modules, `dialects` those that are mounted; in `table` limits are counted.
    """

    services: Mapping[str, Service]
    broken: Container[str]
    sources: Mapping[str, Source]
    providers: Mapping[str, settings.Provider]
    modules: Container[str]
    dialects: Sequence[Dialect]
    table: Table


class Place(NamedTuple):
    """Where a path is: the `noun` that it names, the nouns before it with their parameters, and what comes after it.

    A plain route has no noun.
    """

    noun: str = ""
    heads: tuple[tuple[str, str], ...] = ()
    tail: Pattern | None = None


def routed_of(name: str, route: settings.Route, known: Known) -> Routed:
    """The route that settings describe; SettingsError with all that is wrong with it, each fault with the key below it.

    NOTE: what cannot be said before something else is right, is said then; so it may be that nothing is told, where an
    upstream or a provider has faults of its own.
    """
    faults: list[str] = []

    def tried(make: Callable[[], T]) -> T | None:
        try:
            return make()
        except RouteFault as fault:
            faults.append(str(fault))
        except SettingsError as error:
            faults.extend(error.faults)
        return None

    pattern = tried(partial(compiled, "path", partial(Pattern.parse, route.path)))
    place, yields = None, False
    if pattern is not None:
        place = tried(partial(_place, route, pattern, known.modules))
        if place is not None and not place.noun:
            yields = bool(tried(partial(_yields, route, pattern, known.dialects)))
    tried(partial(_refuse_form, route.form, known.dialects))
    tried(partial(_refuse_methods, route, is_noun=place is not None and bool(place.noun)))
    tried(partial(_refuse_times, route))
    access = tried(partial(_access, name, route, known, pattern.parameters if pattern is not None else None))
    if place is not None and place.heads and NOBODY in words(route.auth):
        faults.append('auth: whoever enters an account must be known, so "none" cannot stand here')
    leads = tried(partial(_leads_to, route, pattern, known))
    retry = tried(partial(compiled, "retry", partial(Retry.parse, route.retry))) if route.retry else None
    cors = tried(partial(_cors, route))
    request = tried(partial(compiled, "request", partial(Rules, route.request)))
    response = tried(partial(compiled, "response", partial(Rules, route.response)))
    if pattern is None or place is None or access is None or leads is None:
        raise SettingsError(faults)
    if faults or request is None or response is None:
        raise SettingsError(faults)
    service, rewrite, merge = leads
    if service is not None and place.noun and rewrite is None:
        # NOTE: a noun has a path in each dialect; its upstream gets the one that the settings have for it.
        rewrite = Rewrite.parse(route.path, pattern.parameters, pattern.rest)
    is_guarded = not access.anybody or access.policy is not None
    return Routed(
        name=name,
        settings=route,
        pattern=pattern,
        noun=place.noun,
        heads=place.heads,
        tail=place.tail,
        access=access,
        table=known.table,
        service=service,
        rewrite=rewrite,
        merge=merge,
        times=times_of(route, service.timeout if service is not None else settings.Timeouts()),
        retry=retry or (service.retry if service is not None else Retry.parse("never")),
        body=size(route.body),
        cors=cors,
        request=request,
        response=response,
        dropper=dropper_of(_drops(access, known) if route.token == "drop" else frozenset()),
        opens=route.envelope != "off",
        guarded=is_guarded,
        whole_host=not is_guarded and _is_whole_host(pattern, rewrite, service),
        yields=yields,
    )


def _is_whole_host(pattern: Pattern, rewrite: Rewrite | None, service: Service | None) -> bool:
    """Whether a route gives away all that its targets have, so that no path leads out of it."""
    everything = pattern.rest and not pattern.segments and rewrite is None
    return everything and service is not None and not any(target.base for target in service.targets)


def _place(route: settings.Route, pattern: Pattern, modules: Container[str]) -> Place:
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
            if parts == said:
                raise RouteFault(f"path: {prefix} is a prefix of the dialect {dialect.name}: choose another one")
            found = found or parts[: len(said)] == said
    return found


def _refuse_form(form: str, dialects: Sequence[Dialect]) -> None:
    forms = [PROBLEM, *(dialect.name for dialect in dialects)]
    if form not in forms:
        raise RouteFault(f"form: {form!r} is no form of errors; there are {', '.join(forms)}")


def _refuse_methods(route: settings.Route, *, is_noun: bool) -> None:
    for method in route.methods:
        if method in NEVER:
            raise RouteFault(f"methods: {method} is taken at no route: leave it out")
        if is_noun and method not in OF_NOUNS:
            raise RouteFault(f"methods: a noun sends on {', '.join(OF_NOUNS)}, and {method} is none of them")
        if route.merge and method not in ("GET", "HEAD"):
            raise RouteFault(f"methods: what is merged is read, and {method} is for something else")


def _refuse_times(route: settings.Route) -> None:
    if "connect" in route.timeout:
        raise RouteFault("timeout.connect: connections belong to the upstream: set it in the timeout of that")


def _access(name: str, route: settings.Route, known: Known, parameters: Iterable[str] | None) -> Access | None:
    """Who may use a route; SettingsError for names and rules that are none. Without `parameters` no rule is read.

    None if a provider has faults of its own.
    """
    faults: list[str] = []
    named = words(route.auth)
    for each in named:
        if each not in known.providers and each not in (OWN, NOBODY):
            there = [OWN, NOBODY, *known.providers]
            faults.append(f"auth: there is no provider {each!r}; {meant(each, there)}")
    if not named:
        faults.append(f'auth: name who says who is asking, or "{NOBODY}" to let everybody in')
    policy: Policy | None = None
    if route.allow and parameters is not None:
        try:
            policy = compile_policy(route.allow, parameters)
        except ValueError as error:
            faults.append(f"allow: {error}")
    try:
        limits = limits_of(name, route.limit)
    except ValueError as error:
        faults.append(f"limit: {error}")
    if faults:
        raise SettingsError(faults)
    if any(each not in known.sources for each in named if each not in (OWN, NOBODY)):
        return None
    sources = tuple(known.sources[each] for each in dict.fromkeys(named) if each in known.sources)
    return Access(sources, OWN in named, NOBODY in named, policy, limits, _administrators(named, known))


def _administrators(named: Iterable[str], known: Known) -> dict[str, Policy]:
    """The rules by which tokens of issuers are those of administrators."""
    found = {}
    for each in named:
        said = known.providers[each].jwt if each in known.providers else None
        if said is not None:
            found[each] = compiled(f"provider.{each}.jwt.admins", partial(compile_policy, said.admins or "false", ()))
    return found


def _cors(route: settings.Route) -> Cors | None:
    """The CORS of a route; SettingsError for origins that no browser names."""
    said = route.cors
    return None if said is None else Cors(settings.Cors(said.origins, said.credentials, said.max_age, said.headers))


def _drops(access: Access, known: Known) -> frozenset[bytes]:
    """The request fields with credentials that are for us alone: those of this route, and keys, wherever they are sent.

    `Authorization` may be the upstream's own on a route that does not read it.
    """
    keys = [source.fields - {b"authorization"} for source in known.sources.values()]
    return access.drops.union(*keys, (b"x-auth-token",))


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


def _leads_to(
    route: settings.Route, pattern: Pattern | None, known: Known
) -> tuple[Service | None, Rewrite | None, Any] | None:
    """The upstream, and the path there, or the calls that are merged; None if that hangs on what has other faults."""
    if bool(route.to) == bool(route.merge):
        raise RouteFault('to: say where it leads: to = "UPSTREAM:/path", or merge = { NAME = "UPSTREAM:/path" }')
    if route.merge:
        if pattern is None or any(text.partition(":")[0] in known.broken for text in route.merge.values()):
            return None
        if pattern.rest:
            raise RouteFault("path: what is merged is at one place: leave out the **")
        for name, text in route.merge.items():
            _refuse_module(name, text, known.modules)
        try:
            return None, None, merge_of(route, pattern, known.services)
        except ValueError as error:
            raise RouteFault(str(error)) from None
    name, colon, path = route.to.partition(":")
    if name not in known.services and name not in known.broken:
        raise RouteFault(f"to: there is no upstream {name!r}; {meant(name, [*known.services])}")
    if colon and not path:
        raise RouteFault(f'to: {route.to!r} names no path: write "{name}" for the same one, or "{name}:/path"')
    rewrite = None
    if path and pattern is not None:
        rewrite = compiled("to", partial(Rewrite.parse, path, pattern.parameters, pattern.rest))
    service = known.services.get(name)
    return (service, rewrite, None) if service is not None and pattern is not None else None
