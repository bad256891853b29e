"""Fields that decide on something, sent twice or for us alone: no route is chosen by what is not sent on."""

from __future__ import annotations

import pytest

from .standins import NOUN, Gate, gate, keys, route

A = "c0" * 16
ROUTES = [
    route("/x/**", headers={"X-Env": "test"}),
    route("/x/**", headers={"x-env": "live"}, auth="partners"),
    route("/y/**"),
    route(NOUN, auth="partners", headers={"X-Env": "test"}),
    route(NOUN, auth="partners"),
    route("/v2/accounts/{account}/others/**", auth="partners"),
]
PROVIDER = {"partners": keys(acme={"account": A}, rival={"account": A})}
ACME, RIVAL = (b"x-api-key", b"key of acme"), (b"x-api-key", b"key of rival")
TEST, LIVE = (b"x-env", b"test"), (b"x-env", b"live")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


async def asked(gated: Gate, path: bytes, *fields: tuple[bytes, bytes]) -> tuple[int, int]:
    """The status of a request with these fields, and how many the upstream got."""
    response = await gated.wire("GET", path, *fields)
    if response.status == 400:
        assert "bad_header" in response.text
    return response.status, len(gated.asked)


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        (b"/x/1", [TEST], 200),
        (b"/x/1", [LIVE, TEST], 400),
        (b"/x/1", [TEST, TEST], 400),
        (b"/x/1", [TEST, (b"connection", b"close")], 200),
        (b"/x/1", [TEST, (b"connection", b"close, X-Env")], 400),
        (b"/x/1", [TEST, (b"connection", b"x-env"), (b"connection", b"close")], 400),
        (b"/x/1", [TEST, (b"accept", b"a/b"), (b"accept", b"c/d")], 200),
        (b"/y/1", [LIVE, TEST], 400),
        (b"/y/1", [(b"connection", b"x-env")], 400),
        (b"/v2/accounts/c0/invoices/1", [ACME, TEST], 200),
        (b"/v2/accounts/c0/invoices/1", [ACME, TEST, LIVE], 400),
        (b"/v2/accounts/c0/invoices/1", [ACME, (b"connection", b"x-env")], 400),
        (b"/v2/accounts/c0/others/1", [ACME, TEST, LIVE], 200),
    ],
)
async def test_what_routes_are_chosen_by_stands_there_once(
    path: bytes, fields: list[tuple[bytes, bytes]], status: int
) -> None:
    """Where a table has a condition on a field, nobody sends it twice, nor takes it away on its way."""
    async with gate(*ROUTES, provider=PROVIDER) as gated:
        whole = path.replace(b"/c0/", f"/{A}/".encode())
        assert (status, int(status == 200)) == await asked(gated, whole, *fields)


@pytest.mark.parametrize("path", [b"/x/1", f"/v2/accounts/{A}/others/1".encode(), f"/v2/accounts/{A}/others".encode()])
async def test_two_keys(path: bytes) -> None:
    """Whoever sends two of them is nobody; the same one twice is one."""
    async with gate(*ROUTES, provider=PROVIDER) as gated:
        assert (400, 0) == await asked(gated, path, LIVE, ACME, RIVAL)
        assert (200, 1) == await asked(gated, path, LIVE, ACME, ACME)


async def test_two_keys_where_no_route_takes_the_method() -> None:
    """What there is, is told to nobody by the second one either."""
    async with gate(route("/r", auth="partners", methods=["PUT"]), provider=PROVIDER) as gated:
        assert (400, 0) == await asked(gated, b"/r", ACME, RIVAL)
