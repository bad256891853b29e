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

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import DefinitionError, Forbidden
from .negotiation import JSON
from .routes import OPERATIONS, Attachment, Route, arity, refuse_ambiguity, refuse_rights, routes_of
from .settings import Options

if TYPE_CHECKING:
    from .app import Crossbar
    from .auth import Principal
    from .context import Context
    from .reply import Answer
    from .stores import Document, Kind

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


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
    own_basic: ClassVar[bool] = False
    """Whether `Authorization: Basic` has a meaning of its own here, and is no login of a user."""
    own_login: ClassVar[bool] = False
    """Whether its `authenticate` alone says who is asking, and no authenticator is asked before it."""
    public: ClassVar[bool] = False
    """Whether it answers anybody, so that what one token is good for does not matter."""
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
        cls.routes = tuple(routes_of(cls))
        refuse_ambiguity(cls)
        refuse_rights(cls)
        # PERF: the pipeline asks only the hooks that a class really has.
        hooks = ("authenticate", "resolve", "authorize", "validate", "render", "finish")
        cls.overrides = frozenset(hook for hook in hooks if getattr(cls, hook) is not getattr(Endpoint, hook))
        cls.depths = arity(cls, "resolve", cls.resolve)

    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of document that the endpoint keeps in the store."""
        return ()

    @asynccontextmanager
    async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
        """Hold what the endpoint needs while the server runs."""
        yield

    def match(self, ctx: Context) -> None:
        """Look at a request for a `raw` endpoint whose path is read, before anybody is asked for; refuse nothing."""

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
            raise Forbidden("this noun belongs to an account: begin the path with an account")

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
