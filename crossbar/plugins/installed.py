"""Plugins of installed packages, from their entry points: one group for each thing that a plugin can be."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from ..endpoint import Endpoint
from ..errors import DefinitionError
from ..hooks import hooks_of
from .folder import found_in, schemas_beside
from .found import ENDPOINTS, HOOKS, Found, Source


def group_of(socket: str) -> str:
    """The entry-point group of what a plugin can be."""
    return f"crossbar.{socket}"


def entries_of(socket: str) -> list[EntryPoint]:
    """The entry points of a group, sorted by name and package."""
    return sorted(entry_points(group=group_of(socket)), key=lambda entry: (entry.name, str(source_of(entry))))


def source_of(entry: EntryPoint) -> Source:
    """The package that an entry point belongs to, with its version."""
    if entry.dist is None:
        return Source("installed", entry.value)
    return Source("installed", f"{entry.dist.name} ({entry.value})", entry.dist.version)


def load(socket: str, entry: EntryPoint) -> list[Found]:
    """What an entry point brings; a single thing with a fault if it cannot be loaded."""
    source = source_of(entry)
    try:
        loaded = entry.load()
        found = list(_things(socket, entry.name, loaded, source))
        if not found:
            wanted = "hook" if socket == HOOKS else "endpoint with a name"
            raise DefinitionError(f"there is no {wanted} in it")
    except (Exception, SystemExit) as error:  # a package may fail in any way; the others go on
        return [Found(entry.name, source, fault=_told(source, error), socket=socket)]
    return found


def forget(entry: EntryPoint) -> None:
    """Have the package of an entry point imported anew, from the version that is installed by then."""
    top = entry.module.partition(".")[0]
    for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _things(socket: str, name: str, loaded: Any, source: Source) -> Iterator[Found]:
    if socket == ENDPOINTS:
        if isinstance(loaded, ModuleType):
            for found in found_in(loaded, source, name):
                yield Found(**{field: getattr(found, field) for field in _FIELDS} | {"schemas": schemas_beside(loaded)})
            return
        for each in loaded if isinstance(loaded, Iterable) else [loaded]:
            endpoint = each() if isinstance(each, type) else each
            if not isinstance(endpoint, Endpoint):
                raise DefinitionError(f"{endpoint!r} is no Endpoint")
            schemas = schemas_beside(sys.modules[type(endpoint).__module__])
            hooks = tuple(hooks_of(endpoint, str(source)))
            yield Found(endpoint.name, source, endpoint, hooks=hooks, schemas=schemas)
    elif socket == HOOKS:
        thing = loaded() if isinstance(loaded, type) else loaded
        hooks = tuple(hooks_of(thing, str(source)))
        if hooks:
            yield Found(name, source, socket=HOOKS, thing=thing, hooks=hooks)
    else:
        # NOTE: a store is made from its URL, a renderer for each response; the others are one object each.
        thing = loaded() if isinstance(loaded, type) and socket not in ("stores", "renderers") else loaded
        yield Found(name, source, socket=socket, thing=thing)


_FIELDS = ("name", "source", "endpoint", "fault", "socket", "thing", "hooks")


def _told(source: Source, error: BaseException) -> str:
    """What went wrong, with the innermost line outside of the import machinery."""
    stack = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in stack if "importlib" not in frame.filename]
    where = f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames and frames[-1].filename != __file__ else ""
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{error.filename}, line {error.lineno}: "
    return f"{source}: {where}{type(error).__name__}: {error}"
