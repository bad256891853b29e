"""The boxes that voicemail is in: finding one, and what a message takes over from it."""

from typing import Any

from crossbar import Body, Context, Document, Guard, InvalidData, Query, Resource, gregorian, where

from .places import placed
from .stored import INBOUND, PEOPLE, VOICEMAIL, required, type_of

BOXES = "vmboxes"
_SENT_BY_US = ("media_id", "content_type", "content_length")


async def in_its_box(ctx: Context, body: Body) -> Body:
    """Voicemail is in a box of the account, belongs to whom the box belongs, and says when it was left."""
    box = ctx.parents.get(BOXES)
    if box is None:
        box = await box_called(ctx, body.get("source_id"))
        person = next((ctx.parents[noun].id for noun in PEOPLE if noun in ctx.parents), None)
        if person is not None and box.data().get("owner_id") != person:
            told = "this voicemail box is somebody else's than the path says"
            raise InvalidData("source_id", "not_found", told, cause=box.id, value=box.id)
    for field in _SENT_BY_US:
        body.pop(field, None)
    body.setdefault("timestamp", gregorian(ctx.now))
    body["direction"] = INBOUND
    return {**body, **placed({}, body.get("folder"), body.get("read_status")), **place(box)}


async def box_called(ctx: Context, id: Any) -> Document:
    """The box with this id, which the caller may see; InvalidData if there is none."""
    if id is None:
        raise required("source_id", "name the box, or go through it")
    boxes = ctx.registry.names.get(BOXES)
    box = await ctx.app.store.get(ctx.home(), BOXES, id) if isinstance(boxes, Resource) else None
    if box is None or not (isinstance(boxes, Resource) and boxes.owned(ctx, box)):
        raise InvalidData("source_id", "not_found", "there is no voicemail box with this id", cause=id, value=id)
    return box


def place(box: Document) -> Body:
    """What a message takes over from the box that it is in."""
    return {"source_id": box.id, "owner_id": box.data().get("owner_id")}


def refuse_others(message: Document) -> None:
    """Raise InvalidData for a message that cannot be in a box."""
    if type_of(message) != VOICEMAIL:
        raise InvalidData("source_id", "forbidden", "only voicemail is in a box", value=type_of(message))


def in_box(message: Document, box: Document) -> Document:
    """The message in another box; InvalidData if it is no voicemail."""
    refuse_others(message)
    data = {**message.data(), **place(box)}
    return message.with_data({key: value for key, value in data.items() if value is not None})


def still_there(box: Document) -> Guard:
    """That a box is there when a message is put into it, and is still the same person's."""
    owner = box.data().get("owner_id")
    filters = (where("id", box.id), *((where("owner_id", owner),) if owner else ()))
    return Guard(Query(box.tenant, BOXES, filters), told="the box has just been changed or deleted: try again")
