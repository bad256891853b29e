"""What `crossbar explain` finds at the stages of a request that a route of the gateway has matched."""

from __future__ import annotations

from collections.abc import Callable

from ..context import Context
from ..explain import Explanation, named
from ..gateway.judging import callers
from ..gateway.routes import Routed, words
from ..gateway.telling import Routing
from ..pipeline import WITHOUT_BODY

Find = Callable[[Explanation, Context], str]


def matching(told: Routing) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Why it is this route: a sentence, and the routes that match too."""
    facts = [("Route", _named(told))]
    if not told.others:
        return "One route of the gateway matches:", tuple(facts)
    facts += [("Less specific", f"{other.name} ({_conditions(other)})") for other in told.others]
    return f"{len(told.others) + 1} routes of the gateway match, and the most specific of them counts:", tuple(facts)


def _named(told: Routing) -> str:
    return f"{told.route.name} ({_conditions(told.route)})"


def _conditions(route: Routed) -> str:
    """What a route wants of a request, in the words of the settings."""
    said = route.settings
    place = "|".join(words(said.host)) + said.path
    fields = [f"{name}: {text}" for name, text in said.headers.items()]
    return ", ".join(filter(None, [" ".join(route.methods), place, *fields]))


def _routing(told: Explanation) -> Routing:
    assert told.routing is not None, "only what a route matches comes here"
    return told.routing


def _entered(told: Explanation, ctx: Context) -> str:
    return f"route {_named(_routing(told))}"


def _opened(told: Explanation, ctx: Context) -> str:
    limit = _routing(told).route.settings.body
    return f"left to the upstream{'' if ctx.method in WITHOUT_BODY else f'; a body of up to {limit}'}"


def _identified(told: Explanation, ctx: Context) -> str:
    routing = told.routing
    if routing is None:
        return "whoever may use one of the routes there; nobody else learns of them"
    if not routing.who:
        return f"asks {callers(routing.route)}"
    matched = ctx.matched
    known = f"known as {matched.consumer}" if matched is not None and matched.consumer else "nobody in particular"
    return f"{routing.who}: {known}"


def _resolved(told: Explanation, ctx: Context) -> str:
    looked = ", ".join(f"{endpoint.name}({', '.join(args)})" for endpoint, args in named(ctx))
    return f"route {_named(_routing(told))}{f'; looks up {looked}' if looked else ''}"


def _permitted(told: Explanation, ctx: Context) -> str:
    routing = _routing(told)
    said = routing.route.settings
    rule = f"the rule: {said.allow}" if said.allow else "no rule"
    return f"{rule}; {'limits: ' + ', '.join(said.limit) if said.limit else 'no limits'}"


def _authorized(told: Explanation, ctx: Context) -> str:
    tenant = f"the caller must be {ctx.tenant} or an account above it; " if ctx.tenant is not None else ""
    return tenant + _permitted(told, ctx)


def _left(told: Explanation, ctx: Context) -> str:
    return "left to the upstream"


def _sent(told: Explanation, ctx: Context) -> str:
    sendings = _routing(told).sendings
    if len(sendings) == 1:
        return f"send it on to {sendings[0].upstream}"
    return f"ask {', '.join(sending.upstream for sending in sendings)} at once, and merge what they answer"


def _passed(told: Explanation, ctx: Context) -> str:
    said = _routing(told).route.settings
    if said.merge:
        return f"{told.status}, in the form of the dialect {told.dialect}"
    dialect = f" of the dialect {told.dialect}" if told.dialect else ""
    return {
        "off": "as the upstream answers",
        "wrap": f"JSON of the upstream in the envelope{dialect}, all else as it is",
        "unwrap": "`data` out of the upstream's envelope",
    }[said.envelope]


def _talks(told: Explanation, ctx: Context) -> str:
    return "yes: messages are relayed both ways"


FINDS: dict[str, Find] = {
    "open_request": _opened,
    "authenticate": _identified,
    "resolve": _resolved,
    "authorize": _authorized,
    "negotiate": _left,
    "validate": _left,
    "execute": _sent,
    "render": _passed,
    "enter": _entered,
    "take_socket": _talks,
    "identify": _identified,
    "permit": _permitted,
    "send_on": _sent,
}
"""What is found at each stage, by its name; of nouns those where it is another thing than for local modules."""
