"""Who may use a route: the providers that are asked who somebody is, and what the route's rule can look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from ..auth import ANONYMOUS, Principal, enabled, vouched
from ..errors import Unauthorized
from ..roles import ADMIN, USER
from .matching import bare_host
from .repeats import refuse_two_credentials

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched
    from .policy import Policy
    from .providers import Identity, Source
    from .quotas import Limit

OWN, NOBODY = "crossbar", "none"
"""In `auth`: tokens of this server, and nobody in particular."""
_OWN_FIELDS = frozenset({b"authorization", b"x-auth-token"})
_BEARER = b"Bearer"
_WRONG = b'error="invalid_token"'
_CHALLENGE = b"www-authenticate"


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

    async def identify(self, ctx: Context, matched: Matched | None) -> Principal:
        """Who asks, by the first of the credentials that is good, noted in `matched`; Unauthorized if none is.

        Credentials that are no good never make somebody nobody in particular: they are refused where `none` is let in.
        """
        if len(ctx.headers) != len(ctx.scope["headers"]):
            refuse_two_credentials(ctx, self.drops)
        wrong: list[object] = []
        refused: Unauthorized | None = None
        for source in self.sources:
            try:
                identity = source.known(ctx.headers)
                if identity is None and source.speaks(ctx.headers):
                    identity = await source.check(ctx.headers)
                if identity is not None:
                    if identity.account:
                        await _refuse_disabled(ctx, identity.account)
                    return self.stands_for(matched, identity)
            except Unauthorized as error:
                refused = refused or error
                wrong.append(source)
        if self.own:
            try:
                principal = await own_principal(ctx)
            except Unauthorized as error:
                refused = refused or error
                wrong.append(OWN)
            else:
                if principal is not None:
                    if matched is not None:
                        matched.provider = OWN
                        matched.consumer = f"{principal.account_id}:{principal.user_id or ''}"
                    return principal
        if self.anybody and refused is None:
            # NOTE: where nobody reads it, a token may be the upstream's own.
            if not _is_bearer(ctx.headers.get(b"authorization", b"")) or b"authorization" not in self.drops:
                return ANONYMOUS
            refused = Unauthorized("nobody here knows the token: send one of an issuer that this route names, or none")
        raise self._refusal(ctx, refused, wrong)

    def stands_for(self, matched: Matched | None, identity: Identity) -> Principal:
        """The principal of somebody whom a provider knows: an administrator only if the settings say so."""
        if matched is not None:
            matched.identity = identity
            matched.provider = identity.provider
            matched.consumer = identity.consumer
        policy = self.administrators.get(identity.provider)
        # NOTE: a key without a user stands for its account; without an account, there is nothing to administer.
        own = bool(identity.account) and not identity.user
        is_admin = policy({"claims": identity.claims}) if policy is not None else own
        role = ADMIN if is_admin else USER
        return Principal(identity.account, identity.user or None, identity.provider, claims=identity.claims, role=role)

    async def recheck(self, ctx: Context, matched: Matched) -> None:
        """Make sure that what opened something long is good by the settings of now; Unauthorized if it is not.

        Unavailable or StoreError if nobody can tell just now.
        """
        principal, identity = ctx.principal, matched.identity
        if identity is not None:
            gateway = ctx.app.gateway
            assert gateway is not None, "only a gateway has routes"
            # NOTE: the providers of this route may be those of settings that are no longer in force.
            source = gateway.current.sources.get(identity.provider)
            if source is None:
                raise Unauthorized("its provider has gone")
            if (source.known(ctx.headers) or await source.check(ctx.headers)) != identity:
                raise Unauthorized("the credential stands for somebody else now")
        elif principal is not None and principal.token:
            await ctx.app.tokens.recheck(principal)
        if principal is not None and principal.account_id:
            await _refuse_disabled(ctx, principal.account_id)

    def _refusal(self, ctx: Context, refused: Unauthorized | None, wrong: list[object]) -> Unauthorized:
        """The refusal with all challenges in one field (RFC 9110, 11.6.1), which tells of a token that is wrong."""
        if refused is None:
            refused = Unauthorized("this needs credentials: log in, or send a key")
        challenges = []
        for source in self.sources:
            # RFC 6750, 3.1; other schemes have no words for it.
            tells = source in wrong and source.challenge.startswith(_BEARER)
            challenges.append(source.challenge + b", " + _WRONG if tells else source.challenge)
        if self.own:
            challenges.append(_BEARER + b" " + _WRONG if OWN in wrong and ctx.token else _BEARER)
        others = tuple([pair for pair in refused.headers if pair[0] != _CHALLENGE])
        refused.headers = (*others, (_CHALLENGE, b", ".join(dict.fromkeys(challenges))))
        return refused


def door_of(accesses: Iterable[Access]) -> Access:
    """Who may learn that there is nothing: whoever may use one of several routes, and who has a token of ours."""
    several = tuple(accesses)
    sources = {source.name: source for access in several for source in access.sources}
    administrators = {name: policy for access in several for name, policy in access.administrators.items()}
    anybody = any(access.anybody for access in several)
    return Access(tuple(sources.values()), True, anybody, None, (), administrators)


async def own_principal(ctx: Context) -> Principal | None:
    """Who asks by a token or a Basic credential of this server, or by what the host's authenticators know."""
    if ctx.token is not None and ctx.app.trusts_tokens_first:
        principal = ctx.app.tokens.remembered(ctx.token)
        if principal is not None:
            return principal
    for authenticator in ctx.app.authenticators:
        ctx.blamed = authenticator
        found = vouched(await authenticator(ctx))
        if found is not None:
            ctx.blamed = None
            return found
    ctx.blamed = None
    return None


def _is_bearer(field: bytes) -> bool:
    """Whether a field has the scheme of tokens, be there a token or not."""
    return field.partition(b" ")[0].lower() == b"bearer"


async def _refuse_disabled(ctx: Context, account_id: str) -> None:
    """Raise Unauthorized for an account of ours that is switched off, for whom its own tokens are no good either.

    An account that is not here is somebody else's concern: it leads into no account, whatever it is.
    """
    account = await ctx.app.tenants.account(account_id)
    if account is not None and not enabled(account):
        raise Unauthorized("the account is switched off")


def facts(ctx: Context, matched: Matched) -> dict[str, Any]:
    """What the rule of a route can look at."""
    principal = ctx.principal or ANONYMOUS
    client = ctx.scope.get("client")
    address: str = client[0] if client else ""
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
            "host": bare_host(ctx.headers.get(b"host", b"")).decode("latin-1"),
            "address": _spelt(address) if ":" in address else address,
        },
    }


def _decoded(raw: bytes) -> str:
    """A part of the path as a rule sees it; what is no UTF-8 stays different from all else."""
    return unquote_to_bytes(raw).decode(errors="surrogateescape")


@lru_cache(4096)
def _spelt(address: str) -> str:
    """An address of IPv6 in its one right spelling (RFC 5952), without its zone; of IPv4 as what it is."""
    try:
        parsed = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or parsed)
