"""Two applications on one database: what one of them writes, the other one sees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from msgspec.structs import replace

from crossbar import Crossbar, Insert, Query
from crossbar.settings import MongoSettings
from crossbar.stores import Document
from crossbar.stores.mongo import MongoStore
from crossbar.testing import NOW, QUICK, Client, World, small_world
from tests.modules.tools import eventually

from .servers import Server, fresh_database

LAG = 0.2
SETTINGS = replace(QUICK, plugins={"webhooks": {"deliver": False, "allow_private": True}})


class Pair:
    """Two applications on one database; `at_once` says that they remember nothing of what others may change."""

    def __init__(self, one: World, two: World, *, at_once: bool) -> None:
        self.one, self.two = one, two
        self.at_once = at_once

    async def seen(self, question: Callable[[], Awaitable[bool]]) -> None:
        """See that something is so at once, or soon where things are remembered."""
        if self.at_once:
            assert await question()
        else:
            await eventually(question)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="module", params=[0, LAG], ids=["at once", "soon"])
async def pair(request: pytest.FixtureRequest, mongo_server: Server) -> AsyncIterator[Pair]:
    """Give two applications that remember things for so long."""
    seconds: float = request.param
    async with AsyncExitStack() as stack:
        uri = stack.enter_context(fresh_database(mongo_server))
        first, second = (MongoStore(uri, MongoSettings(cache_seconds=seconds)) for _ in range(2))
        one = await small_world(first, SETTINGS)
        stack.push_async_callback(one.app.stop)
        other = Crossbar(SETTINGS, store=second)
        await other.start()
        stack.push_async_callback(other.stop)
        yield Pair(one, World(other), at_once=not seconds)


async def asked_by(pair: Pair) -> tuple[Client, Client]:
    """A client of each application, with one token, which both of them have seen."""
    one = await pair.one.client("customer")
    two = Client(pair.two.app, one.token)
    for client in (one, two):
        assert 200 == (await client.get("/account/devices")).status
    return one, two


async def test_documents(pair: Pair) -> None:
    """A document that one makes, the other finds, changes and takes away; nothing of that waits for anything."""
    one, two = await asked_by(pair)
    made = (await one.put("/account/devices", {"name": "Desk"})).data["id"]
    assert [made] == [row["id"] for row in (await two.get("/account/devices")).data]
    tag = (await two.get(f"/account/devices/{made}")).headers["etag"]
    changed = await two.request("PATCH", f"/account/devices/{made}", {"name": "Hall"}, headers={"if-match": tag})
    assert ("Hall", 412) == (
        changed.data["name"],
        (await one.request("PATCH", f"/account/devices/{made}", {"name": "x"}, headers={"if-match": tag})).status,
    )
    assert 200 == (await one.delete(f"/account/devices/{made}")).status
    assert 404 == (await two.get(f"/account/devices/{made}")).status


async def test_a_create_that_is_sent_to_both(pair: Pair) -> None:
    """With one `Idempotency-Key` it happens once."""
    one, two = await asked_by(pair)
    key = {"idempotency-key": "both"}
    first = await one.request("PUT", "/account/devices", {"name": "Once"}, headers=key)
    again = await two.request("PUT", "/account/devices", {"name": "Once"}, headers=key)
    assert (201, "true") == (again.status, again.headers["idempotency-replayed"])
    assert first.data["id"] == again.data["id"]


async def test_a_token_that_is_revoked(pair: Pair) -> None:
    """It is no good in the other application either."""
    one, two = await asked_by(pair)
    assert 200 == (await one.delete("/token_auth")).status
    assert 401 == (await one.get("/account/devices")).status

    async def refused() -> bool:
        return 401 == (await two.get("/account/devices")).status

    await pair.seen(refused)


async def test_a_user_who_is_no_administrator_any_more(pair: Pair) -> None:
    """What they may not do, they may not do in the other application."""
    account = pair.one.customer
    boss = await pair.one.client("customer")
    made = await boss.put("/account/users", {"first_name": "A", "last_name": "B", "priv_level": "admin"})
    user = await pair.one.app.store.get(account, "users", made.data["id"])
    owner = await pair.one.app.tenants.account(account)
    assert owner is not None
    two = Client(pair.two.app, pair.two.app.tokens.mint(owner, user, "cb_user_auth"))
    assert 200 == (await two.get(f"/accounts/{account}/api_key")).status
    await boss.request("PATCH", f"/account/users/{made.data['id']}", {"priv_level": "user"})

    async def refused() -> bool:
        return 403 == (await two.get(f"/accounts/{account}/api_key")).status

    await pair.seen(refused)


async def test_a_new_account(pair: Pair) -> None:
    """Its parent enters it through the other application, and nobody else does."""
    one, two = await asked_by(pair)
    made = (await one.put("/account", {"name": f"Branch {pair.at_once}"})).data["id"]
    assert 200 == (await two.get(f"/accounts/{made}/devices")).status
    stranger = await pair.two.client("stranger")
    assert 404 == (await stranger.get(f"/accounts/{made}/devices")).status
    assert 200 == (await two.delete(f"/accounts/{made}")).status

    async def gone() -> bool:
        return 404 == (await one.get(f"/accounts/{made}/devices")).status

    await pair.seen(gone)


async def test_a_webhook(pair: Pair) -> None:
    """What the other application writes is told to a webhook that was made through this one."""
    one, two = await asked_by(pair)
    hook = {"name": "Hook", "uri": "http://192.0.2.1/", "hook": "object", "http_verb": "post"}
    assert 201 == (await one.put("/account/webhooks", hook)).status
    store = pair.one.app.store

    async def told() -> bool:
        made = (await two.put("/account/devices", {"name": "x"})).data["id"]
        waiting = await store.find(Query("", "webhook_deliveries", limit=1000))
        return any(made in each.body.decode() for each in waiting)

    await pair.seen(told)


async def test_what_is_written_past_the_applications(pair: Pair) -> None:
    """A document that an importer puts there is served by both."""
    one, two = await asked_by(pair)
    await pair.one.app.store.write([Insert(Document.of(pair.one.customer, "devices", "d" * 32, {"name": "x"}, NOW))])
    for client in (one, two):
        assert "x" == (await client.get(f"/account/devices/{'d' * 32}")).data["name"]
