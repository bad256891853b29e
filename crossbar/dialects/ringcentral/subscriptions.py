"""What a subscription is about: its event filter, which is the name of an event or the path of what changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from ...errors import InvalidData
from ...target import Noun

if TYPE_CHECKING:
    from ...context import Context

Shape = dict[str, Any]
Nouns = Callable[[str], tuple[Noun, ...]]

FILTERS = "eventFilters"
OBJECT = "object"
_WEBHOOK, _TRANSPORT = "WebHook", "deliveryMode.transportType"
_OWN = "~"
_ACCOUNTS, _MESSAGES, _INSTANT = "accounts", "messages", "instant"
_PEOPLE = {"extensions": ((), (_OWN,)), "users": ((),)}
"""Nouns of people, and what may stand behind them: a webhook is the account's, and hears of all of them."""
_TYPES: Mapping[str, str] = {"SMS": "sms", "Fax": "faxes", "VoiceMail": "voicemails"}
_TYPE_WORDS = ("type", "messageType")
_NOTHING = "nothing that this path names changes"
_SHOWN = 32
"""The characters of a word that an error repeats."""
_WHOLE = frozenset({"voicemails"})
"""Nouns that go by their own names though they show the documents of another one."""


def filters_of(webhook: Shape) -> Any:
    """The event filters of a webhook: those that a client made it with, as long as it is still about documents."""
    hook = webhook.get("hook")
    return webhook.get(FILTERS, [hook]) if hook == OBJECT else [hook]


def shown(body: Shape) -> Shape:
    """A webhook as the subscription that it is."""
    body[FILTERS] = filters_of(body)
    delivery = body.setdefault("deliveryMode", {})
    if isinstance(delivery, dict):
        delivery.setdefault("transportType", _WEBHOOK)
    return body


def taken(ctx: Context, body: Shape, nouns: Nouns) -> Shape:
    """The body of a subscription with its event as fields of ours; `nouns` are those that a path spells."""
    delivery = body.get("deliveryMode")
    if isinstance(delivery, dict) and delivery.pop("transportType", _WEBHOOK) != _WEBHOOK:
        raise InvalidData(_TRANSPORT, "enum", f"events are delivered by {_WEBHOOK} alone", target=[_WEBHOOK])
    if FILTERS not in body or (ctx.found is not None and body[FILTERS] == filters_of(ctx.found.data())):
        body.pop(FILTERS, None)
        return body
    told = body[FILTERS]
    if not isinstance(told, list) or len(told) != 1 or not isinstance(told[0], str):
        raise InvalidData(FILTERS, "invalid", "name one event in an array; each event is a subscription of its own")
    if not told[0].startswith("/"):
        return {**{key: body[key] for key in body if key != FILTERS}, "hook": told[0]}
    about = _about(ctx, told[0], nouns)
    custom = body.get("customData") if isinstance(body.get("customData"), dict) else {}
    return {**body, "hook": OBJECT, "customData": {**(custom or {}), "type": about}}


def _about(ctx: Context, filter: str, nouns: Nouns) -> str:
    """The type of the events that a path means; InvalidData if there are none, or if it says more than is heeded."""
    path, _, query = filter.partition("?")
    named = nouns(path)
    known = ctx.registry.names.get(named[-1].name) if named else None
    kind = getattr(known, "kind", "")
    if known is None or not kind or kind == "webhooks":
        raise _wrong(_NOTHING, filter)
    for at, (name, args) in enumerate(named):
        _check(ctx, filter, name, args, last=at == len(named) - 1)
    words = parse_qsl(query, keep_blank_values=True)
    if known.name != _MESSAGES:
        if words:
            raise _wrong(f"{words[0][0][:_SHOWN]} says nothing here: leave the query out", filter)
        return known.name if getattr(known, "only", None) or known.name in _WHOLE else str(kind)
    other = next((name for name, _ in words if name not in _TYPE_WORDS), None)
    if other is not None:
        raise _wrong(f"{other[:_SHOWN]} says nothing here: there is {' and '.join(_TYPE_WORDS)}", filter)
    types = {value for _, value in words}
    if not types:
        return _MESSAGES
    if len(types) > 1 or not types <= _TYPES.keys():
        raise _wrong(f"name one type of {', '.join(_TYPES)}, or none for all messages", filter)
    return _TYPES[types.pop()]


def _check(ctx: Context, filter: str, name: str, args: tuple[str, ...], *, last: bool) -> None:
    """Refuse a part of a path that a webhook cannot keep to, instead of sending more than was asked for."""
    if name == _ACCOUNTS:
        own = ctx.principal.account_id if ctx.principal is not None else ""
        if len(args) > 1:
            raise _wrong(_NOTHING, filter)
        if args and (own if args[0] == _OWN else args[0]) != ctx.tenant:
            told = "the account is another one than the subscription's: subscribe in that account"
            raise _wrong(told, filter, "not_found")
    elif name in _PEOPLE:
        if args not in _PEOPLE[name]:
            told = "there are no events of one extension alone: write extension/~, which means all of the account"
            raise _wrong(told, filter)
    elif not last or (args and (name, *args) != (_MESSAGES, _INSTANT)):
        raise _wrong("there are no events of one thing alone: name only what sort of thing it is", filter)


def _wrong(told: str, filter: str, code: str = "enum") -> InvalidData:
    return InvalidData(FILTERS, code, told, value=filter)
