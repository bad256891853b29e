"""A noun that an upstream answers for: an endpoint beside the local modules, under the same rules, in every dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..auth import Principal
from ..endpoint import Endpoint
from ..errors import Forbidden, MethodNotAllowed, NotFound
from ..target import ALIAS
from .matched import Matched
from .matching import Found, Missed, RouteTable
from .outgoing import segment
from .routes import Routed, own_principal
from .serving import answered, conversed

if TYPE_CHECKING:
    from ..context import Context

ACCOUNTS = "accounts"


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

    def match(self, ctx: Context) -> None:
        """Find the route of a request whose path is read, and leave it in `ctx.matched`; None if there is none."""
        found = self._found(ctx)
        if isinstance(found, Found):
            ctx.matched = Matched(found.what, found.parameters, found.rest)

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Who asks, by what the route wants; where there is none, one of our own tokens opens the door to the 404."""
        if ctx.matched is None:
            return await own_principal(ctx)
        return await ctx.matched.route.identify(ctx, ctx.matched)

    async def authorize(self, ctx: Context) -> None:
        """The tenant rule, then the rule and the limits of the route; NotFound or MethodNotAllowed if there is none."""
        if ctx.tenant is None and not self.anywhere:
            raise Forbidden("this noun belongs to an account: begin the path with an account")
        matched = ctx.matched
        if matched is None:
            found = self._found(ctx)
            if isinstance(found, Missed):
                raise MethodNotAllowed(", ".join([*found.allow, "OPTIONS"]))
            raise NotFound(f"no route of {self.name!r} leads there")
        if matched.route.heads:
            named = {noun.name: noun.args[0] for noun in ctx.nouns()[:-1] if noun.args}
            heads = {parameter: segment(named.get(head, "")) for head, parameter in matched.route.heads}
            matched.parameters = {**matched.parameters, **heads}
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
        heads = tuple([noun.name for noun in before if noun.name not in (ACCOUNTS, ALIAS)])
        table = self.tables.get(heads)
        if table is None:
            return None
        # NOTE: the noun's arguments are the last segments of the path; empty ones at its end were no arguments.
        raw = ctx.raw_path
        depth = len(last.args) + len(raw) - len(raw.rstrip(b"/"))
        tail = b"".join([b"/" + segment for segment in raw.split(b"/")[-depth:]]) if depth else b""
        method = ctx.method
        if method == "OPTIONS":
            method = ctx.headers.get(b"access-control-request-method", b"GET").decode("latin-1")
        found = table.find(b"", tail or b"/", method, ctx.headers)
        return found if tail or not isinstance(found, Found) else found._replace(rest=b"")
