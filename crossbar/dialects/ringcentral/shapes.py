"""What documents have beside their fields in RingCentral's conventions, and what clients may say of them instead.

Words can rename a field and exchange its values; what follows from several fields, or is no field at all, is here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...errors import BadRequest, InvalidData
from ...filters import Filter
from ...target import Noun

if TYPE_CHECKING:
    from ...context import Context

Shape = dict[str, Any]

ALIVE, DELETED, PURGED = "Alive", "Deleted", "Purged"
AVAILABILITY = "availability"
MESSAGES, SUBSCRIPTIONS = "messages", "webhooks"
_MESSAGES = frozenset({MESSAGES, "sms", "faxes", "vmboxes"})
_FOLDER = ("folder",)
_BIN = "deleted"
_FILES = {"SMS": "MmsAttachment", "Fax": "RenderedDocument", "VoiceMail": "AudioRecording"}
_FILTERS = "eventFilters"
_OBJECT, _WEBHOOK = "object", "WebHook"


def shown(noun: str, body: Shape) -> Shape:
    """A document, which is used up, with what follows from its fields."""
    if noun in (MESSAGES, "sms", "faxes"):
        body.setdefault(AVAILABILITY, DELETED if body.get("folder") == _BIN else ALIVE)
        body.setdefault("priority", "Normal")
        if noun != MESSAGES and isinstance(body.get("text"), str):
            body.setdefault("subject", body["text"])
        kind = _FILES.get(body.get("type", ""))
        for file in body.get("attachments") or ():
            if kind and isinstance(file, dict):
                file.setdefault("type", kind)
    elif noun == SUBSCRIPTIONS:
        body[_FILTERS] = _filters_of(body)
        delivery = body.setdefault("deliveryMode", {})
        if isinstance(delivery, dict):
            delivery.setdefault("transportType", _WEBHOOK)
    return body


def _filters_of(webhook: Shape) -> Any:
    """The event filters of a webhook: those that a client made it with, as long as it is still about documents."""
    hook = webhook.get("hook")
    return webhook.get(_FILTERS, [hook]) if hook == _OBJECT else [hook]


def dropped(noun: str) -> tuple[str, ...]:
    """The names of what documents have beside their fields, which clients send back."""
    if noun == MESSAGES:
        return (AVAILABILITY, "priority")
    return (AVAILABILITY, "priority", "subject") if noun in ("sms", "faxes") else ()


def taken(ctx: Context, noun: str, body: Shape, nouns: Callable[[str], tuple[Noun, ...]]) -> Shape:
    """A body as a client sent it, which is used up, with what it says in RingCentral's way as fields of ours.

    `nouns` are those that the path of an event filter spells.
    """
    if noun != SUBSCRIPTIONS:
        return body
    delivery = body.get("deliveryMode")
    if isinstance(delivery, dict) and delivery.pop("transportType", _WEBHOOK) != _WEBHOOK:
        told = f"events are delivered by {_WEBHOOK} alone"
        raise InvalidData("deliveryMode.transportType", "enum", told, target=[_WEBHOOK])
    if _FILTERS not in body or (ctx.found is not None and body[_FILTERS] == _filters_of(ctx.found.data())):
        body.pop(_FILTERS, None)
        return body
    return _subscribed(ctx, body, nouns)


def _subscribed(ctx: Context, body: Shape, nouns: Callable[[str], tuple[Noun, ...]]) -> Shape:
    """The event of a webhook for an event filter: its own name, or a path, which means changes of what it names."""
    told = body[_FILTERS]
    if not isinstance(told, list) or len(told) != 1 or not isinstance(told[0], str):
        raise InvalidData(_FILTERS, "invalid", "name one event in an array; each event is a subscription of its own")
    if not told[0].startswith("/"):
        return {**{key: body[key] for key in body if key != _FILTERS}, "hook": told[0]}
    path = told[0].partition("?")[0]
    named = nouns(path)
    known = ctx.registry.names.get(named[-1].name) if named else None
    kind = getattr(known, "kind", "")
    if known is None or not kind or len(named[-1].args) > 1:
        raise InvalidData(_FILTERS, "enum", "nothing that this path names changes", value=told[0])
    about = known.name if getattr(known, "only", None) else kind
    custom = body.get("customData") if isinstance(body.get("customData"), dict) else {}
    return {**body, "hook": _OBJECT, "customData": {**(custom or {}), "type": about}}


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
    if ALIVE in asked:
        return (AVAILABILITY, ALIVE), () if len(asked) > 1 else (Filter("differs", _FOLDER, _BIN),)
    return (AVAILABILITY, DELETED), (Filter("equals", _FOLDER, _BIN),)
