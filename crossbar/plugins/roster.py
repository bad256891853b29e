"""The roster: every plugin of an application, where it comes from, its state, and why something is not in.

It is filled when the application is made, without waiting for anything. What comes and goes later is in `changes.py`.
"""

from __future__ import annotations

import difflib
import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..endpoint import Endpoint
from ..errors import DefinitionError, RegistrationError, SchemaError, SettingsError
from ..hooks import Hook, Hooks, hooks_of
from ..registry import Absent, Registry
from ..schema import Schemas
from ..settings import Options, Settings, options
from . import installed
from .folder import BUNDLED, Folder, bundled_folder, schemas_beside
from .found import ENDPOINTS, HOOKS, SOCKETS, Found, Source

logger = logging.getLogger("crossbar")

OK, OUT_OF_ORDER, STOPPED, DISABLED, PREVIOUS = "ok", "out of order", "stopped", "disabled", "previous version"


@dataclass(slots=True, eq=False)
class Plugin:
    """One plugin: what was found, what of it is running, and what is wrong.

    With a `fault` and something running, that is the version from before the fault.
    """

    found: Found
    running: Found | None = None
    fault: str = ""
    disabled: bool = False
    stopped: bool = False

    @property
    def name(self) -> str:
        """The noun of an endpoint, the name of anything else."""
        return self.found.name

    @property
    def state(self) -> str:
        """One word or two for people and programs."""
        if self.disabled:
            return DISABLED
        if self.stopped:
            return STOPPED
        if self.running is None:
            return OUT_OF_ORDER
        return PREVIOUS if self.fault else OK


class Roster:
    """Every plugin of an application."""

    def __init__(self, settings: Settings, schemas: Schemas, *, bundled: bool = True) -> None:
        self.settings = settings
        self.schemas = schemas
        self.plugins: list[Plugin] = []
        self.folders: list[Folder] = []
        self._unset: list[str] = []
        if bundled:
            self.folders.append(Folder(bundled_folder(), BUNDLED))
        if settings.modules.folder:
            own = Path(settings.modules.folder)
            if not own.is_dir():
                raise SettingsError([f"modules.folder: {own} is no folder"])
            self.folders.append(Folder(own))

    # What takes part.

    def fill(self, endpoints: Iterable[Endpoint], hooks: Iterable[Any]) -> None:
        """Let everything in: bundled, installed, the folder's, then what was given as objects.

        What cannot be let in is logged, and kept with the reason. Raises SettingsError with all that is wrong with the
        settings of plugins, and RegistrationError for an object whose name is taken.
        """
        for folder in self.folders:
            for name, path in folder.schemas().items():
                self.schemas.add(name, path.read_bytes, str(path))
        for folder in self.folders[:1] if self.folders and self.folders[0].kind == "bundled" else []:
            self._admit_all(folder.find())
        if self.settings.modules.installed:
            for socket in SOCKETS:
                for entry in installed.entries_of(socket):
                    self._admit_all(installed.load(socket, entry))
        for folder in self.folders:
            if folder.kind == "folder":
                self._admit_all(folder.find())
        for endpoint in endpoints:
            source = Source("list", type(endpoint).__module__)
            taken = self.running(ENDPOINTS, endpoint.name)
            if taken is not None:
                Registry([taken.endpoint] if taken.endpoint else []).add(endpoint, str(source))
            schemas = schemas_beside(sys.modules.get(type(endpoint).__module__))
            own = tuple(hooks_of(endpoint, str(source)))
            self.admit(Found(endpoint.name, source, endpoint, hooks=own, schemas=schemas))
        for thing in hooks:
            source = Source("list", getattr(thing, "__module__", type(thing).__module__))
            found = tuple(hooks_of(thing, str(source)))
            if not found:
                raise DefinitionError(f"{thing!r} is no hook: decorate it with @before, @within or @after")
            self.admit(Found(found[0].name, source, socket=HOOKS, thing=thing, hooks=found))
        self._check_settings()

    def _admit_all(self, found: Iterable[Found]) -> None:
        for each in found:
            self.admit(each)

    def admit(self, found: Found) -> Plugin:
        """Take a found thing into the roster; its state says whether it runs."""
        faults: list[str] = []
        if not self._is_disabled(found):
            faults, wrong = self.faults_of(found)
            self._unset += wrong
        if faults:
            plugin = Plugin(found, fault="; ".join(faults))
            logger.error("%s %r is out of order: %s", found.socket.removesuffix("s"), found.name, plugin.fault)
        else:
            plugin = self.accept(found)
        self.plugins.append(plugin)
        return plugin

    def accept(self, found: Found, *, stopped: bool = False) -> Plugin:
        """A found thing without faults as a plugin that runs, unless the settings leave it out."""
        if self._is_disabled(found):
            return Plugin(found, disabled=True)
        for name, path in found.schemas.items():
            self.schemas.add(name, path.read_bytes, str(path))
        return Plugin(found, found, stopped=stopped)

    def faults_of(self, found: Found, *, instead: Iterable[Plugin] = ()) -> tuple[list[str], list[str]]:
        """What keeps a found thing from running, and what is wrong with the settings that it was given.

        Its options are set along the way. `instead` are plugins whose place it would take.
        """
        taken = self.running(found.socket, found.name, without=instead)
        if taken is not None and (found.socket != HOOKS or found.source.kind == "installed"):
            what = found.socket.removesuffix("s")
            way_out = f'rename one of them, or leave one out: modules.disabled = ["{taken.source.kind}/{found.name}"]'
            told = f"two {what}s are called {found.name!r}: one from {taken.origin}, one from {found.origin}; {way_out}"
            return [*filter(None, [found.fault]), told], []
        if found.fault:
            return [found.fault], []
        faults = [*self._clashes(found, instead)]
        schemas = self.schemas
        if found.schemas:
            schemas = schemas.copy()
            for name, path in found.schemas.items():
                schemas.add(name, path.read_bytes, str(path))
        if found.endpoint is not None:
            try:
                Registry([found.endpoint])
                schema = getattr(found.endpoint, "schema", "")
                if schema:
                    schemas.compiled(schema)
            except (RegistrationError, SchemaError) as error:
                faults.append(f"{found.origin}: {error}")
        wrong = self._configure(found.endpoint if found.endpoint is not None else found.thing, found.name)
        if wrong and found.name not in self.settings.plugins:
            return [*faults, *wrong], []
        return faults, wrong

    def _clashes(self, found: Found, instead: Iterable[Plugin]) -> Iterator[str]:
        """What a found thing would take away from others: a schema of the same name, a kind of document."""
        for name, path in found.schemas.items():
            known = self.schemas.origin(name)
            if known and known != str(path):
                yield f"two schemas are called {name!r}: {known} and {path}; rename one of them"
        if found.endpoint is None:
            return
        kinds = {kind.name for kind in found.endpoint.kinds()}
        for plugin in self.plugins:
            other = plugin.running.endpoint if plugin.running and plugin not in [*instead] else None
            for kind in sorted(kinds & {kind.name for kind in other.kinds()}) if other is not None else ():
                yield (
                    f"two endpoints keep documents of the kind {kind!r}: {plugin.name!r} from {plugin.found.origin}, "
                    f"{found.name!r} from {found.origin}; rename one of the kinds"
                )

    def _configure(self, thing: Any, name: str) -> list[str]:
        """Give a thing its options, checked; what is wrong with them."""
        declared = getattr(thing, "options", None)
        if not isinstance(declared, Options):
            return []
        table = self.settings.plugins.get(name, {})
        if type(declared) is Options:
            return [f"plugins.{name}: this plugin has no settings"] if table else []
        value, faults = options(table, type(declared), f"plugins.{name}")
        if value is not None:
            thing.options = value
        return faults

    def _is_disabled(self, found: Found) -> bool:
        disabled = self.settings.modules.disabled
        return found.name in disabled or f"{found.source.kind}/{found.name}" in disabled

    def _check_settings(self) -> None:
        """Refuse settings of plugins that are wrong, that belong to nobody, or that ask for one that is not running."""
        faults = list(self._unset)
        names = {plugin.name for plugin in self.plugins}
        for name in self.settings.plugins:
            if name not in names:
                near = difflib.get_close_matches(name, names, 1, 0.5)
                faults.append(f"plugins.{name}: no such plugin" + (f"; did you mean {near[0]!r}?" if near else ""))
        running = {plugin.name for plugin in self.plugins if plugin.running}
        missing = [name for name in self.settings.modules.required if name not in running]
        faults += [f"modules.required: {name!r} is not running" for name in missing]
        if faults:
            raise SettingsError(sorted(faults))

    # What runs.

    def running(self, socket: str, name: str, without: Iterable[Plugin] = ()) -> Found | None:
        """What runs under a name."""
        for plugin in self.plugins:
            if plugin.running and plugin.found.socket == socket and plugin.name == name and plugin not in [*without]:
                return plugin.running
        return None

    def found(self, socket: str) -> list[Found]:
        """What runs of one sort, in its order."""
        return [plugin.running for plugin in self.plugins if plugin.running and plugin.found.socket == socket]

    def things(self, socket: str) -> list[Any]:
        """The objects of one sort that run, in their order."""
        return [found.thing for found in self.found(socket)]

    def registry(self) -> Registry:
        """A registry of what runs; nouns of what does not are kept by stand-ins."""
        registry = Registry()
        absent: list[Plugin] = []
        for plugin in self.plugins:
            if plugin.found.socket != ENDPOINTS or plugin.disabled:
                continue
            if plugin.running and plugin.running.endpoint and not plugin.stopped:
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
        return registry

    def hooks(self) -> Hooks:
        """The hooks of what runs."""
        return Hooks(self._hooks())

    def _hooks(self) -> Iterator[Hook]:
        for plugin in self.plugins:
            if plugin.running and not plugin.stopped:
                yield from plugin.running.hooks

    def faults(self) -> list[str]:
        """A sentence for each plugin that is out of order."""
        return [f"{plugin.name}: {plugin.fault}" for plugin in self.plugins if plugin.fault]
