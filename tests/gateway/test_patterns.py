"""Path templates, rewrites, and what two servers could read differently."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.gateway.patterns import Pattern, Rewrite, ambiguous, climbs

# Templates.


@pytest.mark.parametrize(
    ("text", "segments", "parameters", "rest"),
    [
        ("/", ("",), (), False),
        ("/**", (), (), True),
        ("/a", ("a",), (), False),
        ("/a/", ("a", ""), (), False),
        ("/a/**", ("a",), (), True),
        ("/a/{b}/c", ("a", None, "c"), ("b",), False),
        ("/{a}/{_b2}/**", (None, None), ("a", "_b2"), True),
        ("/%61bc/%2f%7Bx%7d", ("abc", "/{x}"), (), False),
        ("/%C3%A9/a:b@c;d,e=f~", ("é", "a:b@c;d,e=f~"), (), False),
        ("/%2A", ("*",), (), False),
    ],
)
def test_what_a_template_says(
    text: str, segments: tuple[str | None, ...], parameters: tuple[str, ...], rest: bool
) -> None:
    """Literals are decoded once, a parameter is None, and a trailing slash is a segment."""
    assert Pattern(text, segments, parameters, rest) == Pattern.parse(text)


FAULTS = [
    ("a/b", "does not begin with '/'"),
    ("", "does not begin with '/'"),
    ("/a?b", "has a '?'"),
    ("/a#b", "has a '#'"),
    ("/a//b", "has an empty segment"),
    ("//", "has an empty segment"),
    ("/a//**", "has an empty segment"),
    ("/**/a", "has a '*' in '**'"),
    ("/**/", "has a '*' in '**'"),
    ("/a*", "has a '*' in 'a*'"),
    ("/*", "has a '*' in '*'"),
    ("/{}", "has a parameter without a name"),
    ("/{a-b}", "has the parameter 'a-b'"),
    ("/{1a}", "has the parameter '1a'"),
    ("/{é}", "has the parameter 'é'"),
    ("/{a}{b}", "has the parameter 'a}{b'"),
    ("/x{a}", "has a brace in 'x{a}'"),
    ("/{a}x", "has a brace in '{a}x'"),
    ("/{a", "has a brace in '{a'"),
    ("/a}", "has a brace in 'a}'"),
    ("/./a", "has the segment '.', which is no name"),
    ("/a/..", "has the segment '..', which is no name"),
    ("/%2e%2E/a", "has the segment '%2e%2E', which is no name"),
    ("/a%", "has 'a%': write"),
    ("/a%2", "has 'a%2': write"),
    ("/%zz", "has '%zz': write"),
    ("/é", "has 'é': write"),
    ("/a b", "has 'a b': write"),
    ("/a\n", "has 'a\\n': write"),
    ("/%ff", "which is not UTF-8"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS, ids=[text for text, _ in FAULTS])
def test_what_is_no_template(text: str, message: str) -> None:
    """One sentence with the template in it, the same for a rewrite."""
    with pytest.raises(ValueError, match=re.escape(f"{text!r} {message}" if "UTF-8" not in message else message)):
        Pattern.parse(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        Rewrite.parse(text, (), True)


def test_a_name_stands_for_one_segment() -> None:
    """Two parameters of one name are refused; a rewrite may use one twice."""
    with pytest.raises(ValueError, match="two parameters called 'a'"):
        Pattern.parse("/{a}/b/{a}")
    assert b"/1/1" == Rewrite.parse("/{a}/{a}", ["a"], False).apply({"a": b"1"}, b"")


@given(st.text(alphabet="/{}ab*%2eé?#. _", max_size=12))
def test_any_text_is_a_template_or_a_sentence(text: str) -> None:
    """Nothing but ValueError; and what is one describes itself."""
    with contextlib.suppress(ValueError):
        pattern = Pattern.parse(text)
        assert pattern.segments.count(None) == len(pattern.parameters)
        assert pattern.rest == text.endswith("/**")
        assert len(pattern.segments) + pattern.rest == text.count("/")


# Rewrites.


@pytest.mark.parametrize(
    ("text", "rest", "expected"),
    [
        ("/api/{account}/invoices/**", b"/7/pdf", b"/api/a%2Fb/invoices/7/pdf"),
        ("/api/{account}/invoices/**", b"", b"/api/a%2Fb/invoices"),
        ("/api/{account}/invoices/**", b"/", b"/api/a%2Fb/invoices/"),
        ("/api/{account}/invoices", b"/7", b"/api/a%2Fb/invoices"),
        ("/{item}/{account}/**", b"/%7e//x", b"/%zz/a%2Fb/%7e//x"),
        ("/100%25/{item}", b"", b"/100%25/%zz"),
        ("/%7Eme/", b"", b"/%7Eme/"),
        ("/**", b"", b"/"),
        ("/**", b"/", b"/"),
        ("/**", b"/x/", b"/x/"),
        ("/", b"/x", b"/"),
    ],
)
def test_the_path_for_the_upstream(text: str, rest: bytes, expected: bytes) -> None:
    """What came is put in byte for byte, literals as they are written, and no path is empty."""
    rewrite = Rewrite.parse(text, {"account", "item"}, True)
    assert expected == rewrite.apply({"account": b"a%2Fb", "item": b"%zz"}, rest)


def test_a_rewrite_has_only_what_the_route_has() -> None:
    """A parameter or a remainder that the route does not have is refused."""
    with pytest.raises(ValueError, match="wants the parameter 'b': the route has a, c"):
        Rewrite.parse("/{b}", ["c", "a"], False)
    with pytest.raises(ValueError, match="wants the parameter 'b': the route has none"):
        Rewrite.parse("/{b}", [], False)
    with pytest.raises(ValueError, match="the path of the route does not"):
        Rewrite.parse("/a/**", [], False)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_bytes_are_left_alone(account: bytes, rest: bytes) -> None:
    """Whatever a request has is sent on as it is."""
    rewrite = Rewrite.parse("/%25d/{a}/**", ["a"], True)
    assert b"/%25d/" + account + b"/" + rest == rewrite.apply({"a": account}, b"/" + rest)


# What two servers could read differently.

PLAIN = [
    *(
        "/",
        "/a",
        "/a/",
        "/a/b-c_d.e~f",
        "/v2/accounts/1",
        "/.well-known/x",
        "/a..b/..c/d../...",
        "/a.b",
        "/%20a",
        "/%C3%A9",
    ),
    *(
        "/a:b@c!$&'()*+,=",
        "/[x]|y",
        "/100%25",
        "/100%25x",
        "/%3Fq%3D1%23",
        "/~x/%7ex",
        "/%61",
        "/a%3Bb",
        "/....//".rstrip("/"),
    ),
]
CLIMBING = [
    *("/.", "/..", "/../a", "/a/../b", "/a/./b", "/a/..", "/a/.", "/%2e%2e/a", "/a/.%2E/b", "/a/%2e./b", "/%2e"),
    *("/a/..;x/b", "/a/..;/b", "/a/.;x", "/a/%2e%2e;x", "/a/..%3bx/b", "/a\\..\\b", "/a/..\\b", "/a\\..", "/\\.."),
    *("/a/..%2fb", "/a%2F..%2Fb", "/a%2f%2e%2e%2fb", "/a/..%5cb", "/a%5C..%5cb", "/a/%252e%252e/b", "/a/..%252fb"),
    *(
        "/a/%25%32%65%2e/b",
        "/a/%25252e%25252e/b",
        "/a/..%00/b",
        "/a/.%00./b",
        "/a/%09../b",
        "/a/..%20/b",
        "/a/..%7f",
        "/ ./a",
    ),
]
ODD = {
    "/a//b": "an empty segment",
    "//a": "an empty segment",
    "/a//": "an empty segment",
    "/a%2Fb": "an encoded slash",
    "/a%2fb": "an encoded slash",
    "/a%5Cb": "an encoded backslash",
    "/a%5cb": "an encoded backslash",
    "/a\\b": "a backslash",
    "/a;b": "a ';'",
    "/a#b": "a '#'",
    "/a?b": "a second '?'",
    "/a%00b": "an encoded control character",
    "/a%0Ab": "an encoded control character",
    "/a%1fb": "an encoded control character",
    "/a%7Fb": "an encoded control character",
    "/a\0b": "the byte 0x00",
    "/a b": "the byte 0x20",
    "/a\x7fb": "the byte 0x7F",
    "/é": "the byte 0xE9",
    "/%": "a '%' without",
    "/%2": "a '%' without",
    "/%zz/b": "a '%' without",
    "/%+1": "a '%' without",
    "/%u0041": "a '%' without",
    "/%252f": "encoded twice",
    "/%2561dmin": "encoded twice",
    "/%25%36%31": "encoded twice",
    "/%ff": "not UTF-8",
    "/%c0%ae": "not UTF-8",
    "/%ed%a0%80": "not UTF-8",
}


@pytest.mark.parametrize("path", PLAIN)
def test_a_plain_path(path: str) -> None:
    """Everybody reads it the same way."""
    assert ("", False) == (ambiguous(path.encode("latin-1")), climbs(path.encode("latin-1")))


@pytest.mark.parametrize("path", CLIMBING)
def test_a_path_that_climbs(path: str) -> None:
    """A segment of dots for somebody, however it is written."""
    raw = path.encode("latin-1")
    assert ("the path has a segment of dots, which some servers resolve", True) == (ambiguous(raw), climbs(raw))


@pytest.mark.parametrize(("path", "what"), ODD.items(), ids=repr)
def test_a_path_that_can_be_read_in_two_ways(path: str, what: str) -> None:
    """The sentence names what it is; the path stays where it is."""
    raw = path.encode("latin-1")
    assert (True, False) == (what in ambiguous(raw), climbs(raw))


def test_a_path_that_is_encoded_all_the_time() -> None:
    """Nobody decodes for ever: what is encoded five times is refused unread, and it takes no time."""
    assert not climbs(b"/%" + b"25" * 2 + b"41")
    assert climbs(b"/%" + b"25" * 4_000 + b"41")


PIECES = ["/", "a", ".", "..", "%2e", "%2E", "%2f", "%5c", "\\", "%25", "2e", ";", "%00", "%", " ", "é", "//", "%41"]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map(lambda pieces: ("/" + "".join(pieces)).encode()))
def test_no_reader_climbs_out_of_what_is_let_through(raw: bytes) -> None:
    """However a server decodes, splits and cuts, it finds no dots in a path that does not climb."""
    if climbs(raw):
        assert ambiguous(raw)
        return
    for times in range(4):
        read = raw
        for _ in range(times):
            read = unquote_to_bytes(read)
        for cut in (read, read.replace(b"\0", b""), read.replace(b"\\", b"/")):
            assert not {b".", b".."} & {segment.split(b";")[0].strip(b" ") for segment in cut.split(b"/")}


@given(st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=4))
def test_what_is_unambiguous_is_read_in_one_way(segments: list[bytes]) -> None:
    """Decoding before splitting, decoding twice, and dropping empty segments change nothing about it."""
    raw = b"".join(b"/" + quote_from_bytes(segment, safe=";%\\").encode() for segment in segments)
    if ambiguous(raw):
        return
    split_first = [unquote_to_bytes(segment) for segment in raw.split(b"/")[1:]]
    decoded = unquote_to_bytes(raw)
    assert split_first == decoded.split(b"/")[1:]
    assert decoded == unquote_to_bytes(decoded)
    assert b"" not in split_first[:-1]
