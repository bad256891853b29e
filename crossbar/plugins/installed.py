"""Plugins of installed packages, from their entry points: one group for each thing that a plugin can be."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from ..errors import DefinitionError
from ..hooks import hooks_of
from .fitting import CLASSES, refuse_misfit
from .folder import endpoint_of, found_in
from .found import ENDPOINTS, HOOKS, SOCKETS, Found, Source, schemas_beside
from .imports import taken_out


def group_of(socket: str) -> str:
    """The entry-point group of what a plugin can be."""
    return f"crossbar.{socket}"


def entries() -> dict[str, list[EntryPoint]]:
    """The entry points of each socket, sorted by name and package."""
    # PERF: asking for each group by itself would read the metadata of all installed packages as many times.
    found = entry_points()
    return {
        socket: sorted(found.select(group=group_of(socket)), key=lambda entry: (entry.name, str(source_of(entry))))
        for socket in SOCKETS
    }


def source_of(entry: EntryPoint) -> Source:
    """The package that an entry point belongs to, with its version."""
    if entry.dist is None:
        return Source("installed", entry.value)
    return Source("installed", f"{entry.dist.name} ({entry.value})", entry.dist.version, entry.dist.name)


def find(passed_over: Callable[[Found], bool] = lambda _: False) -> Iterator[Found]:
    """What the entry points of all groups bring; those that are `passed_over` are not loaded."""
    for socket, listed in entries().items():
        for entry in listed:
            yield from _unless(passed_over, socket, entry)


def _unless(passed_over: Callable[[Found], bool], socket: str, entry: EntryPoint) -> list[Found]:
    """What an entry point brings, or only that there is one if it is passed over."""
    unloaded = Found(entry.name, source_of(entry), socket=socket)
    return [unloaded] if passed_over(unloaded) else load(socket, entry)


def load(socket: str, entry: EntryPoint) -> list[Found]:
    """What an entry point brings; a single thing with a fault if it cannot be loaded."""
    source = source_of(entry)
    try:
        loaded = entry.load()
        found = list(_things(socket, entry.name, loaded, source))
        if not found:
            wanted = "hook" if socket == HOOKS else "endpoint with a name"
            raise DefinitionError(f"there is no {wanted} in it")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a package may fail in any way, also by an exit; the others go on
        return [Found(entry.name, source, fault=_told(source, error), socket=socket)]
    return found


def load_anew(
    source: Source, passed_over: Callable[[Found], bool] = lambda _: False
) -> tuple[list[Found], Callable[[], None]]:
    """The endpoints and hooks of a package in the version that is installed by now, and how to have the old code again.

    Its code is imported anew, all of it but what is `passed_over`, so that it fits together.
    """
    importlib.invalidate_caches()
    listed = [(socket, entry) for socket in (ENDPOINTS, HOOKS) for entry in entries()[socket]]
    own = [(socket, entry) for socket, entry in listed if is_of(source_of(entry), source)]
    put_back = taken_out({_top(entry.module) for _, entry in own})
    return [found for socket, entry in own for found in _unless(passed_over, socket, entry)], put_back


def names_in(source: Source) -> set[str]:
    """The names of the entry points that a source stands for."""
    return {entry.name for listed in entries().values() for entry in listed if source_of(entry).place == source.place}


def is_of(source: Source, of: Source) -> bool:
    """Whether two sources are the same installed package."""
    return source.package == of.package if of.package else source.place == of.place


def _top(module: str) -> str:
    """The outermost package that is the plugin's alone: several distributions may share one without an `__init__`."""
    parts = module.split(".")
    for depth in range(1, len(parts)) if parts[0] != "crossbar" else ():
        name = ".".join(parts[:depth])
        if getattr(sys.modules.get(name), "__file__", None):
            return name
    return module


def _things(socket: str, name: str, loaded: Any, source: Source) -> Iterator[Found]:
    if socket == ENDPOINTS:
        if isinstance(loaded, ModuleType):
            schemas = schemas_beside(loaded)
            yield from (replace(found, schemas=schemas) for found in found_in(loaded, source, name))
            return
        for each in loaded if isinstance(loaded, Iterable) else [loaded]:
            endpoint = endpoint_of(each)
            schemas = schemas_beside(sys.modules.get(type(endpoint).__module__))
            hooks = tuple(hooks_of(endpoint, str(source)))
            yield Found(endpoint.name or name, source, endpoint, hooks=hooks, schemas=schemas)
    elif socket == HOOKS:
        thing = loaded() if isinstance(loaded, type) else loaded
        hooks = tuple(hooks_of(thing, str(source)))
        if hooks:
            yield Found(name, source, socket=HOOKS, thing=thing, hooks=hooks)
    else:
        thing = loaded() if isinstance(loaded, type) and socket not in CLASSES else loaded
        refuse_misfit(socket, thing)
        yield Found(name, source, socket=socket, thing=thing)


def _told(source: Source, error: BaseException) -> str:
    """What went wrong, with the innermost line outside of the import machinery."""
    stack = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in stack if "importlib" not in frame.filename]
    where = f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames and frames[-1].filename != __file__ else ""
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{error.filename}, line {error.lineno}: "
    return f"{source}: {where}{type(error).__name__}: {error}"
