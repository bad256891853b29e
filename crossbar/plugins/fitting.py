"""What each sort of plugin has to be. It is told when one is taken in, and not when a request first needs it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..dialects.mounting import BUNDLED
from ..errors import DefinitionError
from ..negotiation import JSON
from ..routes import OPERATIONS, VERBS
from ..stores.choose import SCHEMES

CLASSES = ("stores", "renderers")
"""Sorts of which others make the objects: a store from its URL, a renderer for each response."""

_WORDED = (
    *("claims", "target", "localize", "look_up", "path", "template", "word", "refuse_repeated", "read", "reads"),
    *("take", "data", "listing", "group", "success", "failure", "together", "fields"),
)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")


def refuse_misfit(socket: str, thing: Any) -> None:
    """Raise DefinitionError, saying what is wanted, for a thing that cannot be what its sort says."""
    _CHECKS[socket](thing)


def taken_by_crossbar(claim: tuple[str, str]) -> str:
    """What of Crossbar's own is called so already; empty if nothing is."""
    if claim[0] == "dialects" and claim[1] in BUNDLED:
        return f"the dialect {claim[1]!r} of Crossbar's own"
    return "a store of Crossbar's own" if claim[0] == "stores" and claim[1] in SCHEMES else ""


def _asked(thing: Any) -> None:
    """Authenticators and authorizers: what `await thing(ctx)` can be said to."""
    function = thing.func if isinstance(thing, partial) else thing
    calls = (function, inspect.getattr_static(type(function), "__call__", None))
    if not any(map(inspect.iscoroutinefunction, calls)):
        raise DefinitionError(f"{_called(thing)} must be an 'async def' function of (ctx), or have one as __call__")
    _refuse_arity(thing, "ctx")


def _store(thing: Any) -> None:
    if not callable(thing):
        raise DefinitionError(f"{_called(thing)} must be something that makes a store out of (url, clock)")
    _refuse_arity(thing, "url", "clock")


def _renderer(thing: Any) -> None:
    called = _called(thing)
    if not inspect.isclass(thing):
        raise DefinitionError(f"{called} must be a class: an object of it is made for each response")
    for name in ("media_type", "content_type", "extension"):
        if not isinstance(getattr(thing, name, None), str):
            raise DefinitionError(f"{called}.{name} must be text")
    media_type = str(getattr(thing, "media_type", ""))
    if not _MEDIA_TYPE.fullmatch(media_type) or media_type == JSON:
        raise DefinitionError(f"{called}.media_type is {media_type!r}: write another one, such as text/x")
    for name in ("piece", "end"):
        if not callable(getattr(thing, name, None)):
            raise DefinitionError(f"{called} has no method {name}")
    _refuse_arity(thing)


def _dialect(thing: Any) -> None:
    missing = [name for name in _WORDED if not callable(getattr(thing, name, None))]
    if missing:
        raise DefinitionError(f"{_called(thing)} is no dialect: it has no {', '.join(missing)}")
    if not isinstance(getattr(thing, "name", None), str) or not thing.name:
        raise DefinitionError(f"{_called(thing)} has no name")
    verbs = getattr(thing, "verbs", None)
    if not isinstance(getattr(thing, "also", None), Mapping):
        raise DefinitionError(f"{_called(thing)}.also must give further verbs of operations, or be empty")
    if not isinstance(verbs, Mapping) or not set(OPERATIONS) <= set(verbs) or not set(verbs.values()) <= {*VERBS, ""}:
        told = f"one of {', '.join(VERBS)}, or an empty text, for each operation"
        raise DefinitionError(f"{_called(thing)}.verbs must give {told}")


def _refuse_arity(thing: Any, *given: str) -> None:
    try:
        inspect.signature(thing).bind(*given)
    except TypeError:
        raise DefinitionError(f"{_called(thing)} must take ({', '.join(given)})") from None


def _called(thing: Any) -> str:
    return str(getattr(thing, "__qualname__", None) or repr(thing))


_CHECKS: dict[str, Callable[[Any], None]] = {
    "authenticators": _asked,
    "authorizers": _asked,
    "stores": _store,
    "renderers": _renderer,
    "dialects": _dialect,
}
