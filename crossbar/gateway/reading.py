"""A route out of its settings: what it matches, who may use it and where it leads, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from .. import settings
from ..cors import Cors
from ..dialects import Dialect
from ..errors import SettingsError
from ..limits.buckets import Table
from ..settings.gateway import size
from .access import NOBODY, OWN, Access
from .forwarding import Rules
from .leading import leads_to, meant
from .outgoing import dropper_of
from .patterns import Pattern, Rewrite
from .places import place_of, yields
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
    place, gives_way = None, False
    if pattern is not None:
        place = tried(partial(place_of, route, pattern, known.modules))
        if place is not None and not place.noun:
            gives_way = bool(tried(partial(yields, route, pattern, known.dialects)))
    tried(partial(_refuse_form, route.form, known.dialects))
    tried(partial(_refuse_methods, route, is_noun=place is not None and bool(place.noun)))
    tried(partial(_refuse_times, route))
    access = tried(partial(_access, name, route, known, pattern.parameters if pattern is not None else None))
    if place is not None and place.heads and NOBODY in words(route.auth):
        faults.append('auth: whoever enters an account must be known, so "none" cannot stand here')
    leads = tried(partial(leads_to, route, pattern, known.services, known.broken, known.modules))
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
        yields=gives_way,
    )


def _is_whole_host(pattern: Pattern, rewrite: Rewrite | None, service: Service | None) -> bool:
    """Whether a route gives away all that its targets have, so that no path leads out of it."""
    everything = pattern.rest and not pattern.segments and rewrite is None
    return everything and service is not None and not any(target.base for target in service.targets)


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
