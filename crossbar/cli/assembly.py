"""From options to settings, and from settings to an application, with every fault told in one place."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from ..app import Crossbar
from ..dialects import words
from ..errors import SettingsError
from ..log import AccessLog
from ..settings import Settings, from_environment, only_table
from ..stores import Store
from .output import Failure, shown
from .served import Served

Command = TypeVar("Command", bound=Callable[..., Any])


def config_option(command: Command) -> Command:
    """Give a command the option `--config`."""
    return click.option(
        "--config", metavar="FILE", envvar="CROSSBAR_CONFIG", help="Settings in TOML; they count less than options."
    )(command)


def store_option(command: Command) -> Command:
    """Give a command the option `--store`."""
    return click.option("--store", metavar="URL", help="Where documents live, such as sqlite:///crossbar.db.")(command)


def load_settings(config: str | None, overrides: Mapping[str, Any] | None = None, *, lenient: bool = False) -> Settings:
    """The settings of file, environment and options; all that is wrong with them at once, as a Failure.

    A `lenient` command only wants to know which server is meant, and takes the rest for the server's business.
    """
    try:
        return from_environment(config, overrides)
    except SettingsError as error:
        if lenient:
            return addressed(config, overrides)
        raise wrong(error) from None


def addressed(config: str | None, overrides: Mapping[str, Any] | None) -> Settings:
    """Where the server listens by a file that has faults elsewhere; a Failure if not even that can be read of it."""
    try:
        return only_table("server", config, overrides)
    except SettingsError as error:
        raise wrong(error) from None


def wrong(error: SettingsError) -> Failure:
    """What is wrong with the settings, a line for each fault."""
    lines = [f"{error.source}: {len(error.faults)} {'fault' if len(error.faults) == 1 else 'faults'}", *error.faults]
    return Failure("\n  ".join(map(shown, lines)), 2, [*map(shown, error.faults)])


def assemble(settings: Settings, store: Store | None = None) -> tuple[Crossbar, list[str]]:
    """The application, and a sentence for everything that is out of order with its modules."""
    return _made(lambda: Crossbar(settings, store=store))


def assemble_served(settings: Settings) -> tuple[Served, list[str]]:
    """The same for an application that serves, with what stands beside it then."""
    access_log = AccessLog(format=settings.log.format) if settings.log.access else None
    return _made(lambda: Served(settings, access_log=access_log))


App = TypeVar("App", bound=Crossbar)


def _made(make: Callable[[], App]) -> tuple[App, list[str]]:
    logger = logging.getLogger("crossbar")
    # NOTE: what is out of order is told by the command, in a better place than the log.
    silenced, logger.disabled = logger.disabled, True
    try:
        app = make()
        return app, app.plugins.faults()
    except SettingsError as error:
        raise wrong(error) from None
    except OSError as error:
        raise Failure(
            f"modules.folder: cannot read {error.filename}: {error.strerror}; name another folder", 2
        ) from None
    finally:
        logger.disabled = silenced


def assemble_unopened(settings: Settings) -> tuple[Crossbar, list[str]]:
    """The application for looking at only: the store of the settings is neither opened nor asked for."""
    from ..stores.memory import MemoryStore

    return assemble(settings, MemoryStore())


def missing_file(app: Crossbar) -> Path | None:
    """The SQLite file of an application's store if it is not there, and opening the store would make it."""
    if not app.settings.store.url.startswith("sqlite:"):
        return None
    path: Path = app.store.path  # type: ignore[attr-defined]
    return None if path.exists() else path


def refuse_missing_file(app: Crossbar) -> None:
    """Failure if the store of an application that is only to be looked at is an SQLite file that is not there."""
    path = missing_file(app)
    if path is not None:
        raise Failure(f"the store {path}: there is no such file; name the one that is meant with --store or --config")


def doubts(app: Crossbar) -> list[str]:
    """What the settings say of things that there are not, a sentence each: it does no harm, and may be misspelt."""
    told = app.admission.doubts(app.registry) if app.admission is not None else []
    for name in ("ringcentral", "realm"):
        told += words.doubts(name, getattr(app.settings.dialects, name).words, app.registry.names)
    return told


@asynccontextmanager
async def closed_after(app: Crossbar) -> AsyncIterator[None]:
    """Let go of everything that the application holds after the block, also if it could not start."""
    try:
        yield
    finally:
        await app.stop()
        await app.store.close()


def spare_the_collector() -> None:
    """Keep what is loaded by now out of every garbage collection, and collect less often."""
    # PERF: a request leaves little behind that is not freed at once: looking for cycles after every 700 objects, among
    # all that start-up has made, finds nothing and costs something.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
