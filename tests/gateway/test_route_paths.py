"""Paths on their way through plain routes: byte for byte, into rewrites, and never out of the part of a route."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from crossbar.gateway.outgoing import own_begin
from crossbar.testing import Client

from .standins import Gate, gate, key, keys, route

TWO_WAYS = {
    "encoded slash": b"/{}/a%2Fb",
    "encoded backslash": b"/{}/a%5Cb",
    "backslash": b"/{}/a\\b",
    "semicolon": b"/{}/a;b",
    "twice": b"/{}/a%252Fb",
    "empty segment": b"/{}//a",
    "hash": b"/{}/a#b",
}
REFUSED = {"control": b"/{}/a%00b", "broken": b"/{}/a%zz", "not UTF-8": b"/{}/%FF"}
CLIMBS = {
    "dots": b"/{}/../secret",
    "dot": b"/{}/./a",
    "encoded dots": b"/{}/%2e%2E/secret",
    "half encoded": b"/{}/.%2e/secret",
    "encoded slash behind": b"/{}/..%2Fsecret",
    "encoded slashes": b"/{}/a%2F..%2F..%2Fsecret",
    "backslashes": b"/{}/..\\secret",
    "encoded backslashes": b"/{}/a%5C..%5Csecret",
    "parameters": b"/{}/..;x/secret",
    "twice": b"/{}/%252e%252e/secret",
    "at the end": b"/{}/..",
}
ALL = {**{f"two ways: {name}": path for name, path in TWO_WAYS.items()}, **CLIMBS}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="module")
async def gated() -> AsyncIterator[Gate]:
    """Open routes to services of their own, beside guarded ones."""
    upstream = {
        "up": {"targets": ["http://up.example:9000"]},
        "open": {"targets": ["http://open.example:9000"]},
        "whole": {"targets": ["http://whole.example"]},
        "based": {"targets": ["http://whole.example:81/base"]},
        "shared": {"targets": ["http://shared.example:9000/x", "http://more.example"]},
        "alias": {"targets": ["http://shared.example:9000"]},
        "ruled": {"targets": ["http://ruled.example"]},
        "merged": {"targets": ["http://merged.example"]},
    }
    async with gate(
        route("/open/**", "open"),
        route("/ruled/**", "ruled", allow="request.method == 'GET'"),
        route("/unruled/**", "ruled"),
        route("/**", "whole", host="whole.example"),
        route("/**", "based", host="based.example"),
        route("/free/**", "based:/free/**"),
        route("/guarded/**", "up", auth="partners"),
        route("/loose/**", "up", auth="partners", encoded_slashes=True),
        route("/beside/**", "alias"),
        route("/kept/{name}", "shared:/kept/{name}", auth="partners"),
        route("/parts/{name}", merge={"one": "merged:/{name}"}, auth="partners"),
        route("/near/**", "merged"),
        route("/a/{x}/{y}/**", "open:/{y}/b%20c/{x}/**"),
        route("/cut/{x}/**", "open:/cut/{x}"),
        route("/rooted/**", "open:/"),
        route("/%61b%2Fc/**", "open:/literal/**"),
        provider={"partners": keys(acme={})},
        upstream=upstream,
    ) as made:
        yield made


def asked(gated: Gate) -> list[bytes]:
    """The paths that all upstreams together were asked for, which are then forgotten."""
    found = [each.call.path for upstream in gated.upstreams.values() for each in upstream.asked]
    for upstream in gated.upstreams.values():
        upstream.asked.clear()
    return found


def at(path: bytes, name: str) -> bytes:
    """A path below a route."""
    return path.replace(b"{}", name.encode())


async def got(gated: Gate, path: bytes, host: bytes = b"gate.example") -> tuple[int, list[bytes]]:
    """The status of a GET with an API key, and what was asked for it."""
    response = await gated.wire("GET", path, (b"host", host), (b"x-api-key", key("acme")["x-api-key"].encode()))
    return response.status, asked(gated)


@pytest.mark.parametrize("path", ALL.values(), ids=ALL)
@pytest.mark.parametrize("name", ["guarded", "beside", "near", "ruled", "unruled"])
async def test_a_guard_and_its_neighbours_refuse_what_can_be_read_in_two_ways(
    gated: Gate, name: str, path: bytes
) -> None:
    """Be the open route to the same server by another name, or a guarded merge beside it (CVE-2025-66490)."""
    assert (400, []) == await got(gated, at(path, name))


@pytest.mark.parametrize("path", CLIMBS.values(), ids=CLIMBS)
@pytest.mark.parametrize("name", ["open", "loose", "free", "kept", "parts", "cut/x"])
async def test_no_path_leads_out_of_a_route(gated: Gate, name: str, path: bytes) -> None:
    """Whether it is guarded or not, and whatever it says of slashes."""
    status, paths = await got(gated, at(path, name))
    assert (True, []) == (status in (400, 404), paths)


@pytest.mark.parametrize("path", [*TWO_WAYS.values(), *CLIMBS.values()], ids=[*TWO_WAYS, *(f"up: {x}" for x in CLIMBS)])
async def test_who_gives_a_whole_host_away_gives_all_of_it(gated: Gate, path: bytes) -> None:
    """Byte for byte, unless the targets are below a path of that host."""
    whole = at(path, "x")
    assert (200, [whole]) == await got(gated, whole, b"whole.example")
    climbs = path in CLIMBS.values()
    assert (400, []) == await got(gated, whole, b"based.example") if climbs else True


@pytest.mark.parametrize("path", TWO_WAYS.values(), ids=TWO_WAYS)
@pytest.mark.parametrize("name", ["free", "loose"])
async def test_where_nobody_guards_anything_or_slashes_are_taken(gated: Gate, name: str, path: bytes) -> None:
    """What could be read in two ways goes on as it is."""
    path = at(path, name)
    base = b"/base" if name == "free" else b""
    assert (200, [base + path]) == await got(gated, path)


@pytest.mark.parametrize("path", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("name", ["open", "guarded", "loose", "x"])
async def test_what_is_no_path_at_all(gated: Gate, name: str, path: bytes) -> None:
    """Control characters, broken encodings and what is no UTF-8 go nowhere."""
    host = b"whole.example" if name == "x" else b"gate.example"
    assert (400, []) == await got(gated, at(path, name), host)


@pytest.mark.parametrize(
    ("path", "goes"),
    [
        (b"/a/1/2", b"/2/b%20c/1"),
        (b"/a/1/2/", b"/2/b%20c/1/"),
        (b"/a/%41/%C3%BC/x%20y/", b"/%C3%BC/b%20c/%41/x%20y/"),
        (b"/a/{y}/%25s/%25", b"/%25s/b%20c/{y}/%25"),
        (b"/a/1%2F2/3", b"/3/b%20c/1%2F2"),
        (b"/cut/1", b"/cut/1"),
        (b"/cut/1/2/3", b"/cut/1"),
        (b"/rooted", b"/"),
        (b"/rooted/1/2", b"/"),
        (b"/ab%2Fc/x", b"/literal/x"),
        (b"/%61%62%2fc", b"/literal"),
    ],
)
async def test_rewrites_put_in_the_raw_segments(gated: Gate, path: bytes, goes: bytes) -> None:
    """They are never decoded on the way, and what looks like a template is none; literals are compared decoded."""
    assert (200, [goes]) == await got(gated, path)


OWN = "auth_token=T&access_token=T&auth%5Ftoken=T&%61ccess_token=T"


@pytest.mark.parametrize(
    ("auth", "token", "goes"),
    [
        ("crossbar", "drop", b"/q?a=1&my_auth_token=2&b"),
        ("crossbar", "pass", f"/q?a=1&{OWN}&my_auth_token=2&AUTH_TOKEN=3&b".encode()),
        ("partners", "drop", f"/q?a=1&{OWN}&my_auth_token=2&AUTH_TOKEN=3&b".encode()),
        ("partners", "pass", f"/q?a=1&{OWN}&my_auth_token=2&AUTH_TOKEN=3&b".encode()),
        (["partners", "crossbar"], "drop", b"/q?a=1&my_auth_token=2&b"),
    ],
)
async def test_tokens_in_a_query(auth: str | list[str], token: str, goes: bytes) -> None:
    """They are taken out, however they are spelt, unless the route passes them; all else stays as it is."""
    async with gate(route("/q", auth=auth, token=token), provider={"partners": keys(acme={})}) as gated:
        client = await gated.client("customer", headers=key("acme"))
        assert 200 == (await client.get(f"//q?a=1&{OWN}&my_auth_token=2&AUTH_TOKEN=3&b")).status
        assert [goes] == asked(gated)


@pytest.mark.parametrize("auth", ["none", "partners", "crossbar"])
async def test_a_token_of_ours_in_any_query(auth: str) -> None:
    """It goes to nobody, also where the route has no use for it; a word of the service's own stays there."""
    ours = f"{own_begin().decode()}.e30.x"
    async with gate(route("/q", auth=auth), provider={"partners": keys(acme={})}) as gated:
        client = await gated.client("customer", headers=key("acme"))
        assert 200 == (await client.get(f"//q?a=1&auth_token={ours}&access_token={ours}&b")).status
        assert [b"/q?a=1&b"] == asked(gated)


async def test_in_a_host(anyio_backend: str) -> None:
    """Below the place where it is mounted: upstreams see paths from there on, and problems name the whole path."""
    async with gate(route("/files/**"), route("/v2/rates/**", auth="none"), route("/only", methods=["GET"])) as gated:
        client: Client[Starlette] = Client(Starlette(routes=[Mount("/api", gated.app)]), prefix="/api")
        assert 200 == (await client.get("/files/a%2Fb")).status
        assert 200 == (await client.get("/v2/rates/x")).status
        assert [b"/files/a%2Fb", b"/v2/rates/x"] == asked(gated)
        problem = await client.put("/only")
        assert (405, "/api/only") == (problem.status, problem.json()["instance"])
        assert (200, 404) == ((await client.get("/livez")).status, (await client.get("//files/x")).status)
        assert [] == asked(gated)
