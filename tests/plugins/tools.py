"""What the tests of plugins share: files of modules, fake installed packages, applications with both."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from msgspec.structs import replace

from crossbar import Crossbar, Settings
from crossbar.plugins import Folder, Found, Outcome
from crossbar.settings import Modules
from crossbar.testing import QUICK, Client, World, make_app, small_world

GOOD = """
    from crossbar import Endpoint

    class Phones(Endpoint):
        name = "phones"

        async def find(self, ctx):
            return ["phones"]
"""

DEADLINE = 30.0
"""Seconds after which a test has failed that waits for something."""


def write(folder: Path, name: str, text: str) -> Path:
    """Put a file into the folder."""
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def phones(answer: object, more: str = "") -> str:
    """The text of a module whose noun `phones` answers with this, and with more methods, indented once."""
    return dedent(GOOD).replace('["phones"]', repr(answer)) + dedent(more).replace("\n", "\n    ")


class Ahead:
    """The clock of a watch over requests: it is right, until a test has it go ahead of the time."""

    seconds = 0

    def perf_counter(self) -> float:
        """Seconds."""
        return time.perf_counter() + self.seconds


def only(folder: Path) -> Found:
    """Give the one thing that is found in a folder."""
    [found] = Folder(folder).find()
    return found


def with_modules(folder: Path | str = "", *disabled: str, settings: Settings = QUICK, **more: Any) -> Settings:
    """Settings that name a folder, and what stays out."""
    return replace(settings, modules=Modules(str(folder), disabled, **more))


async def world_with(folder: Path, *disabled: str) -> tuple[World, Client]:
    """Start an application with the folder's modules, and log in."""
    world = await small_world(settings=with_modules(folder, *disabled))
    return world, await world.client()


class Maker:
    """Makes applications with small worlds in them, and stops them all."""

    def __init__(self, tmp_path: Path) -> None:
        self._tmp_path = tmp_path
        self._apps: list[Crossbar] = []

    async def world(self, settings: Settings = QUICK, **options: Any) -> World:
        """A world; `store` may be `sqlite`, too."""
        if options.get("store") == "sqlite":
            from crossbar.testing import make_store

            options["store"] = make_store("sqlite", self._tmp_path)
        world = await small_world(settings=settings, **options)
        self._apps.append(world.app)
        return world

    async def client(self, settings: Settings = QUICK, *, account: str = "customer", **options: Any) -> Client:
        """A client of a new world, logged in as the administrator of an account."""
        return await (await self.world(settings, **options)).client(account)

    async def stop(self) -> None:
        """Stop everything that was made."""
        for app in self._apps:
            await app.stop()


class Packages:
    """A folder on the path of imports, with packages and the metadata that an installer would leave."""

    def __init__(self, site: Path) -> None:
        self.site = site
        site.mkdir()
        self._tops: set[str] = set()

    def install(
        self,
        distribution: str,
        files: Mapping[str, str],
        entries: Mapping[str, Mapping[str, str]],
        version: str = "1.0",
    ) -> None:
        """Put a distribution there, or another version of it: its files, and its entry points by socket and name."""
        for name, text in files.items():
            write(self.site, name, text)
            self._tops.add(name.partition("/")[0].removesuffix(".py"))
        about = self.site / f"{distribution.replace('-', '_')}.dist-info"
        write(about, "METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [
            f"[crossbar.{socket}]\n" + "\n".join(f"{name} = {value}" for name, value in values.items())
            for socket, values in entries.items()
        ]
        write(about, "entry_points.txt", "\n\n".join(lines) + "\n")
        importlib.invalidate_caches()

    def forget(self) -> None:
        """Take the packages' modules out of those that are loaded."""
        for name in [name for name in sys.modules if name.partition(".")[0] in self._tops]:
            del sys.modules[name]


def app_with(settings: Settings = QUICK, **options: Any) -> Crossbar:
    """An application that is not started."""
    return make_app(settings, **options)


_OURS = ("bundled", "dialect")


def states(app: Crossbar, *names: str) -> dict[str, str]:
    """The states of plugins, by name; of all that are not bundled if none is named."""
    plugins = [plugin for plugin in app.plugins.plugins if plugin.found.source.kind not in _OURS or names]
    return {plugin.name: plugin.state for plugin in plugins if plugin.name in names or not names}


def faults(app: Crossbar) -> dict[str, str]:
    """What is wrong with plugins, by name."""
    return {plugin.name: plugin.fault for plugin in app.plugins.plugins if plugin.fault}


def did(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    """What became of whom."""
    return [(outcome.name, outcome.did) for outcome in outcomes]


def missing(text: str, *parts: str) -> list[str]:
    """Which parts a text does not have."""
    return [part for part in parts if part not in text]


async def until(condition: Callable[[], object], seconds: float = DEADLINE) -> None:
    """Wait until something is so; AssertionError if it does not come to that."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        await asyncio.sleep(0.005)
