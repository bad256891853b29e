"""Who is trusted to tell who sent a request, and how that is told on to upstreams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.gateway import peers
from crossbar.gateway.forwarding import Dropper
from crossbar.gateway.peers import FORWARDING, FORWARDING_PREFIXES, Origin, Trusted, forwarded_fields, origin_of

TRUSTED = Trusted(["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1"])
PEER, HOST = "10.0.0.1", b"inside:8080"


# Who is trusted.


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("10.255.0.7", True),
        ("11.0.0.1", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("::ffff:10.1.2.3", True),
        ("::ffff:11.1.2.3", False),
        ("2001:db8:1::7", True),
        ("2001:DB8:1:0::7%eth0", True),
        ("2001:db8:2::7", False),
        ("", False),
        ("unix:/run/crossbar", False),
        ("10.0.0.01", False),
        ("10.0.0.1 ", False),
        ("10.0.0.1%eth0", False),
        ("x" * 10_000, False),
    ],
)
def test_who_is_trusted(address: str, known: bool) -> None:
    """An address counts in each of its spellings, and what is no address is nobody."""
    for _ in ("looked up", "remembered"):
        assert known == TRUSTED.knows(address)


def test_an_ipv4_network_in_the_spelling_of_ipv6() -> None:
    """It is the same network, for both spellings of its addresses."""
    trusted = Trusted(["::ffff:10.0.0.0/104"])
    assert trusted.knows("10.9.9.9")
    assert trusted.knows("::ffff:10.9.9.9")
    assert not trusted.knows("11.9.9.9")


def test_an_address_has_one_spelling() -> None:
    """Whoever counts by address counts each client once."""
    assert ("2001:db8:1::7", True) == TRUSTED.look_up("2001:DB8:1:0::7%eth0")
    assert ("11.1.2.3", False) == TRUSTED.look_up("::ffff:11.1.2.3")
    assert TRUSTED.look_up("unix:/run/crossbar") is None


def test_many_addresses_are_not_all_remembered() -> None:
    """The answers stay right when there is room for no more."""
    trusted = Trusted(["10.0.0.0/8"])
    wrong = [n for n in range(9000) if trusted.knows(f"10.0.{n >> 8}.{n & 255}") == trusted.knows(f"11.0.0.{n % 256}")]
    assert [] == wrong
    assert not trusted.knows("1" * 65)
    assert len(trusted._known) <= 4096
    assert 64 >= max(map(len, trusted._known))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("everybody", "'everybody' is no address or network"),
        ("10.0.0.0/33", "'10.0.0.0/33' is no address"),
        ("", "'' is no address"),
        ("10.0.0.1/8", "'10.0.0.1/8' is an address inside a network: write '10.0.0.0/8'"),
        ("2001:db8::1/32", "write '2001:db8::/32'"),
    ],
)
def test_what_is_no_network_is_told(text: str, told: str) -> None:
    """The sentence says what is wrong, and what to write instead."""
    with pytest.raises(ValueError, match=told):
        Trusted(["10.0.0.0/8", text])


def test_nobody_is_trusted_without_settings() -> None:
    """An empty list is false, so that nobody need ask."""
    assert not Trusted(())
    assert not Trusted(()).knows("127.0.0.1")
    assert Trusted(["::1"])


# What is told on.


@pytest.mark.parametrize(
    ("origin", "peer", "expected"),
    [
        (
            Origin("203.0.113.9", "https", b"a.example"),
            "203.0.113.9",
            ["203.0.113.9", "https", "a.example", "443", "for=203.0.113.9;proto=https;host=a.example"],
        ),
        (
            Origin("2001:db8::7", "http", b"[::1]:81", ("2001:db8::7", "10.0.0.2")),
            "::ffff:10.0.0.1",
            [
                *("2001:db8::7, 10.0.0.2, 10.0.0.1", "http", "[::1]:81", "81"),
                'for="[2001:db8::7]";proto=http;host="[::1]:81", for=10.0.0.2, '
                'for=10.0.0.1;proto=http;host="inside:8080"',
            ],
        ),
        (
            Origin("::1", "https", b"[::1]"),
            "::1",
            ["::1", "https", "[::1]", "443", 'for="[::1]";proto=https;host="[::1]"'],
        ),
        (
            Origin("::1", "http", b"81"),
            "::1",
            ["::1", "http", "81", "80", 'for="[::1]";proto=http;host=81'],
        ),
        (
            Origin("", "http", rb'a"\b'),
            "",
            ["unknown", "http", rb'a"\b'.decode(), "80", r'for=unknown;proto=http;host="a\"\\b"'],
        ),
    ],
    ids=["client", "proxies", "no port", "number as a name", "socket"],
)
def test_what_is_told_on(origin: Origin, peer: str, expected: list[str]) -> None:
    """The chain and the peer, what the client used, and in the other notation how it came to us as well."""
    names = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded"]
    told = forwarded_fields(origin, peer, "http", HOST)
    assert list(zip(names, expected, strict=True)) == [(name.decode(), value.decode()) for name, value in told]


def test_a_long_host_is_told_on_and_forgotten() -> None:
    """It is quoted like any other."""
    host = b"a b" * 1000
    before = peers._fields.cache_info().currsize
    assert (b"x-forwarded-host", host) in forwarded_fields(Origin("::1", "http", host), "::1", "http", host)
    assert before == peers._fields.cache_info().currsize


addresses = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str)
hosts = st.from_regex(rb"\A([0-9A-Za-z._~-]{1,20}|\[::[0-9a-f]{1,4}\])(:[0-9]{1,5})?\Z")


@given(addresses, st.sampled_from(["http", "https"]), hosts, st.integers(0, 29))
def test_what_we_write_we_read_back(client: str, scheme: str, host: bytes, proxies: int) -> None:
    """A second gateway that trusts the first sees the same client, in either notation and in both."""
    everybody = Trusted(["0.0.0.0/0", "::/0"])
    seen = everybody.look_up(client)
    assert seen is not None
    chain = (seen[0], *["10.0.0.2"] * proxies)
    expected = Origin(seen[0], scheme, host, (*chain, PEER))
    told = forwarded_fields(Origin(seen[0], scheme, host, chain), PEER, "http", HOST)
    for fields in (told, told[:3], told[4:]):
        assert expected == origin_of("10.0.0.9", "https", b"else", fields, everybody)


@pytest.mark.parametrize(
    "name",
    [
        *("forwarded", "x-forwarded-for", "X_Forwarded_For", "x-forwarded-prefix", "x-forwarded", "x-real-ip"),
        "client-ip",
        *("x_real_ip", "x-client-ip", "true-client-ip", "x-original-url", "x-original-host", "x-rewrite-url", "proxy"),
    ],
)
def test_what_clients_say_of_it_is_taken_out(name: str) -> None:
    """With these names and prefixes, whoever sends them, in each of their spellings."""
    assert [] == Dropper(FORWARDING, FORWARDING_PREFIXES).kept([(name.encode(), b"6.6.6.6")])
