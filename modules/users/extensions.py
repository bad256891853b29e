"""The noun `extensions`: the users, seen as what is dialed."""

from collections.abc import Sequence

from crossbar import Change, Context, Guard, within

from .membership import memberless
from .people import Users


class Extensions(Users):
    """Extensions of an account. Each is the document of a user, under the user's id; deleting it deletes the user.

    One who has no number yet is there too: who is logged in has an extension, whatever rings it.
    """

    name = "extensions"
    kind = "users"
    parents = {"groups": "extension_group_id"}

    @within("groups.delete")
    async def left_empty(self, ctx: Context, changes: Sequence[Change]) -> list[Guard]:
        """Keep a group that has members; 409 if it is to be deleted."""
        return [memberless(ctx.document())]
