"""Crossbar: the ASGI application. Where a request enters, and where its response leaves.

`Crossbar.__call__` speaks ASGI itself: no request or response objects, no middleware, at most two messages a response.
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from . import auth, idempotency, passwords, tenants
from .arrival import arrived
from .auth import AUTHENTICATORS, Authenticator, Authorizer
from .compression import compression_of
from .context import Context
from .cors import cors_of, refuse_origins
from .csv_table import CsvTable
from .dates import iso
from .dialects import Dialect
from .dialects.mounting import mounted, side_by_side
from .endpoint import Endpoint
from .following import Following
from .health import paths_beside, probe
from .keys import keys_of
from .life import Life, live
from .limits.counters import Counters
from .limits.overload import Overload
from .log import AccessLog
from .negotiation import CSV, NDJSON
from .noting import Notes, metrics_of
from .outage import AWAY, Outage
from .pagination import StartKeys
from .plugins import Changes, Roster
from .registry import Registry
from .renderers import Lines, Renderer
from .response import Receive, Send, answer_instead, finish, respond
from .schema import Schemas
from .settings import Settings
from .stores import Kind, Store, merged
from .walk import walk
from .watch import Watch, blame

if TYPE_CHECKING:
    from .gateway.keeping import Keeper

logger = logging.getLogger("crossbar")

Scope = MutableMapping[str, Any]


class Crossbar:
    """The application: endpoints, a store and dialects behind one ASGI callable.

    Beside the bundled modules (none with `bundled=False`), those of installed packages and those of `modules.folder`,
    it takes objects of each sort: `endpoints`; `dialects`; `authenticators`, asked before its own, such as one that
    knows the host's users; `authorizers`; `renderers`; and `hooks`. A `store` is used in the place of the one that
    `store.url` names. Exceptions of the types in `propagate` pass through to whoever called, and are not answered.
    Without an `access_log`, no line is written for a request. `clock` gives Unix seconds.

    Raises SettingsError, with all faults, for settings that cannot be used.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        store: Store | None = None,
        endpoints: Iterable[Endpoint] = (),
        dialects: Iterable[Dialect] = (),
        authenticators: Iterable[Authenticator] = (),
        authorizers: Iterable[Authorizer] = (),
        renderers: Iterable[type[Renderer]] = (),
        hooks: Iterable[object] = (),
        bundled: bool = True,
        propagate: tuple[type[BaseException], ...] = (),
        access_log: AccessLog | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or Settings()
        self.clock = clock
        self.propagate = propagate
        self.access_log = access_log
        self.schemas = Schemas({})
        self.plugins = Roster(self.settings, self.schemas, bundled=bundled)
        spoken = mounted(self.settings.dialects)
        brought = [each for dialect in spoken for each in getattr(dialect, "endpoints", ()) if bundled]
        given = {"dialects": dialects, "authenticators": authenticators, "authorizers": authorizers}
        self.plugins.fill([*endpoints, *brought], hooks, given | {"renderers": renderers})
        self.changes = Changes(self, self.plugins)
        self.registry: Registry = self.plugins.registry()
        self.dialects = side_by_side((*spoken, *self.plugins.things("dialects")))
        found = self.plugins.things("authenticators")
        self.authenticators: tuple[Authenticator, ...] = (*found, *AUTHENTICATORS)
        self.trusts_tokens_first = not found
        self.authorizers: tuple[Authorizer, ...] = tuple(self.plugins.authorizers())
        rendering = self.plugins.things("renderers")
        self.renderers: dict[str, type[Renderer]] = {CSV: CsvTable, NDJSON: Lines}
        self.renderers |= {each.media_type: each for each in rendering}
        self.offered = tuple(each.media_type for each in rendering)
        self.formats: dict[str, str] = {each.extension: each.media_type for each in rendering}
        self.store = store or _chosen(self.settings, clock, self.plugins)
        self.hasher = passwords.Hasher(self.settings.auth)
        self.counters = Counters(self.settings, clock, self.store)
        self.admission, self.logins = self.counters.admission, self.counters.logins
        self.tenants = tenants.Tenants(self.store)
        self.tokens: auth.Tokens
        self.start_keys: StartKeys
        self.watch = Watch(self.settings.limits.handler_seconds, answer_instead)
        self.cors = cors_of(self.settings.cors)
        refuse_origins(self.settings.server.origins, "server.origins")
        self.compression = compression_of(self.settings.compression)
        self._overload = Overload(self.settings.limits.requests)
        self._slow = self.settings.log.slow / 1000
        self._second = (0, "")
        self.outage = Outage()
        self.life = Life(self._open)
        self.following = Following(self)
        self.metrics = metrics_of(self.settings.metrics)
        self._notes = Notes(access_log, self.metrics)
        self._paths_beside = paths_beside(self.settings)
        self.draining = False
        self.gateway: Keeper | None = None
        if self.settings.route or self.settings.upstream or self.settings.gateway.trusted:
            self._govern()

    # What is served.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection: a request, or the lifespan of the server."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await live(self, receive, send)
        elif scope["type"] == "websocket":
            await self._converse(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx = arrived(self, scope, receive, send)
        if ctx.raw_path in self._paths_beside:
            await probe(self, ctx, send)
            return
        if self.life.loop is not asyncio.get_running_loop():
            await walk(ctx, (self.open_late,))
        if len(self.watch.running) >= self._overload.most:
            self._overload.shed(ctx)
        registry = ctx.registry
        registry.active += 1
        try:
            try:
                given_up = None
                stages = None if registry.gateway is None or ctx.status else registry.gateway.stages(ctx)
                if stages is not None:
                    await walk(ctx, stages)  # how long that may take, the route says
                elif not ctx.status:
                    self.watch.begin(ctx, ctx.started)
                    try:
                        await walk(ctx)
                    finally:
                        given_up = self.watch.end(ctx)
                        if given_up is not None:  # also if it ends with what passes through
                            await asyncio.wait([given_up])
                walked = time.perf_counter() - ctx.started
                if given_up is None:
                    await respond(ctx, receive, send)
            finally:  # also when an exception passes through to the host
                if ctx.matched is not None:
                    await ctx.matched.end()
                    ctx.handover = None
                for endpoint, _ in ctx.resolved:
                    if "finish" in endpoint.overrides:
                        await finish(ctx)
                        break
        finally:
            registry.active -= 1
            if not registry.active and registry.retired is not None:
                registry.retired()
        if walked > self._slow and ctx.matched is None and ctx.reason != AWAY:
            logger.warning("slow: %.1f s in %s (request %s)", walked, blame(ctx), ctx.request_id)
        self._notes.finished(ctx)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket."""
        # PERF: what only WebSockets need is imported when the first of them comes.
        from .sockets import converse

        ctx = arrived(self, scope, receive, send)
        if self.life.loop is not asyncio.get_running_loop():
            await walk(ctx, (self.open_late,))
        if len(self.watch.running) >= self._overload.most:
            self._overload.shed(ctx)
        registry = ctx.registry
        registry.active += 1
        try:
            await converse(ctx)
        finally:
            registry.active -= 1
            if not registry.active and registry.retired is not None:
                registry.retired()
        self._notes.finished(ctx)

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
        """Open the store and the endpoints' own resources; a second call does nothing.

        CrossbarError if they are open on another event loop, which is not closed.
        """
        await self.life.start()

    async def stop(self) -> None:
        """Close what `start` opened; what was acknowledged is safe. It can be started again."""
        await self.life.stop()

    async def open_late(self, ctx: Context) -> None:
        """Start with the first request, where no lifespan was run; a failure to start is answered like any other."""
        await self.start()
        ctx.registry = self.registry
        ctx.started = time.perf_counter()

    async def _open(self, opening: AsyncExitStack) -> None:
        if self.access_log is not None:
            opening.callback(self.access_log.flush)
        opening.push_async_callback(self.store.close)
        opening.callback(self.hasher.close)
        opening.enter_context(self.counters)
        opening.callback(self.watch.stop)
        opening.callback(self.outage.stop)
        if self.compression is not None:
            opening.callback(self.compression.close)
        await self.changes.open_kinds()
        signing, sealing = await keys_of(self.store, self.clock)
        self.tokens = auth.Tokens(self.store, self.tenants, signing, self.settings.auth, self.clock)
        self.start_keys = StartKeys(sealing, self.settings.paging.key_life)
        await opening.enter_async_context(self.counters.exchanging(self.tokens.key_for("limits")))
        await self.following.begin()
        await opening.enter_async_context(self.changes.running())
        if self.gateway is not None:
            await opening.enter_async_context(self.gateway.running())
        if self.metrics is not None:
            self.metrics.watch_requests(lambda: self.registry.active)
            await opening.enter_async_context(self.metrics.running())
        await opening.enter_async_context(self.following.running())

    async def open_kinds(self, instead: Iterable[Endpoint] = ()) -> None:
        """Make the store ready for the documents of all endpoints, with these in the place of those of their names."""
        await self.store.open(self.kinds(instead))

    def kinds(self, instead: Iterable[Endpoint] = ()) -> list[Kind]:
        """The kinds of all documents: those of the framework, and of all endpoints, as `open_kinds` has it."""
        named = self.registry.names | {each.name: each for each in instead}
        return merged((*auth.KINDS, idempotency.KIND, *[k for e in named.values() for k in e.kinds()]))

    def _govern(self) -> None:
        # PERF: what only a gateway needs is imported where there is one.
        from .gateway.keeping import govern, keeper_of

        govern(self, keeper_of(self))
        self.registry = self.plugins.registry()

    # What stages and dialects ask of it.

    async def within(self, ctx: Context) -> Any:
        """The data of what a local module answers to a request inside of another one; see `inner`."""
        # PERF: few requests have others in them.
        from .inner import within

        return await within(ctx)

    def timestamp(self, at: float) -> str:
        """The second as ISO 8601; the text is made once a second."""
        second = int(at)
        if second != self._second[0]:
            self._second = (second, iso(second))
        return self._second[1]

    def revision_of(self, joined: bytes) -> str:
        """A short fingerprint of a page's rows, the same for the same rows."""
        return f"{zlib.crc32(joined):08x}{len(joined):x}"


def _chosen(settings: Settings, clock: Callable[[], float], plugins: Roster) -> Store:
    # PERF: only the store that is used is imported.
    from .stores.choose import store_at

    plugins.refuse_broken_store(settings.store.url)
    return store_at(settings.store.url, clock, plugins.named("stores"), settings.limits, settings.store)
