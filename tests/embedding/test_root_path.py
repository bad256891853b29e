"""What is left of a path below the place where the application is mounted, whatever the host has made of it."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.root_path import UNRESERVED, below_mount

CASES = [
    # path, raw path, root_path, what was there before; what is below, and where that is
    pytest.param("/v2/x", "/v2/x", "", "", "/v2/x", "", id="nowhere"),
    pytest.param("/v2/a/b", "/v2/a%2Fb", "", "", "/v2/a%2Fb", "", id="nowhere, encoded"),
    pytest.param("/api/v2/x", "/api/v2/x", "/api", "", "/v2/x", "/api", id="Starlette"),
    pytest.param("/api/v2/a/b", "/api/v2/a%2Fb", "/api", "", "/v2/a%2Fb", "/api", id="Starlette, encoded"),
    pytest.param("/p/api/v2/x", "/p/api/v2/x", "/p/api", "/p", "/v2/x", "/p/api", id="Starlette behind a proxy"),
    pytest.param("/api/v2/x", "/api/v2/x", "/p/api", "/p", "/v2/x", "/p/api", id="FastAPI(root_path)"),
    pytest.param("/v2/x", "/v2/x", "/p", "", "/v2/x", "/p", id="a server that only tells of the proxy"),
    pytest.param("/v2/x/", "/api/v2/x", "", "", "/v2/x", "/api", id="Litestar"),
    pytest.param("/v2/x/", "/p/api/v2/x", "/p", "", "/v2/x", "/p/api", id="Litestar behind a proxy"),
    pytest.param("/v2/x/", "/api/v2/x", "/p", "", "/v2/x", "/p/api", id="Litestar, and a server that only tells"),
    pytest.param("/v2/a b/x/", "/api/v2//a%20b/x", "", "", "/v2//a%20b/x", "/api", id="Litestar drops empty segments"),
    pytest.param("/v2/x", "/api/v2/x", "/api", "", "/v2/x", "/api", id="shortened, and told so"),
    pytest.param("/p/v2/f/x", "/v2/f/x", "/p/v2/f", "", "/x", "/p/v2/f", id="a noun of another application"),
    pytest.param("/v2/v2/x", "/v2/v2/x", "/v2", "", "/v2/x", "/v2", id="a place like a version"),
    pytest.param("/v2/x/", "/v2/v2/x", "", "", "/v2/x", "/v2", id="a place like a version, Litestar"),
    pytest.param("/k ö/v2/é", "/k%20%C3%B6/v2/%C3%A9", "/k ö", "", "/v2/%C3%A9", "/k ö", id="to be encoded"),
    pytest.param("/k%C3%B6/v2/x", "/k%C3%B6/v2/x", "/k%C3%B6", "", "/v2/x", "/kö", id="told in its encoded form"),
    pytest.param("/a/b/v2/x", "/a%2Fb/v2/x", "/a/b", "", "/v2/x", "/a/b", id="the place in one segment"),
    pytest.param("/a/b/z/v2", "/a%2Fb/z/v2", "/a/b", "", "/z/v2", "/a/b", id="no segment is lost"),
    pytest.param("/a/b/v2/x/y", "/a%2Fb%2Fv2/x%2Fy", "/a/b", "", "/v2/x/y", "/a/b", id="its end within a segment"),
    pytest.param("/api//v2/x", "/api//v2/x", "/api", "", "//v2/x", "/api", id="an empty segment"),
    pytest.param("/api", "/api", "/api", "", "/", "/api", id="the place itself"),
    pytest.param("/api/", "/api/", "/api", "", "/", "/api", id="the place itself, and a slash"),
    pytest.param("/", "/api", "", "", "/", "/api", id="the place itself, Litestar"),
    pytest.param("/v2/x", "/legacy/x", "", "", "/v2/x", "", id="another path altogether"),
    pytest.param("/v2/ä\ud800", "/x", "", "", "/v2/%C3%A4%ED%A0%80", "", id="another path, and no text"),
    pytest.param("x/y/", "/apix/y", "", "", "x/y/", "", id="letters that run on"),
    pytest.param("v2/x/", "/v2/x", "", "", "/v2/x", "", id="Litestar at the root"),
    pytest.param("http://h/api/v2", "http://h/api/v2", "/api", "", "http://h/api/v2", "/api", id="no path at all"),
    pytest.param("/apix/v2", "/apix/v2", "/api", "", "/apix/v2", "/api", id="not below the place"),
]


@pytest.mark.parametrize(("path", "raw_path", "root_path", "outer", "below", "place"), CASES)
def test_what_is_below(path: str, raw_path: str, root_path: str, outer: str, below: str, place: str) -> None:
    """Each way in which hosts tell of a place leads to the same: what is below it, and where it is."""
    assert (below.encode(), place) == below_mount(path, raw_path.encode(), root_path, outer)


SEGMENTS = st.lists(
    st.sampled_from(["a", "b", "v2", "", "a b", "é", "%2F", "a%2Fb", "%61", "%", "%C3", "+"]), max_size=6
)


@given(SEGMENTS, SEGMENTS, st.booleans())
def test_what_is_served_is_what_the_host_has_seen(place: list[str], rest: list[str], shortened: bool) -> None:
    """What is left of the raw path decodes to what the host has left of the path, empty segments aside."""

    def plain(path: str) -> str:
        return "/".join(filter(None, path.split("/")))

    raw_path = "".join(f"/{segment}" for segment in [*place, *rest]) or "/"
    root_path = unquote("".join(f"/{segment}" for segment in place)).rstrip("/")
    path, seen = unquote(raw_path), unquote("".join(f"/{segment}" for segment in rest))
    told = (seen or "/", "") if shortened else (path, root_path)
    below, found = below_mount(told[0], raw_path.encode(), told[1])
    assert plain(seen) == plain(unquote(below.decode()))
    assert unquote(quote(found, safe=UNRESERVED)) == found


@pytest.mark.parametrize("segment", ["/", "/%2F", "/a", "/%61", "/%C3"])
def test_long_paths_take_no_longer(segment: str) -> None:
    """A path of very many segments is taken apart in one pass."""
    raw_path = "/api" + segment * 20_000
    below, place = below_mount(unquote(raw_path), raw_path.encode(), "/api")
    assert (True, "/api") == (raw_path.endswith(below.decode()), place)
    shortened = below_mount("/v2", f"{raw_path}/v2".encode(), "")
    assert shortened[0].endswith(b"/v2")
