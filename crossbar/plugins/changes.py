"""Plugins that come and go while the application runs: loaded anew, stopped, started, taken out.

Whatever is new is loaded, checked and started before it takes the place of the old; requests under way end with what
they began with, and only then is that let go of. What fails on the way leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..endpoint import Endpoint
from ..errors import PluginError, StoreUnavailable
from ..settings import Settings
from .adjusting import Adjusting
from .folder import Folder
from .found import Found
from .lives import Lives
from .loading import in_thread
from .outcome import Outcome
from .plugin import Plugin
from .renewal import changed_schemas, concerned, is_noise, renew_schemas
from .replacing import Replacing
from .roster import Roster
from .units import CHANGEABLE, Loaded, unit_of

if TYPE_CHECKING:
    from ..app import Crossbar

logger = logging.getLogger("crossbar")


class Changes:
    """Carries out changes to the plugins of a running application, one after the other."""

    def __init__(self, app: Crossbar, roster: Roster) -> None:
        self._app = app
        self._roster = roster
        self._seconds = roster.settings.modules.start_seconds
        self._lives = Lives(app, self._seconds, self._ended)
        self._replacing = Replacing(app, roster, self._lives)
        self._adjusting = Adjusting(roster, self._replacing, self._loaded)
        self._changing = asyncio.Lock()

    # The life of the application.

    async def open_kinds(self) -> None:
        """Make the store ready for all documents; a plugin whose kinds it cannot hold is out of order.

        StoreUnavailable if the store cannot be used at all, or if it is one of `modules.required`.
        """
        try:
            await self._app.open_kinds()
        except StoreUnavailable:
            own = [each for each in self._roster.plugins if each.running and each.found.source.kind != "bundled"]
            running = [(each, each.running) for each in own if each.running is not None]
            held = [(each, one) for each, one in running if one.endpoint is not None and [*one.endpoint.kinds()]]
            if not held:
                raise
            for plugin, _ in held:
                plugin.running = None
            self._replacing.publish()
            try:
                await self._app.open_kinds()
            except BaseException:
                # NOTE: it is the store that is away, and no plugin that is wrong; the next start tries again.
                for plugin, found in held:
                    plugin.running = found
                self._replacing.publish()
                raise
            for plugin, found in held:
                await self._open_kinds_of(plugin, found)

    async def _open_kinds_of(self, plugin: Plugin, found: Found) -> None:
        plugin.running = found
        self._replacing.publish()
        try:
            await self._app.open_kinds()
        except StoreUnavailable as error:
            if plugin.name in self._roster.settings.modules.required:
                raise
            logger.error("endpoint %s (%s) is out of order: %s", plugin.name, found.origin, error)
            plugin.running, plugin.fault = None, str(error)
            self._replacing.publish()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have all endpoints hold what they need; one that cannot start is out of order, and the others go on.

        PluginError if it is one of `modules.required`.
        """
        self._changing = asyncio.Lock()
        self._lives.open()
        try:
            for plugin in self._roster.plugins:
                if plugin.running is None or plugin.stopped:
                    continue
                try:
                    await self._begin(plugin, plugin.running)
                except PluginError as error:
                    if plugin.name in self._roster.settings.modules.required:
                        raise
                    logger.error("%s", error)
                    plugin.running, plugin.fault = None, str(error)
                    self._replacing.publish()
            yield
        finally:
            await self._lives.close()

    def _ended(self, endpoint: Endpoint, why: str) -> None:
        """Take an endpoint out of service whose lifespan is over before its time."""
        for plugin in self._roster.plugins:
            if plugin.running is not None and plugin.running.endpoint is endpoint:
                plugin.fault, plugin.ended = f"{plugin.found.origin}: {why}", True
                self._replacing.publish()

    # What can be asked for.

    def publish(self) -> None:
        """Have requests from now on see what there is now, such as other nouns of the gateway."""
        self._replacing.publish()

    async def reload(self, name: str) -> list[Outcome]:
        """Load the module of that name anew, with everything that comes from the same file or package.

        PluginError if there is none, if it was given to the application as an object, or if it cannot be loaded: then
        the version that was running goes on.
        """
        async with self._changing:
            return await self._reload(self._named(name))

    async def stop(self, name: str) -> list[Outcome]:
        """Take a module out of service: its noun answers 503 from now on, and its hooks do not run.

        The outcome names those hooks, since what they guarded is not guarded any more.
        """
        async with self._changing:
            plugin = self._named(name)
            if name in self._roster.settings.modules.required:
                raise PluginError(f"{name!r} is in modules.required, so it cannot be stopped")
            if plugin.stopped:
                raise PluginError(f"{name!r} is stopped already")
            companions = self._companions(plugin)
            for each in companions:
                each.stopped = True
            self._replacing.publish()
        hooks = [hook for each in companions if each.running is not None for hook in each.running.hooks]
        told = "; ".join(sorted({f"{hook.moment} {', '.join(hook.patterns)}" for hook in hooks}))
        return [Outcome(name, "stopped", f"its hooks do not run: {told}" if told else "")]

    async def start(self, name: str) -> list[Outcome]:
        """Take a stopped module into service again, or try again to start one that is out of order."""
        async with self._changing:
            plugin = self._named(name)
            if plugin.stopped:
                await self._begin(plugin, plugin.running)
            elif plugin.running is not None and not plugin.ended:
                raise PluginError(f"{name!r} is running already")
            elif plugin.found.source.kind not in ("dialect", "list"):
                return await self._reload(plugin)
            else:
                found, faults, unset = self._roster.examined(plugin.found, [plugin])
                if faults or unset:
                    raise PluginError("; ".join([*faults, *unset]))
                await self._begin(plugin, found)
            for each in self._companions(plugin):
                each.stopped = False
            self._replacing.publish()
        return [Outcome(name, "started")]

    async def adjust(self, settings: Settings) -> list[Outcome]:
        """Have modules run with the options of other settings, and go or come as these leave them out or let them in.

        SettingsError, and nothing has changed, if that cannot be.
        """
        async with self._changing:
            return await self._adjusting.adjust(settings)

    async def refresh(self, changed: Iterable[Path]) -> list[Outcome]:
        """Bring the modules up to date with their folders after these paths have changed; what became of each."""
        changed = {path.absolute() for path in changed if not is_noise(path)}
        outcomes: list[Outcome] = []
        async with self._changing:
            for folder in self._roster.folders:
                inside = {path for path in changed if path.is_relative_to(folder.path)}
                if inside:
                    outcomes += await self._refresh(folder, inside)
        return outcomes

    async def _refresh(self, folder: Folder, changed: set[Path]) -> list[Outcome]:
        try:
            present = folder.files()
        except OSError as error:
            return [Outcome(str(folder.path), "failed", f"{error.strerror}; what it held goes on")]
        outcomes = [*renew_schemas(self._roster, folder, changed_schemas(folder, changed))]
        places = concerned(self._roster, folder, changed, present)
        gone = [path for path in places if path not in present and self._from(str(path))]
        new = [path for path in places if path in present and not self._from(str(path))]
        if gone and new:
            # A file that was renamed is one that goes and one that comes; its noun is never without an endpoint.
            renamed = await self._renew(folder, gone, new)
            if all(outcome.did != "failed" for outcome in renamed):
                outcomes += renamed
                places = [path for path in places if path not in gone and path not in new]
        places.sort(key=lambda path: path in present)
        for path in places:
            if path not in present and not self._from(str(path)):
                continue
            names = {plugin.name for plugin in self._from(str(path)) if plugin.running}
            outcomes += await self._renew(folder, [path], [path])
            # What has been given up may have been in the way of others.
            names -= {plugin.name for plugin in self._roster.plugins if plugin.running}
            waiting = [Path(each.found.source.place) for each in self._roster.plugins if each.name in names]
            places += [each for each in waiting if each in present and each not in places]
        return outcomes

    async def _renew(self, folder: Folder, old: Iterable[Path], new: Iterable[Path]) -> list[Outcome]:
        """Load modules of a folder in the stead of what ran from there, all of them or none."""
        before = [plugin for path in old for plugin in self._from(str(path))]
        loaded = [
            await self._loaded(partial(folder.load_anew, path), Found(path.stem, folder.source_of(path)))
            for path in new
        ]

        def put_back() -> None:
            for _, each in reversed(loaded):
                each()

        return await self._replacing.replace(before, ([each for found, _ in loaded for each in found], put_back))

    # How it is done.

    async def _begin(self, plugin: Plugin, found: Found | None) -> None:
        """Begin what a plugin needs that does not run now."""
        if found is None:
            return
        await self._lives.begin(found)
        if plugin.ended or plugin.running is None:
            plugin.running, plugin.fault, plugin.ended = found, "", False
            self._replacing.publish()

    async def _reload(self, plugin: Plugin) -> list[Outcome]:
        unit = unit_of(self._roster, plugin)
        if unit is None:
            raise PluginError(f"{plugin.name!r} was given to the application as an object, and cannot be loaded anew")
        outcomes = await self._replacing.replace(unit.before, await self._loaded(unit.load, plugin.found))
        for outcome in outcomes:
            if outcome.did == "failed":
                raise PluginError(f"{outcome.name}: {outcome.why}; the version from before goes on")
        return outcomes

    async def _loaded(self, load: Callable[[], Loaded], about: Found) -> Loaded:
        """What is loaded; what is wrong `about` it, where that takes too long or cannot even be tried."""
        try:
            return await in_thread(load, self._seconds)
        except (PluginError, OSError) as error:
            return [Found(about.name, about.source, fault=f"{about.origin}: {error}", socket=about.socket)], _nothing

    def _from(self, place: str) -> list[Plugin]:
        return [plugin for plugin in self._roster.plugins if plugin.found.source.place == place]

    def _companions(self, plugin: Plugin) -> list[Plugin]:
        """Everything of that name from the same place: an endpoint, and hooks that stand in its file."""
        return [each for each in self._from(plugin.found.source.place) if each.name == plugin.name]

    def _named(self, name: str) -> Plugin:
        """The endpoint of that name, or else the plugin of any other sort."""
        called = [plugin for plugin in self._roster.plugins if plugin.name == name]
        candidates = [plugin for plugin in called if not plugin.disabled]
        candidates.sort(key=lambda plugin: (plugin.found.socket not in CHANGEABLE, plugin.running is None))
        if not candidates and called:
            raise PluginError(f"{name!r} is left out by modules.disabled")
        if not candidates:
            near = get_close_matches(name, [plugin.name for plugin in self._roster.plugins], 1, 0.5)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise PluginError(f"there is no module {name!r}{meant or '; `crossbar modules` lists them'}")
        if candidates[0].found.socket not in CHANGEABLE:
            raise PluginError(f"{name!r} is one of the {candidates[0].found.socket}: they change with a restart only")
        return candidates[0]


def _nothing() -> None:
    """Nothing was imported, so nothing is to be put back."""
