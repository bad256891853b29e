"""What a request wants to become of messages: other folders, another read state, another box, copies."""

from typing import Any, NamedTuple

from crossbar import Context, Document, InvalidData, Violation

from .boxes import box_called, in_box
from .places import FOLDERS, placed
from .stored import FAX, required, type_of

STATE = "read_status"
# What a request about many messages may say.
_BULK = frozenset({"messages", "folder", STATE, "source_id", "ui_metadata"})


class Wish(NamedTuple):
    """A folder, a read state and a box to move to, each None for none; and the ids of boxes that get copies."""

    folder: str | None
    state: str | None
    box: Document | None
    copies: list[str]

    def come_true(self, message: Document) -> Document:
        """The message as it is to be; InvalidData if one of its type cannot be so."""
        data = message.data()
        if type_of(message) == FAX:
            if self.folder not in (None, data.get("folder")):
                told = "a fax is moved from folder to folder where it is one, at faxes: read_status is for all messages"
                raise InvalidData("folder", "forbidden", told, value=self.folder)
            changed = message.with_data({**data, **({STATE: self.state} if self.state else {})})
        else:
            changed = message.with_data({**data, **placed(data, self.folder, self.state)})
        return changed if self.box is None else in_box(changed, self.box)


async def wish_of(ctx: Context) -> Wish:
    """What body and query want; InvalidData if that is nothing, or not there to be had."""
    folder, state, to = folder_of(ctx), ctx.body.get(STATE), ctx.body.get("source_id")
    if folder is None and state is None and to is None:
        raise required("folder", "name a folder, a read_status, a box to move to, or a list of boxes to copy to")
    if ctx.found is None:
        placed({}, folder, state)  # what contradicts itself does so for every message
    if isinstance(to, list):
        return Wish(folder, state, None, to)
    return Wish(folder, state, await box_called(ctx, to) if to is not None else None, [])


def folder_of(ctx: Context) -> str | None:
    """The folder that body or query names; InvalidData if there is none of that name."""
    folder: Any = ctx.body.get("folder") or ctx.word("folder")
    if folder is None:
        return None
    if folder not in FOLDERS:
        told = "Value not found in enumerated list of values"
        raise InvalidData("folder", "enum", told, target=list(FOLDERS), value=folder)
    return str(folder)


def ids_of(ctx: Context) -> list[str]:
    """The ids that the body lists; InvalidData without any."""
    ids: list[str] = ctx.body.get("messages") or []
    if not ids:
        raise required("messages", "list the ids of messages")
    return ids


def refuse_malformed(ctx: Context) -> None:
    """Raise InvalidData if the body does not keep to the schema of changes, or says more than is understood."""
    if ctx.found is not None and ctx.body.get("folder") == ctx.found.data().get("folder") and type_of(ctx.found) == FAX:
        del ctx.body["folder"]  # a whole fax, sent back
    _check(ctx)
    # NOTE: clients send a whole message back to change its folder; in a list of messages a slip would be grave.
    for key in () if ctx.args else ctx.body.keys() - _BULK:
        told = f"there are {', '.join(sorted(_BULK))} here"
        raise InvalidData(key, "additionalProperties", told, value=ctx.body[key])


def refuse_other_changes(ctx: Context) -> None:
    """Leave of a patch what changes something; InvalidData if that is more than folder and read state."""
    before = ctx.document().data()
    ctx.body = {key: value for key, value in ctx.body.items() if value != before.get(key)}
    others = ctx.body.keys() - {"folder", STATE, "id"}
    if others:
        told = f"of a message that is there, only folder and {STATE} change"
        raise InvalidData([Violation((key,), "forbidden", told, value=ctx.body[key]) for key in sorted(others)])
    _check(ctx)


def _check(ctx: Context) -> None:
    violations = ctx.app.schemas.compiled("messages.change").check(ctx.body)
    if violations:
        raise InvalidData(violations)
