"""What a login brings along narrows and never widens, and what is malformed opens no door."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from crossbar import Context, Document, Insert, Principal, Restrictions
from crossbar.testing import Client, World, small_world

from .restricting import MD5, READ, Echo, everyone, login, restrict, status


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An application of the test's own."""
    made = await small_world(endpoints=[Echo()])
    yield made
    await made.app.stop()


async def test_a_login_may_narrow(world: World) -> None:
    """Restrictions of the login and of the account must both allow, whichever is the narrower one."""
    echo = {"echo": [{"rules": {"#": ["_"]}}]}
    client = await login(world, restrictions=READ)
    assert [200, 403] == [await status(client, method, "/account/echo") for method in ("GET", "PUT")]
    await restrict(world, everyone(READ))
    both = await login(world, restrictions=echo)
    asked = [("GET", "/account/echo"), ("PUT", "/account/echo"), ("GET", "/account/about")]
    assert [200, 403, 403] == [await status(both, *each) for each in asked]
    wider = await login(world, restrictions={"_": [{"rules": {"#": ["_"]}}]})
    assert 403 == await status(wider, "PUT", "/account/echo")


@pytest.mark.parametrize(
    "restrictions",
    [
        [],
        "_",
        {"Echo": []},
        {"echo": {}},
        {"echo": [{}]},
        {"echo": [{"rules": {"/": ["TRACE"]}}]},
        {"echo": [{"rules": {"a//b": ["GET"]}}]},
        {"echo": [{"rules": {f"{number:0200d}": ["GET"] for number in range(50)}}]},
    ],
)
@pytest.mark.parametrize("noun", ["user_auth", "api_auth"])
async def test_a_login_with_bad_ones(world: World, noun: str, restrictions: Any) -> None:
    """It is refused, with the field, and there is no token that is good for more."""
    key = (await (await world.client("customer")).get(f"/accounts/{world.customer}/api_key")).data["api_key"]
    body = {"credentials": MD5, "account_id": world.customer} if noun == "user_auth" else {"api_key": key}
    response = await Client(world.app).put(f"/{noun}", body | {"restrictions": restrictions})
    assert (400, False) == (response.status, "auth_token" in response.json())
    assert all(name.startswith("restrictions") for name in response.data), response.data


BROKEN: list[Any] = [None, [], "_", {"_": []}, {"_": {"_": {"_": [{"rules": {"/": "GET"}}]}}}, {"cb_x": {"owner": {}}}]


@pytest.mark.parametrize("template", BROKEN)
async def test_a_malformed_template_closes_the_door(world: World, template: Any) -> None:
    """What somebody has put into the store by another way lets nobody log in, and says who can mend it."""
    name = "token_restrictions"
    body = {"restrictions": template}
    await world.app.store.write([Insert(Document.of(world.customer, name, name, body, 0))])
    response = await Client(world.app).put("/user_auth", {"credentials": MD5, "account_id": world.customer})
    assert (403, False) == (response.status, "auth_token" in response.json())
    assert "an administrator of an account above it must store them again" in response.data["message"]
    field = b64encode(f"{world.customer}:{hashlib.md5(b'admin:crossbar').hexdigest()}".encode()).decode()
    basic = Client(world.app, headers={"authorization": f"Basic {field}"})
    assert 403 == (await basic.get("/account/about")).status
    above = await login(world, "reseller")
    path = f"/accounts/{world.customer}/token_restrictions"
    assert 200 == (await above.post(path, {"restrictions": everyone(READ)})).status
    assert 200 == await status(await login(world), "GET", "/account/about")


async def test_a_wrong_password_is_not_told_of_restrictions(world: World) -> None:
    """Who is not known learns nothing of templates, nor whether what they brought along is any good."""
    name = "token_restrictions"
    await world.app.store.write([Insert(Document.of(world.customer, name, name, {"restrictions": None}, 0))])
    body = {"credentials": "0" * 32, "account_id": world.customer}
    assert 401 == (await Client(world.app).put("/user_auth", body)).status


@pytest.mark.parametrize("claim", [[None], [1], ["_"], [{"echo": 1}], "x", 5, {"_": []}])
async def test_a_claim_that_nobody_can_read(world: World, claim: Any) -> None:
    """A token with a claim of another form, whoever has signed it with our key, is no token."""
    account = await world.app.tenants.account(world.customer)
    assert account is not None
    token = world.app.tokens.mint(account, None, "cb_api_auth", ["x"])
    claims = jwt.decode(token, options={"verify_signature": False}) | {"restrictions": claim}
    forged = jwt.encode(claims, world.app.tokens._key, algorithm="HS256", headers={"kid": "crossbar"})
    assert 401 == (await Client(world.app, forged).get("/account/about")).status


async def test_a_host_may_restrict(world: World) -> None:
    """A principal that a host makes may carry restrictions of its own."""

    async def known(ctx: Context) -> Principal | None:
        return Principal(world.customer, method="host", restrictions=Restrictions(READ))

    hosted = await small_world(endpoints=[Echo()], authenticators=[known])
    client = Client(hosted.app)
    assert [200, 403] == [await status(client, method, "/account/echo") for method in ("GET", "PUT")]
    await hosted.app.stop()
