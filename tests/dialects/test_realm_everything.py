"""Everything that there is, as the realm style shows it: no field goes by our name, and no time is a bare number."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import Insert
from crossbar.dates import gregorian
from crossbar.dialects.fields import properties_of
from crossbar.passwords import wire_credentials
from crossbar.resource import Resource, new_id
from crossbar.stores import Document
from crossbar.testing import NOW, World

from .realm_desk import ADMIN, PASSWORD, Desk, desk_in, told

RESOURCES = (
    *("callflows", "cdrs", "devices", "directories", "extensions", "faxes", "groups", "lists", "media", "menus"),
    *("messages", "recordings", "sms", "temporal_rules", "users", "vmboxes", "voicemails", "webhooks", "applications"),
)
TYPES = {"sms": "sms", "faxes": "fax", "voicemails": "voicemail", "messages": "voicemail"}
OWNED = [
    ("callflow", "callflows", {"numbers": ["2000"], "flow": {"module": "hangup", "data": {}, "children": {}}}),
    ("fax", "faxes", {"to_number": "+12015550100"}),
    ("list", "lists", {"name": "Important"}),
    ("phone", "devices", {"name": "Desk"}),
    ("sms", "sms", {"from": "101", "to": "+12015550100", "text": "Hello"}),
    ("vmbox", "vmboxes", {"name": "Box", "mailbox": "2001"}),
    ("extension_group", "groups", {"name": "Sales"}),
]


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of the test's own."""
    return await desk_in(world)


def ours(value: Any) -> bool:
    """Whether a JSON value has a field of ours in it, or a time in Gregorian seconds."""
    if isinstance(value, dict):
        return "owner_id" in value or any(map(ours, value.values()))
    if isinstance(value, list):
        return any(map(ours, value))
    return isinstance(value, int) and abs(value - gregorian(NOW)) < 3_000_000_000


async def test_all_resources_are_looked_at(world: World) -> None:
    """Whoever bundles another resource lists it here."""
    found = {each.name for each in world.app.registry.names.values() if isinstance(each, Resource)}
    assert found == {*RESOURCES, "accounts"}


@pytest.mark.parametrize("noun", RESOURCES)
async def test_what_is_shown(desk: Desk, noun: str) -> None:
    """Whose something is stands in `extension_id`, and when it was in a date, in lists and in objects."""
    app = desk.world.app
    endpoint = app.registry.names[noun]
    assert isinstance(endpoint, Resource)
    properties = properties_of(app.schemas, endpoint.schema)
    body: dict[str, Any] = {
        name: gregorian(NOW) for name, about in properties.items() if "in Gregorian seconds" in about["description"]
    }
    owner = await desk.extension("101")
    body |= {"owner_id": owner} if "owner_id" in properties else {}
    body |= {"type": TYPES[noun]} if noun in TYPES else {}
    id = new_id()
    await app.store.write([Insert(Document.of(desk.id, endpoint.kind, id, body, NOW))])
    rows = await desk.get(f"/client/@me/{noun}/")
    shown = await desk.get(f"/client/@me/{noun}/{id}")
    row = next(row for row in rows if row["id"] == id)
    assert not ours(row)
    assert not ours(shown)
    if "owner_id" in properties:
        assert owner == row["extension_id"] == shown["extension_id"]
        assert {id} == {row["id"] for row in await desk.get(f"/client/@me/{noun}/?extension_id={owner}")}


@pytest.mark.parametrize(("word", "kind", "data"), OWNED)
async def test_whose_it_is(desk: Desk, word: str, kind: str, data: dict[str, Any]) -> None:
    """`extension_id` says in a body whom something belongs to, and is stored as that."""
    owner = await desk.extension("101")
    noun = {"callflow": "callflows", "list": "lists", "vmbox": "vmboxes"}.get(word, word)
    made = await desk.made(f"/client/@me/{noun}/", {**data, "extension_id": owner})
    assert (owner, False) == (made["extension_id"], ours(made))
    stored = await desk.stored("messages" if kind in ("sms", "faxes") else kind, made["id"])
    assert (owner, False) == (stored["owner_id"], "extension_id" in stored)


async def test_what_belongs_to_nobody(desk: Desk) -> None:
    """A resource that has no owner leaves a client's own field of that name alone, and does not filter by it."""
    made = await desk.made("/client/@me/extension/", {"name": "101", "extension_id": "mine"})
    assert ("mine", "mine") == (made["extension_id"], (await desk.stored("users", made["id"]))["extension_id"])
    assert made["id"] in {row["id"] for row in await desk.get("/client/@me/extension/?extension_id=other")}
    assert "owner_id" not in await desk.get("/user/")


async def test_rules_of_time(desk: Desk) -> None:
    """When a rule begins and ends is a date; one that never ends says so, and may be sent back."""
    rule = {"name": "Hours", "cycle": "daily", "start_date": "2026-05-28 00:00:00", "end_date": "2026-06-01 00:00:00"}
    made = await desk.made("/client/@me/temporal_rules/", rule)
    assert rule == {name: made[name] for name in rule}
    changed = await desk.ask("PUT", f"/client/@me/temporal_rules/{made['id']}", {**made, "end_date": "never"})
    assert (200, "never") == (changed.status, changed.json()["end_date"]), changed.body
    assert 0 == (await desk.stored("temporal_rules", made["id"]))["end_date"]
    again = await desk.ask("PUT", f"/client/@me/temporal_rules/{made['id']}", changed.json())
    assert (200, changed.json()) == (again.status, again.json())


async def test_attempts_of_deliveries(desk: Desk) -> None:
    """When something was delivered is a date as well."""
    hook = await desk.made("/client/@me/event/", {"url": "https://example.com/hook", "event_type": "object"})
    body = {"hook_id": hook["id"], "result": "success", "timestamp": gregorian(NOW), "hook_event": "object"}
    attempt = Document.of(desk.id, "webhook_attempts", new_id(), body, NOW)
    await desk.world.app.store.write([Insert(attempt)])
    rows = await desk.get(f"/client/@me/event/{hook['id']}/attempts/")
    assert 1 == len(rows)
    assert not ours(rows)
    assert "init_time_gmt" in rows[0]


async def test_who_has_logged_in(desk: Desk) -> None:
    """An answer that is no document calls the owner the same."""
    account = (await desk.get("/user/"))["client_id"]
    body = {"credentials": wire_credentials(ADMIN, PASSWORD)[0], "account_id": account}
    answer = await desk.made("/user_auth/", body)
    assert ((await desk.get("/user/"))["id"], False) == (answer["extension_id"], ours(answer))


async def test_what_the_root_is_called(desk: Desk) -> None:
    """Where nothing answers, a message calls who is asking by the word of the path."""
    assert "nothing answers at 'user/x/y'" == told(await desk.ask("GET", "/user/x/y"), 404, "not_found")


async def test_null_in_what_administrators_set(desk: Desk) -> None:
    """A user who takes away what only administrators change is told so, as with any other value."""
    group = (await desk.made("/client/@me/extension_group/", {"name": "Sales"}))["id"]
    id = await desk.extension("101", extension_group_id=group)
    token = await desk.token_of(id)
    for value in (None, "other"):
        response = await desk.ask("PUT", "/extension/@me", {"extension_group_id": value}, token=token)
        assert "extension_group_id: only administrators" in told(response, 400, "validation_error")
    shown = await desk.get("/extension/@me", token=token)
    assert group == shown["extension_group_id"]
    assert 200 == (await desk.ask("PUT", "/extension/@me", {**shown, "language": "de"}, token=token)).status


async def test_what_an_event_is_called(desk: Desk) -> None:
    """Without a name it gets one that has none of our words for events in it."""
    made = await desk.made("/client/@me/event/", {"url": "https://example.com/hook", "event_type": "dial-in"})
    assert ("Event", "dial-in") == (made["name"], made["event_type"])
