"""Applications: what they can be, their secrets, and what becomes of their tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar import Query
from crossbar.testing import Client

from .oauth_desk import BACK, App, Desk, at_desk, got, refused


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk of the test's own."""
    async with at_desk() as made:
        yield made


async def office(desk: Desk, account: str = "customer") -> tuple[Client, str]:
    """The administrator of an account, and where its applications are."""
    return await desk.world.client(account), f"/accounts/{desk.world.id(account)}/applications"


async def test_an_application_lives(desk: Desk) -> None:
    """It is made, read, listed, replaced, patched and deleted; the client id is the id."""
    client, path = await office(desk)
    made = await client.put(path, {"name": "One", "redirect_uris": [BACK]})
    id = made.data["id"]
    assert (201, id, 64) == (made.status, made.data["client_id"], len(made.data["client_secret"]))
    assert ["authorization_code", "refresh_token"] == made.data["grants"]
    assert (f"{path}/{id}", "no-store") == (made.headers["location"][3:], made.headers["cache-control"])
    assert ["One"] == [row["name"] for row in (await client.get(path)).data]
    patched = await client.patch(f"{path}/{id}", {"scopes": ["Calls"]})
    replaced = await client.post(f"{path}/{id}", {"name": "Two", "grants": ["password"]})
    assert (["Calls"], "Two", []) == (patched.data["scopes"], replaced.data["name"], replaced.data["scopes"])
    assert [200, 404] == [(await ask(f"{path}/{id}")).status for ask in (client.delete, client.get)]
    assert not await desk.world.app.store.find(Query("", "clients", limit=10))


async def test_a_secret_is_shown_once(desk: Desk) -> None:
    """Neither a read, a listing nor a change shows it, and sending the first answer back stores none of it."""
    client, path = await office(desk)
    made = await client.put(path, {"name": "One", "grants": ["password"]})
    place, secret = f"{path}/{made.data['id']}", made.data["client_secret"]
    answers = [await client.post(place, made.data), await client.patch(place, made.data), await client.get(place)]
    answers += [
        await client.get(f"{path}?full_docs=true"),
        await client.get(f"{path}?accept=csv"),
        await client.delete(place),
    ]
    assert [200] * 6 == [each.status for each in answers]
    assert not any(secret.encode() in each.body or b"client_secret" in each.body for each in answers)


async def test_no_record_of_a_create_has_the_secret(desk: Desk) -> None:
    """An Idempotency-Key, by which answers are kept, keeps none of these."""
    client, path = await office(desk)
    body = {"name": "One", "grants": ["password"]}
    first, second = [await client.put(path, body, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert [201, 201] == [first.status, second.status]
    assert first.data["client_id"] != second.data["client_id"]
    assert not await desk.world.app.store.find(Query(desk.world.customer, "idempotency", limit=10))


async def test_another_secret(desk: Desk) -> None:
    """The new one is good, the old one is not; sessions go on."""
    app = await desk.app()
    tokens = await desk.login(app)
    client, path = await office(desk)
    made = await client.post(f"{path}/{app.id}/secret")
    assert (201, app.id) == (made.status, made.data["client_id"])
    assert made.data["client_secret"] != app.secret
    refused(await desk.refresh(app, tokens), "invalid_client", 401)
    got(await desk.refresh(App(app.id, made.data["client_secret"]), tokens))


async def test_a_public_one_has_no_secret(desk: Desk) -> None:
    """It gets none, it needs none, and a secret that is sent for it is a wrong one."""
    app = await desk.app(public=True)
    client, path = await office(desk)
    assert ("", 409) == (app.secret, (await client.post(f"{path}/{app.id}/secret")).status)
    await desk.login(app)
    refused(await desk.ask(App(app.id, "x"), "password"), "invalid_client", 401)


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({}, "name", "required"),
        ({"grants": []}, "grants", "minItems"),
        ({"grants": ["implicit"]}, "grants.0", "enum"),
        ({"grants": ["authorization_code"], "redirect_uris": []}, "redirect_uris", "required"),
        ({"grants": ["client_credentials"], "public": True}, "grants", "forbidden"),
        ({"scopes": ["a b"]}, "scopes.0", "pattern"),
        ({"redirect_uris": [BACK] * 2}, "redirect_uris", "uniqueItems"),
        ({"redirect_uris": [f"{BACK}{n}" for n in range(21)]}, "redirect_uris", "maxItems"),
        ({"shared": True}, "shared", "forbidden"),
    ],
)
async def test_what_is_no_application(desk: Desk, body: dict[str, Any], field: str, rule: str) -> None:
    """What breaks a rule is refused with field and rule."""
    client, path = await office(desk)
    response = await client.put(path, ({"name": "One", "redirect_uris": [BACK]} if body else {}) | body)
    assert 400 == response.status, response.body
    assert rule in response.data[field]


GOOD = [
    *("https://app.example.com", "https://app.example.com:8443/a/b?c=d&e=%2F", "http://127.0.0.1:8400/back"),
    *("http://[::1]:8400/back", "http://localhost/back", "com.example.app:/back", "com.example.app://back"),
]
BAD = [
    *("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "myapp:/back", "http://app.example.com/back"),
    *("https://app.example.com/#x", "/back", "//app.example.com/back", "https:", "https:///back", "HTTPS", "https://"),
    *("https://a b.example.com", "https://user:pw@app.example.com/", "https://user@app.example.com", 'https://x"y'),
    *(
        "https://x.example.com/\r\nset-cookie: a",
        "https://\u00e4.example.com",
        "https://x.example.com:99999/",
        "https://[x",
    ),
    *("https://x.example.com\\@evil.example.com", "https://x.example.com/<script>", "vbscript:x", "about:blank", "*"),
]


@pytest.mark.parametrize("uri", GOOD)
async def test_good_addresses(desk: Desk, uri: str) -> None:
    """Where codes may go: over TLS, within the machine, or to an app of its own."""
    await desk.app(redirect_uris=[uri])


@pytest.mark.parametrize("uri", BAD)
async def test_bad_addresses(desk: Desk, uri: str) -> None:
    """Where they may not go, the refusal names the address and the reason."""
    client, path = await office(desk)
    response = await client.put(path, {"name": "One", "redirect_uris": [BACK, uri]})
    assert 400 == response.status, response.body
    assert response.data["redirect_uris.1"]["forbidden"]["message"]


async def test_it_stays_public_or_not(desk: Desk) -> None:
    """A client that could keep a secret does not become one that cannot, nor the other way."""
    client, path = await office(desk)
    for app in (await desk.app(), await desk.app(public=True)):
        response = await client.patch(f"{path}/{app.id}", {"public": app.secret != ""})
        assert (400, True) == (response.status, "forbidden" in response.data["public"])


async def test_who_may_share(desk: Desk) -> None:
    """An administrator of the master account may; what is shared stays so when its own account changes it."""
    master, path = await desk.world.client("master"), f"/accounts/{desk.world.customer}/applications"
    made = await master.put(path, {"name": "One", "grants": ["password"], "shared": True})
    assert 201 == made.status, made.body
    client, _ = await office(desk)
    patched = await client.patch(f"{path}/{made.data['id']}", {"name": "Two"})
    assert (200, True) == (patched.status, patched.data["shared"])


async def test_who_may_see_them(desk: Desk) -> None:
    """Administrators of the account and those above; nobody else, and not a user."""
    app = await desk.app()
    path = f"/accounts/{desk.world.customer}/applications/{app.id}"
    seen = {
        name: (await (await desk.world.client(name)).get(path)).status for name in ("reseller", "customer", "stranger")
    }
    assert {"reseller": 200, "customer": 200, "stranger": 404} == seen
    await desk.user(username="ada")
    tokens = await desk.login(app, username="ada", password="difference-engine")
    user = Client(desk.world.app, tokens["access_token"])
    assert [403, 403] == [(await user.get(path)).status, (await user.post(f"{path}/secret")).status]
    assert 401 == (await Client(desk.world.app).get(path)).status


@pytest.mark.parametrize("how", ["disabled", "deleted", "account"])
async def test_tokens_end_with_their_application(desk: Desk, how: str) -> None:
    """All of them, at once, of users and of the application itself, and there are no more."""
    app = await desk.app("reseller")
    tokens = await desk.login(app, username="admin@customer.example.com")
    own = got(await desk.ask(app, "client_credentials"))
    assert [True, True] == [await desk.works(tokens), await desk.works(own)]
    above, place = await desk.world.client("master"), f"/accounts/{desk.world.reseller}"
    if how == "account":
        assert 200 == (await above.patch(place, {"enabled": False})).status
    elif how == "disabled":
        assert 200 == (await above.patch(f"{place}/applications/{app.id}", {"enabled": False})).status
    else:
        assert 200 == (await above.delete(f"{place}/applications/{app.id}")).status
    # NOTE: a user of an account below keeps the token that they have when the account above is disabled.
    assert [how == "account", False] == [await desk.works(tokens), await desk.works(own)]
    refused(await desk.refresh(app, tokens), "invalid_client", 401)
    refused(await desk.ask(app, "password"), "invalid_client", 401)


async def test_one_that_is_enabled_again(desk: Desk) -> None:
    """Tokens that have not ended otherwise are good again."""
    app = await desk.app()
    tokens = await desk.login(app)
    client, path = await office(desk)
    for enabled in (False, True):
        await client.patch(f"{path}/{app.id}", {"enabled": enabled})
        assert enabled is await desk.works(tokens)
    got(await desk.refresh(app, tokens))
