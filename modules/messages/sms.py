"""Texts of an account: those to send, those sent and those received, each with its files at `{id}/content`.

What is created is to be sent; a switch sends it, says with PATCH how far it has come, and puts down what comes in.
"""

from crossbar import Body, Context, InvalidData, Violation

from .stored import CONTENT, INBOUND, PEOPLE, SMS, Stored, is_user, required, without_box
from .texts import fitting, numbers_of, plain, sender_of, written

_BY_THE_SWITCH = ("status", "error")


async def to_be_sent(ctx: Context, body: Body) -> Body:
    """A text has words or files, goes out from a number of its sender, and belongs to them."""
    if ctx.found is not None:
        return _further(ctx.found.data(), body)
    if is_user(ctx) and body["direction"] == INBOUND:
        told = "only administrators of the account may put down what was received"
        raise InvalidData("direction", "forbidden", told, value=INBOUND)
    if not body.get("text") and not ctx.files:
        raise required("text", "write something, or send a file along")
    sender = await sender_of(ctx, body)
    numbers = list(numbers_of(sender))
    if sender is not None:
        body["owner_id"] = sender.id
    if body.get("from") is None:
        if not numbers or body["direction"] == INBOUND:
            raise required("from", "name the number that it comes from")
        body["from"] = numbers[0]
    elif is_user(ctx) and plain(body["from"]) not in map(plain, numbers):
        told = f"this is not a number of yours: {', '.join(numbers) or 'you have none'}"
        raise InvalidData("from", "forbidden", told, target=numbers, value=body["from"])
    return written(ctx, without_box(body))


def _further(before: Body, body: Body) -> Body:
    """A text that has come further; nothing else of it changes any more."""
    free = {"id", *_BY_THE_SWITCH}
    changed = [key for key in {**before, **body} if key not in free and before.get(key) != body.get(key)]
    told = f"of a text that is there, only {' and '.join(_BY_THE_SWITCH)} change"
    if changed:
        raise InvalidData([Violation((key,), "forbidden", told, value=body.get(key)) for key in changed])
    fitting(body["direction"], body["status"])
    return body


class Sms(Stored):
    """Texts (SMS), and those with files (MMS)."""

    name = "sms"
    kind = "messages"
    only = {"type": SMS}
    schema = "sms"
    parents = PEOPLE
    operations = ("find", "create", "read", "patch", "delete")
    checks = (to_be_sent,)
    attachments = (CONTENT,)
    admin_only = (
        *("patch", "put_content", "post_content"),
        *("put_one_content", "post_one_content", "delete_one_content"),
    )
    admin_fields = _BY_THE_SWITCH

    async def validate(self, ctx: Context) -> None:
        """Check a text; Kazoo calls its words `body`."""
        if "body" in ctx.body:
            words = ctx.body.pop("body")
            if ctx.body.setdefault("text", words) != words:
                raise InvalidData("body", "invalid", "body and text are two names for the same: send one", value=words)
        await super().validate(ctx)
