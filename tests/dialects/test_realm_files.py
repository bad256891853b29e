"""Files of the realm style: the sound of recordings and of voicemail, and where it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import pytest

from crossbar.testing import Client, World

from .realm_desk import API, NOWHERE, Desk, desk_in, told, world_with

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(256)) * 8


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of the test's own, with an extension."""
    desk = await desk_in(world)
    await desk.extension("101")
    return desk


async def recording(desk: Desk) -> str:
    """The path of a recording of the extension's, with its sound."""
    id = (await desk.made("/extension/@101/record/", {"call_id": "leg"}))["id"]
    put = await desk.ask("PUT", f"/record/{id}/content/", body=WAV, content_type="audio/wav")
    assert put.status in (200, 201), put.body
    return f"/record/{id}"


async def voicemail(desk: Desk) -> str:
    """The path of a message for the extension, which was left in its box through Crossbar's own API."""
    owner = (await desk.get("/extension/@101"))["id"]
    client = Client(desk.world.app, desk.token)
    box = (await client.put("/account/vmboxes", {"name": "Box", "mailbox": "101", "owner_id": owner})).data["id"]
    message = (await client.put(f"/account/vmboxes/{box}/messages", {"length": 1000})).data["id"]
    fields = {"content-type": "audio/wav"}
    put = await client.request("PUT", f"/account/messages/{message}/raw", body=WAV, headers=fields)
    assert put.status in (200, 201), put.body
    return f"/voicemail/{message}"


Make = Callable[[Desk], Awaitable[str]]
FILES = pytest.mark.parametrize("make", [recording, voicemail])


@FILES
async def test_the_sound_by_accept(desk: Desk, make: Make) -> None:
    """The object itself is the sound, for who accepts sound and no JSON; else it is JSON."""
    path = await make(desk)
    for accept in ("audio/*", "audio/wav, audio/mpeg;q=0.5"):
        response = await desk.ask("GET", path, accept=accept)
        assert (200, "audio/wav", WAV) == (response.status, response.headers["content-type"], response.body)
        assert "filename=" in response.headers["content-disposition"]
    for accept in ("", "*/*", "application/json", "application/json, text/plain, */*"):
        response = await desk.ask("GET", path, accept=accept)
        assert (200, "application/json") == (response.status, response.headers["content-type"])
    collection = path.rpartition("/")[0]
    told(await desk.ask("GET", f"{collection}/", accept="audio/*"), 406, "not_acceptable")


@FILES
@pytest.mark.parametrize(
    ("range", "part"),
    [("bytes=0-3", WAV[:4]), ("bytes=-10", WAV[-10:]), (f"bytes={len(WAV) - 5}-", WAV[-5:]), ("bytes=0-999999", WAV)],
)
async def test_a_part_of_the_sound(desk: Desk, make: Make, range: str, part: bytes) -> None:
    """Players ask for ranges, by either path to the sound."""
    path = await make(desk)
    for target, accept in ((f"{path}/content/", "*/*"), (path, "audio/*")):
        response = await desk.ask("GET", target, range=range, accept=accept)
        assert (206, part) == (response.status, response.body)
        assert response.headers["content-range"].endswith(f"/{len(WAV)}")
    refused = await desk.ask("GET", f"{path}/content/", range=f"bytes={len(WAV)}-")
    told(refused, 416, "range_not_satisfiable")
    head = await desk.ask("HEAD", f"{path}/content/")
    assert (200, str(len(WAV)), b"") == (head.status, head.headers["content-length"], head.body)


async def test_where_the_sound_is(desk: Desk) -> None:
    """`storage_url` has the address of the sound, below the client and by ids, and null before there is any."""
    empty = (await desk.made("/client/@me/record/", {"call_id": "leg"}))["id"]
    assert {"record_url": None} == await desk.get(f"/record/{empty}/storage_url/")
    path = await recording(desk)
    url = (await desk.get(f"{path}/storage_url/", host="api.example.com"))["record_url"]
    assert f"http://api.example.com{API}/client/{desk.id}{path}/content/" == url
    sound = await desk.ask("GET", f"/{urlsplit(url).path}")
    assert WAV == sound.body
    below = await desk.get(f"/extension/@101{path}/storage_url", host="api.example.com")
    assert below["record_url"].startswith(f"http://api.example.com{API}/client/{desk.id}/extension/")
    strange = await desk.get(f"{path}/storage_url/", host="evil.example.com/x?y=")
    assert strange["record_url"].startswith(API)


async def test_links_only_say_where(desk: Desk) -> None:
    """Nothing is changed or deleted by the path of the links, and who may not see the recording sees none."""
    path = await recording(desk)
    for method in ("PUT", "POST", "PATCH", "DELETE"):
        response = await desk.ask(method, f"{path}/storage_url/", {} if method != "DELETE" else None)
        told(response, 405, "invalid_method")
        assert "GET, HEAD, OPTIONS" == response.headers["allow"]
    asked = await desk.ask("OPTIONS", f"{path}/storage_url/", token="")
    assert (204, "GET, HEAD, OPTIONS", b"") == (asked.status, asked.headers["allow"], asked.body)
    assert 200 == (await desk.ask("HEAD", f"{path}/storage_url/")).status
    assert WAV == (await desk.ask("GET", f"{path}/content/")).body
    stranger = await desk.token_of(await desk.extension("102"))
    told(await desk.ask("GET", f"{path}/storage_url/", token=stranger), 404, "record_not_found")
    told(await desk.ask("GET", f"/record/{NOWHERE}/storage_url/"), 404, "record_not_found")
    told(await desk.ask("GET", f"{path}/storage_url/", token=""), 401, "unauthorized")
    for other in ("phone", "extension"):
        assert 404 == (await desk.ask("GET", f"/{other}/{NOWHERE}/storage_url/")).status


async def test_the_address_of_the_settings() -> None:
    """Links begin with the address that the settings have, if they have one."""
    async with world_with() as world:
        desk = await desk_in(world)
        id = (await desk.made("/client/@me/record/", {"call_id": "leg"}))["id"]
        await desk.ask("PUT", f"/record/{id}/content/", body=WAV, content_type="audio/wav")
        url = (await desk.get(f"/record/{id}/storage_url/"))["record_url"]
        assert url.startswith("http://testserver/api/ver1.0/client/")


async def test_voicemail_as_clients_use_it(desk: Desk) -> None:
    """A list below the extension; marking as heard; deleting. Nothing else of a message changes."""
    path = await voicemail(desk)
    rows = await desk.get("/extension/@101/voicemail/")
    assert [(path.rpartition("/")[2], "unread")] == [(row["id"], row["read_status"]) for row in rows]
    heard = await desk.ask("PUT", path, {"read_status": "read"})
    assert (200, "read", "saved") == (heard.status, heard.json()["read_status"], heard.json()["folder"])
    assert (200, heard.json()) == ((again := await desk.ask("PUT", path, heard.json())).status, again.json())
    told(await desk.ask("PUT", path, {"caller_id_name": "Nobody"}), 400, "validation_error")
    assert [] == await desk.get("/extension/@101/voicemail/?read_status=unread")
    assert 204 == (await desk.ask("DELETE", path)).status
    told(await desk.ask("GET", path), 404, "voicemail_not_found")
