"""The grant `password`: the ways to name a user, who is within reach, and what is told of a login that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator

import jwt
import pytest

from crossbar.testing import Client

from .oauth_desk import LOGIN, App, Desk, at_desk, got, refused


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk of the test's own."""
    async with at_desk() as made:
        yield made


def account_of(token: str) -> str:
    """The account that a token is for."""
    return str(jwt.decode(token, options={"verify_signature": False})["account_id"])


EXTENSION = {"username": "ada", "number": "101", "password": "difference-engine"}


async def test_ways_to_name_a_user(desk: Desk) -> None:
    """By name, with the account's name or realm, and by the extension beside or behind the account."""
    app = await desk.app()
    user = await desk.user(**EXTENSION)
    client = await desk.world.client("customer")
    assert 200 == (await client.patch(f"/accounts/{desk.world.customer}", {"prefix": "1844"})).status
    names = ["ada", " Ada ", "ada@customer", "ada@Cust Omer", "ada@customer.example.com", "ADA@CUSTOMER.example.com"]
    names += [
        "customer*101",
        "1844*101",
        "customer.example.com*101",
        f"{desk.world.customer}*101",
        "*101",
        "nobody*101",
    ]
    ways = [{"username": name} for name in names]
    ways += [{"username": name, "extension": "101"} for name in ("customer", "1844", desk.world.customer, "", "+1555")]
    ways.append({"username": "1844", "extension": 101})  # type: ignore[dict-item]
    for way in ways:
        response = await desk.ask(app, "password", password=EXTENSION["password"], **way)
        assert (200, user["id"]) == (response.status, response.data.get("owner_id")), (way, response.body)


async def test_names_with_an_at(desk: Desk) -> None:
    """A user name may be a mail address, also one at the realm of its own account or of another."""
    app = await desk.app("reseller")
    secret = {"password": "difference-engine"}
    for account, name in (
        ("reseller", "ada@example.org"),
        ("reseller", "bob@reseller.example.com"),
        ("reseller", "eve@customer.example.com"),
        ("customer", "dan@customer.example.com"),
    ):
        user = await desk.user(account, username=name, **secret)
        assert user["id"] == (await desk.login(app, username=name, **secret))["owner_id"], name
    below = await desk.user("customer", username="eve", **secret)
    assert below["id"] == (await desk.login(app, username="eve@customer", **secret))["owner_id"]


async def test_who_is_within_reach(desk: Desk) -> None:
    """Users of the application's account and below; a shared one reaches everybody."""
    app = await desk.app("customer")
    master = await desk.world.client("master")
    made = await master.put(
        f"/accounts/{desk.world.customer}/applications", {"name": "All", "grants": ["password"], "shared": True}
    )
    shared = App(made.data["client_id"], made.data["client_secret"])
    await desk.user("stranger", username="sue", number="7", password="difference-engine")
    for name, reached in (("admin@department", True), ("admin@stranger", False), ("admin@reseller", False)):
        answer = await desk.ask(app, "password", username=name, password="crossbar")
        assert [200 if reached else 400, 200] == [
            answer.status,
            (await desk.ask(shared, "password", username=name, password="crossbar")).status,
        ]
    asked = {"username": "stranger", "extension": "7", "password": "difference-engine"}
    refused(await desk.ask(app, "password", **asked), "invalid_grant")
    assert desk.world.stranger == account_of(got(await desk.ask(shared, "password", **asked))["access_token"])


async def test_a_stranger_does_not_hide_an_account(desk: Desk) -> None:
    """Who calls their account's realm as another account is called keeps nobody of that one out."""
    app = await desk.app("customer")
    stranger = await desk.world.client("stranger")
    assert 200 == (await stranger.patch(f"/accounts/{desk.world.stranger}", {"realm": "department"})).status
    tokens = await desk.login(app, username="admin@department")
    assert desk.world.department == account_of(tokens["access_token"])


async def test_wrong_logins_look_alike(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong password, unknown user, number or account, disabled user: the same words, and one hash each."""
    app = await desk.app()
    await desk.user(username="off", number="102", password="difference-engine", enabled=False)
    hasher = desk.world.app.hasher
    hashed, digest = [], hasher.digest_now

    def noted(credentials: str, account_id: str) -> str:
        hashed.append(credentials)
        return digest(credentials, account_id)

    monkeypatch.setattr(hasher, "digest_now", noted)
    ways = [("admin", "wrong"), ("nobody", "crossbar"), ("admin@nowhere", "crossbar"), ("admin@stranger", "crossbar")]
    ways += [
        ("off", "difference-engine"),
        ("*102", "difference-engine"),
        ("*999", "crossbar"),
        ("customer*1", "crossbar"),
    ]
    told = []
    for username, password in ways:
        answer = await desk.ask(app, "password", username=username, password=password)
        refused(answer, "invalid_grant")
        told.append(str(answer.json()["data"]))
    assert (1, len(ways)) == (len(set(told)), len(hashed))


async def test_failures_are_counted() -> None:
    """Wrong passwords close the account, wrong secrets the address; then there is a 429 and no hash."""
    async with at_desk(failures=3) as desk:
        app = await desk.app()
        statuses = [(await desk.ask(app, "password", username="admin", password="wrong")).status for _ in range(4)]
        answer = await desk.ask(app, "password", **LOGIN)
        assert ([400] * 3 + [429], 429, "900") == (statuses, answer.status, answer.headers["retry-after"])
        desk.clock.now += 900
        got(await desk.ask(app, "password", **LOGIN))
        wrong = App(app.id, "x")
        assert [401] * 3 + [429] == [(await desk.ask(wrong, "client_credentials")).status for _ in range(4)]
        desk.clock.now += 900
        got(await desk.ask(app, "client_credentials"))


async def test_restrictions_hold(desk: Desk) -> None:
    """What an account puts on a way of logging in is in the token, and in those that follow from it."""
    app = await desk.app()
    client = await desk.world.client("customer")
    rules = {"oauth_password": {"_": {"about": [{"rules": {"#": ["GET"]}}]}}, "oauth_client_credentials": {"_": {}}}
    assert 200 == (await client.post("/account/token_restrictions", {"restrictions": rules})).status
    tokens = await desk.login(app)
    for _ in range(2):
        caller = Client(desk.world.app, tokens["access_token"])
        assert [200, 403] == [(await caller.get(f"/account/{noun}")).status for noun in ("about", "devices")]
        tokens = got(await desk.refresh(app, tokens))
    own = got(await desk.ask(app, "client_credentials"))
    assert 403 == (await Client(desk.world.app, own["access_token"]).get("/account/about")).status
