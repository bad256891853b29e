"""What is told of a request is what becomes of it: explained first, then sent through a gateway that serves."""

from __future__ import annotations

import pytest

from crossbar.explain import explain
from crossbar.gateway.judging import Asker

from .gateways import NOUN, A, B, gateway, reply, route
from .misbehaving import Peer, scripted

ROUTES = [
    route("/x/**", "up:/y/**"),
    route("/x/{a}/fixed", "up:/f/{a}", name="fixed"),
    route("/same/**", "up"),
    route("/once", "up:/z", methods=["GET"], name="once"),
    route(NOUN, "up:/api/{account}/**"),
    route("/v2/accounts/{account}/papers", "up", allow="path.account == principal.account", name="papers"),
]


@pytest.mark.parametrize(
    ("line", "account"),
    [
        ("GET /x/1", ""),
        ("GET /x/a%2Fb//c?d=%20&e", ""),
        ("DELETE /x/7/fixed", ""),
        ("GET /x", ""),
        ("GET /x/", ""),
        ("POST /same/a;b/%7E?", ""),
        ("HEAD /once", ""),
        ("GET /once?auth_token=x", ""),
        ("PUT /once", ""),
        ("GET /x/../y", ""),
        (f"GET /v2/accounts/{A}/invoices/7?x=1", A),
        (f"PATCH /v2/accounts/{B}/invoices", A),
        (f"GET /v2/accounts/{A}/invoices/a%2Fb", A),
        (f"GET /v2/accounts/{A}/papers", A),
        (f"GET /v2/accounts/{B}/papers", A),
        (f"GET /v2/accounts/{A}/papers/x", A),
        (f"GET /restapi/v1.0/account/{A}/invoices/7", A),
    ],
)
async def test_what_is_told_is_what_is_sent(line: str, account: str) -> None:
    """The status, and if it goes on, the line that the upstream reads, byte for byte."""
    seen: list[str] = []

    async def handler(peer: Peer) -> None:
        head, _ = await peer.request()
        seen.append(head.decode("latin-1").partition(" HTTP/")[0])
        await peer.send(reply(b""))

    method, _, uri = line.partition(" ")
    async with scripted(handler) as port, gateway(*ROUTES, up=port) as served:
        asker = Asker("account", account) if account else Asker("anonymous")
        told = explain(served.app, method, uri, asker=asker, live=True)
        fields = {"Authorization": f"Bearer {served.tokens[account]}"} if account else {}
        answer = await served.ask(line, fields)
        expected = [f"{method} http://127.0.0.1:{port}{sent.partition(' ')[2]}" for sent in seen]
    assert answer.status == told.status
    assert expected == told.as_json().get("to", [])


async def test_telling_counts_nothing() -> None:
    """A limit of one request is not used up by asking what would become of it."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(reply())

    async with (
        scripted(handler) as port,
        gateway(route("/x", "up:/y", limit=["1/h per address", "1/h per route"]), up=port) as served,
    ):
        for _ in range(3):
            assert 200 == explain(served.app, "GET", "/x", asker=Asker("anonymous"), live=True).status
        assert [200, 429] == [(await served.ask("GET /x")).status for _ in range(2)]


async def test_ejected_targets_are_told() -> None:
    """What failed is left out as long as another one is in order, and is the last resort after that."""
    async with gateway(
        route("/x", "up:/y"), upstream={"eject": "after 1 failures in 10s for 30s"}, up=[9, 10]
    ) as served:
        pool = served.service().pool
        pool.failed(pool.targets[0], "it does not answer")
        found = explain(served.app, "GET", "/x", live=True)
        assert found.routing is not None
        facts = dict(found.routing.facts())
    assert "up, 1/2 in order, next: http://127.0.0.1:10" == facts["Upstream"]
    assert ["ejected", "ok"] == [target["state"] for target in found.as_json()["targets"]]
