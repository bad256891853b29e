"""What a method and a URI lead to: the nouns, the endpoint, the operation, and the status that routing implies.

    explain(app, "GET", "/v2/accounts/A/devices/D").operation  # "read"

Nothing is executed and no store is opened: the stages of the walk that only look at the request run on a made-up
context, the others are described. Somebody is assumed to be logged in, and every document to exist. Aliases stand for
`{account}` and `{user}`; those that only the store knows stay as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .auth import Principal
from .context import Context
from .dialects import choose
from .dialects.answering import Answering
from .dispatch import Bound
from .endpoint import Endpoint
from .errors import Forbidden, MethodNotAllowed, Refusal, Unavailable
from .pipeline import negotiate, open_request, tokenize
from .reply import Reply
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

    `dialect` is empty for health checks, which are in none.
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
    context: Context = field(repr=False, compare=False, kw_only=True)

    def as_json(self) -> dict[str, Any]:
        """The explanation for programs; `message`, `allow` and `parts` only where they say something."""
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
        return told


def explain(app: Crossbar, method: str, uri: str, headers: Mapping[str, str] | None = None) -> Explanation:
    """What the application would do with this request; `uri` is a path with its query, or an absolute URL."""
    ctx = _context(app, method, uri, headers or {})
    if ctx.raw_path in PROBES:
        return Explanation(ctx.method, readable(uri), "", None, (), None, None, 200, context=ctx)
    ctx.dialect = choose(app.dialects, ctx.raw_path)
    refusal: Refusal | None = None
    try:
        ctx.stage = "tokenize"
        tokenize(ctx)
        ctx.stage = "open_request"
        open_request(ctx)
    except Refusal as refused:
        refusal = refused
    if refusal is None and ctx.several and ctx.method != "OPTIONS":
        return _several(ctx, uri)
    return _walked(ctx, uri, refusal)


def _several(ctx: Context, uri: str) -> Explanation:
    """A request for several things: each of them, and the status that the dialect answers them with together."""
    parts = []
    for asked in ctx.several:
        part = copy(ctx)
        part.several = ()
        part.target, part.raw_body = asked.target, asked.raw_body
        part.response_headers = []
        told = _walked(part, part.dialect.path(part, asked.target.nouns), None)
        part.status, part.payload = told.status, b"" if told.status == HTTPStatus.NO_CONTENT else b"{}"
        parts.append(told)
    ctx.stage = "spread"
    ctx.dialect.together(ctx, [part.context for part in parts])
    first = parts[0]
    shown = (readable(uri), ctx.dialect.name, ctx.target.version, _told_nouns(ctx), first.endpoint, first.operation)
    alike = ctx.status == first.status
    refused = (first.message, first.allow) if alike else (None, None)
    return Explanation(ctx.method, *shown, ctx.status, *refused, parts=tuple(parts), context=ctx)


def _walked(ctx: Context, uri: str, refusal: Refusal | None) -> Explanation:
    """The walk of a request from the stage `resolve` on, unless it was refused before."""
    allow = None
    try:
        if refusal is not None:
            raise refusal
        ctx.stage = "resolve"
        allow = _dispatch(ctx)
        ctx.stage = "authorize"
        _authorize(ctx)
        ctx.stage = "negotiate"
        negotiate(ctx)
        ctx.stage = "execute"
        _refuse_broken(ctx)
        _read_listing(ctx)
        ctx.stage = "render"
        status = _implied(ctx, ctx.bound) if ctx.bound is not None else 204
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
        ctx.bound.route.name if ctx.bound is not None else None,
        status,
        refusal.message if refusal is not None else None,
        allow,
        context=ctx,
    )


def _context(app: Crossbar, method: str, uri: str, headers: Mapping[str, str]) -> Context:
    """A request without a body, as a server would hand it over."""
    scheme, absolute, rest = uri.partition("://")
    if absolute and scheme.isalnum():
        slash = min((rest.index(mark) for mark in "/?#" if mark in rest), default=len(rest))
        uri = rest[slash:] if rest[slash : slash + 1] == "/" else "/" + rest[slash:]
    path, _, query = uri.partition("#")[0].partition("?")
    scope = {
        "method": method.upper(),
        "path": "",
        "raw_path": path.encode(errors="surrogateescape"),
        "query_string": query.encode(errors="surrogateescape"),
        "headers": [(name.lower().encode("latin-1"), value.encode()) for name, value in headers.items()],
    }
    return Context(app, scope, app.clock())


def _nouns(ctx: Context) -> tuple[Noun, ...]:
    """The nouns of the path, the caller's own account and user under their proper names.

    The caller is an administrator, unless the path says `me` in a way that only a user can.
    """
    ctx.principal = CALLER
    try:
        return ctx.dialect.localize(ctx, ctx.target.nouns)
    except Forbidden:
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


def _authorize(ctx: Context) -> None:
    """Apply the tenant rule, which looks at the path alone; what endpoints ask beyond it is not known here."""
    if ctx.bound is None or ctx.tenant is not None:
        return
    for endpoint, _ in ctx.resolved:
        if "authorize" not in endpoint.overrides:
            _now(Endpoint.authorize(endpoint, ctx))


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


def _now(waiting: Any) -> None:
    """Run a coroutine that never waits."""
    try:
        waiting.send(None)
    except StopIteration:
        return
    waiting.close()


def _implied(ctx: Context, bound: Bound) -> int:
    """The status that the operation implies: 201 for what makes something, else what the dialect says, or 200."""
    returned = _returned(bound.call)
    if bound.route.verb == "PUT" and (returned is Reply or Reply in getattr(returned, "__args__", ())):
        return 201  # an action that answers with more than plain JSON has made something
    said = next((_SAID[name] for name in _called_in(bound.call) if name in _SAID), None)
    if said is not None and returned is Reply:
        return said
    if isinstance(ctx.dialect, Answering):
        # NOTE: what is deleted is told of nobody, and an action without an answer says so.
        is_silent = ctx.verb == "DELETE" or returned is None
        return ctx.dialect.status(ctx, Reply(None if is_silent else {}))
    return 201 if bound.route.operation == "create" else 200


_SAID = {"created": 201, "accepted": 202}
"""The statuses that methods give by the name of what they answer with."""


def _called_in(call: Callable[..., Any]) -> tuple[str, ...]:
    """The names that the method of an operation uses."""
    code = getattr(getattr(call, "__func__", None), "__code__", None)
    return code.co_names if code is not None else ()


@lru_cache(maxsize=1024)
def _returned(call: Callable[..., Any]) -> Any:
    """What the method of an operation says that it answers with; Any if it says nothing that can be read."""
    try:
        return inspect.get_annotations(call.__func__, eval_str=True).get("return", Any)  # type: ignore[attr-defined]
    except (AttributeError, NameError, TypeError):
        return Any


def readable(text: str) -> str:
    """The text without the stand-ins for bytes that are no UTF-8."""
    return text if text.isascii() else text.encode(errors="surrogateescape").decode(errors="replace")
