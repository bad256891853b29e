"""The examples of the page that describes the realm style, as they are printed there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from crossbar.testing import small_world

from .realm_desk import NOWHERE, Desk, desk_in, told


@pytest.fixture(scope="module")
async def desk() -> AsyncIterator[Desk]:
    """The account whose prefix is the one on the page, in a world of its own."""
    world = await small_world()
    yield await desk_in(world, "1844")
    await world.app.stop()


async def test_a_list_a_new_one_and_each_by_its_id(desk: Desk) -> None:
    """`GET` and `POST /realm/{realm_id}/resource/`; `GET`, `PUT` and `DELETE .../resource/{resource_id}`."""
    collection = f"/client/{desk.id}/phone/"
    assert [] == await desk.get(f"{collection}?name=nobody")
    made = await desk.ask("POST", collection, {"name": "Desk"})
    assert (201, "Desk") == (made.status, made.json()["name"])
    one = f"{collection}{made.json()['id']}"
    assert made.json() == await desk.get(one)
    assert [made.json()] == await desk.get(f"{collection}?name=Desk")
    changed = await desk.ask("PUT", one, {"device_type": "softphone"})
    assert (200, "Desk", "softphone") == (changed.status, changed.json()["name"], changed.json()["device_type"])
    gone = await desk.ask("DELETE", one)
    assert (204, b"", None) == (gone.status, gone.body, gone.headers.get("content-type"))
    for method, data in (("GET", None), ("PUT", {"name": "Desk"}), ("DELETE", None)):
        told(await desk.ask(method, one, data), 404, "phone_not_found")


async def test_a_user_above_may_name_a_realm_below(desk: Desk) -> None:
    """`GET /extension/{extension_id}/phone/` by a user of the client level."""
    extension = await desk.extension("2001")
    assert [] == await desk.get(f"/extension/{extension}/phone/")


async def test_me_is_for_the_own_realm(desk: Desk) -> None:
    """`GET /extension/@me/phone/` is for a user of an extension, and invalid for one of a client."""
    extension = await desk.extension("2002")
    phone = await desk.made(f"/extension/{extension}/phone/", {"name": "Desk"})
    assert [phone] == await desk.get("/extension/@me/phone/", token=await desk.token_of(extension))
    message = told(await desk.ask("GET", "/extension/@me/phone/"), 403, "access_denied")
    assert "extension is not yours" in message


async def test_names_of_extensions(desk: Desk) -> None:
    """`GET /extension/@1844*101/phone/` and `GET /extension/@101/phone/`."""
    phone = await desk.made(f"/extension/{await desk.extension('101')}/phone/", {"name": "Desk"})
    assert [phone] == await desk.get("/extension/@1844*101/phone/")
    assert [phone] == await desk.get("/extension/@101/phone/")


async def test_without_a_realm(desk: Desk) -> None:
    """`/timezone/` is the same for everybody."""
    zones = await desk.get("/timezone/")
    assert "Europe/Berlin" in [zone["name"] for zone in zones]
    assert zones == await desk.get("/timezone/", token=await desk.token_of(await desk.extension("2003")))


async def test_a_filtered_list(desk: Desk) -> None:
    """`GET https://hostname/api/ver1.0/client/@me/extension/?extension_group_id=1&type=phone`, with a real id."""
    group = (await desk.made("/client/@me/extension_group/", {"name": "Sales"}))["id"]
    wanted = await desk.extension("2004", extension_group_id=group, type="phone")
    await desk.extension("2005", extension_group_id=group, type="queue")
    await desk.extension("2006", type="phone")
    rows = await desk.get(f"/client/@me/extension/?extension_group_id={group}&type=phone", host="hostname")
    assert [(wanted, group, "phone")] == [(row["id"], row["extension_group_id"], row["type"]) for row in rows]
    assert [] == await desk.get("/client/@me/extension/?extension_group_id=1&type=phone")


async def test_one_extension(desk: Desk) -> None:
    """`GET https://hostname/api/ver1.0/client/@me/extension/2`, with a real id; 404 for one that there is not."""
    extension = await desk.extension("2007")
    assert "2007" == (await desk.get(f"/client/@me/extension/{extension}"))["name"]
    told(await desk.ask("GET", "/client/@me/extension/2"), 404, "extension_not_found")
    told(await desk.ask("PUT", f"/client/@me/extension/{NOWHERE}", {"name": "1"}), 404, "extension_not_found")


async def test_defaults_of_a_new_one(desk: Desk) -> None:
    """A parameter that is optional takes its default; one that is null has no value."""
    made = await desk.made("/client/@me/extension/", {"name": "2008", "email": None, "timezone": None})
    assert ("phone", "active", None, None) == tuple(made[name] for name in ("type", "status", "email", "timezone"))
    assert not {"email", "timezone"} & {*await desk.stored("users", made["id"])}


@pytest.mark.parametrize("body", [b'{"name":', b"{name: 1}", b"nothing", b"{}x"])
async def test_malformed_json(desk: Desk, body: bytes) -> None:
    """`message` is `Bad Request` if, and only if, the JSON itself is malformed."""
    told_message = told(await desk.ask("POST", "/client/@me/extension/", body=body), 400, "invalid_envelope")
    assert "Bad Request" == told_message


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ({"name": "not a number"}, "name:"),
        (
            {"name": "2010", "type": "pigeon"},
            "type: Value not found in enumerated list of values: phone, queue, ivr, fax",
        ),
        ({"name": "2010", "email": 5}, "email:"),
        ({"name": "2010", "status": "gone"}, "status: must be one of active, blocked"),
        ({}, "last_name: Field is required"),
    ],
)
async def test_incorrect_parameters(desk: Desk, data: object, cause: str) -> None:
    """The cause stands in `message`, with the parameter as this API calls it, for new ones and for changes."""
    assert cause in told(await desk.ask("POST", "/client/@me/extension/", data), 400, "validation_error")
    if data:
        extension = (await desk.get("/client/@me/extension/?per_page=1"))[0]["id"]
        assert cause in told(await desk.ask("PUT", f"/extension/{extension}", data), 400, "validation_error")


async def test_what_is_not_passed_does_not_change(desk: Desk) -> None:
    """PUT changes the parameters that it names, and null takes one away."""
    extension = await desk.extension("2011", email="ada@example.com", timezone="Europe/Berlin")
    changed = await desk.ask("PUT", f"/client/@me/extension/{extension}", {"email": None})
    assert (200, None, "Europe/Berlin") == (changed.status, changed.json()["email"], changed.json()["timezone"])
    assert "email" not in await desk.stored("users", extension)


async def test_no_methods_beyond_those_that_a_resource_has(desk: Desk) -> None:
    """The set of methods is not always complete: 405 with those that there are, in the words of this API."""
    response = await desk.ask("DELETE", "/client/@me/extension/")
    told(response, 405, "invalid_method")
    assert "GET, HEAD, POST, OPTIONS" == response.headers["allow"]
    response = await desk.ask("POST", "/client/@me/cdr/", {})
    assert (405, "GET, HEAD, OPTIONS") == (response.status, response.headers["allow"])
    one = await desk.ask("PATCH", f"/client/@me/extension/{await desk.extension('2012')}", {})
    assert (405, "GET, HEAD, PUT, DELETE, OPTIONS") == (one.status, one.headers["allow"])
