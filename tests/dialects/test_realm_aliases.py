"""Aliases of the realm style: `@me` in one's own realm, numbers of extensions, and nobody through either to others."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from crossbar import Principal
from crossbar.dialects.realm.aliases import realm_of
from crossbar.testing import Client, World

from .realm_desk import API, NOWHERE, Desk, desk_in, told


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of the test's own."""
    return await desk_in(world)


# @me


async def test_me_of_a_client(desk: Desk) -> None:
    """An administrator is their client, and neither a group nor an extension."""
    assert desk.id == (await desk.get("/client/@me"))["id"]
    assert [] == await desk.get("/client/@me/phone/")
    for realm in ("extension_group", "extension"):
        message = told(await desk.ask("GET", f"/{realm}/@me/extension/"), 403, "access_denied")
        assert f"{realm} is not yours: name an id" in message
        told(await desk.ask("GET", f"/client/@me/{realm}/@me"), 403, "access_denied")


async def test_me_of_an_extension(desk: Desk) -> None:
    """A user is their extension, and neither their group nor their client."""
    group = (await desk.made("/client/@me/extension_group/", {"name": "Sales"}))["id"]
    extension = await desk.extension("101", extension_group_id=group)
    token = await desk.token_of(extension)
    assert extension == (await desk.get("/extension/@me", token=token))["id"]
    assert extension == (await desk.get(f"/client/{desk.id}/extension/@me", token=token))["id"]
    for path in ("/client/@me", "/client/@me/extension/", "/extension_group/@me", f"/client/@me/extension/{extension}"):
        told(await desk.ask("GET", path, token=token), 403, "access_denied")


async def test_me_of_a_user_without_a_number(desk: Desk) -> None:
    """Who has no number is an extension to themselves all the same, one without a name."""
    person = await desk.made("/client/@me/user/", {"first_name": "Bo", "last_name": "Diddley"})
    token = await desk.token_of(person["id"])
    own = await desk.get("/extension/@me", token=token)
    assert ("Bo", None) == (own["first_name"], own["name"])
    assert [] == await desk.get("/extension/@me/phone/", token=token)


@pytest.mark.parametrize("path", ["/phone/@me", "/client/@me/phone/@me", "/client/@me/user/@me", "/record/@me"])
async def test_me_is_for_realms_alone(desk: Desk, path: str) -> None:
    """Anything else has no alias: it is an id, and there is none such."""
    assert 404 == (await desk.ask("GET", path)).status


def test_realms_of_callers() -> None:
    """Administrators are of their client, with and without a user; all others are of their extension."""
    assert ["accounts", "accounts", "extensions"] == [
        realm_of(Principal("a")),
        realm_of(Principal("a", "u", role="admin")),
        realm_of(Principal("a", "u", role="user")),
    ]


async def test_nobody_is_no_one(desk: Desk) -> None:
    """Without a token, an alias does not even come to be looked at."""
    for path in ("/client/@me", "/extension/@me", "/extension/@101", f"/extension/@{desk.prefix}*101"):
        assert "Unauthorized" == told(await desk.ask("GET", path, token=""), 401, "unauthorized")


# @number


@pytest.mark.parametrize("encode", [lambda path: path, lambda path: quote(path, safe="/")], ids=["raw", "encoded"])
async def test_numbers(desk: Desk, encode: Any) -> None:
    """An extension goes by its number, also in the full form, below a client and by itself, encoded or not."""
    extension = await desk.extension("101")
    for token in ("@101", f"@{desk.prefix}*101"):
        for path in (f"/extension/{token}", f"/client/@me/extension/{token}", f"/client/{desk.id}/extension/{token}"):
            assert extension == (await desk.get(encode(path)))["id"]
    changed = await desk.ask("PUT", encode("/extension/@101"), {"email": "ada@example.com"})
    assert (200, "ada@example.com") == (changed.status, changed.json()["email"])
    assert 204 == (await desk.ask("DELETE", encode(f"/extension/@{desk.prefix}*101"))).status
    told(await desk.ask("GET", f"/extension/{extension}"), 404, "extension_not_found")


async def test_a_number_with_a_star(desk: Desk) -> None:
    """A star that is part of the number, and behind no prefix, is found as well."""
    stars = {number: await desk.extension(number) for number in ("*98", "55*1")}
    for number, id in stars.items():
        assert id == (await desk.get(f"/extension/@{number}"))["id"]
        assert id == (await desk.get(f"/extension/@{desk.prefix}*{number}"))["id"]


@pytest.mark.parametrize(
    "token",
    [
        "@999",
        "@",
        "@@101",
        "@{MANAGER}",
        "@%7BMANAGER%7D",
        "@*101",
        "@99999999*101",
        "@101*",
        "@1*2*3",
        "@101@host",
        "@ME",
    ],
)
async def test_unknown_numbers(desk: Desk, token: str) -> None:
    """What names no extension is answered like an id that there is not, whatever the method."""
    await desk.extension("101")
    for method, path in (("GET", ""), ("GET", "/phone/"), ("PUT", ""), ("DELETE", "")):
        data = {"name": "1"} if method == "PUT" else None
        response = await desk.ask(method, f"/extension/{token}{path}", data)
        assert "Not found" == told(response, 404, "extension_not_found")


async def test_accounts_below_and_others(desk: Desk, world: World) -> None:
    """A full number leads into accounts below one's own, and not into others: these are as unknown as any."""
    below, foreign = await desk.below(), await desk_in(world)
    ids = {each.prefix: await each.extension("101") for each in (below, foreign)}
    phone = await desk.made(f"/extension/@{below.prefix}*101/phone/", {"name": "Lobby"})
    assert ids[below.prefix] == phone["extension_id"]
    assert [phone] == await below.get("/extension/@101/phone/")
    for prefix, client in ((foreign.prefix, desk), (desk.prefix, below), ("87654321", desk)):
        for method in ("GET", "PUT", "DELETE"):
            response = await client.ask(
                method, f"/extension/@{prefix}*101", {"email": None} if method == "PUT" else None
            )
            assert "Not found" == told(response, 404, "extension_not_found")
    told(await desk.ask("GET", f"/client/{foreign.id}/extension/@101"), 404, "client_not_found")


async def test_the_client_of_the_path_holds(desk: Desk) -> None:
    """A path that names a client does not lead into another one, not even into one below it."""
    below = await desk.below()
    id = await below.extension("101")
    assert id == (await desk.get(f"/client/{below.id}/extension/@101"))["id"]
    assert id == (await desk.get(f"/client/{below.id}/extension/@{below.prefix}*101"))["id"]
    for client in ("@me", desk.id):
        path = f"/client/{client}/extension/@{below.prefix}*101"
        told(await desk.ask("GET", path), 404, "extension_not_found")


async def test_users_find_themselves_alone(desk: Desk) -> None:
    """To a user, the number of a colleague is as unknown as one that nobody has, wherever the path goes on."""
    own, other = await desk.extension("101"), await desk.extension("102")
    token = await desk.token_of(own)
    assert own == (await desk.get("/extension/@101", token=token))["id"]
    assert own == (await desk.get(f"/extension/@{desk.prefix}*101", token=token))["id"]
    below = await desk.below()
    await below.extension("103")
    for name in ("@102", f"@{desk.prefix}*102", "@999", f"@{below.prefix}*103", other, NOWHERE):
        for path in (f"/extension/{name}", f"/extension/{name}/phone/", f"/extension/{name}/phone/{NOWHERE}"):
            assert "Not found" == told(await desk.ask("GET", path, token=token), 404, "extension_not_found")
    nowhere = [await desk.ask("GET", f"/extension/@{number}/nonsense", token=token) for number in ("102", "999")]
    assert nowhere[0].body.replace(b"102", b"999") == nowhere[1].body
    assert other.encode() not in nowhere[0].body


async def test_restricted_tokens_learn_nothing(desk: Desk, world: World) -> None:
    """A token that may not read extensions is refused alike for a number that there is and one that there is not."""
    await desk.extension("101")
    account = await world.app.tenants.account(desk.id)
    assert account is not None
    restrictions = [{"devices": [{"rules": {"/": ["GET"]}}]}]
    token = world.app.tokens.mint(account, None, "cb_api_auth", restrictions)
    refused = [await desk.ask("GET", f"/extension/@{number}", token=token) for number in ("101", "999")]
    assert [403, 403] == [response.status for response in refused]
    assert refused[0].body == refused[1].body


async def test_asking_ahead(desk: Desk) -> None:
    """OPTIONS says what a place answers to without knowing who asks, and so whom an alias stands for."""
    for path in ("/extension/@me/phone/", "/extension/@101/phone/", "/client/@me/phone/", "/phone/"):
        response = await desk.ask("OPTIONS", path, token="")
        assert (204, "GET, HEAD, POST, OPTIONS") == (response.status, response.headers["allow"])


async def test_aliases_are_for_paths(desk: Desk) -> None:
    """In a body or a query, `@me` and `@101` are texts like any other."""
    await desk.extension("101")
    phone = await desk.made("/client/@me/phone/", {"name": "@me", "extension_id": "@101"})
    assert ("@me", "@101") == (phone["name"], phone["extension_id"])
    assert [phone] == await desk.get("/client/@me/phone/?extension_id=@101")
    assert [] == await desk.get("/extension/@101/phone/")


async def test_other_dialects_have_no_such_aliases(desk: Desk) -> None:
    """An alias is not understood where another dialect is spoken."""
    await desk.extension("101")
    client = Client(desk.world.app, desk.token, "")
    for path in (f"/v2/accounts/{desk.id}/extensions/@101", "/v2/accounts/@me", "/restapi/v1.0/account/@me"):
        assert 404 == (await client.get(path, headers={"authorization": f"Bearer {desk.token}"})).status
    assert API == desk.world.app.dialects[-1].prefixes[0]  # type: ignore[attr-defined]


async def test_a_group_is_a_realm(desk: Desk) -> None:
    """Below a group there are its extensions and what is theirs; below a foreign group there is nothing."""
    group = (await desk.made("/client/@me/extension_group/", {"name": "Sales"}))["id"]
    member, other = await desk.extension("101", extension_group_id=group), await desk.extension("102")
    assert [member] == [row["id"] for row in await desk.get(f"/extension_group/{group}/extension/")]
    assert member == (await desk.get(f"/extension_group/{group}/extension/@101"))["id"]
    phone = await desk.made(f"/extension_group/{group}/extension/@101/phone/", {"name": "Desk"})
    assert member == phone["extension_id"]
    for name in ("@102", other):
        told(await desk.ask("GET", f"/extension_group/{group}/extension/{name}"), 404, "extension_not_found")
    told(await desk.ask("GET", f"/extension_group/{NOWHERE}/extension/"), 404, "extension_group_not_found")
