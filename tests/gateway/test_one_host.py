"""One host for all: routes are found by the `Host` of the connection, rules ask for it, and it is what goes on."""

from __future__ import annotations

from typing import Any

import pytest

from .gateways import A
from .standins import NOUN, gate, keys, route

TRUSTED: dict[str, Any] = {"gateway": {"trusted": ["127.0.0.1"]}}
UPSTREAM: dict[str, Any] = {"upstream": {"up": {"targets": ["http://up.example:9000"], "host": "client"}}}
ADMIN = route("/**", host="admin.example.com", auth="partners")
OPEN = route("/**")
PARTNERS = {"partners": keys(acme={})}
FORGED = {
    "x": ((b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-host", b"admin.example.com")),
    "standard": ((b"forwarded", b"for=203.0.113.7;host=admin.example.com"),),
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.mark.parametrize("fields", FORGED.values(), ids=FORGED)
async def test_a_forwarded_host_leads_past_no_guard(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    """Many proxies let a client write it: it is told on, but the upstream is asked for the host that was matched."""
    ruled = route("/ruled", allow="request.host == 'admin.example.com'")
    async with gate(ADMIN, OPEN, ruled, provider=PARTNERS, **TRUSTED, **UPSTREAM) as gated:
        assert 200 == (await gated.wire("GET", b"/a", (b"host", b"www.example.com"), *fields)).status
        sent = gated.last()
        assert (b"www.example.com", b"admin.example.com") == (sent[b"host"], sent[b"x-forwarded-host"])
        assert 403 == (await gated.wire("GET", b"/ruled", (b"host", b"www.example.com"), *fields)).status
        assert [] == gated.asked


async def test_a_request_without_a_host_has_that_of_the_target() -> None:
    """HTTP/1.0 knows none, and what a proxy tells of does not stand in for it."""
    async with gate(OPEN, **TRUSTED, **UPSTREAM) as gated:
        assert 200 == (await gated.wire("GET", b"/a", (b"host", b""), *FORGED["x"])).status
        assert b"up.example:9000" == gated.last()[b"host"]


@pytest.mark.parametrize(
    "host",
    [
        *(b"admin%2eexample.com", b"admin.example.com..", b"admin..example.com", b".example.com", b"."),
        *(b"admin.example.com\x0b", b"admin.example.com\x01", b"www.example.com@admin.example.com", b"a b"),
    ],
)
@pytest.mark.parametrize("path", [b"/a", b"/v2/accounts/%b/invoices" % A.encode()], ids=["plain", "noun"])
async def test_behind_other_servers_a_host_that_is_none_is_refused(host: bytes, path: bytes) -> None:
    """The upstream could read it as the one that is guarded."""
    async with gate(ADMIN, OPEN, route(NOUN), provider=PARTNERS, **UPSTREAM) as gated:
        token = (await gated.world.token("customer")).encode()
        assert 200 == (await gated.wire("GET", path, (b"x-auth-token", token))).status
        gated.asked.clear()
        response = await gated.wire("GET", path, (b"host", host), (b"x-auth-token", token))
        assert (400, []) == (response.status, gated.asked)


async def test_the_dot_of_the_root_changes_nothing() -> None:
    """The name with one is the same name, and the same guard stands there."""
    async with gate(ADMIN, OPEN, provider=PARTNERS, **UPSTREAM) as gated:
        assert 401 == (await gated.wire("GET", b"/a", (b"host", b"Admin.Example.com.:443"))).status
        assert 200 == (await gated.wire("GET", b"/a", (b"host", b"www.example.com."))).status


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("http://localhost:9000", "http://127.0.0.1:9000", True),
        ("http://[::1]:9000", "http://localhost.:9000/base", True),
        ("http://127.0.0.1:9000", "http://[::ffff:127.0.0.1]:9000", True),
        ("http://up.example", "https://up.example.:80", True),
        ("http://[2001:db8::1]", "http://[2001:db8:0::1]", True),
        ("http://localhost:9000", "http://127.0.0.1:9001", False),
        ("http://up.example:9000", "http://127.0.0.1:9000", False),
    ],
)
async def test_one_server_by_two_names_is_guarded_by_both(one: str, other: str, alike: bool) -> None:
    """An open route to it takes no path that the guarded one would not take."""
    upstream = {"up": {"targets": [one]}, "other": {"targets": [other]}}
    async with gate(
        route("/kept/**", auth="partners"), route("/open/**", "other"), provider=PARTNERS, upstream=upstream
    ) as gated:
        response = await gated.wire("GET", b"/open/a%2Fb")
        assert (400 if alike else 200) == response.status
