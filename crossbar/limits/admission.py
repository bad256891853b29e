"""Admission: what each request costs, from which bucket it is taken, and what happens when that is empty.

A bucket belongs to a limit group, the client's address and the account that the path leads into. A request is charged
once. That is done when the account is known for sure, after the stage `resolve`, so that no spelling of the path, no
tunnelled verb and no account that does not exist or is somebody else's leads to a bucket of its own. What is refused
before that is charged to the address alone, and if that bucket is empty, the refusal becomes a 429: who tries out
tokens, ids or paths is bounded as well.

The order in which costs are looked up is Kazoo's: `ACC.EP.VERB`, `ACC.EP`, `ACC`, `EP.VERB`, `EP`. After them comes
what the endpoint says itself, and then 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, NamedTuple

from ..dialects import Dialect
from ..dispatch import Bound
from ..endpoint import Endpoint
from ..errors import Refusal, TooManyRequests
from ..routes import SOCKET, VERBS
from ..settings import Rate, RateGroup
from .buckets import PERIODS, SECOND, Charge, Group, Quota, Table

if TYPE_CHECKING:
    from ..context import Context
    from ..registry import Registry

DEFAULT = "default"
"""The group of everything that names no other."""
BUILT_IN: Mapping[str, RateGroup] = {
    "media": RateGroup(size=50, refill=5),
    "auth": RateGroup(size=20, refill=20, per="minute"),
    "ringcentral_light": RateGroup(size=50, refill=50, per="minute"),
    "ringcentral_medium": RateGroup(size=40, refill=40, per="minute"),
    "ringcentral_heavy": RateGroup(size=10, refill=10, per="minute"),
    "ringcentral_auth": RateGroup(size=20, refill=20, per="minute"),
}
"""The groups that there are beside it, unless the settings say something else; RingCentral's are as it has them."""

LOGIN_COST = 35
"""Tokens that a login costs unless the settings say otherwise, as with Kazoo."""
_REMEMBERED = 10_000
_ACCOUNT = re.compile(r"[0-9a-f]{8,64}")
_VERBS = frozenset([*(verb.lower() for verb in VERBS), "socket"])


def charge(ctx: Context) -> None:
    """6. May they ask once more: the tokens that it costs are taken from the bucket of address and account."""
    if ctx.app.admission is not None:
        ctx.app.admission.charge(ctx)


class Price(NamedTuple):
    """What a route costs, from which bucket. Holding on to the route keeps its identity from being used again."""

    group: Group
    cost: int
    bound: Bound | None


class Admission:
    """Charges requests, by the settings, to the buckets of a table."""

    def __init__(self, settings: Rate, table: Table) -> None:
        self._table = table
        self._settings = settings
        self._costs = dict(_flattened(settings.costs))
        # The first words of costs: accounts, or endpoints.
        self._firsts = frozenset(key.partition(".")[0] for key in self._costs)
        self._groups: dict[str, Group] = {}
        self._prices: dict[int, Price] = {}
        self._refused = Price(self._group(DEFAULT), 1, None)
        login = self._first_of("user_auth.put", "user_auth")
        self._login = Price(self._group(DEFAULT), LOGIN_COST if login is None else login, None)

    def charge(self, ctx: Context) -> None:
        """Charge a request whose account is known; TooManyRequests if its bucket is short."""
        if ctx.bound is None:
            return
        ctx.charge, wait = self._taken(ctx, self.price(ctx.bound, ctx.dialect))
        if wait:
            raise TooManyRequests(retry=wait)

    def charge_refusal(self, ctx: Context, refusal: Refusal) -> Refusal:
        """Charge a request that is refused before it was charged; the refusal, or a 429 if the bucket is empty.

        What is our own fault (5xx) is no reason to charge anybody, and OPTIONS is free.
        """
        if refusal.status >= 500 or ctx.method == "OPTIONS":
            return refusal
        price = self._refused
        if ctx.bound is not None and ctx.tenant is not None:
            price = self.price(ctx.bound, ctx.dialect)
        elif refusal.status == 401 and (ctx.header(b"authorization") or "")[:6].lower() == "basic ":
            # NOTE: a wrong Basic credential was a login that failed, and a guess must not be cheaper in that form.
            price = self._login
        ctx.charge, wait = self._taken(ctx, price)
        return TooManyRequests(retry=wait) if wait else refusal

    def refuse_unread(self, ctx: Context) -> None:
        """Raise TooManyRequests, before a body is read, if the bucket that the path points to is quite empty.

        Nothing is charged here. Where the verb decides about the bucket, or lets a request pass for nothing, it is
        left to `charge`, which knows the verb.
        """
        nouns = ctx.target.nouns
        endpoint = ctx.registry.names.get(nouns[-1].name) if nouns else None
        if endpoint is None or len({route.group for route in endpoint.routes}) != 1 or self._some_are_free(endpoint):
            return
        account = ""
        for name, args in nouns:
            named = ctx.registry.names.get(name)
            if named is None:
                return  # an alias, whose meaning shows when the caller is known
            if named.tenants and args:
                account = args[0]
        group = self._group(ctx.dialect.group(endpoint, endpoint.routes[0]))
        found, now = self._table.look(f"{group.name} {address_of(ctx)} {account}")
        if group.quota.left(found.until, now) < 1:
            ctx.charge = Charge(group, 0, 0, -(-(found.until - now) // SECOND))
            raise TooManyRequests(retry=group.quota.wait(found.until, 1, now))

    def _taken(self, ctx: Context, price: Price) -> tuple[Charge, int]:
        """Take the tokens of a request: what became of it, and after how many seconds to come back if it was short."""
        group, cost, _ = price
        tenant = ctx.tenant or ""
        if tenant and self._firsts and tenant.lower() in self._firsts:
            cost = self._cost_in(tenant.lower(), ctx, cost)
        quota = group.quota
        if cost > quota.size:
            cost = quota.size
        # NOTE: as with Kazoo, a login that finds too few tokens takes them all: who guesses has to wait.
        drain = cost > 1 and (ctx.principal is None or not ctx.principal.account_id)
        full_at, admitted, now = self._table.take(f"{group.name} {address_of(ctx)} {tenant}", quota, cost, drain=drain)
        left = full_at - now
        charge = Charge(group, cost if admitted else 0, quota.left(full_at, now), -(-left // SECOND) if left > 0 else 0)
        return charge, 0 if admitted else quota.wait(full_at, cost, now)

    def price(self, bound: Bound, dialect: Dialect) -> Price:
        """What a route costs in all accounts that no cost names."""
        # PERF: worked out once.
        known = self._prices.get(id(bound))
        if known is not None:
            return known
        endpoint, route = bound.endpoint, bound.route
        if len(self._prices) >= _REMEMBERED:
            self._prices.clear()
        cost = self._first_of(f"{endpoint.name}.{_word(bound.verb)}", endpoint.name)
        if cost is None:
            cost = endpoint.costs.get(route.name, 1)
        found = self._prices[id(bound)] = Price(self._group(dialect.group(endpoint, route)), cost, bound)
        return found

    def _cost_in(self, account: str, ctx: Context, usual: int) -> int:
        """What a request costs in an account that has costs of its own."""
        names = [account]
        if ctx.bound is not None:
            place = f"{account}.{ctx.bound.endpoint.name}"
            names = [f"{place}.{_word(ctx.bound.verb)}", place, account]
        found = self._first_of(*names)
        return usual if found is None else found

    def _first_of(self, *names: str) -> int | None:
        return next((self._costs[name] for name in names if name in self._costs), None)

    def _some_are_free(self, endpoint: Endpoint) -> bool:
        """Whether something that the endpoint does may cost nothing."""
        return 0 in endpoint.costs.values() or 0 in self._costs.values()

    def doubts(self, registry: Registry) -> list[str]:
        """What the settings say of endpoints, verbs and groups that there are not, a sentence each.

        It is no error, since modules come and go; but a limit that nobody meets is often one that is misspelt.
        """
        told = []
        for key in self._costs:
            words = key.split(".")
            at = next((at for at, word in enumerate(words) if word in registry.names), None)
            if at is None and (len(words) > 1 or not _ACCOUNT.fullmatch(words[0])):
                told.append(f"rate.costs.{key}: no endpoint is called {' or '.join(map(repr, words[:2]))}")
            elif at is not None and words[at + 1 :] and words[at + 1] not in _VERBS:
                told.append(f"rate.costs.{key}: {words[at + 1]!r} is no verb; there are {', '.join(sorted(_VERBS))}")
        used = {DEFAULT, *BUILT_IN}
        for endpoint in registry.names.values():
            used |= {endpoint.limit_group, *(route.group for route in endpoint.routes if route.group)}
        for name in sorted(self._settings.groups.keys() - used):
            told.append(f"rate.groups.{name}: no endpoint belongs to this group; there are {', '.join(sorted(used))}")
        return told

    def _group(self, name: str) -> Group:
        """The group of that name; one that nobody describes has a bucket of the default size."""
        found = self._groups.get(name)
        if found is None:
            said = self._settings.groups.get(name) or BUILT_IN.get(name) or self._settings
            found = self._groups[name] = Group(name, Quota(said.size, said.refill, PERIODS[said.per]))
        return found


def address_of(ctx: Context) -> str:
    """The address that stands for whoever sent a request; empty if the server names none.

    It is that of the other end of the connection. What the request says of itself, such as `X-Forwarded-For`, counts
    only if a middleware in front, which knows its proxies, has put it into the scope.
    """
    client = ctx.scope.get("client")
    host: str = client[0] if client else ""
    return network_of(host) if ":" in host else host


@lru_cache(4096)
def network_of(host: str) -> str:
    """The /64 of an IPv6 address: a network has no fewer, so its neighbours are the same client (RFC 4291, 2.5.4).

    An IPv4 address in the clothes of an IPv6 one is itself.
    """
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    inside: IPv4Address | None = address.ipv4_mapped
    return str(inside) if inside is not None else f"{IPv6Address(int(address) >> 64 << 64)}/64"


def _flattened(costs: Mapping[str, object], prefix: str = "") -> list[tuple[str, int]]:
    """The costs by their dotted keys, however they were nested; no key is another one in capital letters."""
    found: list[tuple[str, int]] = []
    for key, value in costs.items():
        dotted = f"{prefix}{key}".lower()
        if isinstance(value, Mapping):
            found += _flattened(value, f"{dotted}.")
        elif isinstance(value, int):
            found.append((dotted, value))
    return found


def _word(verb: str) -> str:
    """A verb as costs have it."""
    return "socket" if verb == SOCKET else verb.lower()
