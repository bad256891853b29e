"""A noun that an upstream answers for: an endpoint beside the local modules, under the same rules, in every dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..auth import Principal
from ..dispatch import CROSSBAR
from ..endpoint import Endpoint
from ..errors import Forbidden, MethodNotAllowed, NotFound
from ..routes import SOCKET, VERBS, Route
from ..target import ALIAS
from .access import door_of
from .matched import Matched
from .matching import Found, Missed, RouteTable
from .outgoing import refuse_two_hosts, segment
from .repeats import refuse_unclear
from .routes import Routed
from .serving import answered, conversed

if TYPE_CHECKING:
    from ..context import Context

ACCOUNTS = "accounts"
_ACCOUNTS = frozenset({ACCOUNTS, ALIAS})


class RoutedNoun(Endpoint):
    """A noun whose requests go where its routes lead. `tables` are these, by the nouns between account and noun.

    Which route it is shows as soon as the path is read, so that the route can say who must be asking; what the nouns
    before it are called shows when they are resolved.
    """

    greedy = True
    raw = True
    own_login = True
    provides = ("*/*",)

    def __init__(self, name: str, tables: Mapping[tuple[str, ...], RouteTable[Routed]], *, anywhere: bool) -> None:
        self.name = name  # type: ignore[misc]
        self.tables = tables
        self.anywhere = anywhere  # type: ignore[misc]
        self.parents = {head: "" for heads in tables for head in heads}  # type: ignore[misc]
        routes = [routed for table in tables.values() for routed in table.routes()]
        self.routes = _operations(type(self), routes)  # type: ignore[misc]
        self._conditions = frozenset().union(*(table.conditions for table in tables.values()))
        self._door = door_of(routed.access for routed in routes)

    def match(self, ctx: Context) -> None:
        """Find the route of a request whose path is read, and leave it in `ctx.matched`; None if there is none."""
        found = self._found(ctx)
        if isinstance(found, Found):
            ctx.matched = Matched(found.what, found.parameters, found.rest)

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Who asks, by what the route wants; where there is none, whoever may use another one may hear of that."""
        matched = ctx.matched
        if matched is None:
            return await self._door.identify(ctx, None)
        return await matched.route.access.identify(ctx, matched)

    async def authorize(self, ctx: Context) -> None:
        """The tenant rule, then the rule and the limits of the route; NotFound or MethodNotAllowed if there is none."""
        if ctx.tenant is None and not self.anywhere:
            raise Forbidden("this noun belongs to an account: begin the path with an account")
        refuse_unclear(ctx, self._conditions)
        matched = ctx.matched
        if matched is None:
            found = self._found(ctx)
            if isinstance(found, Missed):
                raise MethodNotAllowed(", ".join([*found.allow, "OPTIONS"]))
            raise NotFound(f"no route of {self.name!r} leads there")
        refuse_two_hosts(ctx)
        matched.parameters = {**matched.parameters, **heads_of(ctx, matched.route)}
        matched.route.refuse_ambiguous(ctx)
        matched.route.permit(ctx, matched)

    async def find(self, ctx: Context, *path: str) -> Any:
        """Send the request on, whatever its method."""
        assert ctx.matched is not None, "authorize lets nothing pass that has no route"
        return await answered(ctx, ctx.matched)

    create = replace = patch = delete = find

    async def socket(self, ctx: Context, websocket: Any, *path: str) -> None:
        """Relay a WebSocket."""
        assert ctx.matched is not None, "authorize lets nothing pass that has no route"
        await conversed(ctx, ctx.matched)

    def _found(self, ctx: Context) -> Found[Routed] | Missed | None:
        *before, last = ctx.target.nouns
        table = self.tables.get(tuple([noun.name for noun in before if noun.name not in _ACCOUNTS]))
        if table is None:
            # NOTE: what belongs to users belongs to those who are called otherwise too, such as extensions.
            endpoints = [ctx.registry.names[noun.name] for noun in before if noun.name not in _ACCOUNTS]
            table = self.tables.get(tuple([getattr(endpoint, "kind", endpoint.name) for endpoint in endpoints]))
        if table is None:
            return None
        # NOTE: the noun's arguments are the last segments of the path; empty ones at its end were no arguments.
        raw = ctx.raw_path
        depth = len(last.args) + len(raw) - len(raw.rstrip(b"/"))
        tail = b"".join([b"/" + segment for segment in raw.split(b"/")[-depth:]]) if depth else b""
        if hasattr(ctx.dialect, "wants_slash"):
            tail = tail.rstrip(b"/")  # there it is the dialect that puts a slash behind words
        method = ctx.method
        if method == "OPTIONS":
            method = ctx.headers.get(b"access-control-request-method", b"GET").decode("latin-1")
        found = table.find(b"", tail or b"/", method, ctx.headers)
        return found if tail or not isinstance(found, Found) else found._replace(rest=b"")


def heads_of(ctx: Context, route: Routed, spelt: Callable[[str], bytes] = segment) -> dict[str, bytes]:
    """The parameters of a route before its noun: what the path was resolved to, and not how it was written."""
    ids = iter([noun.args[0] for noun in ctx.nouns()[:-1] if noun.args and noun.name != ACCOUNTS])
    return {
        parameter: spelt((ctx.tenant if head == ACCOUNTS else next(ids, "")) or "") for head, parameter in route.heads
    }


def _operations(of: type[Endpoint], routes: Iterable[Routed]) -> tuple[Route, ...]:
    """The operations that routes want for their methods, so that `Allow` names no others."""
    wanted: set[str | None] = set()
    for routed in routes:
        wanted |= {"GET" if method == "HEAD" else method for method in routed.methods or VERBS}
        if routed.settings.websocket and routed.service is not None and "GET" in (routed.methods or VERBS):
            wanted.add(SOCKET)
    return tuple([each for each in of.routes if (CROSSBAR.verbs.get(each.operation or "") or each.verb) in wanted])
