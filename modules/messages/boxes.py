"""The boxes that messages are in: finding one, and what a message takes over from it."""

from typing import Any

from crossbar import Body, Context, Document, Guard, InvalidData, Query, Resource, gregorian, where

BOXES = "vmboxes"
_SENT_BY_US = ("media_id", "content_type", "content_length")


async def in_its_box(ctx: Context, body: Body) -> Body:
    """A message is in a box of the account, belongs to whom the box belongs, and says when it was left."""
    box = ctx.parents.get(BOXES)
    if box is None:
        box = await box_called(ctx, body.get("source_id"))
    for field in _SENT_BY_US:
        body.pop(field, None)
    body.setdefault("timestamp", gregorian(ctx.now))
    return {**body, **place(box)}


async def box_called(ctx: Context, id: Any) -> Document:
    """The box with this id, which the caller may see; InvalidData if there is none."""
    if id is None:
        raise InvalidData("source_id", "required", "Field is required but missing: name the box, or go through it")
    boxes = ctx.registry.names.get(BOXES)
    box = await ctx.app.store.get(ctx.home(), BOXES, id) if isinstance(boxes, Resource) else None
    if box is None or not (isinstance(boxes, Resource) and boxes.owned(ctx, box)):
        raise InvalidData("source_id", "not_found", "there is no voicemail box with this id", cause=id, value=id)
    return box


def place(box: Document) -> Body:
    """What a message takes over from the box that it is in."""
    return {"source_id": box.id, "owner_id": box.data().get("owner_id")}


def moved(message: Document, folder: str | None, box: Document | None) -> Document:
    """The message in another folder, in another box, or both."""
    data = {**message.data(), **({"folder": folder} if folder else {}), **(place(box) if box is not None else {})}
    return message.with_data({key: value for key, value in data.items() if value is not None})


def still_there(box: Document) -> Guard:
    """That a box is there when a message is put into it, and is still the same person's."""
    owner = box.data().get("owner_id")
    filters = (where("id", box.id), *((where("owner_id", owner),) if owner else ()))
    return Guard(Query(box.tenant, BOXES, filters), told="the box has just been changed or deleted: try again")
