"""Texts: sending them with and without files, what a switch says of them, and what users may."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import gregorian

from .office import NOWHERE, PDF, PNG, Office, told

OUR, THEIR = "+12025550101", "+18015550199"
TEXT = {"from": OUR, "to": THEIR, "text": "Are you there?"}
RECEIVED = {"from": THEIR, "to": OUR, "text": "I am.", "direction": "inbound"}


async def person(office: Office, number: str = OUR) -> tuple[str, Office]:
    """A user with a number, and the office as they see it."""
    shown = {"caller_id": {"external": {"number": number}, "internal": {"number": "1001"}}}
    id, client = await office.login(**shown)
    return id, Office(office.world, client, office.id)


async def test_sending(office: Office) -> None:
    """What is created waits to be sent, was read, and is listed with its words."""
    made = await office.ask("PUT", "/sms", TEXT)
    expected = {"type": "sms", "direction": "outbound", "status": "queued", "folder": "saved", "read_status": "read"}
    assert (201, TEXT | expected | {"attachments": []}) == (
        made.status,
        {key: made.data[key] for key in (*TEXT, *expected, "attachments")},
    )
    assert abs(made.data["timestamp"] - gregorian(int(office.world.app.clock()))) < 60
    assert office.at(f"/sms/{made.data['id']}") == made.headers["location"].removeprefix("/v2")
    assert [made.data] == (await office.get("/sms")).data
    assert made.data == (await office.get(f"/sms/{made.data['id']}")).data


async def test_kazoos_name_for_the_words(office: Office) -> None:
    """`body` is taken for `text`; two different ones are refused."""
    made = await office.ask("PUT", "/sms", {"from": OUR, "to": THEIR, "body": "Hello"})
    assert (201, "Hello", False) == (made.status, made.data["text"], "body" in made.data)
    assert 201 == (await office.ask("PUT", "/sms", TEXT | {"body": TEXT["text"]})).status
    assert "invalid" in told(await office.ask("PUT", "/sms", TEXT | {"body": "Hello"}), 400)["body"]


async def test_several_recipients(office: Office) -> None:
    """A list of numbers is kept as it is."""
    made = await office.ask("PUT", "/sms", TEXT | {"to": [THEIR, OUR]})
    assert (201, [THEIR, OUR]) == (made.status, made.data["to"])


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        pytest.param({"to": None}, "to", "required", id="nobody"),
        pytest.param({"to": " "}, "to", "pattern", id="blank"),
        pytest.param({"to": []}, "to", "minItems", id="no-one"),
        pytest.param({"to": [THEIR] * 2}, "to", "uniqueItems", id="twice"),
        pytest.param({"to": [f"{number}" for number in range(51)]}, "to", "maxItems", id="too-many"),
        pytest.param({"to": [THEIR, " "]}, "to.1", "pattern", id="one-blank"),
        pytest.param({"from": None}, "from", "required", id="from-nowhere"),
        pytest.param({"from": ""}, "from", "pattern", id="from-nothing"),
        pytest.param({"text": None}, "text", "required", id="no-words"),
        pytest.param({"text": ""}, "text", "required", id="empty"),
        pytest.param({"text": "x" * 1_601}, "text", "maxLength", id="long"),
        pytest.param({"text": 5}, "text", "type", id="number"),
        pytest.param({"type": "fax"}, "type", "enum", id="another-type"),
        pytest.param({"direction": "up"}, "direction", "enum", id="direction"),
        pytest.param({"status": "lost"}, "status", "enum", id="status"),
        pytest.param({"status": "received"}, "status", "enum", id="status-of-the-other-direction"),
        pytest.param({"owner_id": NOWHERE}, "owner_id", "not_found", id="owner"),
    ],
)
async def test_what_is_no_text(office: Office, wrong: dict[str, Any], field: str, rule: str) -> None:
    """What cannot be sent is refused, with the field that is wrong; nothing is kept."""
    sent = {key: value for key, value in (TEXT | wrong).items() if value is not None}
    found = told(await office.ask("PUT", "/sms", sent), 400)
    assert rule in found[field]
    assert [] == await office.ids("/messages")


async def test_with_files(office: Office) -> None:
    """Pictures, contacts and plain files go along, and need no words."""
    files = [
        ("a.png", "image/png", PNG),
        ("a.png", "image/png", PNG + b"2"),
        ("me.vcf", "text/vcard", b"BEGIN:VCARD"),
        ("note.txt", "text/plain", b"hello"),
    ]
    made = await office.form("PUT", "/sms", {"from": OUR, "to": THEIR}, *files)
    assert 201 == made.status, made.body
    listed = [(each["id"], each["content_type"], each["size"], each["name"]) for each in made.data["attachments"]]
    assert [
        ("a.png", "image/png", len(PNG), "a.png"),
        ("a-2.png", "image/png", len(PNG) + 1, "a.png"),
        ("me.vcf", "text/vcard", 11, "me.vcf"),
        ("note.txt", "text/plain", 5, "note.txt"),
    ] == listed
    path = f"/sms/{made.data['id']}/content"
    assert [each[0] for each in listed] == [each["id"] for each in (await office.get(path)).data]
    second = await office.get(f"{path}/a-2.png", headers={"range": f"bytes={len(PNG)}-"})
    assert (206, b"2", "image/png") == (second.status, second.body, second.headers["content-type"])


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        pytest.param(PDF, "application/pdf", 415, id="pdf"),
        pytest.param(b"<p>", "text/html", 415, id="html"),
        pytest.param(b"", "image/png", 400, id="nothing"),
    ],
)
async def test_what_is_not_sent_along(office: Office, content: bytes, content_type: str, status: int) -> None:
    """Files of other types are refused, and so is the text that they came with."""
    told(await office.form("PUT", "/sms", TEXT, ("x", content_type, content)), status)
    assert [] == await office.ids("/sms")


async def test_what_a_switch_says(office: Office) -> None:
    """It moves the status on, says what went wrong, and puts down what comes in; the rest of a text stays."""
    id = await office.made("/sms", TEXT)
    failed = await office.ask("PATCH", f"/sms/{id}", {"status": "failed", "error": "no such number"})
    assert (200, "failed", "no such number") == (failed.status, failed.data["status"], failed.data["error"])
    assert 200 == (await office.ask("PATCH", f"/sms/{id}", failed.data | {"status": "sent", "error": None})).status
    assert "error" not in (await office.get(f"/sms/{id}")).data
    for change in ({"text": "Other"}, {"to": OUR}, {"owner_id": NOWHERE}, {"folder": "new"}):
        assert {"forbidden"} == {*told(await office.ask("PATCH", f"/sms/{id}", change), 400)[next(iter(change))]}
    assert "enum" in told(await office.ask("PATCH", f"/sms/{id}", {"status": "received"}), 400)["status"]
    ada = await office.user()
    came = await office.ask("PUT", "/sms", RECEIVED | {"owner_id": ada})
    assert (201, "received", "new", "unread", ada) == (
        came.status,
        *(came.data[key] for key in ("status", "folder", "read_status", "owner_id")),
    )
    told(await office.ask("POST", f"/sms/{id}", TEXT), 405)


@pytest.mark.parametrize("noun", ["users", "extensions"])
async def test_below_a_person(office: Office, noun: str) -> None:
    """It is theirs, goes out from their number, and is found there."""
    ada = await office.user(number="1001", caller_id={"external": {"number": OUR}})
    bob = await office.user(number="1002")
    path = f"/{noun}/{ada}/sms"
    made = await office.ask("PUT", path, {"to": THEIR, "text": "Hi"})
    assert (201, ada, OUR) == (made.status, made.data["owner_id"], made.data["from"])
    other = await office.ask("PUT", f"/{noun}/{bob}/sms", {"to": THEIR, "text": "Hi"})
    assert "1002" == other.data["from"]
    assert ([made.data["id"]], 200) == (await office.ids(path), (await office.get(f"{path}/{made.data['id']}")).status)
    told(await office.get(f"{path}/{other.data['id']}"), 404)
    await office.made("/sms", TEXT)
    assert 3 == len(await office.ids("/sms"))


async def test_an_administrator_writes_as_themselves(office: Office) -> None:
    """Who names nobody sends in their own name, from their own number."""
    ada, client = await office.login(priv_level="admin", number="1007")
    admin = Office(office.world, client, office.id)
    made = await admin.ask("PUT", "/sms", {"to": THEIR, "text": "Hi"})
    assert (201, ada, "1007") == (made.status, made.data["owner_id"], made.data["from"])
    assert "owner_id" not in (await admin.ask("PUT", "/sms", RECEIVED)).data


async def test_users_write_as_themselves(office: Office) -> None:
    """From a number of their own, however it is written, and from no other; as nobody else."""
    ada, user = await person(office)
    bob = await office.user()
    made = await user.ask("PUT", "/sms", {"to": THEIR, "text": "Hi"})
    assert (201, ada, OUR) == (made.status, made.data["owner_id"], made.data["from"])
    for number in ("1 (202) 555-0101", "1001"):
        assert 201 == (await user.ask("PUT", "/sms", TEXT | {"from": number})).status
    refused = told(await user.ask("PUT", "/sms", TEXT | {"from": THEIR}), 400)
    assert [OUR, "1001"] == refused["from"]["forbidden"]["target"]
    told(await user.ask("PUT", "/sms", TEXT | {"owner_id": bob}), 403)
    told(await user.ask("PUT", f"/users/{bob}/sms", TEXT), 404)
    assert 3 == len(await office.ids("/messages"))


@pytest.mark.parametrize(
    ("data", "field"),
    [
        pytest.param(RECEIVED, "direction", id="what-came-in"),
        pytest.param(TEXT | {"status": "delivered"}, "status", id="status"),
        pytest.param(TEXT | {"error": "none"}, "error", id="error"),
    ],
)
async def test_what_users_may_not_say(office: Office, data: dict[str, Any], field: str) -> None:
    """What a switch says is not a user's to say."""
    _, user = await person(office)
    assert "forbidden" in told(await user.ask("PUT", "/sms", data), 400)[field]


async def test_users_and_the_texts_of_others(office: Office) -> None:
    """They are as good as missing; one's own are read and deleted, and neither changed nor given other files."""
    ada, user = await person(office)
    theirs = await office.made("/sms", TEXT)
    own = await office.form("PUT", f"/users/{ada}/sms", TEXT, ("a.png", "image/png", PNG))
    id = own.data["id"]
    assert [id] == await user.ids("/sms")
    for method, path in (("GET", ""), ("GET", "/content"), ("GET", "/content/a.png"), ("DELETE", "")):
        told(await user.ask(method, f"/sms/{theirs}{path}"), 404)
    told(await user.ask("PATCH", f"/sms/{id}", {"status": "sent"}), 403)
    told(await user.send("PUT", f"/sms/{id}/content", PNG, "image/png"), 403)
    told(await user.send("PUT", f"/sms/{id}/content/a.png", PNG, "image/png"), 403)
    told(await user.ask("DELETE", f"/sms/{id}/content/a.png"), 403)
    assert PNG == (await user.get(f"/sms/{id}/content/a.png")).body
    assert 200 == (await user.ask("DELETE", f"/sms/{id}")).status
    assert [theirs] == await office.ids("/messages")


async def test_a_text_is_in_no_voicemail_box(office: Office) -> None:
    """Whatever its body says, it turns up in nobody's box."""
    box = await office.box()
    made = await office.ask("PUT", "/sms", TEXT | {"source_id": box, "media_id": "mine"})
    assert (201, False, False) == (made.status, "source_id" in made.data, "media_id" in made.data)
    assert [] == await office.ids(f"/vmboxes/{box}/messages")
