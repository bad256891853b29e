"""Which group an extension is a member of: that the group is there, and stays there while it has members."""

from typing import Any

from crossbar import Body, Context, Document, Guard, InvalidData, Query, Resource, where

GROUPS = "groups"
_GROUP = "extension_group_id"


async def in_a_group(ctx: Context, body: Body) -> Body:
    """The group that a user comes into must be one of the account."""
    group = body.get(_GROUP)
    if group is None or group == _present(ctx):
        return body
    known = isinstance(ctx.registry.names.get(GROUPS), Resource)
    if not known or await ctx.app.store.get(ctx.home(), GROUPS, group) is None:
        raise InvalidData(_GROUP, "not_found", "there is no group with this id", cause=group, value=group)
    return body


def still_there(ctx: Context) -> tuple[Guard, ...]:
    """What makes sure that the group is there when its new member is written."""
    group = ctx.body.get(_GROUP)
    if group is None or group == _present(ctx):
        return ()
    told = "the group has just been deleted: choose another one"
    return (Guard(Query(ctx.home(), GROUPS, (where("id", group),)), told=told),)


def memberless(group: Document) -> Guard:
    """What makes sure that nobody is in a group when it goes."""
    told = "extensions are in this group: move them to another one, or out of it, first"
    return Guard(Query(group.tenant, "users", (where(_GROUP, group.id),)), finds=False, told=told)


def _present(ctx: Context) -> Any:
    """The group that the user is in already."""
    return ctx.found.data().get(_GROUP) if ctx.found is not None else None
