"""What clients rely on in every dialect: addresses that hold, files that go, and what becomes of odd bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from crossbar import Resource
from crossbar.settings import Dialects, RingCentral
from crossbar.testing import QUICK, World, small_world

from ..walk.tools import wire
from .ringcentral_desk import PNG, Desk, desk_in

OWN = "/account/~/extension/~"


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of the test's own."""
    return await desk_in(world)


class Boats(Resource):
    """Boats of users, by a module that has never heard of extensions."""

    name = "boats"
    parents = {"users": "owner_id"}


@pytest.fixture
async def harbour() -> AsyncIterator[World]:
    """An application whose clients know it by another address, and which has boats."""
    dialects = Dialects(url="https://api.example.com/base", ringcentral=RingCentral(put="replace"))
    made = await small_world(settings=replace(QUICK, dialects=dialects), endpoints=[Boats()])
    yield made
    await made.app.stop()


@pytest.mark.parametrize("root", [f"/restapi/v1.0{OWN}", "/api/ver1.0/extension/{id}"])
async def test_a_file_that_is_deleted(desk: Desk, root: str) -> None:
    """204 says all that there is to say."""
    path = root.format(id=desk.extension) + "/photo"
    headers = {"content-type": "image/png"}
    assert 201 == (await desk.client.request("PUT", path, body=PNG, headers=headers)).status
    gone = await desk.client.request("DELETE", path)
    assert (204, b"") == (gone.status, gone.body)
    assert 404 == (await desk.client.request("GET", path)).status


@pytest.mark.parametrize("path", ["/v2/about", "/restapi/v1.0/about", "/api/ver1.0/about"])
async def test_who_is_nobody_is_told_how_to_be_somebody(desk: Desk, path: str) -> None:
    """A 401 names the scheme, and says whether a token that came was no good (RFC 6750, 3.1)."""
    without = await desk.client.request("GET", path, headers={"authorization": ""})
    wrong = await desk.client.request("GET", path, headers={"authorization": "Bearer nonsense"})
    told = [(each.status, each.headers["www-authenticate"]) for each in (without, wrong)]
    assert [(401, "Bearer"), (401, 'Bearer error="invalid_token"')] == told


@pytest.mark.parametrize("wrong", ["text", ["a"], 5, True])
async def test_a_scalar_where_fields_are(desk: Desk, wrong: Any) -> None:
    """What is no object cannot hold our fields, and is told by the name that the client used."""
    refused = await desk.ask("PUT", OWN, {"contact": wrong})
    assert (400, "contact") == (refused.status, refused.json()["errors"][0]["parameterName"])
    assert "contact" not in await desk.kept("users", desk.extension)


async def test_null_where_fields_are(desk: Desk) -> None:
    """Null takes away all that is inside, as it does for each of them."""
    given = await desk.ask("PUT", OWN, {"contact": {"email": "ada@example.com"}})
    assert "ada@example.com" == given.json()["contact"]["email"]
    taken = await desk.ask("PATCH", OWN, {"regionalSettings": None, "contact": {"email": None}})
    assert (200, False) == (taken.status, "email" in taken.json()["contact"])


async def test_recipients_that_lack_something(desk: Desk) -> None:
    """Nobody is left out without a word."""
    to = [{"phoneNumber": "+1"}, {"extensionNumber": "102"}]
    refused = await desk.ask("POST", f"{OWN}/sms", {"from": {"phoneNumber": "+2"}, "to": to, "text": "a"})
    assert (400, "to.phoneNumber") == (refused.status, refused.json()["parameterName"])


async def test_what_a_client_invents_is_its_own(desk: Desk) -> None:
    """Names inside of it are not ours, however they look, and stay as they are in whichever dialect."""
    own = {"callerId": {"callerId": 1, "caller_id": 2}, "caller_id": [{"firstName": 3}]}
    id = await desk.device(myData=own)
    assert own == (await desk.kept("devices", id))["myData"]
    shown = (await desk.get(f"/account/~/device/{id}")).json()
    assert own == shown["myData"]
    assert 200 == (await desk.ask("PUT", f"/account/~/device/{id}", shown)).status
    assert own == (await desk.kept("devices", id))["myData"]


async def test_a_replacing_put_keeps_what_is_not_the_clients_to_set(harbour: World) -> None:
    """A fax that is sent back as it was shown is the same fax, of the same owner and time."""
    desk = await desk_in(harbour)
    fax = await desk.made(f"{OWN}/fax", {"to": [{"phoneNumber": "+1"}], "from": {"phoneNumber": "+2"}})
    before = await desk.kept("messages", fax["id"])
    assert desk.extension == before["owner_id"]
    assert 200 == (await desk.ask("PUT", f"{OWN}/fax/{fax['id']}", fax)).status
    assert before == await desk.kept("messages", fax["id"])


async def test_a_header_field_that_stands_twice(desk: Desk) -> None:
    """Two methods in two fields are a conflict, whichever stands first."""
    id = await desk.device()
    path = f"/restapi/v1.0/account/~/device/{id}".encode()
    for methods in ((b"PUT", b"DELETE"), (b"DELETE", b"PUT")):
        fields = [(b"authorization", f"Bearer {desk.client.token}".encode())]
        fields += [(b"x-http-method-override", method) for method in methods]
        answer = await wire(desk.world.app, "POST", path, fields)
        assert (400, "CMN-407") == (answer.status, answer.json()["errorCode"])
    assert await desk.kept("devices", id)


async def test_where_something_was_made(desk: Desk) -> None:
    """`Location` has no alias in it: it means the same to everybody."""
    made = await desk.ask("POST", f"{OWN}/device", {"name": "Desk"})
    place = f"/restapi/v1.0/account/{desk.account}/extension/{desk.extension}/device/{made.json()['id']}"
    assert place == made.headers["location"]
    assert made.json()["uri"].endswith(place)


async def test_the_address_that_clients_know(harbour: World) -> None:
    """`Location`, `Link` and URIs lead below the address of the settings, in every dialect."""
    desk = await desk_in(harbour)
    base = "https://api.example.com/base"
    made = await desk.ask("POST", f"{OWN}/device", {"name": "Desk"})
    assert made.headers["location"] == made.json()["uri"]
    assert made.json()["uri"].startswith(f"{base}/restapi/v1.0/account/{desk.account}/")
    await desk.device("Another")
    listed = await desk.client.request("GET", "/api/ver1.0/client/@me/phone/?per_page=1")
    assert listed.headers["link"].startswith(f"<{base}/api/ver1.0/client/@me/phone/?per_page=1&")
    crossbars = await desk.client.request("PUT", f"/v2/accounts/{desk.account}/devices", {"name": "Third"})
    assert crossbars.headers["location"].startswith(f"{base}/v2/accounts/{desk.account}/devices/")


async def test_what_belongs_to_users_belongs_to_extensions(harbour: World) -> None:
    """A module need not know that users go by another name too."""
    desk = await desk_in(harbour)
    made = await desk.made(f"{OWN}/boats", {"name": "Argo"})
    assert desk.extension == (await desk.kept("boats", made["id"]))["owner_id"]
    assert [made["id"]] == await desk.ids(f"{OWN}/boats")
    other = await desk.made("/account/~/extension", {"contact": {"firstName": "Bo", "lastName": "Li"}})
    assert [] == await desk.ids(f"/account/~/extension/{other['id']}/boats")
    assert 404 == (await desk.get(f"/account/~/extension/{other['id']}/boats/{made['id']}")).status


@pytest.mark.parametrize(
    "disposition",
    ["", "attachment", "attachment; filename*=UTF-8''b.txt", "attachment; filename=b.txt"],
)
async def test_a_text_that_is_a_file(desk: Desk, disposition: str) -> None:
    """In a mixed body all parts but the JSON are files, what they call themselves or not."""
    head = "Content-Type: text/plain\r\n" + (f"Content-Disposition: {disposition}\r\n" if disposition else "")
    message = orjson.dumps({"from": {"phoneNumber": "+2"}, "to": [{"phoneNumber": "+1"}], "text": "a"}).decode()
    body = f"--x\r\nContent-Type: application/json\r\n\r\n{message}\r\n--x\r\n{head}\r\nhello\r\n--x--\r\n"
    headers = {"content-type": "multipart/mixed; boundary=x"}
    sent = await desk.ask("POST", f"{OWN}/sms", headers=headers, body=body.encode())
    assert (200, 1) == (sent.status, len(sent.json()["attachments"])), sent.body
    assert b"hello" == (await desk.client.request("GET", sent.json()["attachments"][0]["uri"])).body
