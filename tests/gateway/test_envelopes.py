"""Envelopes around answers of upstreams, and off those of another Crossbar: the bytes in them are never touched."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .gateways import NOUN, A, Gateway, chunked, gateway, reply, route
from .misbehaving import Peer, answering, scripted

JSON = b"content-type: application/json"
ODD = b' {"n": 1.50, "big": 123456789012345678901, "n": 2, "\\u00e4": [ ]} '
"""JSON that nobody would write again in the same way."""
PATH = f"/v2/accounts/{A}/invoices/7"


def wrapping(**more: Any) -> dict[str, Any]:
    """A noun whose answers are wrapped."""
    return route(NOUN, envelope="wrap", **more)


@pytest.mark.parametrize("response", [reply(ODD, JSON), chunked(ODD, fields=(JSON,))], ids=["whole", "chunks"])
async def test_the_bytes_of_the_upstream_are_the_data(response: bytes) -> None:
    """Byte for byte, with the keys of every envelope behind them."""
    async with scripted(answering(response)) as port, gateway(wrapping(), up=port) as served:
        answer = await served.ask(f"GET {PATH}", account=A)
        assert answer.body.startswith(b'{"data":' + ODD + b",")
        assert ("success", answer["x-request-id"]) == (answer.json["status"], answer.json["request_id"])
        assert "application/json" == answer["content-type"]


async def test_pieces_go_on_as_they_come() -> None:
    """Nothing is collected: a piece is with the client before the next one is sent."""
    read = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + JSON + b'\r\ncontent-length: 4\r\n\r\n["')
        await read.wait()
        await peer.send(b'"]')

    async with scripted(handler) as port, gateway(wrapping(), up=port) as served, served.wire() as wire:
        await wire.send(served.request(f"GET {PATH}", account=A))
        head = await wire.head()
        assert b'{"data":["' == await wire.reader.readexactly(10)
        read.set()
        (length,) = (int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
        assert (await wire.reader.readexactly(length - 10)).endswith(b"}")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ((b"content-type: text/html",), b"<p>"),
        ((), b"{}"),
        ((JSON, b"content-encoding: gzip"), b"\x1f\x8b"),
        ((b"content-type: application/json; charset=utf-16",), b"{\0}\0"),
        ((b"content-type: application/x-ndjson",), b"{}\n{}\n"),
    ],
    ids=["html", "no type", "compressed", "another charset", "lines"],
)
async def test_what_is_no_plain_json_stays_as_it_is(fields: tuple[bytes, ...], body: bytes) -> None:
    """Body, type and tag."""
    async with (
        scripted(answering(reply(body, *fields, b'etag: "a"'))) as port,
        gateway(wrapping(), up=port) as served,
    ):
        answer = await served.ask(f"GET {PATH}", account=A)
        assert (body, '"a"') == (answer.body, answer["etag"])


@pytest.mark.parametrize(
    "type",
    ["application/json", "Application/JSON; charset=UTF-8", "application/hal+json", 'text/x+json;charset="utf-8"'],
)
async def test_what_counts_as_json(type: str) -> None:
    """By its type; what comes out is an envelope, whatever it was."""
    response = reply(b"[]", b"content-type: " + type.encode())
    async with scripted(answering(response)) as port, gateway(wrapping(), up=port) as served:
        answer = await served.ask(f"GET {PATH}", account=A)
        assert ([], "application/json") == (answer.json["data"], answer["content-type"])


@pytest.mark.parametrize("response", [reply(b"", JSON), chunked(fields=(JSON,))], ids=["whole", "chunks"])
async def test_no_body_is_null(response: bytes) -> None:
    """Nothing between the two halves of an envelope would be no JSON."""
    async with scripted(answering(response)) as port, gateway(wrapping(), up=port) as served:
        assert (await served.ask(f"GET {PATH}", account=A)).json["data"] is None


async def test_a_body_that_turns_out_to_be_none_is_null() -> None:
    """The head is out by then."""
    read = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + JSON + b"\r\ntransfer-encoding: chunked\r\n\r\n")
        await read.wait()
        await peer.send(b"0\r\n\r\n")

    async with scripted(handler) as port, gateway(wrapping(), up=port) as served, served.wire() as wire:
        await wire.send(served.request(f"GET {PATH}", account=A))
        await wire.head()
        read.set()
        assert (await wire.piece()).startswith(b'{"data":null,')


async def test_the_fields_are_those_of_the_envelope() -> None:
    """A tag of bytes that were is a weak one, sums of them are wrong, and parts of them are not to be had."""
    said = (b'etag: "a"', b"accept-ranges: bytes", b"content-digest: sha-256=:AA==:", b"digest: x", b"x-b: c")
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        for status in (b"200 OK", b"304 Not Modified", b"206 Partial Content"):
            heads.append((await peer.request())[0])
            await peer.send(reply(b"" if status[:1] == b"3" else b"[]", JSON, *said, status=status))

    asked = {"Accept-Encoding": "gzip", "Range": "bytes=0-1", "If-Range": '"a"', "If-None-Match": 'W/"a"'}
    async with scripted(handler) as port, gateway(wrapping(), up=port) as served:
        first, second, third = [await served.ask(f"GET {PATH}", asked, account=A) for _ in range(3)]
    assert ['W/"a"', "c"] == [first["etag"], first["x-b"]]
    assert [[], [], []] == [first.all(name) for name in ("accept-ranges", "content-digest", "digest")]
    assert ('W/"a"', b"") == (second["etag"], second.body)
    assert ('"a"', b"[]") == (third["etag"], third.body)
    for gone in (b"\r\nrange:", b"\r\nif-range:", b"gzip"):
        assert gone not in heads[0].lower()
    assert b"\r\naccept-encoding: identity\r\n" in heads[0].lower()
    assert b'\r\nif-none-match: w/"a"\r\n' in heads[0].lower()


async def test_a_head_tells_the_length_of_what_get_would_answer() -> None:
    """The same fields, without the body."""
    responses = (reply(ODD, JSON), b"HTTP/1.1 200 OK\r\n" + JSON + b"\r\ncontent-length: %d\r\n\r\n" % len(ODD))
    async with scripted(answering(*responses)) as port, gateway(wrapping(), up=port) as served:
        whole = await served.ask(f"GET {PATH}", account=A)
        head = await served.ask(f"HEAD {PATH}", account=A)
        assert (whole["content-length"], b"") == (head["content-length"], head.body)


async def test_an_envelope_may_be_indented() -> None:
    """The envelope is; what is in it stays as it is."""
    async with scripted(answering(reply(ODD, JSON))) as port, gateway(wrapping(), up=port) as served:
        answer = await served.ask(f"GET {PATH}?pretty_print=true", account=A)
        assert answer.body.startswith(b'{\n  "data": ' + ODD + b',\n  "')
        assert "success" == answer.json["status"]


async def test_nobody_s_token_is_put_around_an_answer() -> None:
    """The upstream says who may keep its answer; a token in it would be kept with it."""
    public = reply(b"[]", JSON, b"cache-control: public, max-age=60")
    async with scripted(answering(public)) as port, gateway(wrapping(), up=port) as served:
        answer = await served.ask(f"GET {PATH}", account=A)
        assert served.tokens[A].encode() not in answer.body
        assert "auth_token" not in answer.json
        assert "public, max-age=60" == answer["cache-control"]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/restapi/v1.0/account/~/invoices/7", wrapping()),
        (f"/api/ver1.0/accounts/{A}/invoices/7", wrapping()),
        *[
            (f"/{form}/7", route(f"/{form}/**", envelope="wrap", form=form))
            for form in ("problem", "realm", "ringcentral")
        ],
    ],
    ids=["ringcentral", "realm", "plain route", "plain route as realm", "plain route as ringcentral"],
)
async def test_where_there_is_no_envelope_there_is_none(path: str, rule: dict[str, Any]) -> None:
    """Dialects without envelopes answer with the bytes alone."""
    async with scripted(answering(reply(ODD, JSON, b'etag: "a"'))) as port, gateway(rule, up=port) as served:
        answer = await served.ask(f"GET {path}", {"Authorization": f"Bearer {served.tokens[A]}"})
        assert (200, ODD, '"a"') == (answer.status, answer.body, answer["etag"])


async def test_a_plain_route_in_the_form_of_crossbar_has_its_envelope() -> None:
    """The form that errors have is that of answers, too."""
    rule = route("/x/**", envelope="wrap", form="crossbar")
    async with scripted(answering(reply(b"[1]", JSON))) as port, gateway(rule, up=port) as served:
        assert [1] == (await served.ask("GET /x/1")).json["data"]


# Errors of upstreams.


async def test_errors_are_passed_as_they_are() -> None:
    """Status, fields and body, without an envelope."""
    said = reply(b'{"why":1}', JSON, b"www-authenticate: Theirs", status=b"401 Unauthorized")
    async with scripted(answering(said)) as port, gateway(wrapping(), up=port) as served:
        answer = await served.ask(f"GET {PATH}", account=A)
        assert (401, {"why": 1}, "Theirs") == (answer.status, answer.json, answer["www-authenticate"])


@pytest.mark.parametrize(
    ("status", "mapped", "field"),
    [
        (b"404 Not Found", 404, b""),
        (b"401 Unauthorized", 401, b"www-authenticate: Theirs"),
        (b"405 No", 405, b"allow: GET"),
        (b"429 Too Many Requests", 429, b"retry-after: 7"),
        (b"500 Oops", 502, b""),
        (b"501 Never", 502, b""),
        (b"503 Busy", 503, b"retry-after: 7"),
        (b"504 Late", 504, b""),
    ],
    ids=lambda value: value[:3].decode() if isinstance(value, bytes) and value[:1].isdigit() else "",
)
async def test_errors_are_told_in_the_dialect(status: bytes, mapped: int, field: bytes) -> None:
    """With the fields without which the status says too little, and with nothing of the upstream's words."""
    said = reply(b"secret stack trace", field or b"x-a: b", b"set-cookie: a=b", status=status)
    async with scripted(answering(said)) as port, gateway(wrapping(errors="map"), up=port) as served:
        answer = await served.ask(f"GET {PATH}", account=A)
        assert (mapped, "upstream_error", str(mapped)) == (answer.status, answer.json["message"], answer.json["error"])
        assert b"secret" not in answer.body
        assert [] == answer.all("set-cookie")
        name, _, value = field.decode().partition(": ")
        assert ([value] if field else []) == answer.all(name)
        assert "upstream_error" == (await served.logged())["reason"]


async def test_what_is_not_told_is_not_read() -> None:
    """The body of an error that is mapped may never end; its connection does."""
    gone = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 404 No\r\ntransfer-encoding: chunked\r\n\r\n")
        await peer.gone()
        gone.set()

    async with scripted(handler) as port, gateway(route(errors="map"), up=port) as served:
        assert 404 == (await served.ask("GET /x/1")).status
        await gone.wait()


# Out of an envelope.


async def test_data_is_taken_out_of_an_envelope() -> None:
    """Its own bytes, wherever they stand in the envelope, and however the envelope comes."""
    envelope = b'{"status":"success","data":%b,"x":{"data":3}}' % ODD
    cut = [envelope[at : at + 7] for at in range(0, len(envelope), 7)]
    responses = (reply(envelope, JSON, b'etag: "a"', b"x-b: c"), chunked(*cut, fields=(JSON,)))
    async with scripted(answering(*responses)) as port, gateway(route(envelope="unwrap"), up=port) as served:
        first = await served.ask("GET /x/1")
        assert (ODD.strip(), [], "c") == (first.body.strip(), first.all("etag"), first["x-b"])
        assert ODD.strip() == (await served.ask("GET /x/1")).body.strip()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"status":"success"}', b'{"data":', b'{"data":1}x', b"\xff", b'{"data":tru}', b"null"]
)
async def test_what_is_no_envelope_is_502(body: bytes) -> None:
    """An upstream that says that it is JSON, and is no Crossbar, gave no proper answer."""
    async with scripted(answering(reply(body, JSON))) as port, gateway(route(envelope="unwrap"), up=port) as served:
        answer = await served.ask("GET /x/1")
        assert (502, "upstream_garbled") == (answer.status, answer.json["reason"])


async def test_an_envelope_that_is_too_large_is_502() -> None:
    """All of it would be in memory."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + JSON + b"\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await peer.send(b"10000\r\n" + b" " * 65_536 + b"\r\n")

    async with scripted(handler) as port, gateway(route(envelope="unwrap"), up=port) as served:
        answer = await served.ask("GET /x/1")
        assert (502, "upstream_garbled") == (answer.status, answer.json["reason"])


async def test_another_crossbar_is_opened() -> None:
    """A gateway before a Crossbar: a module's answer there is the same one here, in an envelope of here."""
    async with gateway() as other:
        upstream = {"host": "target", "identity": "off"}
        rules = (
            route("/plain/**", "up:/v2/**", envelope="unwrap", token="pass"),
            route(
                "/v2/accounts/{account}/invoices/**", "up:/v2/accounts/{account}/**", envelope="unwrap", token="pass"
            ),
        )
        async with gateway(*rules, up=other.port, upstream=upstream) as served:
            asked = {"X-Auth-Token": other.tokens[A]}
            direct = await other.ask(f"GET /v2/accounts/{A}/users", asked)
            through = await served.ask(f"GET /plain/accounts/{A}/users", asked)
            assert (200, direct.json["data"]) == (through.status, through.json)
            refused = await served.ask(f"GET /plain/accounts/{A}/users")
            assert (401, "invalid_credentials") == (refused.status, refused.json["message"])
            assert await _same(served, other)


async def _same(served: Gateway, other: Gateway) -> bool:
    """Whether the loop of two gateways is none: each has its own name in `Via`."""
    first, second = served.app.gateway, other.app.gateway
    return first is None or second is None or first.pseudonym != second.pseudonym
