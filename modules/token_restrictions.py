"""Token restrictions: what the tokens of an account are good for, frozen into each of them at login."""

from crossbar import (
    Body,
    Conflict,
    Context,
    Delete,
    Document,
    Endpoint,
    Forbidden,
    Insert,
    InvalidData,
    NotFound,
    Replace,
    Reply,
    Restrictions,
    write,
)


class TokenRestrictions(Endpoint):
    """The one template of an account; outside of accounts, the one for accounts that have none."""

    name = "token_restrictions"
    anywhere = True
    admin_only = ("*",)

    async def authorize(self, ctx: Context) -> None:
        """What holds for everybody belongs to the administrators of the master account."""
        if ctx.tenant is None and not ctx.caller().master:
            raise Forbidden("token restrictions belong to an account: begin the path with an account")
        # NOTE: the path names the document without its id; from here on `If-Match` is held against it.
        ctx.found = await ctx.app.store.get(ctx.tenant or "", self.name, self.name)

    async def validate(self, ctx: Context) -> None:
        """Check the schema, and what it cannot say: how large the restrictions of one token may be."""
        body: Body = {key: value for key, value in ctx.body.items() if key != "id"}
        violations = ctx.app.schemas.compiled(self.name).check(body)
        if violations:
            raise InvalidData(violations)
        try:
            Restrictions.check(body["restrictions"])
        except ValueError as error:
            raise InvalidData("restrictions", "invalid", str(error)) from None
        ctx.body = body

    async def find(self, ctx: Context) -> Document:
        """The template."""
        return self._there(ctx)

    async def replace(self, ctx: Context) -> Document | None:
        """Put a template in the place of the one that there is, if there is one; it holds from the next login on."""
        if ctx.found is not None:
            return (await write(ctx, Replace(ctx.found.with_data(ctx.body))))[0]
        made = Document.of(ctx.tenant or "", self.name, self.name, ctx.body, ctx.now)
        try:
            return (await write(ctx, Insert(made)))[0]
        except InvalidData:
            raise Conflict("somebody else has stored token restrictions meanwhile: read them first") from None

    async def delete(self, ctx: Context) -> Reply:
        """Take the template away; tokens that it is frozen into stay as they are."""
        found = self._there(ctx)
        await write(ctx, Delete(found.tenant, self.name, self.name, found.revision, purge=True))
        return Reply(found, deleted=True)

    def _there(self, ctx: Context) -> Document:
        if ctx.found is None:
            raise NotFound("there are no token restrictions yet: POST some")
        return ctx.found
