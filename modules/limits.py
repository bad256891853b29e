"""Limits: how much an account may have and use. Who is above an account sets them, the account itself reads them."""

from collections import Counter
from collections.abc import Sequence

from crossbar import (
    Body,
    Change,
    Conflict,
    Context,
    Document,
    Endpoint,
    Forbidden,
    Guard,
    Insert,
    InvalidData,
    Kind,
    Query,
    Replace,
    within,
    write,
)

LIMITS = "limits"
"""The kind of document, of which an account has one that is called the same."""
COUNTED = ("users", "devices", "webhooks")
"""The kinds of which an account may have so many; the limits are called like them."""
UNLIMITED = -1


class Limits(Endpoint):
    """The one document of limits that each account has, also before anybody has stored it."""

    name = "limits"
    admin_only = ("writes",)

    def kinds(self) -> tuple[Kind, ...]:
        """The limits of accounts."""
        return (Kind(LIMITS),)

    async def authorize(self, ctx: Context) -> None:
        """An account cannot raise its own limits; the master account has nobody above it."""
        caller = ctx.caller()
        if ctx.tenant is None:
            raise Forbidden("limits belong to an account: begin the path with an account")
        if ctx.verb != "GET" and ctx.method != "OPTIONS" and caller.account_id == ctx.tenant and not caller.master:
            raise Forbidden("the limits of an account are set by an account above it")
        # NOTE: the path names the document without its id; from here on `If-Match` is held against it.
        ctx.found = await self._present(ctx)

    async def validate(self, ctx: Context) -> None:
        """Merge a patch into what there is, and check the schema, which fills in what is missing."""
        body = {key: value for key, value in ctx.body.items() if key != "id"}
        if ctx.bound is not None and ctx.bound.route.operation == "patch":
            body = {key: value for key, value in (ctx.document().data() | body).items() if value is not None}
            body.pop("id", None)
        violations = ctx.app.schemas.compiled(LIMITS).check(body)
        if violations:
            raise InvalidData(violations)
        ctx.body = body

    async def find(self, ctx: Context) -> Document:
        """The limits of the account, the defaults where nothing was said."""
        return ctx.document()

    async def replace(self, ctx: Context) -> Document | None:
        """Put other limits in the place of those that there are; what is not named gets its default."""
        limits = ctx.document().with_data(ctx.body)
        if limits.revision:
            return (await write(ctx, Replace(limits)))[0]
        made = Document.of(limits.tenant, LIMITS, LIMITS, ctx.body, ctx.now)
        try:
            return (await write(ctx, Insert(made)))[0]
        except InvalidData:
            raise Conflict("somebody else has stored limits meanwhile: read them first") from None

    async def patch(self, ctx: Context) -> Document | None:
        """Change some of the limits; null brings a default back."""
        return await self.replace(ctx)

    @within("*")
    async def not_too_many(self, ctx: Context, changes: Sequence[Change]) -> list[Guard]:
        """Let an account have no more of anything than it may; what it has already, it keeps."""
        new = Counter(
            (change.document.tenant, change.document.kind)
            for change in changes
            if isinstance(change, Insert) and change.document.kind in COUNTED
        )
        guards = []
        for tenant, kind in new:
            limits = await ctx.app.store.get(tenant, LIMITS, LIMITS)
            most = limits.data().get(kind, UNLIMITED) if limits is not None else UNLIMITED
            if most != UNLIMITED:
                # NOTE: it is asked behind the change, in the same write, so that not even two at once exceed it.
                told = f"the account may have {most} {kind}, and has them: delete one, or ask for more"
                guards.append(Guard(Query(tenant, kind, skip=most), finds=False, told=told))
        return guards

    async def _present(self, ctx: Context) -> Document:
        """The limits of the account with all defaults; at revision 0 if none are stored."""
        tenant = ctx.home()
        limits = await ctx.app.store.get(tenant, LIMITS, LIMITS)
        if limits is None:
            limits = Document(tenant, LIMITS, LIMITS, b"{}", ctx.now, ctx.now, revision=0)
        body: Body = limits.data()
        ctx.app.schemas.compiled(LIMITS).check(body)
        return limits.with_data(body)
