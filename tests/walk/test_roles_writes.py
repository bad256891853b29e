"""What users may write: documents of their own stay their own, and what gives rights is not theirs to change."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.testing import Client

from .staff import Staff
from .tools import refused


async def stored(staff: Staff, kind: str) -> dict[str, dict[str, Any]]:
    """Everything of a kind in the account, by id."""
    rows = (await staff.clients["boss"].get(staff.home.at(f"/{kind}?full_docs=true&page_size=1000"))).data
    return {row["id"]: row for row in rows}


# Owners.

OTHERS: dict[str, Any] = {
    "bob": "{bob}",
    "boss": "{boss}",
    "nobody there": "f" * 32,
    "empty": "",
    "false": False,
    "a list": ["{ada}"],
    "an object": {"id": "{ada}"},
}


def filled(value: Any, staff: Staff) -> Any:
    """A value with the ids of people."""
    if isinstance(value, str):
        return value.format(**staff.users)
    return [filled(each, staff) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", ["/devices", "/users/{user}/devices"])
async def test_what_a_user_makes_is_theirs(staff: Staff, path: str) -> None:
    """A new document gets the id of the user as its owner, whether they write it, leave it out or write null."""
    ada = staff.clients["ada"]
    for more in ({}, {"owner_id": staff.users["ada"]}):
        response = await ada.put(staff.at(path, "ada"), {"name": "Hall", **more})
        assert (201, staff.users["ada"]) == (response.status, response.data["owner_id"])
    response = await ada.put(staff.at(path, "ada"), {"name": "Hall", "owner_id": None})
    assert (201, staff.users["ada"]) == (response.status, response.data["owner_id"])


@pytest.mark.parametrize("whose", OTHERS)
async def test_nothing_is_made_for_others(staff: Staff, whose: str) -> None:
    """Another owner is refused, and nothing is stored."""
    before = await stored(staff, "devices")
    body = {"name": "Hall", "owner_id": filled(OTHERS[whose], staff)}
    refused(await staff.clients["ada"].put(staff.home.at("/devices"), body), 403, "forbidden")
    assert before == await stored(staff, "devices")


@pytest.mark.parametrize("whose", OTHERS)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("path", ["/devices/{device}", "/users/{user}/devices/{device}"])
async def test_nothing_is_given_away(staff: Staff, method: str, path: str, whose: str) -> None:
    """A change of the owner is refused; below one's own noun the path says whose it is, as for everybody."""
    before = await stored(staff, "devices")
    body = {"name": "Hall", "owner_id": filled(OTHERS[whose], staff)}
    response = await staff.clients["ada"].request(method, staff.at(path, "ada"), body)
    if "users" in path:
        assert (200, staff.users["ada"]) == (response.status, response.data["owner_id"])
        return
    refused(response, 403, "forbidden")
    assert before == await stored(staff, "devices")


@pytest.mark.parametrize(
    ("method", "more"), [("POST", {}), ("POST", {"owner_id": None}), ("PATCH", {"owner_id": None})]
)
async def test_an_owner_cannot_be_left_out(staff: Staff, method: str, more: dict[str, Any]) -> None:
    """Who leaves the owner out, or takes it out, keeps the document."""
    path = staff.at("/devices/{device}", "ada")
    response = await staff.clients["ada"].request(method, path, {"name": "Hall", **more})
    assert (200, staff.users["ada"]) == (response.status, response.data["owner_id"])
    assert staff.users["ada"] == (await stored(staff, "devices"))[staff.devices["ada"]]["owner_id"]


async def test_administrators_give_and_take(staff: Staff) -> None:
    """What an administrator gives to another user is that user's from the next request on."""
    path = staff.at("/devices/{device}", "ada")
    assert 200 == (await staff.clients["ada"].get(path)).status
    assert 200 == (await staff.clients["boss"].patch(path, {"owner_id": staff.users["bob"]})).status
    assert [404, 200] == [(await staff.clients[who].get(path)).status for who in ("ada", "bob")]


# Fields that give rights.

RIGHTS: dict[str, Any] = {
    "priv_level": "admin",
    "enabled": False,
    "verified": True,
    "feature_level": "all",
    "call_restriction": {"international": {"action": "inherit"}},
    "call_recording": {"any": {"any": {"enabled": False}}},
}
NAME = {"first_name": "Ada", "last_name": "Byron"}


@pytest.mark.parametrize("method", ["PATCH", "POST"])
@pytest.mark.parametrize("field", RIGHTS)
async def test_rights_are_not_ones_own_to_change(staff: Staff, field: str, method: str) -> None:
    """Each is a violation of its field, and nothing of the request is stored."""
    before = await stored(staff, "users")
    body = NAME | {"first_name": "New", field: RIGHTS[field]}
    data = refused(await staff.clients["ada"].request(method, staff.at("/users/{user}", "ada"), body), 400)
    assert [(field, ["forbidden"])] == [(name, list(codes)) for name, codes in data.items()]
    assert before == await stored(staff, "users")
    assert 200 == (await staff.clients["boss"].request(method, staff.at("/users/{user}", "ada"), body)).status


@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_rights_stay_when_they_are_left_out(staff: Staff, method: str) -> None:
    """Neither null nor a replacement without them takes away what an administrator has set."""
    path = staff.at("/users/{user}", "ada")
    await staff.clients["boss"].patch(path, {"call_restriction": RIGHTS["call_restriction"], "feature_level": "few"})
    for field in ("call_restriction", "feature_level", "priv_level"):
        assert [field] == [*refused(await staff.clients["ada"].request(method, path, NAME | {field: None}), 400)]
    response = await staff.clients["ada"].request(method, path, NAME)
    assert 200 == response.status, response.body
    kept = {key: response.data[key] for key in ("call_restriction", "feature_level", "priv_level")}
    assert {"call_restriction": RIGHTS["call_restriction"], "feature_level": "few", "priv_level": "user"} == kept


async def test_a_form_may_send_everything_back(staff: Staff) -> None:
    """A client that reads its user, changes one field and posts the whole is not refused for the rest."""
    path = staff.at("/users/{user}", "ada")
    whole = (await staff.clients["ada"].get(path)).data
    response = await staff.clients["ada"].post(path, whole | {"first_name": "New"})
    assert (200, "New") == (response.status, response.data["first_name"])


@pytest.mark.parametrize(
    "body",
    [
        {"priv_level": "ADMIN"},
        {"priv_level": True},
        {"priv_level": ["admin"]},
        {"PRIV_LEVEL": "admin"},
        {"priv.level": "admin"},
        {"pvt_priv_level": "admin"},
        {"_priv_level": "admin"},
        {"data": {"priv_level": "admin"}},
    ],
)
async def test_no_other_spelling_helps(staff: Staff, body: dict[str, Any]) -> None:
    """Whatever is written beside it, the level stays, and with it the rights."""
    ada = staff.clients["ada"]
    await ada.patch(staff.at("/users/{user}", "ada"), body)
    assert "user" == (await stored(staff, "users"))[staff.users["ada"]]["priv_level"]
    refused(await ada.get(staff.home.at("/webhooks")), 403, "forbidden")


async def test_a_password_of_ones_own(staff: Staff) -> None:
    """Users change their password, which ends their tokens, and log in with the new one as what they were."""
    ada = staff.clients["ada"]
    path = staff.at("/users/{user}", "ada")
    assert 200 == (await ada.patch(path, {"password": "correct horse"})).status
    refused(await ada.get(path), 401)
    again = Client(ada.app)
    account = (await staff.clients["boss"].get(staff.home.at())).data["name"]
    assert 201 == (await again.login(account, "ada", "correct horse")).status
    assert 200 == (await again.get(path)).status
    refused(await again.get(staff.home.at("/webhooks")), 403, "forbidden")


async def test_ids_of_ones_own_are_not_taken_over(staff: Staff) -> None:
    """Nobody becomes the owner of a user by writing its id into a body."""
    body = NAME | {"id": staff.users["bob"]}
    response = await staff.clients["ada"].post(staff.at("/users/{user}", "ada"), body)
    assert staff.users["ada"] == response.data["id"]
    assert "bob" == (await stored(staff, "users"))[staff.users["bob"]]["first_name"]


# Rules of phones.


@pytest.mark.parametrize("field", ["call_restriction", "call_recording"])
async def test_what_phones_may_is_for_administrators(staff: Staff, field: str) -> None:
    """Users make phones of their own, and say nothing about what those may call or have recorded."""
    ada = staff.clients["ada"]
    for method, path in (("PUT", "/devices"), ("PATCH", "/devices/{device}"), ("POST", "/devices/{device}")):
        body = {"name": "Hall", field: RIGHTS[field]}
        data = refused(await ada.request(method, staff.at(path, "ada"), body), 400)
        assert ["forbidden"] == list(data[field])
