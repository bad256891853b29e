"""What is loaded anew together: all that comes from one file or one installed package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from . import installed
from .folder import Folder
from .found import ENDPOINTS, HOOKS, Found
from .plugin import Plugin
from .roster import Roster

Loaded = tuple[list[Found], Callable[[], None]]
"""What was found, and how to have the imported code of before again."""
CHANGEABLE = (ENDPOINTS, HOOKS)
"""The sorts of plugins that come and go while an application runs."""


class Unit(NamedTuple):
    """The plugins of one file or package as they are now, and what loads them anew."""

    before: list[Plugin]
    load: Callable[[], Loaded]


def unit_of(roster: Roster, plugin: Plugin) -> Unit | None:
    """What is loaded anew with a plugin; None for one that was given to the application as an object."""
    source = plugin.found.source
    path = Path(source.place)
    if source.kind == "installed":
        same = [each for each in roster.plugins if each.found.socket in CHANGEABLE]
        before = [each for each in same if installed.is_of(each.found.source, source)]
        return Unit(before, partial(installed.load_anew, source, roster.is_disabled))
    folder = next((each for each in roster.folders if each.path == path.parent), None)
    if folder is None:
        return None
    before = [each for each in roster.plugins if each.found.source.place == source.place]
    return Unit(before, partial(_load_anew, roster, folder, path))


def names_of(plugin: Plugin) -> Iterator[str]:
    """What `modules.disabled` may call a plugin: what it is found to be, or the file or entry point that it is in."""
    found, source = plugin.found, plugin.found.source
    yield from found.names
    if source.kind in ("bundled", "folder"):
        yield from Found(Path(source.place).stem, source).names
    elif source.kind == "installed":
        for name in installed.names_in(source):
            yield from Found(name, source).names


def in_place(plugins: Sequence[Plugin], before: Sequence[Plugin], new: Iterable[Plugin]) -> list[Plugin]:
    """The plugins with new ones instead of others: each where those of its file or package were, if any were."""
    homes: dict[str, Plugin] = {}
    gone = [plugin for plugin in plugins if plugin in before]
    for plugin in gone:
        homes.setdefault(_home(plugin), plugin)
    coming: dict[int, list[Plugin]] = {}
    for each in new:
        place = homes.get(_home(each), gone[0] if gone else None)
        coming.setdefault(id(place), []).append(each)
    placed: list[Plugin] = []
    for plugin in plugins:
        placed += coming.get(id(plugin), ())
        if plugin not in gone:
            placed.append(plugin)
    return placed + coming.get(id(None), [])


def _home(plugin: Plugin) -> str:
    return plugin.found.source.package or plugin.found.source.place


def _load_anew(roster: Roster, folder: Folder, path: Path) -> Loaded:
    """What is in a file of a folder by now; one that is left out by its name is not loaded."""
    unloaded = Found(path.stem, folder.source_of(path))
    return ([unloaded], _nothing) if roster.is_disabled(unloaded) else folder.load_anew(path)


def _nothing() -> None:
    """Nothing was imported, so nothing is to be put back."""
