"""WebSockets through the gateway: messages, subprotocols and how they end, in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from .gateways import LOOPS, NOUN, PATIENCE, A, B, Gateway, gateway, reply, route
from .misbehaving import Peer, answering, scripted

PATH = f"/v2/accounts/{A}/invoices/live"


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both event loops."""
    return request.param


Talk = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk, **options: Any) -> AsyncIterator[int]:
    """An upstream that talks so over each WebSocket; its port."""
    async with serve(talk, "127.0.0.1", 0, **({"compression": None} | options)) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@asynccontextmanager
async def client_of(
    served: Gateway, path: str = "/x/1", account: str = "", **options: Any
) -> AsyncIterator[ClientConnection]:
    """A client whose handshake was accepted."""
    fields = {"X-Auth-Token": served.tokens[account]} if account else {}
    url = f"ws://127.0.0.1:{served.port}{path}"
    given = {"proxy": None, "additional_headers": fields, "open_timeout": PATIENCE, "close_timeout": PATIENCE}
    async with connect(url, **(given | options)) as client:
        yield client


async def _echo(websocket: ServerConnection) -> None:
    async for message in websocket:
        await websocket.send(message)


@pytest.mark.parametrize(("path", "account"), [("/x/1", ""), (PATH, A)], ids=["plain", "noun"])
async def test_messages_pass_in_both_directions(path: str, account: str) -> None:
    """Each in its kind, whole, and in its order."""
    async with talking(_echo) as port, gateway(route(), route(NOUN), up=port) as served:
        async with client_of(served, path, account) as client:
            for message in ("text", "\u00e4" * 5000, b"\0\xff", b"", "", b"x" * 65_536):
                await client.send(message)
                assert message == await client.recv()
        line = await served.logged()
        assert (101, "up") == (line["status"], line["upstream"])


async def test_the_upstream_hears_what_a_request_would_tell() -> None:
    """The path as it came, who asks and who told it; the handshake itself is ours."""
    heard: list[Any] = []

    async def talk(websocket: ServerConnection) -> None:
        heard.append(websocket.request)

    fields = {"X-Crossbar-User": "forged", "X-Mine": "7", "X-Forwarded-For": "6.6.6.6", "Sec-WebSocket-Extensions": "a"}
    async with talking(talk) as port, gateway(route(NOUN, "up:/in/**"), up=port) as served:
        asked = fields | {"X-Auth-Token": served.tokens[A]}
        async with client_of(served, f"{PATH}?a=%20b", additional_headers=asked) as client:
            await client.wait_closed()
    (request,) = heard
    assert "/in/live?a=%20b" == request.path
    headers = request.headers
    assert ("7", A, "127.0.0.1") == (headers["X-Mine"], headers["X-Crossbar-Account"], headers["X-Forwarded-For"])
    assert "forged" not in headers.get_all("X-Crossbar-User")
    assert [] == headers.get_all("X-Auth-Token") + headers.get_all("Sec-WebSocket-Extensions")


@pytest.mark.parametrize(("offered", "chosen"), [(["a", "b"], "b"), (["c"], None), (None, None)])
async def test_subprotocols_are_the_upstreams_to_choose(offered: list[str] | None, chosen: str | None) -> None:
    """The client offers, the upstream chooses, or neither."""

    def choose(websocket: ServerConnection, offered: Any) -> Any:
        return "b" if "b" in offered else None

    async with (
        talking(_echo, select_subprotocol=choose) as port,
        gateway(route(), up=port) as served,
        client_of(served, subprotocols=offered) as client,
    ):
        assert chosen == client.subprotocol


# How it ends.


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (4001, "enough"), (1011, "\u00e4" * 60)])
async def test_the_upstream_closes(code: int, reason: str) -> None:
    """The client hears its code and its reason."""

    async def talk(websocket: ServerConnection) -> None:
        await websocket.send("last")
        await websocket.close(code, reason)

    async with talking(talk) as port, gateway(route(), up=port) as served, client_of(served) as client:
        assert "last" == await client.recv()
        await client.wait_closed()
        assert (code, reason) == (client.close_code, client.close_reason)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4001, "enough")])
async def test_the_client_closes(code: int, reason: str) -> None:
    """The upstream hears the same."""
    ended: list[tuple[int | None, str | None]] = []

    async def talk(websocket: ServerConnection) -> None:
        await websocket.wait_closed()
        ended.append((websocket.close_code, websocket.close_reason))

    async with talking(talk) as port, gateway(route(), up=port) as served:
        async with client_of(served) as client:
            await client.close(code, reason)
        await served.settled()
    assert [(code, reason)] == ended


async def test_an_upstream_that_is_cut_off_is_1011() -> None:
    """The log says why."""

    async def talk(websocket: ServerConnection) -> None:
        websocket.transport.abort()

    async with talking(talk) as port, gateway(route(), up=port) as served, client_of(served) as client:
        await client.wait_closed()
        assert 1011 == client.close_code
        assert "upstream_reset" == (await served.logged())["reason"]


async def test_an_upstream_that_goes_while_the_client_sends_is_1011() -> None:
    """The direction that fails first does not hide how it ended."""

    async def talk(websocket: ServerConnection) -> None:
        await websocket.recv()
        websocket.transport.abort()

    async with talking(talk) as port, gateway(route(), up=port) as served, client_of(served) as client:
        with suppress(ConnectionClosed):
            while True:
                await client.send(b"x" * 4096)
                await asyncio.sleep(0)
        assert 1011 == client.close_code


async def test_a_client_that_is_cut_off_is_1001() -> None:
    """The upstream is told that it went away."""
    ended: list[int | None] = []

    async def talk(websocket: ServerConnection) -> None:
        await websocket.wait_closed()
        ended.append(websocket.close_code)

    async with talking(talk) as port, gateway(route(), up=port) as served:
        async with client_of(served) as client:
            client.transport.abort()
        await served.settled()
    assert [1001] == ended


async def test_messages_that_are_too_long() -> None:
    """1009 from whichever side they come; the other side hears that it is over."""
    ended: list[int | None] = []

    async def talk(websocket: ServerConnection) -> None:
        if websocket.request is not None and websocket.request.path == "/x/long":
            await websocket.send(b"x" * 2000)
        await websocket.wait_closed()
        ended.append(websocket.close_code)

    limits = {"limits": {"socket_message": 1024}}
    async with talking(talk) as port, gateway(route(), up=port, settings=limits) as served:
        async with client_of(served) as client:
            await client.send(b"x" * 2000)
            await client.wait_closed()
            assert 1009 == client.close_code
        async with client_of(served, "/x/long") as client:
            await client.wait_closed()
            assert 1009 == client.close_code
        await served.settled()
    assert 1009 == ended[1]


# What is refused.


@pytest.mark.parametrize(
    ("status", "told"), [(b"401 No", 401), (b"404 No", 404), (b"500 No", 502), (b"302 No", 502), (b"200 OK", 502)]
)
async def test_a_handshake_that_the_upstream_refuses(status: bytes, told: int) -> None:
    """Its status in the form of the path, before anything was accepted; what is no refusal is no WebSocket either."""
    said = reply(b"secret", b"location: http://10.0.0.1/", status=status)
    async with scripted(answering(said, said)) as port, gateway(route(), route(NOUN), up=port) as served:
        for path, key in (("/x/1", "reason"), (PATH, "message")):
            with pytest.raises(InvalidStatus) as refused:
                async with client_of(served, path, A):
                    raise AssertionError
            response = refused.value.response
            assert told == response.status_code
            assert b'"%b":"upstream_error"' % key.encode() in response.body
            assert b"secret" not in response.body
            assert "Location" not in response.headers
            assert (told, "upstream_error") == ((line := await served.logged())["status"], line["reason"])


async def _refused(served: Gateway, path: str, account: str = "", **options: Any) -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with client_of(served, path, account, **options):
            raise AssertionError
    return int(refused.value.response.status_code)


async def test_nobody_is_called_for_who_may_not() -> None:
    """Credentials, the account, the rule, the limits, and where pages of others come from, are asked about before."""
    called: list[int] = []

    async def handler(peer: Peer) -> None:
        called.append(peer.number)

    rules = (
        route(NOUN),
        route("/off/**", websocket=False),
        route("/v2/accounts/{account}/ruled/**", allow="principal.role == 'nobody'"),
        route("/once/**", limit=["1/h per address"]),
    )
    async with scripted(handler) as port, gateway(*rules, up=port) as served:
        assert 401 == await _refused(served, PATH)
        assert 404 == await _refused(served, PATH, B)
        assert 403 == await _refused(served, f"/v2/accounts/{A}/ruled/1", A)
        assert 405 == await _refused(served, "/off/1")
        assert 404 == await _refused(served, "/nothing")
        assert 400 == await _refused(served, "/once/%2e%2e/1")
        assert 403 == await _refused(served, PATH, A, origin="https://evil.example")
        assert [] == called
        assert 502 == await _refused(served, "/once/1")
        assert [0] == called
        assert 429 == await _refused(served, "/once/1")
    assert [0] == called
