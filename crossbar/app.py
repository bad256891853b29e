"""Crossbar: the ASGI application. Where a request enters, and where its response leaves.

`Crossbar.__call__` speaks ASGI itself: no request or response objects, no middleware, at most two messages a response.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from . import auth, passwords, plugins, tenants
from .context import Context
from .dates import iso
from .dialects import Dialect
from .dialects.crossbar import CrossbarDialect
from .endpoint import Endpoint
from .errors import RegistrationError, SchemaError, SettingsError, StoreUnavailable
from .log import AccessLog
from .pagination import StartKeys
from .pipeline import walk
from .registry import Broken, Registry
from .response import ALWAYS, Receive, Send, respond
from .schema import Schemas
from .settings import Settings
from .stores import Store

logger = logging.getLogger("crossbar")

Scope = MutableMapping[str, Any]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Crossbar:
    """The application: endpoints, a store and dialects behind one ASGI callable.

    `endpoints` are added to the bundled ones and those of `modules.folder`; `bundled=False` leaves the bundled ones
    out. A `store` given here is used in the place of the one that `store.url` names. `clock` gives Unix seconds.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        store: Store | None = None,
        endpoints: Iterable[Endpoint] = (),
        bundled: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or Settings()
        self.clock = clock
        self.store = store or _chosen(self.settings.store.url, clock)
        self.schemas = Schemas({})
        self.registry = Registry()
        self.dialects: tuple[Dialect, ...] = (CrossbarDialect(),)
        self.hasher = passwords.Hasher(self.settings.auth)
        self.tenants = tenants.Tenants(self.store)
        self.tokens: auth.Tokens
        self.start_keys: StartKeys
        self.access_log = AccessLog() if self.settings.log.access else None
        self._second = (0, "")
        self._running: AsyncExitStack | None = None
        self._starting = asyncio.Lock()
        self._register(endpoints, bundled)

    # What is served.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection: a request, or the lifespan of the server."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._running is None:
            await self.start()
        path = scope["path"]
        if path == "/livez" or path == "/readyz":
            await self._probe(path, send)
            return
        began = time.perf_counter()
        ctx = Context(self, scope, self.clock())
        ctx.receive = receive
        root_path = ctx.root_path
        if root_path and ctx.raw_path.startswith(root_path.encode() + b"/"):
            ctx.raw_path = ctx.raw_path[len(root_path) :]
        sent = ctx.headers.get(b"x-request-id")
        if sent is not None and _REQUEST_ID.fullmatch(sent):
            ctx.request_id = sent.decode()
        else:
            ctx.request_id = os.urandom(16).hex()
        await walk(ctx)
        await respond(ctx, receive, send)
        for endpoint, _ in ctx.resolved:
            if "finish" in endpoint.overrides:
                await _finished(endpoint, ctx)
        if self.access_log is not None:
            client = scope.get("client")
            self.access_log.add(
                ctx.started_at,
                client[0] if client else "",
                ctx.method,
                scope["path"],
                ctx.status,
                ctx.reason,
                time.perf_counter() - began,
                ctx.request_id,
            )

    async def _probe(self, path: str, send: Send) -> None:
        """Answer a health check: alive, or ready to serve documents."""
        status, told = 200, "alive"
        if path == "/readyz":
            try:
                await self.store.health()
                told = "ready"
            except StoreUnavailable:
                status, told = 503, "the datastore cannot be reached"
        body = orjson.dumps({"status": "success" if status == 200 else "error", "message": told})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *ALWAYS]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    # The life of the application.

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Everything that a server needs to hold while it serves; for hosts that enter it themselves."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def start(self) -> None:
        """Open the store and the endpoints' own resources; a second call does nothing."""
        async with self._starting:
            if self._running is not None:
                return
            async with AsyncExitStack() as opening:
                opening.push_async_callback(self.store.close)
                opening.callback(self.hasher.close)
                kinds = {kind.name: kind for entry in self.registry for kind in entry.endpoint.kinds()}
                await self.store.open([*({kind.name: kind for kind in auth.KINDS} | kinds).values()])
                signing, sealing = await auth.keys_of(self.store, self.clock)
                self.tokens = auth.Tokens(self.store, self.tenants, signing, self.settings.auth, self.clock)
                self.start_keys = StartKeys(sealing, self.settings.paging.key_life)
                for entry in self.registry:
                    if type(entry.endpoint).lifespan is not Endpoint.lifespan:
                        await opening.enter_async_context(entry.endpoint.lifespan(self))
                self._running = opening.pop_all()

    async def stop(self) -> None:
        """Close what `start` opened; what was acknowledged is safe."""
        if self._running is not None:
            running, self._running = self._running, None
            await running.aclose()
        if self.access_log is not None:
            self.access_log.flush()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            logger.error("%s", error)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    # What stages and dialects ask of it.

    def timestamp(self, at: float) -> str:
        """The second as ISO 8601; the text is made once a second."""
        second = int(at)
        if second != self._second[0]:
            self._second = (second, iso(second))
        return self._second[1]

    def revision_of(self, joined: bytes) -> str:
        """A short fingerprint of a page's rows, the same for the same rows."""
        return f"{zlib.crc32(joined):08x}{len(joined):x}"

    # What takes part.

    def _register(self, endpoints: Iterable[Endpoint], bundled: bool) -> None:
        folders: list[tuple[Path, str | None]] = []
        if bundled:
            folders.append((plugins.bundled_folder(), plugins.BUNDLED))
        if self.settings.modules.folder:
            own = Path(self.settings.modules.folder)
            if not own.is_dir():
                raise SettingsError([f"modules.folder: {own} is no folder"])
            folders.append((own, None))
        for folder, _ in folders:
            for name, path in plugins.schema_files(folder).items():
                self.schemas.add(name, path.read_bytes, str(path))
        for folder, package in folders:
            for found in plugins.find(folder, package):
                self._admit(found)
        for endpoint in endpoints:
            self.registry.add(endpoint, type(endpoint).__module__)

    def _admit(self, found: plugins.Found) -> None:
        """Let one found endpoint in, or a stand-in that says what is wrong with it."""
        if found.name in self.settings.modules.disabled:
            return
        endpoint, fault = found.endpoint, found.fault
        schema = getattr(endpoint, "schema", "")
        if endpoint is not None and schema:
            try:
                self.schemas.compiled(schema)
            except SchemaError as error:
                fault = f"{found.origin}: {error}"
        if fault:
            logger.error("endpoint %r is out of order: %s", found.name, fault)
            endpoint = Broken(found.name)
        assert endpoint is not None
        try:
            self.registry.add(endpoint, found.origin, fault)
        except RegistrationError as error:
            logger.error("%s", error)


def _chosen(url: str, clock: Callable[[], float]) -> Store:
    # PERF: only the store that is used is imported.
    from .stores.choose import store_at

    return store_at(url, clock)


async def _finished(endpoint: Endpoint, ctx: Context) -> None:
    """Run an endpoint's `finish` hook; the response is out, so what it raises is only logged."""
    try:
        await endpoint.finish(ctx)
    except Exception:
        logger.exception("finish of %s failed (request %s)", endpoint.name, ctx.request_id)
