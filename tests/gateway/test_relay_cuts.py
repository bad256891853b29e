"""Upstreams that end in the middle of a response, at any byte: an error before the head, a broken transfer after it."""

from __future__ import annotations

from typing import Any

import pytest

from .gateways import LOOPS, NOUN, A, Gateway, chunked, gateway, reply, route
from .misbehaving import Peer, scripted
from .wires import Answer

JSON = b"content-type: application/json"
WHOLE = b'{"n":1234567}'
RESPONSES = {
    "length": reply(WHOLE, JSON),
    "chunks": chunked(WHOLE[:4], WHOLE[4:], fields=(JSON,)),
}
NEVER = {"retry": "never", "eject": "never"}


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both event loops."""
    return request.param


class Cutter:
    """A target that sends the first `at` bytes of a response and then ends, with a FIN or a RST."""

    def __init__(self, response: bytes, how: str) -> None:
        self.response = response
        self.how = how
        self.at = 0

    async def __call__(self, peer: Peer) -> None:
        await peer.request()
        await peer.send(self.response[: self.at])
        if self.how == "rst":
            peer.reset()


async def _at_each(cutter: Cutter, served: Gateway, line: str, account: str = "") -> list[tuple[int, Answer, str]]:
    found = []
    for at in range(len(cutter.response) + 1):
        cutter.at = at
        answer = await served.ask(line, account=account)
        found.append((at, answer, (await served.logged()).get("reason", "")))
    return found


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("framing", RESPONSES)
async def test_no_part_is_taken_for_the_whole(framing: str, how: str) -> None:
    """Before the head is complete it is 502 with the reason; from there on, the client sees a transfer break off."""
    response = RESPONSES[framing]
    cutter = Cutter(response, how)
    head = response.index(b"\r\n\r\n") + 4
    broken = 0
    async with scripted(cutter) as port, gateway(route(), up=port, upstream=NEVER) as served:
        for at, answer, reason in await _at_each(cutter, served, "GET /x/1"):
            # NOTE: a RST may overtake what was sent before it.
            if at < head or (how == "rst" and answer.status == 502):
                assert (502, "application/problem+json") == (answer.status, answer["content-type"])
                assert ("upstream_reset", "upstream_reset") == (answer.json["reason"], reason)
            elif at < len(response):
                assert (200, False, "aborted") == (answer.status, answer.complete, reason)
                assert WHOLE.startswith(answer.body)
                assert WHOLE != answer.body or framing == "chunks"
                broken += 1
            elif how == "fin":
                assert (200, True, WHOLE) == (answer.status, answer.complete, answer.body)
    assert broken == len(response) - head or how == "rst"


@pytest.mark.parametrize("framing", RESPONSES)
async def test_no_envelope_is_closed_around_a_part(framing: str) -> None:
    """The same in an envelope: its end is only written after that of what is in it."""
    response = RESPONSES[framing]
    cutter = Cutter(response, "fin")
    head = response.index(b"\r\n\r\n") + 4
    async with scripted(cutter) as port, gateway(route(NOUN, envelope="wrap"), up=port, upstream=NEVER) as served:
        found = await _at_each(cutter, served, f"GET /v2/accounts/{A}/invoices", A)
        for at, answer, reason in found[:-1]:
            if at < head:
                assert (502, "upstream_reset", "502") == (answer.status, answer.json["message"], answer.json["error"])
                assert "upstream_reset" == reason
            else:
                assert (200, False, "aborted") == (answer.status, answer.complete, reason)
                assert b"status" not in answer.body
        assert (200, 1234567, "success") == (
            found[-1][1].status,
            found[-1][1].json["data"]["n"],
            found[-1][1].json["status"],
        )


@pytest.mark.parametrize("framing", RESPONSES)
async def test_no_part_of_an_envelope_is_opened(framing: str) -> None:
    """What is to be opened is read to its end first, so that a cut is always an error with a status."""
    response = RESPONSES[framing].replace(WHOLE, b'{"data":[2]} ')
    if framing == "chunks":
        response = chunked(b'{"da', b'ta":[2]}', fields=(JSON,))
    cutter = Cutter(response, "fin")
    async with scripted(cutter) as port, gateway(route(envelope="unwrap"), up=port, upstream=NEVER) as served:
        found = await _at_each(cutter, served, "GET /x/1")
        assert {(502, "upstream_reset")} == {(answer.status, reason) for _, answer, reason in found[:-1]}
        assert (200, b"[2]") == (found[-1][1].status, found[-1][1].body)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"/v2/accounts/{A}/invoices", ("message", "upstream_reset")),
        ("/restapi/v1.0/account/~/invoices", ("message", "the service 'up' ended without an answer")),
        (f"/api/ver1.0/accounts/{A}/invoices", ("message", "the service 'up' ended without an answer")),
    ],
    ids=["crossbar", "ringcentral", "realm"],
)
async def test_a_caller_is_told_in_their_dialect(path: str, told: tuple[str, str]) -> None:
    """The form of the error is that of the path, and the log has the reason whatever the form."""
    cutter = Cutter(RESPONSES["length"], "fin")
    async with scripted(cutter) as port, gateway(route(NOUN), up=port, upstream=NEVER) as served:
        answer = await served.ask(f"GET {path}", {"Authorization": f"Bearer {served.tokens[A]}"})
        assert (502, told[1]) == (answer.status, answer.json[told[0]])
        assert (502, "upstream_reset") == ((line := await served.logged())["status"], line["reason"])


async def test_a_body_that_the_end_of_the_connection_ends() -> None:
    """It is chunked for the client; a FIN is its end, and a RST is none."""
    cutter = Cutter(b"HTTP/1.1 200 OK\r\n\r\nhello", "fin")
    cutter.at = len(cutter.response)
    async with scripted(cutter) as port, gateway(route(), up=port, upstream=NEVER) as served:
        answer = await served.ask("GET /x/1")
        assert (200, True, b"hello", "chunked") == (
            answer.status,
            answer.complete,
            answer.body,
            answer["transfer-encoding"],
        )
        cutter.how = "rst"
        answer = await served.ask("GET /x/1")
        assert (False, "aborted") == (answer.complete, (await served.logged())["reason"]) or answer.status == 502
