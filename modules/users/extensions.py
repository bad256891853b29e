"""The noun `extensions`: the users who have a number, seen as what is dialed."""

from collections.abc import Sequence

from crossbar import Answer, BadIdentifier, Change, Context, Filter, Guard, listing, within

from .membership import memberless
from .people import Users

NUMBERED = Filter("has_key", ("number",))


class Extensions(Users):
    """Extensions of an account. Each is the document of a user, under the user's id; deleting it deletes the user."""

    name = "extensions"
    kind = "users"
    schema = "extensions"
    parents = {"groups": "extension_group_id"}

    async def resolve(self, ctx: Context, id: str) -> None:
        """Load the user into `ctx.found`, if they have a number."""
        await super().resolve(ctx, id)
        if ctx.document().data().get("number") is None:
            raise BadIdentifier(cause=id)

    async def find(self, ctx: Context) -> Answer:
        """The users of the account, or of the group, who have a number."""
        return await listing(ctx, self.tenant(ctx), self.kind, NUMBERED, *self.of_parent(ctx))

    @within("groups.delete")
    async def left_empty(self, ctx: Context, changes: Sequence[Change]) -> list[Guard]:
        """Keep a group that has members; 409 if it is to be deleted."""
        return [memberless(ctx.document())]
