"""What becomes of a request that a route has matched, told without doing it: whom it asks, what would be sent where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import settings
from ..auth import ANONYMOUS
from .access import facts
from .judging import Assumed, callers
from .matching import Found, RouteTable, Rule
from .nouns import ACCOUNTS, RoutedNoun
from .outgoing import path_of, query_of
from .patterns import Rewrite
from .plain import Routes
from .routes import Routed, words
from .upstreams import Service

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched

MODULE = "module"


@dataclass(frozen=True, slots=True)
class Sending:
    """One call that a request would become: the `part` of a merge that it is for, and its upstream.

    `targets` are what is known of those that it could go to, and `to` is what each of them would get: method and URL.
    """

    part: str
    upstream: str
    targets: tuple[Mapping[str, Any], ...]
    to: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {"upstream": self.upstream, "targets": [*self.targets], "to": [*self.to]}


@dataclass(frozen=True, slots=True)
class Routing:
    """The route that a request has matched, the `others` that match too and say less of it, and the calls it becomes.

    With `live`, what is known of targets is how they are now. `who` is whoever is assumed to ask, and `why` what the
    rule of the route says of them; both are empty if nobody is.
    """

    route: Routed
    others: tuple[Routed, ...]
    sendings: tuple[Sending, ...]
    live: bool
    who: str = ""
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """The members of an explanation that tell of the gateway; `calls` only for what is merged."""
        said = self.route.settings
        single = self.sendings[0] if not said.merge and self.sendings else Sending("", "", (), ())
        told: dict[str, Any] = {
            "route": self.route.name,
            "others": [other.name for other in self.others],
            "auth": [*words(said.auth)],
            "rule": said.allow,
            "limit": [*said.limit],
            "body": said.body,
            "timeout": self.timeouts(),
            "retry": self.retry(),
            "envelope": said.envelope,
            "errors": said.errors,
            **single.as_json(),
        }
        if said.merge:
            told["calls"] = [{"part": each.part, **each.as_json()} for each in self.sendings]
        if self.who:
            told |= {"as": self.who, "why": self.why}
        return told

    def timeouts(self) -> dict[str, str]:
        """The time limits of a call, as the settings have them."""
        service = self.route.service
        usual = service.timeout if service is not None else settings.Timeouts()
        own = {str(name): text for name, text in self.route.settings.timeout.items()}
        return {name: own.get(name, getattr(usual, name)) for name in usual.__struct_fields__}

    def retry(self) -> str:
        """When a call is tried again, as the settings have it."""
        service = self.route.service
        return self.route.settings.retry or (service.settings.retry if service is not None else "never")

    def facts(self) -> Iterator[tuple[str, str]]:
        """What there is to be known of the route and its calls, for people."""
        said = self.route.settings
        yield "Route", f"{self.route.name}: {said.path}"
        yield "Callers", callers(self.route)
        if self.who:
            yield "Assumed", self.who
        if said.allow:
            yield "Rule", said.allow
        if self.why:
            yield "It says", self.why
        yield "Limits", ", ".join(said.limit) or "none"
        yield "Body", f"up to {said.body}"
        yield "Times", ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in self.timeouts().items())
        yield "Retries", self.retry()
        for sending in self.sendings:
            part = f"{sending.part}: " if sending.part else ""
            yield "Upstream", f"{part}{sending.upstream}{f', {self._health(sending)}' if sending.targets else ''}"
            yield from (("Sends", line) for line in sending.to)
        yield "Envelope", said.envelope
        yield "Errors", f"{said.errors}, in the form {said.form}" if not self.route.noun else said.errors

    def _health(self, sending: Sending) -> str:
        """How the targets are, and which of them may be next, if that is known."""
        targets = sending.targets
        if not self.live:
            return f"{len(targets)} {'target' if len(targets) == 1 else 'targets'}"
        able = [each for each in targets if each["state"] == "ok"]
        left = able or [each for each in targets if each["state"] != "sick"]
        found = f"{len(able)}/{len(targets)} in order"
        return f"{found}, next: {' or '.join(each['target'] for each in left)}" if left else f"{found}, none is left"


def routing(ctx: Context, assumed: Assumed, *, refused: bool) -> Routing | None:
    """What is to be told of a request and the route that it has matched, None if it has matched none.

    Of one that is refused nothing is sent.
    """
    matched = ctx.matched
    if matched is None:
        return None
    asker, live = assumed
    policy = matched.route.access.policy
    is_known = matched.provider or ctx.principal is ANONYMOUS
    why = policy.why(facts(ctx, matched)) if policy is not None and is_known else ""
    sendings = tuple(_sendings(ctx, matched, live=live))
    if refused:
        sendings = tuple(replace(sending, to=()) for sending in sendings)
    return Routing(matched.route, _others(ctx, matched.route), sendings, live, str(asker or ""), why)


def leads_to(route: Routed) -> str:
    """Where a route leads, as the settings say it."""
    said = route.settings
    return f"-> {said.to}" if said.to else f"merges {', '.join(f'{name}: {text}' for name, text in said.merge.items())}"


def _sendings(ctx: Context, matched: Matched, *, live: bool) -> Iterator[Sending]:
    route = matched.route
    if route.merge is None:
        assert route.service is not None, "a route leads to an upstream, or to a merge"
        yield _sending(ctx, matched, "", route.service, route.rewrite, query_of(ctx, route), live=live)
        return
    for part in route.merge.parts:
        if part.service is not None:
            yield _sending(ctx, matched, part.name, part.service, part.rewrite, part.query, live=live)
        else:
            asked = f"{part.rewrite.text}{'?' if part.query else ''}{part.query.decode('latin-1')}"
            yield Sending(part.name, MODULE, (), (f"GET {asked} of this server",))


def _sending(
    ctx: Context, matched: Matched, part: str, service: Service, rewrite: Rewrite | None, query: bytes, *, live: bool
) -> Sending:
    """A call of an upstream; where a parameter of the path is not known, nothing of it is told."""
    states = service.states()
    shown = states if live else [{"target": each["target"], "weight": each["weight"]} for each in states]
    missing = set(rewrite.parameters if rewrite is not None else ()) - {*matched.parameters}
    if missing:
        return Sending(part, service.name, tuple(shown), ())
    path = path_of(ctx) if rewrite is None else rewrite.apply(matched.parameters, matched.rest)
    if query:
        path += b"?" + query
    method = "GET" if part else ctx.method
    to = [f"{method} {target.origin}{(target.base + path).decode('latin-1')}" for target in service.targets]
    return Sending(part, service.name, tuple(shown), tuple(to))


def _others(ctx: Context, route: Routed) -> tuple[Routed, ...]:
    """The other routes that match a request; all of them say less of it, or they would be in its place."""
    gateway = ctx.app.gateway
    assert gateway is not None, "there is a gateway where there is a route"
    kin = (other for other in gateway.current.routes if other is not route and other.noun == route.noun)
    return tuple(other for other in kin if _matches(ctx, other))


def _matches(ctx: Context, routed: Routed) -> bool:
    """Whether a route matches a request, if it is the only one."""
    said = routed.settings
    pattern = routed.tail or routed.pattern
    table = RouteTable([Rule(pattern, words(said.host), routed.methods, said.headers, routed, routed.name)])
    if not routed.noun:
        return isinstance(Routes(table, ctx.app.dialects).find(ctx), Found)
    alone = copy(ctx)
    alone.matched = None
    parents = tuple(name for name, _ in routed.heads if name != ACCOUNTS)
    RoutedNoun(routed.noun, {parents: table}, anywhere=not routed.heads).match(alone)
    return alone.matched is not None
