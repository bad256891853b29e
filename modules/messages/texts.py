"""What texts and pager messages have in common: who writes to whom, how far it has come, and when."""

from collections.abc import Iterator
from typing import Any

from crossbar import Body, Context, Document, InvalidData, gregorian

from .places import READ, SAVED, placed
from .stored import INBOUND, OUTBOUND, PEOPLE

QUEUED, RECEIVED = "queued", "received"
STATUSES = {OUTBOUND: (QUEUED, "sent", "delivered", "failed"), INBOUND: (RECEIVED,)}
"""How far a message of each direction may have come, at first the first one."""


def written(ctx: Context, body: Body) -> Body:
    """A new message with what follows from its direction: its status and its place; and its time if none is given."""
    direction = body["direction"]
    body["status"] = fitting(direction, body.get("status") or STATUSES[direction][0])
    body |= {"folder": SAVED, "read_status": READ} if direction == OUTBOUND else _received(body)
    body.setdefault("timestamp", gregorian(ctx.now))
    return body


def fitting(direction: str, status: str) -> str:
    """The status, if a message of this direction can have it; InvalidData if not."""
    if status not in STATUSES[direction]:
        told = f"the status of what is {direction} is one of {', '.join(STATUSES[direction])}"
        raise InvalidData("status", "enum", told, target=list(STATUSES[direction]), value=status)
    return status


async def sender_of(ctx: Context, body: Body) -> Document | None:
    """The user in whose name a message goes out, None if it is the account's; InvalidData for one who is not there.

    That is the owner that the path or the body names, else who asks, if they are of this account.
    """
    named = next((ctx.parents[noun] for noun in PEOPLE if noun in ctx.parents), None)
    if named is not None:
        return named
    caller, id = ctx.caller(), body.get("owner_id")
    own = caller.user_id if caller.account_id == ctx.home() else None
    if id is None and (own is None or body["direction"] == INBOUND):
        return None
    user = await ctx.app.store.get(ctx.home(), "users", id or own or "")
    if user is None and id is not None:
        raise InvalidData("owner_id", "not_found", "there is no user with this id", cause=id, value=id)
    return user


def numbers_of(user: Document | None) -> Iterator[str]:
    """The numbers that a user goes by, the one for calls to the outside first."""
    about = user.data() if user is not None else {}
    for path in (("caller_id", "external", "number"), ("caller_id", "internal", "number"), ("number",)):
        number: Any = about
        for key in path:
            number = number.get(key) if isinstance(number, dict) else None
        if number:
            yield str(number)


def plain(number: str) -> str:
    """A number by its digits, so that it is the same one however it is written."""
    return "".join(digit for digit in number if digit in "0123456789*#") or number


def _received(body: Body) -> Body:
    """Where a message is that came in."""
    return placed({}, body.get("folder"), body.get("read_status"))
