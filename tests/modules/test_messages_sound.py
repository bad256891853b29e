"""The sound of voicemail messages: a story from upload to deletion, pieces of it, and many in one ZIP file."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from .office import NOWHERE, WAV, Office, told


async def test_the_story_of_a_message(office: Office) -> None:
    """It is left, listed, heard in part, moved, heard again, and deleted."""
    here, there = await office.box(), await office.box()
    path = f"/vmboxes/{here}/messages"
    sound = bytes(range(256)) * 400
    made = await office.form("PUT", path, {"caller_id_number": "6001"}, ("call.wav", "audio/wav", sound))
    id = made.data["id"]
    assert [(id, "new")] == [(row["id"], row["folder"]) for row in (await office.get(path)).data]
    part = await office.get(f"{path}/{id}/raw", headers={"range": "bytes=1000-1999"})
    assert (206, f"bytes 1000-1999/{len(sound)}") == (part.status, part.headers["content-range"])
    assert sound[1000:2000] == part.body
    assert "new" == (await office.get(f"{path}/{id}")).data["folder"], "listening does not change the folder"
    tag = part.headers["etag"]
    assert 304 == (await office.get(f"{path}/{id}/raw", headers={"if-none-match": tag})).status
    await office.ask("POST", path, {"messages": [id], "source_id": there, "folder": "saved"})
    rest = await office.get(f"/vmboxes/{there}/messages/{id}/raw", headers={"range": "bytes=2000-", "if-range": tag})
    assert (206, sound[2000:]) == (rest.status, rest.body)
    assert [id] == (await office.ask("DELETE", f"/vmboxes/{there}/messages", {"messages": [id]})).data["succeeded"]
    told(await office.get(f"/vmboxes/{there}/messages/{id}/raw"), 404)


@pytest.mark.parametrize("accept", [None, "audio/mpeg", "audio/*;q=0.5", "application/json", "image/png"])
async def test_what_a_client_accepts(office: Office, accept: str | None) -> None:
    """A file is of the type that it is of; Kazoo's own example asks for another one."""
    id = await office.message(await office.box())
    raw = await office.get(f"/messages/{id}/raw", headers={"accept": accept} if accept else {})
    assert (200, "audio/wav", WAV) == (raw.status, raw.headers["content-type"], raw.body)


async def test_replacing_and_deleting_the_sound(office: Office) -> None:
    """A new sound takes the place of the old one; without any the message is as it was left."""
    box = await office.box()
    id = await office.message(box)
    raw = f"/vmboxes/{box}/messages/{id}/raw"
    assert 200 == (await office.send("PUT", raw, WAV * 2, "audio/mp3")).status
    assert 200 == (await office.form("PUT", raw, {}, ("voice.mp3", "audio/mp3", WAV * 3))).status
    assert WAV * 3 == (await office.get(raw)).body
    known = (await office.get(f"/messages/{id}")).data
    assert ("audio/mpeg", len(WAV) * 3) == (known["content_type"], known["content_length"])
    assert 200 == (await office.ask("DELETE", raw)).status
    told(await office.get(raw), 404)
    assert {"content_type", "content_length"}.isdisjoint((await office.get(f"/messages/{id}")).data)


async def archive(office: Office, path: str, ids: list[str], **headers: str) -> zipfile.ZipFile:
    """Fetch a ZIP file, and open it."""
    response = await office.ask("POST", path, {"messages": ids}, headers=headers)
    assert (200, "application/zip") == (response.status, response.headers["content-type"]), response.body
    assert 'attachment; filename="messages.zip"' == response.headers["content-disposition"]
    return zipfile.ZipFile(io.BytesIO(response.body))


@pytest.mark.parametrize("headers", [{}, {"accept": "application/zip"}, {"accept": "application/json"}])
async def test_many_in_one_file(office: Office, headers: dict[str, str]) -> None:
    """Each under a name of its own, as it was uploaded, in the order that was asked for."""
    box = await office.box()
    large = bytes(range(256)) * 3_000
    sounds = {await office.message(box, sound): sound for sound in (WAV, large, b"x")}
    found = await archive(office, f"/vmboxes/{box}/messages/raw", [*sounds, *sounds], **headers)
    assert found.testzip() is None
    assert [f"{id}-call.wav" for id in sounds] == found.namelist()
    assert list(sounds.values()) == [found.read(name) for name in found.namelist()]
    assert {zipfile.ZIP_STORED} == {entry.compress_type for entry in found.infolist()}
    assert 2026 <= found.infolist()[0].date_time[0]


async def test_many_of_several_boxes(office: Office) -> None:
    """Below the account they may be of any box."""
    ids = [await office.message(await office.box(), sound) for sound in (b"one", b"two")]
    found = await archive(office, "/messages/raw", ids)
    assert [b"one", b"two"] == [found.read(name) for name in found.namelist()]


async def test_names_in_the_file(office: Office) -> None:
    """A name never leads out of the folder that the file is unpacked in."""
    box = await office.box()
    names = ["../../etc/passwd", "/etc/passwd", "..\\..\\evil.wav", "C:\\evil.wav", "a\x00b.wav", "ж/../.wav"]
    ids = []
    for name in names:
        sent = await office.send("PUT", f"/vmboxes/{box}/messages", WAV, x_file_name=name.encode().decode("latin-1"))
        ids.append(sent.data["id"])
    for id, name in zip(ids, (await archive(office, "/messages/raw", ids)).namelist(), strict=True):
        assert name.startswith(f"{id}-")
        assert not {"/", "\\", ":", "\x00"} & set(name)


@pytest.mark.parametrize(
    ("data", "status", "where"),
    [
        pytest.param({}, 400, "messages", id="no-list"),
        pytest.param({"messages": []}, 400, "messages", id="no-ids"),
        pytest.param({"messages": [5]}, 400, "messages", id="numbers"),
        pytest.param({"ids": ["x"]}, 400, "ids", id="a-slip"),
        pytest.param({"messages": [NOWHERE, "../raw"]}, 404, "failed", id="not-there"),
    ],
)
async def test_what_cannot_be_fetched(office: Office, data: dict[str, Any], status: int, where: str) -> None:
    """It is refused as a whole: a ZIP file cannot tell what is missing from it."""
    refused = told(await office.ask("POST", f"/vmboxes/{await office.box()}/messages/raw", data), status)
    assert any(key.partition(".")[0] == where for key in refused)


async def test_messages_without_sound(office: Office) -> None:
    """They are named, with those that are not there or in another box."""
    box, other = await office.box(), await office.box()
    good, silent, elsewhere = (
        await office.message(box),
        await office.message(box, b""),
        await office.message(other),
    )
    data = {"messages": [good, silent, elsewhere]}
    refused = told(await office.ask("POST", f"/vmboxes/{box}/messages/raw", data), 404)
    assert [{silent: "no_file"}, {elsewhere: "not_found"}] == refused["failed"]


async def test_other_verbs_and_bodies(office: Office) -> None:
    """`messages/raw` is only there for POST with a list; it is no message."""
    path = f"/vmboxes/{await office.box()}/messages/raw"
    for method in ("GET", "PUT", "DELETE"):
        refused = await office.ask(method, path, {})
        told(refused, 405)
        assert "POST" in refused.headers["allow"]
    told(await office.send("POST", path, WAV), 415)
