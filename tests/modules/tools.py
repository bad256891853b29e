"""What the tests of webhooks share: a clock, receivers of all manners, an account with webhooks, and patience."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from crossbar import Crossbar, Document, Query, Settings, Store
from crossbar.settings import Auth, Log, Rate
from crossbar.stores.memory import MemoryStore
from crossbar.testing import NOW, Client, Response, World, small_world

PATIENCE = 20.0
TIMEOUT = 15
"""What a delivery may take, in seconds, unless a test says otherwise; longer than any of them lets one wait."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now: float = NOW + 100_000

    def __call__(self) -> float:
        return self.now


def settings(**options: Any) -> Settings:
    """Settings for tests: cheap passwords, and webhooks that may go to receivers on this machine."""
    own = {"allow_private": True, "timeout": TIMEOUT, "poll": 1} | options
    quick, log = Auth(hash_memory=8, login_failures=0), Log(access=False)
    return Settings(auth=quick, rate=Rate(enabled=False), log=log, plugins={"webhooks": own})


async def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait for something to be so; TimeoutError if it does not come about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.005)


async def eventually(question: Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """Ask until the answer is one that counts, and give it; TimeoutError if none comes."""
    async with asyncio.timeout(seconds):
        while not (answer := await question()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return answer


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it reached a receiver."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """What deliveries are told apart by."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        """What it tells, however it is written."""
        if self.headers.get("content-type") == "application/json":
            return dict(orjson.loads(self.body))
        return dict(parse_qsl(self.body.decode() if self.body else self.query))

    def signed_by(self, secret: str) -> bool:
        """Whether one of its signatures was made with the secret."""
        content = self.query.encode() if self.method == "GET" else self.body
        signed = b".".join([self.id.encode(), self.headers["webhook-timestamp"].encode(), content])
        digest = hmac.new(b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        return f"v1,{b64encode(digest).decode()}" in self.headers.get("webhook-signature", "").split()


@dataclass(slots=True)
class Receiver:
    """A server that takes deliveries; it answers as `answers` say, one after the other, and with 200 from then on."""

    host: str = "127.0.0.1"
    port: int = 0
    answers: list[web.Response] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def uri(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}/hook"

    def hold(self) -> None:
        """Keep every request waiting until `held` is set."""
        self.held.clear()

    @property
    def events(self) -> list[tuple[str, str]]:
        """What was told so far, in short."""
        return [(received.event["type"], received.event["action"]) for received in self.received]

    async def handle(self, request: web.Request) -> web.Response:
        """Take down a request, and answer it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self.received.append(Received(request.method, request.path, request.rel_url.raw_query_string, headers, body))
        await self.held.wait()
        return self.answers.pop(0) if self.answers else web.Response(text="thanks")


@asynccontextmanager
async def receiving(host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """A receiver that listens until the block is left."""
    receiver = Receiver(host)
    receiver.held.set()
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", receiver.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        receiver.held.set()
        await runner.cleanup()


@asynccontextmanager
async def misbehaving(
    behaviour: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[Receiver]:
    """A receiver that does with each connection what it is told to; it takes down when each one came."""
    receiver = Receiver()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.received.append(Received("", "", "", {"at": str(time.monotonic())}, b""))
        try:
            await behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # it has gone, as expected of somebody who does not wait for ever
        finally:
            writer.close()

    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Home:
    """An account, and somebody who administers it."""

    app: Crossbar
    id: str
    client: Client

    @property
    def path(self) -> str:
        """Where the account is."""
        return f"/accounts/{self.id}"

    def at(self, hook: dict[str, Any]) -> str:
        """Where a webhook of the account is."""
        return f"{self.path}/webhooks/{hook['id']}"

    async def hook(self, receiver: Receiver, **data: Any) -> dict[str, Any]:
        """A new webhook to a receiver, for changes of documents unless the data says otherwise; as it was answered."""
        body = {"name": "Tell", "hook": "object", "uri": receiver.uri, "format": "json"} | data
        response = await self.client.put(f"{self.path}/webhooks", body)
        assert response.status == 201, response.body
        return dict(response.data)

    async def device(self, name: str = "Hall") -> str:
        """A new device, which is an event."""
        response = await self.client.put(f"{self.path}/devices", {"name": name})
        assert response.status == 201, response.body
        return str(response.data["id"])

    async def read(self, hook: dict[str, Any]) -> dict[str, Any]:
        """A webhook as it is now."""
        return dict((await self.client.get(self.at(hook))).data)

    async def attempts(self, hook: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The attempts of a webhook or of the whole account, the oldest first."""
        below = f"/{hook['id']}" if hook is not None else ""
        response = await self.client.get(f"{self.path}/webhooks{below}/attempts?page_size=500")
        assert response.status == 200, response.body
        return list(reversed(response.data))

    async def settled(self, count: int, hook: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """So many attempts, as soon as they were made and written down."""

        async def asked() -> list[dict[str, Any]] | None:
            made = await self.attempts(hook)
            return made if len(made) >= count else None

        made: list[dict[str, Any]] = await eventually(asked)
        return made

    async def outstanding(self) -> list[Document]:
        """The deliveries of the installation that are still to be made, in the order in which they are due."""
        return await self.app.store.find(Query("", "webhook_deliveries", descending=False, limit=1000, full=True))

    async def emptied(self) -> None:
        """Wait until there is nothing more to be sent."""

        async def asked() -> bool:
            return not await self.outstanding()

        await eventually(asked)

    async def log_in_again(self) -> None:
        """Take a new token, since the clock has gone past the life of the old one."""
        world = World(self.app)
        name = "customer" if self.id == world.customer else "reseller"
        self.client.token = (await world.client(name)).token

    def wake(self) -> None:
        """Have the courier look at once, as it does every now and then."""
        self.app.registry.names["webhooks"].courier.wake()  # type: ignore[attr-defined]


def answer(status: int, **headers: str) -> web.Response:
    """An answer of a receiver; an underscore in a header's name stands for a hyphen."""
    return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def home_in(world: World, account: str = "customer") -> Home:
    """An account of the world with its administrator."""
    return Home(world.app, getattr(world, account), await world.client(account))


@asynccontextmanager
async def at_home(
    store: Store | None = None, clock: Callable[[], float] = time.time, **options: Any
) -> AsyncIterator[Home]:
    """An account in an application of its own, which runs until the block is left."""
    extra = {name: options.pop(name) for name in ("hooks", "endpoints") if name in options}
    world = await small_world(store or MemoryStore(clock), settings(**options), clock=clock, **extra)
    try:
        yield await home_in(world)
    finally:
        await world.app.stop()


@asynccontextmanager
async def restarted(
    store: Store, clock: Callable[[], float] = time.time, account: str = "customer", **options: Any
) -> AsyncIterator[Home]:
    """The same in another application, on a store in which the accounts are already."""
    app = Crossbar(settings(**options), store=store, clock=clock)
    await app.start()
    try:
        yield await home_in(World(app), account)
    finally:
        await app.stop()


def told(response: Response) -> str:
    """Everything that a response says, for looking for what it must not say."""
    return response.body.decode() + repr(response.headers)
