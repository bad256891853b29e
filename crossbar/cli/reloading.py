"""Another configuration for a running process: tried first, then taken over, as the command `crossbar reload` asks."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ..app import Crossbar
from ..errors import PluginError, SettingsError
from ..gateway.assembly import Gateway
from ..gateway.keeping import SWAPPED, prepared
from ..settings import Settings, from_environment
from ..settings.stored import SOURCE

logger = logging.getLogger("crossbar")

KEPT = "settings.json"
"""The file in the admin folder with the settings that were loaded last, for processes that are started later."""


class Origin(NamedTuple):
    """Where the settings of a server came from: the file, and what options said beside it."""

    config: str | None
    overrides: dict[str, Any]

    def load(self) -> Settings:
        """The settings as they are there now; SettingsError with all that is wrong with them."""
        return from_environment(self.config, self.overrides)


class Reloading:
    """Takes over other settings in one process. `folder` is where those that are in force are kept for others."""

    def __init__(self, app: Crossbar, origin: Origin, folder: Path) -> None:
        self._app = app
        self._origin = origin
        self._folder = folder

    def try_out(self) -> dict[str, Any]:
        """Whether the settings could be taken over, and what would be different; nothing changes.

        SettingsError, with all faults, if they cannot be used.
        """
        settings = self._origin.load()
        following = self._app.following
        after = following.laid(replace(following.own, **{name: getattr(settings, name) for name in SWAPPED}))
        made = prepared(self._app, after)
        found = [*changes(self._app.settings, after), *self._other_files(made)]
        hidden = [f"{told}, below {SOURCE}" for told in changes(following.own, settings) if told not in found]
        return {
            "digest": digest_of(settings),
            "changes": [*found, *hidden],
            "later": [*later(self._said(following.own), settings)],
        }

    def _other_files(self, made: Gateway) -> Iterator[str]:
        """The upstreams that are the same, but for what is in the files that their settings name."""
        keeper = self._app.gateway
        for name, service in keeper.current.services.items() if keeper is not None else ():
            other = made.services.get(name)
            if other is not None and other is not service and other.settings == service.settings:
                yield f"upstream {name}: its files have changed"

    def _said(self, settings: Settings) -> Settings:
        """The settings as somebody has said them: without the file of counts, which workers were given at the start."""
        given = Path(settings.rate.shared).parent == self._folder
        return replace(settings, rate=replace(settings.rate, shared="")) if given else settings

    async def carry_out(self, digest: str) -> None:
        """Take over the settings that were tried out, which the digest names.

        SettingsError if they cannot be used, PluginError if they are others by now; then nothing has changed.
        """
        settings = self._origin.load()
        if digest_of(settings) != digest:
            raise PluginError("the configuration changed while it was loaded: try again")
        await self._app.following.renew(settings)
        new = self._folder / f"{KEPT}.new"
        new.touch(0o600)
        new.write_bytes(msgspec.json.encode(self._app.following.own))
        new.replace(self._folder / KEPT)

    async def catch_up(self) -> None:
        """Take over what the others have taken over while this process was starting.

        NOTE: to be called once the process can be asked, so that nothing is missed in between.
        """
        following = self._app.following
        settings = kept(self._folder, following.own)
        if settings == following.own:
            return
        try:
            await following.renew(settings)
        except SettingsError as error:
            logger.error("reload: this process has an older configuration than the others: %s", "; ".join(error.faults))


def kept(folder: Path | None, settings: Settings) -> Settings:
    """The settings that were taken over last, for a process that starts after that; these if none were."""
    if folder is None:
        return settings
    try:
        return msgspec.json.decode((folder / KEPT).read_bytes(), type=Settings)
    except (OSError, msgspec.MsgspecError):
        return settings


def digest_of(settings: Settings) -> str:
    """What tells settings apart."""
    return hashlib.sha256(msgspec.json.encode(settings)).hexdigest()[:16]


def changes(before: Settings, after: Settings) -> Iterator[str]:
    """What is different for the gateway, a line each: `upstream billing: changed`."""
    if before.gateway != after.gateway:
        yield "gateway: changed"
    for table in ("upstream", "provider"):
        yield from _changed(table, getattr(before, table), getattr(after, table))
    yield from _changed("route", _routes(before), _routes(after))


def module_changes(before: Settings, after: Settings) -> Iterator[str]:
    """What is different for modules: `plugins sensors: changed`, `module cdrs: disabled`."""
    yield from _changed("plugins", before.plugins, after.plugins)
    was, will = set(before.modules.disabled), set(after.modules.disabled)
    yield from (f"module {name}: {'disabled' if name in will else 'enabled'}" for name in sorted(was ^ will))


def later(before: Settings, after: Settings) -> Iterator[str]:
    """The tables of settings that are different too, and count only from the next start on."""
    for table in msgspec.structs.fields(Settings):
        if table.name not in SWAPPED and getattr(before, table.name) != getattr(after, table.name):
            yield table.name


def _routes(settings: Settings) -> dict[str, Any]:
    """The routes by what a message can call them; those that would be called the same are counted."""
    named: dict[str, Any] = {}
    for route in settings.route:
        hosts = (route.host,) if isinstance(route.host, str) else route.host
        name = route.name or " ".join([*hosts, *route.methods, route.path])
        called, number = name, 1
        while called in named:
            number += 1
            called = f"{name} ({number})"
        named[called] = route
    return named


def _changed(table: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in {**before, **after}:
        if name not in after:
            yield f"{table} {name}: removed"
        elif name not in before:
            yield f"{table} {name}: added"
        elif before[name] != after[name]:
            yield f"{table} {name}: changed"
