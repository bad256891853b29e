"""What a change means to a webhook, and what of it is told. Without a server."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import Change, Delete, Document, Endpoint, Guard, Insert, Query, Registry, Replace, Resource
from modules.webhooks.events import Event, happened, known_types, modifiers, samples, told
from modules.webhooks.listeners import Listener, concern_webhooks, restamped

NOW = 1_780_000_000
ACCOUNT = "a" * 32


class Devices(Resource):
    """A resource that Kazoo has a word for."""

    name = "devices"


class Sensors(Resource):
    """A resource that only we have."""

    name = "sensors"


class Accounts(Resource):
    """The accounts themselves."""

    name = "accounts"


class Webhooks(Resource):
    """What causes no events."""

    name = "webhooks"


class Registrations(Endpoint):
    """No resource, whatever it keeps."""

    name = "registrations"


REGISTRY = Registry([Devices(), Sensors(), Accounts(), Webhooks(), Registrations()])


def document(kind: str, tenant: str = ACCOUNT, private: dict[str, Any] | None = None) -> Document:
    """A document with something in it that nobody may be told."""
    return Document.of(tenant, kind, "1", {"name": "Hall", "password": "hidden"}, NOW, private)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Insert(document("devices")), ("doc_created", "device")),
        (Replace(document("devices")), ("doc_edited", "device")),
        (Delete(ACCOUNT, "devices", "1"), ("doc_deleted", "device")),
        (Delete(ACCOUNT, "devices", "1", 3, purge=True), ("doc_deleted", "device")),
        (Insert(document("sensors")), ("doc_created", "sensors")),
    ],
)
def test_changes_that_are_events(change: Change, expected: tuple[str, str]) -> None:
    """A document that comes, changes or goes is an event, in Kazoo's words where it has some."""
    [event] = happened([change], REGISTRY, NOW, silent="webhooks")
    assert (event.action, event.type) == expected
    assert event.facts() == {
        "hook_event": "object",
        "action": expected[0],
        "type": expected[1],
        "id": "1",
        "account_id": ACCOUNT,
        "timestamp": NOW + 62_167_219_200,
    }


@pytest.mark.parametrize(
    "change",
    [
        Insert(document("webhooks")),
        Replace(document("webhooks")),
        Delete(ACCOUNT, "webhooks", "1"),
        Insert(document("registrations")),
        Insert(document("unknown")),
        Insert(document("devices", tenant="")),
        Guard(Query(ACCOUNT, "devices")),
    ],
    ids=lambda change: f"{type(change).__name__} {getattr(getattr(change, 'document', change), 'kind', '')}",
)
def test_changes_that_are_none(change: Change) -> None:
    """Webhooks themselves, what no resource shows, what is in no account, and questions are no events."""
    assert list(happened([change], REGISTRY, NOW, silent="webhooks")) == []


def test_an_account_is_an_event_of_its_own() -> None:
    """A new account is told as its own, with the accounts above it as its document has them."""
    private = {"tree": ["root", "reseller"], "api_key": "hidden"}
    account = document("accounts", tenant="", private=private)
    events = list(happened([Insert(account), Delete("", "accounts", "2")], REGISTRY, NOW, silent="webhooks"))
    assert events == [
        Event("doc_created", "accounts", "1", "1", ("root", "reseller"), NOW),
        Event("doc_deleted", "accounts", "2", "2", None, NOW),
    ]
    assert events[0].type == "account"


def test_each_change_of_a_write_is_told() -> None:
    """A write of several documents is several events, in the order of the changes."""
    changes: list[Change] = [Insert(document("devices")), Delete(ACCOUNT, "sensors", "2")]
    assert [event.kind for event in happened(changes, REGISTRY, NOW, silent="webhooks")] == ["devices", "sensors"]


EVENT = Event("doc_created", "devices", "1", ACCOUNT, None, NOW)


@pytest.mark.parametrize(
    ("hook", "custom_data", "wants"),
    [
        ("all", {}, True),
        ("object", {}, True),
        ("channel_create", {}, False),
        ("object", {"type": "device"}, True),
        ("object", {"type": "devices"}, True),
        ("object", {"type": "user"}, False),
        ("object", {"type": "all", "action": "all"}, True),
        ("object", {"action": "doc_created"}, True),
        ("object", {"action": "doc_edited"}, False),
        ("object", {"type": "device", "action": "doc_deleted"}, False),
        ("all", {"type": "user", "action": "doc_deleted"}, True),
    ],
)
def test_who_wants_it(hook: str, custom_data: dict[str, str], *, wants: bool) -> None:
    """The hook, and for documents the type and the action in `custom_data`, say which events are meant."""
    body = {"id": "w", "hook": hook, "custom_data": custom_data, "uri": "https://example.com/"}
    assert wants == Listener.read(ACCOUNT, body).wants(EVENT)


def test_a_webhook_that_an_importer_made() -> None:
    """What is missing in a webhook that no schema has seen makes it want nothing, and breaks nothing."""
    listener = Listener.read(ACCOUNT, {"id": "w"})
    assert (False, "") == (listener.wants(EVENT), listener.host)


@pytest.mark.parametrize(
    ("uri", "host"),
    [("https://Example.com:8080/a", "example.com"), ("http://[::1]/", "::1"), ("http://[::1/", ""), ("nonsense", "")],
)
def test_the_host_that_takes_turns(uri: str, host: str) -> None:
    """Deliveries take turns by the host that the URI names, if it names any."""
    assert host == Listener.read(ACCOUNT, {"id": "w", "uri": uri}).host


def test_custom_data_is_added_and_wins() -> None:
    """Values of the webhook's own are added to the event, in the place of its own; the limits are not."""
    custom = {"type": "device", "action": "all", "customer": "17", "id": "mine"}
    assert told(EVENT.facts(), custom) == EVENT.facts() | {"customer": "17", "id": "mine"}


def test_what_a_webhook_can_be_limited_to() -> None:
    """Kazoo's types and the resources that there are can be asked for; endpoints of other kinds cannot."""
    types = known_types(REGISTRY)
    assert {"all", "device", "vmbox", "mailbox_message", "sensors", "devices"} <= types
    assert not {"registrations", ""} & types
    shown = modifiers(REGISTRY)
    assert (types, "all") == (set(shown["type"]["items"]), shown["type"]["items"][0])
    assert shown["action"]["items"] == ["all", "doc_created", "doc_edited", "doc_deleted"]


class Numbers(Resource):
    """The documents of another noun, seen in another way."""

    name = "numbers"
    kind = "devices"


def test_two_nouns_with_one_kind() -> None:
    """An event names the document, not the noun by which it was changed; it is told while one of them is there."""
    types = known_types(Registry([Devices(), Numbers()]))
    assert ("devices" in types, "numbers" in types) == (True, False)
    [event] = happened([Insert(document("devices"))], Registry([Numbers()]), NOW, silent="webhooks")
    assert "device" == event.type


def test_samples_look_like_events() -> None:
    """There is a sample for each action, with the keys of a real event."""
    found = samples()
    assert ["doc_created", "doc_edited", "doc_deleted"] == [sample["action"] for sample in found]
    assert all(sample.keys() == EVENT.facts().keys() for sample in found)


def test_which_changes_concern_webhooks() -> None:
    """Everybody is told of a change of a webhook, however it was made, and of no other."""
    theirs: list[Change] = [
        Insert(document("webhooks")),
        Replace(document("webhooks")),
        Delete(ACCOUNT, "webhooks", "1"),
    ]
    others: list[Change] = [
        Insert(document("devices")),
        Delete(ACCOUNT, "devices", "1"),
        Guard(Query(ACCOUNT, "webhooks")),
    ]
    assert ([True] * 3, False) == ([concern_webhooks([change]) for change in theirs], concern_webhooks(others))
    assert concern_webhooks([*others, theirs[0]])


def test_the_stamp_is_another_one_each_time() -> None:
    """Two changes of webhooks in the same second leave two stamps."""
    stamps = [change.document.body for _ in range(2) for change in restamped() if isinstance(change, Insert)]
    assert stamps[0] != stamps[1]
