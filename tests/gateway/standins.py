"""Gateways in front of upstreams that are not there: a transport that writes down what each of them would have got.

async with gate(route(NOUN), route("/files/**", auth="none")) as gated:
    response = await gated.client("customer").get("/account/invoices/7")
    assert [b"/v2/accounts/.../invoices/7"] == gated.paths()
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec

from crossbar.gateway.transport import Answer, Call, Message, Socket
from crossbar.settings import Settings
from crossbar.testing import Client, Clock, Response, World, exchanged, scope_of, small_world

from .issuers import NOW, URL, jwk, token
from .misbehaving import answering, scripted

NOUN = "/v2/accounts/{account}/invoices/**"
QUIET: dict[str, Any] = {
    "auth": {"hash_memory": 8, "login_failures": 0},
    "rate": {"enabled": False},
    "plugins": {"webhooks": {"deliver": False}},
}
"""Settings that make tests quick."""
Pairs = Sequence[tuple[bytes, bytes]]


class Whole:
    """An answer that is there at once."""

    def __init__(self, status: int, fields: Pairs, body: bytes) -> None:
        self.status = status
        self.fields = list(fields)
        self.length: int | None = len(body)
        self.whole: bytes | None = body

    async def piece(self) -> bytes:
        """Give nothing more: all of it is there."""
        return b""

    def release(self) -> None:
        """Let go of nothing."""


class Echo:
    """A WebSocket that says everything again."""

    def __init__(self, subprotocol: str | None) -> None:
        self.subprotocol = subprotocol
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()

    async def receive(self) -> Message:
        """Give the next message, or how it was closed."""
        return await self._waiting.get()

    async def send(self, message: Message) -> None:
        """Take a message, to say it again."""
        self._waiting.put_nowait(message)

    async def close(self, code: int, reason: str) -> None:
        """Say that it is closed."""
        self._waiting.put_nowait(Message(code=code, reason=reason))


@dataclass(frozen=True)
class Asked:
    """What one upstream was asked, with the whole body."""

    call: Call
    body: bytes = b""

    @property
    def line(self) -> tuple[str, bytes]:
        """The method and the path with its query."""
        return self.call.method, self.call.path

    def all(self, name: bytes) -> list[bytes]:
        """The values of all fields of that name."""
        return [value for known, value in self.call.fields if known == name]

    def __getitem__(self, name: bytes) -> bytes | None:
        """The value of the one field of that name, None if there is none."""
        found = self.all(name)
        assert len(found) < 2, f"{name!r} was sent {len(found)} times"
        return found[0] if found else None


@dataclass
class StandIn:
    """A transport that answers everything alike, and remembers what it was asked."""

    status: int = 200
    fields: Pairs = ((b"content-type", b"application/json"),)
    body: bytes = b'{"from":"upstream"}'
    asked: list[Asked] = field(default_factory=list)

    async def open(self) -> None:
        """Nothing is to be done."""

    async def close(self) -> None:
        """Nothing is to be done."""

    async def request(self, call: Call) -> Answer:
        """Write a call down, and answer it."""
        body = call.body
        if body is not None and not isinstance(body, bytes):
            body = b"".join([piece async for piece in body])
        self.asked.append(Asked(call, body or b""))
        return Whole(self.status, self.fields, self.body)

    async def websocket(self, call: Call, subprotocols: Sequence[str], most: int) -> Socket:
        """Write a handshake down, and open a WebSocket."""
        self.asked.append(Asked(call))
        return Echo(subprotocols[0] if subprotocols else None)


class Gate:
    """A gateway, and what its upstreams were asked."""

    def __init__(self, world: World, upstreams: Mapping[str, StandIn]) -> None:
        self.world = world
        self.app = world.app
        self.upstreams = upstreams

    def __getitem__(self, name: str) -> StandIn:
        """The stand-in for an upstream."""
        return self.upstreams[name]

    @property
    def asked(self) -> list[Asked]:
        """What the upstream `up` was asked so far."""
        return self.upstreams["up"].asked

    def last(self) -> Asked:
        """What the upstream `up` was asked last, which is then forgotten together with all before."""
        found = self.asked[-1]
        self.asked.clear()
        return found

    async def client(self, account: str = "", **options: Any) -> Client:
        """A client with the token of an account's administrator, or without one."""
        return await self.world.client(account, **options) if account else Client(self.app, **options)

    async def wire(
        self, method: str, target: bytes, *fields: tuple[bytes, bytes], body: bytes = b"", **scope: Any
    ) -> Response:
        """The response to a request as a server would hand it over: a raw target, and raw fields after the `Host`."""
        given = fields if any(name == b"host" for name, _ in fields) else ((b"host", b"gate.example"), *fields)
        if body:
            given = (*given, (b"content-length", b"%d" % len(body)))
        return await exchanged(self.app, scope_of("http", target, given, method=method, **scope), body)


def route(path: str = "/x/**", to: str = "up", **more: Any) -> dict[str, Any]:
    """The settings of a route: a plain one that is open to everybody, unless it is said otherwise."""
    known = {"path": path, "auth": "crossbar" if path.startswith("/v2/") else "none"}
    return known | ({} if "merge" in more else {"to": to}) | more


def settings_of(*routes: Mapping[str, Any], **tables: Any) -> Settings:
    """Settings with these routes, the upstream `up`, and other tables beside or in the place of the usual ones."""
    said = QUIET | {"upstream": {"up": {"targets": ["http://up.example:9000"]}}} | tables
    return msgspec.convert(said | {"route": [dict(each) for each in routes]}, Settings)


@asynccontextmanager
async def gate(
    *routes: Mapping[str, Any], options: Mapping[str, Any] | None = None, **tables: Any
) -> AsyncIterator[Gate]:
    """A gateway with these routes, and the upstream `up` unless `tables` has others; `options` are those of a world."""
    more = {"clock": Clock(NOW)} | dict(options or {})
    world = await small_world(settings=settings_of(*routes, **tables), **more)
    try:
        assert world.app.gateway is not None
        upstreams = {}
        for name, service in world.app.gateway.current.services.items():
            upstreams[name] = service.transport = StandIn()
        yield Gate(world, upstreams)
    finally:
        await world.app.stop()


@asynccontextmanager
async def issuer(name: str = "staff", **more: Any) -> AsyncIterator[dict[str, Any]]:
    """An issuer whose tokens the tests sign, as `provider` settings of a gateway; its keys are fetched from here."""
    page = json.dumps({"keys": [jwk("EdDSA")]}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    async with scripted(answering(head % len(page) + page)) as port:
        jwt = {"issuer": URL, "audience": "crossbar", "jwks": f"http://127.0.0.1:{port}/keys"}
        yield {name: {"jwt": jwt | more}}


def bearer(**claims: Any) -> dict[str, str]:
    """The fields of a request with a token of the issuer, with these claims beside the usual ones."""
    return {"authorization": f"Bearer {token(**claims)}"}


def keys(**owners: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a provider of API keys: each is called like its owner, and is `key of NAME`."""
    found = [{"id": name, "sha256": sha256(f"key of {name}".encode()).hexdigest(), **of} for name, of in owners.items()]
    return {"keys": found}


def key(name: str) -> dict[str, str]:
    """The fields of a request with the API key of somebody."""
    return {"x-api-key": f"key of {name}"}
