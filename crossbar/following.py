"""Following the settings in the store: laid over those of this process, at its start and whenever they have changed.

Each process looks for itself, twice a second. Where its store can tell that nothing was written at all, it asks for no
more than that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from .errors import SettingsError, StoreError
from .keys import SYSTEM
from .settings import Settings, laid_over, stored_tables
from .settings.stored import GATEWAY, SOURCE
from .stored_settings import Stored, stored_in

if TYPE_CHECKING:
    from .app import Crossbar

logger = logging.getLogger("crossbar")

EVERY = 0.5
"""Seconds between two looks at the store."""
AGAIN = 60
"""Looks until settings that could not be taken over are tried again: what is wrong may be a file of this machine."""


class Following:
    """Has an application run with its own settings and those in its store, which count more."""

    def __init__(self, app: Crossbar) -> None:
        self._app = app
        self.own: Settings = app.settings
        """What the process was told itself, by its file, its environment and its options."""
        self.stored: Stored | None = None
        """What is in force of the settings in the store."""
        self.faults: Sequence[str] = ()
        """Why newer ones are not."""
        self._refused: Stored | None = None
        self._looks = 0
        self._changing = asyncio.Lock()
        self._seen: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None

    def laid(self, own: Settings) -> Settings:
        """The settings that would be in force if these were the process's own; SettingsError if they cannot be."""
        return together(own, self.stored)

    async def begin(self) -> None:
        """Take over what is in the store by now, before anything runs.

        SettingsError if that cannot be: a process does not start with less than what the others go by.
        """
        self._changing = asyncio.Lock()
        if not self.own.store.settings:
            return
        found = await stored_in(self._app.store)
        if found != self.stored:
            try:
                await self._take_over(together(self.own, found))
            except SettingsError as error:
                told = f"{SOURCE} ({_called(found)}) cannot be taken over"
                remedy = "put others or drop them with `crossbar settings`, or start with store.settings = false"
                raise SettingsError([*error.faults, remedy], told) from None
        self.stored, self._refused, self.faults = found, None, ()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep up with the store."""
        self._seen = None
        if self.own.store.settings:
            self._arm()
        try:
            yield
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._looking is not None:
                self._looking.cancel()
                with suppress(asyncio.CancelledError):
                    await self._looking
            self._timer = self._looking = None

    async def renew(self, own: Settings) -> None:
        """Take over the gateway of other settings as the process's own, below those in the store.

        SettingsError, and nothing has changed, if they cannot be used.
        """
        async with self._changing:
            own = replace(self.own, **{name: getattr(own, name) for name in GATEWAY})
            await self._take_over(self.laid(own), renew=True)
            self.own = own
            self._looks = AGAIN  # newer ones in the store may fit these

    # Looking.

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._tick)

    def _tick(self) -> None:
        # PERF: no task is made for a store that was not written to; the question costs it microseconds.
        self._looks += 1
        version: int | None = None
        # NOTE: a version that comes late and the time until it is asked for would be more than a second together.
        with suppress(StoreError):
            version = None if self._app.store.lag else self._app.store.version(SYSTEM.name)
        if version is not None and version == self._seen and not (self.faults and self._looks >= AGAIN):
            self._arm()
            return
        self._looking = asyncio.create_task(self._look(version))

    async def _look(self, version: int | None) -> None:
        try:
            await self.look()
            self._seen = version
        except StoreError:  # a store that is away changes nothing, and whoever needs it tells of it
            pass
        except Exception:  # whatever it meets, the next look may fare better
            logger.exception("%s could not be looked at", SOURCE)
        self._arm()

    async def look(self) -> None:
        """Take over what is in the store if it is not in force; what cannot be taken over changes nothing."""
        async with self._changing:
            found = await stored_in(self._app.store)
            if found == self.stored:
                self._refused, self.faults = None, ()
                return
            if self.faults and found == self._refused and self._looks < AGAIN:
                return
            self._looks = 0
            try:
                await self._take_over(together(self.own, found))
            except StoreError:
                raise
            except SettingsError as error:
                self._refuse(found, error.faults)
                return
            except Exception as error:  # what an upstream is opened with may fail in any way
                self._refuse(found, (f"{type(error).__name__}: {error}",))
                return
            self.stored, self._refused, self.faults = found, None, ()
        logger.info("%s: %s is in force", SOURCE, _called(found))
        self._count(True)

    def _refuse(self, found: Stored | None, faults: Sequence[str]) -> None:
        if (found, faults) != (self._refused, self.faults):
            told = "; ".join(faults)
            logger.error("%s: %s goes on, since %s has faults: %s", SOURCE, _called(self.stored), _called(found), told)
            self._count(False)
        self._refused, self.faults = found, faults

    def _count(self, ok: bool) -> None:
        if self._app.metrics is not None:
            self._app.metrics.reloaded(ok)

    # Taking over.

    async def _take_over(self, after: Settings, *, renew: bool = False) -> None:
        """Have all of these settings in force that count at once, or none of them. SettingsError if it is none.

        With `renew`, the gateway is made anew also if its settings are the same, since its files may be others.
        """
        app, before = self._app, self._app.settings
        other_gateway = renew or any(getattr(before, name) != getattr(after, name) for name in GATEWAY)
        other_modules = (before.plugins, before.modules.disabled) != (after.plugins, after.modules.disabled)
        # NOTE: a module that is to have the noun of a route gets it when the route is gone, and not before.
        nouns = app.gateway.current.nouns if app.gateway is not None and other_gateway else ()
        waits = not _names(before, after).isdisjoint(nouns)
        first = _left_out(after, {*before.modules.disabled, *after.modules.disabled}) if waits else after
        if other_gateway:
            # PERF: what only a gateway needs is imported where there is one, or may be.
            from .gateway.keeping import configure, prepared

            prepared(app, after, _names(after, before))
        try:
            if other_modules:
                await self._adjust(first)
            if other_gateway:
                await configure(app, after)
            if waits:
                await self._adjust(after)
        except Exception:
            if waits and any(getattr(app.settings, name) != getattr(before, name) for name in GATEWAY):
                await configure(app, before)
            if other_modules:
                await app.changes.adjust(before)
            raise
        app.settings = _left_out(replace(app.settings, plugins=after.plugins), after.modules.disabled)

    async def _adjust(self, settings: Settings) -> None:
        for outcome in await self._app.changes.adjust(settings):
            logger.info("%s: %s %s", SOURCE, outcome.name, outcome.did)


def together(own: Settings, stored: Stored | None) -> Settings:
    """A process's own settings with those in the store laid over them; SettingsError for what cannot be used."""
    return laid_over(own, stored_tables(stored.text), SOURCE) if stored is not None else own


def _names(first: Settings, second: Settings) -> set[str]:
    """The modules that are left out by the first settings and not by the second ones, by their names alone."""
    return {name.rpartition("/")[2] for name in {*first.modules.disabled} - {*second.modules.disabled}}


def _left_out(settings: Settings, names: Iterable[str]) -> Settings:
    return replace(settings, modules=replace(settings.modules, disabled=tuple(names)))


def _called(stored: Stored | None) -> str:
    return f"revision {stored.revision}" if stored is not None else "this server's own configuration"
