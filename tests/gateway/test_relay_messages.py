"""Messages through the gateway: which have no body, what is said about them on the way, and what stays behind."""

from __future__ import annotations

import pytest

from .gateways import NOUN, A, chunked, gateway, reply, route
from .misbehaving import Peer, answering, scripted

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def _lines(head: bytes) -> dict[str, list[str]]:
    """The fields of a head as they were sent, by their names in lower case."""
    found: dict[str, list[str]] = {}
    for line in head.decode("latin-1").split("\r\n")[1:-2]:
        name, _, value = line.partition(": ")
        found.setdefault(name.lower(), []).append(value)
    return found


class Echo:
    """A target that notes what it got, and answers with the same bytes each time."""

    def __init__(self, response: bytes) -> None:
        self.response = response
        self.heads: list[bytes] = []

    async def __call__(self, peer: Peer) -> None:
        while True:
            head, _ = await peer.request()
            self.heads.append(head)
            await peer.send(self.response)


# What has no body.


@pytest.mark.parametrize(
    ("method", "response", "length"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n", ["12"]),
        ("HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", []),
        ("HEAD", b"HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\n", ["3"]),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", []),
        ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n", []),
        ("GET", b'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n', []),
        ("GET", b'HTTP/1.1 304 Not Modified\r\netag: "a"\r\ncontent-length: 12\r\n\r\n', []),
        ("GET", b"HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n", ["0"]),
        ("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ["0"]),
    ],
)
@pytest.mark.parametrize("envelope", ["off", "wrap", "unwrap"])
async def test_what_has_no_body_has_none(method: str, response: bytes, length: list[str], envelope: str) -> None:
    """Its length is told where it may be, nothing comes behind it, and the connection goes on."""
    target = Echo(response)
    async with (
        scripted(target) as port,
        gateway(route(envelope=envelope), up=port) as served,
        served.wire() as wire,
    ):
        for _ in range(3):
            await wire.send(served.request(f"{method} /x/1"))
            answer = await wire.answer(method)
            assert response[9:12] == str(answer.status).encode()
            assert length == answer.all("content-length")
            assert [] == answer.all("transfer-encoding")
            assert b"" == answer.body
        # What would be left of a body would be read as the beginning of this one.
        await wire.send(served.request("GET /nothing"))
        assert 404 == (await wire.answer()).status
    assert 3 == len(target.heads)


async def test_trailers_end_here() -> None:
    """Those of a response and those of a request, and the framing around them is right."""
    got: list[bytes] = []

    async def handler(peer: Peer) -> None:
        got.append(b"".join(await peer.request()))
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n")
        await peer.send(b"2\r\nab\r\n0\r\nx-sum: 7\r\n\r\n")

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n")
        await wire.send(b"3\r\nabc\r\n0\r\nx-sum: 9\r\nX-Auth-Token: x\r\n\r\n")
        answer = await wire.answer()
        assert (b"ab", []) == (answer.body, answer.all("trailer"))
    # NOTE: a body that was all there goes on with its length.
    assert got[0].endswith(b"content-length: 3\r\n\r\nabc")
    for gone in (b"x-sum", b"trailer", b"x-auth-token"):
        assert gone not in got[0].lower()


# Interim responses.


async def test_early_hints_are_passed_on() -> None:
    """Their links, and nothing else of them; other interim responses end here."""
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nlink: </b>\r\nset-cookie: a=b\r\n\r\n"
    said = hints + b"HTTP/1.1 102 Processing\r\nlink: </c>\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\n\r\n" + reply()
    async with scripted(answering(said)) as port, gateway(route(), up=port) as served:
        answer = await served.ask("GET /x/1")
        assert [b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nlink: </b>\r\n\r\n"] == answer.interim
        assert (200, b"ok") == (answer.status, answer.body)


@pytest.mark.parametrize("sign", [b"\x0b", b"\x01", b"\x7f"])
async def test_a_hint_with_a_control_character_is_dropped(sign: bytes) -> None:
    """As a response with one would be; what follows is as good as before."""
    hint = b"HTTP/1.1 103 Early Hints\r\nlink: </%b>\r\n\r\n"
    async with scripted(answering(hint % sign + hint % b"b" + reply())) as port, gateway(route(), up=port) as served:
        answer = await served.ask("GET /x/1")
        assert ([hint % b"b"], 200, b"ok") == (answer.interim, answer.status, answer.body)


async def test_a_client_of_http_1_0_gets_no_interim_response() -> None:
    """It would not know what that is."""
    said = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + chunked(b"ab")
    async with scripted(answering(said)) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(b"GET /x/1 HTTP/1.0\r\n\r\n")
        answer = await wire.answer()
        assert ([], [], b"ab") == (answer.interim, answer.all("transfer-encoding"), answer.body)


EXPECTING = b"POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"


async def test_a_client_is_asked_for_its_body_when_the_upstream_asks() -> None:
    """The 100 is the upstream's decision, and the expectation is passed on."""
    got: list[bytes] = []

    async def handler(peer: Peer) -> None:
        got.append(await peer.head())
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        got.append(await peer.read(4))
        await peer.send(reply())

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(EXPECTING)
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == await wire.head()
        await wire.send(b"body")
        assert 200 == (await wire.answer()).status
    assert ["100-continue"] == _lines(got[0])["expect"]
    assert b"body" == got[1]


@pytest.mark.parametrize(
    "status", [b"417 Expectation Failed", b"413 Content Too Large", b"401 Unauthorized", b"200 OK"]
)
async def test_an_upstream_that_does_not_want_the_body_does_not_get_it(status: bytes) -> None:
    """Nor does the client send it: it is told at once, and that the connection ends."""
    rest: list[bytes] = []

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(reply(b"no", status=status))
        rest.append(await peer.gone())

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(EXPECTING)
        answer = await wire.answer()
        assert (status[:3], [], b"no") == (str(answer.status).encode(), answer.interim, answer.body)
        assert "close" == answer["connection"]
    assert [b""] == rest


async def test_an_upstream_that_knows_no_expectations_gets_the_body() -> None:
    """After a second of silence (RFC 9110, 10.1.1)."""

    async def handler(peer: Peer) -> None:
        await peer.head()
        assert b"body" == await peer.read(4)
        await peer.send(reply())

    async with scripted(handler) as port, gateway(route(), up=port) as served, served.wire() as wire:
        await wire.send(EXPECTING)
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == await wire.head()
        await wire.send(b"body")
        assert 200 == (await wire.answer()).status


async def test_a_body_that_is_refused_is_not_asked_for() -> None:
    """Too large for the route, or nobody there: both show before the client begins."""
    async with gateway(route(body="3B"), route("/y/**", limit=["1/h per route"]), up=1) as served:
        for path, status in (("x", 413), ("y", 502), ("y", 429)):
            async with served.wire() as wire:
                await wire.send(EXPECTING.replace(b"/x/", b"/%b/" % path.encode()))
                answer = await wire.answer()
                assert (status, []) == (answer.status, answer.interim)


# Fields.


async def test_what_goes_to_the_upstream() -> None:
    """What the client said, but for what is of its connection or in our words; and what we add."""
    target = Echo(reply())
    asked = {
        "X-Plain": "1",
        "Cookie": "a=b",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "secret",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "Proxy-Authorization": "Basic eDp5",
        "Upgrade": "h2c",
        "X-Forwarded-For": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Request-ID": "id-7",
        "Via": "1.1 somebody",
        "traceparent": TRACE,
        "tracestate": "a=b",
    }
    async with scripted(target) as port, gateway(route(), up=port, settings={"gateway": {"via": "gate"}}) as served:
        answer = await served.ask("GET /x/1?a=%20b&c", asked)
        assert "id-7" == answer["x-request-id"]
    assert target.heads[0].startswith(b"GET /x/1?a=%20b&c HTTP/1.1\r\n")
    got = _lines(target.heads[0])
    for gone in ("x-hop", "connection", "keep-alive", "te", "proxy-authorization", "upgrade"):
        assert gone not in got
    expected = {
        "host": [f"127.0.0.1:{port}"],
        "x-plain": ["1"],
        "cookie": ["a=b"],
        "x-forwarded-for": ["127.0.0.1"],
        "x-forwarded-host": ["gate.example"],
        "x-forwarded-proto": ["http"],
        "via": ["1.1 somebody, 1.1 gate"],
        "x-request-id": ["id-7"],
        "tracestate": ["a=b"],
    }
    assert expected == {name: got[name] for name in expected}
    (parent,) = got["traceparent"]
    assert (TRACE[:36], True) == (parent[:36], parent != TRACE)


async def test_what_comes_back_to_the_client() -> None:
    """The fields of the upstream, several of a name as they are, and no word about its connection."""
    fields = (
        *(b"Set-Cookie: a=1; Path=/", b"Set-Cookie: b=2", b"Date: Fri, 02 Jan 2026 00:00:00 GMT", b"Server: theirs"),
        *(b"Connection: close, X-Hop", b"X-Hop: secret", b"Keep-Alive: timeout=5", b"Alt-Svc: h3=a", b"X-B: \xe4"),
        *(b"Proxy-Authenticate: Basic", b"Upgrade: h2c", b"X-Request-ID: theirs", b"Via: 1.0 them", b'ETag: "a"'),
        *(b"Access-Control-Allow-Origin: *", b"Vary: Accept", b"Location: http://inside/x"),
    )
    async with scripted(answering(reply(b"ok", *fields))) as port, gateway(route(), up=port) as served:
        answer = await served.ask("GET /x/1", {"X-Request-ID": "mine"})
        assert ["a=1; Path=/", "b=2"] == answer.all("set-cookie")
        assert "Fri, 02 Jan 2026 00:00:00 GMT" == answer["date"]
        assert ("theirs", "mine", "1.0 them", '"a"', "Accept", "*", "http://inside/x", "\xe4") == tuple(
            answer[name]
            for name in (
                *("server", "x-request-id", "via", "etag", "vary", "access-control-allow-origin", "location", "x-b"),
            )
        )
        for gone in ("x-hop", "keep-alive", "alt-svc", "proxy-authenticate", "upgrade", "connection"):
            assert [] == answer.all(gone)
        assert "mine" == (await served.logged())["request_id"]


async def test_a_date_of_ours_where_there_is_none() -> None:
    """A recipient adds the date that is missing (RFC 9110, 6.6.1)."""
    async with scripted(answering(reply())) as port, gateway(route(), up=port) as served:
        assert "Thu, 01 Jan 2026 00:00:00 GMT" == (await served.ask("GET /x/1"))["date"]


@pytest.mark.parametrize("name", ["Authorization", "X-Request-ID", "Host", "x-forwarded-for", "Cookie"])
async def test_connection_cannot_take_out_what_means_something(name: str) -> None:
    """It is 400, and nothing is sent on."""
    target = Echo(reply())
    async with scripted(target) as port, gateway(route(NOUN), route(), up=port) as served:
        answer = await served.ask("GET /x/1", {"Connection": f"close, {name}"})
        assert (400, "bad_header") == (answer.status, answer.json["reason"])
        assert 400 == (await served.ask(f"GET /v2/accounts/{A}/invoices", {"Connection": name}, account=A)).status
    assert [] == target.heads


async def test_a_request_that_has_been_here_is_refused() -> None:
    """It would go in a circle for ever: 508."""
    target = Echo(reply())
    async with scripted(target) as port, gateway(route(), up=port, settings={"gateway": {"via": "gate"}}) as served:
        answer = await served.ask("GET /x/1", {"Via": "1.1 a, 1.1 Gate (x)"})
        assert (508, "loop_detected") == (answer.status, answer.json["reason"])
    assert [] == target.heads
