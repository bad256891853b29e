"""JWT credentials: who gets one, for what it is good, and what ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from crossbar.testing import Client

from .oauth_desk import JWT, App, Desk, at_desk, got, refused


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk of the test's own."""
    async with at_desk(credentials=3) as made:
        yield made


async def credential(desk: Desk, app: App, account: str = "customer", **fields: Any) -> dict[str, Any]:
    """A new credential of an administrator."""
    client = await desk.world.client(account)
    made = await client.post("/oauth/assertion", {"client_id": app.id, **fields})
    assert 201 == made.status, made.body
    return dict(made.data)


async def test_a_credential_in_the_place_of_a_password(desk: Desk) -> None:
    """It leads to sessions of its user, again and again."""
    app = await desk.app()
    made = await credential(desk, app)
    assert (app.id, 31_536_000) == (made["client_id"], made["expires_in"])
    first, second = [got(await desk.ask(app, JWT, assertion=made["assertion"])) for _ in range(2)]
    assert first["session_id"] != second["session_id"]
    principal = await desk.world.app.tokens.check(first["access_token"])
    assert ("oauth_jwt_bearer", desk.world.customer[:16] + "0" * 16) == (principal.method, principal.user_id)
    assert await desk.works(got(await desk.refresh(app, first)))


async def test_neither_passes_for_the_other(desk: Desk) -> None:
    """A credential opens nothing by itself, and an access token is no credential."""
    app = await desk.app()
    made, tokens = await credential(desk, app), await desk.login(app)
    assert not await desk.works(made["assertion"])
    for token in (tokens["access_token"], tokens["refresh_token"], await desk.world.token("customer")):
        refused(await desk.ask(app, JWT, assertion=token), "invalid_grant")
    said = jwt.decode(made["assertion"], options={"verify_signature": False})
    forged = jwt.encode(said, "k" * 32, algorithm="HS256")
    none = jwt.encode(said, "", algorithm="none")
    for token in (forged, none, made["assertion"][:-2], made["assertion"] + "x"):
        refused(await desk.ask(app, JWT, assertion=token), "invalid_grant")


async def test_it_is_for_one_application(desk: Desk) -> None:
    """Another one, also of the same account, gets nothing for it."""
    app, other = await desk.app(), await desk.app()
    made = await credential(desk, app)
    refused(await desk.ask(other, JWT, assertion=made["assertion"]), "invalid_grant")


async def test_lists_and_ends(desk: Desk) -> None:
    """Its user sees and ends it, nobody else does, and its text is shown no more."""
    app = await desk.app()
    made = await credential(desk, app, ttl=1000)
    client = await desk.world.client("customer")
    listed = await client.get("/oauth/assertion")
    assert [{"id": made["id"], "client_id": app.id, "expires_in": 1000}] == listed.data
    await desk.user(username="ada")
    other = await desk.world.client("stranger")
    assert ([], 404) == (
        (await other.get("/oauth/assertion")).data,
        (await other.delete(f"/oauth/assertion/{made['id']}")).status,
    )
    assert [200, 404] == [(await client.delete(f"/oauth/assertion/{made['id']}")).status for _ in range(2)]
    refused(await desk.ask(app, JWT, assertion=made["assertion"]), "invalid_grant")


@pytest.mark.parametrize("end", ["time", "password", "user", "revoke", "application"])
async def test_what_ends_it(desk: Desk, end: str) -> None:
    """Time, a new password, its user, who gives it back, and its application."""
    app = await desk.app()
    made = await credential(desk, app, ttl=1000)
    world = desk.world
    above, user = await world.client("reseller"), f"/accounts/{world.customer}/users/{world.customer[:16]}{'0' * 16}"
    word, status = "invalid_grant", 400
    if end == "time":
        desk.clock.now += 1000
    elif end == "password":
        assert 200 == (await above.patch(user, {"password": "another-engine"})).status
    elif end == "user":
        assert 200 == (await above.patch(user, {"enabled": False})).status
    elif end == "revoke":
        assert 200 == (await desk.revoke(app, made["assertion"])).status
    else:
        await above.delete(f"/accounts/{world.customer}/applications/{app.id}")
        word, status = "invalid_client", 401
    refused(await desk.ask(app, JWT, assertion=made["assertion"]), word, status)


async def test_another_client_does_not_give_it_back(desk: Desk) -> None:
    """Giving back what is not one's own is a 200 that does nothing."""
    app, other = await desk.app(), await desk.app()
    made = await credential(desk, app)
    assert 200 == (await desk.revoke(other, made["assertion"])).status
    got(await desk.ask(app, JWT, assertion=made["assertion"]))


async def test_who_gets_none(desk: Desk) -> None:
    """Accounts, strangers, tokens that came by an application, and tokens that are restricted."""
    app = await desk.app()
    world, body = desk.world, {"client_id": app.id}
    tokens, own = await desk.login(app), got(await desk.ask(app, "client_credentials"))
    callers = [Client(world.app), Client(world.app, tokens["access_token"]), Client(world.app, own["access_token"])]
    account = await world.app.tenants.account(world.customer)
    user = await world.app.store.get(world.customer, "users", world.customer[:16] + "0" * 16)
    assert account is not None
    callers.append(Client(world.app, world.app.tokens.mint(account, user, "x", [{"_": [{"rules": {"#": ["_"]}}]}])))
    assert [401, 403, 403, 403] == [(await caller.post("/oauth/assertion", body)).status for caller in callers]


@pytest.mark.parametrize("body", [{}, {"client_id": "f" * 32}, {"client_id": 5}, {"client_id": None}])
async def test_for_which_application(desk: Desk, body: dict[str, Any]) -> None:
    """One that is there, that may get tokens so, and that the user can log in by."""
    client = await desk.world.client("customer")
    assert 400 == (await client.post("/oauth/assertion", body)).status
    for app in (await desk.app(grants=["password"]), await desk.app("department"), await desk.app("stranger")):
        response = await client.post("/oauth/assertion", {"client_id": app.id})
        assert (400, True) == (response.status, "not_found" in response.data["client_id"])


@pytest.mark.parametrize("ttl", [0, -1, "x", True, 1.5])
async def test_a_life_that_is_none(desk: Desk, ttl: Any) -> None:
    """It is a whole number of seconds; a longer one than there can be is cut."""
    app = await desk.app()
    client = await desk.world.client("customer")
    response = await client.post("/oauth/assertion", {"client_id": app.id, "ttl": ttl})
    assert (400, True) == (response.status, "ttl" in response.data)
    assert 31_536_000 == (await credential(desk, app, ttl=10**12))["expires_in"]


async def test_there_are_not_any_number(desk: Desk) -> None:
    """Beyond the limit there is a conflict, until one is ended."""
    app = await desk.app()
    made = [await credential(desk, app) for _ in range(3)]
    client = await desk.world.client("customer")
    assert 409 == (await client.post("/oauth/assertion", {"client_id": app.id})).status
    await client.delete(f"/oauth/assertion/{made[0]['id']}")
    await credential(desk, app)
