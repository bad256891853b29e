"""Plugins that come and go while the application runs: loaded anew, stopped, started, taken out.

Whatever is new is loaded, checked and started before it takes the place of the old; requests under way end with what
they began with, and only then is that let go of. What fails on the way leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..endpoint import Endpoint
from ..errors import PluginError, SchemaError
from . import installed
from .found import ENDPOINTS, HOOKS, Found
from .lifetime import Lifetime
from .roster import Plugin, Roster

if TYPE_CHECKING:
    from ..app import Crossbar
    from ..registry import Registry
    from .folder import Folder

logger = logging.getLogger("crossbar")


class Outcome(NamedTuple):
    """What became of one plugin: `did` is `added`, `reloaded`, `removed`, `stopped`, `started`, or `failed`."""

    name: str
    did: str
    why: str = ""


class Changes:
    """Carries out changes to the plugins of a running application, one after the other."""

    def __init__(self, app: Crossbar, roster: Roster) -> None:
        self._app = app
        self._roster = roster
        self._lives: dict[Endpoint, Lifetime] = {}
        self._retiring: list[Registry] = []
        self._changing = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    # The life of the application.

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have all endpoints hold what they need; one that cannot start is out of order, and the others go on."""
        for plugin in self._roster.plugins:
            if plugin.running is None:
                continue
            try:
                await self._begin(plugin.running)
            except PluginError as error:
                logger.error("%s", error)
                plugin.running, plugin.fault = None, str(error)
                self._publish()
        try:
            yield
        finally:
            for endpoint in reversed([*self._lives]):
                await self._lives.pop(endpoint).end(self._roster.settings.modules.start_seconds)
            if self._ending:
                await asyncio.wait(self._ending)

    async def _begin(self, found: Found) -> None:
        endpoint = found.endpoint
        if endpoint is None or type(endpoint).lifespan is Endpoint.lifespan:
            return
        life = Lifetime(endpoint.lifespan(self._app), f"endpoint {found.name} ({found.origin})")
        await life.begin(self._roster.settings.modules.start_seconds)
        self._lives[endpoint] = life

    # What can be asked for.

    async def reload(self, name: str) -> list[Outcome]:
        """Load the module of that name anew, with everything that comes from the same place.

        PluginError if there is none, if it was given to the application as an object, or if it cannot be loaded: then
        the version that was running goes on.
        """
        plugin = self._named(name)
        async with self._changing:
            return _successful(await self._replace(plugin.found.source.place, await self._loaded_anew(plugin)))

    async def stop(self, name: str) -> list[Outcome]:
        """Take a module out of service: its noun answers 503 from now on, and its hooks do not run."""
        plugin = self._named(name)
        if name in self._roster.settings.modules.required:
            raise PluginError(f"{name!r} is in modules.required, so it cannot be stopped")
        async with self._changing:
            if plugin.stopped:
                raise PluginError(f"{name!r} is stopped already")
            plugin.stopped = True
            self._publish()
        return [Outcome(name, "stopped")]

    async def start(self, name: str) -> list[Outcome]:
        """Take a stopped module into service again, or try again to load one that is out of order."""
        plugin = self._named(name)
        if not plugin.stopped:
            if plugin.running is None:
                return await self.reload(name)
            raise PluginError(f"{name!r} is running already")
        async with self._changing:
            if plugin.running is not None and plugin.running.endpoint not in self._lives:
                await self._begin(plugin.running)
            plugin.stopped = False
            self._publish()
        return [Outcome(name, "started")]

    async def refresh(self, changed: Iterable[Path]) -> list[Outcome]:
        """Bring the modules up to date with their folders after these paths have changed; what became of each."""
        changed = {path.absolute() for path in changed}
        outcomes: list[Outcome] = []
        async with self._changing:
            for folder in self._roster.folders:
                inside = {path for path in changed if path.is_relative_to(folder.path)}
                if inside:
                    outcomes += await self._refresh(folder, inside)
        return outcomes

    async def _refresh(self, folder: Folder, changed: set[Path]) -> list[Outcome]:
        """The same for one folder: a change in `schemas` or in a helper file concerns all modules that use it."""
        modules = {folder.path / path.relative_to(folder.path).parts[0] for path in changed if path != folder.path}
        present = set(folder.files())
        outcomes: list[Outcome] = []
        if folder.path / "schemas" in modules:
            outcomes += self._read_schemas({path for path in changed if path.suffix == ".json"})
            modules |= {Path(plugin.found.source.place) for plugin in self._from(folder) if plugin.fault}
        if any(path.name.startswith("_") and path.suffix != ".pyc" and path.name != "__pycache__" for path in modules):
            for path in modules:
                folder.forget(path)
            modules |= {path for path in present if path.suffix != ".toml"}
        for path in sorted(modules):
            known = [plugin for plugin in self._from(folder) if plugin.found.source.place == str(path)]
            if path not in present and not known:
                continue
            found = await asyncio.to_thread(folder.load, path) if path in present else []
            outcomes += await self._replace(str(path), found)
        return outcomes

    def _read_schemas(self, paths: Iterable[Path]) -> list[Outcome]:
        """Read schemas anew, each if it can be used; an endpoint looks its schema up for each request."""
        outcomes: list[Outcome] = []
        schemas = self._roster.schemas
        for path in sorted(paths):
            name, known = path.stem, path.stem in schemas.names()
            try:
                content = path.read_bytes()
                trial = schemas.copy()
                trial.add(name, lambda content=content: content, str(path))  # type: ignore[misc]
                trial.compiled(name)
            except (OSError, SchemaError) as error:
                outcomes.append(Outcome(f"schemas/{name}", "failed", str(error)))
            else:
                schemas.add(name, lambda content=content: content, str(path))  # type: ignore[misc]
                outcomes.append(Outcome(f"schemas/{name}", "reloaded" if known else "added"))
        return outcomes

    def _from(self, folder: Folder) -> list[Plugin]:
        return [plugin for plugin in self._roster.plugins if Path(plugin.found.source.place).parent == folder.path]

    def _named(self, name: str) -> Plugin:
        """The endpoint of that name, or else the plugin of any other sort."""
        candidates = [plugin for plugin in self._roster.plugins if plugin.name == name and not plugin.disabled]
        candidates.sort(key=lambda plugin: (plugin.found.socket not in (ENDPOINTS, HOOKS), plugin.running is None))
        if not candidates:
            raise PluginError(f"there is no module {name!r}; `crossbar modules` lists them")
        if candidates[0].found.socket not in (ENDPOINTS, HOOKS):
            raise PluginError(f"{name!r} is one of the {candidates[0].found.socket}: they change with a restart only")
        return candidates[0]

    async def _loaded_anew(self, plugin: Plugin) -> list[Found]:
        """What the place of a plugin holds now."""
        source = plugin.found.source
        if source.kind == "installed":
            for socket in (ENDPOINTS, HOOKS):
                for entry in installed.entries_of(socket):
                    if installed.source_of(entry).place == source.place:
                        installed.forget(entry)
                        return await asyncio.to_thread(installed.load, socket, entry)
        path = Path(source.place)
        for folder in self._roster.folders:
            if folder.path == path.parent:
                schema = folder.schemas().get(getattr(plugin.found.endpoint, "schema", ""))
                if schema is not None:
                    _successful(self._read_schemas([schema]))
                return await asyncio.to_thread(folder.load, path) if path in folder.files() else []
        raise PluginError(f"{plugin.name!r} was given to the application as an object, and cannot be loaded anew")

    # How a change is made.

    async def _replace(self, place: str, found: list[Found]) -> list[Outcome]:
        """Put what was found at a place in the stead of what came from there before, if all of it is in order."""
        before = [plugin for plugin in self._roster.plugins if plugin.found.source.place == place]
        faults: list[str] = []
        for each in found:
            wrong, unset = self._roster.faults_of(each, instead=before)
            faults += [*wrong, *unset]
        begun: list[Found] = []
        if not faults:
            try:
                await self._open_kinds(found)
                for each in found:
                    await self._begin(each)
                    begun.append(each)
            except Exception as error:  # whatever a plugin or a store raises here, the old version goes on
                faults.append(str(error))
        if faults:
            await self._abandon(begun)
            return self._keep(before, found, "; ".join(faults))
        stopped = {plugin.name for plugin in before if plugin.stopped}
        at = min((self._roster.plugins.index(plugin) for plugin in before), default=len(self._roster.plugins))
        kept = [plugin for plugin in self._roster.plugins if plugin not in before]
        added = [self._roster.accept(each, stopped=each.name in stopped) for each in found]
        self._roster.plugins[:] = [*kept[:at], *added, *kept[at:]]
        self._publish()
        names = {plugin.name for plugin in before}
        gone = [Outcome(name, "removed") for name in sorted(names - {each.name for each in found})]
        return [*(Outcome(each.name, "reloaded" if each.name in names else "added") for each in found), *gone]

    def _keep(self, before: list[Plugin], found: list[Found], fault: str) -> list[Outcome]:
        """Let what was running go on, and remember what is wrong with the new version."""
        for plugin in before:
            plugin.fault = fault
        known = before or [Plugin(each, fault=fault) for each in found]
        if not before:
            self._roster.plugins += known
            self._publish()
        names = sorted({plugin.name for plugin in known})
        return [Outcome(name, "failed", fault) for name in names]

    async def _open_kinds(self, found: list[Found]) -> None:
        kinds = [kind for each in found if each.endpoint is not None for kind in each.endpoint.kinds()]
        if kinds:
            await self._app.open_kinds(kinds)

    async def _abandon(self, begun: list[Found]) -> None:
        for each in begun:
            if each.endpoint in self._lives:
                await self._lives.pop(each.endpoint).end(self._roster.settings.modules.start_seconds)

    def _publish(self) -> None:
        """Have requests from now on see what runs now, and let go of what none that is under way uses any more."""
        old = self._app.registry
        self._app.registry = self._roster.registry()
        self._app.hooks = self._roster.hooks()
        old.retired = self._settle
        self._retiring.append(old)
        self._settle()

    def _settle(self) -> None:
        self._retiring = [registry for registry in self._retiring if registry.active]
        used = {endpoint for each in [self._app.registry, *self._retiring] for endpoint in each.names.values()}
        for endpoint in [endpoint for endpoint in self._lives if endpoint not in used]:
            ending = asyncio.ensure_future(self._lives.pop(endpoint).end(self._roster.settings.modules.start_seconds))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)


def _successful(outcomes: list[Outcome]) -> list[Outcome]:
    for outcome in outcomes:
        if outcome.did == "failed":
            raise PluginError(f"{outcome.name}: {outcome.why}; the version from before goes on")
    return outcomes
