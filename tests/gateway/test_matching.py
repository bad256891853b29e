"""The table of routes: the most specific one wins, ties are told, and a tree finds what a list would find."""

from __future__ import annotations

import pytest

from crossbar.gateway.matching import MOST_HOSTS, Clash, Found, Missed, RouteTable, Rule, literal_prefix
from crossbar.gateway.patterns import Pattern


def rule(text: str) -> Rule[str]:
    """Make a rule of `METHOD,METHOD HOST,HOST PATH NAME=VALUE NAME=VALUE`, with `*` for any; it is for its text."""
    methods, hosts, path, *conditions = text.split(" ")
    return Rule(
        Pattern.parse(path),
        tuple(hosts.split(",")) if hosts != "*" else (),
        tuple(methods.split(",")) if methods != "*" else (),
        dict(each.split("=") for each in conditions),
        text,
        f"route {text!r}",
    )


def find(rules: list[str], path: str, method: str = "GET", host: str = "h", **headers: str) -> str | Missed | None:
    """Look up a request: the text of its rule, or why there is none."""
    fields = {name.encode(): value.encode() for name, value in headers.items()}
    found = RouteTable(map(rule, rules)).find(host.encode(), path.encode(), method, fields)
    return found.what if isinstance(found, Found) else found


# Paths.


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/", "/", ({}, b"")),
        ("/", "/a", None),
        ("/", "//", None),
        ("/**", "/", ({}, b"/")),
        ("/**", "/a/b", ({}, b"/a/b")),
        ("/a", "/a", ({}, b"")),
        ("/a", "/a/", None),
        ("/a", "/A", None),
        ("/a/", "/a/", ({}, b"")),
        ("/a/", "/a", None),
        ("/a/**", "/a", ({}, b"")),
        ("/a/**", "/a/", ({}, b"/")),
        ("/a/**", "/a/b/c/", ({}, b"/b/c/")),
        ("/a/**", "/a//b", ({}, b"//b")),
        ("/a/**", "/ab", None),
        ("/a/{x}", "/a/b", ({"x": b"b"}, b"")),
        ("/a/{x}", "/a/", None),
        ("/a/{x}", "/a/b/", None),
        ("/a/{x}/", "/a/b/", ({"x": b"b"}, b"")),
        ("/{x}/{y}/**", "/a%2Fb/%7e/%20/", ({"x": b"a%2Fb", "y": b"%7e"}, b"/%20/")),
        ("/{x}/b", "/a/b", ({"x": b"a"}, b"")),
        ("/{x}/b", "//b", None),
        ("/%61bc", "/abc", ({}, b"")),
        ("/abc", "/%61b%63", ({}, b"")),
        ("/a:b", "/a%3Ab", ({}, b"")),
        ("/a%2Fb", "/a%2fb", ({}, b"")),
        ("/a/b", "/a%2Fb", None),
        ("/a%25b", "/a%25b", ({}, b"")),
        ("/a", "/%2561", None),
        ("/a/**", "*", None),
        ("/a/**", "a", None),
        ("/**", "", None),
    ],
)
def test_a_path(pattern: str, path: str, expected: tuple[dict[str, bytes], bytes] | None) -> None:
    """Split first, then decoded once for the comparison; what is found is raw."""
    found = RouteTable([rule(f"* * {pattern}")]).find(b"", path.encode(), "GET", {})
    assert expected == (found and found[1:])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b/c", "/a/b/c"),
        ("/a/b/d", "/a/{x}/d"),
        ("/a/b/e", "/a/**"),
        ("/a/b", "/a/**"),
        ("/a/b/", "/a/**"),
        ("/b/b", "/{x}/b"),
        ("/a", "/a"),
        ("/a/", "/a/**"),
        ("/x/b", "/{x}/b"),
        ("/b/c", "/b/c"),
        ("/b/d", "/**"),
        ("/", "/**"),
    ],
)
def test_segment_by_segment(path: str, expected: str) -> None:
    """A literal first, then a parameter, then the end, then the rest; back where that leads nowhere."""
    texts = [f"* * {each}" for each in ("/**", "/a/**", "/{x}/b", "/a", "/a/{x}/d", "/a/b/c", "/b/c")]
    assert f"* * {expected}" == find(texts, path) == find(texts[::-1], path)


def test_a_path_of_many_slashes_is_not_cut_up() -> None:
    """What no rule can look at stays in one piece, and comes back whole."""
    found = RouteTable([rule("* * /a/**")]).find(b"", b"/a" + b"/" * 100_000, "GET", {})
    assert Found("* * /a/**", {}, b"/" * 100_000) == found


# Hosts.


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("api.example.com", "api.example.com"),
        ("API.Example.COM:8080", "api.example.com"),
        ("api.example.com.", "api.example.com"),
        ("api.example.com:", "api.example.com"),
        ("x.api.example.com", "*.api.example.com"),
        ("y.x.api.example.com:1", "*.api.example.com"),
        ("b.example.com", "*.example.com"),
        ("example.com", "*"),
        (".example.com", "*"),
        (".api.example.com", "*.example.com"),
        ("[::1]:443", "[::1]"),
        ("[::1]", "[::1]"),
        ("[::2]", "*"),
        ("", "*"),
        ("é", "*"),
        ("a." * 300 + "example.com", "*"),
    ],
)
def test_a_host(host: str, expected: str) -> None:
    """An exact name first, then the longest wildcard; in any case, with and without a port."""
    hosts = ["*.example.com", "*", "*.API.example.com", "Api.example.com", "[::1]"]
    found = find([f"* {each} /a" for each in hosts], "/a", host=host)
    assert f"* {expected} /a" == str(found).replace("API", "api").replace("Api", "api")


def test_the_next_host_is_asked() -> None:
    """A host without a route for a path leaves it to the wider one, for a method as well."""
    rules = ["* a.b.c /x", "GET *.b.c /y", "POST * /y", "* * /**"]
    assert ["* a.b.c /x", "GET *.b.c /y", "POST * /y", "* * /**"] == [
        find(rules, "/x", host="a.b.c"),
        find(rules, "/y", host="a.b.c"),
        find(rules, "/y", "POST", host="a.b.c"),
        find(rules, "/z", host="a.b.c"),
    ]
    assert Missed(("GET", "HEAD", "POST")) == find(rules[:3], "/y", "PUT", host="a.b.c")


def test_hosts_of_strangers_take_no_room() -> None:
    """However many hosts are made up, few are remembered, and the right ones are found."""
    table = RouteTable([rule("* a /x"), rule("* *.b /x")])
    for number in range(MOST_HOSTS * 2 + 7):
        found = table.find(b"%d.b" % number, b"/x", "GET", {})
        assert isinstance(found, Found)
    assert len(table._known) <= MOST_HOSTS
    assert table.find(b"b", b"/x", "GET", {}) is None


FAULTS = [
    ("*", "is any host: leave it out"),
    ("a:80", "has a port"),
    ("*.a.b:80", "has a port"),
    ("[::1]:80", "has a port"),
    ("é.example", "xn--"),
    ("a.*.b", "is no host"),
    ("*a.b", "is no host"),
    ("", "is no host"),
    ("a..b", "is no host"),
    ("http://a", "is no host"),
    ("a/b", "is no host"),
]


@pytest.mark.parametrize(("host", "message"), FAULTS, ids=repr)
def test_what_is_no_host(host: str, message: str) -> None:
    """A rule that no request can match is told, with its label."""
    with pytest.raises(ValueError, match="^route 'r': host .* " + message.replace("*", "\\*")):
        Rule(Pattern.parse("/"), ("ok", host), (), {}, 0, "route 'r'")


# Methods and fields.


def test_methods() -> None:
    """Named methods before any, HEAD by GET unless somebody names it, and 405 where only the method is wrong."""
    rules = ["GET * /a", "PUT,DELETE * /a", "GET * /b", "HEAD * /b", "* * /b", "POST * /{x}"]
    assert ["GET * /a", "GET * /a", "PUT,DELETE * /a", "POST * /{x}"] == [
        find(rules, "/a", method) for method in ("GET", "HEAD", "DELETE", "POST")
    ]
    assert ["GET * /b", "HEAD * /b", "* * /b"] == [find(rules, "/b", method) for method in ("GET", "HEAD", "PUT")]
    assert Missed(("DELETE", "GET", "HEAD", "POST", "PUT")) == find(rules, "/a", "PATCH")
    assert Missed(("POST",)) == find(rules, "/c", "get")
    assert find(rules, "/c/d") is None


def test_fields() -> None:
    """A rule with more conditions first; a condition wants the whole value, whatever the case of the name."""
    rules = ["* * /a", "POST * /a x=1", "* * /a X=1 y=2", "* * /a x=2", "GET * /b x=1"]
    assert "* * /a" == find(rules, "/a") == find(rules, "/a", x="3") == find(rules, "/a", x="1")
    assert "POST * /a x=1" == find(rules, "/a", "POST", x="1", y="3")
    assert "* * /a X=1 y=2" == find(rules, "/a", "POST", x="1", y="2")
    assert "* * /a x=2" == find(rules, "/a", x="2", y="2")
    assert find(rules, "/b", "POST") is None
    assert Missed(("GET", "HEAD")) == find(rules, "/b", "POST", x="1")


def test_two_conditions_for_one_field() -> None:
    """They could never both be true."""
    with pytest.raises(ValueError, match="route 'r': the header 'x-a' has two conditions"):
        Rule(Pattern.parse("/"), (), (), {"X-A": "1", "x-a": "2"}, 0, "route 'r'")


# Ties.


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("* * /a", "* * /a", True),
        ("* * /{x}", "* * /{y}", True),
        ("* * /%61", "* * /a", True),
        ("* * /a/**", "* * /a/**", True),
        ("GET,PUT * /a", "POST,PUT * /a", True),
        ("* A.b,c /a", "* d,a.B /a", True),
        ("* *.b /a", "* *.B /a", True),
        ("* * /a x=1", "* * /a X=1", True),
        ("* * /a x=1", "* * /a y=1", True),
        ("* * /a", "* * /a/", False),
        ("* * /a", "* * /{x}", False),
        ("* * /a", "* * /a/**", False),
        ("* * /{x}/b", "* * /a/{x}", False),
        ("GET * /a", "* * /a", False),
        ("GET * /a", "HEAD * /a", False),
        ("GET * /a", "POST * /a", False),
        ("* a /a", "* *.a /a", False),
        ("* a /a", "* * /a", False),
        ("* *.a.b /a", "* *.b /a", False),
        ("* * /a x=1", "* * /a", False),
        ("* * /a x=1", "* * /a x=2", False),
        ("* * /a x=1 y=1", "* * /a y=2 z=1", False),
        ("* * /a x=1 y=1", "* * /a y=1 z=1", True),
    ],
)
def test_ties(one: str, other: str, clash: bool) -> None:
    """Two rules of one rank that one request can match are an error, in either order, and no others."""
    for pair in ([one, other], [other, one]):
        if not clash:
            assert pair == RouteTable(map(rule, pair)).routes()
            continue
        with pytest.raises(Clash) as told:
            RouteTable(map(rule, pair))
        assert 1 == len(told.value.faults)
        assert all(repr(each) in told.value.faults[0] for each in pair)


def test_every_tie_is_told_once() -> None:
    """One sentence for each pair, however many hosts they share."""
    texts = ["* a,b /x", "GET a /y", "* b,a /x", "GET,PUT a /y"]
    with pytest.raises(Clash) as told:
        RouteTable(map(rule, texts))
    assert (
        "route '* a,b /x' and route '* b,a /x' match the same requests (any method of a, /x and /x): "
        "make one of them more specific, or leave it out",
        "route 'GET a /y' and route 'GET,PUT a /y' match the same requests (GET of a, /y and /y): "
        "make one of them more specific, or leave it out",
    ) == told.value.faults


@pytest.mark.parametrize(
    ("pattern", "count"), [("/", 0), ("/**", 0), ("/a", 1), ("/a/", 1), ("/a/b/**", 2), ("/a/{x}/b", 1), ("/{x}/a", 0)]
)
def test_literal_prefix(pattern: str, count: int) -> None:
    """So many segments of every path that matches are known beforehand."""
    assert count == literal_prefix(Pattern.parse(pattern))


def test_the_routes_of_a_table() -> None:
    """They are listed as they were declared."""
    assert ["* * /b", "* * /a"] == RouteTable(map(rule, ["* * /b", "* * /a"])).routes()
