"""No way from a client to an address that the settings do not name, nor to a part of an upstream that no route has."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .gateways import NOUN, A, Gateway, gateway, reply, route
from .misbehaving import Peer, scripted


class Target:
    """A target that notes what it was asked for."""

    def __init__(self, response: bytes = reply()) -> None:
        self.response = response
        self.heads: list[bytes] = []

    @property
    def paths(self) -> list[str]:
        """The request targets, as they were on the wire."""
        return [head.split(b" ")[1].decode("latin-1") for head in self.heads]

    async def __call__(self, peer: Peer) -> None:
        while True:
            self.heads.append((await peer.request())[0])
            await peer.send(self.response)


async def _raw(served: Gateway, request: bytes) -> int:
    """The status of what is answered to these bytes."""
    async with served.wire() as wire:
        await wire.send(request)
        return (await wire.answer()).status


@pytest.mark.parametrize(
    "target",
    [
        b"http://%b/x/1",
        b"http://user:word@%b/x/1",
        b"//%b/x/1",
        b"@%b/x/1",
        b"\\\\%b/x/1",
        b"/\\%b/x/1",
        b"%b",
        b"/x/1@%b",
        b"/x/1//%b/",
        b"/x/1?to=http://%b/",
        b"/x/1#@%b",
        b"/x/1;@%b",
        b"/x/http://%b/",
        b"https:%b",
        b"/x/1%%0d%%0aHost:%%20%b",
        b"/x/1%%23@%b/",
    ],
    ids=lambda target: target.decode(),
)
async def test_a_target_of_a_request_names_nobody(target: bytes) -> None:
    """However it is written, the other one is never asked; what is sent on goes to the target of the route."""
    other, mine = Target(), Target()
    async with (
        scripted(other) as elsewhere,
        scripted(mine) as port,
        gateway(route(), route("/**", "up"), up=port) as served,
    ):
        place = b"127.0.0.1:%d" % elsewhere
        for method in (b"GET", b"OPTIONS"):
            await _raw(served, b"%b %b HTTP/1.1\r\nHost: a\r\n\r\n" % (method, target % place))
    assert [] == other.heads
    for head in mine.heads:
        assert b"\r\nhost: 127.0.0.1:%d\r\n" % port in head


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
async def test_no_tunnel_and_no_mirror(method: str) -> None:
    """Neither is sent on."""
    mine = Target()
    async with scripted(mine) as port, gateway(route(), route("/**"), up=port) as served:
        line = "127.0.0.1:1" if method == "CONNECT" else "/x/1"
        assert await _raw(served, f"{method} {line} HTTP/1.1\r\nHost: a\r\n\r\n".encode()) in (400, 405, 501)
    assert [] == mine.heads


@pytest.mark.parametrize(
    "fields",
    [
        {"Host": "%s"},
        {"X-Forwarded-Host": "%s"},
        {"Forwarded": "host=%s"},
        {"X-Host": "%s", "X-Original-URL": "http://%s/", "X-Rewrite-URL": "http://%s/"},
        {"X-HTTP-Host-Override": "%s", "X-Forwarded-Server": "%s"},
        {"Location": "http://%s/", "Referer": "http://%s/", "Destination": "http://%s/"},
    ],
    ids=lambda fields: " ".join(fields),
)
@pytest.mark.parametrize("host", ["target", "client"])
async def test_no_field_names_where_to_go(fields: dict[str, str], host: str) -> None:
    """Also where the upstream is to see the name that the client used."""
    other, mine = Target(), Target()
    async with (
        scripted(other) as elsewhere,
        scripted(mine) as port,
        gateway(route(), up=port, upstream={"host": host}) as served,
    ):
        place = f"127.0.0.1:{elsewhere}"
        assert 200 == (await served.ask("GET /x/1", {name: value % place for name, value in fields.items()})).status
    assert [] == other.heads
    assert 1 == len(mine.heads)


async def test_two_hosts_are_refused() -> None:
    """Whoever is behind us might believe the other one."""
    mine = Target()
    async with scripted(mine) as port, gateway(route(), up=port) as served:
        assert 400 == await _raw(served, b"GET /x/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert [] == mine.heads


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"303 See", b"307 Again", b"308 For good"])
@pytest.mark.parametrize("rule", [{}, {"errors": "map", "envelope": "wrap"}], ids=["passed", "mapped"])
async def test_redirects_are_passed_and_never_followed(status: bytes, rule: dict[str, Any]) -> None:
    """Where it leads is for the client to see."""
    other = Target()
    async with scripted(other) as elsewhere:
        where = b"http://127.0.0.1:%d/secret" % elsewhere
        mine = Target(reply(b"", b"location: " + where, status=status))
        async with scripted(mine) as port, gateway(route(**rule), up=port) as served:
            answer = await served.ask("GET /x/1")
            assert (status[:3].decode(), where.decode()) == (str(answer.status), answer["location"])
    assert [] == other.heads
    assert 1 == len(mine.heads)


CLIMBING = (
    *(
        "/x/..",
        "/x/../y",
        "/x/./y",
        "/x/%2e%2e/y",
        "/x/%2E%2e/y",
        "/x/.%2e/y",
        "/x/..%2fy",
        "/x/..%2Fy",
        "/x/%2e%2e%2fy",
    ),
    *("/x/..%5cy", "/x/..;/y", "/x/..;a=b/y", "/x/%252e%252e/y", "/x/..%00/y", "/x/a/..", "/x/a/%2e%2e/%2e%2e/y"),
    *("/x/..%252fy", "/x/%2e%2e%5cy", "/x/..%09/y"),
)


@pytest.mark.parametrize("guarded", [False, True], ids=["open", "guarded"])
@pytest.mark.parametrize("path", CLIMBING)
async def test_no_path_climbs_out_of_its_route(path: str, guarded: bool) -> None:
    """400, whoever asks; nothing of the upstream beside the part that the route names is to be had."""
    mine = Target()
    rule = route("/x/**", "up:/public/**", **({"auth": "crossbar"} if guarded else {}))
    async with scripted(mine) as port, gateway(rule, route("/y/**", "up:/y/**"), up=port) as served:
        answer = await served.ask(f"GET {path}", account=A if guarded else "")
        assert (400, "bad_path") == (answer.status, answer.json["reason"])
    assert [] == mine.heads


@pytest.mark.parametrize("below", [path.removeprefix("/x") for path in CLIMBING])
async def test_no_path_climbs_out_of_an_account(below: str) -> None:
    """The account in the path is the one that was checked."""
    mine = Target()
    async with scripted(mine) as port, gateway(route(NOUN, "up:/{account}/**"), up=port) as served:
        answer = await served.ask(f"GET /v2/accounts/{A}/invoices{below}", account=A)
        assert answer.status in (400, 404)
    assert [] == mine.heads


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/x/a%20b", "/in/a%20b"),
        ("/x/a+b~c", "/in/a+b~c"),
        ("/x/", "/in/"),
        ("/x", "/in"),
        ("/x/a?b=/../c&d=%2e%2e", "/in/a?b=/../c&d=%2e%2e"),
        ("/x/...", "/in/..."),
        ("/x/..a/b..", "/in/..a/b.."),
        ("/x/%C3%a4", "/in/%C3%a4"),
    ],
)
async def test_what_is_no_climbing_goes_on_byte_for_byte(path: str, sent: str) -> None:
    """An open route changes nothing of what it was asked for."""
    mine = Target()
    async with scripted(mine) as port, gateway(route("/x/**", "up:/in/**"), up=port) as served:
        assert 200 == (await served.ask(f"GET {path}")).status
    assert [sent] == mine.paths


async def test_what_looks_like_two_requests_is_one() -> None:
    """Bytes that a client smuggles into a body stay in it."""
    mine = Target()
    async with scripted(mine) as port, gateway(route(), up=port) as served:
        body = b"0\r\n\r\nGET /secret HTTP/1.1\r\nHost: a\r\n\r\n"
        assert 200 == (await served.ask("POST /x/1", body=body)).status
        request = b"POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        assert 400 == await _raw(served, request)
        await asyncio.sleep(0)
    assert ["/x/1"] == mine.paths
