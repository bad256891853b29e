"""A gateway in processes of its own, the upstreams behind it, and clients that keep asking it."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.protocol.server import Receive, Scope, Send, Served, read_body, respond, serving

from .conftest import Invoke, Live, ended, started

PATIENCE = 30.0
"""Seconds after which a test has failed that waits for something."""


class Told(NamedTuple):
    """A response: its status, fields, and all of its body."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Client:
    """A connection that is kept, and never asks twice: what happens to a request, happens."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def begin(self, method: str, path: str, body: bytes = b"", **fields: str) -> tuple[int, dict[str, str]]:
        """Send a request; the status and fields of its response."""
        named = {"Host": "gate.example", "Content-Length": str(len(body))} | fields
        lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in named.items())]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        first, *rest = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        return int(first.split(" ")[1]), found

    async def ask(self, method: str, path: str, body: bytes = b"", **fields: str) -> Told:
        """The whole response to a request; EOFError or ConnectionError if there is none."""
        status, found = await self.begin(method, path, body, **fields)
        if "content-length" in found:
            return Told(status, found, await self.reader.readexactly(int(found["content-length"])))
        pieces = []
        while piece := await self.piece():
            pieces.append(piece)
        return Told(status, found, b"".join(pieces))

    async def piece(self) -> bytes:
        """The next chunk of a response; empty at its end."""
        size = int(await self.reader.readline(), 16)
        return (await self.reader.readexactly(size + 2))[:-2]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    """A connection to a server."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def asked(url: str, path: str, method: str = "GET", body: bytes = b"", **fields: str) -> Told:
    """The response to a request over a connection of its own."""
    async with asyncio.timeout(PATIENCE), connected(url) as client:
        return await client.ask(method, path, body, **fields)


def ask(url: str, path: str, method: str = "GET", body: bytes = b"", **fields: str) -> Told:
    """The same where nothing else goes on."""
    return asyncio.run(asked(url, path, method, body, **fields))


class Load:
    """Clients that ask again and again; `counts` are what became of it, and `ended` the requests of which nothing did.

    `request` gives method, path, body and fields of the request with a number, which no other has.
    """

    def __init__(self, url: str, request: Callable[[int], tuple[str, str, bytes, Mapping[str, str]]]) -> None:
        self._url, self._request = url, request
        self._number = 0
        self._over = asyncio.Event()
        self.counts: Counter[tuple[str, int]] = Counter()
        self.told: list[tuple[int, Told]] = []

    async def _client(self) -> None:
        while not self._over.is_set():
            async with connected(self._url) as client:
                while not self._over.is_set():
                    self._number += 1
                    number = self._number
                    method, path, body, fields = self._request(number)
                    try:
                        told = await client.ask(method, path, body, **fields)
                    except (EOFError, ConnectionError):
                        self.counts[method, 0] += 1
                        break
                    self.counts[method, told.status] += 1
                    self.told.append((number, told))
                    if told.fields.get("connection") == "close":
                        break

    @asynccontextmanager
    async def running(self, clients: int) -> AsyncIterator[None]:
        """Have so many clients ask while the block runs; each of them has its answer in the end."""
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client())
            try:
                yield
            finally:
                self._over.set()

    async def more(self, requests: int) -> None:
        """Wait until so many more have been answered."""
        wanted = self.counts.total() + requests
        await until(lambda: self.counts.total() >= wanted)


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it does not come to that"
        await asyncio.sleep(0.01)


class Upstream:
    """What an upstream does: it says who it is and what it was asked, and keeps what it is told to keep.

    `/held` waits until `release` is called, `/events` says so and then waits for ever, `/status/N` answers with that,
    and WebSockets get back what they send.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.held = 0
        self._released = False

    def release(self) -> None:
        """Answer what is held."""
        self._released = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await self._echo(receive, send)
            return
        path = scope["path"]
        if path.endswith("/events"):
            await self._events(receive, send)
            return
        body = await read_body(receive)
        if path.endswith("/held"):
            self.held += 1
            while not self._released:  # noqa: ASYNC110  # another thread says so
                await asyncio.sleep(0.005)
        status = int(path.rpartition("/")[2]) if "/status/" in path else 200
        fields = {name.decode(): value.decode() for name, value in scope["headers"]}
        told = {"name": self.name, "path": path, "body": body.decode(), "fields": fields}
        text = json.dumps(told).encode()
        headers = [(b"content-length", b"%d" % len(text)), (b"content-type", b"application/json")]
        await respond(send, text, status, headers)

    async def _events(self, receive: Receive, send: Send) -> None:
        fields = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        gone = asyncio.create_task(self._gone(receive))
        while not gone.done():
            await send({"type": "http.response.body", "body": b"data: %b\n\n" % self.name.encode(), "more_body": True})
            await asyncio.sleep(0.02)

    async def _gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _echo(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": f"{self.name} {message.get('text')}"})


@contextmanager
def upstream(name: str) -> Iterator[tuple[Upstream, Served]]:
    """An upstream that serves in a thread of this process, and lets go of no connection by itself."""
    made = Upstream(name)
    with serving(made, ws="websockets-sansio", timeout_keep_alive=600) as served:
        yield made, served


class Gateway:
    """A server whose configuration is written by the test."""

    def __init__(self, folder: Path, invoke: Invoke, workers: int, server: str) -> None:
        self.folder, self._invoke = folder, invoke
        self.admin = folder / "admin"
        self.config = folder / "gateway.toml"
        self.live: Live
        self._head = f'[server]\nadmin = "{self.admin}"\nworkers = {workers}\n{server}\n[log]\naccess = false\n'
        self._head += "[metrics]\nenabled = true\n"

    @property
    def url(self) -> str:
        """Where it serves."""
        return self.live.url

    @property
    def pids(self) -> list[int]:
        """Its processes that can be asked."""
        return sorted(int(path.stem) for path in self.admin.glob("*.sock"))

    def write(self, text: str) -> None:
        """Write the configuration, behind the tables that are always the same."""
        self.config.write_text(self._head + text)

    def command(self, *args: str, **env: str) -> tuple[int, str]:
        """Run a command for this server: its exit code, and all that it says."""
        result = self._invoke(args[0], "--config", str(self.config), *args[1:], **env)
        return result.exit_code, result.output

    def reload(self, text: str | None = None, *args: str, **env: str) -> tuple[int, str]:
        """Write a configuration, if there is one, and have it loaded."""
        if text is not None:
            self.write(text)
        return self.command("reload", *args, **env)

    def targets(self) -> list[dict[str, Any]]:
        """The targets as each process sees them."""
        code, told = self.command("targets", "--json")
        assert 0 == code, told
        found: list[dict[str, Any]] = json.loads(told)
        return found


@contextmanager
def gateway(
    invoke: Invoke, text: str, *options: str, workers: int = 1, server: str = "", **variables: str
) -> Iterator[Gateway]:
    """A gateway with this configuration, all of whose processes can be asked; `server` are more of its settings."""
    # NOTE: the path of a socket may not be long, and that of a test's own folder is.
    folder = Path(tempfile.mkdtemp(prefix="crossbar-"))
    made = Gateway(folder, invoke, workers, server)
    try:
        made.write(text)
        made.live = started(
            folder, "--config", str(made.config), "--store", f"sqlite:///{folder}/x.db", *options, **variables
        )
        end = time.monotonic() + PATIENCE
        while len(made.pids) < workers:
            assert time.monotonic() < end, made.live.log.read_text()
            time.sleep(0.01)
        try:
            yield made
        finally:
            with suppress(ProcessLookupError):
                ended(made.live)
    finally:
        shutil.rmtree(folder)


def route(path: str, to: str, **more: Any) -> str:
    """The table of a route that is open to everybody, unless it is said otherwise."""
    said = {"path": path, "to": to, "auth": "none"} | more
    return "[[route]]\n" + "".join(f"{name} = {_toml(value)}\n" for name, value in said.items())


def service(name: str, *targets: str | int, **more: Any) -> str:
    """The table of an upstream with targets that are URLs, or ports of this machine."""
    urls = [f"http://127.0.0.1:{each}" if isinstance(each, int) else each for each in targets]
    said = {"targets": urls} | more
    return f"[upstream.{name}]\n" + "".join(f"{name} = {_toml(value)}\n" for name, value in said.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
