"""Who sent a request, told by the proxies before us, and how that is told to the upstream (RFC 7239). Pure.

Whoever connects can write what they like into `Forwarded` and `X-Forwarded-*`. So it is believed only from peers that
the settings name, and from right to left: each proxy writes down, at the right end, whom it has the request from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeVar

from ..errors import BadRequest

FORWARDING = frozenset(
    b"forwarded proxy client-ip x-real-ip x-client-ip x-cluster-client-ip x-remote-ip x-remote-addr x-originating-ip "
    b"true-client-ip cf-connecting-ip fastly-client-ip x-host x-scheme x-url-scheme "
    b"x-rewrite-url front-end-https".split()
)
"""Names in which somebody may say where a request is from or for: taken out of each, whoever sends it.

`Proxy` is among them because CGI makes the variable HTTP_PROXY of it.
"""
FORWARDING_PREFIXES = (b"x-forwarded", b"x-original-", b"x-envoy-")
"""How the other names of that kind begin."""

_TELLING = frozenset(b"forwarded x-forwarded-for x-forwarded-proto x-forwarded-host".split())
MOST_HOPS = 32
"""How many addresses of a chain are sent on, the peer's among them."""
_MOST_KNOWN = 4096
_LONGEST_NODE = 64
_LONGEST_ELEMENT = 1024
_MOST_COMMAS = 4
_TOKEN = rb"[0-9A-Za-z!#$%&'*+.^_`|~-]+"
_PAIR = rb"(" + _TOKEN + rb")=(" + _TOKEN + rb'|"(?:[^"\\]|\\.)*")'
_PAIRS = re.compile(_PAIR, re.DOTALL)
_ELEMENT = re.compile(rb"(?:" + _PAIR + rb")?(?:;[ \t]*(?:" + _PAIR + rb")?)*", re.DOTALL)
_PLAIN = re.compile(_TOKEN)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_WITH_PORT = re.compile(r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?")
_HOST = re.compile(rb"(?:[0-9A-Za-z._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
# NOTE: some proxies call what carries a WebSocket `ws` and `wss`.
_SCHEMES = {b"http": "http", b"https": "https", b"ws": "http", b"wss": "https"}
_PORTS = {"http": b"80", "https": b"443"}

T = TypeVar("T")


class Origin(NamedTuple):
    """Who sent a request, and to what: the client's address, and the scheme and host that the client used.

    `chain` has the addresses that trusted proxies told, the client first; empty if the client is the peer itself.
    """

    address: str
    scheme: str
    host: bytes
    chain: tuple[str, ...] = ()


class Trusted:
    """The proxies whose word is believed: `10.0.0.0/8`, `2001:db8::1`. ValueError for what is no address or network."""

    __slots__ = ("_known", "_networks")

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [_network(text) for text in networks]
        self._known: dict[str, tuple[str, bool] | None] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def knows(self, address: str) -> bool:
        """Whether the one at this address is believed; False for what is no address, such as a socket's path."""
        found = self.look_up(address)
        return found is not None and found[1]

    def look_up(self, address: str) -> tuple[str, bool] | None:
        """An address in its one right spelling, and whether it is trusted; None if it is no address."""
        if address in self._known:
            return self._known[address]
        parsed = _address(address)
        found = None if parsed is None else (str(parsed), any(parsed in network for network in self._networks))
        # NOTE: addresses are as many as clients make them, so there is an end to what is remembered.
        if len(address) <= _LONGEST_NODE:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[address] = found
        return found


class _Told(NamedTuple):
    """What one family of fields tells: the chain, and the client's scheme and host; None for what it does not tell."""

    chain: tuple[str, ...] | None = None
    scheme: str | None = None
    host: bytes | None = None


def origin_of(peer: str, scheme: str, host: bytes, fields: Iterable[tuple[bytes, bytes]], trusted: Trusted) -> Origin:
    """Who sent a request that came from `peer` over `scheme` (http or https) for `host`.

    If the peer is trusted, that is the first address from the right of `Forwarded` or `X-Forwarded-For` that is not.
    What is malformed, obfuscated or unknown ends the chain, and so do 31 addresses: the client is the last before that.

    NOTE: most proxies write one of the two families and let the other one pass as the client sent it, and nobody can
    tell from here which one that is. So what one tells is believed if the other is silent. If they tell of different
    clients, BadRequest; if of different schemes or hosts, neither is believed.
    """
    known = trusted.look_up(peer)
    if known is None or not known[1]:
        return Origin(peer if known is None else known[0], scheme, host)
    told: dict[bytes, bytes] = {}
    for name, value in fields:
        if name in _TELLING:
            told[name] = b"%b,%b" % (told[name], value) if name in told else value
    if not told:
        return Origin(known[0], scheme, host)
    one, other = _forwarded(told, trusted), _x_forwarded(told, trusted)
    if one.chain is not None and other.chain is not None and one.chain != other.chain:
        raise BadRequest(
            "Forwarded and X-Forwarded-For tell of different clients: a proxy has to write both of them, or remove one",
            word="bad_header",
        )
    chain = one.chain or other.chain or ()
    return Origin(
        chain[0] if chain else known[0],
        _agreed(one.scheme, other.scheme) or scheme,
        _agreed(one.host, other.host) or host,
        chain,
    )


def forwarded_fields(origin: Origin, peer: str, scheme: str, host: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The fields that tell an upstream who sent the request; `peer`, `scheme` and `host` are those of the connection.

    Whatever came under these names has to be taken out: see FORWARDING. The port is the one that the client used: that
    of the host, or the usual one of the scheme (RFC 9110, 4.2).
    """
    return (_fields if len(host) <= _LONGEST_ELEMENT else _fields.__wrapped__)(origin, peer, scheme, host)


# PERF: a client that sends one request sends more of them.
@lru_cache(1024)
def _fields(origin: Origin, peer: str, scheme: str, host: bytes) -> tuple[tuple[bytes, bytes], ...]:
    parsed = _address(peer)
    chain = [*origin.chain, "unknown" if parsed is None else str(parsed)]
    elements = [b"for=" + _quoted(f"[{address}]" if ":" in address else address) for address in chain]
    # Each proxy tells how the request came to it: the outermost one what the client used, and we our own connection.
    elements[0] += b";proto=%b;host=%b" % (origin.scheme.encode(), _quoted(origin.host))
    if origin.chain:
        elements[-1] += b";proto=%b;host=%b" % (scheme.encode(), _quoted(host))
    port = origin.host.rpartition(b":")[2] if b":" in origin.host else b""
    return (
        (b"x-forwarded-for", ", ".join(chain).encode()),
        (b"x-forwarded-proto", origin.scheme.encode()),
        (b"x-forwarded-host", origin.host),
        (b"x-forwarded-port", port if port.isdigit() else _PORTS[origin.scheme]),
        (b"forwarded", b", ".join(elements)),
    )


def _forwarded(told: dict[bytes, bytes], trusted: Trusted) -> _Told:
    """What `Forwarded` tells: scheme and host are in the element that names the client (RFC 7239, 4)."""
    chain: list[str] = []
    last: dict[bytes, bytes] = {}
    for last in _elements(told.get(b"forwarded", b"")):
        found = _node(last.get(b"for", b""), trusted)
        if found is not None:
            chain.append(found[0])
        if found is None or not found[1]:
            break
    silent = not chain and b"for" not in last
    return _Told(None if silent else tuple(reversed(chain)), _scheme(last.get(b"proto")), _host(last.get(b"host")))


def _x_forwarded(told: dict[bytes, bytes], trusted: Trusted) -> _Told:
    """What `X-Forwarded-*` tell: with as many schemes or hosts as addresses, those belong together."""
    addresses = told.get(b"x-forwarded-for")
    if addresses is None:
        return _Told(None, _scheme(told.get(b"x-forwarded-proto")), _host(told.get(b"x-forwarded-host")))
    chain: list[str] = []
    seen, node = 0, b""
    for node in reversed(addresses.rsplit(b",", MOST_HOPS - 1)[1 - MOST_HOPS :]):
        seen += 1
        found = _node(node, trusted)
        if found is not None:
            chain.append(found[0])
        if found is None or not found[1]:
            break
    commas = addresses.count(b",")

    def beside(name: bytes) -> bytes | None:
        value = told.get(name)
        return value if value is None or not commas or value.count(b",") != commas else value.split(b",")[-seen]

    silent = not chain and node.strip(b" \t").lower() != b"unknown"
    return _Told(
        None if silent else tuple(reversed(chain)),
        _scheme(beside(b"x-forwarded-proto")),
        _host(beside(b"x-forwarded-host")),
    )


def _elements(text: bytes) -> Iterator[dict[bytes, bytes]]:
    """The elements of `Forwarded` from the right, up to one that is malformed; empty ones are passed over.

    An element ends at a comma that is not quoted. Read from the right, the text after the last comma is one if it is
    well-formed; else the comma may have been a quoted one, and the text after the comma before it is tried. What a
    client wrote to the left of a proxy's element cannot change how that is read.
    """
    end = len(text)
    for _ in range(MOST_HOPS - 1):
        start, pairs = end, None
        for _ in range(_MOST_COMMAS):
            start = text.rfind(b",", 0, start)
            if end - start > _LONGEST_ELEMENT:
                return
            pairs = _pairs(text[start + 1 : end])
            if pairs is not None or start < 0:
                break
        if pairs is None:
            return
        if pairs:
            yield pairs
        end = start
        if end < 0:
            return


def _pairs(element: bytes) -> dict[bytes, bytes] | None:
    """The parameters of an element, their values unquoted; None if it is malformed or one is there twice."""
    element = element.strip(b" \t")
    if not _ELEMENT.fullmatch(element):
        return None
    found = _PAIRS.findall(element)
    pairs = {name.lower(): _ESCAPED.sub(rb"\1", value[1:-1]) if value[:1] == b'"' else value for name, value in found}
    return pairs if len(pairs) == len(found) else None


def _node(value: bytes, trusted: Trusted) -> tuple[str, bool] | None:
    """The address of a node, with or without a port (RFC 7239, 6), and whether it is trusted; None if it tells none."""
    text = value.strip(b" \t").decode("latin-1")
    match = _WITH_PORT.fullmatch(text)
    return trusted.look_up(text if match is None else match[1] or match[2])


def _scheme(value: bytes | None) -> str | None:
    return None if value is None else _SCHEMES.get(value.strip(b" \t").lower())


def _host(value: bytes | None) -> bytes | None:
    value = value and value.strip(b" \t")
    return value if value and _HOST.fullmatch(value) else None


def _agreed(one: T | None, other: T | None) -> T | None:
    """What one of two tells, or both of them; None if they contradict each other."""
    return other if one is None or one == other else one if other is None else None


def _quoted(value: str | bytes) -> bytes:
    """A value of a parameter, quoted if it is no token."""
    raw = value.encode() if isinstance(value, str) else value
    return raw if _PLAIN.fullmatch(raw) else b'"%b"' % raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address without its zone, one of IPv4 that is written as one of IPv6 as what it is; None if it is none."""
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, IPv4Address):
        return parsed
    return parsed.ipv4_mapped or IPv6Address(int(parsed))


def _network(text: str) -> IPv4Network | IPv6Network:
    """A network, one of IPv4 in the spelling of IPv6 as what it is; ValueError says what is wrong."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no address or network: write one such as 10.0.0.0/8 or 2001:db8::1") from None
    if "/" in text and str(network.network_address) != str(ip_address(text.partition("/")[0])):
        raise ValueError(f"{text!r} is an address inside a network: write {str(network)!r}, or the address alone")
    if isinstance(network, IPv6Network) and network.prefixlen >= 96 and network.network_address.ipv4_mapped:
        return IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    return network
