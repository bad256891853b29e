"""The message store: one kind of document for voicemail, texts, faxes and pager messages, and what they share."""

from collections.abc import Mapping

from crossbar import Attachment, Body, Context, Document, InvalidData, Resource, files_of

VOICEMAIL, SMS, FAX, PAGER = "voicemail", "sms", "fax", "pager"
INBOUND, OUTBOUND = "inbound", "outbound"
PEOPLE = {"users": "owner_id", "extensions": "owner_id"}
"""The nouns under which a message is found by its owner."""

RAW = Attachment("raw", types=("audio/*",), inline=True)
DOCUMENTS = Attachment("attachments", types=("application/pdf", "image/tiff"), many=True, inline=True)
CONTENT = Attachment("content", types=(*Attachment("").types, "text/plain"), many=True, inline=True)
SLOTS: Mapping[str, Attachment] = {VOICEMAIL: RAW, SMS: CONTENT, FAX: DOCUMENTS}
"""Where the files of a message are, by its type; a pager message has none."""

# What says where a message of another type is: a text that had it would turn up in somebody's voicemail box.
_OF_VOICEMAIL = ("source_id", "media_id", "content_type", "content_length")


class Stored(Resource):
    """What the nouns of the message store have in common; the store wants one summary and one set of indexes."""

    kind = "messages"
    summary = (
        *("type", "direction", "read_status", "folder", "status", "from", "to", "text", "timestamp", "owner_id"),
        *("media_id", "caller_id_number", "caller_id_name", "call_id", "length", "source_id"),
        *("from_number", "to_number", "pages", "attachments"),
    )
    indexes = ("type", "folder", "source_id", "owner_id")
    owner = "owner_id"
    files_in = "attachments"


def type_of(message: Document) -> str:
    """The type of a message; what says nothing is voicemail."""
    return str(message.data().get("type", VOICEMAIL))


def file_in(message: Document, file: str) -> Attachment | None:
    """The slot in which a message has a file of this name, None if it has none."""
    slot = SLOTS.get(type_of(message))
    return slot if slot is not None and file in files_of(message, slot) else None


def without_box(body: Body) -> Body:
    """The body without the fields that are for voicemail alone."""
    return {key: value for key, value in body.items() if key not in _OF_VOICEMAIL}


def is_user(ctx: Context) -> bool:
    """Whether the caller may do no more than users may."""
    return ctx.caller().role != "admin"


def required(field: str, told: str) -> InvalidData:
    """The refusal of a body that lacks a field."""
    return InvalidData(field, "required", f"Field is required but missing: {told}")
