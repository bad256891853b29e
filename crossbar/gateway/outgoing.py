"""A request as an upstream gets it: its path and its header fields, what came from the client and what we add."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from ..errors import BadRequest
from ..fields import CHANCE, Fields, is_host
from ..signed import signed
from .forwarding import FRAMED, GUARDED, REPLACED, Dropper, counted_down, loops, via
from .identity import IDENTITY, IDENTITY_PREFIXES, Facts, identity_fields
from .peers import FORWARDING, FORWARDING_PREFIXES, Origin, Trusted, forwarded_fields, origin_of
from .pool import Target
from .refusals import LoopDetected
from .tracing import traced

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched
    from .routes import Routed
    from .upstreams import Service

NOBODY_TRUSTED = Trusted(())
_SEPARATED = re.compile(rb"([&;])")
# NOTE: some read `auth_token[]` or `+auth.token` as `auth_token`, and separate by `;`.
_TOKEN_WORD = re.compile(rb"[\0- ]*(?:auth|access)[_. \[]token(?:[\0- \[].*)?", re.IGNORECASE | re.DOTALL)
_PLAIN = (b"accept-encoding", b"identity")


# PERF: one for all routes that drop the same, since each remembers the names that it has judged.
@lru_cache(256)
def dropper_of(drops: frozenset[bytes]) -> Dropper:
    """Takes out of requests what is not sent on: what is for one connection, what we say ourselves, and credentials.

    What an upstream may need, as the token of somebody it knows itself, is spared unless it is one of the `drops`.
    """
    return Dropper(
        FRAMED | REPLACED | FORWARDING | drops.union(IDENTITY),
        (*FORWARDING_PREFIXES, *IDENTITY_PREFIXES),
        spared=frozenset({b"x-auth-token"}) - drops,
        guarded=GUARDED.union(IDENTITY),
    )


class Outgoing:
    """One request on its way out: `path` below the base of a target, with the query, and the fields for each target.

    Raises LoopDetected for a request that has been here, and BadRequest for fields that nobody may send.
    """

    __slots__ = ("_fields", "_host", "path")

    def __init__(self, ctx: Context, matched: Matched, service: Service) -> None:
        route = matched.route
        came: Fields = ctx.scope["headers"]
        gateway = ctx.app.gateway
        assert gateway is not None, "only a gateway sends requests on"
        pseudonym = gateway.pseudonym
        rewrite = route.rewrite
        self.path = path_of(ctx) if rewrite is None else rewrite.apply(matched.parameters, matched.rest)
        query = query_of(ctx, route)
        if query:
            self.path += b"?" + query
        fields = route.dropper.kept(came)
        if b"via" in ctx.headers and loops(came, pseudonym):
            raise LoopDetected
        if b"max-forwards" in ctx.headers and not counted_down(ctx.method, fields):
            raise BadRequest("Max-Forwards is used up at this gateway", word="bad_header")
        peer, scheme, host, origin = origin_in(ctx, gateway.trusted)
        # NOTE: not the host that a proxy tells of, which many let a client write: the route was found by this one.
        self._host = host if service.settings.host == "client" else b""
        fields += forwarded_fields(origin, peer, scheme, host)
        parent, state = traced(came, CHANCE.randbytes)
        matched.trace = parent[3:35].decode()
        version = ctx.scope.get("http_version", "1.1").encode()
        fields += (
            (b"via", via(came, pseudonym, version)),
            (b"traceparent", parent),
            (b"x-request-id", ctx.request_id.encode()),
        )
        if state is not None:
            fields.append((b"tracestate", state))
        if route.drops_tokens and ctx.headers.get(b"authorization", b"")[7:].startswith(own_begin()):
            # NOTE: on a route that does not ask for it, too: an upstream must not learn what opens our doors.
            fields = [pair for pair in fields if pair[0] != b"authorization"]
        if route.opens:
            # NOTE: what is compressed cannot be put into an envelope, and neither can a part.
            fields = [pair for pair in fields if pair[0] not in (b"accept-encoding", b"range", b"if-range")]
            fields.append(_PLAIN)
        _identify(ctx, matched, service, fields)
        if route.request:
            route.request.apply(fields)
        self._fields = fields

    def fields(self, target: Target) -> Fields:
        """The fields for one target, whose name may be the host."""
        return [(b"host", self._host or target.host_field), *self._fields]


@cache
def own_begin() -> bytes:
    """How every token of this server begins: with the header that says whose it is."""
    return signed({}, bytes(32)).partition(".")[0].encode()


def path_of(ctx: Context) -> bytes:
    """The raw path as the client sent it, below the place where the application is mounted."""
    return ctx.raw_path


def query_of(ctx: Context, route: Routed) -> bytes:
    """The raw query as the client sent it, without a token of ours in it, however its name is spelt.

    Where a route takes our tokens, whatever has the name of one is taken out; elsewhere a service may have such a word
    of its own, and only what is a token of ours is.
    """
    query = ctx.query_string
    if not route.drops_tokens or (b"%" not in query and b"token" not in query.lower()):
        return query
    named = route.access.own
    first, *others = _SEPARATED.split(query)
    words = zip(others[::2], others[1::2], strict=True)
    kept = b"".join([sign + word for sign, word in words if not _is_ours(word, named=named)])
    return kept[1:] if _is_ours(first, named=named) else first + kept


def _is_ours(word: bytes, *, named: bool) -> bool:
    """Whether a word of a query has a token of ours in it: by its name, and unless that is enough by its value."""
    name, _, value = word.replace(b"+", b" ").partition(b"=")
    called = _TOKEN_WORD.fullmatch(unquote_to_bytes(name)) is not None
    return called and (named or unquote_to_bytes(value).startswith(own_begin()))


def origin_in(ctx: Context, trusted: Trusted) -> tuple[str, str, bytes, Origin]:
    """Address, scheme and host of the connection, and who began the request as far as trusted proxies tell."""
    scope = ctx.scope
    client = scope.get("crossbar.peer") or scope.get("client")
    peer: str = client[0] if client else ""
    # NOTE: what came of the proxies' word is in the scope already; here it is what the connection itself says.
    scheme: str = scope.get("crossbar.scheme") or scope.get("scheme", "http")
    if scheme not in ("http", "https"):
        scheme = "https" if scheme == "wss" else "http"
    host = ctx.headers.get(b"host", b"")
    if not trusted:
        return peer, scheme, host, Origin(peer, scheme, host)
    return peer, scheme, host, origin_of(peer, scheme, host, scope["headers"], trusted)


def _identify(ctx: Context, matched: Matched, service: Service, fields: Fields) -> None:
    """Tell the upstream who asks, in the way that its settings want."""
    how = service.settings.identity
    principal = ctx.principal
    if how == "off" or principal is None or not matched.provider:
        return
    facts = Facts(
        account=principal.account_id,
        user=principal.user_id or "",
        role=principal.role,
        provider=matched.provider,
        consumer=matched.consumer,
    )
    if service.signer is not None:
        fields.append((b"x-crossbar-identity", service.signer.signed(facts, ctx.app.clock())))
    else:
        fields += identity_fields(facts)


def segment(text: str) -> bytes:
    """A segment of a path that is not the client's own spelling, encoded."""
    return quote(text, safe="").encode()


def refuse_two_hosts(ctx: Context) -> None:
    """Raise BadRequest for several `Host` fields, or one that is no host (RFC 9112, 3.2).

    The upstream might choose another one than we do, or read it otherwise. Our own server refuses both.
    """
    headers = ctx.scope["headers"]
    host = ctx.headers.get(b"host")
    if host and not is_host(host):
        raise BadRequest("Host is no host with or without a port", word="bad_header")
    if len(ctx.headers) != len(headers) and sum([name == b"host" for name, _ in headers]) > 1:
        raise BadRequest("Host stands in the request more than once", word="bad_header")
