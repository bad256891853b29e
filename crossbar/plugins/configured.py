"""Typed settings of plugins: what a plugin declares, and the table of the settings that belongs to it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any, get_type_hints

from ..endpoint import Endpoint
from ..settings import Options
from .options import options


def configured(thing: Any, name: str, tables: Mapping[str, Mapping[str, Any]]) -> tuple[Any, list[str]]:
    """A thing with its options, checked, out of the table called like it; and what is wrong with them.

    An object of a subclass of `Options` in `options` gives the defaults. Where only the annotation says which subclass
    it is, the table has to give what has no default. A class, of which others make objects, becomes one of its own.
    """
    try:
        kind, defaults = _declared(thing)
    except Exception as error:  # an annotation is code, which may fail in any way
        return thing, [f"plugins.{name}: {error}"]
    if kind is None:
        return thing, []
    value, faults = options(tables.get(name, {}), kind, f"plugins.{name}", defaults)
    if value is None:
        return thing, faults
    if isinstance(thing, type):
        return type(thing)(thing.__name__, (thing,), {"__module__": thing.__module__, "options": value}), []
    try:
        thing.options = value
    except AttributeError as error:
        return thing, [f"plugins.{name}: its options cannot be set: {error}"]
    return thing, []


def takes_options(thing: Any) -> bool:
    """Whether a thing declares settings of its own."""
    try:
        return _declared(thing)[0] is not None
    except Exception:  # see above
        return True


def _declared(thing: Any) -> tuple[type[Options] | None, Options | None]:
    """The type of a thing's options, and those that count where the settings say nothing."""
    kind = _annotated(thing if isinstance(thing, type) else type(thing))
    if kind is not None:
        return kind, None
    declared = getattr(thing, "options", None)
    if isinstance(declared, Options):
        return (type(declared), declared) if type(declared) is not Options else (None, None)
    if isinstance(declared, type) and issubclass(declared, Options):
        raise TypeError(f"options is a class: write options = {declared.__name__}(), or options: {declared.__name__}")
    if isinstance(thing, Endpoint):
        raise TypeError("options must be an object of a subclass of Options")
    return None, None


def _annotated(cls: type) -> type[Options] | None:
    """The type that a class says its options have, if it says no more than that."""
    for each in cls.__mro__:
        if "options" in vars(each):
            return None
        annotation = inspect.get_annotations(each).get("options")
        if annotation is not None:
            # Other annotations of the class may name what only a type checker imports.
            holder = type("Holder", (), {"__annotations__": {"options": annotation}})
            kind = get_type_hints(holder, vars(sys.modules[each.__module__]))["options"]
            return kind if isinstance(kind, type) and issubclass(kind, Options) else None
    return None
