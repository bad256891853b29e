"""Where webhooks may go: every spelling of an address that is not public is refused; names are for the connection."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.webhooks.guard import Place, Refused, Sockets, not_public, place
from modules.webhooks.options import WebhookOptions

STRICT = WebhookOptions()
LENIENT = WebhookOptions(allow_private=True)

# Hosts that lead to this machine, to its network, or nowhere.
NOT_PUBLIC = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7F.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "0x0",
    "10.0.0.1",
    "10.1",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[2002:7f00:1::]",
    "[3fff::1]",
    "[4000::1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "foo.localhost",
]

NONSENSE = [
    "",
    "example.com",
    "//example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "http:/example.com/",
    "http://",
    "http:///path",
    "http://user@example.com/",
    "http://user:password@example.com/",
    "http://example.com@127.0.0.1/",
    "http://example.com\\@127.0.0.1/",
    "http://exa mple.com/",
    "http://example.com/a b",
    "http://example.com/\r\nHost: other",
    "http://example.com/\u00e9",
    "http://ex\u00e4mple.com/",
    "http://\u2460\u2461\u2466.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://example.com:/",
    "http://example.com:0x50/",
    "http://example.com:+80/",
    "http://example.com:80:80/",
    "http://[::1/",
    "http://[fe80::1%25eth0]/",
    "http://[127.0.0.1]/",
    "http://[1:2:3]/",
    "http://1.2.3.4.5/",
    "http://999.1.1.1/",
    "http://1.2.3.256/",
    "http://0x/",
    "http://example.0x7f/",
    "http://example.1/",
    "http://-example.com/",
    "http://exam..ple.com/",
    "http://.example.com/",
    f"http://{'x' * 64}.example.com/",
    " http://example.com/",
]


@pytest.mark.parametrize("host", NOT_PUBLIC)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_not_public_is_refused(scheme: str, host: str) -> None:
    """No spelling of an address that is not public passes, unless the operator allows it."""
    with pytest.raises(Refused):
        place(f"{scheme}://{host}/hook", STRICT)


@pytest.mark.parametrize("host", [host for host in NOT_PUBLIC if "localhost" not in host.lower()])
def test_the_operator_can_allow_it(host: str) -> None:
    """With `allow_private` the same addresses pass, written in their one true form."""
    found = place(f"http://{host}/hook", LENIENT)
    assert str(ip_address(found.host)) == found.host


@pytest.mark.parametrize("uri", NONSENSE)
@pytest.mark.parametrize("options", [STRICT, LENIENT], ids=["strict", "lenient"])
def test_what_could_be_read_in_two_ways_is_refused(uri: str, options: WebhookOptions) -> None:
    """A URI that two parsers could read differently is refused, whatever the operator allows."""
    with pytest.raises(Refused, match=r"http:// or https://|neither an address nor a name|port"):
        place(uri, options)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://example.com", Place("http", "example.com", 80, "/", "")),
        ("HTTPS://Example.COM./a?b=c#d", Place("https", "example.com", 443, "/a", "b=c")),
        ("https://example.com:8443/a/%2e%2e/b", Place("https", "example.com", 8443, "/a/%2e%2e/b", "")),
        ("http://example.com?x", Place("http", "example.com", 80, "/", "x")),
        ("http://8.8.8.8/", Place("http", "8.8.8.8", 80, "/", "")),
        ("http://134744072/", Place("http", "8.8.8.8", 80, "/", "")),
        ("http://[2606:4700:0:0::1111]:8080/", Place("http", "2606:4700::1111", 8080, "/", "")),
        ("http://[::ffff:8.8.8.8]/", Place("http", "::ffff:808:808", 80, "/", "")),
        ("http://my_host/", Place("http", "my_host", 80, "/", "")),
        ("http://example.com/a?b=c@d:e/f", Place("http", "example.com", 80, "/a", "b=c@d:e/f")),
    ],
)
def test_what_passes(uri: str, expected: Place) -> None:
    """A URI that may be sent to is taken apart; fragments, which no server sees, are dropped."""
    assert expected == place(uri, STRICT)


def test_the_uri_that_is_requested() -> None:
    """The URI is put together again from its parts, with the query that the delivery has."""
    found = place("http://[2606:4700::1111]:8080/a?b#c", STRICT)
    assert found.url("b&c=d") == "http://[2606:4700::1111]:8080/a?b&c=d"
    assert place("https://example.com:443", STRICT).url("") == "https://example.com/"


@pytest.mark.parametrize(
    ("ports", "port", "passes"),
    [
        ((), 80, True),
        ((), 443, True),
        ((), 1024, True),
        ((), 65_535, True),
        ((), 22, False),
        ((), 25, False),
        ((), 1023, False),
        ((), 65_536, False),
        ((), 0, False),
        ((443,), 443, True),
        ((443,), 80, False),
        ((443,), 8080, False),
        ((25,), 25, True),
    ],
)
def test_ports(ports: tuple[int, ...], port: int, *, passes: bool) -> None:
    """Without a list the web's ports and the free ones pass; with one, those that are on it."""
    options = WebhookOptions(ports=ports)
    if passes:
        assert place(f"http://example.com:{port}/", options).port == port
    else:
        with pytest.raises(Refused, match=rf"port {port} "):
            place(f"http://example.com:{port}/", options)


def test_the_default_port_counts_too() -> None:
    """A URI without a port is held to the list as well."""
    with pytest.raises(Refused, match="port 80 "):
        place("http://example.com/", WebhookOptions(ports=(443,)))


def test_the_message_says_the_way_out() -> None:
    """Who is refused learns what the address is, and which option decides."""
    with pytest.raises(Refused, match=r"169\.254\.169\.254 is a link-local address.*option allow_private"):
        place("http://0xa9fea9fe/latest/meta-data", STRICT)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_inside_ipv6(address: object) -> None:
    """An IPv4 address is judged alike when it is written as IPv6, mapped or translated."""
    plain = not_public(ip_address(str(address)))
    assert plain == not_public(ip_address(f"::ffff:{address}")) == not_public(ip_address(f"64:ff9b::{address}"))


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_public(address: object) -> None:
    """The table is at least as strict as the standard library's."""
    found = ip_address(str(address))
    if not_public(found) is None and getattr(found, "ipv4_mapped", None) is None:
        assert (True, False) == (found.is_global, found.is_multicast)


@given(st.text(max_size=60), st.sampled_from(["http://", "https://", ""]))
def test_any_text(text: str, scheme: str) -> None:
    """Any text is a place or is refused; what is requested then has no character that could break a request."""
    try:
        found = place(scheme + text, STRICT)
    except Refused:
        return
    assert all("!" <= character <= "~" for character in found.url(found.query))


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, ("127.0.0.1", 80)),
        (socket.AF_INET, ("169.254.169.254", 80)),
        (socket.AF_INET6, ("::1", 80, 0, 0)),
        (socket.AF_INET6, ("fe80::1%2", 80, 0, 2)),
        (socket.AF_INET6, ("::ffff:10.0.0.1", 80, 0, 0)),
    ],
)
def test_no_socket_for_an_address_that_is_not_public(family: int, address: tuple[object, ...]) -> None:
    """Whatever name led to it, there is no socket that could connect to such an address; allowed ones get theirs."""
    info = (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)
    with pytest.raises(PermissionError, match="allow_private"):
        Sockets(STRICT)(info)
    with Sockets(LENIENT)(info) as made:
        assert family == made.family
