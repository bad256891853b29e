"""Limits of accounts: who sets them, what stands where nothing was said, and those that are kept here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .office import Office, told

MOST_CALLS = {"calls": 8, "twoway_trunks": 4}


def own(office: Office) -> Office:
    """The reseller's own account, as its administrator sees it."""
    return Office(office.world, office.client, office.world.reseller)


async def member(office: Office, number: str) -> int:
    """Try to make a user, and say with which status."""
    return (await office.ask("PUT", "/users", {"first_name": "A", "last_name": number, "username": number})).status


async def test_before_anybody_has_set_any(office: Office) -> None:
    """There are defaults for all of them, nothing is written, and the same is told again."""
    found = await office.get("/limits")
    assert (200, "limits", -1, 0, True) == (
        found.status,
        *(found.data[key] for key in ("id", "users", "twoway_trunks", "allow_prepay")),
    )
    assert None is await office.world.app.store.get(office.id, "limits", "limits")
    schema = (await office.client.get("/schemas/limits")).data
    assert set(schema["properties"]) == set(found.data)
    assert '"0"' == found.headers["etag"]


async def test_limits_live(office: Office) -> None:
    """They are replaced as a whole and patched in part; null brings a default back."""
    replaced = await office.ask("POST", "/limits", MOST_CALLS)
    assert (200, 8, 4, 0) == (
        replaced.status,
        *(replaced.data[key] for key in ("calls", "twoway_trunks", "burst_trunks")),
    )
    patched = await office.ask("PATCH", "/limits", {"burst_trunks": 2, "calls": None})
    assert (200, -1, 4, 2) == (
        patched.status,
        *(patched.data[key] for key in ("calls", "twoway_trunks", "burst_trunks")),
    )
    assert patched.data == (await office.get("/limits")).data
    again = await office.ask("POST", "/limits", {})
    assert [-1, 0, 0] == [again.data[key] for key in ("calls", "twoway_trunks", "burst_trunks")]
    for method in ("PUT", "DELETE"):
        told(await office.ask(method, "/limits", {}), 405)
    told(await office.get("/limits/limits"), 404)


async def test_a_patch_may_come_first(office: Office) -> None:
    """What it does not name is at its default."""
    patched = await office.ask("PATCH", "/limits", {"calls": 3})
    assert (200, 3, -1) == (patched.status, patched.data["calls"], patched.data["devices"])


async def test_all_of_it_sent_back(office: Office) -> None:
    """A form may send what it was shown."""
    for _ in range(2):
        shown = (await office.get("/limits")).data
        assert shown == (await office.ask("POST", "/limits", shown)).data


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        pytest.param({"users": -2}, "users", "minimum", id="below-none"),
        pytest.param({"devices": 100_001}, "devices", "maximum", id="beyond-all"),
        pytest.param({"webhooks": "many"}, "webhooks", "type", id="words"),
        pytest.param({"calls": 1.5}, "calls", "type", id="half-a-call"),
        pytest.param({"calls": True}, "calls", "type", id="a-boolean"),
        pytest.param({"allow_prepay": "perhaps"}, "allow_prepay", "type", id="perhaps"),
        pytest.param({"user": 5}, "user", "additionalProperties", id="a-slip"),
        pytest.param({"authz_resource_types": "all"}, "authz_resource_types", "type", id="no-list"),
    ],
)
async def test_what_is_no_limit(office: Office, method: str, wrong: dict[str, Any], field: str, rule: str) -> None:
    """What breaks the schema is refused with field and rule; a misspelt limit would be none."""
    assert rule in told(await office.ask(method, "/limits", wrong), 400)[field]
    assert None is await office.world.app.store.get(office.id, "limits", "limits")


async def test_nobody_raises_their_own(office: Office) -> None:
    """An account reads its limits; only one above it sets them, and the master account, which has nobody above it."""
    _, client = await office.login(priv_level="admin")
    _, person = await office.login()
    for caller in (Office(office.world, client, office.id), Office(office.world, person, office.id), own(office)):
        assert 200 == (await caller.get("/limits")).status
        for method in ("POST", "PATCH"):
            told(await caller.ask(method, "/limits", {"users": -1}), 403)
    master = Office(office.world, await office.world.client("master"), office.world.master)
    assert 200 == (await master.ask("PATCH", "/limits", {"calls": -1})).status
    assert 200 == (await master.client.patch(f"/accounts/{office.world.reseller}/limits", {"calls": -1})).status


async def test_where_they_are_not(office: Office) -> None:
    """There are none outside of accounts, and those of strangers are as good as missing."""
    told(await office.client.get("/limits"), 403)
    for method in ("GET", "POST", "PATCH"):
        told(await office.client.request(method, f"/accounts/{office.world.stranger}/limits", {"calls": 1}), 404)


async def test_what_was_read_is_changed(office: Office) -> None:
    """If-Match holds a change to what was read, also if that was the defaults."""
    first = await office.get("/limits")
    tag = {"if-match": first.headers["etag"]}
    assert 304 == (await office.get("/limits", headers={"if-none-match": first.headers["etag"]})).status
    assert 200 == (await office.ask("POST", "/limits", MOST_CALLS, headers=tag)).status
    told(await office.ask("POST", "/limits", {}, headers=tag), 412)
    now = {"if-match": (await office.get("/limits")).headers["etag"]}
    assert 200 == (await office.ask("PATCH", "/limits", {"calls": 9}, headers=now)).status


async def test_two_at_once(office: Office) -> None:
    """Of changes that race, none is lost without a word."""
    fields = ["calls", "burst_trunks", "inbound_trunks", "outbound_trunks"]
    for _ in range(3):
        await office.ask("POST", "/limits", {})
        done = await asyncio.gather(*[office.ask("PATCH", "/limits", {field: 7}) for field in fields])
        assert {each.status for each in done} <= {200, 409}
        found = (await office.get("/limits")).data
        assert [field for field, each in zip(fields, done, strict=True) if each.status == 200] == [
            field for field in fields if found[field] == 7
        ]


async def test_the_first_two_at_once(office: Office) -> None:
    """Where nothing is stored yet, one is first, and the others are told."""
    done = await asyncio.gather(*[office.ask("PATCH", "/limits", {"calls": number}) for number in range(4)])
    kept = [each.data["calls"] for each in done if each.status == 200]
    assert {each.status for each in done} <= {200, 409}
    assert (await office.get("/limits")).data["calls"] in kept


# What is kept here.


async def test_no_more_users(office: Office) -> None:
    """An account has as many as it may, extensions among them; when one goes, another one can come."""
    await office.ask("POST", "/limits", {"users": 2})
    first = await office.user()
    assert 201 == await member(office, "second")
    refused = await office.ask("PUT", "/extensions", {"first_name": "A", "last_name": "B", "number": "1"})
    told(refused, 409)
    assert "2 users" in refused.body.decode()
    assert 409 == await member(office, "third")
    assert 200 == (await office.ask("PATCH", f"/users/{first}", {"first_name": "Ben"})).status
    assert 200 == (await office.ask("DELETE", f"/users/{first}")).status
    assert [201, 409] == [await member(office, name) for name in ("third", "fourth")]


async def test_not_even_at_once(office: Office) -> None:
    """Of many that come at the same time, only as many as there is room for get in."""
    await office.ask("POST", "/limits", {"devices": 3})
    made = await asyncio.gather(*[office.ask("PUT", "/devices", {"name": f"Phone {number}"}) for number in range(10)])
    assert [201] * 3 + [409] * 7 == sorted(each.status for each in made)
    assert 3 == len(await office.ids("/devices"))


async def test_none_at_all(office: Office) -> None:
    """A limit of nothing lets nothing in; webhooks count like all else, and what has no limit goes on."""
    await office.ask("POST", "/limits", {"webhooks": 0})
    hook = {"name": "Hook", "hook": "object", "uri": "https://93.184.216.34/"}
    told(await office.ask("PUT", "/webhooks", hook), 409)
    assert [] == await office.ids("/webhooks")
    await office.made("/devices", {"name": "Phone"})


async def test_what_is_there_stays(office: Office) -> None:
    """A limit below what an account has takes nothing away; when it is lifted, there can be more."""
    ids = {await office.user() for _ in range(3)}
    await office.ask("POST", "/limits", {"users": 1})
    assert (409, ids) == (await member(office, "more"), set(await office.ids("/users")))
    await office.ask("POST", "/limits", {"users": -1})
    assert 201 == await member(office, "more")


async def test_each_account_for_itself(office: Office) -> None:
    """The limits of an account say nothing of those below or beside it."""
    await office.ask("POST", "/limits", {"users": 0, "devices": 0})
    below = await office.client.put(f"/accounts/{office.id}/accounts", {"name": f"Below {office.id}"})
    inner = Office(office.world, office.client, below.data["id"])
    assert (409, 201) == (await member(office, "here"), await member(inner, "there"))
