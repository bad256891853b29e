"""Upstreams that answer with JSON which is nested deeper than any reader goes: 502, and no crash."""

from __future__ import annotations

import pytest

from .gateways import A, gateway, reply, route
from .misbehaving import answering, scripted

JSON = b"content-type: application/json"
DEEP = 100_000


@pytest.mark.parametrize("body", [b"[" * DEEP + b"]" * DEEP, b"[" * DEEP], ids=["whole", "open"])
async def test_an_envelope_that_is_nested_too_deep_is_502(body: bytes) -> None:
    """Wherever it is: its data, or what stands beside that."""
    saying = answering(
        *(reply(each, JSON) for each in (b'{"data":%b}' % body, b'{"x":%b,"data":1}' % body, b'{"data":1}'))
    )
    async with scripted(saying) as port, gateway(route(envelope="unwrap"), up=port) as served:
        for _ in range(2):
            answer = await served.ask("GET /x/1")
            assert (502, "upstream_garbled") == (answer.status, answer.json["reason"])
        assert b"1" == (await served.ask("GET /x/1")).body.strip()


async def test_a_part_that_is_nested_too_deep_is_missing() -> None:
    """The others are there."""
    rule = route("/v2/accounts/{account}/dashboard", missing="report", merge={"bad": "bad:/", "good": "good:/"})
    async with (
        scripted(answering(reply(b"[" * DEEP + b"]" * DEEP, JSON))) as bad,
        scripted(answering(reply(b"[7]", JSON))) as good,
        gateway(rule, bad=bad, good=good) as served,
    ):
        answer = await served.ask(f"GET /v2/accounts/{A}/dashboard", account=A)
        assert (200, {"good": [7], "incomplete": ["bad"]}) == (answer.status, answer.json["data"])
