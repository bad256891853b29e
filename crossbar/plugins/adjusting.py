"""Other settings for the modules of a running application: their options, and which of them take part."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches

from msgspec.structs import replace

from ..errors import SettingsError
from ..settings import Settings
from .configured import takes_options
from .found import Found
from .outcome import Outcome
from .plugin import Plugin
from .replacing import Replacing
from .roster import Roster
from .units import CHANGEABLE, Loaded, Unit, names_of, unit_of

logger = logging.getLogger("crossbar")

Load = Callable[[Callable[[], Loaded], Found], Awaitable[Loaded]]


class Adjusting:
    """Renews the modules for which other settings say something else. `load` loads what one file or package has."""

    def __init__(self, roster: Roster, replacing: Replacing, load: Load) -> None:
        self._roster = roster
        self._replacing = replacing
        self._load = load

    async def adjust(self, settings: Settings) -> list[Outcome]:
        """Have modules run with the options of these settings, and those go or come that they leave out or let in.

        SettingsError, with the faults, if that cannot be: then all of them go on as they were. Only a module that was
        out of order before may stay so.
        """
        roster, before = self._roster, self._roster.settings
        faults = [*unchangeable(roster, before, settings), *self._required(settings)]
        if faults:
            raise SettingsError(faults)
        concerned = [*_concerned(roster, before, settings)]
        modules = replace(before.modules, disabled=settings.modules.disabled)
        roster.settings = replace(before, plugins=settings.plugins, modules=modules)
        try:
            return await self._renew(concerned, before)
        except BaseException:
            roster.settings = before
            raise

    def _required(self, settings: Settings) -> Iterator[str]:
        for plugin in _concerned(self._roster, self._roster.settings, settings):
            if plugin.name in self._roster.settings.modules.required and _left_out(plugin, settings):
                yield f"modules.disabled: {plugin.name!r} is in modules.required, and would be gone"

    async def _renew(self, concerned: Sequence[Plugin], was: Settings) -> list[Outcome]:
        units: list[Unit] = []
        for plugin in concerned:
            unit = unit_of(self._roster, plugin)
            if unit is not None and all(plugin not in each.before for each in units):
                units.append(unit)
        loaded = [(unit, await self._load(unit.load, unit.before[0].found)) for unit in units]
        let_in = [plugin for plugin in concerned if plugin.disabled]
        serving = [pair for pair in loaded if any(old.running or old in let_in for old in pair[0].before)]
        broken = [pair for pair in loaded if pair not in serving]
        outcomes: list[Outcome] = []
        try:
            faults = [*self._misplaced(was, [found for _, (each, _) in loaded for found in each])]
            faults += [f"{unit.before[0].found.origin}: it is gone" for unit, (each, _) in serving if not each]
            if faults:
                raise SettingsError(faults)
            if serving:
                outcomes += await self._replaced(serving)
        except BaseException:
            for _, (_, put_back) in reversed(loaded):
                put_back()
            raise
        for unit, each in broken:
            tried = await self._replacing.replace(unit.before, each)
            outcomes += [outcome for outcome in tried if outcome.did != "failed"]
            for outcome in tried:
                if outcome.did == "failed":
                    logger.error("%s is out of order: %s", outcome.name, outcome.why)
        return outcomes

    async def _replaced(self, units: Sequence[tuple[Unit, Loaded]]) -> list[Outcome]:
        """Replace all of these, or none."""
        before = [plugin for unit, _ in units for plugin in unit.before]
        known = [plugin.fault for plugin in before]
        # NOTE: what was imported is put back by who has loaded all of it.
        outcomes = await self._replacing.replace(before, ([each for _, (f, _) in units for each in f], lambda: None))
        faults = [*dict.fromkeys(outcome.why for outcome in outcomes if outcome.did == "failed")]
        if faults:
            # It is not the modules that are wrong.
            for plugin, fault in zip(before, known, strict=True):
                plugin.fault = fault
            raise SettingsError(faults)
        return outcomes

    def _misplaced(self, was: Settings, found: Sequence[Found]) -> Iterator[str]:
        """Options that belong to nobody, or to what takes none."""
        tables = self._roster.settings.plugins
        there = {plugin.name: plugin.found for plugin in self._roster.plugins} | {each.name: each for each in found}
        for name in tables:
            if tables[name] == was.plugins.get(name):
                continue
            known = [each.object for each in found if each.name == name and not each.fault and each.object is not None]
            if name not in there:
                yield f"plugins.{name}: no such plugin{_nearest(name, there)}"
            elif known and not any(map(takes_options, known)):
                yield f"plugins.{name}: this plugin has no settings"


def unchangeable(roster: Roster, before: Settings, after: Settings) -> Iterator[str]:
    """Why settings cannot take the place of others while an application runs: each plugin that needs another start."""
    for plugin in _concerned(roster, before, after):
        key = "modules.disabled" if _left_out(plugin, before) != _left_out(plugin, after) else f"plugins.{plugin.name}"
        remedy = "say it in the file of each server, which counts from its next start on"
        if plugin.found.socket not in CHANGEABLE:
            yield f"{key}: {plugin.name!r} is one of the {plugin.found.socket}: {remedy}"
        elif unit_of(roster, plugin) is None:
            yield f"{key}: {plugin.name!r} was given to the application as an object: {remedy}"


def doubtful(roster: Roster, before: Settings, after: Settings) -> Iterator[str]:
    """What is to be told of other settings before anybody takes them over, by a roster that was made with them.

    That is what is `unchangeable`, what is wrong with the plugins that they concern, and names that nothing has.
    """
    yield from unchangeable(roster, before, after)
    known = {name for plugin in roster.plugins for name in names_of(plugin)}
    for name in after.modules.disabled:
        if name not in known and name not in before.modules.disabled:
            yield f"modules.disabled: there is no plugin {name!r}{_nearest(name, known)}"
    for plugin in _concerned(roster, before, after):
        if plugin.fault:
            yield f"{plugin.name}: {plugin.fault}"


def _concerned(roster: Roster, before: Settings, after: Settings) -> Iterator[Plugin]:
    """The plugins for which the two say something else."""
    if (before.plugins, before.modules.disabled) == (after.plugins, after.modules.disabled):
        return
    for plugin in roster.plugins:
        was, will = _left_out(plugin, before), _left_out(plugin, after)
        other = before.plugins.get(plugin.name) != after.plugins.get(plugin.name)
        if was != will or (other and not will):
            yield plugin


def _left_out(plugin: Plugin, settings: Settings) -> bool:
    return not {*names_of(plugin)}.isdisjoint(settings.modules.disabled)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
