"""Changing the settings in a store: checked before anything is written, and told what becomes different."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from msgspec.structs import replace

from ..app import Crossbar
from ..errors import CrossbarError, DocumentMissing, RevisionConflict, SettingsError, UniqueConflict
from ..following import together
from ..gateway.keeping import prepared
from ..keys import SYSTEM
from ..plugins import doubtful
from ..settings import Settings, laid_over, sorted_tables
from ..stored_settings import Stored, put_into, stored_in, take_out
from ..stores import Store
from .assembly import assemble, refuse_missing_file
from .gateway_check import without_gateway
from .output import Failure, shown
from .reloading import changes, module_changes


class Changed(NamedTuple):
    """The revision that is in the store now, None for none, what becomes different, and if no server was there yet."""

    revision: int | None
    changes: list[str]
    unused: bool = False


async def read(settings: Settings) -> Stored | None:
    """The settings in the store of a configuration, None if there are none; Failure if it cannot be used."""
    app, _ = assemble(settings)
    refuse_missing_file(app)
    async with _opened(app) as store:
        return await stored_in(store)


async def put_in(settings: Settings, text: str, source: str) -> Changed:
    """Put a text into the store of a configuration, after it was checked with that below it.

    Failure, and nothing has changed, for whatever is wrong with it, and if somebody else was faster.
    """
    app, after = _checked(settings, text, source)
    async with _opened(app) as store:
        before = await stored_in(store)
        unused = await store.get("", SYSTEM.name, "keys") is None
        if before is not None and before.text == text:
            return Changed(before.revision, [], unused)
        written = await put_into(store, text, before, int(time.time()))
    return Changed(written.revision, [*_told(_laid(settings, before), after)], unused)


async def dropped(settings: Settings) -> Changed:
    """Take what is there out of the store of a configuration; Failure if somebody else was faster."""
    app, _ = assemble(settings)
    refuse_missing_file(app)
    async with _opened(app) as store:
        before = await stored_in(store)
        if before is not None:
            await take_out(store, before)
    return Changed(None, [*_told(_laid(settings, before), settings)])


def _checked(settings: Settings, text: str, source: str) -> tuple[Crossbar, Settings]:
    """An application for a text laid over a configuration, and its settings; Failure with all that is wrong."""
    faults: list[str] = []
    try:
        tables, misplaced = sorted_tables(text, source)
        faults += misplaced
        after = laid_over(settings, tables, source)
        app, more = _with_modules(settings, after)
        faults += more
    except SettingsError as error:
        raise _refused([*faults, *error.faults], source) from None
    try:
        prepared(app, after)
    except SettingsError as error:
        faults += error.faults
    if faults:
        raise _refused(faults, source)
    return app, after


def _with_modules(settings: Settings, after: Settings) -> tuple[Crossbar, list[str]]:
    """An application with the modules of other settings, or with its own ones and what is wrong with the others."""
    try:
        app, _ = assemble(without_gateway(after))
    except Failure as failure:
        if not failure.faults or (after.plugins, after.modules) == (settings.plugins, settings.modules):
            raise
        app, _ = assemble(without_gateway(settings))
        return app, [*failure.faults, *doubtful(app.plugins, settings, replace(after, plugins=settings.plugins))]
    return app, [*doubtful(app.plugins, settings, after)]


def _refused(faults: Sequence[str], source: str) -> Failure:
    told = [*map(shown, faults)]
    return Failure("\n  ".join([f"{source}: nothing is stored, since there are faults:", *told]), 1, told)


def _told(before: Settings, after: Settings) -> Iterator[str]:
    yield from changes(before, after)
    yield from module_changes(before, after)


def _laid(settings: Settings, stored: Stored | None) -> Settings:
    """What is in force before a change; a configuration by itself where what is stored does not fit it."""
    try:
        return together(settings, stored)
    except SettingsError:
        return settings


@asynccontextmanager
async def _opened(app: Crossbar) -> AsyncIterator[Store]:
    """The store of an application, open for the settings alone; Failure for whatever is wrong with it."""
    try:
        await app.store.open([SYSTEM])
        yield app.store
    except (UniqueConflict, RevisionConflict, DocumentMissing):
        raise Failure(
            "somebody else has changed the settings in the store meanwhile: see `crossbar settings show`, and try again"
        ) from None
    except CrossbarError as error:
        raise Failure(shown(str(error))) from None
    finally:
        await app.store.close()
