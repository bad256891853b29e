"""Roles: what administrators and users may do in their account, whose documents whom they concern, by every way in."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from crossbar.testing import Client, Response

from .staff import Staff
from .tools import NOWHERE, SAMPLES, ids, refused

SAME = {"x-request-id": "same"}


async def asked(client: Client, method: str, path: str, data: Any, way: str) -> Response:
    """Send a request natively, or through POST with its verb in query or envelope."""
    if way == "native":
        return await client.request(method, path, data, headers=SAME)
    if way == "query":
        joint = "&" if "?" in path else "?"
        return await client.request("POST", f"{path}{joint}verb={method}", data, headers=SAME)
    body = orjson.dumps({"data": data or {}, "verb": method})
    return await client.request("POST", path, body=body, headers=SAME)


WAYS = pytest.mark.parametrize("way", ["native", "query", "envelope"])
NAME = {"first_name": "Ada", "last_name": "Byron"}
DESK = {"name": "Hall"}

# What a user gets: method, path, data; the status for their own document, and for an administrator with anybody's.
DOCUMENTS: dict[str, tuple[str, str, Any, int, int]] = {
    "user-read": ("GET", "/users/{user}", None, 200, 200),
    "user-patch": ("PATCH", "/users/{user}", {"first_name": "Ada"}, 200, 200),
    "user-replace": ("POST", "/users/{user}", NAME, 200, 200),
    "user-devices": ("GET", "/users/{user}/devices", None, 200, 200),
    "user-devices-create": ("PUT", "/users/{user}/devices", DESK, 201, 201),
    "user-device": ("GET", "/users/{user}/devices/{device}", None, 200, 200),
    "user-device-patch": ("PATCH", "/users/{user}/devices/{device}", DESK, 200, 200),
    "user-cdrs": ("GET", "/users/{user}/cdrs", None, 200, 200),
    "user-cdrs-csv": ("GET", "/users/{user}/cdrs?accept=csv", None, 200, 200),
    "user-cdrs-summary": ("GET", "/users/{user}/cdrs/summary", None, 200, 200),
    "user-lists": ("GET", "/users/{user}/lists", None, 200, 200),
    "device-read": ("GET", "/devices/{device}", None, 200, 200),
    "device-replace": ("POST", "/devices/{device}", DESK, 200, 200),
    "device-patch": ("PATCH", "/devices/{device}", DESK, 200, 200),
    "device-sync": ("POST", "/devices/{device}/sync", None, 202, 202),
    "device-delete": ("DELETE", "/devices/{device}", None, 200, 200),
    "call-read": ("GET", "/cdrs/{call}", None, 200, 200),
}


@WAYS
@pytest.mark.parametrize("operation", DOCUMENTS)
async def test_the_documents_of_others(staff: Staff, operation: str, way: str) -> None:
    """A user may with their own what the module offers; all other documents are as good as missing, to the byte."""
    method, path, data, status, _ = DOCUMENTS[operation]
    ada = staff.clients["ada"]
    answers = {}
    for whose in ("bob", "boss", "nobody", "missing"):
        response = await asked(ada, method, staff.at(path, whose), data, way)
        refused(response, 404, "bad_identifier")
        told = response.body
        for id in (staff.users[whose], staff.devices[whose], staff.calls[whose]):
            told = told.replace(id.encode(), b"ID")
        answers[whose] = (told, response.headers)
    assert dict.fromkeys(answers, answers["missing"]) == answers
    assert status == (await asked(ada, method, staff.at(path, "ada"), data, way)).status


@pytest.mark.parametrize("operation", DOCUMENTS)
async def test_administrators_are_not_concerned(staff: Staff, operation: str) -> None:
    """An administrator of the account, or one above it, may do the same with everybody's documents."""
    method, path, data, _, status = DOCUMENTS[operation]
    one, other = ("bob", "ada") if method == "DELETE" else ("ada", "ada")
    assert status == (await asked(staff.clients["boss"], method, staff.at(path, one), data, "native")).status
    assert status == (await asked(staff.home.client, method, staff.at(path, other), data, "native")).status


# What is for administrators alone: method, path, data, and the status that they get.
FOR_ADMINISTRATORS: dict[str, tuple[str, str, Any, int]] = {
    "account-patch": ("PATCH", "", {"language": "de"}, 200),
    "account-create-below": ("PUT", "", {"name": "Below {id}"}, 201),
    "account-api-key": ("GET", "/api_key", None, 200),
    "account-new-api-key": ("PUT", "/api_key", None, 201),
    "account-children": ("GET", "/children", None, 200),
    "account-descendants": ("GET", "/descendants", None, 200),
    "user-create": ("PUT", "/users", NAME, 201),
    "user-delete-own": ("DELETE", "/users/{user}", None, 200),
    "webhooks": ("GET", "/webhooks", None, 200),
    "webhook-samples": ("GET", "/webhooks/samples", None, 200),
    "webhook-missing": ("GET", f"/webhooks/{NOWHERE}", None, 404),
    "token-restrictions": ("GET", "/token_restrictions", None, 404),
    "token-restrictions-delete": ("DELETE", "/token_restrictions", None, 404),
} | {
    f"{sample.noun}-create": ("PUT", f"/{sample.noun}", sample.body, 201)
    for sample in SAMPLES
    if sample.noun not in ("users", "devices", "faxes")
}


@WAYS
@pytest.mark.parametrize("operation", FOR_ADMINISTRATORS)
async def test_what_is_for_administrators(staff: Staff, operation: str, way: str) -> None:
    """A user is told that it takes an administrator, whether what the path names is there or not."""
    method, path, data, status = FOR_ADMINISTRATORS[operation]
    data = {key: str(value).replace("{id}", staff.home.id) for key, value in data.items()} if not path else data
    told = []
    for whose in ("ada", "bob", "missing"):
        response = await asked(staff.clients["ada"], method, staff.at(path, whose), data, way)
        told.append(refused(response, 403, "forbidden")["message"])
    assert 1 == len(set(told))
    assert "only administrators of the account (privilege level admin) may use" in told[0]
    boss = await asked(staff.clients["boss"], method, staff.at(path, "bob"), data, way)
    assert status == boss.status, boss.body


@pytest.mark.parametrize("noun", ["callflows", "groups", "menus", "lists", "temporal_rules", "directories"])
async def test_what_users_read_and_do_not_write(staff: Staff, noun: str) -> None:
    """What an account has for everybody, a user may read and not change."""
    sample = next(sample for sample in SAMPLES if sample.noun == noun)
    boss, ada = staff.clients["boss"], staff.clients["ada"]
    id = (await boss.put(staff.home.at(f"/{noun}"), sample.body)).data["id"]
    path = staff.home.at(f"/{noun}/{id}")
    assert [200, 200] == [(await ada.get(path)).status, (await ada.get(staff.home.at(f"/{noun}"))).status]
    for method, data in (("POST", sample.body), ("PATCH", {"name": "X"}), ("DELETE", None)):
        refused(await ada.request(method, path, data), 403, "forbidden")
    assert sample.body["name"] == (await boss.get(path)).data["name"]


# Listings: the path, and whether rows or counts come back.

LISTINGS = {
    "page": "",
    "sized": "?page_size=1",
    "stream": "?paginate=false",
    "ascending": "?ascending=true",
    "whole": "?full_docs=true",
    "fields": "?fields=id,owner_id,username",
    "fields-as-json": '?fields=["id","owner_id"]',
    "time": "?created_from=0",
    "has-key": "?has_key=id",
    "any": '?filter_not_name=x&filter_none_name=["y"]',
    "v1": "v1",
}


@pytest.mark.parametrize("noun", ["users", "devices", "cdrs", "cdrs/interaction"])
@pytest.mark.parametrize("listing", LISTINGS)
async def test_listings_keep_ones_own(staff: Staff, noun: str, listing: str) -> None:
    """Whatever a user asks a listing for, it has their own documents and no other ones."""
    query = LISTINGS[listing]
    own = {"users": staff.users, "devices": staff.devices}.get(noun, staff.calls)
    path = staff.home.at(f"/{noun}{query}")
    if query == "v1":
        staff.clients["ada"].prefix = "/v1"
        path = staff.home.at(f"/{noun}")
    response = await staff.clients["ada"].get(path)
    assert 200 == response.status, response.body
    assert [own["ada"]] == ids(response)
    csv = await staff.clients["ada"].get(path, headers={"accept": "text/csv"})
    assert 200 == csv.status
    assert [own["ada"].encode() in csv.body, False] == [True, own["bob"].encode() in csv.body]
    assert 2 == len(csv.body.splitlines())


@pytest.mark.parametrize(
    "query",
    [
        "filter_owner_id={bob}",
        "filter_any_owner_id=[%22{bob}%22]",
        "filter_not_owner_id={ada}",
        "key_missing=owner_id",
        "filter_name=Desk of bob",
        "filter_id={device}",
        "filter_id={device}&paginate=false",
        "filter_id={device}&accept=csv&full_docs=true",
    ],
)
async def test_filters_find_nothing_of_others(staff: Staff, query: str) -> None:
    """A filter on what belongs to others keeps nothing, and so tells nothing."""
    filled = query.format(bob=staff.users["bob"], ada=staff.users["ada"], device=staff.devices["bob"])
    response = await staff.clients["ada"].get(staff.home.at(f"/devices?{filled}".replace(" ", "%20")))
    assert 200 == response.status, response.body
    if "csv" in query:
        assert 1 >= len(response.body.splitlines())
    else:
        assert [] == response.data
    boss = await staff.clients["boss"].get(staff.home.at(f"/devices?{filled}".replace(" ", "%20")))
    assert boss.body.count(b"Desk of") >= 1


async def test_counts_and_legs(staff: Staff) -> None:
    """What is counted and put together is so from one's own records."""
    ada, boss = staff.clients["ada"], staff.clients["boss"]
    assert [1, 4] == [(await each.get(staff.home.at("/cdrs/summary"))).data["count"] for each in (ada, boss)]
    mine, other = (f"/cdrs/legs/{staff.calls[who]}" for who in ("ada", "bob"))
    assert [staff.calls["ada"]] == ids(await ada.get(staff.home.at(mine)))
    assert [] == ids(await ada.get(staff.home.at(other)))
    assert [staff.calls["bob"]] == ids(await boss.get(staff.home.at(other)))


async def test_registrations(staff: Staff) -> None:
    """The state of devices is shown to whom the devices belong, whatever the registration says."""
    registered = [{"id": staff.devices[who], "owner_id": staff.users["ada"]} for who in ("ada", "bob", "nobody")]
    await staff.home.stored("registrations", registered)
    path = staff.home.at("/devices/status")
    shown = [{row["device_id"] for row in (await staff.clients[who].get(path)).data} for who in ("ada", "boss")]
    assert [{staff.devices["ada"]}, {row["id"] for row in registered}] == shown


async def test_a_start_key_of_somebody_else(staff: Staff) -> None:
    """The key of one's page leads somebody else to rows of their own, if to any."""
    for number in range(3):
        await staff.clients["bob"].put(staff.home.at("/devices"), {"name": f"More {number}"})
    path = staff.home.at("/devices?page_size=2")
    for whose in ("bob", "boss"):
        key = (await staff.clients[whose].get(path)).json()["next_start_key"]
        response = await staff.clients["ada"].get(f"{path}&start_key={key}")
        assert set(ids(response)) <= {staff.devices["ada"]}
    first = await staff.clients["ada"].get(path)
    assert ([staff.devices["ada"]], None) == (ids(first), first.json().get("next_start_key"))
