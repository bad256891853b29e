"""What trusted proxies tell of a request: read from the right, up to the first that is not trusted, and no further."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.errors import BadRequest
from crossbar.gateway.peers import Origin, Trusted, origin_of

Fields = list[tuple[bytes, bytes]]

TRUSTED = Trusted(["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1"])
PEER, HOST = "10.0.0.1", b"inside:8080"


def _origin(*fields: tuple[str, str]) -> Origin:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    return origin_of(PEER, "http", HOST, raw, TRUSTED)


@pytest.mark.parametrize(
    ("told", "chain"),
    [
        ("203.0.113.7", ["203.0.113.7"]),
        ("203.0.113.7, 10.0.0.2", ["203.0.113.7", "10.0.0.2"]),
        ("6.6.6.6, 203.0.113.7,10.0.0.2 , 192.0.2.1", ["203.0.113.7", "10.0.0.2", "192.0.2.1"]),
        ("10.0.0.3, 10.0.0.2", ["10.0.0.3", "10.0.0.2"]),
        ("203.0.113.7:4711", ["203.0.113.7"]),
        ("[2001:DB8::0:7]:4711", ["2001:db8::7"]),
        ("2001:db8::7", ["2001:db8::7"]),
        ("::ffff:203.0.113.7", ["203.0.113.7"]),
        ("203.0.113.7, unknown", []),
        ("203.0.113.7, junk, 10.0.0.2", ["10.0.0.2"]),
        ("203.0.113.7, 10.0.0.2 10.0.0.3", []),
        ("203.0.113.7,, 10.0.0.2", ["10.0.0.2"]),
        ("", []),
        (", ".join(["203.0.113.7"] + ["10.0.0.2"] * 40), ["10.0.0.2"] * 31),
        ("203.0.113." + "7" * 5000, []),
    ],
    ids=[
        *("client", "proxy", "forged", "all trusted", "port", "IPv6 with port", "IPv6", "mapped"),
        *("unknown", "junk inside", "junk", "gap", "empty", "too many", "too long"),
    ],
)
def test_x_forwarded_for_is_read_from_the_right(told: str, chain: list[str]) -> None:
    """The client is the first that is not trusted; what cannot be read ends the chain before it."""
    assert Origin(chain[0] if chain else PEER, "http", HOST, tuple(chain)) == _origin(("x-forwarded-for", told))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("for=203.0.113.7", ("203.0.113.7", "http", HOST)),
        ("For=203.0.113.7;PROTO=HTTPS;Host=a.example", ("203.0.113.7", "https", b"a.example")),
        ('for="[2001:db8::7]:4711";by=_x; host="a.example:81"', ("2001:db8::7", "http", b"a.example:81")),
        ('for="203.0.113.7:_port"', ("203.0.113.7", "http", HOST)),
        ("for=6.6.6.6;proto=https, for=203.0.113.7", ("203.0.113.7", "http", HOST)),
        ("for=203.0.113.7;proto=https, for=10.0.0.2;proto=http", ("203.0.113.7", "https", HOST)),
        ("for=203.0.113.7,,for=10.0.0.2,", ("203.0.113.7", "http", HOST)),
        ("for=203.0.113.7, for=unknown;proto=https", (PEER, "https", HOST)),
        ("for=203.0.113.7, for=_hidden, for=10.0.0.2", ("10.0.0.2", "http", HOST)),
        ("for=203.0.113.7, junk, for=10.0.0.2", ("10.0.0.2", "http", HOST)),
        ("for=203.0.113.7;for=10.0.0.2;proto=https", (PEER, "http", HOST)),
        ('for="203.0.113.7', (PEER, "http", HOST)),
        ("for=203.0.113.7:4711", (PEER, "http", HOST)),
        ('for=";x=", for=203.0.113.7', ("203.0.113.7", "http", HOST)),
        (r'for=203.0.113.7;x="a, for=6.6.6.6;y=\"b\""', ("203.0.113.7", "http", HOST)),
        ('for=203.0.113.7;host="a,for=6.6.6.6";proto=https', ("203.0.113.7", "https", HOST)),
        ('for=203.0.113.7;proto=ftp;host="a/b"', ("203.0.113.7", "http", HOST)),
        ("for=203.0.113.7;x=" + "a" * 2000, (PEER, "http", HOST)),
        ("," * 5000, (PEER, "http", HOST)),
        ("for=203.0.113.7;proto=wss", ("203.0.113.7", "https", HOST)),
        ('for="203.0.113.7\\', (PEER, "http", HOST)),
        (r'for="20\3.0.113\.7"', ("203.0.113.7", "http", HOST)),
    ],
    ids=[
        *("client", "any case", "quoted", "port", "forged", "two", "empty elements", "unknown", "hidden"),
        *("junk inside", "twice", "open quote", "not quoted", "quote to the left", "quoted comma"),
        *("comma in a host", "no such scheme", "too long", "only commas", "WebSocket", "open escape"),
        *("escapes",),
    ],
)
def test_forwarded_is_read_from_the_right(told: str, expected: tuple[str, str, bytes]) -> None:
    """Nothing that stands to the left of what a trusted proxy wrote changes how that is read (RFC 7239, 7.4)."""
    assert expected == _origin(("forwarded", told))[:3]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("for", "203.0.113.7"), ("proto", "https"), ("host", "a")], ("203.0.113.7", "https", b"a")),
        ([("for", "203.0.113.7, 10.0.0.2"), ("proto", "https")], ("203.0.113.7", "https", HOST)),
        ([("for", "6.6.6.6, 203.0.113.7, 10.0.0.2"), ("proto", "ftp, https, http")], ("203.0.113.7", "https", HOST)),
        ([("for", "203.0.113.7, 10.0.0.2"), ("host", "a, b, c")], ("203.0.113.7", "http", HOST)),
        ([("for", "203.0.113.7"), ("proto", "https, http")], ("203.0.113.7", "http", HOST)),
        ([("for", "203.0.113.7"), ("for", "10.0.0.2")], ("203.0.113.7", "http", HOST)),
        ([("proto", "HTTPS"), ("host", "[2001:db8::1]:81")], (PEER, "https", b"[2001:db8::1]:81")),
        ([("proto", "https\t"), ("host", "a b")], (PEER, "https", HOST)),
        ([("host", "a@b")], (PEER, "http", HOST)),
        ([("host", "a:123456")], (PEER, "http", HOST)),
    ],
    ids=[
        *("one", "one of two", "beside", "too many", "several for one", "lines", "no client", "blank"),
        *("userinfo", "port"),
    ],
)
def test_scheme_and_host_belong_to_the_client(fields: list[tuple[str, str]], expected: tuple[str, str, bytes]) -> None:
    """With as many of them as addresses, that which stands beside the client's counts; what is malformed does not."""
    assert expected == _origin(*((f"x-forwarded-{name}", value) for name, value in fields))[:3]


@pytest.mark.parametrize(
    ("forwarded", "x_forwarded"),
    [
        ("for=6.6.6.6", "203.0.113.7"),
        ("for=203.0.113.7, for=10.0.0.2", "203.0.113.7"),
        ("for=unknown", "203.0.113.7"),
        ("for=6.6.6.6", "unknown"),
    ],
)
def test_two_different_clients_are_refused(forwarded: str, x_forwarded: str) -> None:
    """One of them was sent by the client itself, and nobody knows which."""
    with pytest.raises(BadRequest, match="different clients") as caught:
        _origin(("forwarded", forwarded), ("x-forwarded-for", x_forwarded))
    assert "bad_header" == caught.value.word


@pytest.mark.parametrize(
    ("forwarded", "x_forwarded", "address"),
    [
        ('for="203.0.113.7:4711"', "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("proto=https", "203.0.113.7", "203.0.113.7"),
        ("junk", "203.0.113.7", "203.0.113.7"),
        ("", "203.0.113.7", "203.0.113.7"),
        ("for=203.0.113.7", "junk", "203.0.113.7"),
        ("for=203.0.113.7", "", "203.0.113.7"),
    ],
    ids=[
        *("the same", "no address", "junk", "empty", "other junk", "other empty"),
    ],
)
def test_what_agrees_or_is_silent_is_no_contradiction(forwarded: str, x_forwarded: str, address: str) -> None:
    """What only one family tells, and what both of them tell, is believed."""
    assert address == _origin(("forwarded", forwarded), ("x-forwarded-for", x_forwarded)).address


def test_schemes_and_hosts_that_contradict_each_other_are_not_believed() -> None:
    """What the connection says stays."""
    fields = [("forwarded", "for=203.0.113.7;proto=https;host=a"), ("x-forwarded-for", "203.0.113.7")]
    assert ("203.0.113.7", "https", b"a") == _origin(*fields)[:3]
    fields += [("x-forwarded-proto", "http"), ("x-forwarded-host", "b")]
    assert ("203.0.113.7", "http", HOST) == _origin(*fields)[:3]


@pytest.mark.parametrize("peer", ["203.0.113.9", "unix:/run/crossbar", ""])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("forwarded", "for=6.6.6.6;proto=https;host=a"),
        ("forwarded", "for=6.6.6.6, for=10.0.0.2"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "10.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a"),
    ],
)
def test_a_stranger_is_not_believed(peer: str, name: str, value: str) -> None:
    """What a trusted proxy could say, somebody else says in vain."""
    assert Origin(peer, "http", HOST) == origin_of(peer, "http", HOST, [(name.encode(), value.encode())], TRUSTED)


def test_forwarded_is_read_as_far_as_a_chain_goes() -> None:
    """Beyond that, nobody needs to know."""
    told = ", ".join(["for=203.0.113.7"] + ["for=10.0.0.2"] * 40)
    assert ("10.0.0.2",) * 31 == _origin(("forwarded", told)).chain


telling = st.sampled_from([b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"])
pieces = st.sampled_from(
    [b"for=", b'"', b"10.0.0.2", b"203.0.113.7", b",", b";", b"proto=https", b"\\", b"[::1]", b" "]
)
told = st.lists(pieces | st.binary(max_size=4), max_size=20).map(b"".join)


@given(st.lists(st.tuples(telling, told), max_size=5), st.sampled_from(["203.0.113.9", "", "unix", "::1"]))
def test_a_stranger_changes_nothing(fields: Fields, peer: str) -> None:
    """Whatever somebody writes who is not trusted, they are who they are."""
    assert Origin(peer, "http", HOST) == origin_of(peer, "http", HOST, fields, TRUSTED)


@given(telling, told)
def test_junk_is_read_without_a_fall(name: bytes, value: bytes) -> None:
    """Whatever a proxy passes on, there is an address, a scheme and a host, and they can be sent on."""
    origin = origin_of(PEER, "http", HOST, [(name, value)], TRUSTED)
    assert origin.scheme in ("http", "https")
    assert all(TRUSTED.look_up(address) is not None for address in (origin.address, *origin.chain))
    assert all(TRUSTED.knows(address) for address in origin.chain[1:])
    assert origin.address == (origin.chain[0] if origin.chain else PEER)


forging = st.lists(st.sampled_from([",", "for=6.6.6.6", '"', "\\", ";", "x=", " ", "a"]), max_size=12).map("".join)


@given(forging, st.lists(pieces | st.just(b"for=6.6.6.6"), max_size=12).map(b"".join))
def test_what_a_client_can_write_cannot_forge_an_element(host: str, left: bytes) -> None:
    """Neither a value that a proxy quotes for it, nor what it sent itself, tells of another client."""
    quoted = host.replace("\\", "\\\\").replace('"', '\\"').encode()
    value = left + b', for=203.0.113.7;host="' + quoted + b'"'
    expected = "203.0.113.7" if host.count(",") < 4 else PEER
    assert expected == origin_of(PEER, "http", HOST, [(b"forwarded", value)], TRUSTED).address
