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
from ..errors import BadRequest, Forbidden, MethodNotAllowed
from ..opening import refuse_oversize
from ..reply import Reply
from ..routes import SOCKET, Route
from .matched import Matched
from .matching import Found, Missed, RouteTable
from .passage import Passage
from .problems import Problems
from .routes import OWN, Routed
from .serving import answered, conversed

if TYPE_CHECKING:
    from ..pipeline import Stage

_PREFLIGHT = b"access-control-request-method"


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
            ctx.dialect = self._forms[Problems.name]
            return (_refusing(found.allow),)
        route = found.what
        if route.yields and any(dialect.claims(ctx.raw_path) for dialect in self._dialects):
            return None
        ctx.matched = Matched(route, found.parameters, found.rest)
        ctx.dialect = self._forms[route.settings.form]
        return ROUTED

    def find(self, ctx: Context) -> Found[Routed] | Missed | None:
        """The route of a request; what a browser asks ahead is asked of the route that the request will have."""
        host = ctx.headers.get(b"host", b"")
        if ctx.method == "OPTIONS" and _PREFLIGHT in ctx.headers:
            wanted = ctx.headers[_PREFLIGHT].decode("latin-1")
            found = self._table.find(host, ctx.raw_path, wanted, ctx.headers)
            if isinstance(found, Found) and (found.what.cors or ctx.app.cors) is not None:
                return found
        return self._table.find(host, ctx.raw_path, ctx.method, ctx.headers)


def _refusing(allow: Sequence[str]) -> Stage:
    """The only stage of a request whose path is that of a route, and whose method is that of none."""

    def enter(ctx: Context) -> None:
        raise MethodNotAllowed(", ".join(allow))

    return enter


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
    refuse_oversize(ctx)
    refuse_two_hosts(ctx)
    matched.route.refuse_ambiguous(ctx)
    if ctx.method == "OPTIONS" and _PREFLIGHT in ctx.headers and (matched.route.cors or ctx.app.cors) is not None:
        ctx.status = 204
        methods = matched.route.settings.methods or ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        ctx.response_headers.append((b"allow", ", ".join(methods).encode()))
        raise Answered
    if ctx.method in ("CONNECT", "TRACE"):
        # RFC 9110, 9.3.6 and 9.3.8: no tunnels here, and nothing that shows what was added on the way.
        raise MethodNotAllowed("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")


async def identify(ctx: Context) -> None:
    """3. Who is asking: the providers of the route, our own tokens if it takes them."""
    matched = ctx.matched
    assert matched is not None, "only what a route matches comes here"
    if matched.route.access.own:
        ctx.token = token_in(ctx)
        ctx.version = ctx.app.store.version()
    ctx.principal = await matched.route.identify(ctx, matched)


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
    matched = ctx.matched
    assert matched is not None, "only what a route matches comes here"
    if not matched.route.settings.websocket or matched.route.service is None:
        raise MethodNotAllowed("GET, HEAD")
    ctx.bound = _TALKS


ROUTED: tuple[Stage, ...] = (enter, identify, permit, send_on)
ROUTED_SOCKETS: tuple[Stage, ...] = (enter, take_socket, identify, permit)


def refuse_two_hosts(ctx: Context) -> None:
    """Raise BadRequest for several `Host` fields (RFC 9112, 3.2): the upstream might choose another one than we do."""
    headers = ctx.scope["headers"]
    if len(ctx.headers) != len(headers) and sum([name == b"host" for name, _ in headers]) > 1:
        raise BadRequest("Host stands in the request more than once", word="bad_header")


def token_in(ctx: Context) -> str | None:
    """The token in the fields in which clients of ours send it."""
    token = ctx.headers.get(b"x-auth-token")
    if token:
        return token.decode("latin-1").strip()
    scheme, _, value = (ctx.header(b"authorization") or "").partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None
