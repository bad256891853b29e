"""Upstreams that answer with what is no HTTP, or with HTTP that could be read in two ways: 502, and no more."""

from __future__ import annotations

import pytest

from .gateways import NOUN, A, gateway, reply, route
from .misbehaving import Peer, answering, scripted

H = b"HTTP/1.1 200 OK\r\n"
GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.7\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\ncontent-length: 2\r\n\r\nok",
    "two lengths": H + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "length and chunks": H + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "two codings": H + b"transfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "a length that is none": H + b"content-length: +5\r\n\r\nhello",
    "a status above 599": b"HTTP/1.1 999 Hm\r\ncontent-length: 2\r\n\r\nok",
    "a status below 100": b"HTTP/1.1 99 Hm\r\ncontent-length: 2\r\n\r\nok",
    "101 unasked": b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    "a head that is too long": H + b"x-a: " + b"y" * 70_000 + b"\r\n\r\n",
    "too many fields": H + b"".join(b"x-%d: y\r\n" % number for number in range(9000)) + b"\r\n",
    "interim responses without an end": b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 100 + reply(),
    "a control character": H + b"x-a: b\x01c\r\ncontent-length: 2\r\n\r\nok",
    "a space before the colon": H + b"content-length : 2\r\n\r\nok",
}


@pytest.mark.parametrize("said", GARBAGE.values(), ids=GARBAGE)
async def test_what_is_no_response_is_502(said: bytes) -> None:
    """Nothing of it reaches the client, nor is the target asked again, and the next request has a fresh connection."""
    numbers: list[int] = []

    async def handler(peer: Peer) -> None:
        numbers.append(peer.number)
        while True:
            head, _ = await peer.request()
            await peer.send(reply(b"fine") if b"GET /y" in head else said)

    async with scripted(handler) as port, gateway(route(), route("/y"), route(NOUN), up=port) as served:
        answer = await served.ask("GET /x/1")
        assert (502, "upstream_garbled") == (answer.status, answer.json["reason"])
        assert "upstream_garbled" == (await served.line_of(answer))["reason"]
        for word in (b"SSH", b"html", b"hello", b"yyy"):
            assert word not in answer.body
        assert b"fine" == (await served.ask("GET /y")).body
        answer = await served.ask(f"GET /v2/accounts/{A}/invoices", account=A)
        assert (502, "upstream_garbled") == (answer.status, answer.json["message"])
    assert [0, 1] == numbers


@pytest.mark.parametrize(
    "said",
    [
        H + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        H + b"transfer-encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
        H + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n-1\r\n\r\n",
    ],
    ids=["no size", "no end of a chunk", "a negative size"],
)
async def test_a_body_that_goes_wrong_is_never_whole(said: bytes) -> None:
    """It is refused, if the head is not out yet, or else broken off."""
    async with scripted(answering(said)) as port, gateway(route(), up=port) as served:
        answer = await served.ask("GET /x/1")
        assert 502 == answer.status or not answer.complete
        assert (await served.logged())["reason"] in ("upstream_garbled", "aborted")


async def test_what_comes_behind_a_response_is_no_other_response() -> None:
    """Bytes that nobody asked for are not taken for the answer to somebody else's request."""
    numbers: list[int] = []

    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            numbers.append(peer.number)
            await peer.send(reply(b"mine") + reply(b"not yours"))

    async with scripted(handler) as port, gateway(route(), up=port, upstream={"retry": "never"}) as served:
        for _ in range(4):
            answer = await served.ask("GET /x/1")
            assert answer.body == b"mine" or answer.status == 502
            assert b"not yours" not in answer.body
