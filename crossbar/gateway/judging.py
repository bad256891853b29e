"""How far a request gets that a route of the gateway may match, found out without waiting, counting or sending.

Who asks is not known, unless somebody is assumed; nor is how upstreams are, unless it is the application that runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..auth import ANONYMOUS, Principal
from ..context import Answered
from ..endpoint import Endpoint
from ..errors import Forbidden, MethodNotAllowed, Refusal, Unauthorized, Unavailable
from .access import NOBODY, OWN, facts
from .nouns import RoutedNoun, heads_of
from .outgoing import segment
from .providers import Identity
from .routes import Routed

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched


Stage = Callable[["Context"], object]
"""A step of a walk, of which nobody here waits for what it returns."""


class Asker(NamedTuple):
    """Somebody who is assumed to ask: `anonymous`, the holder of an API `key` by its id, or an `account` by its id."""

    kind: str
    id: str = ""

    @classmethod
    def parse(cls, text: str) -> Asker:
        """Whom a text names: `anonymous`, `key:acme` or `account:4f2a`; ValueError if it is nobody."""
        kind, colon, id = text.partition(":")
        if (kind == "anonymous" and not colon) or (kind in ("key", "account") and id):
            return cls(kind, id)
        raise ValueError(f"{text!r} is nobody: write anonymous, key:ID or account:ID")

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


class Assumed(NamedTuple):
    """What is assumed of a request: who sends it, None for somebody who may; and with `live`, that it is sent now."""

    asker: Asker | None = None
    live: bool = False


def pass_plain(ctx: Context, stages: tuple[Stage, ...], assumed: Assumed) -> tuple[int, Refusal | None]:
    """Take a request through the stages of plain routes, as far as they look at nothing but the request.

    The status that this leads to, and what it is refused with; `ctx.stage` is the last stage.
    """
    try:
        for stage in stages:
            ctx.stage = stage.__name__
            if ctx.stage in ("enter", "take_socket"):
                stage(ctx)
            elif ctx.stage == "identify":
                identify(ctx, assumed)
            elif ctx.stage == "permit" and ctx.matched is not None:
                _judge(ctx, ctx.matched, assumed)
    except Answered:
        return ctx.status, None
    except Refusal as refused:
        return refused.status, refused
    return going_well(ctx), None


def going_well(ctx: Context) -> int:
    """The status of a request that an upstream answers well; which one that really is, only the upstream knows."""
    return 101 if wants_socket(ctx) else 200


def pass_noun(ctx: Context, endpoint: Endpoint, assumed: Assumed) -> bool:
    """Take a request whose nouns are known through a noun of the gateway; False if the endpoint is another one.

    Raises what it is refused with, by the noun itself or by its route.
    """
    if not isinstance(endpoint, RoutedNoun):
        return False
    if ctx.matched is None or (ctx.tenant is None and not endpoint.anywhere):
        # NOTE: it refuses such a request before it waits for anything.
        endpoint.authorize(ctx).send(None)
        return True
    ctx.matched.parameters = {**ctx.matched.parameters, **heads_of(ctx, ctx.matched.route, _spelt)}
    _judge(ctx, ctx.matched, assumed)
    return True


def identify(ctx: Context, assumed: Assumed) -> None:
    """Put whoever is assumed to ask into the context; Unauthorized if the route lets nobody of the kind in."""
    matched, asker = ctx.matched, assumed.asker
    if matched is not None and asker is not None:
        ctx.principal = _identified(ctx, matched, asker)


def _judge(ctx: Context, matched: Matched, assumed: Assumed) -> None:
    """Raise what the route itself refuses a request with: what its path can be read as, a rule, no target that is well.

    Rules are asked only if somebody is assumed to ask, and targets only if it is known how they are.
    """
    route = matched.route
    route.refuse_ambiguous(ctx)
    if wants_socket(ctx) and (not route.settings.websocket or route.service is None):
        raise MethodNotAllowed("GET, HEAD")
    policy = route.access.policy
    if assumed.asker is not None and policy is not None and not policy(facts(ctx, matched)):
        raise Forbidden("the rules of this route are against it")
    if assumed.live and route.service is not None and all(each["state"] == "sick" for each in route.service.states()):
        raise Unavailable(f"no target of the service {route.service.name!r} is in order", word="no_target")


def wants_socket(ctx: Context) -> bool:
    """Whether a request begins a WebSocket (RFC 6455, 4.1)."""
    return bool(ctx.scope["type"] == "websocket")


def callers(route: Routed) -> str:
    """Who may ask for a route, and how they show it."""
    shown = [f"{source.name} ({_credential(source.challenge)})" for source in route.access.sources]
    if route.access.own:
        shown.append(f"{OWN} (a token of this server)")
    if route.access.anybody:
        shown.append(f"{NOBODY} (anybody)" if not shown else "or anybody")
    return ", ".join(shown)


def _identified(ctx: Context, matched: Matched, asker: Asker) -> Principal:
    """Whom the route takes an asker for; Unauthorized if it lets nobody of the kind in."""
    access = matched.route.access
    if asker.kind == "key":
        for source in access.sources:
            for key in ctx.app.settings.provider[source.name].keys:
                if key.id == asker.id:
                    known = Identity(source.name, f"{source.name}:{key.id}", key.account, key.user, key.claims)
                    return matched.route.access.stands_for(matched, known)
    elif asker.kind == "account" and access.own:
        matched.provider, matched.consumer = OWN, f"{asker.id}:"
        return Principal(asker.id, method="assumed")
    if access.anybody:
        return ANONYMOUS
    raise Unauthorized(f"{asker} is nobody whom this route knows: it knows {callers(matched.route)}")


def _credential(challenge: bytes) -> str:
    scheme, _, parameters = challenge.decode().partition(" ")
    if scheme == "Bearer":
        return "a token of the issuer"
    return f"an API key in {parameters.rpartition('header=')[2].strip(chr(34))}"


def _spelt(text: str) -> bytes:
    """An argument as a segment of a path; what stands for the caller's own is shown as it is."""
    return text.encode() if text[:1] == "{" else segment(text)
