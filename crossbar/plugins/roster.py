"""The roster: every plugin of an application, where it comes from, its state, and why something is not in.

It is filled when the application is made, without waiting for anything. What comes and goes later is in `changes.py`.
"""

from __future__ import annotations

import difflib
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..auth import Authorizer
from ..context import Context
from ..endpoint import Endpoint
from ..errors import DefinitionError, RegistrationError, SettingsError, Unavailable
from ..hooks import Hook, Hooks, hooks_of
from ..registry import Absent, Registry
from ..schema import Schemas
from ..settings import Settings
from . import installed
from .configured import configured, takes_options
from .fitting import CLASSES, refuse_misfit, taken_by_crossbar
from .folder import BUNDLED, Folder, bundled_folder, endpoint_of
from .found import ENDPOINTS, HOOKS, Found, SchemaText, Source, schemas_beside
from .plugin import Plugin
from .scrutiny import faults_of

if TYPE_CHECKING:
    from ..gateway.keeping import Keeper

logger = logging.getLogger("crossbar")


class Roster:
    """Every plugin of an application."""

    def __init__(self, settings: Settings, schemas: Schemas, *, bundled: bool = True) -> None:
        self.settings = settings
        self.schemas = schemas
        self.plugins: list[Plugin] = []
        self.folders: list[Folder] = []
        # Who adds nouns that no plugin brings.
        self.gateway: Keeper | None = None
        self._unset: list[str] = []
        self._told: set[tuple[str, str]] = set()
        if bundled:
            self.folders.append(Folder(bundled_folder(), BUNDLED))
        if settings.modules.folder:
            own = Path(settings.modules.folder)
            if not own.is_dir():
                raise SettingsError([f"modules.folder: {own} is no folder"])
            self.folders.append(Folder(own))

    # What takes part.

    def fill(self, endpoints: Iterable[Endpoint], hooks: Iterable[Any], others: Mapping[str, Iterable[Any]]) -> None:
        """Let everything in: bundled, installed, the folder's, then what was given as objects; `others` by their sort.

        What cannot be let in is logged, and kept with the reason. Raises SettingsError with all that is wrong with the
        settings of plugins, and RegistrationError or DefinitionError for an object that cannot be let in.
        """
        for folder in self.folders:
            for name, schema in folder.schemas().items():
                self.put_schema(name, schema)
        packages = installed.find(self.is_disabled) if self.settings.modules.installed else ()
        bundled, own = [
            chain(*(folder.find(self.is_disabled) for folder in self.folders if folder.kind == kind))
            for kind in ("bundled", "folder")
        ]
        for each in chain(bundled, packages, own):
            self.admit(each)
        for each in chain(self._given_endpoints(endpoints), self._given_hooks(hooks), self._given(others)):
            plugin = self.admit(each)
            if plugin.fault and self.holder_of(each) is not None:
                raise RegistrationError(plugin.fault)
        self._check_settings()
        self.tell_of_idle_hooks(self.registry())

    def _given_endpoints(self, endpoints: Iterable[Any]) -> Iterator[Found]:
        for each in endpoints:
            endpoint = endpoint_of(each)
            module = type(endpoint).__module__
            # NOTE: a dialect may bring endpoints of its own, which nobody has listed.
            source = Source("dialect" if module.startswith("crossbar.dialects.") else "list", module)
            schemas = schemas_beside(sys.modules.get(module))
            yield Found(endpoint.name, source, endpoint, hooks=tuple(hooks_of(endpoint, str(source))), schemas=schemas)

    def _given_hooks(self, hooks: Iterable[Any]) -> Iterator[Found]:
        for each in hooks:
            thing = each() if isinstance(each, type) else each
            source = Source("list", getattr(thing, "__module__", type(thing).__module__))
            found = tuple(hooks_of(thing, str(source)))
            if not found:
                raise DefinitionError(f"{each!r} is no hook: decorate it with @before, @within or @after")
            yield Found(found[0].name, source, socket=HOOKS, thing=thing, hooks=found)

    def _given(self, others: Mapping[str, Iterable[Any]]) -> Iterator[Found]:
        for socket, things in others.items():
            for each in things:
                thing = each() if isinstance(each, type) and socket not in CLASSES else each
                refuse_misfit(socket, thing)
                about = thing if hasattr(thing, "__qualname__") else type(thing)
                named = getattr(thing, "name", None)
                name = named if isinstance(named, str) else str(about.__name__)
                yield Found(name, Source("list", about.__module__), socket=socket, thing=thing)

    def admit(self, found: Found) -> Plugin:
        """Take a found thing into the roster; its state says whether it runs."""
        if self.is_disabled(found):
            plugin = Plugin(found, disabled=True)
        else:
            found, faults, unset = self.examined(found)
            self._unset += unset
            if faults:
                plugin = Plugin(found, fault="; ".join(faults))
                logger.error("%s %r is out of order: %s", found.sort, found.name, plugin.fault)
            else:
                plugin = self.accept(found)
        self.plugins.append(plugin)
        return plugin

    def examined(self, found: Found, instead: Iterable[Plugin] = ()) -> tuple[Found, list[str], list[str]]:
        """A found thing with its options, what keeps it from running, and what is wrong with the settings for it.

        `instead` are plugins whose place it would take.
        """
        faults = faults_of(found, self, [*instead])
        if faults:
            return found, faults, []
        thing, wrong = configured(found.object, found.name, self.settings.plugins)
        if found.endpoint is None:
            found = replace(found, thing=thing)
        if wrong and found.name not in self.settings.plugins:
            return found, [f"{found.origin}: {fault}" for fault in wrong], []
        return found, [], wrong

    def accept(self, found: Found, *, stopped: bool = False) -> Plugin:
        """A found thing without faults as a plugin that runs."""
        for name, schema in found.schemas.items():
            if not self.is_overruled(name, found):
                self.put_schema(name, schema)
        return Plugin(found, found, stopped=stopped)

    def put_schema(self, name: str, schema: SchemaText) -> None:
        """Add a schema, or put a newer one in the place of an old one."""
        self.schemas.add(name, lambda: schema.content, str(schema.path))

    def is_overruled(self, name: str, found: Found) -> bool:
        """Whether the modules folder has a schema of this name, which counts more than that of a package."""
        origin = self.schemas.origin(name)
        own = [str(folder.path / "schemas") for folder in self.folders if folder.kind == "folder"]
        return found.source.kind != "folder" and bool(origin) and str(Path(origin).parent) in own

    def is_disabled(self, found: Found) -> bool:
        """Whether the settings leave it out, by its name or also by where it comes from."""
        return not {*found.names}.isdisjoint(self.settings.modules.disabled)

    def _check_settings(self) -> None:
        """Refuse settings of plugins that are wrong, that belong to nobody, or that ask for one that is not running."""
        faults = list(self._unset)
        for name in self.settings.plugins:
            called = [plugin for plugin in self.plugins if plugin.name == name]
            taking = [each.running and takes_options(each.running.object) for each in called]
            if not called:
                names = {plugin.name for plugin in self.plugins}
                near = difflib.get_close_matches(name, names, 1, 0.5)
                faults.append(f"plugins.{name}: no such plugin" + (f"; did you mean {near[0]!r}?" if near else ""))
            elif all(each is False for each in taking):  # None of one that does not run: nobody knows
                faults.append(f"plugins.{name}: this plugin has no settings")
        known = {each for plugin in self.plugins for each in plugin.found.names}
        for name in sorted(set(self.settings.modules.disabled) - known):
            near = difflib.get_close_matches(name, known, 1, 0.5)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            logger.warning("modules.disabled: there is no plugin %r%s", name, meant)
        for name in self.settings.modules.required:
            if not any(plugin.name == name and plugin.running for plugin in self.plugins):
                why = next((plugin.fault for plugin in self.plugins if plugin.name == name and plugin.fault), "")
                faults.append(f"modules.required: {name!r} is not running" + (f": {why}" if why else ""))
        if faults:
            raise SettingsError(sorted(faults))

    # What runs.

    def holder_of(self, found: Found, without: Iterable[Plugin] = ()) -> Found | None:
        """Who has what only one can have: the name of its sort, a media type, a scheme."""
        without = [*without]
        for plugin in self.plugins:
            other = plugin.running
            if other is not None and other is not found and plugin not in without and other.claim == found.claim:
                return other
        return None

    def things(self, socket: str) -> list[Any]:
        """The objects of one sort that run: first those that were given, then those that were found."""
        running = [plugin.running for plugin in self.plugins if plugin.running and plugin.found.socket == socket]
        return [found.thing for found in sorted(running, key=lambda found: found.source.kind != "list")]

    def authorizers(self) -> Iterator[Authorizer]:
        """The authorizers that run; one that is out of order would have refused something, so nothing passes it."""
        for plugin in self.plugins:
            if plugin.found.socket == "authorizers" and not plugin.running and not plugin.disabled:
                yield _refusing(plugin.name)
        yield from self.things("authorizers")

    def refuse_broken_store(self, url: str) -> None:
        """Raise SettingsError, with the reason, if the store that a URL asks for is a plugin that is out of order."""
        scheme = url.partition(":")[0]
        if taken_by_crossbar(("stores", scheme)):
            return
        for plugin in self.plugins:
            if plugin.found.socket == "stores" and plugin.name == scheme and not plugin.running and plugin.fault:
                raise SettingsError([f"store.url: the store {scheme!r} is out of order: {plugin.fault}"])

    def named(self, socket: str) -> dict[str, Any]:
        """The same by their names."""
        running = [plugin.running for plugin in self.plugins if plugin.running and plugin.found.socket == socket]
        return {found.name: found.thing for found in running}

    def registry(self) -> Registry:
        """A registry of what runs, with its hooks; nouns of what does not are kept by stand-ins."""
        registry = Registry()
        if self.gateway is not None:
            # NOTE: first, so that no stand-in for a module that is out of order takes a noun of the gateway.
            self.gateway.join(registry)
        absent: list[Plugin] = []
        for plugin in self.plugins:
            if plugin.found.socket != ENDPOINTS or plugin.disabled:
                continue
            if plugin.running and plugin.running.endpoint and not plugin.stopped and not plugin.ended:
                registry.add(plugin.running.endpoint, plugin.found.origin)
            else:
                absent.append(plugin)
        for plugin in absent:
            if plugin.name in registry.names:
                continue
            stand_in = Absent(plugin.name, "is stopped") if plugin.stopped else Absent(plugin.name)
            try:
                registry.add(stand_in, plugin.found.origin, plugin.fault or "stopped")
            except RegistrationError:  # its name cannot be a noun, so nobody can ask for it
                continue
        hooks = Hooks(self._hooks())
        registry.hooks = hooks if hooks.all else None
        return registry

    def _hooks(self) -> Iterator[Hook]:
        # NOTE: what a hook needs may have ended with a lifespan. It fails then, as it has to, and is not passed over.
        for plugin in self.plugins:
            if plugin.running and not plugin.stopped:
                yield from plugin.running.hooks

    def tell_of_idle_hooks(self, registry: Registry) -> None:
        """Log, once, which hooks name an operation that is not there."""
        for hook in registry.hooks.all if registry.hooks is not None else ():
            for pattern in hook.patterns:
                near = registry.lacks(pattern)
                if near is not None and (hook.name, pattern) not in self._told:
                    self._told.add((hook.name, pattern))
                    meant = f"; did you mean {near!r}?" if near else ""
                    logger.warning("%s waits for %r, which does not exist here%s", hook, pattern, meant)

    def called(self, thing: object) -> str:
        """What the log calls a plugin's object."""
        if isinstance(thing, Hook):
            return str(thing)
        for plugin in self.plugins:
            if plugin.running is not None and plugin.running.thing is thing:
                return f"{plugin.found.sort} {plugin.name} ({plugin.found.origin})"
        about = thing if hasattr(thing, "__qualname__") else type(thing)
        return f"{about.__module__}.{about.__qualname__}"

    def faults(self) -> list[str]:
        """A sentence for each plugin that is out of order."""
        return [f"{plugin.name}: {plugin.fault}" for plugin in self.plugins if plugin.fault]


def _refusing(name: str) -> Authorizer:
    """What stands for an authorizer that is out of order."""

    async def refuse(ctx: Context) -> None:
        raise Unavailable(f"the authorizer {name!r} is out of order; the log names the fault", retry=30)

    return refuse
