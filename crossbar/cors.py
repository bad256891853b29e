"""CORS: which pages of other sites may read what is answered here (WHATWG Fetch, 3.2).

Everything that a response may need is put together at start-up; a request costs one look-up of its `Origin`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from . import settings
from .context import Context
from .errors import SettingsError
from .fields import Fields, fit, vary
from .routes import VERBS

ALLOWED = (
    *("accept", "authorization", "cache-control", "client-id", "content-type", "depth", "discovery-tag"),
    *("idempotency-key", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since"),
    *("range", "rc-user-agent", "user-agent", "x-auth-token", "x-file-name", "x-file-size"),
    *("x-http-method-override", "x-kazoo-cluster-id", "x-pretty-print", "x-request-id", "x-requested-with"),
    *("x-user-agent",),
)
"""The request fields that pages may send: what is read here, and what clients of the APIs send along."""

EXPOSED = (
    *("accept-ranges", "allow", "content-disposition", "content-range", "etag", "idempotency-replayed"),
    *("last-modified", "link", "location", "ratelimit", "ratelimit-policy", "rcrequestid", "retry-after"),
    *("x-rate-limit-group", "x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-window"),
    *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id", "x-total-count"),
)
"""The response fields that pages may read, beside those that they always may."""

ANY = "*"
_ANY_METHOD = ", ".join(VERBS).encode()
_NAME = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")
_STANDARD_PORTS = {"http": 80, "https": 443}


class Cors:
    """The header fields for pages of other sites, by their origin. SettingsError for settings that are not safe."""

    def __init__(self, rules: settings.Cors) -> None:
        faults = [*_faults(rules)]
        if faults:
            raise SettingsError(faults)
        allowed = ", ".join([*ALLOWED, *(name.lower() for name in rules.headers)]).encode()
        exposed = ((b"access-control-expose-headers", ", ".join(EXPOSED).encode()),)
        credentials = ((b"access-control-allow-credentials", b"true"),) if rules.credentials else ()
        self._read: dict[bytes, tuple[tuple[bytes, bytes], ...]] = {}
        for origin in rules.origins:
            named = ((b"access-control-allow-origin", origin.encode()), *credentials)
            self._read[origin.encode()] = fit((*named, *exposed))
        self._any = self._read.pop(ANY.encode(), None)
        self._ask = (
            (b"access-control-allow-headers", allowed),
            (b"access-control-max-age", b"%d" % rules.max_age),
        )

    def mark(self, ctx: Context, headers: Fields) -> None:
        """Add what a page of another site needs to read this response, if it is one of those that may."""
        vary(headers, b"Origin")
        origin = ctx.headers.get(b"origin")
        if origin is None:
            return
        fields = self._read.get(origin, self._any)
        # NOTE: `null` is what sandboxed frames and local files call themselves, anybody's among them.
        if fields is None or origin == b"null":
            return
        headers += fields
        if ctx.method == "OPTIONS" and b"access-control-request-method" in ctx.headers:
            self._answer_ahead(ctx, headers)

    def _answer_ahead(self, ctx: Context, headers: Fields) -> None:
        """Add what a browser is told that asks ahead: the methods of the place are those of `Allow`."""
        headers += self._ask
        allow = next((value for name, value in headers if name == b"allow"), None)
        if allow is None and ctx.status == 404:
            # NOTE: a browser that is told so now would hide it from the page, which may read the 404 of the request.
            allow = _ANY_METHOD
            ctx.status, ctx.payload = 204, b""
            headers[:] = [pair for pair in headers if pair[0] != b"content-type"]
        if allow is not None:
            headers.append((b"access-control-allow-methods", allow))


def cors_of(rules: settings.Cors) -> Cors | None:
    """The rules in a form that is ready for requests, None if no page of another site may read anything."""
    return Cors(rules) if rules.origins else None


def _faults(rules: settings.Cors) -> list[str]:
    """What is wrong with the settings, a sentence each."""
    faults = []
    if ANY in rules.origins and rules.credentials:
        faults.append(
            'cors.origins: "*" together with cors.credentials would let every site act as its visitors: '
            "name the sites, or leave cors.credentials off"
        )
    for origin in rules.origins:
        fault = _fault_of(origin) if origin != ANY else ""
        if fault:
            faults.append(f"cors.origins: {origin!r} {fault}")
    faults += [f"cors.headers: {name!r} is no name of a header field" for name in rules.headers if not _is_name(name)]
    return faults


def refuse_origins(origins: Iterable[str], setting: str) -> None:
    """Raise SettingsError for origins that no browser names, or that must never be allowed; `setting` lists them."""
    faults = [f"{setting}: {origin!r} {fault}" for origin in origins if (fault := _fault_of(origin))]
    if faults:
        raise SettingsError(faults)


def _is_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and name != ANY


def _fault_of(origin: str) -> str:
    """Why no browser calls a site so, empty if one may."""
    if origin == "null":
        return "is the origin of any sandboxed page: it can never be allowed"
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return "is no origin: write one such as https://app.example.com"
    if not parts.scheme or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        return "is no origin: write a scheme and a host, such as https://app.example.com, and nothing after them"
    if not origin.isascii() or not origin.isprintable() or origin != origin.lower() or " " in origin:
        return "is not written as browsers send it: in lower case, and with an international name as xn--..."
    if "*" in origin:
        return "has a wildcard in it: name each site"
    if port is not None and port == _STANDARD_PORTS.get(parts.scheme):
        return f"is not written as browsers send it: they leave out the port {port}"
    return ""
