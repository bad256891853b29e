"""A kept connection that was closed: one try more for what may always be repeated, none for what only has a key."""

from __future__ import annotations

import pytest

from .gateways import gateway, reply, route
from .misbehaving import Peer, scripted
from .test_relay_retries import CALM, KEY, Recorder


@pytest.mark.parametrize(
    ("line", "fields", "tries"),
    [("POST /x/2", KEY, 3), ("PATCH /x/2", KEY, 3), ("GET /x/2", {}, 4), ("PUT /x/2", {}, 4), ("POST /x/2", {}, 1)],
    ids=str,
)
async def test_how_often_it_is_sent(line: str, fields: dict[str, str], tries: int) -> None:
    """A POST may have arrived before the connection closed: with `3 tries` it arrives three times at most."""

    async def act(peer: Peer, number: int) -> bool:
        if number == 1:
            await peer.send(reply())
        return number == 1

    recorder = Recorder(act)
    rule = route(retry="3 tries on reset")
    async with scripted(recorder) as port, gateway(rule, up=port, upstream=CALM) as served:
        assert 200 == (await served.ask("GET /x/1")).status
        answer = await served.ask(line, fields, b"body" if line[0] == "P" else b"")
        assert (502, tries) == (answer.status, (await served.line_of(answer))["tries"])
    assert tries == len(recorder.heads) - 1
