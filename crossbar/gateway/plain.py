"""Plain routes: requests that go to an upstream by host and path alone, and the stages of their walk.

They are no nouns, and in no dialect; who asks, what they may do and how often is asked all the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..context import Answered, Context
from ..dialects import Dialect
from ..dispatch import Bound
from ..endpoint import Endpoint
from ..errors import Forbidden, MethodNotAllowed
from ..opening import refuse_large, refuse_unreadable
from ..reply import Reply
from ..routes import SOCKET, Route
from .access import OWN, door_of
from .matched import Matched
from .matching import Found, Missed, RouteTable
from .outgoing import refuse_two_hosts
from .passage import Passage
from .problems import Problems
from .repeats import refuse_unclear
from .routes import Routed
from .serving import answered, conversed

if TYPE_CHECKING:
    from ..pipeline import Stage

_PREFLIGHT = b"access-control-request-method"
_USUAL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Routes:
    """The plain routes of a gateway, and the forms that their errors can have, by name."""

    def __init__(self, table: RouteTable[Routed], dialects: Sequence[Dialect]) -> None:
        self._table = table
        self._dialects = tuple(dialects)
        self._forms: Mapping[str, Dialect] = {each.name: each for each in (Problems(), *dialects)}

    def stages(self, ctx: Context) -> tuple[Stage, ...] | None:
        """The stages of a request that a plain route matches, None for all others."""
        found = self.find(ctx)
        if found is None:
            return None
        if isinstance(found, Missed):
            return self._missed(ctx, found.allow)
        route = found.what
        if self._is_of_a_dialect(ctx, route):
            return None
        ctx.matched = Matched(route, found.parameters, found.rest)
        ctx.dialect = self._forms[route.settings.form]
        return ROUTED if ctx.scope["type"] == "http" else ROUTED_SOCKETS

    def at(self, ctx: Context) -> tuple[Dialect, Routed] | None:
        """The form of errors and a route of a path, whatever the method; None for a path that is no route's."""
        host = ctx.headers.get(b"host", b"")
        found = self._table.find(host, ctx.raw_path, "GET", ctx.headers)
        if isinstance(found, Missed):
            found = self._table.find(host, ctx.raw_path, found.allow[0], ctx.headers)
        if not isinstance(found, Found) or self._is_of_a_dialect(ctx, found.what):
            return None
        return self._forms[found.what.settings.form], found.what

    def refuse_unclear(self, ctx: Context) -> None:
        """Raise BadRequest if it is not clear what the fields say by which routes are chosen."""
        refuse_unclear(ctx, self._table.conditions)

    def _missed(self, ctx: Context, allow: Sequence[str]) -> tuple[Stage, ...] | None:
        """The stages of a request whose path is that of routes, but for other methods: whoever may use one hears so."""
        routes: dict[str, Routed] = {}
        for method in allow:
            other = self._table.find(ctx.headers.get(b"host", b""), ctx.raw_path, method, ctx.headers)
            if isinstance(other, Found) and not self._is_of_a_dialect(ctx, other.what):
                routes[method] = other.what
        if not routes:
            return None
        ctx.dialect = self._forms[next(iter(routes.values())).settings.form]
        return _refusing(routes)

    def _is_of_a_dialect(self, ctx: Context, route: Routed) -> bool:
        """Whether a path is left to a dialect, whose prefix says more than the route."""
        return route.yields and any(dialect.claims(ctx.raw_path) for dialect in self._dialects)

    def find(self, ctx: Context) -> Found[Routed] | Missed | None:
        """The route of a request; what a browser asks ahead is asked of the route that the request will have."""
        host = ctx.headers.get(b"host", b"")
        if ctx.method == "OPTIONS" and _PREFLIGHT in ctx.headers:
            wanted = ctx.headers[_PREFLIGHT].decode("latin-1")
            found = self._table.find(host, ctx.raw_path, wanted, ctx.headers)
            if isinstance(found, Found) and (found.what.cors or ctx.app.cors) is not None:
                return found
        return self._table.find(host, ctx.raw_path, ctx.method, ctx.headers)


def _refusing(routes: Mapping[str, Routed]) -> tuple[Stage, ...]:
    """The stages of a request whose method is none of these, which have routes."""
    door = door_of(route.access for route in routes.values())

    async def identify(ctx: Context) -> None:
        """3. Who is asking: what there is, is told to those alone who may use it."""
        ctx.matched = Matched(next(iter(routes.values())), {}, b"")
        _take_token(ctx)
        await door.identify(ctx, ctx.matched)

    def enter(ctx: Context) -> None:
        """1. Which route: none takes this method."""
        raise MethodNotAllowed(", ".join(routes))

    return (identify, enter)


class _Beside(Endpoint):
    """What stands for the endpoint where there is none: a WebSocket on a plain route needs somebody to talk."""

    async def socket(self, ctx: Context, websocket: Any) -> None:
        """Relay a WebSocket."""
        assert ctx.matched is not None, "only what a route matches comes here"
        await conversed(ctx, ctx.matched)


_BESIDE = _Beside()
_TALKS = Bound(_BESIDE, Route("socket", None, SOCKET, (), 0, 0), _BESIDE.socket, None, 0)


def enter(ctx: Context) -> None:
    """1. Which route: its path within the limits, and the same to everybody who reads it."""
    matched = ctx.matched
    assert matched is not None, "only what a route matches comes here"
    refuse_large(ctx)
    refuse_unreadable(ctx.raw_path)
    refuse_two_hosts(ctx)
    assert ctx.registry.gateway is not None, "it has found the route"
    ctx.registry.gateway.refuse_unclear(ctx)
    matched.route.refuse_ambiguous(ctx)
    if ctx.method == "OPTIONS" and _PREFLIGHT in ctx.headers and (matched.route.cors or ctx.app.cors) is not None:
        ctx.status = 204
        methods = matched.route.methods or _USUAL
        ctx.response_headers.append((b"allow", ", ".join(methods).encode()))
        raise Answered
    if ctx.method in ("CONNECT", "TRACE"):
        # RFC 9110, 9.3.6 and 9.3.8: no tunnels here, and nothing that shows what was added on the way.
        raise MethodNotAllowed(f"{', '.join(_USUAL)}, OPTIONS")


async def identify(ctx: Context) -> None:
    """3. Who is asking: the providers of the route, our own tokens if it takes them."""
    matched = ctx.matched
    assert matched is not None, "only what a route matches comes here"
    if matched.route.access.own:
        _take_token(ctx)
    ctx.principal = await matched.route.access.identify(ctx, matched)


def permit(ctx: Context) -> None:
    """7. May they, and may they once more: the rule of the route, then its limits."""
    matched = ctx.matched
    assert matched is not None, "only what a route matches comes here"
    principal = ctx.principal
    if matched.provider == OWN and principal is not None and principal.restrictions is not None:
        raise Forbidden("this token is good for some endpoints only, and this is none of them")
    matched.route.permit(ctx, matched)


def send_on(ctx: Context) -> Awaitable[None]:
    """10. Do it: send the request on, or ask several upstreams at once."""
    return _send_on(ctx)


async def _send_on(ctx: Context) -> None:
    matched = ctx.matched
    assert matched is not None, "only what a route matches comes here"
    answer = await answered(ctx, matched)
    if isinstance(answer, Passage):
        ctx.handover = answer
        return
    ctx.dialect.success(ctx, answer if isinstance(answer, Reply) else Reply(answer))


def take_socket(ctx: Context) -> None:
    """Is it for a WebSocket? From here on, it is clear who talks."""
    ctx.bound = _TALKS


ROUTED: tuple[Stage, ...] = (enter, identify, permit, send_on)
ROUTED_SOCKETS: tuple[Stage, ...] = (enter, take_socket, identify, permit)


def _take_token(ctx: Context) -> None:
    ctx.token = token_in(ctx)


def token_in(ctx: Context) -> str | None:
    """The token in the fields in which clients of ours send it."""
    token = ctx.headers.get(b"x-auth-token")
    if token:
        return token.decode("latin-1").strip()
    scheme, _, value = (ctx.header(b"authorization") or "").partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None
