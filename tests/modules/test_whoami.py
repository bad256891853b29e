"""Who is asking: users, administrators, and accounts that log in by their key."""

from __future__ import annotations

from crossbar import Principal
from crossbar.testing import Client, small_world

from .office import Office, told

KEYS = [
    *("account_id", "account_name", "user_id", "username", "first_name", "last_name", "number"),
    *("extension_group_id", "role", "master", "method", "timezone", "language"),
]


async def test_a_user(office: Office) -> None:
    """They are told their account, name, number, group and role, and no secret."""
    group = await office.made("/groups", {"name": "Sales"})
    id, client = await office.login(number="101", extension_group_id=group, timezone="Europe/Berlin", language="de-de")
    told_of = (await client.get("/whoami")).data
    account = (await office.get("")).data
    assert KEYS == list(told_of)
    assert {
        "account_id": office.id,
        "account_name": account["name"],
        "user_id": id,
        "first_name": "Ada",
        "last_name": "Byron",
        "number": "101",
        "extension_group_id": group,
        "role": "user",
        "master": False,
        "method": "cb_user_auth",
        "timezone": "Europe/Berlin",
        "language": "de-de",
    }.items() <= told_of.items()
    assert told_of == (await client.get(f"/accounts/{office.id}/whoami")).data


async def test_what_is_said_for_the_account(office: Office) -> None:
    """Time zone and language are the account's where the user has none, and null where nobody has."""
    _, client = await office.login()
    assert [None] * 4 == [
        (await client.get("/whoami")).data[key] for key in ("timezone", "language", "number", "extension_group_id")
    ]
    await office.ask("PATCH", "", {"timezone": "Europe/Paris", "language": "fr-fr"})
    found = (await client.get("/whoami")).data
    assert ("Europe/Paris", "fr-fr") == (found["timezone"], found["language"])


async def test_the_caller_and_not_the_path(office: Office) -> None:
    """An administrator who goes into an account below is still the same."""
    below = (await office.get("/whoami")).data
    assert (office.world.reseller, "admin", "admin", False) == tuple(
        below[key] for key in ("account_id", "username", "role", "master")
    )
    master = await office.world.client("master")
    assert True is (await master.get("/whoami")).data["master"]


async def test_an_account_by_its_key(office: Office) -> None:
    """There is no user, and all that a user would have is null."""
    key = (await office.get("/api_key")).data["api_key"]
    login = await Client(office.world.app).put("/api_auth", {"api_key": key})
    found = (await Client(office.world.app, login.json()["auth_token"]).get("/whoami")).data
    assert (office.id, None, None, "admin", "cb_api_auth") == tuple(
        found[field] for field in ("account_id", "user_id", "username", "role", "method")
    )


async def test_a_caller_of_the_host() -> None:
    """Whom a host vouches for may have no account."""

    async def vouch(ctx: object) -> Principal:
        return Principal("", "somebody", "host", role="user")

    world = await small_world(authenticators=[vouch])
    found = (await (await world.client()).get("/whoami")).data
    await world.app.stop()
    assert (None, None, "somebody", "host") == tuple(
        found[field] for field in ("account_id", "account_name", "user_id", "method")
    )


async def test_nobody(office: Office) -> None:
    """Without a token there is nobody to tell of; and nobody changes who they are here."""
    told(await Client(office.world.app).get("/whoami"), 401)
    for method in ("PUT", "POST", "PATCH", "DELETE"):
        told(await office.client.request(method, "/whoami", {}), 405)
