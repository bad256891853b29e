"""Creating, changing and deleting in RingCentral's conventions, and what is refused there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar.testing import World, small_world

from .ringcentral_desk import NOWHERE, PNG, Desk, code, desk_in, settings

DEVICES = "/account/~/extension/~/device"
PEOPLE = "/account/~/extension"
ADA: dict[str, Any] = {"contact": {"firstName": "Ada", "lastName": "Byron"}, "extensionNumber": "7"}


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of one test's own."""
    return await desk_in(world)


@pytest.fixture(scope="module")
async def strict_world() -> AsyncIterator[World]:
    """An application where PUT replaces, 201 is for what was made, and 204 for what was gone already."""
    made = await small_world(settings=settings(put="replace", created=201, delete_missing=204))
    yield made
    await made.app.stop()


async def test_what_was_made(desk: Desk) -> None:
    """POST answers 200, with what a GET of its URI answers, and says where it is."""
    answer = await desk.ask("POST", PEOPLE, ADA)
    made = answer.json()
    assert answer.status == 200
    assert made["uri"].endswith(f"/restapi/v1.0/account/{desk.account}/extension/{made['id']}")
    location = answer.headers["location"]
    assert (await desk.get(location)).json() == made
    assert (await desk.get(f"{PEOPLE}/{made['id']}")).json() == made
    assert (made["extensionNumber"], made["type"], made["status"], made["contact"]) == (
        "7",
        "User",
        "Enabled",
        {"firstName": "Ada", "lastName": "Byron"},
    )
    kept = await desk.kept("users", made["id"])
    assert (kept["first_name"], kept["number"], kept["extension_type"], kept["enabled"]) == ("Ada", "7", "phone", True)


async def test_the_status_of_what_was_made(strict_world: World) -> None:
    """201 where the settings say so."""
    desk = await desk_in(strict_world)
    assert (await desk.ask("POST", PEOPLE, ADA)).status == 201


async def test_a_put_that_merges(desk: Desk) -> None:
    """The body may hold only what changes; the answer is the whole."""
    id = await desk.device("One", serial="001122334455")
    answer = await desk.ask("PUT", f"{DEVICES}/{id}", {"name": "Two"})
    assert (answer.status, answer.json()["name"], answer.json()["serial"]) == (200, "Two", "001122334455")


async def test_a_put_that_replaces(strict_world: World) -> None:
    """What is not named is gone; PATCH leaves it alone."""
    desk = await desk_in(strict_world)
    id = await desk.device("One", serial="001122334455")
    path = f"/account/~/device/{id}"
    assert (await desk.ask("PATCH", path, {"name": "Two"})).json()["serial"] == "001122334455"
    assert "serial" not in (await desk.ask("PUT", path, {"name": "Three"})).json()
    assert code(await desk.ask("PUT", path, {"serial": "001122334455"})) == (400, "CMN-101", "name")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_whole_representation_comes_back(desk: Desk, method: str) -> None:
    """Clients change one field and send all of them, with the URI and the times."""
    made = await desk.made(PEOPLE, ADA)
    before = await desk.kept("users", made["id"])
    answer = await desk.ask(method, f"{PEOPLE}/{made['id']}", made)
    assert answer.status == 200, answer.body
    assert await desk.kept("users", made["id"]) == before
    changed = await desk.ask(method, f"{PEOPLE}/{made['id']}", made | {"contact": {"firstName": "Augusta"}})
    assert changed.json()["contact"] == {"firstName": "Augusta", "lastName": "Byron"}


async def test_another_id_than_in_the_path(desk: Desk) -> None:
    """The id in the body is that of the path, or the request is about something else."""
    id = await desk.device()
    assert code(await desk.ask("PUT", f"{DEVICES}/{id}", {"id": NOWHERE, "name": "x"})) == (400, "CMN-108", "id")


async def test_deletion(desk: Desk) -> None:
    """204 without a body, and 404 for what is gone."""
    id = await desk.device()
    answer = await desk.ask("DELETE", f"{DEVICES}/{id}")
    assert (answer.status, answer.body, "content-type" in answer.headers) == (204, b"", False)
    assert code(await desk.ask("DELETE", f"{DEVICES}/{id}")) == (404, "CMN-102", "deviceId")


async def test_deletion_of_what_is_gone(strict_world: World) -> None:
    """204 where the settings say so, but only for what is named last, and nothing but DELETE."""
    desk = await desk_in(strict_world)
    id = await desk.device()
    for _ in range(2):
        answer = await desk.ask("DELETE", f"/account/~/device/{id}")
        assert (answer.status, answer.body) == (204, b"")
    assert (await desk.ask("DELETE", f"/account/~/device/{id},{NOWHERE}")).status == 204
    assert code(await desk.get(f"/account/~/device/{id}")) == (404, "CMN-102", "deviceId")
    assert code(await desk.ask("DELETE", f"/account/{NOWHERE}/device/{id}")) == (404, "CMN-102", "accountId")
    assert code(await desk.ask("DELETE", f"/account/~/extension/{NOWHERE}/device/{id}"))[0] == 404
    assert code(await desk.ask("DELETE", f"/account/~/device/{id}/nonsense")) == (404, "CMN-120", None)


async def test_methods_that_there_are_not(desk: Desk) -> None:
    """405 lists those that there are, in the verbs of this dialect."""
    answer = await desk.ask("POST", f"/account/~/call-log/{NOWHERE}", {})
    assert code(answer) == (405, "CMN-202", None)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    answer = await desk.ask("DELETE", PEOPLE)
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    answer = await desk.ask("POST", f"{PEOPLE}/{desk.extension}", {})
    assert {"GET", "PUT", "PATCH", "DELETE"} <= set(answer.headers["allow"].split(", "))


async def test_several_fields_at_once(desk: Desk) -> None:
    """Every field that breaks a rule is told, by its name in this dialect; the first one also at the top."""
    answer = await desk.ask("POST", PEOPLE, {"contact": {"firstName": 5}, "extensionNumber": "7x"})
    assert code(answer)[:2] == (400, "CMN-101")
    named = {error["parameterName"] for error in answer.json()["errors"]}
    assert named == {"contact.firstName", "contact.lastName", "extensionNumber"}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        pytest.param({"status": "Sleeping"}, "status", id="a-value-that-there-is-not"),
        pytest.param({"type": 5}, "type", id="a-value-of-another-type"),
        pytest.param({"regionalSettings": {"timezone": {"name": 5}}}, "regionalSettings.timezone.name", id="nested"),
    ],
)
async def test_fields_with_values_of_their_own(desk: Desk, sent: Any, name: str) -> None:
    """They are told by the name that the client knows."""
    assert code(await desk.ask("POST", PEOPLE, ADA | sent)) == (400, "CMN-101", name)


async def test_a_number_that_is_taken(desk: Desk) -> None:
    """It has a code of its own."""
    await desk.made(PEOPLE, ADA)
    assert code(await desk.ask("POST", PEOPLE, ADA)) == (400, "CMN-406", "extensionNumber")


@pytest.mark.parametrize(
    ("raw", "content_type", "expected"),
    [
        pytest.param(b'{"name": ', "application/json", (400, "CMN-103", None), id="malformed"),
        pytest.param(b"[]", "application/json", (400, "CMN-103", None), id="no-object"),
        pytest.param(b'{"name": "x"}', "text/plain", (415, "CMN-407", None), id="text"),
        pytest.param(b"<name/>", "application/xml", (415, "CMN-407", None), id="xml"),
        pytest.param(b"", "application/json", (400, "CMN-101", "name"), id="nothing"),
    ],
)
async def test_bodies_that_cannot_be_read(desk: Desk, raw: bytes, content_type: str, expected: Any) -> None:
    """Each has the code of what is wrong with it."""
    answer = await desk.ask("POST", DEVICES, body=raw, headers={"content-type": content_type})
    assert code(answer) == expected


async def test_types_that_are_not_offered(desk: Desk) -> None:
    """406 in the form of this dialect."""
    assert code(await desk.get("/account/~", {"accept": "image/png"})) == (406, "CMN-407", None)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_content_type_without_a_body(desk: Desk, method: str) -> None:
    """Clients say it of every request; it is no reason to complain."""
    id = await desk.device()
    answer = await desk.ask(method, f"{DEVICES}/{id}", headers={"content-type": "application/json"})
    assert answer.status in (200, 204)


async def test_a_photo(desk: Desk) -> None:
    """Files go up as they are, and are shown or saved under the name that the query says."""
    path = f"{PEOPLE}/~/photo"
    assert (await desk.ask("PUT", path, body=PNG, headers={"content-type": "image/png"})).status == 201
    shown = await desk.get(f"{path}?contentDisposition=Attachment&contentDispositionFilename=me.png")
    assert (shown.body, shown.headers["content-disposition"]) == (PNG, 'attachment; filename="me.png"')
    inline = await desk.get(f"{path}?contentDisposition=Inline")
    assert inline.headers["content-disposition"].startswith("inline")
    assert code(await desk.get(f"{path}?contentDisposition=Sideways")) == (400, "CMN-101", "contentDisposition")


async def test_whose_extension_it_is(world: World) -> None:
    """`~` is who asks, with a number or without; an account alone has no extension."""
    desk = await desk_in(world)
    id, person = await desk.person()
    answer = await person.get("/account/~/extension/~")
    assert (answer.status, answer.json()["id"]) == (200, id)
    assert (await person.get("/account/~/extension/~/device")).status == 200
    account = await world.app.tenants.account(desk.account)
    assert account is not None
    token = world.app.tokens.mint(account, None, "cb_api_auth")
    nobody = {"authorization": f"Bearer {token}"}
    assert code(await desk.get("/account/~/extension/~", nobody)) == (401, "CMN-405", None)
    assert (await desk.get("/account/~", nobody)).status == 200
