"""Plain routes: which request is which route's, beside and below dialects, and what becomes of all others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from crossbar.testing import Response

from .standins import Gate, gate, route


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="module")
async def gated() -> AsyncIterator[Gate]:
    """A gateway with routes by host and by path, and one for all that is left."""
    async with gate(
        route("/**", "up:/exact/**", host="files.example.com", name="exact"),
        route("/**", "up:/wild/**", host="*.example.com", name="wild"),
        route("/**", "up:/deep/**", host="*.eu.example.com", name="deep"),
        route("/**", "up:/six/**", host="[2001:db8::1]", name="six"),
        route("/**", "up:/rest/**", methods=["GET"], name="rest"),
        route("/api/**", "up:/api-rest/**", name="api"),
        route("/restapi/v9/**", "up:/v9/**", name="below"),
        route("/{any}/x", "up:/any/{any}", name="parameter"),
        route("/shaped/**", "up:/s/**", methods=["GET"], form="crossbar", name="shaped"),
        route("/merged", merge={"one": "up:/one"}, name="merged"),
        route("/problem/{id}", "up:/p/{id}", methods=["GET", "PUT"], name="problem"),
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("host", "goes"),
    [
        (b"files.example.com", b"/exact/a"),
        (b"FILES.Example.COM", b"/exact/a"),
        (b"files.example.com:8080", b"/exact/a"),
        (b"files.example.com:", b"/exact/a"),
        (b"files.example.com.", b"/exact/a"),
        (b"other.example.com", b"/wild/a"),
        (b"a.b.example.com", b"/wild/a"),
        (b"a.eu.example.com", b"/deep/a"),
        (b"eu.example.com", b"/wild/a"),
        (b"example.com", b"/rest/a"),
        (b"evilexample.com", b"/rest/a"),
        (b"files.example.com.evil.test", b"/rest/a"),
        (b"[2001:db8::1]:443", b"/six/a"),
        (b"", b"/rest/a"),
    ],
)
async def test_hosts(gated: Gate, host: bytes, goes: bytes) -> None:
    """Exact ones before wildcards before any, whatever the port and the case."""
    response = await gated.wire("GET", b"/a", (b"host", host))
    assert (200, ("GET", goes)) == (response.status, gated.last().line)


@pytest.mark.parametrize("forwarded", [b"x-forwarded-host", b"x-host", b"x-original-host", b"forwarded"])
async def test_no_other_field_says_which_host_it_is(gated: Gate, forwarded: bytes) -> None:
    """Whoever writes it."""
    value = b"host=files.example.com" if forwarded == b"forwarded" else b"files.example.com"
    await gated.wire("GET", b"/a", (b"host", b"nobody.test"), (forwarded, value))
    assert ("GET", b"/rest/a") == gated.last().line


async def test_two_hosts(gated: Gate) -> None:
    """It is refused, in either order (RFC 9112, 3.2)."""
    pair = [(b"host", b"files.example.com"), (b"host", b"nobody.test")]
    answers = [await gated.wire("GET", b"/a", *fields) for fields in (pair, pair[::-1])]
    assert ([400, 400], []) == ([each.status for each in answers], gated.asked)
    assert {"bad_header"} == {each.json()["reason"] for each in answers}


@pytest.mark.parametrize(
    ("method", "path", "goes"),
    [
        ("GET", b"/", b"/rest/"),
        ("GET", b"/x", b"/rest/x"),
        ("GET", b"/v", b"/rest/v"),
        ("GET", b"/vx/accounts", b"/rest/vx/accounts"),
        ("GET", b"/restapix", b"/rest/restapix"),
        ("POST", b"/api", b"/api-rest"),
        ("POST", b"/api/", b"/api-rest/"),
        ("POST", b"/api/x/y", b"/api-rest/x/y"),
        ("GET", b"/api/ver2.0/x", b"/api-rest/ver2.0/x"),
        ("DELETE", b"/restapi/v9/y", b"/v9/y"),
        ("GET", b"/restapi/v9", b"/v9"),
        ("PUT", b"/b/x", b"/any/b"),
    ],
)
async def test_what_is_no_path_of_a_dialect(gated: Gate, method: str, path: bytes, goes: bytes) -> None:
    """A route that says as much as the prefix of a dialect, or more, has what is below it."""
    response = await gated.wire(method, path)
    assert (200, (method, goes)) == (response.status, gated.last().line)


def spoken(response: Response) -> str:
    """The dialect that an error is told in."""
    told = response.json()
    known = {"errorCode": "ringcentral", "request_id": "crossbar", "reason": "problem"}
    return next((name for member, name in reversed(known.items()) if member in told), "realm")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    ("path", "form"),
    [
        (b"/v2/accounts", "crossbar"),
        (b"/v2/nothing", "crossbar"),
        (b"/v2", "crossbar"),
        (b"/v2/x", "crossbar"),
        (b"/restapi/v1.0/account/~", "ringcentral"),
        (b"/restapi/v1.0/x", "ringcentral"),
        (b"/api/ver1.0/client/@me", "realm"),
        (b"/api/ver1.0/x", "realm"),
    ],
)
async def test_what_a_dialect_has(gated: Gate, method: str, path: bytes, form: str) -> None:
    """It is the dialect's, whichever methods a route that says less is for, and refused in its form."""
    response = await gated.wire(method, path)
    assert (form, []) == (spoken(response), gated.asked)
    assert response.status in (401, 404)


@pytest.mark.parametrize("path", [b"/livez", b"/readyz"])
async def test_probes_are_the_servers_own(gated: Gate, path: bytes) -> None:
    """At every host."""
    response = await gated.wire("GET", path, (b"host", b"files.example.com"))
    assert (200, []) == (response.status, gated.asked)


@pytest.mark.parametrize(
    ("path", "form"), [(b"/a/b", "problem"), (b"/problem/7", "problem"), (b"/shaped/a", "crossbar")]
)
async def test_another_method(gated: Gate, path: bytes, form: str) -> None:
    """It is told in the form of the route, with what there is."""
    response = await gated.wire("DELETE", path)
    allow = "GET, HEAD, PUT" if path == b"/problem/7" else "GET, HEAD"
    assert (405, allow, form) == (response.status, response.headers["allow"], spoken(response))
    assert [] == gated.asked


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
async def test_what_is_merged_is_only_read(gated: Gate, method: str) -> None:
    """Any other method would be taken for a GET of every part."""
    response = await gated.wire(method, b"/merged")
    assert (405, "GET, HEAD", []) == (response.status, response.headers["allow"], gated.asked)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
@pytest.mark.parametrize("path", [b"/api/x", b"/problem/7"])
async def test_methods_that_are_never_taken(gated: Gate, method: str, path: bytes) -> None:
    """No tunnels, and nothing that shows what was added on the way (RFC 9110, 9.3.6 and 9.3.8)."""
    response = await gated.wire(method, path)
    assert (405, []) == (response.status, gated.asked)
    assert "GET" in response.headers["allow"].split(", ")


@pytest.mark.parametrize("target", [b"*", b"http://files.example.com/a", b"files.example.com:443", b""])
async def test_targets_that_are_no_paths(gated: Gate, target: bytes) -> None:
    """An application never gets them from a good server, and sends nothing on."""
    response = await gated.wire("GET", target)
    assert (True, []) == (400 <= response.status < 500, gated.asked)


async def test_other_methods_go_on_as_they_are(gated: Gate) -> None:
    """Where a route is for any of them."""
    for method in ("PROPFIND", "PURGE", "OPTIONS", "M-SEARCH"):
        assert 200 == (await gated.wire(method, b"/api/x")).status
        assert (method, b"/api-rest/x") == gated.last().line


async def test_a_problem_has_the_members_of_the_standard(gated: Gate) -> None:
    """RFC 9457, 3.1, and of ours the reason and the id of the request."""
    response = await gated.wire("DELETE", b"/problem/%C3%BC'", (b"x-request-id", b"a-request-id"))
    assert "application/problem+json" == response.headers["content-type"]
    assert {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": "method not allowed",
        "instance": "/problem/%C3%BC'",
        "reason": "invalid_method",
        "request_id": "a-request-id",
    } == response.json()


@pytest.mark.parametrize("query", [b"?a=1&b=%20&c=+&a=2", b"?", b"?a?b=/", b"?%00", b"?my_auth_token=x"])
async def test_a_query_goes_on_as_it_is(gated: Gate, query: bytes) -> None:
    """Byte for byte; an empty one is none, since an application is not told of it."""
    assert 200 == (await gated.wire("GET", b"/a" + query)).status
    assert ("GET", b"/rest/a" + (query if query != b"?" else b"")) == gated.last().line


@pytest.mark.parametrize("fields", [(), ((b"access-control-request-method", b"DELETE"),)])
async def test_head_and_options(gated: Gate, fields: tuple[tuple[bytes, bytes], ...]) -> None:
    """HEAD comes with GET; OPTIONS goes on where a route takes it, and nobody here can answer a browser."""
    assert (200, b"") == ((head := await gated.wire("HEAD", b"/shaped/a")).status, head.body)
    assert ("HEAD", b"/s/a") == gated.last().line
    assert 200 == (await gated.wire("OPTIONS", b"/api/a", *fields)).status
    assert ("OPTIONS", b"/api-rest/a") == gated.last().line
