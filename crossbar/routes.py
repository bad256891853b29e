"""Routes: what an endpoint does, where, and under which verb, as the methods of its class spell it.

Signatures are read once, when the class is defined. What is ambiguous or cannot be called is refused then.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .errors import DefinitionError
from .media.types import MEDIA_TYPES

if TYPE_CHECKING:
    from .endpoint import Endpoint
    from .reply import Answer, Reply

OPERATIONS = ("find", "create", "read", "replace", "patch", "delete")
WRITES = frozenset({"create", "replace", "patch"})
ALL, ALL_WRITES = "*", "writes"
"""In `Endpoint.admin_only`: everything, and everything but `find`, `read` and actions under GET."""
VERBS = ("GET", "PUT", "POST", "PATCH", "DELETE")
SOCKET = "(socket)"
"""The verb of a WebSocket in the tables of dispatch: no token of HTTP, so that no request has it as its method."""
MEDIA_GROUP = "media"
"""The limit group of attachments: bytes are dearer than documents."""
UNBOUNDED = 1_000
DEEPEST = 31  # deeper than this, only methods that take any number of arguments answer

_LITERAL = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_PARAMETER = re.compile(r"\{[a-z][a-z0-9_]*\}")

Operation = Callable[..., Awaitable["Reply | Answer"]]
Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


class Attachment(NamedTuple):
    """A file, or with `many` any number of files, that can be attached to each document of a resource.

    A file answers at `{id}/NAME`; many are listed there, and each is at `{id}/NAME/{file}`. `types` are the media types
    that are taken, such as `audio/*`; `most` is how many bytes, 0 for `limits.upload`. What is `inline` may be shown by
    a browser right where it is, all else is offered to be saved.
    """

    name: str
    types: tuple[str, ...] = MEDIA_TYPES
    most: int = 0
    many: bool = False
    inline: bool = False


class Route(NamedTuple):
    """One thing that an endpoint does: an operation, an action or a WebSocket, where, and under which verb.

    `verb` is not set for an operation, which gets it from the dialect. `pattern` is the path of an action below the
    noun, with None for each parameter; `least` and `most` are the depths at which it answers. `slot` is the attachment
    that it is about, and `group` the limit group that it counts in, empty for the endpoint's. `provides` are the media
    types of its replies, empty for the endpoint's; `files` says whether an action takes files for all attachments.
    """

    name: str
    operation: str | None
    verb: str | None
    pattern: tuple[str | None, ...]
    least: int
    most: int
    slot: Attachment | None = None
    group: str = ""
    provides: tuple[str, ...] = ()
    files: bool = False

    @property
    def writes(self) -> bool:
        """Whether a body is validated before it runs."""
        return self.operation in WRITES


def action(spelling: str, *, provides: tuple[str, ...] = (), files: bool = False) -> Callable[[Method], Method]:
    """Make a method answer to a verb and a path below its noun: `@action("POST {contact}/sync")`; or at it: `"POST"`.

    Literals are tried before arguments. `provides` are the media types of its replies where they are not those of the
    endpoint; `("*/*",)` is for a file, which is of the type that it is of. With `files` it takes uploads, as `create`
    does. DefinitionError if the spelling is none.
    """
    verb, blank, path = spelling.partition(" ")
    segments = path.split("/") if blank else []
    if verb not in VERBS or not all(_LITERAL.fullmatch(part) or _PARAMETER.fullmatch(part) for part in segments):
        raise DefinitionError(
            f"@action({spelling!r}): write a verb ({', '.join(VERBS)}), a blank, and a path of literals and "
            "{parameters}, such as 'POST {id}/sync'"
        )

    def mark(method: Method) -> Method:
        pattern = tuple(None if part.startswith("{") else part for part in segments)
        method.__dict__["crossbar_action"] = (verb, pattern, spelling, provides, files)
        return method

    return mark


def routes_of(cls: type[Endpoint]) -> Iterator[Route]:
    """The routes that the methods of a class spell, checked one by one; DefinitionError if one cannot be."""
    if hasattr(cls, "socket"):
        least, most = arity(cls, "socket", cls.socket, "(self, ctx, websocket)")
        yield Route("socket", None, SOCKET, (), least, most)
    seen: dict[int, str] = {}
    for name in cls.operations:
        if name not in OPERATIONS:
            raise DefinitionError(f"{cls.__name__}.operations names {name!r}; there are {', '.join(OPERATIONS)}")
        method = getattr(cls, name, None)
        if method is None:
            continue
        least, most = arity(cls, name, method)
        if name in ("find", "read"):
            for depth in range(least, min(most, DEEPEST) + 1):
                if depth in seen:
                    raise DefinitionError(
                        f"{cls.__name__}: {seen[depth]} and {name} both answer at depth {depth}; "
                        "give one of them another number of arguments"
                    )
                seen[depth] = name
        yield Route(name, name, None, (), least, most)
    for name in dir(cls):
        marked = getattr(getattr(cls, name, None), "__dict__", {}).get("crossbar_action")
        if marked is not None:
            verb, pattern, spelling, provides, files = marked
            least, most = arity(cls, name, getattr(cls, name))
            wanted = sum(part is None for part in pattern)
            if not least <= wanted <= most:
                raise DefinitionError(
                    f"{cls.__name__}.{name}: the path of @action({spelling!r}) has {wanted} parameters, "
                    f"the method takes {least} after ctx"
                )
            slot = getattr(cls, name).__dict__.get("crossbar_slot")
            group = MEDIA_GROUP if slot is not None else ""
            yield Route(name, None, verb, pattern, len(pattern), len(pattern), slot, group, provides, files)


def arity(cls: type[Endpoint], name: str, method: Any, first: str = "(self, ctx)") -> tuple[int, int]:
    """How many arguments a method takes at least and at most after the `first` ones, which all of its kind have."""
    if not inspect.iscoroutinefunction(method):
        raise DefinitionError(f"{cls.__name__}.{name} must be a method defined with 'async def'")
    parameters = list(inspect.signature(method).parameters.values())
    given = first.count(",") + 1
    if len(parameters) < given or any(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters):
        raise DefinitionError(f"{cls.__name__}.{name} must take {first} and then one argument for each level")
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    counted = [parameter for parameter in parameters[given:] if parameter.kind in positional]
    least = sum(parameter.default is parameter.empty for parameter in counted)
    endless = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    return least, UNBOUNDED if endless else len(counted)


def refuse_ambiguity(cls: type[Endpoint]) -> None:
    """Refuse two actions that could both match the same path, naming both."""
    actions = [route for route in cls.routes if route.pattern]
    for position, one in enumerate(actions):
        for other in actions[position + 1 :]:
            if len(one.pattern) != len(other.pattern):
                continue
            pairs = list(zip(one.pattern, other.pattern, strict=True))
            if any(a is not None and b is not None and a != b for a, b in pairs):
                continue
            wider = any(a is None and b is not None for a, b in pairs)
            narrower = any(a is not None and b is None for a, b in pairs)
            # NOTE: the path of a file begins with an id, which is no word of an action: `inbox/{id}` hides nothing.
            if wider and narrower and (one.slot is None) != (other.slot is None):
                continue
            # Of two that cross, one would hide the other's verbs; the same path may well have several verbs.
            if (wider and narrower) or (wider == narrower and one.verb == other.verb):
                raise DefinitionError(
                    f"{cls.__name__}: the actions {one.name} and {other.name} both match "
                    f"{one.verb} {'/'.join(part or '{}' for part in one.pattern)}; make a literal of theirs differ"
                )


def refuse_rights(cls: type[Endpoint]) -> None:
    """Raise DefinitionError if a class gives rights in a way that would not hold."""
    for attribute in ("admin_only", "admin_fields"):
        names = getattr(cls, attribute)
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            raise DefinitionError(f"{cls.__name__}.{attribute} must be a tuple of texts, such as ('delete',)")
    if not isinstance(cls.owner, str):
        raise DefinitionError(f"{cls.__name__}.owner must be the name of a field, such as 'owner_id'")
    known = {ALL, ALL_WRITES, *OPERATIONS, *(route.name for route in cls.routes)}
    unknown = sorted(set(cls.admin_only) - known)
    if unknown and cls.name:
        raise DefinitionError(
            f"{cls.__name__}.admin_only names {', '.join(unknown)}, which is no operation or action of it; "
            f"there are {', '.join(sorted(known))}"
        )
