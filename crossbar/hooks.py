"""Hooks across modules: code of one plugin before, within or after the operations of any endpoint.

    @before("devices.create", "*.delete")
    async def in_office_hours(ctx: Context) -> None: ...

A pattern is `endpoint.operation`, either of which may be `*`; `*` alone is every operation, and an action goes by the
name of its method. The three moments:

- `before(ctx)`: everything is checked, nothing is done. It may refuse, and it may change `ctx.body`.
- `within(ctx, changes)`: these changes are about to be written; those that it returns are written along, all or none.
- `after(ctx, reply)`: the operation succeeded, and its response is not out yet.

Hooks of one moment run one after the other, by their `order` and then by their name. A hook that fails fails the
request, with the status of a refusal or else a 500, unless it is declared with `required=False`: then the log has it.
What was written before an `after` hook fails stays written. At a WebSocket, which goes by the name `socket`, the hooks
`before` run ahead of the handshake.
"""

from __future__ import annotations

import inspect
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_args

from .errors import DefinitionError
from .stores import Change
from .watch import is_failure

if TYPE_CHECKING:
    from .context import Context
    from .dispatch import Bound
    from .reply import Reply

logger = logging.getLogger("crossbar")

Moment = Literal["before", "within", "after"]
Function = TypeVar("Function", bound=Callable[..., Awaitable[Any]])

_TAKES = {"before": ("ctx",), "within": ("ctx", "changes"), "after": ("ctx", "reply")}
_PATTERN = re.compile(r"\*|(\*|[a-z][a-z0-9_]*)\.(\*|[A-Za-z_]\w*)", re.ASCII)
_CHANGES = get_args(Change)


class _Mark(NamedTuple):
    """What a decorator says about a function."""

    moment: Moment
    patterns: tuple[str, ...]
    order: int
    required: bool


class Hook(NamedTuple):
    """One hook: what runs, when, on which operations, and where it comes from."""

    name: str
    origin: str
    moment: Moment
    patterns: tuple[str, ...]
    order: int
    required: bool
    call: Callable[..., Awaitable[Any]]

    def __str__(self) -> str:
        """What the log calls it."""
        return f"hook {self.name} ({self.origin})"

    def meets(self, endpoint: str, operation: str) -> bool:
        """Whether it runs at an operation of an endpoint."""
        meeting = ("*", "*.*", f"*.{operation}", f"{endpoint}.*", f"{endpoint}.{operation}")
        return any(pattern in meeting for pattern in self.patterns)


def before(*patterns: str, order: int = 0, required: bool = True) -> Callable[[Function], Function]:
    """Have an `async (ctx)` function called when all is checked and nothing done. DefinitionError for a bad pattern."""
    return _marking("before", patterns, order, required)


def within(*patterns: str, order: int = 0, required: bool = True) -> Callable[[Function], Function]:
    """Have an `async (ctx, changes)` function add changes to what `write` writes. DefinitionError for a bad pattern."""
    return _marking("within", patterns, order, required)


def after(*patterns: str, order: int = 0, required: bool = True) -> Callable[[Function], Function]:
    """Have an `async (ctx, reply)` function called when the operation succeeded. DefinitionError for a bad pattern."""
    return _marking("after", patterns, order, required)


def _marking(moment: Moment, patterns: tuple[str, ...], order: int, required: bool) -> Callable[[Function], Function]:
    if not patterns:
        raise DefinitionError(f"@{moment}() names no operation: write @{moment}('devices.create'), or @{moment}('*')")
    for pattern in patterns:
        # NOTE: without its parentheses the decorator gets the function itself.
        if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
            raise DefinitionError(
                f"@{moment}({pattern!r}): write ENDPOINT.OPERATION, such as 'devices.create' or '*.delete'"
            )

    def mark(function: Function) -> Function:
        is_async = inspect.iscoroutinefunction(function)
        if not is_async:
            raise DefinitionError(f"@{moment}: {function.__qualname__} must be defined with 'async def'")
        function.__dict__.setdefault("crossbar_hooks", []).append(_Mark(moment, patterns, order, required))
        return function

    return mark


def hooks_of(thing: object, origin: str) -> Iterator[Hook]:
    """The hooks that a thing brings: a decorated function itself, those of a module, the methods of an object.

    DefinitionError for one that does not take what its moment gives.
    """
    if isinstance(thing, ModuleType):
        # A function may have two names there, and one from elsewhere is only used there.
        for member in {id(each): each for each in vars(thing).values() if inspect.isfunction(each)}.values():
            if f"{member.__module__}.".startswith(f"{thing.__name__}."):
                yield from _hooks(member, origin)
    elif inspect.isroutine(thing):
        yield from _hooks(thing, origin)
    else:
        for name in dir(type(thing)):
            if "crossbar_hooks" in getattr(getattr(type(thing), name, None), "__dict__", ()):
                yield from _hooks(getattr(thing, name), origin)


def _hooks(function: Any, origin: str) -> Iterator[Hook]:
    marks: Sequence[_Mark] = getattr(function, "crossbar_hooks", ())
    for mark in marks:
        takes = _TAKES[mark.moment]
        try:
            inspect.signature(function).bind(*takes)
        except TypeError:
            raise DefinitionError(
                f"{function.__qualname__}: a hook of @{mark.moment} takes ({', '.join(takes)})"
            ) from None
        name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        yield Hook(name, origin, *mark, function)


class Moments(NamedTuple):
    """The hooks that run at one operation, moment by moment."""

    before: tuple[Hook, ...]
    within: tuple[Hook, ...]
    after: tuple[Hook, ...]


class Hooks:
    """All hooks of an application, in their order. Which run at an operation is worked out once."""

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        self.all = tuple(sorted(hooks, key=lambda hook: (hook.order, hook.name)))
        self._moments: dict[tuple[str, str], Moments] = {}
        self._surrounded: dict[Callable[..., Awaitable[Any]], bool] = {}

    def of(self, bound: Bound) -> Moments:
        """The hooks that run at an operation of an endpoint."""
        key = (bound.endpoint.name, bound.route.name)
        found = self._moments.get(key)
        if found is None:
            # NOTE: an action goes by the name of its method, an operation by its own, which is the same.
            met = [hook for hook in self.all if hook.meets(*key)]
            by = {moment: tuple([hook for hook in met if hook.moment == moment]) for moment in _TAKES}
            found = self._moments[key] = Moments(by["before"], by["within"], by["after"])
        return found

    def surround(self, bound: Bound) -> bool:
        """Whether any hook runs before or after an operation of an endpoint."""
        # PERF: asked with every request, and a method is found faster than two names.
        known = self._surrounded.get(bound.call)
        if known is None:
            found = self.of(bound)
            known = self._surrounded[bound.call] = bool(found.before or found.after)
        return known

    async def before(self, ctx: Context, bound: Bound) -> None:
        """Run what comes before the operation."""
        for hook in self.of(bound).before:
            await _run(hook, ctx)

    async def within(self, ctx: Context, bound: Bound, changes: Sequence[Change]) -> list[Change]:
        """The changes that hooks add to these."""
        if isinstance(ctx.blamed, Hook) and ctx.blamed.moment == "within":
            raise RuntimeError("a hook of @within returns what is to be written along; it does not write by itself")
        added: list[Change] = []
        for hook in self.of(bound).within:
            added += await _run(hook, ctx, changes) or ()
        return added

    async def after(self, ctx: Context, bound: Bound, reply: Reply) -> None:
        """Run what comes after the operation."""
        for hook in self.of(bound).after:
            await _run(hook, ctx, reply)


async def _run(hook: Hook, ctx: Context, *given: Any) -> Any:
    """Run one hook; what an optional one raises is only logged. While it runs, it is to blame for what happens."""
    blamed, ctx.blamed = ctx.blamed, hook
    began = time.perf_counter()
    try:
        result = await hook.call(ctx, *given)
        if hook.moment == "within" and result is not None:
            result = _checked(result)
    except BaseException as error:
        if hook.required or not is_failure(error):
            raise
        logger.exception("%s failed, and the request went on without it (request %s)", hook, ctx.request_id)
        result = None
    ctx.blamed = blamed
    took = time.perf_counter() - began
    if took * 1000 > ctx.app.settings.log.slow:
        logger.warning("slow: %.1f s in %s (request %s)", took, hook, ctx.request_id)
    return result


def _checked(result: Any) -> list[Change]:
    """What a hook wants to have written, TypeError if that is no changes; a store would pass over what it is not."""
    changes = list(result) if isinstance(result, Iterable) else [result]
    for each in changes:
        if not isinstance(each, _CHANGES):
            raise TypeError(f"it returned {each!r}; a hook of @within returns Insert, Replace, Delete or Guard objects")
    return changes
