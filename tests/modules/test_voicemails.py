"""Voicemail by itself: a view of the message store that has neither texts nor faxes."""

from __future__ import annotations

from typing import Any

import pytest

from .office import NOWHERE, PNG, WAV, Office, told

TEXT = {"from": "+12025550101", "to": "+18015550199", "text": "Hello", "direction": "inbound"}


@pytest.fixture
async def filled(office: Office) -> dict[str, Any]:
    """Two people, each with a box and a message, and a text of the first one's."""
    people: dict[str, Any] = {}
    for name in ("ada", "bo"):
        user, client = await office.login(number=f"10{len(people)}")
        box = await office.box(owner_id=user)
        people[name] = {"user": user, "client": client, "message": await office.message(box, length=1000)}
    sms = await office.form("PUT", "/sms", TEXT | {"owner_id": people["ada"]["user"]}, ("a.png", "image/png", PNG))
    assert 201 == sms.status, sms.body
    return people | {"sms": sms.data["id"]}


async def test_it_is_voicemail_alone(office: Office, filled: dict[str, Any]) -> None:
    """The list has all voicemail of the account and no text; what is no voicemail is not there."""
    ada, bo = filled["ada"], filled["bo"]
    assert {ada["message"], bo["message"]} == {*await office.ids("/voicemails")}
    assert {ada["message"], bo["message"], filled["sms"]} == {*await office.ids("/messages")}
    for path in ("", "/content"):
        told(await office.get(f"/voicemails/{filled['sms']}{path}"), 404)
        told(await office.get(f"/voicemails/{NOWHERE}{path}"), 404)
    told(await office.ask("DELETE", f"/voicemails/{filled['sms']}"), 404)
    told(await office.ask("PATCH", f"/voicemails/{filled['sms']}", {"read_status": "read"}), 404)
    told(await office.ask("PUT", "/voicemails", {"length": 1}), 405)


async def test_it_hangs_below_people(office: Office, filled: dict[str, Any]) -> None:
    """Below a user, and below the extension that the user is, there is their own."""
    ada, bo = filled["ada"], filled["bo"]
    for noun in ("users", "extensions"):
        assert [ada["message"]] == await office.ids(f"/{noun}/{ada['user']}/voicemails")
        assert 200 == (await office.get(f"/{noun}/{ada['user']}/voicemails/{ada['message']}")).status
        told(await office.get(f"/{noun}/{ada['user']}/voicemails/{bo['message']}"), 404)


async def test_users_have_their_own(office: Office, filled: dict[str, Any]) -> None:
    """A user sees, hears, marks and deletes their own messages, and nobody else's."""
    ada, bo = filled["ada"], filled["bo"]
    client = ada["client"]
    assert [ada["message"]] == [row["id"] for row in (await client.get("/account/voicemails")).data]
    for method, path, data in (
        ("GET", "", None),
        ("GET", "/content", None),
        ("PATCH", "", {"read_status": "read"}),
        ("DELETE", "", None),
    ):
        told(await client.request(method, f"/account/voicemails/{bo['message']}{path}", data), 404)
        response = await client.request(method, f"/account/voicemails/{ada['message']}{path}", data)
        assert 200 == response.status, response.body
    assert [bo["message"]] == await office.ids("/voicemails")


async def test_marking(office: Office, filled: dict[str, Any]) -> None:
    """Folder and read state change together, as at messages; nothing else does."""
    path = f"/voicemails/{filled['ada']['message']}"
    heard = (await office.ask("PATCH", path, {"read_status": "read"})).data
    assert ("saved", "read") == (heard["folder"], heard["read_status"])
    assert heard == (await office.ask("PATCH", path, heard)).data
    assert heard == (await office.get(path.replace("voicemails", "messages"))).data
    assert "folder" in told(await office.ask("PATCH", path, {"folder": "lost"}), 400)
    assert "text" in told(await office.ask("PATCH", path, {"text": "Hello"}), 400)
    assert [filled["ada"]["message"]] == await office.ids("/voicemails?filter_read_status=read")


async def test_the_sound(office: Office, filled: dict[str, Any]) -> None:
    """It is at `content`, in ranges if need be, and in the place of the document for who accepts sound."""
    path = f"/voicemails/{filled['ada']['message']}"
    whole = await office.get(f"{path}/content")
    assert (200, "audio/wav", WAV) == (whole.status, whole.headers["content-type"], whole.body)
    part = await office.get(f"{path}/content", headers={"range": "bytes=0-3"})
    assert (206, b"RIFF") == (part.status, part.body)
    assert WAV == (await office.get(path, headers={"accept": "audio/*"})).body
    assert "application/json" == (await office.get(path)).headers["content-type"]
    told(await office.get("/voicemails", headers={"accept": "audio/*"}), 406)


async def test_a_message_without_sound(office: Office) -> None:
    """It is listed, and has nothing to hear."""
    message = await office.message(await office.box(), content=b"", length=10)
    assert [message] == await office.ids("/voicemails")
    told(await office.get(f"/voicemails/{message}/content"), 404)
