"""The walk of one request: the stages, in the order in which they run.

Each stage asks one question, learns something for the stages after it, and may refuse. A refusal at any stage, a store
that is away and a crash of ours all end in the same place, the dialect's error form. `STAGES` is the table;
`walk.py` follows it.

A stage is a plain function where it never waits and returns an awaitable where it does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .auth import ANONYMOUS, permitted
from .conditional import listed, refuse_stale
from .context import Context, parse_query
from .dialects import choose
from .dispatch import Bound
from .endpoint import Endpoint
from .errors import (
    MethodNotAllowed,
    NotAcceptable,
    UnsupportedMediaType,
)
from .fields import fit
from .idempotency import HEADER, execute_once, is_create, validate_once
from .jsonp import refuse_bad_callback
from .limits.admission import charge
from .media.incoming import wrong_type
from .media.uploads import is_upload, receive, refuse_type
from .mounted import Handover, Outlet
from .negotiation import JSON, essence, ranges_over
from .negotiation import choose as choose_media_type
from .opening import has_body, open_raw, open_with_body, refuse_oversize
from .rendering import begin, location, rendered_by, unwrapped
from .reply import EVENT_STREAM, Blob, Reply, Stream
from .roles import confine, limited, refuse_foreign
from .stores import Document
from .vouching import ask, asks_alone

WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


def tokenize(ctx: Context) -> None:
    """1. Which dialect, and which nouns: the raw path within its limits, split, each token decoded once."""
    app = ctx.app
    ctx.dialect = choose(app.dialects, ctx.raw_path)
    refuse_oversize(ctx)
    ctx.target = ctx.dialect.target(ctx.raw_path, ctx.registry)


def open_request(ctx: Context) -> Awaitable[None] | None:
    """2. What the query and the body say: words decoded, the body read up to its limit, the verb known."""
    limits = ctx.app.settings.limits
    if ctx.registry.raw and ctx.target.nouns and ctx.target.nouns[-1].name in ctx.registry.raw:
        open_raw(ctx)
        return None
    if ctx.query_string:
        words = ctx.words = parse_query(ctx.query_string, most=limits.query_words, longest=limits.query_word)
        ctx.query = dict(words)
        if len(ctx.query) != len(words):
            ctx.dialect.refuse_repeated(words)
    if ctx.method in WITHOUT_BODY or not has_body(ctx):
        ctx.verb = "GET" if ctx.method == "HEAD" else ctx.method
        # NOTE: a browser asks ahead with the query of the request that is to come, of which only the place counts.
        if ctx.method != "OPTIONS":
            ctx.dialect.read(ctx)
        return None
    if is_upload(ctx, essence(ctx.header(b"content-type") or JSON)):
        ctx.unread = True
        ctx.dialect.read(ctx)
        return None
    return open_with_body(ctx)


def authenticate(ctx: Context) -> Awaitable[None] | None:
    """3. Who is asking: the authenticators in order, then the endpoint's own opinion."""
    if ctx.method == "OPTIONS":
        return None
    # PERF: a token that was checked needs no waiting, while nothing that it rests on is written, unless somebody is
    # asked before it.
    if ctx.token is not None and ctx.app.trusts_tokens_first and not asks_alone(ctx):
        principal = ctx.app.tokens.remembered(ctx.token)
        if principal is not None:
            ctx.principal = principal
            return None
    return ask(ctx)


def spread(ctx: Context) -> Awaitable[None] | None:
    """4. One thing or several: each of several is on a walk of its own from here, and they are answered together."""
    if not ctx.several:
        return None
    from .bulk import answer  # PERF: few dialects have such requests

    return answer(ctx, STAGES[STAGES.index(resolve) :])


async def resolve(ctx: Context) -> None:
    """5. What the path names: aliases, what answers at this depth and verb, then every noun, outermost first."""
    app = ctx.app
    principal = ctx.principal or ANONYMOUS
    nouns = ctx.dialect.localize(ctx, ctx.target.nouns)
    looking = ctx.dialect.look_up(ctx, nouns)
    if looking is not None:
        nouns = await looking
    place = ctx.registry.place(nouns, ctx.dialect, ctx.target, ctx.raw_path)
    if ctx.method == "OPTIONS":
        ctx.response_headers.append((b"allow", place.allow.encode()))
        return
    names = ctx.registry.names
    ctx.resolved = tuple([(names[name], args) for name, args in nouns])
    bound = ctx.bound = place.verbs.get(ctx.verb)
    if bound is None:
        raise MethodNotAllowed(place.allow)
    ctx.args = bound.arguments(nouns[-1].args)
    within_limits = limited(principal)
    if within_limits:
        # NOTE: before anything is looked up, so that a refusal does not tell what is there.
        confine(ctx, principal)
    last = len(nouns) - 1
    for position, (endpoint, args) in enumerate(ctx.resolved):
        if position == last:
            args = ctx.args[: bound.leading]
        if args:
            if endpoint.tenants:
                ctx.found = await app.tenants.enter(principal, args[0], latest=position == last)
                ctx.tenant = args[0]
            elif "resolve" in endpoint.overrides:
                ctx.blamed = endpoint
                await endpoint.resolve(ctx, *args)
                if within_limits:
                    refuse_foreign(ctx, endpoint, args[0])
        if position != last and ctx.found is not None:
            ctx.parents[endpoint.name] = ctx.parents[ctx.found.kind] = ctx.found
            ctx.found = None
    ctx.blamed = None


def authorize(ctx: Context) -> Awaitable[None] | None:
    """7. May they: the tenant rule, then every noun's endpoint, then the authorizers; none can grant past another."""
    asked = [endpoint for endpoint, _ in ctx.resolved if ctx.tenant is None or "authorize" in endpoint.overrides]
    return _authorize(ctx, asked) if asked or ctx.app.authorizers else None


async def _authorize(ctx: Context, asked: list[Endpoint]) -> None:
    for endpoint in asked:
        ctx.blamed = endpoint
        await permitted(endpoint.authorize, ctx)
    if ctx.bound is not None:
        for authorizer in ctx.app.authorizers:
            ctx.blamed = authorizer
            await permitted(authorizer, ctx)
    ctx.blamed = None


def negotiate(ctx: Context) -> None:
    """8. Which representation goes out, and whether the body that came in is of a type accepted here."""
    bound = ctx.bound
    if bound is None:
        return
    if ctx.query and ctx.app.settings.server.jsonp:
        refuse_bad_callback(ctx)
    if ctx.unread:
        refuse_type(ctx)
    if (bound.route.slot is not None and ctx.verb == "GET") or "*/*" in bound.route.provides:
        return  # a file is of the type that it is of
    if ctx.accept is not None and ctx.accept != "*/*" and ctx.accept != JSON:
        offered = bound.route.provides or bound.endpoint.provides
        if ctx.app.offered and JSON in offered:
            offered = (*offered, *ctx.app.offered)
        chosen = choose_media_type(ctx.accept, offered)
        # NOTE: events are no form of something else; whether there are any shows when the operation has answered.
        if chosen is None and ctx.verb == "GET":
            chosen = choose_media_type(ctx.accept, (EVENT_STREAM,))
        if chosen is None:
            raise NotAcceptable(f"this endpoint answers with {', '.join(offered)}", cause=ctx.accept)
        ctx.media_type = chosen
    if ctx.raw_body:
        sent = essence(ctx.header(b"content-type") or JSON)
        if bound.route.slot is not None and ctx.verb != "DELETE":
            raise wrong_type((bound.route.slot,), sent)
        if not ctx.dialect.reads(sent) and not ranges_over(bound.endpoint.accepts, sent):
            accepted = ", ".join([JSON, *bound.endpoint.accepts])
            raise UnsupportedMediaType(f"send {accepted}", cause=sent)


def validate(ctx: Context) -> Awaitable[None] | None:
    """9. Is it right: preconditions, the data out of the envelope, then the endpoint's own rules."""
    bound = ctx.bound
    if bound is None or ctx.verb == "GET" or bound.endpoint.raw:
        return None
    if ctx.found is not None and bound.route.slot is None and b"if-match" in ctx.headers:
        refuse_stale(ctx, bound.endpoint.etag(ctx, ctx.found))
    if ctx.unread:
        return _receive(ctx)
    if not bound.endpoint.accepts or ctx.dialect.reads(essence(ctx.header(b"content-type") or JSON)):
        ctx.body = ctx.dialect.data(ctx)
    return _check(ctx, bound)


async def _receive(ctx: Context) -> None:
    await receive(ctx)
    checking = _check(ctx, ctx.bound) if ctx.bound is not None else None
    if checking is not None:
        await checking


def _check(ctx: Context, bound: Bound) -> Awaitable[None] | None:
    rules = bound.endpoint.validate if bound.route.writes and "validate" in bound.endpoint.overrides else None
    if HEADER in ctx.headers and is_create(ctx):
        return validate_once(ctx, rules)
    return rules(ctx) if rules is not None else None


def execute(ctx: Context) -> Awaitable[None]:
    """10. Do it, between the hooks of other modules."""
    return _execute(ctx) if ctx.once is None else execute_once(ctx, ctx.once, _execute)


async def _execute(ctx: Context) -> None:
    bound = ctx.bound
    if bound is None:
        return
    hooks = ctx.registry.hooks
    if hooks is None or not hooks.surround(bound):
        ctx.reply = await bound.call(ctx, *ctx.args)
        return
    await hooks.before(ctx, bound)
    answer = await bound.call(ctx, *ctx.args)
    ctx.reply = reply = answer if isinstance(answer, Reply) else Reply(answer)
    await hooks.after(ctx, bound, reply)


def render(ctx: Context) -> Awaitable[None] | None:
    """11. The answer in its media type, inside the dialect's envelope; nothing if the client has it already."""
    bound = ctx.bound
    if bound is None:
        ctx.status = 204
        return None
    reply = ctx.reply if isinstance(ctx.reply, Reply) else Reply(ctx.reply)
    if reply.headers:
        reply.headers = fit(reply.headers)
    answer = reply.answer
    if isinstance(answer, Document) and ctx.media_type == JSON:
        tag = f'"{bound.endpoint.etag(ctx, answer)}"'
        ctx.response_headers.append((b"etag", tag.encode()))
        if ctx.verb == "GET" and b"if-none-match" in ctx.headers and listed(ctx, b"if-none-match", tag):
            ctx.status = 304
            return None
    if isinstance(answer, Document) and bound.route.operation == "create" and not reply.location:
        ctx.response_headers.append((b"location", location(ctx, answer.id)))
    if reply.location:
        ctx.response_headers.append((b"location", ctx.dialect.path(ctx, reply.location).encode()))
    if isinstance(answer, (Blob, Handover, Outlet)) or (isinstance(answer, Stream) and answer.media_type):
        return unwrapped(ctx, reply, answer)
    if "render" in bound.endpoint.overrides:
        return rendered_by(bound.endpoint, ctx, reply)
    if ctx.media_type == EVENT_STREAM:
        raise NotAcceptable(f"there are no events here, only {', '.join(bound.endpoint.provides)}", cause=ctx.accept)
    ctx.dialect.success(ctx, reply)
    return None if isinstance(ctx.payload, bytes) else begin(ctx, ctx.payload)


Stage = Callable[[Context], Awaitable[None] | None]

STAGES: tuple[Stage, ...] = (
    tokenize,
    open_request,
    authenticate,
    spread,
    resolve,
    charge,
    authorize,
    negotiate,
    validate,
    execute,
    render,
)
