"""One store for voicemail, texts, faxes and pager messages: what they have in common, and what keeps them apart."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import Change, Delete, Document, Insert, Registry, Replace
from modules.messages import Faxes, Messages, Sms
from modules.webhooks.events import happened, known_types

from .office import NOWHERE, PDF, PNG, Office, told

FAX = {"to_number": "18884732963", "from_number": "18884732962"}
TEXT = {"from": "+12025550101", "to": "+18015550199", "text": "Hello"}
PAGER = {"type": "pager", "from": "1001", "to": ["1002", "1003"], "text": "Lunch?"}


async def one_of_each(office: Office, **more: Any) -> dict[str, str]:
    """Make a message of each type with files, but for the pager message; and give their ids."""
    box = await office.box(**more)
    fax = await office.form("PUT", "/faxes", FAX | {"folder": "inbox"} | more, ("a.pdf", "application/pdf", PDF))
    sms = await office.form("PUT", "/sms", TEXT | {"direction": "inbound"} | more, ("a.png", "image/png", PNG))
    return {
        "voicemail": await office.message(box),
        "fax": str(fax.data["id"]),
        "sms": str(sms.data["id"]),
        "pager": await office.made("/messages", PAGER | more),
    }


async def test_all_are_messages(office: Office) -> None:
    """One listing has them all; type, direction and read state cut it down; each noun has its own."""
    made = await one_of_each(office)
    sent = await office.made("/sms", TEXT)
    assert {*made.values(), sent} == set(await office.ids("/messages"))
    for type, id in made.items():
        assert {id, *([sent] if type == "sms" else [])} == set(await office.ids(f"/messages?filter_type={type}"))
        found = (await office.get(f"/messages/{id}")).data
        assert (type, "inbound", "unread") == (found["type"], found["direction"], found["read_status"])
    assert [sent] == await office.ids("/messages?filter_direction=outbound")
    assert [sent] == await office.ids("/messages?filter_read_status=read")
    unread_texts = "/messages?filter_type=sms&filter_direction=inbound&filter_read_status=unread"
    assert [made["sms"]] == await office.ids(unread_texts)
    assert ([made["fax"]], {made["sms"], sent}) == (await office.ids("/faxes"), set(await office.ids("/sms")))


async def test_one_noun_has_none_of_another(office: Office) -> None:
    """A text is no fax, and what is neither is at messages alone."""
    made = await one_of_each(office)
    for noun, type in (("faxes", "fax"), ("sms", "sms")):
        for other in made.keys() - {type}:
            for method in ("GET", "PATCH", "DELETE"):
                told(await office.ask(method, f"/{noun}/{made[other]}", {} if method == "PATCH" else None), 404)
    told(await office.get(f"/faxes/inbox/{made['sms']}"), 404)
    assert set(made.values()) == set(await office.ids("/messages"))


async def test_a_box_has_voicemail_alone(office: Office) -> None:
    """A fax or a pager message gets into none, whatever it says."""
    box = await office.box()
    fax = await office.ask("PUT", "/faxes", FAX | {"source_id": box, "media_id": "mine"})
    assert (201, False) == (fax.status, {"source_id", "media_id"} <= fax.data.keys())
    patched = await office.ask("PATCH", f"/faxes/{fax.data['id']}", {"source_id": box})
    assert (200, False) == (patched.status, "source_id" in patched.data)
    assert "forbidden" in told(await office.ask("PUT", "/messages", PAGER | {"source_id": box}), 400)["source_id"]
    assert "enum" in told(await office.ask("PUT", f"/vmboxes/{box}/messages", PAGER), 400)["type"]
    assert [] == await office.ids(f"/vmboxes/{box}/messages")


@pytest.mark.parametrize("noun", ["users", "extensions"])
async def test_below_a_person(office: Office, noun: str) -> None:
    """There are the messages of all types that belong to them, and no others."""
    ada, bob = await office.user(number="1001"), await office.user(number="1002")
    made = await one_of_each(office, owner_id=ada)
    others = await one_of_each(office, owner_id=bob)
    path = f"/{noun}/{ada}"
    assert set(made.values()) == set(await office.ids(f"{path}/messages"))
    assert ([made["fax"]], [made["fax"]]) == (
        await office.ids(f"{path}/faxes"),
        await office.ids(f"{path}/faxes/inbox"),
    )
    assert 200 == (await office.get(f"{path}/messages/{made['sms']}")).status
    for other in (f"messages/{others['sms']}", f"faxes/{others['fax']}", f"faxes/inbox/{others['fax']}"):
        told(await office.get(f"{path}/{other}"), 404)
    moved = await office.ask("POST", f"{path}/messages", {"messages": [*others.values()], "read_status": "read"})
    assert {*others.values()} == {id for failure in moved.data["failed"] for id in failure}
    sent = await office.ask("PUT", f"{path}/faxes", FAX)
    assert (201, ada) == (sent.status, sent.data["owner_id"])


async def test_voicemail_below_a_person(office: Office) -> None:
    """It goes into a box of theirs, and into no other."""
    ada = await office.user()
    own, other = await office.box(owner_id=ada), await office.box()
    id = await office.made(f"/users/{ada}/messages", {"source_id": own})
    refused = await office.ask("PUT", f"/users/{ada}/messages", {"source_id": other})
    assert "not_found" in told(refused, 400)["source_id"]
    assert ([id], []) == (await office.ids(f"/users/{ada}/messages"), await office.ids(f"/vmboxes/{other}/messages"))


# Folders and read state.


@pytest.mark.parametrize("type", ["voicemail", "sms", "pager"])
@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_folder_and_state_go_together(office: Office, type: str, method: str) -> None:
    """What was read is saved and what is unread is new, whichever of the two is said; what is deleted stays so."""
    path = f"/messages/{(await one_of_each(office))[type]}"
    for change, expected in (
        ({"read_status": "read"}, ("saved", "read")),
        ({"folder": "new"}, ("new", "unread")),
        ({"folder": "deleted"}, ("deleted", "unread")),
        ({"read_status": "read"}, ("deleted", "read")),
        ({"folder": "saved"}, ("saved", "read")),
        ({"folder": "new", "read_status": "unread"}, ("new", "unread")),
    ):
        changed = await office.ask(method, path, change)
        assert (200, *expected) == (changed.status, changed.data["folder"], changed.data["read_status"]), change
    as_it_was = await office.ask(method, path, {"folder": "saved", "read_status": "unread"})
    assert (200, "saved", "read") == (as_it_was.status, as_it_was.data["folder"], as_it_was.data["read_status"])
    await office.ask(method, path, {"folder": "deleted"})
    refused = await office.ask(method, path, {"folder": "saved", "read_status": "unread"})
    assert "invalid" in told(refused, 400)["read_status"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param({}, ("new", "unread"), id="nothing"),
        pytest.param({"folder": "saved"}, ("saved", "read"), id="folder"),
        pytest.param({"read_status": "read"}, ("saved", "read"), id="state"),
        pytest.param({"folder": "deleted"}, ("deleted", "read"), id="deleted"),
        pytest.param({"folder": "deleted", "read_status": "unread"}, ("deleted", "unread"), id="deleted-unread"),
    ],
)
async def test_where_a_new_message_is(office: Office, sent: dict[str, str], expected: tuple[str, str]) -> None:
    """As its folder or its state says."""
    made = await office.ask("PUT", f"/vmboxes/{await office.box()}/messages", sent)
    assert (201, *expected) == (made.status, made.data["folder"], made.data["read_status"])


async def test_contradictions(office: Office) -> None:
    """A new message that was read is refused, one, at creation, and many at once."""
    box = await office.box()
    id = await office.message(box, b"", folder="deleted")
    wrong = {"folder": "new", "read_status": "read"}
    path = f"/vmboxes/{box}/messages"
    assert "invalid" in told(await office.ask("PUT", path, wrong), 400)["read_status"]
    assert "invalid" in told(await office.ask("POST", path, wrong | {"messages": [id]}), 400)["read_status"]
    assert "enum" in told(await office.ask("PATCH", f"/messages/{id}", {"read_status": "seen"}), 400)["read_status"]


async def test_the_state_of_a_fax(office: Office) -> None:
    """It is its own: the folder says how far the fax has come, and only faxes change it."""
    made = await office.ask("PUT", "/faxes", FAX | {"folder": "incoming"})
    assert ("inbound", "unread") == (made.data["direction"], made.data["read_status"])
    path = f"/messages/{made.data['id']}"
    read = await office.ask("PATCH", path, {"read_status": "read"})
    assert (200, "incoming", "read") == (read.status, read.data["folder"], read.data["read_status"])
    moved = await office.ask("PATCH", f"/faxes/{made.data['id']}", {"folder": "inbox"})
    assert ("inbox", "read") == (moved.data["folder"], moved.data["read_status"])
    replaced = await office.ask("POST", f"/faxes/{made.data['id']}", FAX | {"folder": "inbox"})
    assert "read" == replaced.data["read_status"]
    for method in ("PATCH", "POST"):
        assert "forbidden" in told(await office.ask(method, path, {"folder": "saved"}), 400)["folder"]
        again = await office.ask(method, path, replaced.data | {"read_status": "unread"})
        assert (200, "inbox", "unread") == (again.status, again.data["folder"], again.data["read_status"])
        assert 200 == (await office.ask("PATCH", path, {"read_status": "read"})).status
    sent = await office.ask("PUT", "/faxes", FAX)
    assert ("outbound", "read") == (sent.data["direction"], sent.data["read_status"])


async def test_nothing_else_is_patched(office: Office) -> None:
    """What is as it was may be sent along; anything else is named."""
    id = (await one_of_each(office))["sms"]
    before = (await office.get(f"/messages/{id}")).data
    after = await office.ask("PATCH", f"/messages/{id}", before | {"read_status": "read"})
    assert before | {"read_status": "read", "folder": "saved"} == after.data
    wrong = {"text": "Other", "status": "sent", "source_id": NOWHERE, "more": 1, "from": None}
    refused = told(await office.ask("PATCH", f"/messages/{id}", wrong | {"read_status": "unread"}), 400)
    assert {field: ["forbidden"] for field in wrong} == {field: [*rules] for field, rules in refused.items()}
    assert after.data == (await office.get(f"/messages/{id}")).data
    unchanged = await office.ask("PATCH", f"/messages/{id}", {})
    assert (200, after.headers["etag"]) == (unchanged.status, unchanged.headers["etag"])


async def test_many_of_several_types(office: Office) -> None:
    """What cannot become of a message is told with its id, and the others are done."""
    made = await one_of_each(office)
    box = await office.box()
    read = await office.ask("POST", "/messages", {"messages": [*made.values()], "read_status": "read"})
    assert ({*made.values()}, []) == ({*read.data["succeeded"]}, read.data["failed"])
    moved = await office.ask("POST", "/messages", {"messages": [*made.values()], "folder": "deleted"})
    assert [{made["fax"]: "invalid"}] == moved.data["failed"]
    for to in (box, [box]):
        boxed = await office.ask("POST", "/messages", {"messages": [*made.values()], "source_id": to})
        assert [made["voicemail"]] == boxed.data["succeeded"]
        assert {"invalid"} == {reason for failure in boxed.data["failed"] for reason in failure.values()}
        told(await office.ask("POST", f"/messages/{made['sms']}", {"source_id": to}), 400)
    gone = await office.ask("DELETE", "/messages", {"messages": [*made.values()]})
    assert ({*made.values()}, []) == ({*gone.data["succeeded"]}, gone.data["failed"])


# What is put down where.


@pytest.mark.parametrize(("type", "noun"), [("sms", "sms"), ("fax", "faxes")])
async def test_where_messages_are_made(office: Office, type: str, noun: str) -> None:
    """What has a noun of its own is made there, as the refusal says."""
    refused = told(await office.ask("PUT", "/messages", TEXT | {"type": type}), 400)
    assert f"made at {noun}" in refused["type"]["enum"]["message"]


async def test_pager_messages(office: Office) -> None:
    """Administrators put them down, whole."""
    for field in ("from", "to", "text"):
        sent = {key: value for key, value in PAGER.items() if key != field}
        assert "required" in told(await office.ask("PUT", "/messages", sent), 400)[field]
    sent = (await office.ask("PUT", "/messages", PAGER | {"direction": "outbound"})).data
    assert ("queued", "saved", "read") == (sent["status"], sent["folder"], sent["read_status"])
    _, client = await office.login()
    user = Office(office.world, client, office.id)
    assert "forbidden" in told(await user.ask("PUT", "/messages", PAGER), 400)["type"]


async def test_the_numbers_of_a_fax(office: Office) -> None:
    """They go by Kazoo's names and by those of all messages, and are always the same."""
    made = await office.ask("PUT", "/faxes", {"from": "1001", "to": "1002"})
    path = f"/faxes/{made.data['id']}"
    assert ("1001", "1002") == (made.data["from_number"], made.data["to_number"])
    for change, expected in (
        ({"to": "1003"}, "1003"),
        ({"to_number": "1004"}, "1004"),
        (made.data | {"to": "1005", "to_number": "1004"}, "1005"),
        (made.data | {"to": "1005", "to_number": "1006"}, "1006"),
    ):
        changed = await office.ask("PATCH", path, change)
        assert (200, expected, expected) == (changed.status, changed.data["to"], changed.data["to_number"])
    assert "type" in told(await office.ask("PATCH", path, {"to": ["1", "2"]}), 400)["to_number"]
    assert "enum" in told(await office.ask("PATCH", path, {"type": "sms"}), 400)["type"]


async def test_users_see_their_own(office: Office) -> None:
    """Of every type, in the listing, one by one, in lists and by their files."""
    ada, client = await office.login()
    user = Office(office.world, client, office.id)
    own, others = await one_of_each(office, owner_id=ada), await one_of_each(office)
    assert set(own.values()) == set(await user.ids("/messages"))
    for type, id in others.items():
        told(await user.get(f"/messages/{id}"), 404)
        told(await user.ask("PATCH", f"/messages/{id}", {"read_status": "read"}), 404)
        told(await user.get(f"/messages/{id}/content"), 404)
        read = await user.ask("PATCH", f"/messages/{own[type]}", {"read_status": "read"})
        assert (200, "read") == (read.status, read.data["read_status"])
    gone = await user.ask("DELETE", "/messages", {"messages": [*others.values(), own["sms"]]})
    assert [own["sms"]] == gone.data["succeeded"]
    assert set(others.values()) <= set(await office.ids("/messages"))


# Events.


@pytest.mark.parametrize(
    ("type", "expected"), [("fax", "fax"), ("sms", "sms"), ("voicemail", "messages"), (None, "messages")]
)
def test_what_events_call_messages(type: str | None, expected: str) -> None:
    """A fax is a fax, though it is kept with other messages, also when it goes."""
    registry = Registry([Messages(), Faxes(), Sms()])
    body = {"type": type} if type else {}
    message = Document.of("a" * 32, "messages", "1", body, 0)
    changes: list[Change] = [Insert(message), Replace(message), Delete("a" * 32, "messages", "1")]
    events = list(happened(changes, registry, 0, silent="webhooks", found=message))
    assert [expected] * 3 == [event.type for event in events]
    assert {"faxes", "sms", "messages"} <= known_types(registry)
