"""Recordings of calls: who writes them, who hears them, and how the sound is fetched."""

from __future__ import annotations

from typing import Any

import pytest

from .office import NOWHERE, PDF, WAV, Office, told

CALL: dict[str, Any] = {
    "call_id": "4c1d@carrier.example.com",
    "name": "Order",
    "direction": "inbound",
    "duration": 12.5,
}


async def recording(office: Office, content: bytes = WAV, **more: Any) -> str:
    """Make a recording with its sound."""
    made = await office.form("PUT", "/recordings", CALL | more, ("call.wav", "audio/wav", content))
    assert 201 == made.status, made.body
    return str(made.data["id"])


async def test_a_recording_lives(office: Office) -> None:
    """It is made, gets its sound, is listed, renamed and deleted; nobody puts another one in its place."""
    made = await office.ask("PUT", "/recordings", CALL)
    at = f"/recordings/{made.data['id']}"
    assert (201, True) == (made.status, made.data["start"] > 63_000_000_000)
    told(await office.get(f"{at}/content"), 404)
    assert 201 == (await office.send("PUT", f"{at}/content", WAV)).status
    [row] = (await office.get("/recordings")).data
    assert CALL.items() <= row.items()
    assert ("audio/wav", len(WAV)) == (row["content_type"], row["content_length"])
    renamed = await office.ask("PATCH", at, {"name": "Complaint", "content_type": "text/html", "start": 5})
    assert (200, "Complaint", "audio/wav", 5) == (
        renamed.status,
        *(renamed.data[key] for key in ("name", "content_type", "start")),
    )
    told(await office.ask("POST", at, CALL), 405)
    assert 200 == (await office.ask("DELETE", at)).status
    for path in (at, f"{at}/content"):
        told(await office.get(path), 404)


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        pytest.param({"call_id": ""}, "call_id", "minLength", id="no-call"),
        pytest.param({"direction": "up"}, "direction", "enum", id="direction"),
        pytest.param({"duration": -1}, "duration", "minimum", id="negative"),
        pytest.param({"duration": "long"}, "duration", "type", id="words"),
        pytest.param({"start": 1.5}, "start", "type", id="half-a-second"),
        pytest.param({"owner_id": ""}, "owner_id", "minLength", id="owner"),
        pytest.param({"name": None}, "name", "type", id="null"),
    ],
)
async def test_what_is_no_recording(office: Office, wrong: dict[str, Any], field: str, rule: str) -> None:
    """What breaks the schema is refused with field and rule."""
    assert rule in told(await office.ask("PUT", "/recordings", CALL | wrong), 400)[field]
    assert [] == await office.ids("/recordings")


async def test_a_call_is_needed(office: Office) -> None:
    """A recording is that of a call, also if only its sound is sent."""
    assert "required" in told(await office.ask("PUT", "/recordings", {}), 400)["call_id"]
    assert "required" in told(await office.send("PUT", "/recordings", WAV), 400)["call_id"]


async def test_only_sound(office: Office) -> None:
    """Anything else is refused, and nothing is left of it."""
    at = f"/recordings/{await office.made('/recordings', CALL)}"
    told(await office.send("PUT", f"{at}/content", PDF, "application/pdf"), 415)
    told(await office.form("PUT", "/recordings", CALL, ("a.pdf", "application/pdf", PDF)), 415)
    told(await office.get(f"{at}/content"), 404)
    assert 1 == len(await office.ids("/recordings"))


async def test_the_sound(office: Office) -> None:
    """It comes whole or in part, inline, with the type that it has; without it, the recording stays."""
    at = f"/recordings/{await recording(office)}"
    whole = await office.get(f"{at}/content")
    part = await office.get(f"{at}/content", headers={"range": "bytes=4-9"})
    assert (200, WAV, "audio/wav") == (whole.status, whole.body, whole.headers["content-type"])
    assert (206, WAV[4:10], f"bytes 4-9/{len(WAV)}") == (part.status, part.body, part.headers["content-range"])
    assert whole.headers["content-disposition"].startswith("inline")
    assert 200 == (await office.ask("DELETE", f"{at}/content")).status
    assert {"content_type", "content_length"}.isdisjoint((await office.get(at)).data)


@pytest.mark.parametrize("accept", ["audio/mpeg", "audio/*", "audio/wav;q=0.5", "audio/ogg,audio/*;q=0.9,*/*;q=0.5"])
async def test_the_sound_by_what_is_accepted(office: Office, accept: str) -> None:
    """Kazoo's clients ask the recording itself for its sound; they get it as it was stored, in parts as well."""
    at = f"/recordings/{await recording(office)}"
    found = await office.get(at, headers={"accept": accept})
    part = await office.get(at, headers={"accept": accept, "range": "bytes=0-3"})
    assert (200, "audio/wav", WAV) == (found.status, found.headers["content-type"], found.body)
    assert (206, WAV[:4]) == (part.status, part.body)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html,*/*;q=0.8", "application/json,audio/*"])
async def test_the_document_by_what_is_accepted(office: Office, accept: str) -> None:
    """Whoever does not prefer sound gets the document."""
    id = await recording(office)
    assert id == (await office.get(f"/recordings/{id}", headers={"accept": accept})).data["id"]


async def test_what_has_no_sound(office: Office) -> None:
    """A recording without one is a 404 for those who ask for it, and a list of recordings never is one."""
    bare = await office.made("/recordings", CALL)
    told(await office.get(f"/recordings/{bare}", headers={"accept": "audio/mpeg"}), 404)
    told(await office.get("/recordings", headers={"accept": "audio/mpeg"}), 406)
    told(await office.get(f"/recordings/{bare}", headers={"accept": "image/png"}), 406)
    written = await office.ask("PATCH", f"/recordings/{bare}", {"name": "Mine"}, headers={"accept": "audio/mpeg"})
    assert (200, "Mine") == (written.status, written.data["name"])


async def test_a_table(office: Office) -> None:
    """Lists come as CSV and line by line, too."""
    id = await recording(office)
    assert id in (await office.get("/recordings?accept=csv")).body.decode()
    assert id in (await office.get("/recordings", headers={"accept": "application/x-ndjson"})).body.decode()


async def test_whose_they_are(office: Office) -> None:
    """Users hear their own, by every path, and change none."""
    ada, client = await office.login(number="1")
    mine, theirs = await recording(office, owner_id=ada), await recording(office, owner_id=NOWHERE)
    user = Office(office.world, client, office.id)
    for path in ("/recordings", f"/users/{ada}/recordings", f"/extensions/{ada}/recordings"):
        assert [mine] == await user.ids(path)
    assert {mine, theirs} == set(await office.ids("/recordings"))
    assert WAV == (await user.get(f"/extensions/{ada}/recordings/{mine}/content")).body
    for path in (f"/recordings/{theirs}", f"/recordings/{theirs}/content", f"/users/{NOWHERE}/recordings"):
        told(await user.get(path), 404)
    told(await user.get(f"/recordings/{theirs}", headers={"accept": "audio/wav"}), 404)
    for method, path in (
        ("PUT", "/recordings"),
        ("PATCH", f"/recordings/{mine}"),
        ("DELETE", f"/recordings/{mine}"),
        ("DELETE", f"/recordings/{mine}/content"),
    ):
        told(await user.ask(method, path, CALL), 403)
    told(await user.send("PUT", f"/recordings/{mine}/content", WAV * 2), 403)
    assert WAV == (await office.get(f"/recordings/{mine}/content")).body


async def test_made_below_an_extension(office: Office) -> None:
    """It belongs to whom the path names, whatever the body says."""
    ada = await office.user(number="1")
    id = await office.made(f"/extensions/{ada}/recordings", CALL | {"owner_id": NOWHERE})
    assert ada == (await office.get(f"/recordings/{id}")).data["owner_id"]


async def test_filters(office: Office) -> None:
    """The recordings of one call, leg or direction."""
    one = await recording(office, interaction_id="63899999999-0000000a", cdr_id="203001-x")
    await recording(office, direction="outbound", call_id="other")
    words = {"interaction_id": "63899999999-0000000a", "cdr_id": "203001-x", "call_id": CALL["call_id"]}
    for field, value in (words | {"direction": "inbound"}).items():
        assert [one] == await office.ids(f"/recordings?filter_{field}={value}")


@pytest.mark.parametrize("path", ["/recordings", f"/recordings/{NOWHERE}", f"/recordings/{NOWHERE}/content"])
async def test_another_tenant(office: Office, path: str) -> None:
    """The account of strangers is as good as missing."""
    told(await office.client.get(f"/accounts/{office.world.stranger}{path}"), 404)
