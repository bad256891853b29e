"""What the settings of a gateway say that is possible, and may be meant otherwise; nothing is called for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http import HTTPMethod
from ipaddress import ip_network
from urllib.parse import urlsplit

from .. import settings
from ..dialects import Dialect
from .assembly import Gateway
from .certificates import ends_of
from .jwks import is_safe
from .policy import KNOWN, Policy
from .routes import Routed

_BESIDE = frozenset({b"/livez", b"/readyz", b"/metrics"})
_METHODS = frozenset(HTTPMethod) | {
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "QUERY",
    "UNLOCK",
}
SOON = 30
"""Days before the end of a certificate in which it is told of."""
UPSTREAMS, PROVIDERS, ROUTES, SETTINGS = "upstreams", "providers", "routes", "settings"

Doubt = tuple[str, str]
"""What it is about, one of the words above, and a sentence that begins with the key."""


def subject_of(fault: str) -> str:
    """What a fault is about, by the key that it begins with."""
    for begin, subject in (("upstream.", UPSTREAMS), ("provider.", PROVIDERS), ("route", ROUTES)):
        if fault.startswith(begin):
            return subject
    return SETTINGS


def doubts(gateway: Gateway, dialects: Sequence[Dialect] = ()) -> Iterator[Doubt]:
    """What may be meant otherwise, though it is possible. `dialects` are those that are mounted beside it."""
    said = gateway.settings
    for text in said.gateway.trusted:
        if not ip_network(text, strict=False).prefixlen:
            yield SETTINGS, f"gateway.trusted: {text} is everybody, who can then tell any address of theirs"
    used = {service for route in gateway.routes for service in _services(route)}
    for name, upstream in said.upstream.items():
        yield from ((UPSTREAMS, f"upstream.{name}{what}") for what in _of_upstream(upstream))
        if name not in used:
            yield UPSTREAMS, f"upstream.{name}: no route leads there"
    asked = {source.name for route in gateway.routes for source in route.access.sources}
    for name, provider in said.provider.items():
        yield from ((PROVIDERS, f"provider.{name}{what}") for what in _of_provider(provider))
        if name not in asked:
            yield PROVIDERS, f"provider.{name}: no route asks it"
    for route in gateway.routes:
        yield from (
            (ROUTES, f"route {route.name!r}: {what}") for what in (*_of_route(route), *_hidden(route, dialects))
        )


def ending(what: str, end: datetime, now: datetime | None = None) -> str:
    """A sentence about a certificate that has ended or soon will; empty for all others."""
    days = (end - (now or datetime.now(UTC))).days
    if days < 0:
        return f"{what} expired on {end:%Y-%m-%d}"
    return f"{what} expires in {days} {'day' if days == 1 else 'days'}" if days < SOON else ""


def _services(route: Routed) -> Iterator[str]:
    """The upstreams that a route leads to."""
    if route.service is not None:
        yield route.service.name
    for part in route.merge.parts if route.merge is not None else ():
        if part.service is not None:
            yield part.service.name


def _of_upstream(said: settings.Upstream) -> Iterator[str]:
    tls = said.tls
    secure = any(text.startswith("https:") for text in said.targets)
    if not secure and tls != settings.Tls():
        yield ".tls: no target has https, so that nothing of this is used"
    for key, path in (("ca", tls.ca), ("cert", tls.cert)):
        if path and secure:
            yield from (f".tls.{key}: {told}" for end in _ends(path) if (told := ending(path, end)))
    if said.secret and said.identity != "signed":
        yield f'.secret: nothing is signed with it while identity is "{said.identity}"'


def _ends(path: str) -> list[datetime]:
    """When the certificates of a file end; nothing for a file that TLS can use, and nobody can read it here."""
    try:
        return ends_of(path)
    except (OSError, ValueError):
        return []


def _of_provider(said: settings.Provider) -> Iterator[str]:
    if said.jwt is None:
        return
    if not said.jwt.audience:
        # RFC 8725, 3.9.
        yield ".jwt.audience: is not set, so that tokens which the issuer made for other services are good here too"
    if said.jwt.jwks and not is_safe(said.jwt.jwks):
        host = urlsplit(said.jwt.jwks).hostname
        yield f".jwt.jwks: whoever is on the way to {host} can put other keys into its place: use https"


def _of_route(route: Routed) -> Iterator[str]:
    access = route.access
    if route.settings.path.encode() in _BESIDE and not route.noun:
        yield f"path: {route.settings.path} is answered by the server itself, at every host"
    if route.pattern.rest and route.rewrite is not None and not route.rewrite.rest:
        yield f"to: {route.settings.to!r} leaves out what ** stands for: every path leads to the same"
    for method in route.settings.methods:
        if method not in _METHODS:
            yield f"methods: {method!r} is no usual method"
    nobody = access.anybody and not access.sources and not access.own
    if nobody and any(limit.by == "consumer" for limit in access.limits):
        yield 'limit: with auth "none" nobody is known, so that "per consumer" counts by address'
    if access.policy is not None:
        names = _names(access.policy)
        if not names & KNOWN.keys():
            yield f"allow: it is {'always' if access.policy({}) else 'never'} true, whoever asks"
        elif nobody and names & {"claims", "principal"}:
            yield 'allow: it looks at who is asking, and with auth "none" nobody is known'


def _hidden(route: Routed, dialects: Sequence[Dialect]) -> Iterator[str]:
    """What a plain route takes from a dialect: the paths below its prefixes that the route matches as well."""
    path = route.settings.path
    if route.noun or route.yields:
        return
    for dialect in dialects:
        if dialect.claims(path.encode()):
            yield f"path: {path} is below a prefix of the dialect {dialect.name}, and hides what that answers there"


def _names(policy: Policy) -> set[str]:
    """The first words of the names in a rule."""
    tree = ast.parse(policy.text.strip(), mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
