"""Where deliveries may go: which URIs are taken, and which addresses are connected to.

A webhook's URI comes from a customer, and the request is made from inside the operator's network: without a guard it
would be a way to whatever listens there. So a URI is read here, once, by one strict expression, and the request is made
of what was read; and the address is checked when the socket is made that connects to it, whatever its name resolved to.
"""

from __future__ import annotations

import re
import socket
from errno import EACCES
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, NamedTuple

from .options import WebhookOptions

Address = IPv4Address | IPv6Address

_URI = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\.?))"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.ASCII | re.IGNORECASE,
)
_PLAIN = re.compile(r"[!-~]+", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024

# RFC 6890 and the registries that have grown out of it: what no server on the public internet has as its address.
_NOT_PUBLIC_4 = tuple(
    (IPv4Network(network), word)
    for network, word in (
        ("0.0.0.0/8", "an unspecified"),
        ("10.0.0.0/8", "a private"),
        ("100.64.0.0/10", "a carrier's private"),
        ("127.0.0.0/8", "a loopback"),
        ("169.254.0.0/16", "a link-local"),
        ("172.16.0.0/12", "a private"),
        ("192.0.0.0/24", "a reserved"),
        ("192.0.2.0/24", "a documentation"),
        ("192.88.99.0/24", "a reserved"),
        ("192.168.0.0/16", "a private"),
        ("198.18.0.0/15", "a benchmarking"),
        ("198.51.100.0/24", "a documentation"),
        ("203.0.113.0/24", "a documentation"),
        ("224.0.0.0/4", "a multicast"),
        ("240.0.0.0/4", "a reserved"),
    )
)
_NOT_PUBLIC_6 = tuple(
    (IPv6Network(network), word)
    for network, word in (
        ("::/128", "an unspecified"),
        ("::1/128", "a loopback"),
        ("fc00::/7", "a private"),
        ("fe80::/10", "a link-local"),
        ("ff00::/8", "a multicast"),
        ("2001::/23", "a reserved"),
        ("2001:db8::/32", "a documentation"),
        ("2002::/16", "a reserved"),
        ("3fff::/20", "a documentation"),
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
# An IPv4 address in its last four bytes, which is where the packets go.
_HOLDING_4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


class Refused(Exception):
    """A URI or an address that nothing is sent to; the text says why."""


class Place(NamedTuple):
    """A URI that may be sent to, in its parts; `host` is a name in lower case or an address in its one true form."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    def url(self, query: str) -> str:
        """The URI to request, with another query."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}" + (f"?{query}" if query else "")


def place(uri: str, options: WebhookOptions) -> Place:
    """The parts of a URI that may be sent to as far as it tells itself; Refused otherwise."""
    found = _URI.fullmatch(uri)
    if found is None or not _PLAIN.fullmatch(uri) or "\\" in uri:
        raise Refused(
            "write http:// or https://, a host name or an address, perhaps a port, and the path in ASCII; "
            "user names and passwords have no place in it"
        )
    scheme = found["scheme"].lower()
    port = int(found["port"] or _PORTS[scheme])
    _refuse_port(port, options)
    host = found["six"] or found["name"].lower().removesuffix(".")
    address = _literal(found["six"], host)
    if address is not None:
        host = str(address)
        refuse_address(address, options)
    elif not options.allow_private and (host == "localhost" or host.endswith(".localhost")):
        raise Refused(f"{host} is this machine itself, and {_WAY_OUT}")
    return Place(scheme, host, port, found["path"] or "/", found["query"] or "")


def refuse_address(address: Address, options: WebhookOptions) -> None:
    """Raise Refused for an address that is not public, unless the options allow such."""
    what = None if options.allow_private else not_public(address)
    if what is not None:
        raise Refused(f"{address} is {what} address, and {_WAY_OUT}")


def not_public(address: Address) -> str | None:
    """What sort of address it is, with its article, if it is not a public one; None if it is."""
    if isinstance(address, IPv6Address):
        if any(address in network for network in _HOLDING_4):
            return not_public(IPv4Address(address.packed[-4:]))
        for network, word in _NOT_PUBLIC_6:
            if address in network:
                return word
        return None if address in _PUBLIC_6 else "a reserved"
    return next((word for network, word in _NOT_PUBLIC_4 if address in network), None)


class Sockets:
    """Makes the sockets that deliveries are sent over, each for an address that was checked in that moment."""

    def __init__(self, options: WebhookOptions) -> None:
        self._options = options

    def __call__(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for one entry of `getaddrinfo`; PermissionError if nothing may be sent to its address."""
        family, kind, protocol, _, where = info
        # NOTE: a link-local address may carry its interface, such as fe80::1%eth0.
        text = str(where[0]).partition("%")[0]
        address = IPv6Address(text) if family == socket.AF_INET6 else IPv4Address(text)
        try:
            refuse_address(address, self._options)
        except Refused as refused:
            raise PermissionError(EACCES, str(refused)) from None
        return socket.socket(family, kind, protocol)


_WAY_OUT = "webhooks go to public ones only (option allow_private)"


def _literal(six: str | None, host: str) -> Address | None:
    """The address that a host is, in any form that a resolver takes, such as 127.1 or 2130706433; None for a name."""
    try:
        if six is not None:
            return IPv6Address(six)
        # NOTE: a name whose last part is a number is an address, or nothing (WHATWG URL, "ends in a number").
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        raise Refused(f"{host} is neither an address nor a name") from None
    return None


def _refuse_port(port: int, options: WebhookOptions) -> None:
    if options.ports:
        if port not in options.ports:
            allowed = ", ".join(map(str, options.ports))
            raise Refused(f"port {port} is not among those that webhooks may go to: {allowed} (option ports)")
    elif port not in _PORTS.values() and not _FIRST_FREE_PORT <= port <= 65_535:
        raise Refused(f"port {port} is not among those that webhooks may go to: 80, 443, and from 1024 on")
