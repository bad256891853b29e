"""Who may open a WebSocket at a route: the same people as for a request, from the same pages, and only as long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar import sockets
from crossbar.testing import REALM, RINGCENTRAL, Client, Clock, SocketClosed, SocketRefused

from .issuers import NOW
from .standins import NOUN, Gate, bearer, gate, issuer, key, keys, route

A = "c0" * 16
ABOVE = "b0" * 16
SITE = "https://pages.example"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="module")
async def gated() -> AsyncIterator[Gate]:
    """Routes that take WebSockets, and some that do not."""
    async with gate(
        route(NOUN),
        route("/v2/accounts/{account}/quiet/**", websocket=False),
        route("/v2/accounts/{account}/sent/**", methods=["POST"]),
        route("/v2/accounts/{account}/merged", merge={"a": "up:/"}),
        route("/open/**"),
        route("/guarded/**", auth="partners", allow="claims.room == 'blue'"),
        route("/quiet/**", websocket=False, form="crossbar"),
        route("/hushed", websocket=False, auth="partners"),
        route("/sent", methods=["POST"], auth="partners"),
        route("/merged", merge={"a": "up:/"}),
        provider={"partners": keys(acme={"claims": {"room": "blue"}}, rival={"claims": {"room": "red"}})},
        server={"origins": [SITE]},
    ) as made:
        yield made


async def opened(client: Client, path: str, **options: Any) -> int:
    """101 if a WebSocket can be opened there and says what it is told, or the status of the refusal."""
    try:
        async with client.socket(path, **options) as socket:
            await socket.send_text("hello")
            assert "hello" == await socket.receive_text()
            return 101
    except SocketRefused as refused:
        return refused.response.status


@pytest.mark.parametrize(
    ("path", "who", "status"),
    [
        ("/account/invoices/live", "customer", 101),
        (f"/accounts/{A}/invoices", "reseller", 101),
        (f"/accounts/{ABOVE}/invoices", "customer", 404),
        ("/account/invoices/live", "", 401),
        ("/account/quiet", "customer", 405),
        ("/account/quiet", "", 401),
        ("/account/sent", "customer", 405),
        ("/account/merged", "customer", 405),
        ("/account/invoices/a%2Fb", "customer", 400),
        ("//open/1", "", 101),
        ("//guarded/1", "", 401),
        ("//guarded/1", "acme", 101),
        ("//guarded/1", "rival", 403),
        ("//guarded/..%2f", "acme", 400),
        ("//quiet/1", "", 405),
        ("//hushed", "", 401),
        ("//hushed", "acme", 405),
        ("//sent", "", 401),
        ("//sent", "acme", 405),
        ("//merged", "", 405),
        ("//nowhere", "", 404),
    ],
)
async def test_who_may_open_one(gated: Gate, path: str, who: str, status: int) -> None:
    """All that is asked of a request is asked before the upgrade, and the upstream hears of nobody else."""
    gated.asked.clear()
    is_key = who in ("acme", "rival")
    client = await gated.client("" if is_key else who, headers=key(who) if is_key else {})
    assert (status, status == 101) == (await opened(client, path), len(gated.asked) == 1)


@pytest.mark.parametrize(("speech", "account"), [(RINGCENTRAL, "/account/~"), (REALM, "/client/@me")])
async def test_in_other_dialects(gated: Gate, speech: Any, account: str) -> None:
    """The upstream gets the same path from each."""
    client = await gated.client("customer", speech=speech)
    assert 101 == await opened(client, f"{account}/invoices/live?a=1")
    assert f"/v2/accounts/{A}/invoices/live?a=1".encode() == gated.last().call.path
    assert (404, []) == (await opened(client, f"{account.rsplit('/', 1)[0]}/{ABOVE}/invoices"), gated.asked)


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        (None, "gate.example", 101),
        ("https://gate.example", "gate.example", 101),
        ("http://gate.example:8080", "gate.example:8080", 101),
        (SITE, "gate.example", 101),
        ("https://evil.example", "gate.example", 403),
        ("https://gate.example.evil.example", "gate.example", 403),
        ("null", "gate.example", 403),
        ("https://evil.example", "evil.example", 101),
    ],
)
@pytest.mark.parametrize("path", ["/account/invoices/live", "//open/1"])
async def test_pages_of_other_sites_may_not(gated: Gate, path: str, origin: str | None, host: str, status: int) -> None:
    """They would act as their visitors (RFC 6455, 10.2); programs say of no page."""
    gated.asked.clear()
    client = await gated.client("customer")
    fields = {"host": host} | ({"origin": origin} if origin is not None else {})
    assert (status, status == 101) == (await opened(client, path, headers=fields), len(gated.asked) == 1)


async def test_a_token_in_the_query_is_not_sent_on(gated: Gate) -> None:
    """Pages cannot set fields for a WebSocket, and so their token stands there."""
    token = (await gated.client("customer")).token or ""
    assert 101 == await opened(Client(gated.app), f"/account/invoices/live?a=1&auth_token={token}")
    assert f"/v2/accounts/{A}/invoices/live?a=1".encode() == gated.last().call.path


@pytest.mark.parametrize("path", ["/account/invoices/live", "//open/1"])
async def test_a_token_of_an_issuer_that_ends(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """The conversation ends with it, as with a token of this server."""
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.01)
    clock = Clock(NOW)
    async with issuer(leeway="0") as staff:
        routes = [route(NOUN, auth="staff"), route("/open/**", auth="staff")]
        async with gate(*routes, provider=staff, options={"clock": clock}) as gated:
            client = Client(gated.app, headers=bearer(account_id=A, exp=NOW + 600))
            async with client.socket(path) as socket:
                await socket.send_text("one")
                assert "one" == await socket.receive_text()
                clock.now += 601
                with pytest.raises(SocketClosed) as closed:
                    await socket.receive_text()
                assert (1008, "the token has ended") == (closed.value.code, closed.value.reason)


async def test_others_are_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys have no end, and nobody in particular has nothing that could."""
    asked = asyncio.Event()
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.0)
    async with gate(route("/open/**", auth=["partners", "none"]), provider={"partners": keys(acme={})}) as gated:
        assert gated.app.gateway is not None
        source: Any = gated.app.gateway.current.sources["partners"]
        known, times = source.known, []

        def counted(headers: Any) -> Any:
            times.append(1)
            if len(times) > 3:
                asked.set()
            return known(headers)

        source.known = counted
        async with Client(gated.app, headers=key("acme")).socket("//open/1") as socket:
            await asked.wait()
            await socket.send_text("still here")
            assert "still here" == await socket.receive_text()
        assert 101 == await opened(Client(gated.app), "//open/1")
