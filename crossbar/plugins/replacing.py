"""One change of what runs: new plugins in the place of old ones, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import StoreError
from .found import Found
from .lives import Lives
from .outcome import Outcome
from .plugin import Plugin
from .roster import Roster
from .units import Loaded, in_place

if TYPE_CHECKING:
    from ..app import Crossbar


class Replacing:
    """Puts plugins into the place of others in a running application."""

    def __init__(self, app: Crossbar, roster: Roster, lives: Lives) -> None:
        self._app = app
        self._roster = roster
        self._lives = lives

    async def replace(self, before: Sequence[Plugin], loaded: Loaded) -> list[Outcome]:
        """Let what was found run in the stead of what ran before, if all of it is in order; what became of each."""
        found, put_back = loaded
        faults, checked = self._examined(found, before)
        gone = {plugin.name for plugin in before if plugin.running} - {each.name for each in found}
        required = sorted(gone & {*self._roster.settings.modules.required})
        faults += [f"{name!r} is in modules.required, and would be gone" for name in required]
        stopped = {plugin.name for plugin in before if plugin.stopped}
        fault = "; ".join(faults) or await self._begun([each for each in checked if each.name not in stopped])
        if fault:
            put_back()
            return self._keep(before, found, fault)
        added = [self._roster.accept(each, stopped=each.name in stopped) for each in checked]
        left_out = [Plugin(each, disabled=True) for each in found if self._roster.is_disabled(each)]
        self._roster.plugins[:] = in_place(self._roster.plugins, before, [*added, *left_out])
        self.publish()
        names = {plugin.name for plugin in before}
        taken_out = [Outcome(name, "removed") for name in sorted(names - {each.name for each in found})]
        done = [Outcome(each.name, "reloaded" if each.name in names else "added") for each in checked]
        return [*dict.fromkeys(done), *taken_out]

    def publish(self) -> None:
        """Have requests from now on see what runs now, and let go of what none that is under way uses any more."""
        old = self._app.registry
        self._app.registry = self._roster.registry()
        self._roster.tell_of_idle_hooks(self._app.registry)
        self._lives.retire(old)

    def _examined(self, found: Sequence[Found], before: Sequence[Plugin]) -> tuple[list[str], list[Found]]:
        """Everything that is wrong with what was found, and those that are to run, with their options."""
        faults: list[str] = []
        checked: list[Found] = []
        for each in found:
            if self._roster.is_disabled(each):
                continue
            each, wrong, unset = self._roster.examined(each, before)
            if any(other.claim == each.claim for other in checked):
                wrong.append(f"{each.origin}: two {each.sort}s in it are called {each.name!r}; rename one of them")
            faults += [*wrong, *unset]
            checked.append(each)
        return faults, checked

    async def _begun(self, found: Sequence[Found]) -> str:
        """Begin what they need to run; what went wrong, after which nothing of it goes on."""
        begun: list[Found] = []
        endpoints = [each.endpoint for each in found if each.endpoint is not None]
        try:
            if any(endpoint.kinds() for endpoint in endpoints):
                await self._app.open_kinds(endpoints)
            for each in found:
                if await self._lives.begin(each):
                    begun.append(each)
        except BaseException as error:
            for each in begun:
                if each.endpoint is not None:
                    await self._lives.end(each.endpoint)
            with suppress(StoreError):  # the next one who asks it for something is told
                await self._app.open_kinds()
            if not isinstance(error, Exception):
                raise
            return str(error)
        return ""

    def _keep(self, before: Sequence[Plugin], found: Sequence[Found], fault: str) -> list[Outcome]:
        """Let what was running go on, and remember what is wrong with the new version."""
        for plugin in before:
            plugin.fault = fault
        known = before or [Plugin(each, fault=fault) for each in found]
        if not before:
            self._roster.plugins += known
            self.publish()
        return [Outcome(name, "failed", fault) for name in sorted({plugin.name for plugin in known})]
