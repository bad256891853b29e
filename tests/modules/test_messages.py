"""Voicemail messages: leaving one in all the ways there are, listing them, and moving a single one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar import gregorian

from .office import NOWHERE, PDF, WAV, Office, told

CALLER: dict[str, Any] = {
    "caller_id_number": "6001",
    "caller_id_name": "someone",
    "from": "someone@far.example",
    "folder": "new",
}


async def test_in_two_steps(office: Office) -> None:
    """First what is known of the message, as JSON, then its sound: the first of Kazoo's two ways."""
    box = await office.box()
    made = await office.ask("PUT", f"/vmboxes/{box}/messages", CALLER)
    id = made.data["id"]
    assert (201, CALLER | {"media_id": id, "source_id": box}) == (
        made.status,
        {key: made.data[key] for key in (*CALLER, "media_id", "source_id")},
    )
    assert abs(made.data["timestamp"] - gregorian(int(office.world.app.clock()))) < 60
    path = f"/vmboxes/{box}/messages/{id}"
    told(await office.get(f"{path}/raw"), 404)
    assert 201 == (await office.send("PUT", f"{path}/raw", WAV, "audio/x-wav")).status
    raw = await office.get(f"{path}/raw")
    assert (200, "audio/wav", WAV) == (raw.status, raw.headers["content-type"], raw.body)
    known = (await office.get(path)).data
    assert ("audio/wav", len(WAV)) == (known["content_type"], known["content_length"])


async def test_in_one_step(office: Office) -> None:
    """JSON and sound in one multipart body: the second of Kazoo's ways."""
    box = await office.box()
    made = await office.form("PUT", f"/vmboxes/{box}/messages", CALLER, ("voice.mp3", "audio/mp3", WAV))
    assert (201, "someone", "audio/mpeg") == (made.status, made.data["caller_id_name"], made.data["content_type"])
    raw = await office.get(f"/vmboxes/{box}/messages/{made.data['id']}/raw")
    assert (WAV, 'inline; filename="voice.mp3"') == (raw.body, raw.headers["content-disposition"])


async def test_only_the_sound(office: Office) -> None:
    """A body that is the sound itself is a message too."""
    box = await office.box()
    made = await office.send("PUT", f"/vmboxes/{box}/messages", WAV, "audio/ogg", x_file_name="../../etc/passwd")
    assert (201, "new", len(WAV)) == (made.status, made.data["folder"], made.data["content_length"])
    raw = await office.get(f"/messages/{made.data['id']}/raw")
    assert "/" not in raw.headers["content-disposition"]


async def test_outside_of_a_box(office: Office) -> None:
    """Below the account are the messages of all boxes; a new one says which box it is for."""
    first, second = await office.box(), await office.box()
    one = await office.message(first)
    two = await office.made("/messages", {"source_id": second})
    assert {one, two} == set(await office.ids("/messages"))
    assert ([one], [two]) == (
        await office.ids(f"/vmboxes/{first}/messages"),
        await office.ids(f"/vmboxes/{second}/messages"),
    )
    assert 200 == (await office.get(f"/messages/{one}/raw")).status
    assert "required" in told(await office.ask("PUT", "/messages", {}), 400)["source_id"]
    assert "not_found" in told(await office.ask("PUT", "/messages", {"source_id": NOWHERE}), 400)["source_id"]


async def test_the_path_decides_about_the_box(office: Office) -> None:
    """What is ours to say, a client cannot."""
    box, other = await office.box(), await office.box()
    sent = {"source_id": other, "media_id": "mine", "owner_id": "mine", "content_type": "text/html", "id": "mine"}
    made = await office.ask("PUT", f"/vmboxes/{box}/messages", sent)
    assert (box, made.data["id"]) == (made.data["source_id"], made.data["media_id"])
    assert {"owner_id", "content_type"}.isdisjoint(made.data)
    assert "mine" != made.data["id"]


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        pytest.param({"folder": "inbox"}, "folder", "enum", id="folder"),
        pytest.param({"length": "long"}, "length", "type", id="length"),
        pytest.param({"timestamp": -1}, "timestamp", "minimum", id="timestamp"),
        pytest.param({"from": "x" * 257}, "from", "maxLength", id="from"),
    ],
)
async def test_what_is_no_message(office: Office, wrong: dict[str, Any], field: str, rule: str) -> None:
    """What breaks the schema is refused, as JSON and with a file, which is not kept then."""
    path = f"/vmboxes/{await office.box()}/messages"
    assert rule in told(await office.ask("PUT", path, wrong), 400)[field]
    assert rule in told(await office.form("PUT", path, wrong, ("a.wav", "audio/wav", WAV)), 400)[field]
    assert [] == await office.ids(path)


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        pytest.param(PDF, "application/pdf", 415, id="another-type"),
        pytest.param(b"<p>", "text/html", 415, id="a-page"),
        pytest.param(b"", "audio/wav", 400, id="nothing"),
        pytest.param(b"{}", "application/json", 415, id="json"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_what_is_no_sound(office: Office, method: str, content: bytes, content_type: str, status: int) -> None:
    """Only sound is taken, and some of it; what is there stays."""
    box = await office.box()
    id = await office.message(box)
    told(await office.send(method, f"/vmboxes/{box}/messages/{id}/raw", content, content_type), status)
    assert WAV == (await office.get(f"/vmboxes/{box}/messages/{id}/raw")).body


async def test_sound_that_is_too_large(office: Office) -> None:
    """413, with the number of bytes that are allowed."""
    box = await office.box()
    id = await office.message(box)
    most = office.world.app.settings.limits.upload
    headers = {"content-type": "audio/wav", "content-length": str(most + 1)}
    path = office.at(f"/vmboxes/{box}/messages/{id}/raw")
    refused = await office.client.request("PUT", path, body=[b"x"], headers=headers)
    assert most == told(refused, 413)["file"]["maxSize"]["target"]


async def test_folders(office: Office) -> None:
    """A listing is cut down by `folder` and by filters; a message is moved by body or query."""
    box = await office.box()
    new, saved = await office.message(box, b""), await office.message(box, b"", folder="saved")
    path = f"/vmboxes/{box}/messages"
    assert ([new], [saved], [saved]) == (
        await office.ids(f"{path}?folder=new"),
        await office.ids(f"{path}?filter_folder=saved"),
        await office.ids("/messages?folder=saved"),
    )
    assert "enum" in told(await office.get(f"{path}?folder=elsewhere"), 400)["folder"]
    assert "saved" == (await office.ask("POST", f"{path}/{new}", {"folder": "saved"})).data["folder"]
    assert "deleted" == (await office.ask("POST", f"{path}/{new}?folder=deleted", {})).data["folder"]
    assert [] == await office.ids(f"{path}?folder=new")


async def test_summaries(office: Office) -> None:
    """A listing has the fields that Kazoo's clients show, and those that all messages have."""
    box = await office.box()
    fields = CALLER | {"to": "1000@here.example", "call_id": "c@switch", "length": 3140, "timestamp": 63_630_058_722}
    id = await office.message(box, **fields, transcription={"text": "hello"})
    ours = {"id": id, "media_id": id, "source_id": box, "type": "voicemail", "direction": "inbound"}
    file = {"id": "raw", "content_type": "audio/wav", "size": len(WAV), "name": "call.wav"}
    assert [fields | ours | {"read_status": "unread", "attachments": [file]}] == (
        await office.get(f"/vmboxes/{box}/messages")
    ).data


async def test_moving(office: Office) -> None:
    """To another box goes the message with its sound and belongs to that one's owner."""
    ada = await office.user()
    here, there = await office.box(), await office.box(owner_id=ada)
    id = await office.message(here)
    moved = await office.ask("POST", f"/vmboxes/{here}/messages/{id}", {"source_id": there, "folder": "saved"})
    assert (200, there, "saved", ada) == (
        moved.status,
        *(moved.data[key] for key in ("source_id", "folder", "owner_id")),
    )
    told(await office.get(f"/vmboxes/{here}/messages/{id}"), 404)
    assert WAV == (await office.get(f"/vmboxes/{there}/messages/{id}/raw")).body


async def test_a_message_of_another_box(office: Office) -> None:
    """Through the wrong box it is as good as missing."""
    here, there = await office.box(), await office.box()
    id = await office.message(here)
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", ""), ("GET", "/raw"), ("DELETE", "/raw")):
        told(await office.ask(method, f"/vmboxes/{there}/messages/{id}{path}", {"folder": "saved"}), 404)
    told(await office.send("PUT", f"/vmboxes/{there}/messages/{id}/raw", WAV), 404)
    assert "new" == (await office.get(f"/vmboxes/{here}/messages/{id}")).data["folder"]


async def test_a_whole_message_sent_back(office: Office) -> None:
    """Clients do that to change its folder; nothing but folder and box is taken from it."""
    box = await office.box()
    id = await office.message(box, **CALLER)
    before = (await office.get(f"/messages/{id}")).data
    after = await office.ask("POST", f"/messages/{id}", before | {"folder": "saved", "caller_id_name": "nobody"})
    assert before | {"folder": "saved", "read_status": "read"} == after.data


@pytest.mark.parametrize(
    ("data", "field"),
    [
        pytest.param({}, "folder", id="nothing"),
        pytest.param({"folder": "elsewhere"}, "folder", id="folder"),
        pytest.param({"source_id": NOWHERE}, "source_id", id="box"),
        pytest.param({"source_id": [NOWHERE]}, "source_id", id="boxes"),
        pytest.param({"source_id": 5}, "source_id", id="number"),
        pytest.param({"source_id": []}, "source_id", id="no-boxes"),
    ],
)
async def test_moves_to_nowhere(office: Office, data: dict[str, Any], field: str) -> None:
    """They are refused, and the message stays where it is."""
    box = await office.box()
    id = await office.message(box)
    assert field in told(await office.ask("POST", f"/vmboxes/{box}/messages/{id}", data), 400)
    assert [id] == await office.ids(f"/vmboxes/{box}/messages?folder=new")


async def test_deleting(office: Office) -> None:
    """A deleted message is gone, with its sound; a message in the folder `deleted` is not."""
    box = await office.box()
    id = await office.message(box)
    path = f"/vmboxes/{box}/messages/{id}"
    await office.ask("POST", path, {"folder": "deleted"})
    assert 200 == (await office.get(f"{path}/raw")).status
    assert (200, id) == ((gone := await office.ask("DELETE", path)).status, gone.data["id"])
    told(await office.get(path), 404)
    told(await office.get(f"{path}/raw"), 404)
    told(await office.ask("DELETE", path), 404)


async def test_many_are_not_patched(office: Office) -> None:
    """PATCH is for one message."""
    refused = await office.ask("PATCH", f"/vmboxes/{await office.box()}/messages", {"folder": "saved"})
    told(refused, 405)
    assert "PATCH" not in refused.headers["allow"]


async def test_changes_at_once(office: Office) -> None:
    """Uploads and moves of one message that race all take effect or are refused with 409; nothing else happens."""
    box, other = await office.box(), await office.box()
    id = await office.message(box)
    asked = [office.ask("POST", f"/messages/{id}", {"folder": "saved"}) for _ in range(3)]
    asked += [office.send("PUT", f"/messages/{id}/raw", WAV + bytes([number])) for number in range(3)]
    asked += [office.ask("POST", f"/messages/{id}", {"source_id": other})]
    answers = await asyncio.gather(*asked)
    assert {each.status for each in answers} <= {200, 201, 409}
    known = (await office.get(f"/messages/{id}")).data
    assert known["content_length"] == len((await office.get(f"/messages/{id}/raw")).body)
