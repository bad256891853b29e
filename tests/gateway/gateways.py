"""A gateway on a free port of this machine, on the event loop of the test: Crossbar behind its real server protocol.

    async with scripted(handler) as port, gateway(route("/x/**", "up"), up=[port]) as served:
        answer = await served.ask(b"GET /x/1 HTTP/1.1")

At the end nothing may be left of what the test did: no call that counts, no connection, no task.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from crossbar import Crossbar
from crossbar.gateway.upstreams import Service
from crossbar.log import AccessLog
from crossbar.protocol import limited
from crossbar.protocol.websocket import WebSocketProtocol
from crossbar.settings import Settings
from crossbar.testing import World, small_world

from .wires import Answer, Wire

PATIENCE = 15.0
"""Seconds after which a test has failed that waits for something."""
A, B = "c0" * 16, "d0" * 16
"""The accounts called customer and department in the small world, the second below the first."""
NOUN = "/v2/accounts/{account}/invoices/**"
LOOPS = [
    pytest.param(("asyncio", {}), id="asyncio"),
    pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
]
"""Both event loops: connections end in different ways on them."""
_UNHURRIED = {"timeout": {"connect": f"{PATIENCE:g}s"}}
"""A second is soon over on a busy machine."""
_QUIET: dict[str, Any] = {
    "auth": {"hash_memory": 8, "login_failures": 0},
    "rate": {"enabled": False},
}


def route(path: str = "/x/**", to: str = "up", **more: Any) -> dict[str, Any]:
    """The settings of a route: a plain one that is open to everybody, unless it is said otherwise."""
    known = {"path": path, "auth": "crossbar" if path.startswith("/v2/") else "none"}
    return known | ({} if "merge" in more else {"to": to}) | more


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that the other tasks of the loop bring about."""
    while not condition():  # noqa: ASYNC110  # not all of it is told by an event
        await asyncio.sleep(0)


class Gateway:
    """A gateway that serves."""

    def __init__(self, world: World, port: int, state: ServerState, log: io.StringIO) -> None:
        self.world = world
        self.app: Crossbar = world.app
        self.port = port
        self.state = state
        self._log = log
        self.tokens: dict[str, str] = {}

    def service(self, name: str = "up") -> Service:
        """An upstream of it."""
        assert self.app.gateway is not None
        return self.app.gateway.current.services[name]

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        """A connection to it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Wire(reader, writer)
        finally:
            writer.transport.abort()

    def request(
        self, line: str, fields: Mapping[str, str] | None = None, body: bytes = b"", *, account: str = ""
    ) -> bytes:
        """The bytes of a request, with the length of its body, and the token of an account's administrator."""
        named = {
            "Host": "gate.example",
            **({"X-Auth-Token": self.tokens[account]} if account else {}),
            **(fields or {}),
        }
        if body:
            named["Content-Length"] = str(len(body))
        lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    async def ask(
        self, line: str, fields: Mapping[str, str] | None = None, body: bytes = b"", *, account: str = ""
    ) -> Answer:
        """The response to a request on a connection of its own."""
        async with self.wire() as wire:
            await wire.send(self.request(line, fields, body, account=account))
            return await wire.answer(line.partition(" ")[0])

    async def settled(self) -> None:
        """Wait until no request is under way."""
        await until(lambda: not self.app.registry.active)

    async def logged(self) -> dict[str, Any]:
        """The line of the last request in the access log, once all are over."""
        await self.settled()
        found: dict[str, Any] = json.loads(self._lines()[-1])
        return found

    async def line_of(self, answer: Answer) -> dict[str, Any]:
        """The line of one request in the access log, once it is over."""
        while True:
            for line in self._lines():
                if answer["x-request-id"] in line:
                    found: dict[str, Any] = json.loads(line)
                    return found
            await asyncio.sleep(0)

    def _lines(self) -> list[str]:
        assert self.app.access_log is not None
        self.app.access_log.flush()
        return self._log.getvalue().splitlines()


@asynccontextmanager
async def gateway(
    *routes: Mapping[str, Any],
    upstream: Mapping[str, Any] | None = None,
    wire_limits: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    http: str = "",
    **ports: list[int] | int,
) -> AsyncIterator[Gateway]:
    """A gateway with these routes, and upstreams at the ports of this machine that are given by their names.

    `upstream` are settings of each of them, `settings` other tables, `options` those of the application. `http`
    is another protocol of uvicorn's than ours.
    """
    before = asyncio.all_tasks()
    services = {
        name: {"targets": [f"http://127.0.0.1:{port}" for port in ([one] if isinstance(one, int) else one)]}
        | _UNHURRIED
        | dict(upstream or {})
        for name, one in ports.items()
    }
    said = _QUIET | {"upstream": services, "route": [dict(each) for each in routes]} | dict(settings or {})
    log = io.StringIO()
    async with asyncio.timeout(PATIENCE * 2), AsyncExitStack() as closing:
        world = await small_world(
            settings=msgspec.convert(said, Settings), access_log=AccessLog(log, "json"), **(options or {})
        )
        closing.push_async_callback(world.app.stop)
        state = ServerState()
        served = await _served(
            world.app, state, http or limited(world.app.settings.limits, **(wire_limits or {})), closing
        )
        found = Gateway(world, served, state, log)
        found.tokens = {A: await world.token("customer"), B: await world.token("department")}
        yield found
        await _ended(found)
    left = asyncio.all_tasks() - before
    assert not [task for task in left if "crossbar" in repr(task.get_coro())]


async def _served(app: Crossbar, state: ServerState, http: Any, closing: AsyncExitStack) -> int:
    """Serve an application as `crossbar run` does, over this protocol; the port."""
    config = Config(
        app,
        http=http,
        ws=WebSocketProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ws_max_size=app.settings.limits.socket_message,
        ws_max_queue=8,
        ws_per_message_deflate=False,
    )
    config.load()
    state.default_headers = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT")]
    protocol: Any = config.http_protocol_class
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), host="127.0.0.1", port=0
    )
    closing.callback(server.close)
    port: int = server.sockets[0].getsockname()[1]
    return port


async def _ended(served: Gateway) -> None:
    """See to it that all is over: nothing counts any more, and nobody is connected."""
    for connection in [*served.state.connections]:
        connection.shutdown()
    async with asyncio.timeout(PATIENCE):
        await until(lambda: not (served.state.connections or served.state.tasks or served.app.registry.active))
    services = served.app.gateway.current.services if served.app.gateway is not None else {}
    for service in services.values():
        assert (0, 0, 0, 0) == (service.held, service.active, service.sockets, service.budget.retries)
        assert [0] * len(service.targets) == [target.active for target in service.targets]


def reply(body: bytes = b"ok", *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole response with its length."""
    lines = [b"HTTP/1.1 " + status, *fields, b"content-length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*pieces: bytes, fields: tuple[bytes, ...] = ()) -> bytes:
    """A whole response in chunks."""
    lines = [b"HTTP/1.1 200 OK", *fields, b"transfer-encoding: chunked"]
    body = b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces])
    return b"\r\n".join(lines) + b"\r\n\r\n" + body + b"0\r\n\r\n"
