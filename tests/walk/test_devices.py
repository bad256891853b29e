"""Devices: who owns them, which are there, and the wish that they fetch their configuration."""

from __future__ import annotations

import pytest

from .tools import Home, ids, refused

USER = {"first_name": "Ada", "last_name": "Byron"}
SPELLINGS = ["02:00:5e:00:53:0a", "02-00-5E-00-53-0A", "02005E00530A", "02005e00530a", "0200:5E00:530a"]


@pytest.mark.parametrize("mac", SPELLINGS)
async def test_a_mac_address_is_written_one_way(home: Home, mac: str) -> None:
    """However a MAC address is written, it is kept as twelve hex digits."""
    id = await home.made("/devices", {"name": "Desk", "mac_address": mac})
    assert "02005e00530a" == (await home.get(f"/devices/{id}")).data["mac_address"]
    assert "02005e00530a" == (await home.patch(f"/devices/{id}", {"mac_address": mac})).data["mac_address"]


async def test_one_mac_address_one_device(home: Home) -> None:
    """Another spelling is no other address."""
    await home.made("/devices", {"name": "Desk", "mac_address": SPELLINGS[0]})
    for mac in SPELLINGS:
        response = await home.put("/devices", {"name": "Hall", "mac_address": mac})
        assert {"mac_address": ["unique"]} == {
            field: list(codes) for field, codes in refused(response, 400, "validation error").items()
        }


@pytest.mark.parametrize(
    "mac", ["", "02005e0053", "02005e00530g", "02:00:5e:00:53:0a:0b", "\u0660" * 12, "02005e00530a\n"]
)
async def test_what_is_no_mac_address(home: Home, mac: str) -> None:
    """Anything else is refused."""
    response = await home.put("/devices", {"name": "Desk", "mac_address": mac})
    assert {"mac_address"} == set(refused(response, 400, "validation error"))


async def test_devices_of_a_user(home: Home) -> None:
    """A device belongs to the user that it is made below or that it names; listings below a user show those."""
    ada, bob = [await home.made("/users", USER) for _ in range(2)]
    below = await home.made(f"/users/{ada}/devices", {"name": "Below"})
    named = await home.made("/devices", {"name": "Named", "owner_id": ada})
    other = await home.made("/devices", {"name": "Other", "owner_id": bob})
    loose = await home.made("/devices", {"name": "Loose"})
    assert {below, named} == set(ids(await home.get(f"/users/{ada}/devices")))
    assert {other} == set(ids(await home.get(f"/users/{bob}/devices")))
    assert {below, named, other, loose} == set(ids(await home.get("/devices")))
    assert ada == (await home.get(f"/devices/{below}")).data["owner_id"]
    assert {below, named} == set(ids(await home.get(f"/devices?filter_owner_id={ada}")))


async def test_a_device_changes_hands(home: Home) -> None:
    """A device follows its owner's id."""
    ada, bob = [await home.made("/users", USER) for _ in range(2)]
    device = await home.made(f"/users/{ada}/devices", {"name": "Desk"})
    assert 200 == (await home.patch(f"/devices/{device}", {"owner_id": bob})).status
    refused(await home.get(f"/users/{ada}/devices/{device}"), 404)
    assert 200 == (await home.get(f"/users/{bob}/devices/{device}")).status


async def test_the_devices_of_a_user_who_is_gone(home: Home) -> None:
    """A deleted user has no devices to be asked about; they stay in the account."""
    ada = await home.made("/users", USER)
    device = await home.made(f"/users/{ada}/devices", {"name": "Desk"})
    assert 200 == (await home.delete(f"/users/{ada}")).status
    refused(await home.get(f"/users/{ada}/devices"), 404, "bad_identifier")
    assert 200 == (await home.get(f"/devices/{device}")).status


async def test_status(home: Home) -> None:
    """`status` tells which devices are registered now."""
    assert (200, []) == ((response := await home.get("/devices/status")).status, response.data)
    device = await home.made("/devices", {"name": "Desk"})
    await home.made("/devices", {"name": "Off"})
    await home.stored("registrations", [{"id": device}])
    assert [{"device_id": device, "registered": True}] == (await home.get("/devices/status")).data


@pytest.mark.parametrize("data", [None, {}, {"action": "sync"}], ids=["no-body", "empty", "action"])
async def test_sync(home: Home, data: object) -> None:
    """`sync` is accepted, with a body or without, and leaves the device as it is for clients."""
    device = await home.made("/devices", {"name": "Desk"})
    before = (await home.get(f"/devices/{device}")).data
    response = await home.post(f"/devices/{device}/sync", data)
    assert response.status in (200, 202)
    assert before == (await home.get(f"/devices/{device}")).data


async def test_sync_below_the_owner(home: Home) -> None:
    """A user's device is synchronised below the user as well."""
    ada = await home.made("/users", USER)
    device = await home.made(f"/users/{ada}/devices", {"name": "Desk"})
    assert (await home.post(f"/users/{ada}/devices/{device}/sync")).status in (200, 202)


async def test_sync_of_nothing(home: Home) -> None:
    """Only a device can be synchronised."""
    refused(await home.post("/devices/nobody/sync"), 404, "bad_identifier")
    refused(await home.get("/devices/nobody/sync"), 405)
    refused(await home.post("/devices/nobody/unsync"), 404)


async def test_a_device_called_status_cannot_be_made(home: Home) -> None:
    """A literal of the path is never an id, since ids are made here."""
    response = await home.put("/devices", {"name": "Desk", "id": "status"})
    assert response.status == 400 or response.data["id"] != "status"
