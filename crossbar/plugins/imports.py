"""Importing code anew: modules taken out of those that are loaded, and put back if the new ones are no good."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType

_lock = threading.Lock()
_writing: list[bool] = []


def is_below(name: str, tops: Iterable[str]) -> bool:
    """Whether a module is one of these, or inside one of them."""
    return any(name == top or name.startswith(f"{top}.") for top in tops)


def taken_out(tops: Iterable[str]) -> Callable[[], None]:
    """Have these modules, and all that is inside of them, imported anew; what is returned puts back those of before."""
    tops = tuple(tops)
    before = {name: module for name, module in sys.modules.items() if is_below(name, tops)}
    # NOTE: `from . import name` asks the package for the attribute before it looks for the module.
    attributes = [(name, module) for name, module in before.items() if name in tops]
    _remove(before)

    def put_back() -> None:
        _remove([name for name in sys.modules if is_below(name, tops)])
        sys.modules.update(before)
        for name, module in attributes:
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:
                setattr(sys.modules[parent], child, module)

    importlib.invalidate_caches()
    return put_back


def _remove(names: Iterable[str]) -> None:
    for name in list(names):
        removed = sys.modules.pop(name, None)
        parent, _, child = name.rpartition(".")
        holder: ModuleType | None = sys.modules.get(parent)
        if holder is not None and vars(holder).get(child) is removed:
            delattr(holder, child)


@contextmanager
def nothing_compiled() -> Iterator[None]:
    """Import without leaving compiled files behind, which are told apart by second and size only.

    Two quick edits of a file may share both. Threads may be in here at the same time.
    """
    with _lock:
        _writing.append(sys.dont_write_bytecode)
        sys.dont_write_bytecode = True
    try:
        yield
    finally:
        with _lock:
            # The first one in has seen what it was; the last one out restores it.
            first = _writing[0]
            _writing.pop()
            if not _writing:
                sys.dont_write_bytecode = first
