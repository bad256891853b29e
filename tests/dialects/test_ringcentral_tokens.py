"""Token requests and applications in RingCentral's conventions: the standard's errors and names, and no other ones."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.testing import Client, World

from .ringcentral_desk import Desk, desk_in

TOKEN = "/restapi/oauth/token"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of one test's own."""
    return await desk_in(world)


@pytest.mark.parametrize(
    ("path", "body", "content_type", "status", "code"),
    [
        pytest.param(TOKEN, b"a=1&a=2", FORM["content-type"], 400, "OAU-111", id="twice"),
        pytest.param(f"{TOKEN}?a=1", b"a=1", FORM["content-type"], 400, "CMN-105", id="a-query"),
        pytest.param(TOKEN, b"<x/>", "text/xml", 415, "CMN-407", id="another-type"),
        pytest.param(TOKEN, b"{", "application/json", 400, "CMN-103", id="no-json"),
        pytest.param("/restapi/oauth/revoke", b"a=1&a=2", FORM["content-type"], 400, "OAU-111", id="revoke"),
    ],
)
async def test_malformed_requests(
    world: World, path: str, body: bytes, content_type: str, status: int, code: str
) -> None:
    """They are what the standard calls them, beside the code."""
    answer = await Client(world.app, prefix="").request("POST", path, body=body, headers={"content-type": content_type})
    told = answer.json()
    assert (answer.status, told["error"], told["errorCode"]) == (status, "invalid_request", code)
    assert told["error_description"] == told["message"]


@pytest.mark.parametrize("action", ["token", "revoke"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_wrong_methods(world: World, method: str, action: str) -> None:
    """They are 405, for who has no token yet as well."""
    answer = await Client(world.app, prefix="").request(method, f"/restapi/oauth/{action}")
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS"), answer.body
    assert answer.json()["errorCode"] == "CMN-202"


async def test_an_application(desk: Desk) -> None:
    """Its names are those of everything here; what was shown once comes back and changes nothing."""
    sent = {"name": "App", "grants": ["password", "client_credentials", JWT]}
    made = await desk.made("/account/~/application", sent)
    assert made["clientId"] == made["id"]
    assert not [name for name in made if "_" in name]
    before = await desk.kept("applications", made["id"])
    answer = await desk.ask("PUT", f"/account/~/application/{made['id']}", made)
    assert answer.status == 200, answer.body
    assert await desk.kept("applications", made["id"]) == before
    secret = (await desk.ask("POST", f"/account/~/application/{made['id']}/secret")).json()
    assert set(secret) == {"clientId", "clientSecret"}
    await names_of_credentials(desk, made["id"])
    form = f"grant_type=client_credentials&client_id={made['id']}&client_secret={secret['clientSecret']}".encode()
    token = (await Client(desk.world.app, prefix="").request("POST", TOKEN, body=form, headers=FORM)).json()
    assert {"access_token", "token_type", "expires_in"} <= set(token)


async def names_of_credentials(desk: Desk, application: str) -> None:
    """A credential has names of this dialect too, when it is made and in the list."""
    credential = await desk.made("/restapi/oauth/assertion", {"clientId": application})
    [row] = (await desk.get("/restapi/oauth/assertion")).json()["records"]
    shown: Any = {**credential, **row}
    assert shown["clientId"] == application
    assert not [name for name in shown if "_" in name]


async def test_groups_of_requests(world: World) -> None:
    """What is counted is in a group that clients know, also where a path leads nowhere."""
    from crossbar import Settings
    from crossbar.testing import small_world

    limited = await small_world(settings=Settings())
    try:
        desk = await desk_in(limited)
        for path, group in (("/restapi", "light"), ("/restapi/v1.0", "light"), ("/nonsense", "medium")):
            assert (await desk.get(path)).headers["x-rate-limit-group"] == group, path
    finally:
        await limited.app.stop()
