"""Accounts: the tree above and below, and what can be done to it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar.testing import Client, World

from .tools import Home, ids, made, refused


async def chain(home: Home, length: int = 3) -> list[str]:
    """Accounts below each other, beginning with the test's own."""
    found = [home.id]
    for depth in range(length):
        found.append(await made(home.client, f"/accounts/{found[-1]}", {"name": f"Depth {depth} of {home.id}"}))
    return found


async def test_children_and_descendants(home: Home) -> None:
    """Children are directly below, descendants at any depth; the account itself is neither."""
    tree = await chain(home)
    second = await made(home.client, home.at(), {"name": f"Second of {home.id}"})
    assert {tree[1], second} == set(ids(await home.get("/children")))
    assert {*tree[1:], second} == set(ids(await home.get("/descendants")))
    assert [] == ids(await home.client.get(f"/accounts/{tree[-1]}/children"))
    assert {"id", "name", "realm", "enabled"} == set((await home.get("/children")).data[0])


async def test_siblings(home: Home) -> None:
    """Siblings have the same parent."""
    one, other = [await made(home.client, home.at(), {"name": f"{name} {home.id}"}) for name in ("one", "other")]
    assert {other} == set(ids(await home.client.get(f"/accounts/{one}/siblings"))) - {one}


async def test_a_prefix_is_given_once(home: Home) -> None:
    """No two accounts, wherever they are in the tree, have the same digits before their numbers."""
    child = await made(home.client, home.at(), {"name": f"Child {home.id}"})
    assert 200 == (await home.client.patch(home.at(), {"prefix": "70018442"})).status
    clash = await home.client.patch(f"/accounts/{child}", {"prefix": "70018442"})
    assert "70018442" == refused(clash, 400)["prefix"]["unique"]["value"]
    for wrong in ("", "1*2", "12a", "123456789"):
        refused(await home.client.patch(f"/accounts/{child}", {"prefix": wrong}), 400)
    assert 200 == (await home.client.patch(home.at(), {"prefix": None})).status
    assert 200 == (await home.client.patch(f"/accounts/{child}", {"prefix": "70018442"})).status
    assert "70018442" == (await home.get("/children")).data[0]["prefix"]


@pytest.mark.parametrize("noun", ["siblings", "children", "descendants", "parents", "tree"])
async def test_nobody_sees_upwards(home: Home, noun: str) -> None:
    """What is beside or above the caller's own account stays hidden."""
    child = await made(home.client, home.at(), {"name": f"Child {home.id}"})
    await made(home.client, home.at(), {"name": f"Hidden {home.id}"})
    app = home.world.app
    document = await app.tenants.account(child)
    assert document is not None
    client = Client(app, app.tokens.mint(document, None, "cb_api_auth"))
    response = await client.get(f"/accounts/{child}/{noun}")
    assert b"Hidden" not in response.body
    assert home.id.encode() not in response.body.replace((client.token or "").encode(), b"")


@pytest.mark.parametrize("noun", ["parents", "tree"])
async def test_parents(home: Home, noun: str) -> None:
    """The accounts above are told from the caller's own downwards, the nearest last."""
    tree = await chain(home)
    own = home.world.reseller
    above = (await home.client.get(f"/accounts/{tree[-1]}/{noun}")).data
    assert [own, *tree[:-1]] == [row["id"] for row in above]
    assert "reseller" == above[0]["name"]
    assert [] == (await home.client.get(f"/accounts/{own}/{noun}")).data


async def test_create_below_an_account(home: Home) -> None:
    """PUT on an account makes one below it, and says where."""
    response = await home.put("", {"name": f"Below {home.id}"})
    assert (201, f"/v2/accounts/{response.data['id']}") == (response.status, response.headers["location"])
    assert [response.data["id"]] == ids(await home.get("/children"))
    assert 200 == (await home.client.get("/" + response.headers["location"])).status


async def test_create_below_ones_own(world: World) -> None:
    """PUT on the noun alone makes an account below the caller's."""
    client = await world.client("department")
    response = await client.put("/accounts", {"name": f"Below the department {id(client)}"})
    assert (201, f"/v2/accounts/{response.data['id']}") == (response.status, response.headers["location"])
    assert response.data["id"] in ids(await client.get(f"/accounts/{world.department}/children?page_size=1000"))


async def test_a_list_of_accounts(world: World) -> None:
    """GET on the noun alone lists what is directly below the caller, or below the account before it; users see none."""
    client = await world.client("master")
    below = ids(await client.get("/accounts?page_size=1000"))
    assert {world.reseller, world.stranger} <= set(below)
    assert world.customer not in below
    assert [*below] == ids(await client.get(f"/accounts/{world.master}/children?page_size=1000"))
    assert world.department in ids(await client.get(f"/accounts/{world.customer}/accounts?page_size=1000"))
    refused(await (await world.client("stranger")).get(f"/accounts/{world.customer}/accounts"), 404)
    assert "GET, HEAD, PUT, OPTIONS" == refused(await client.delete("/accounts"), 405)["allow"]


async def test_a_new_account_has_what_it_needs(home: Home) -> None:
    """A realm is made up, an API key works at once, and the account is enabled."""
    account = (await home.get()).data
    assert (True, True) == (account["enabled"], "." in account["realm"])
    key = (await home.get("/api_key")).data["api_key"]
    assert (64, set()) == (len(key), set(key) - set("0123456789abcdef"))
    assert 201 == (await Client(home.world.app).put("/api_auth", {"api_key": key})).status


async def test_a_new_api_key(home: Home) -> None:
    """PUT on the key makes another one, which is then the one that is read."""
    old = (await home.get("/api_key")).data["api_key"]
    response = await home.put("/api_key")
    assert (201, False) == (response.status, old == response.data["api_key"])
    assert response.data == (await home.get("/api_key")).data


async def test_realms_are_written_in_lower_case(home: Home) -> None:
    """A realm is a domain name."""
    assert 200 == (await home.patch("", {"realm": f"ACME-{home.id}.Example.COM"})).status
    assert f"acme-{home.id}.example.com" == (await home.get()).data["realm"]


async def test_an_account_with_others_below_stays(home: Home) -> None:
    """An account cannot be deleted while others are below it; afterwards it can."""
    tree = await chain(home, 1)
    for query in ("", "?should_soft_delete=false"):
        refused(await home.client.delete(f"/accounts/{tree[0]}{query}"), 409, "account_has_descendants")
    assert 200 == (await home.client.delete(f"/accounts/{tree[1]}")).status
    assert 200 == (await home.client.delete(f"/accounts/{tree[0]}")).status
    refused(await home.get(), 404)


async def test_nobody_deletes_themselves(home: Home, world: World) -> None:
    """The own account cannot be deleted, however it is named."""
    for path in ("/account", f"/accounts/{world.reseller}", f"/accounts/{world.reseller}/accounts/{world.reseller}"):
        refused(await home.client.delete(path), 403, "forbidden")
        refused(await home.client.post(f"{path}?verb=DELETE"), 403, "forbidden")
    assert 200 == (await home.client.get("/account")).status


async def test_a_deleted_account_frees_its_name(home: Home) -> None:
    """Name and realm of a deleted account can be taken again."""
    body = {"name": f"Phoenix {home.id}", "realm": f"phoenix-{home.id}.example.com"}
    first = await made(home.client, home.at(), body)
    assert 200 == (await home.client.delete(f"/accounts/{first}")).status
    await made(home.client, home.at(), body)


async def test_a_deleted_account_has_no_children_to_be(home: Home) -> None:
    """Of a deletion and a creation below at the same time, only one succeeds: no account hangs in the air."""
    for attempt in range(5):
        parent = await made(home.client, home.at(), {"name": f"Parent {attempt} of {home.id}"})
        create = home.client.put(f"/accounts/{parent}", {"name": f"Child {attempt} of {home.id}"})
        created, deleted = await asyncio.gather(create, home.client.delete(f"/accounts/{parent}"))
        assert (201, 200) != (created.status, deleted.status)
        assert created.status < 500
        assert deleted.status < 500


async def test_concurrent_creates_with_one_name(home: Home) -> None:
    """Of many accounts with one name exactly one is made, and no API key is left over by the others."""
    name = f"Same {home.id}"
    answers = await asyncio.gather(*(home.put("", {"name": name}) for _ in range(6)))
    assert [201, *[400] * 5] == sorted(answer.status for answer in answers)
    assert [name] == [row["name"] for row in (await home.get("/children")).data]


async def test_concurrent_creates_with_names_that_logins_confuse(home: Home) -> None:
    """Of names that differ in case and blanks only, one is taken, also if all are asked for at the same time."""
    names = [f"Same Name {home.id}", f"samename{home.id}", f"SAME NAME {home.id}", f"same name {home.id}"]
    answers = await asyncio.gather(*(home.put("", {"name": name}) for name in names))
    assert [201, 400, 400, 400] == sorted(answer.status for answer in answers)


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": 5}, {"name": "x", "realm": "no blanks"}, {"enabled": False}]
)
async def test_an_account_that_is_not_right(home: Home, body: dict[str, Any]) -> None:
    """Accounts are validated like everything else, wherever they are made."""
    for path in ("/accounts", home.at()):
        refused(await home.client.put(path, body), 400, "validation error")
    assert [] == ids(await home.get("/children"))


async def test_a_deep_tree(home: Home) -> None:
    """Accounts can be many levels deep, and the first one reaches the last one."""
    tree = await chain(home, 12)
    assert 200 == (await home.client.get(f"/accounts/{tree[-1]}/devices")).status
    assert tree[-1] in ids(await home.get("/descendants"))


async def test_an_account_does_not_switch_itself_off(world: World) -> None:
    """Nobody in it could switch it on again, which only somebody above can do."""
    own = await world.client("department")
    path = f"/accounts/{world.department}"
    body = {"name": (await own.get(path)).data["name"], "enabled": False}
    for method in ("POST", "PATCH"):
        refused(await own.request(method, path, body), 403)
    assert 200 == (await own.get(path)).status
