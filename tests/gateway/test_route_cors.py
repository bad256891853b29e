"""Which pages of other sites may read what a route answers, at nouns and at plain routes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from crossbar.testing import Response

from .standins import Gate, gate, key, keys, route

A = "c0" * 16
PAGE, OTHER, USUAL = "https://page.example", "https://other.example", "https://usual.example"
CORS = {"origins": [PAGE], "credentials": True, "max_age": 60, "headers": ["x-mine"]}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="module")
async def gated() -> AsyncIterator[Gate]:
    """Routes with rules of their own, and one that goes by those of the server."""
    async with gate(
        route("/v2/accounts/{account}/things/**", cors=CORS, methods=["GET", "PUT"]),
        route("/own/**", cors=CORS, methods=["GET", "DELETE"], auth="partners"),
        route("/own/**", cors={"origins": [OTHER]}, methods=["POST"], auth="partners"),
        route("/usual/**"),
        cors={"origins": [USUAL]},
        provider={"partners": keys(acme={})},
    ) as made:
        made["up"].fields = [
            (b"content-type", b"application/json"),
            (b"access-control-allow-origin", b"*"),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"accept"),
        ]
        yield made


async def asked(gated: Gate, method: str, path: str, origin: str, **fields: str) -> Response:
    """The response to what a page sends."""
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return await gated.wire(method, path.encode(), (b"origin", origin.encode()), *sent)


THINGS = f"/v2/accounts/{A}/things/7"


@pytest.mark.parametrize(
    ("path", "origin", "readable"),
    [
        ("/own/7", PAGE, True),
        ("/own/7", OTHER, False),
        ("/own/7", USUAL, False),
        (THINGS, PAGE, True),
        (THINGS, USUAL, False),
        ("/usual/7", USUAL, True),
        ("/usual/7", PAGE, False),
    ],
)
async def test_who_may_read(gated: Gate, path: str, origin: str, readable: bool) -> None:
    """The route's own rules count in the place of the server's, and never those of the upstream; also for refusals."""
    token = (await gated.client("customer")).token or ""
    for fields in (key("acme") | {"x-auth-token": token}, {}):
        response = await asked(gated, "GET", path, origin, **fields)
        assert (origin if readable else None) == response.headers.get("access-control-allow-origin")
        assert "origin" in response.headers["vary"].lower()
        told = response.headers.get("access-control-allow-credentials")
        assert ("true" if readable and origin == PAGE else None) == told


@pytest.mark.parametrize(
    ("path", "origin", "wanted", "methods"),
    [
        ("/own/7", PAGE, "DELETE", "GET, DELETE"),
        ("/own/7", OTHER, "POST", "POST"),
        ("/own/7", PAGE, "POST", None),
        ("/own/7", OTHER, "GET", None),
        ("/usual/7", USUAL, "PUT", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        (THINGS, PAGE, "PUT", "GET, HEAD, PUT, OPTIONS"),
        (THINGS, OTHER, "PUT", None),
    ],
)
async def test_what_a_browser_asks_ahead(gated: Gate, path: str, origin: str, wanted: str, methods: str | None) -> None:
    """It asks the route that the request will have, needs no credentials, and never gets to the upstream."""
    gated.asked.clear()
    response = await asked(gated, "OPTIONS", path, origin, access_control_request_method=wanted)
    assert (204, methods, []) == (response.status, response.headers.get("access-control-allow-methods"), gated.asked)
    if methods is not None and origin == PAGE:
        assert "60" == response.headers["access-control-max-age"]
        assert "x-mine" in response.headers["access-control-allow-headers"].split(", ")


@pytest.mark.parametrize("fields", [{}, {"x-api-key": "key of acme"}])
async def test_a_method_that_there_is_not_can_be_read(gated: Gate, fields: dict[str, str]) -> None:
    """The page learns why, be it for who is not known or for what is not there."""
    response = await asked(gated, "PATCH", "/own/7", PAGE, **fields)
    assert (405 if fields else 401, PAGE) == (response.status, response.headers["access-control-allow-origin"])
