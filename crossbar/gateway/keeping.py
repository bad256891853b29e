"""The gateway of a running application: what is in force now, and how another configuration takes its place."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakSet

from msgspec.structs import replace

from ..endpoint import Endpoint
from ..errors import RegistrationError, SettingsError
from ..limits.buckets import Table
from ..registry import Entry, Registry
from ..settings import Settings
from ..settings.stored import GATEWAY
from .assembly import Gateway, Surroundings, gateway_of
from .peers import Trusted, origin_of
from .plain import Routes
from .succession import Predecessors, hand_on

if TYPE_CHECKING:
    from ..app import Crossbar

logger = logging.getLogger("crossbar")

SWAPPED = GATEWAY
"""The tables of settings that another configuration changes at once; all else waits for the next start."""
ORIGIN = "a route of the gateway"


class Standing(NamedTuple):
    """All that settings say of a gateway, in the form in which requests use it."""

    gateway: Gateway
    trusted: Trusted
    pseudonym: bytes
    routes: Routes | None


class Keeper:
    """Holds the gateway that is in force. SettingsError, with all faults, for settings that cannot be used."""

    current: Gateway
    trusted: Trusted
    pseudonym: bytes

    def __init__(self, app: Crossbar, table: Table, clock: Callable[[], float]) -> None:
        self._app = app
        self._counts = (table, clock)
        self._open = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changing = asyncio.Lock()
        self._carriers: WeakSet[Registry] = WeakSet()
        self._before = Predecessors()
        self._enter(self._made(app.settings, None))

    def _enter(self, standing: Standing) -> None:
        self.current, self.trusted, self.pseudonym, self._routes = standing
        self._carriers = WeakSet()

    def join(self, registry: Registry) -> None:
        """Let the nouns and plain routes into a registry that is empty; modules that would clash are not let in."""
        for noun in self.current.nouns.values():
            registry.add(noun, ORIGIN)
        registry.gateway = self._routes
        self._carriers.add(registry)

    def clashes(self, endpoint: Endpoint, origin: str) -> Iterator[str]:
        """Why the endpoint of a module cannot stand beside the nouns that are in force, a fault for each."""
        return _in_the_way(self.current, [Entry(endpoint, origin)])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have the upstreams open."""
        try:
            async with self._lock():
                await self.current.open()
                self._open = True
            yield
        finally:
            async with self._lock():
                self._open = False
                await self.current.close()
                await self._before.close()

    def prepared(self, settings: Settings, leaving: Collection[str] = ()) -> Standing:
        """What of other settings would take the place of what is in force; SettingsError if it cannot.

        `leaving` are modules that will be gone by then.
        """
        return self._made(settings, self.current, leaving)

    def _made(self, settings: Settings, before: Gateway | None, leaving: Collection[str] = ()) -> Standing:
        app, faults = self._app, []
        try:
            trusted = Trusted(settings.gateway.trusted)
        except ValueError as error:
            faults = [f"gateway.trusted: {error}"]
        others = [entry for entry in app.registry if entry.origin != ORIGIN and entry.name not in leaving]
        around = Surroundings({entry.name for entry in others}, app.dialects, *self._counts)
        try:
            gateway = gateway_of(settings, around, before)
        except SettingsError as error:
            raise SettingsError([*faults, *error.faults]) from None
        faults += _in_the_way(gateway, others)
        if faults:
            raise SettingsError(faults)
        pseudonym = settings.gateway.via or _pseudonym(app.settings)
        routes = Routes(gateway.plain, app.dialects) if gateway.plain is not None else None
        return Standing(gateway, trusted, pseudonym.encode(), routes)

    async def renew(self, settings: Settings) -> None:
        """Put the gateway of other settings into the place of this one, at once and for all requests from now on.

        Those under way end with what they began with, and what only they use is closed after the last of them.
        SettingsError, and nothing has changed, if the settings cannot be used.
        """
        async with self._lock():
            standing, before, carriers = self.prepared(settings), self.current, self._carriers
            made = standing.gateway
            hand_on(before, made)
            if self._open:
                try:
                    await made.open()
                except BaseException:
                    await made.retire(before)
                    raise
            self._enter(standing)
            app = self._app
            app.settings = replace(app.settings, **{name: getattr(settings, name) for name in SWAPPED})
            app.changes.publish()
            self._before.leave(before, carriers, made)
            await self._before.closed()

    def _lock(self) -> asyncio.Lock:
        """The lock for changes on the running loop; whoever held it on another one has ended with that."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._changing, self._before = loop, asyncio.Lock(), Predecessors()
        return self._changing

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


def prepared(app: Crossbar, settings: Settings, leaving: Collection[str] = ()) -> Gateway:
    """What `configure` would put in force once the modules in `leaving` are gone, without doing it.

    SettingsError if it cannot be used.
    """
    return (app.gateway or keeper_of(app)).prepared(settings, leaving).gateway


async def configure(app: Crossbar, settings: Settings) -> None:
    """Take over the gateway of other settings, at once and for all requests from now on, and nothing else of them.

    SettingsError, and nothing has changed, if they cannot be used.
    """
    keeper = app.gateway
    if keeper is None:
        prepared(app, settings)
        keeper = keeper_of(app)
        govern(app, keeper)
        if app.life.loop is not None:  # else whoever opens the application opens this one as well
            await app.life.hold(keeper.running())
    await keeper.renew(settings)


def _in_the_way(gateway: Gateway, others: Iterable[Entry]) -> Iterator[str]:
    """Why nouns of a gateway cannot stand beside the endpoints that there are, a fault for each."""
    registry = Registry()
    for entry in others:
        registry.add(entry.endpoint, entry.origin)
    for noun in gateway.nouns.values():
        try:
            registry.add(noun, ORIGIN)
        except RegistrationError as error:
            name = next(routed.name for routed in gateway.routes if routed.noun == noun.name)
            yield f"route {name!r}: path: {error}"


def _pseudonym(settings: Settings) -> str:
    """A name that no other gateway has and all workers of this one share (RFC 9110, 7.6.3)."""
    server = settings.server
    where = f"{socket.gethostname()} {server.host} {server.port}"
    node = "".join([each if each.isascii() and each.isalnum() else "-" for each in server.node]) or "crossbar"
    return f"{node}-{hashlib.sha256(where.encode()).hexdigest()[:8]}"
