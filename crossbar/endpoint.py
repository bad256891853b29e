"""Endpoint: what answers for one noun. Every hook stands here with its default.

| Hook | The question | Default | Refusal |
| --- | --- | --- | --- |
| `lifespan(app)` | what do you need while the server runs? | nothing | 503, out of order |
| `authenticate(ctx)` | can you vouch for the caller yourself? | no opinion | 401 |
| `resolve(ctx, *args)` | does the path up to you name something? | `Resource` loads it into `ctx.found` | 404 |
| `authorize(ctx)` | may this principal do this? | the tenant rule | 403 |
| `validate(ctx)` | is the body right? | `Resource`: merge, schema, checks, unique | 400, 409 |
| `find` `create` `read` `replace` `patch` `delete` | do it | absent | 405 |
| `@action("VERB path")` | do this named thing | none | 404, 405 |
| `socket(ctx, websocket, *args)` | talk over a WebSocket | absent | 405 |
| `render(ctx, answer)` | how should it look in this media type? | as it is | |
| `etag(ctx, document)` | which revision is this? | the document's | 304, 412 |
| `finish(ctx)` | anything afterwards? | nothing | never |

An operation exists if its method exists, and its arity is its depth: `find(self, ctx)` answers at the noun itself,
`read(self, ctx, id)` one level deeper. Signatures are read once, when the class is defined.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from .errors import DefinitionError, Forbidden
from .media_types import MEDIA_TYPES
from .negotiation import JSON
from .roles import refuse_rights
from .settings import Options

if TYPE_CHECKING:
    from .app import Crossbar
    from .auth import Principal
    from .context import Context
    from .reply import Answer, Reply
    from .stores import Document, Kind

OPERATIONS = ("find", "create", "read", "replace", "patch", "delete")
WRITES = frozenset({"create", "replace", "patch"})
VERBS = ("GET", "PUT", "POST", "PATCH", "DELETE")
SOCKET = "(socket)"
"""The verb of a WebSocket in the tables of dispatch: no token of HTTP, so that no request has it as its method."""
MEDIA_GROUP = "media"
"""The limit group of attachments: bytes are dearer than documents."""
UNBOUNDED = 1_000
DEEPEST = 31  # deeper than this, only methods that take any number of arguments answer

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
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
    verb, _, path = spelling.partition(" ")
    segments = path.split("/") if path else []
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


class Endpoint:
    """What answers for one noun. Subclass it, name the noun, and write the operations that exist."""

    name: ClassVar[str] = ""
    """The noun in the path."""
    provides: ClassVar[tuple[str, ...]] = (JSON,)
    """Media types that replies can take, the favourite first."""
    operations: ClassVar[tuple[str, ...]] = OPERATIONS
    """Which of the operations that have a method are offered."""
    parents: ClassVar[Mapping[str, str]] = {}
    """Nouns, beside the tenant's, that may come before this one, with the field that names them in a document."""
    greedy: ClassVar[bool] = False
    """Whether every token after the name is an argument, also one that is an endpoint's name."""
    tenants: ClassVar[bool] = False
    """Whether the first argument names a tenant, so that all nouns after it belong to that tenant."""
    anywhere: ClassVar[bool] = False
    """Whether it also answers outside of any tenant, to every caller who is known."""
    accepts: ClassVar[tuple[str, ...]] = ()
    """Media types of bodies beside JSON, such as `image/png` or `image/*`; their bytes are in `ctx.raw_body`."""
    attachments: ClassVar[tuple[Attachment | str, ...]] = ()
    """Files that belong to each document of a `Resource`, each by its name or as an `Attachment`."""
    admin_only: ClassVar[tuple[str, ...]] = ()
    """What users may not do: operations and actions by method name; `writes` all but reading ones, `*` everything."""
    owner: ClassVar[str] = ""
    """The dotted field with the id of the user whose a document is, `id` for users themselves; empty for nobody's."""
    admin_fields: ClassVar[tuple[str, ...]] = ()
    """The dotted fields of a `Resource` that users may not set, also in documents of their own."""
    chunked: ClassVar[bool] = False
    """Whether its listings go out in pieces unless a client asks for something else; see streams.md."""
    columns: ClassVar[tuple[str, ...]] = ()
    """The columns of its listings as CSV, by the names that nested fields have there; empty for those of the schema."""
    limit_group: ClassVar[str] = "default"
    """The requests whose token bucket it shares; see limits.md."""
    costs: ClassVar[Mapping[str, int]] = {}
    """Tokens that its operations and actions take, by the names of their methods, where that is not one."""
    raw: ClassVar[bool] = False
    """Whether query and body are left to the endpoint, which reads the body from `ctx.receive` as it comes."""
    options: Options = Options()
    """The plugin's own settings: an instance of a subclass of `Options`, replaced by what `[plugins.NAME]` says."""

    routes: ClassVar[tuple[Route, ...]] = ()
    overrides: ClassVar[frozenset[str]] = frozenset()
    depths: ClassVar[tuple[int, int]] = (0, 0)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.name:
            refuse_name(cls.__name__, cls.name)
        cls.routes = tuple(_routes_of(cls))
        _refuse_ambiguity(cls)
        refuse_rights(cls)
        # PERF: the pipeline asks only the hooks that a class really has.
        hooks = ("authenticate", "resolve", "authorize", "validate", "render", "finish")
        cls.overrides = frozenset(hook for hook in hooks if getattr(cls, hook) is not getattr(Endpoint, hook))
        cls.depths = _arity(cls, "resolve", cls.resolve)

    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of document that the endpoint keeps in the store."""
        return ()

    @asynccontextmanager
    async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
        """Hold what the endpoint needs while the server runs."""
        yield

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Vouch for a caller whom no authenticator knows, None to have no opinion."""
        return None

    async def resolve(self, ctx: Context, *args: Any, **kwargs: Any) -> None:
        """Find what the noun's arguments name; raise NotFound if they name nothing."""

    async def authorize(self, ctx: Context) -> None:
        """Raise Forbidden if the caller may not do this. The tenant rule: the path must lead into a tenant.

        That the caller may enter that tenant is settled when it is resolved, once for all endpoints; inside of one,
        only endpoints with an `authorize` of their own are asked.
        """
        if ctx.tenant is None and not self.anywhere:
            raise Forbidden("this noun belongs to an account: begin the path with accounts/{id}")

    async def validate(self, ctx: Context) -> None:
        """Raise InvalidData or Conflict if `ctx.body` is not right for the operation."""

    async def render(self, ctx: Context, answer: Answer) -> bytes | None:
        """The answer's bytes in `ctx.media_type`, None to leave it to the renderers."""
        return None

    def etag(self, ctx: Context, document: Document) -> str:
        """What stands for the document's revision in `ETag`, `If-Match` and the envelope."""
        return str(document.revision)

    async def finish(self, ctx: Context) -> None:
        """Do what is to be done after the response; nothing that it raises reaches the client."""


def refuse_name(whose: str, name: str) -> None:
    """Raise DefinitionError for a name that no noun can have."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DefinitionError(f"{whose}: name {name!r} must be lower-case letters, digits and _, 32 at most")


def _routes_of(cls: type[Endpoint]) -> Iterator[Route]:
    """The routes that the methods of a class spell, checked one by one."""
    if hasattr(cls, "socket"):
        least, most = _arity(cls, "socket", cls.socket, "(self, ctx, websocket)")
        yield Route("socket", None, SOCKET, (), least, most)
    seen: dict[int, str] = {}
    for name in cls.operations:
        if name not in OPERATIONS:
            raise DefinitionError(f"{cls.__name__}.operations names {name!r}; there are {', '.join(OPERATIONS)}")
        method = getattr(cls, name, None)
        if method is None:
            continue
        least, most = _arity(cls, name, method)
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
            least, most = _arity(cls, name, getattr(cls, name))
            wanted = sum(part is None for part in pattern)
            if not least <= wanted <= most:
                raise DefinitionError(
                    f"{cls.__name__}.{name}: the path of @action({spelling!r}) has {wanted} parameters, "
                    f"the method takes {least} after ctx"
                )
            slot = getattr(cls, name).__dict__.get("crossbar_slot")
            group = MEDIA_GROUP if slot is not None else ""
            yield Route(name, None, verb, pattern, len(pattern), len(pattern), slot, group, provides, files)


def _arity(cls: type[Endpoint], name: str, method: Any, first: str = "(self, ctx)") -> tuple[int, int]:
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


def _refuse_ambiguity(cls: type[Endpoint]) -> None:
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
