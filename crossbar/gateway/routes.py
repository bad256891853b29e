"""A route of the gateway in the form in which requests use it: everything about it that can be known beforehand is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from .. import settings
from ..auth import ANONYMOUS, Principal
from ..cors import Cors
from ..errors import BadRequest, Forbidden, Unauthorized
from ..limits.admission import address_of
from ..limits.buckets import Table
from ..roles import ADMIN, USER
from ..settings.gateway import Timeouts, seconds, size
from .forwarding import Dropper, Rules
from .patterns import Pattern, Rewrite, ambiguous, climbs
from .policy import Policy, compile_policy
from .quotas import Limit, limits_of, take
from .retries import Retry
from .upstreams import Service

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched
    from .merging import Merge
    from .providers import Identity, Source

_PORT = re.compile(r":[0-9]*$")
OWN, NOBODY = "crossbar", "none"
"""In `auth`: tokens of this server, and nobody in particular."""
_OWN_FIELDS = frozenset({b"authorization", b"x-auth-token"})
CHALLENGE = b"Bearer"


@dataclass(frozen=True, slots=True)
class Times:
    """The time limits of a call, in seconds; 0 for none."""

    first_byte: float
    idle: float
    total: float


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a route: the providers that are asked, whether our own tokens count, and what is asked of them."""

    sources: tuple[Source, ...]
    own: bool
    anybody: bool
    policy: Policy | None
    limits: tuple[Limit, ...]
    administrators: Mapping[str, Policy]

    @property
    def drops(self) -> frozenset[bytes]:
        """The request fields with credentials that are for us alone."""
        fields = [source.fields for source in self.sources]
        return frozenset().union(*fields, _OWN_FIELDS if self.own else ())


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """One route: what it matches, who may use it, and what becomes of a request.

    It leads to a `service`, to the parts of a `merge`, but never to both. `tail` is the part of the pattern behind the
    noun, for a route that is a noun.
    """

    name: str
    settings: settings.Route
    pattern: Pattern
    noun: str
    heads: tuple[tuple[str, str], ...]
    tail: Pattern | None
    access: Access
    table: Table
    service: Service | None
    rewrite: Rewrite | None
    merge: Merge | None
    times: Times
    retry: Retry
    body: int
    cors: Cors | None
    request: Rules
    response: Rules
    dropper: Dropper
    opens: bool
    guarded: bool
    whole_host: bool
    yields: bool

    async def identify(self, ctx: Context, matched: Matched) -> Principal:
        """Who asks, by what the route's `auth` names; Unauthorized if nobody of them knows the caller."""
        access = self.access
        for source in access.sources:
            identity = source.known(ctx.headers)
            if identity is None and source.speaks(ctx.headers):
                identity = await _checked(source, ctx)
            if identity is not None:
                return self.stands_for(matched, identity)
        if access.own:
            principal = await own_principal(ctx)
            if principal is not None:
                matched.provider = OWN
                matched.consumer = f"{principal.account_id}:{principal.user_id or ''}"
                return principal
        if access.anybody:
            return ANONYMOUS
        challenges = [source.challenge for source in access.sources] + ([CHALLENGE] if access.own else [])
        # RFC 9110, 11.6.1: one field may hold several challenges.
        raise Unauthorized(
            "this needs credentials: log in, or send a key",
            headers=((b"www-authenticate", b", ".join(dict.fromkeys(challenges))),),
        )

    def stands_for(self, matched: Matched, identity: Identity) -> Principal:
        """The principal of somebody whom a provider knows: an administrator only if the settings say so."""
        matched.identity = identity
        matched.provider = identity.provider
        matched.consumer = identity.consumer
        policy = self.access.administrators.get(identity.provider)
        is_admin = policy({"claims": identity.claims}) if policy is not None else not identity.user
        role = ADMIN if is_admin else USER
        return Principal(identity.account, identity.user or None, identity.provider, claims=identity.claims, role=role)

    def refuse_ambiguous(self, ctx: Context) -> None:
        """Raise BadRequest for a path that the upstream could read otherwise than it was read here."""
        path = ctx.raw_path
        if self.guarded and not self.settings.encoded_slashes:
            wrong = ambiguous(path)
            if wrong:
                raise BadRequest(wrong, word="bad_path")
        elif not self.whole_host and climbs(path):
            raise BadRequest("the path has a segment of dots, which would lead out of this route", word="bad_path")

    def permit(self, ctx: Context, matched: Matched) -> None:
        """Raise Forbidden if the route's rule is against it, and TooManyRequests if it is asked too often."""
        access = self.access
        if access.policy is not None and not access.policy(facts(ctx, matched)):
            raise Forbidden("the rules of this route are against it")
        if access.limits:
            take(ctx, matched, access.limits, self.table)


async def _checked(source: Source, ctx: Context) -> Identity:
    """Who a provider says it is; Unauthorized with its challenge, and that it is the token that is wrong."""
    try:
        return await source.check(ctx.headers)
    except Unauthorized as refused:
        if not refused.headers:
            # RFC 6750, 3.1; other schemes have no words for it.
            wrong = b', error="invalid_token"' if source.challenge.startswith(CHALLENGE) else b""
            refused.headers = ((b"www-authenticate", source.challenge + wrong),)
        raise


async def own_principal(ctx: Context) -> Principal | None:
    """Who asks by a token or a Basic credential of this server, or by what the host's authenticators know."""
    if ctx.token is not None and ctx.app.trusts_tokens_first:
        principal = ctx.app.tokens.remembered(ctx.token, ctx.version)
        if principal is not None:
            return principal
    for authenticator in ctx.app.authenticators:
        found = await authenticator(ctx)
        if found is not None:
            return found
    return None


def facts(ctx: Context, matched: Matched) -> dict[str, Any]:
    """What the rule of a route can look at."""
    principal = ctx.principal or ANONYMOUS
    return {
        "claims": matched.identity.claims if matched.identity is not None else principal.claims or {},
        "path": {name: _decoded(raw) for name, raw in matched.parameters.items()},
        "principal": {
            "account": principal.account_id,
            "user": principal.user_id or "",
            "role": principal.role if matched.provider else "",
            "provider": matched.provider,
        },
        "request": {
            "method": ctx.method,
            "host": _PORT.sub("", (ctx.header(b"host") or "").lower()),
            "address": address_of(ctx),
        },
    }


def _decoded(raw: bytes) -> str:
    """A part of the path as a rule sees it; what is no UTF-8 stays different from all else."""
    return unquote_to_bytes(raw).decode(errors="surrogateescape")


class RouteFault(ValueError):
    """Something in the settings of a route is wrong; the message begins with the key below it."""


def words(said: tuple[str, ...] | str) -> tuple[str, ...]:
    """One or several, as a tuple."""
    return (said,) if isinstance(said, str) else tuple(said)


def compiled(key: str, make: Callable[[], Any]) -> Any:
    """What is made of a setting; RouteFault, with its key, if it cannot be."""
    try:
        return make()
    except ValueError as error:
        raise RouteFault(f"{key}: {error}") from None


def times_of(route: settings.Route, of: Timeouts) -> Times:
    """The time limits of a route: those of its upstream, unless it has its own."""
    said = {name: route.timeout.get(name, getattr(of, name)) for name in ("first_byte", "idle", "total")}
    return Times(**{name: seconds(text) for name, text in said.items()})


def access_of(
    name: str,
    route: settings.Route,
    sources: Mapping[str, Source],
    providers: Mapping[str, settings.Provider],
    parameters: Iterable[str],
) -> Access:
    """Who may use a route; RouteFault for names and rules that are none."""
    named = words(route.auth)
    for each in named:
        if each not in sources and each not in (OWN, NOBODY):
            known = ", ".join([OWN, NOBODY, *sources])
            raise RouteFault(f"auth: there is no provider {each!r}; there are {known}")
    if not named:
        raise RouteFault(f'auth: name who says who is asking, or "{NOBODY}" to let everybody in')
    policy = compiled("allow", lambda: compile_policy(route.allow, parameters)) if route.allow else None
    administrators = {}
    for each in named:
        said = providers[each].jwt if each in providers else None
        if said is not None:
            text = said.admins or "false"
            administrators[each] = compiled(f"provider.{each}.jwt.admins", partial(compile_policy, text, ()))
    return Access(
        tuple(sources[each] for each in named if each in sources),
        OWN in named,
        NOBODY in named,
        policy,
        compiled("limit", lambda: limits_of(name, route.limit)),
        administrators,
    )


def cors_for(route: settings.Route) -> Cors | None:
    """The CORS of a route; RouteFault for origins that no browser names."""
    said = route.cors
    if said is None:
        return None
    return Cors(settings.Cors(said.origins, said.credentials, said.max_age, said.headers))


def body_limit(route: settings.Route) -> int:
    """How many bytes a body may have."""
    return size(route.body)
