"""What a method and a URI lead to: the nouns, the endpoint, the operation, and the status that routing implies.

    explain(app, "GET", "/v2/accounts/A/devices/D").operation  # "read"

Nothing is executed and no store is opened: the stages of the walk that only look at the request run on a made-up
context, the others are described. Somebody is assumed to be logged in, and every document to exist. Aliases stand for
`{account}` and `{user}`; those that only the store knows stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .auth import Principal
from .context import Context
from .dialects import choose
from .dialects.implied import implied
from .endpoint import Endpoint
from .errors import Forbidden, MethodNotAllowed, Refusal, Unavailable
from .gateway.judging import Asker, Assumed, Stage, going_well, identify, pass_noun, pass_plain
from .gateway.telling import Routing, routing
from .pipeline import STAGES, negotiate, open_request, tokenize
from .resource import Resource
from .roles import USER
from .target import PROBES, Noun

if TYPE_CHECKING:
    from .app import Crossbar

CALLER = Principal("{account}", "{user}", method="assumed")
_USER = replace(CALLER, role=USER)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a request would go. `allow` is there with 405 and OPTIONS, `message` with every refusal.

    `dialect` is empty for health checks and for plain routes of the gateway, which are in none; `stages` are those of
    the walk, none for health checks. `routing` tells of the route that a request for an upstream has matched.
    `parts` are the requests of which one that names several things at once is made up.
    """

    method: str
    uri: str
    dialect: str
    version: str | None
    nouns: tuple[Noun, ...]
    endpoint: str | None
    operation: str | None
    status: int
    message: str | None = None
    allow: str | None = None
    parts: tuple[Explanation, ...] = ()
    routing: Routing | None = None
    stages: tuple[Stage, ...] = field(default=STAGES, repr=False, compare=False)
    context: Context = field(repr=False, compare=False, kw_only=True)

    def as_json(self) -> dict[str, Any]:
        """The explanation for programs; what is not always there is only where it says something."""
        told: dict[str, Any] = {
            "method": self.method,
            "uri": self.uri,
            "dialect": self.dialect,
            "version": self.version,
            "nouns": [{"name": name, "args": list(args)} for name, args in self.nouns],
            "endpoint": self.endpoint,
            "operation": self.operation,
            "status": self.status,
        }
        if self.message is not None:
            told["message"] = self.message
        if self.allow is not None:
            told["allow"] = self.allow
        if self.parts:
            told["parts"] = [part.as_json() for part in self.parts]
        return told if self.routing is None else told | self.routing.as_json()


def explain(
    app: Crossbar,
    method: str,
    uri: str,
    headers: Mapping[str, str] | None = None,
    *,
    asker: Asker | None = None,
    live: bool = False,
) -> Explanation:
    """What the application would do with this request; `uri` is a path with its query, or an absolute URL.

    Where a route of the gateway matches, `asker` is whoever is assumed to ask, and with `live` it counts how the
    targets of its upstream are now, in an application that runs.
    """
    ctx = _context(app, method, uri, headers or {})
    if ctx.raw_path in PROBES:
        return Explanation(ctx.method, readable(uri), "", None, (), None, None, 200, stages=(), context=ctx)
    assumed = Assumed(asker, live)
    stages = ctx.registry.gateway.stages(ctx) if ctx.registry.gateway is not None else None
    if stages is not None:
        return _beside(ctx, uri, stages, assumed)
    ctx.dialect = choose(app.dialects, ctx.raw_path)
    refusal: Refusal | None = None
    try:
        ctx.stage = "tokenize"
        tokenize(ctx)
        ctx.stage = "open_request"
        open_request(ctx)
        ctx.stage = "authenticate"
        identify(ctx, assumed)
    except Refusal as refused:
        refusal = refused
    if refusal is None and ctx.several and ctx.method != "OPTIONS":
        return _several(ctx, uri)
    return _walked(ctx, uri, refusal, assumed)


def _beside(ctx: Context, uri: str, stages: tuple[Stage, ...], assumed: Assumed) -> Explanation:
    """A request whose path is that of a plain route."""
    status, refusal = pass_plain(ctx, stages, assumed)
    told = routing(ctx, assumed, refused=refusal is not None)
    message, allow = (refusal.message, (refusal.details or {}).get("allow")) if refusal is not None else (None, None)
    found = (ctx.method, readable(uri), "", None, (), None, None, status, message, allow)
    return Explanation(*found, routing=told, stages=stages, context=ctx)


def _several(ctx: Context, uri: str) -> Explanation:
    """A request for several things: each of them, and the status that the dialect answers them with together."""
    parts = []
    for asked in ctx.several:
        part = copy(ctx)
        part.several = ()
        part.target, part.raw_body = asked.target, asked.raw_body
        part.response_headers = []
        told = _walked(part, part.dialect.path(part, asked.target.nouns), None, Assumed())
        part.status, part.payload = told.status, b"" if told.status == HTTPStatus.NO_CONTENT else b"{}"
        parts.append(told)
    ctx.stage = "spread"
    ctx.dialect.together(ctx, [part.context for part in parts])
    first = parts[0]
    shown = (readable(uri), ctx.dialect.name, ctx.target.version, _told_nouns(ctx), first.endpoint, first.operation)
    alike = ctx.status == first.status
    refused = (first.message, first.allow) if alike else (None, None)
    return Explanation(ctx.method, *shown, ctx.status, *refused, parts=tuple(parts), context=ctx)


def _walked(ctx: Context, uri: str, refusal: Refusal | None, assumed: Assumed) -> Explanation:
    """The walk of a request from the stage `resolve` on, unless it was refused before."""
    allow = None
    try:
        if refusal is not None:
            raise refusal
        ctx.stage = "resolve"
        allow = _dispatch(ctx)
        ctx.stage = "authorize"
        _authorize(ctx, assumed)
        ctx.stage = "negotiate"
        negotiate(ctx)
        ctx.stage = "execute"
        _refuse_broken(ctx)
        _read_listing(ctx)
        ctx.stage = "render"
        status = _implied(ctx)
    except Refusal as refused:
        refusal, status = refused, refused.status
        if isinstance(refused, MethodNotAllowed) and refused.details:
            allow = refused.details["allow"]
            if ctx.method == "OPTIONS":
                refusal, status = None, 204
    return Explanation(
        ctx.method,
        readable(uri),
        ctx.dialect.name,
        ctx.target.version,
        _told_nouns(ctx),
        ctx.resolved[-1][0].name if ctx.resolved else None,
        ctx.bound.route.name if ctx.bound is not None and ctx.matched is None else None,
        status,
        refusal.message if refusal is not None else None,
        allow,
        routing=routing(ctx, assumed, refused=refusal is not None),
        context=ctx,
    )


def _context(app: Crossbar, method: str, uri: str, headers: Mapping[str, str]) -> Context:
    """A request without a body, as a server would hand it over."""
    fields = {name.lower(): value for name, value in headers.items()}
    scheme, absolute, rest = uri.partition("://")
    if absolute and scheme.isalnum():
        slash = min((rest.index(mark) for mark in "/?#" if mark in rest), default=len(rest))
        uri = rest[slash:] if rest[slash : slash + 1] == "/" else "/" + rest[slash:]
        fields = {"host": rest[:slash]} | fields
    path, _, query = uri.partition("#")[0].partition("?")
    scope = {
        "type": "websocket" if fields.get("upgrade", "").lower() == "websocket" else "http",
        "method": method.upper(),
        "path": "",
        "raw_path": path.encode(errors="surrogateescape"),
        "query_string": query.encode(errors="surrogateescape"),
        "headers": [(name.encode("latin-1"), value.encode()) for name, value in fields.items()],
    }
    return Context(app, scope, app.clock())


def _nouns(ctx: Context) -> tuple[Noun, ...]:
    """The nouns of the path, the caller's own account and user under their proper names.

    The caller is an administrator, unless the path says `me` in a way that only a user can.
    """
    if ctx.principal is None:
        ctx.principal = CALLER
    try:
        return ctx.dialect.localize(ctx, ctx.target.nouns)
    except Forbidden:
        if ctx.principal is not CALLER:
            raise
        ctx.principal = _USER
        return ctx.dialect.localize(ctx, ctx.target.nouns)


def _told_nouns(ctx: Context) -> tuple[Noun, ...]:
    """The same for what is told of them, whether or not the dialect takes them so."""
    try:
        return _nouns(ctx)
    except Refusal:
        return ctx.target.nouns


def _dispatch(ctx: Context) -> str | None:
    """Find what answers, as the stage `resolve` does before it looks into the store; `Allow` for OPTIONS."""
    nouns = _nouns(ctx)
    registry = ctx.registry
    place = registry.place(nouns, ctx.dialect, ctx.target, ctx.raw_path)
    ctx.resolved = tuple((registry.names[name], args) for name, args in nouns)
    if ctx.method == "OPTIONS":
        return place.allow
    bound = place.verbs.get(ctx.verb)
    if bound is None:
        raise MethodNotAllowed(place.allow)
    ctx.bound = bound
    ctx.args = bound.arguments(nouns[-1].args)
    for endpoint, args in named(ctx):
        if endpoint.tenants:
            ctx.tenant = args[0]
    return None


def named(ctx: Context) -> list[tuple[Endpoint, tuple[str, ...]]]:
    """The endpoints that are asked whether their arguments name something, each with those arguments."""
    if ctx.bound is None:
        return []
    asked = [*ctx.resolved[:-1], (ctx.bound.endpoint, ctx.args[: ctx.bound.leading])]
    return [(each, args) for each, args in asked if args and (each.tenants or "resolve" in each.overrides)]


def _authorize(ctx: Context, assumed: Assumed) -> None:
    """Apply the tenant rule, which looks at the path alone; what endpoints ask beyond it is not known here."""
    if ctx.bound is None or pass_noun(ctx, ctx.bound.endpoint, assumed) or ctx.tenant is not None:
        return
    for endpoint, _ in ctx.resolved:
        if "authorize" not in endpoint.overrides:
            with suppress(StopIteration):  # it never waits
                Endpoint.authorize(endpoint, ctx).send(None)


def _implied(ctx: Context) -> int:
    """The status that the operation implies; of what an upstream answers, it is the one of all going well."""
    if ctx.bound is None:
        return 204
    if ctx.matched is not None:
        return going_well(ctx)
    return implied(ctx, ctx.bound)


def _refuse_broken(ctx: Context) -> None:
    """Refuse what an endpoint that could not be loaded would have to do, and say what is wrong with it."""
    if ctx.bound is not None:
        entry = ctx.registry.entries[ctx.bound.endpoint.name]
        if entry.fault:
            raise Unavailable(f"the endpoint {entry.name!r} is out of order: {entry.fault}")


def _read_listing(ctx: Context) -> None:
    """Read the words of a listing, which a resource does when it is carried out; BadRequest if they are malformed."""
    bound = ctx.bound
    if ctx.query and bound is not None and bound.route.operation == "find" and isinstance(bound.endpoint, Resource):
        ctx.listing()


def readable(text: str) -> str:
    """The text without the stand-ins for bytes that are no UTF-8."""
    return text if text.isascii() else text.encode(errors="surrogateescape").decode(errors="replace")
