"""What happens to documents, in the words of Kazoo's webhooks, and what of it a receiver is told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from crossbar import Body, Change, Delete, Document, Insert, Json, Registry, Replace, Resource, gregorian

OBJECT = "object"
"""The one hook whose events come from here: a document was created, edited or deleted."""
ALL = "all"
CREATED, EDITED, DELETED = "doc_created", "doc_edited", "doc_deleted"
ACTIONS = (CREATED, EDITED, DELETED)
LIMITS = ("type", "action")
"""The keys of `custom_data` that say which events are meant; they are not added to the event."""

_ACCOUNTS = "accounts"

# Our kinds by the names that Kazoo's webhooks have for them; a kind that is not here goes by its own name.
TYPES: Mapping[str, str] = {
    "accounts": "account",
    "callflows": "callflow",
    "cdrs": "cdr",
    "conferences": "conference",
    "devices": "device",
    "directories": "directory",
    "faxboxes": "faxbox",
    "faxes": "fax",
    "groups": "group",
    "lists": "list",
    "media": "media",
    "menus": "menu",
    "queues": "queue",
    "recordings": "call_recording",
    "temporal_rules": "temporal_rule",
    "users": "user",
    "vmboxes": "vmbox",
}
MESSAGES = "messages"
# The resource that shows voicemail alone, and Kazoo's word for it; its events go by the kind.
VOICEMAIL = ("voicemails", "mailbox_message")


class Event(NamedTuple):
    """One thing that happened to one document.

    `account_id` is the account that it belongs to, or that it is; `tree` are the accounts above where the document
    itself says so, None where they have to be looked up. `at` is the Unix second. `also` are further names by which
    webhooks may ask for it.
    """

    action: str
    kind: str
    id: str
    account_id: str
    tree: tuple[str, ...] | None
    at: int
    also: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """What Kazoo calls the kind."""
        return TYPES.get(self.kind, self.kind)

    def facts(self) -> Body:
        """What a receiver is told: nothing that the document says, only which it is."""
        return {
            "hook_event": OBJECT,
            "action": self.action,
            "type": self.type,
            "id": self.id,
            "account_id": self.account_id,
            "timestamp": gregorian(self.at),
        }


def happened(
    changes: Iterable[Change], registry: Registry, now: int, silent: str, found: Document | None = None
) -> Iterator[Event]:
    """The events that changes are: to documents that a resource shows, in an account, and not of the kind `silent`.

    `found` is the document that the request is about, which may be one that goes.
    """
    document: Document | None
    shown = _kinds(registry)
    apart = _apart(registry)
    for change in changes:
        match change:
            case Insert(document):
                action, tenant, kind, id = CREATED, document.tenant, document.kind, document.id
            case Replace(document):
                action, tenant, kind, id = EDITED, document.tenant, document.kind, document.id
            case Delete(tenant, kind, id):
                action, document = DELETED, None
            case _:
                continue
        if kind == silent or kind not in shown:
            continue
        if kind == _ACCOUNTS:
            yield Event(action, kind, id, id, _tree(document), now)
        elif tenant:
            gone = found if found is not None and (found.kind, found.id) == (kind, id) else None
            name, *also = _called(kind, document or gone, apart)
            yield Event(action, name, id, tenant, None, now, tuple(also))


def known_types(registry: Registry) -> set[str]:
    """What a webhook may limit its events to: Kazoo's words, and the kinds of the resources that there are."""
    return {ALL, *TYPES.values(), *VOICEMAIL, *_kinds(registry), *(each.name for each in _apart(registry))}


def told(facts: Body, custom_data: Mapping[str, Json]) -> Body:
    """What one webhook tells of an event: its own values are added, and win."""
    return facts | {key: value for key, value in custom_data.items() if key not in LIMITS}


def modifiers(registry: Registry) -> Body:
    """What can be said about events of documents, as Kazoo shows it to those who make webhooks."""
    types = sorted(known_types(registry) - {ALL})
    return {
        "action": {"type": "array", "description": "A list of object actions to handle", "items": [ALL, *ACTIONS]},
        "type": {"type": "array", "description": "A list of object types to handle", "items": [ALL, *types]},
    }


def samples() -> list[Body]:
    """What deliveries look like."""
    account, user = "0" * 31 + "a", "0" * 31 + "b"
    return [Event(action, "users", user, account, (), 0).facts() for action in ACTIONS]


def _kinds(registry: Registry) -> set[str]:
    """The kinds of the documents that resources show; those that share one show the same documents."""
    return {endpoint.kind for endpoint in registry.names.values() if isinstance(endpoint, Resource)}


def _apart(registry: Registry) -> list[Resource]:
    """The resources that have only some of the documents of a kind."""
    return [endpoint for endpoint in registry.names.values() if isinstance(endpoint, Resource) and endpoint.only]


def _called(kind: str, document: Document | None, apart: Iterable[Resource]) -> tuple[str, ...]:
    """What a document goes by: the resource that has only such ones, if there is one, and its kind.

    Nothing is known of the fields of a document that goes without being looked at, so that it goes by its kind alone.
    """
    own = [each for each in apart if each.kind == kind]
    if document is None or not own:
        return (kind,)
    data = document.data()
    name = next((each.name for each in own if each.only.items() <= data.items()), None)
    if name is not None:
        return name, kind
    is_voicemail = kind == MESSAGES and data.get("type", "voicemail") == "voicemail"
    return (kind, *VOICEMAIL) if is_voicemail else (kind,)


def _tree(account: Document | None) -> tuple[str, ...] | None:
    """The accounts above one, as its document has them; None without a document."""
    return tuple(account.secrets().get("tree", ())) if account is not None else None
