"""The gateway of a running application: what is in force now, and how another configuration takes its place."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..errors import SettingsError
from ..limits.buckets import Table
from ..registry import Registry
from ..settings import Settings
from .assembly import Gateway, Surroundings, gateway_of
from .peers import Trusted, origin_of
from .plain import Routes

if TYPE_CHECKING:
    from ..app import Crossbar

logger = logging.getLogger("crossbar")

SWAPPED = ("gateway", "upstream", "provider", "route")
"""The tables of settings that another configuration changes at once; all else waits for the next start."""
ORIGIN = "a route of the gateway"


class Keeper:
    """Holds the gateway that is in force. SettingsError, with all faults, for settings that cannot be used."""

    def __init__(self, app: Crossbar, table: Table, clock: Callable[[], float]) -> None:
        self._app = app
        self._counts = (table, clock)
        self._open = False
        self._changing = asyncio.Lock()
        self.current = gateway_of(app.settings, self._around({}))
        self._take_over(app.settings)

    def _take_over(self, settings: Settings) -> None:
        try:
            self.trusted = Trusted(settings.gateway.trusted)
        except ValueError as error:
            raise SettingsError([f"gateway.trusted: {error}"]) from None
        self.pseudonym = (settings.gateway.via or _pseudonym(settings)).encode()
        current = self.current
        self._routes = Routes(current.plain, self._app.dialects) if current.plain is not None else None

    def join(self, registry: Registry) -> None:
        """Let the nouns and plain routes into a registry; a module that has the noun by now keeps it."""
        for name, noun in self.current.nouns.items():
            if name not in registry.names:
                registry.add(noun, ORIGIN)
        registry.gateway = self._routes

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have the upstreams open."""
        self._changing = asyncio.Lock()
        try:
            await self.current.open()
            self._open = True
            yield
        finally:
            self._open = False
            await self.current.close()

    def prepared(self, settings: Settings) -> Gateway:
        """The gateway of other settings, as it would take the place of this one; SettingsError if it cannot."""
        Trusted(settings.gateway.trusted)
        return gateway_of(settings, self._around(self.current.nouns), self.current)

    def _around(self, nouns: Mapping[str, object]) -> Surroundings:
        """What a gateway stands beside, without these nouns, which are those of the gateway itself."""
        return Surroundings({*self._app.registry.names} - {*nouns}, self._app.dialects, *self._counts)

    async def renew(self, settings: Settings) -> None:
        """Put the gateway of other settings into the place of this one, at once and for all requests from now on.

        Those under way end with what they began with, and what only they use is closed after the last of them.
        SettingsError, and nothing has changed, if the settings cannot be used.
        """
        async with self._changing:
            made, before = self.prepared(settings), self.current
            if self._open:
                await made.open()
            self.current = made
            app = self._app
            app.settings = replace(app.settings, **{name: getattr(settings, name) for name in SWAPPED})
            self._take_over(app.settings)
            app.changes.publish()
            await before.retire(made)

    def seen(self, scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """The scope of a request that a trusted proxy sent on, with the client and the scheme that it tells of."""
        client = scope.get("client")
        peer = client[0] if client else ""
        if not self.trusted.knows(peer):
            return scope
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        scheme = scope.get("scheme", "http")
        origin = origin_of(
            peer, "https" if scheme in ("https", "wss") else "http", host, scope["headers"], self.trusted
        )
        return {
            **scope,
            "client": (origin.address, 0),
            "scheme": origin.scheme,
            "crossbar.peer": client,
            "crossbar.scheme": scheme,
        }

    def targets(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What is known of each target, with the name of its upstream."""
        return [(name, state) for name, service in self.current.services.items() for state in service.states()]

    def told(self) -> list[tuple[str, str, bool, int]]:
        """The name of its upstream, its address, whether it is in order and how many calls it has, of each target."""
        return [(name, state["target"], state["state"] == "ok", state["active"]) for name, state in self.targets()]


def keeper_of(app: Crossbar) -> Keeper:
    """A keeper for an application, which is not in office yet. SettingsError, with all faults, for its settings."""
    return Keeper(app, app.counters.table, app.clock)


def govern(app: Crossbar, keeper: Keeper) -> None:
    """Let the keeper decide, from the next registry on."""
    app.gateway = app.plugins.gateway = keeper
    if app.metrics is not None:
        app.metrics.watch_upstreams(keeper.told)


def prepared(app: Crossbar, settings: Settings) -> None:
    """Try what `configure` would take over, without doing it; SettingsError if it cannot be used."""
    (app.gateway or keeper_of(app)).prepared(settings)


async def configure(app: Crossbar, settings: Settings) -> None:
    """Take over the gateway of other settings, at once and for all requests from now on, and nothing else of them.

    SettingsError, and nothing has changed, if they cannot be used.
    """
    prepared(app, settings)
    keeper = app.gateway
    if keeper is None:
        keeper = keeper_of(app)
        govern(app, keeper)
        await app.life.hold(keeper.running())
    await keeper.renew(settings)


def _pseudonym(settings: Settings) -> str:
    """A name that no other gateway has and all workers of this one share (RFC 9110, 7.6.3)."""
    server = settings.server
    where = f"{socket.gethostname()} {server.host} {server.port}"
    node = "".join([each if each.isascii() and each.isalnum() else "-" for each in server.node]) or "crossbar"
    return f"{node}-{hashlib.sha256(where.encode()).hexdigest()[:8]}"
