"""What documents have beside their fields in RingCentral's conventions, and what clients may say of them instead.

Words can rename a field and exchange its values; what follows from several fields, or is no field at all, is here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...errors import BadRequest, InvalidData
from ...filters import Filter, where
from ..fields import Fields
from . import subscriptions
from .subscriptions import Nouns, Shape

if TYPE_CHECKING:
    from ...context import Context

ALIVE, DELETED, PURGED = "Alive", "Deleted", "Purged"
AVAILABILITY = "availability"
MESSAGES, SMS, FAXES, SUBSCRIPTIONS = "messages", "sms", "faxes", "webhooks"
NOTHING = where("id", "")
"""The filter that no document passes."""
_FOLDER = ("folder",)
_BIN = "deleted"
_FILES = {"SMS": "MmsAttachment", "Fax": "RenderedDocument", "VoiceMail": "AudioRecording"}
_VOICEMAIL, _FAX = "VoiceMail", "Fax"
_NUMBER = "phoneNumber"


def shown(noun: str, body: Shape) -> Shape:
    """A document, which is used up, with what follows from its fields."""
    if noun in (MESSAGES, SMS, FAXES):
        body.setdefault(AVAILABILITY, _availability(body))
        body.setdefault("priority", "Normal")
        if noun != MESSAGES and isinstance(body.get("text"), str):
            body.setdefault("subject", body["text"])
        kind = _FILES.get(body.get("type", ""))
        for file in body.get("attachments") or ():
            if kind and isinstance(file, dict):
                file.setdefault("type", kind)
        if body.get("type") == _VOICEMAIL:
            _show_numbers(body)
        elif noun == MESSAGES and body.get("type") == _FAX:
            _show_ends(body)
    elif noun == SUBSCRIPTIONS:
        subscriptions.shown(body)
    return body


def _availability(message: Shape) -> str:
    return DELETED if message.get("folder") == _BIN else ALIVE


def _show_numbers(voicemail: Shape) -> None:
    """Let a voicemail be from and to numbers: its own addresses are those of SIP."""
    sender, called = voicemail.get("from"), voicemail.get("to")
    number = voicemail.get("callerIdNumber")
    if number:
        sender = voicemail["from"] = sender if isinstance(sender, dict) else {}
        sender[_NUMBER] = number
    elif isinstance(sender, dict) and _NUMBER in sender:
        sender[_NUMBER] = _user_of(sender[_NUMBER])
    for each in called if isinstance(called, list) else ():
        if isinstance(each, dict) and _NUMBER in each:
            each[_NUMBER] = _user_of(each[_NUMBER])


def _show_ends(fax: Shape) -> None:
    """Let a fax among other messages be from and to somebody as these are: it has fields of its own for that."""
    sender = fax.get("from")
    receivers = fax.get("to")
    sender = sender if isinstance(sender, dict) else {}
    receiver = receivers[0] if isinstance(receivers, list) and receivers and isinstance(receivers[0], dict) else {}
    for end, number, name in ((sender, "from_number", "from_name"), (receiver, "to_number", "to_name")):
        for field, key in ((number, _NUMBER), (name, "name")):
            value = fax.pop(field, None)
            if value is not None:
                end.setdefault(key, value)
    fax |= {key: value for key, value in (("from", sender), ("to", [receiver])) if any(value)}


def _user_of(address: Any) -> Any:
    """The number in a SIP address, or what else it names somebody by; anything else as it is."""
    if not isinstance(address, str):
        return address
    return address.removeprefix("sips:").removeprefix("sip:").partition("@")[0] or address


def dropped(noun: str) -> tuple[str, ...]:
    """The names of what documents have beside their fields, which clients send back."""
    if noun == MESSAGES:
        return (AVAILABILITY, "priority")
    return (AVAILABILITY, "priority", "subject") if noun in ("sms", "faxes") else ()


def taken(ctx: Context, noun: str, body: Shape, nouns: Nouns) -> Shape:
    """A body as a client sent it, which is used up, with what it says in RingCentral's way as fields of ours.

    `nouns` are those that the path of an event filter spells.
    """
    if noun == SUBSCRIPTIONS:
        return subscriptions.taken(ctx, body, nouns)
    if noun == FAXES and isinstance(body.get("to"), list) and len(body["to"]) > 1:
        raise InvalidData("to", "maxItems", "a fax goes to one recipient: send one to each of them", target=1)
    if noun in (MESSAGES, SMS, FAXES) and body.get(AVAILABILITY) is not None:
        _move(ctx, noun, body)
    return body


def _move(ctx: Context, noun: str, body: Shape) -> None:
    """Have a message that is there moved to where its availability says; InvalidData if it cannot be there."""
    if ctx.found is None or ctx.verb not in ("PUT", "PATCH"):
        return
    before, asked = ctx.found.data(), body.pop(AVAILABILITY)
    if asked == _availability(before):
        return
    if asked not in (ALIVE, DELETED):
        told = f"can be {ALIVE} or {DELETED}; DELETE takes a message away"
        raise InvalidData(AVAILABILITY, "enum", told, target=[ALIVE, DELETED], value=asked)
    if before.get("type") == "fax":
        raise InvalidData(AVAILABILITY, "forbidden", "a fax goes into no bin: DELETE takes it away", value=asked)
    if noun != MESSAGES:
        raise InvalidData(AVAILABILITY, "forbidden", "a message is moved at message-store", value=asked)
    if body.get("folder", before.get("folder")) != before.get("folder"):
        raise InvalidData(AVAILABILITY, "invalid", "folder says something else: send one of the two", value=asked)
    state = body.get("readStatus")
    unread = state == "Unread" if state is not None else before.get("read_status") == "unread"
    body["folder"] = _BIN if asked == DELETED else "new" if unread else "saved"


def merged(ctx: Context, noun: str, fields: Fields, sent: Shape, take: Callable[[Context, Shape], Shape]) -> Shape:
    """A body, which `take` puts into our names; what came back as it was shown is as it was, whatever that is.

    Several values of ours may be one there, a list of one is shown as any other, and there are numbers that no date
    can say.
    """
    assert ctx.found is not None
    before, body = ctx.found.data(), shown(noun, fields.out(ctx.found.data()))
    kept = {}
    for ours, old in before.items():
        name = fields.name_of((ours,))
        if type(old) in (int, float) and type(sent.get(name)) is type(old) and sent[name] == old:
            kept[ours] = sent.pop(name)
            body.pop(name, None)
    try:
        back = fields.into(body)
    except InvalidData:
        back = {}  # it was stored before there was such a rule
    found = take(ctx, sent)
    same = {key for key in found.keys() & back.keys() if found[key] == back[key]}
    changed = {key: value for key, value in found.items() if key not in same}
    return {**changed, **{key: before[key] for key in same & before.keys()}, **kept}


def available(ctx: Context) -> tuple[tuple[str, str], tuple[Filter, ...]] | None:
    """Which messages a list shows, those that are not in the bin unless the client says otherwise, as a filter.

    With it, the word of the query that took effect. None for a list of something else.
    """
    bound = ctx.bound
    if bound is None or bound.endpoint.name != MESSAGES or bound.route.operation != "find" or ctx.verb != "GET":
        return None
    asked = {value for name, value in ctx.words if name == AVAILABILITY} or {ALIVE}
    if not asked <= {ALIVE, DELETED, PURGED}:
        told = f"{AVAILABILITY} can be {ALIVE}, {DELETED} or {PURGED}"
        raise BadRequest(told, word="bad_parameter", cause=AVAILABILITY)
    if asked >= {ALIVE, DELETED}:
        return (AVAILABILITY, ALIVE), ()
    if ALIVE in asked:
        return (AVAILABILITY, ALIVE), (Filter("differs", _FOLDER, _BIN),)
    # NOTE: of what was purged nothing is left to be listed.
    return (AVAILABILITY, DELETED), (Filter("equals", _FOLDER, _BIN),) if DELETED in asked else (NOTHING,)
