"""How many commands requests cost: each of them is a way to the server and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from crossbar.settings import MongoSettings
from crossbar.stores import Kind, Query
from crossbar.stores.mongo import MongoStore
from crossbar.testing import Client, World, small_world
from tests.modules.tools import settings

from .listening import Commands

STAMP = "find d_webhook_stamps"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


class Costs:
    """A client of an application on MongoDB, and what it has the store send."""

    def __init__(self, world: World, client: Client, commands: Commands) -> None:
        self._world = world
        self._client = client
        self._commands = commands
        self.of = f"/accounts/{world.customer}"

    async def ask(self, method: str, path: str, data: dict[str, Any] | None = None) -> tuple[str, list[str]]:
        """The id of what is answered, and the commands on documents that it took, in their order."""
        before = len([*self._commands])
        answer = await self._client.request(method, f"{self.of}/{path}", data)
        assert answer.status < 300, answer
        sent = [f"{each.name} {each.collection}" for each in [*self._commands][before:]]
        return answer.data["id"] if isinstance(answer.data, dict) else "", [each for each in sent if " d_" in each]


@pytest.fixture
async def costs(mongo_database: str, commands: Commands) -> Any:
    """Give a client for whom everything that is remembered was asked for, and does not grow old."""
    store = MongoStore(mongo_database, MongoSettings())
    store.lag = 3600.0
    world = await small_world(store, settings(deliver=False))
    costs = Costs(world, await world.client("customer"), commands)
    await costs.ask("PUT", "devices", {"name": "first"})
    yield costs
    await world.app.stop()


async def test_requests_while_devices_are_written(costs: Costs) -> None:
    """Who asks was looked up before, and is not looked up again because somebody writes something else.

    What is limited and who listens is asked for with each change, since another process may have said so just now.
    """
    limited = ["find d_limits", STAMP]
    id, sent = await costs.ask("PUT", "devices", {"name": "Hall"})
    assert [*limited, "insert d_devices"] == sent
    assert ["find d_devices"] == (await costs.ask("GET", f"devices/{id}"))[1]
    assert ["find d_devices"] == (await costs.ask("GET", "devices"))[1]
    assert ["find d_devices", STAMP, "update d_devices"] == (await costs.ask("PATCH", f"devices/{id}", {"name": "x"}))[
        1
    ]
    assert ["find d_devices", STAMP, "update d_devices"] == (await costs.ask("DELETE", f"devices/{id}"))[1]
    assert [STAMP, "insert d_menus"] == (await costs.ask("PUT", "menus", {"name": "Menu"}))[1]


async def test_requests_after_a_user_was_written(costs: Costs) -> None:
    """The user and the revocation of the token are looked up again, at the next request and not after that."""
    await costs.ask("PUT", "users", {"first_name": "Ada", "last_name": "Byron"})
    known = (await costs.ask("GET", "devices"))[1]
    assert (["find d_devices", "find d_revoked_tokens", "find d_users"], "find d_devices") == (sorted(known), known[-1])
    assert ["find d_devices"] == (await costs.ask("GET", "devices"))[1]


async def test_which_member_is_asked(mongo_database: str, commands: Commands) -> None:
    """Listings and counts may come from any; what the server looks up for itself comes from the primary."""
    store = MongoStore(mongo_database, MongoSettings(read_preference="secondaryPreferred"))
    await store.open([Kind("notes")])
    asked: dict[str, set[str]] = {}
    query = Query("acme", "notes")
    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "page": lambda: store.page(query),
        "count": lambda: store.count(query),
        "find": lambda: store.find(query),
        "get": lambda: store.get("acme", "notes", "n1"),
    }
    for name, ask in questions.items():
        before = len([*commands])
        await ask()
        sent = [each.whole for each in [*commands][before:] if each.collection == "d_notes"]
        assert sent
        asked[name] = {each.get("$readPreference", {}).get("mode", "primary") for each in sent}
    anywhere, primary = {"secondaryPreferred"}, {"primary"}
    assert {"page": anywhere, "count": anywhere, "find": primary, "get": primary} == asked
    await store.close()
